package writer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// graphFlow is the flow of the graphs below.
var graphFlow = messages.FlowID{0: 0xf4, 6: 0x40, 8: 0x80}

// graph builds a flow of n executions and an edge for each pair.
func (m *machine) graph(n byte, edges ...[2]byte) {
	m.t.Helper()
	m.must(messages.CreateFlowArgs{FlowID: graphFlow, Namespace: "default"})
	for i := range n {
		m.must(create(i))
		m.must(messages.AddExecutionToFlowArgs{FlowID: graphFlow, ExecutionID: create(i).ExecutionID})
	}
	for i, ends := range edges {
		edge := messages.EdgeID{0: 0xed, 6: 0x40, 8: 0x80, 15: byte(i)}
		upstream, downstream := create(ends[0]).ExecutionID, create(ends[1]).ExecutionID
		m.must(messages.StageDependencyEdgeArgs{
			FlowID: graphFlow, EdgeID: edge, UpstreamExecutionID: upstream, DownstreamExecutionID: downstream,
			ExpectedGraphRevision: uint64(n) + uint64(i),
		})
		m.must(messages.ApplyDependencyToChildArgs{
			FlowID: graphFlow, EdgeID: edge, UpstreamExecutionID: upstream, DownstreamExecutionID: downstream,
		})
	}
}

// chain is a graph of n executions, each of which depends on the one before it.
func (m *machine) chain(n byte) {
	m.t.Helper()
	var edges [][2]byte
	for i := range n - 1 {
		edges = append(edges, [2]byte{i, i + 1})
	}
	m.graph(n, edges...)
}

// fanOut is a graph in which n executions depend on the first.
func (m *machine) fanOut(n byte) {
	m.t.Helper()
	var edges [][2]byte
	for i := range n {
		edges = append(edges, [2]byte{0, i + 1})
	}
	m.graph(n+1, edges...)
}

func TestSpec04_S27_ACrashBeforeTheHopIsRecovered(t *testing.T) {
	m := newMachine(t)
	m.chain(2)
	first := m.claimed()
	require.NoError(t, m.Begin())
	require.NoError(t, m.Apply(m.now, messages.CompleteArgs{Handle: first}).Err)
	_, err := m.Commit()
	require.NoError(t, err)
	require.Equal(t, []string{"blocked_by_dependencies"},
		m.query("SELECT eligibility_state FROM ff_exec_core WHERE lifecycle_phase = 'runnable'"))

	m.restart() // The process has died between the commit and the hop.
	require.True(t, m.HasHops())
	require.NoError(t, m.Recover(m.now))
	require.Equal(t, []string{"eligible_now"},
		m.query("SELECT eligibility_state FROM ff_exec_core WHERE lifecycle_phase = 'runnable'"))
	require.Empty(t, m.query("SELECT event_id FROM ff_completion_event WHERE dispatched_at_ms IS NULL"))
}

func TestSpec04_S29_AFailingHopIsTriedAgainAndThenLeft(t *testing.T) {
	m := newMachine(t)
	m.chain(2)
	first := m.claimed()
	require.NoError(t, m.conn.Exec(`CREATE TRIGGER refuse BEFORE UPDATE OF resolved_at_ms ON ff_edge
		BEGIN SELECT RAISE(ABORT, 'refused'); END`))
	m.must(messages.CompleteArgs{Handle: first}) // apply runs hops until none is left.
	require.False(t, m.HasHops())
	require.Len(t, m.query("SELECT event_id FROM ff_completion_event WHERE dispatched_at_ms IS NULL"), 1)
	require.Equal(t, []string{"completed", "waiting_children"},
		m.query("SELECT public_state FROM ff_exec_core ORDER BY execution_id"))

	require.NoError(t, m.conn.Exec("DROP TRIGGER refuse"))
	m.restart()
	require.NoError(t, m.Recover(m.now))
	require.Equal(t, []string{"completed", "waiting"},
		m.query("SELECT public_state FROM ff_exec_core ORDER BY execution_id"))
}

func TestSpec04_S28_ACrashAfterTheFirstHopOfAChainIsRecovered(t *testing.T) {
	m := newMachine(t)
	m.chain(3)
	handle := m.claimed()
	m.commitWith(messages.FailArgs{Handle: handle, Class: messages.FailurePermanent}, 1)
	require.Equal(t, []string{"failed", "skipped", "waiting_children"},
		m.query("SELECT public_state FROM ff_exec_core ORDER BY execution_id"))
	require.Len(t, m.query("SELECT event_id FROM ff_completion_event WHERE dispatched_at_ms IS NULL"), 1)

	m.restart()
	require.NoError(t, m.Recover(m.now))
	require.Equal(t, []string{"failed", "skipped", "skipped"},
		m.query("SELECT public_state FROM ff_exec_core ORDER BY execution_id"))
	require.Empty(t, m.query("SELECT event_id FROM ff_completion_event WHERE dispatched_at_ms IS NULL"))
}
