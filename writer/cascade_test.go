package writer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// chain builds a flow of n executions, each of which depends on the one before it, and claims the first.
func (m *machine) chain(n byte) (first messages.Handle) {
	m.t.Helper()
	flow := messages.FlowID{0: 0xf4, 6: 0x40, 8: 0x80}
	m.must(messages.CreateFlowArgs{FlowID: flow, Namespace: "default"})
	for i := range n {
		m.must(create(i))
		m.must(messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: create(i).ExecutionID})
	}
	for i := range n - 1 {
		edge := messages.EdgeID{0: 0xed, 6: 0x40, 8: 0x80, 15: i}
		upstream, downstream := create(i).ExecutionID, create(i+1).ExecutionID
		m.must(messages.StageDependencyEdgeArgs{
			FlowID: flow, EdgeID: edge, UpstreamExecutionID: upstream, DownstreamExecutionID: downstream,
			ExpectedGraphRevision: uint64(n) + uint64(i),
		})
		m.must(messages.ApplyDependencyToChildArgs{
			FlowID: flow, EdgeID: edge, UpstreamExecutionID: upstream, DownstreamExecutionID: downstream,
		})
	}
	return m.claimed()
}

func TestSpec04_S27_ACrashBeforeTheHopIsRecovered(t *testing.T) {
	m := newMachine(t)
	first := m.chain(2)
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
	first := m.chain(2)
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
	handle := m.chain(3)
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
