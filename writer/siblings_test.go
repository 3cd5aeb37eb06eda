package writer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// fanIn is a graph in which the last of n+1 executions depends on all others, under the policy; none is claimed.
func (m *machine) fanIn(n byte, policy messages.EdgeDependencyPolicy) {
	m.t.Helper()
	child := create(n).ExecutionID
	m.must(messages.CreateFlowArgs{FlowID: graphFlow, Namespace: "default"})
	m.must(messages.SetEdgeGroupPolicyArgs{FlowID: graphFlow, DownstreamExecutionID: child, Policy: policy})
	var edges [][2]byte
	for i := range n {
		edges = append(edges, [2]byte{i, n})
	}
	m.graph(n+1, edges...)
}

// commitWith commits one message and n hops of the cascade, as a process does that dies then.
func (m *machine) commitWith(message messages.Mutation, n int) {
	m.t.Helper()
	require.NoError(m.t, m.Begin())
	require.NoError(m.t, m.Apply(m.now, message).Err)
	for range n {
		m.Hop(m.now)
	}
	_, err := m.Commit()
	require.NoError(m.t, err)
}

const publicStates = "SELECT public_state || ' ' || count(*) FROM ff_exec_core GROUP BY public_state ORDER BY public_state"

func TestSpec04_S52_ACrashBetweenFlagAndDrainIsRecovered(t *testing.T) {
	m := newMachine(t)
	m.fanIn(5, messages.EdgeDependencyPolicy{Kind: messages.AnyOf, OnSatisfied: messages.CancelRemaining})
	m.commitWith(messages.CompleteArgs{Handle: m.claimed()}, 1)
	require.Equal(t, []string{"completed 1", "waiting 5"}, m.query(publicStates))
	require.Equal(t, []string{"1 4"}, m.query(
		"SELECT cancel_siblings_pending_flag || ' ' || json_array_length(cancel_siblings_pending_members) FROM ff_edge_group"))
	require.Len(t, m.query("SELECT flow_id FROM ff_pending_cancel_groups"), 1)

	m.restart()
	require.True(t, m.HasHops())
	require.NoError(t, m.Recover(m.now))
	require.Equal(t, []string{"cancelled 4", "completed 1", "waiting 1"}, m.query(publicStates))
	require.Equal(t, []string{"0 []"}, m.query(
		"SELECT cancel_siblings_pending_flag || ' ' || cancel_siblings_pending_members FROM ff_edge_group"))
	require.Empty(t, m.query("SELECT flow_id FROM ff_pending_cancel_groups"))
	require.Equal(t, []string{"1 4 0 0"}, m.query(
		"SELECT success_count || ' ' || fail_count || ' ' || skip_count || ' ' || running_count FROM ff_edge_group"))
}

func TestDrain_ACrashInTheMiddleOfALargeGroup(t *testing.T) {
	m := newMachine(t)
	m.fanIn(150, messages.EdgeDependencyPolicy{Kind: messages.AnyOf, OnSatisfied: messages.CancelRemaining})
	m.commitWith(messages.CompleteArgs{Handle: m.claimed()}, 2) // The dispatch, and the first part of the drain.
	require.Equal(t, []string{"cancelled 64", "completed 1", "waiting 86"}, m.query(publicStates))
	require.Equal(t, []string{"85"}, m.query("SELECT json_array_length(cancel_siblings_pending_members) FROM ff_edge_group"))
	m.restart()
	require.NoError(t, m.Recover(m.now))
	require.Equal(t, []string{"cancelled 149", "completed 1", "waiting 1"}, m.query(publicStates))
	require.Len(t, m.query("SELECT event_id FROM ff_completion_event WHERE outcome = 'cancelled'"), 149)
}

func TestDrain_AnUnreadableListIsLeft(t *testing.T) {
	m := newMachine(t)
	m.fanIn(3, messages.EdgeDependencyPolicy{Kind: messages.AnyOf, OnSatisfied: messages.CancelRemaining})
	m.commitWith(messages.CompleteArgs{Handle: m.claimed()}, 1)
	require.NoError(t, m.conn.Exec("UPDATE ff_edge_group SET cancel_siblings_pending_members = 'x'"))
	require.NoError(t, m.Recover(m.now))
	require.False(t, m.HasHops())
	require.Equal(t, []string{"completed 1", "waiting 3"}, m.query(publicStates))
	require.Len(t, m.query("SELECT flow_id FROM ff_pending_cancel_groups"), 1)
}
