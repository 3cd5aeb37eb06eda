package writer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// pair builds a flow in which the second execution depends on the first, and claims the first.
func (m *machine) pair() (first messages.Handle, second messages.ExecutionID) {
	m.t.Helper()
	flow := messages.NewFlowID()
	m.must(messages.CreateFlowArgs{FlowID: flow, Namespace: "default"})
	for n := range byte(2) {
		m.must(create(n + 1))
		m.must(messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: create(n + 1).ExecutionID})
	}
	edge := messages.NewEdgeID()
	upstream, downstream := create(1).ExecutionID, create(2).ExecutionID
	m.must(messages.StageDependencyEdgeArgs{
		FlowID: flow, EdgeID: edge, UpstreamExecutionID: upstream, DownstreamExecutionID: downstream, ExpectedGraphRevision: 2,
	})
	m.must(messages.ApplyDependencyToChildArgs{
		FlowID: flow, EdgeID: edge, UpstreamExecutionID: upstream, DownstreamExecutionID: downstream,
	})
	return m.claimed(), downstream
}

func TestSpec04_S27_ACrashBeforeTheHopIsRecovered(t *testing.T) {
	m := newMachine(t)
	first, _ := m.pair()
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
	first, _ := m.pair()
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
