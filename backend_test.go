package ffsqlite_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// The founding test: the scenarios that the producer's and the worker's side were first pinned with, row by row.

func TestSpec03_S01_Spec04_S01_CreateExecutionSeedsTheRowAndRepeatsAsDuplicate(t *testing.T) {
	e := open(t)
	id := newID()
	policy := messages.NewExecutionPolicy()
	policy.RoutingRequirements = &messages.RoutingRequirements{RequiredCapabilities: []string{"capA", "capB"}}
	create := args(id, func(a *messages.CreateExecutionArgs) { a.Policy, a.Now = policy, 1000 })

	result, err := e.CreateExecution(t.Context(), create)
	require.NoError(t, err)
	require.Equal(t, messages.CreateExecutionResult{
		Outcome: messages.CreateCreated, ExecutionID: id, PublicState: messages.PublicWaiting,
	}, result)

	require.Equal(t, "submitted unowned eligible_now waiting pending waiting_for_worker", e.vector(id))
	require.Equal(t, "0", e.column(id, "attempt_index"))
	require.Equal(t, "1000", e.column(id, "created_at_ms"))
	require.Equal(t, "NULL", e.column(id, "flow_id"))
	require.Equal(t, "hello", e.column(id, "payload"))
	require.Equal(t, "1000", e.raw(id, "last_mutation_at"))
	require.Equal(t, "0", e.raw(id, "total_attempt_count"))
	require.Equal(t, "{}", e.raw(id, "tags"))
	uuid := id.UUID()
	const capabilities = `
		SELECT group_concat(capability, ',' ORDER BY capability) FROM ff_execution_capabilities WHERE execution_id = ?`
	require.Equal(t, "capA,capB", e.sql.Text(capabilities, uuid[:]))
	require.Equal(t, "default create_execution 1000", e.sql.Text(
		"SELECT lane_id || ' ' || registered_by || ' ' || registered_at_ms FROM ff_lane_registry"))

	again, err := e.CreateExecution(t.Context(), create)
	require.NoError(t, err)
	require.Equal(t, messages.CreateExecutionResult{Outcome: messages.CreateDuplicate, ExecutionID: id}, again)
	require.Equal(t, int64(1), e.sql.Int("SELECT count(*) FROM ff_exec_core"))
	require.Equal(t, "capA,capB", e.sql.Text(capabilities, uuid[:]))
	require.Equal(t, int64(1), e.sql.Int("SELECT count(*) FROM ff_lane_registry"))
}

func TestSpec04_S02_CreateFlowIsIdempotent(t *testing.T) {
	e := open(t)
	flow := messages.NewFlowID()
	create := messages.CreateFlowArgs{FlowID: flow, FlowKind: "dag", Namespace: namespace, Now: 100}

	result, err := e.CreateFlow(t.Context(), create)
	require.NoError(t, err)
	require.Equal(t, messages.CreateFlowResult{Outcome: messages.CreateFlowCreated, FlowID: flow}, result)

	result, err = e.CreateFlow(t.Context(), create)
	require.NoError(t, err)
	require.Equal(t, messages.CreateFlowResult{Outcome: messages.CreateFlowAlreadySatisfied, FlowID: flow}, result)
	require.Equal(t, "open 0 100", e.sql.Text(
		"SELECT public_flow_state || ' ' || graph_revision || ' ' || created_at_ms FROM ff_flow_core WHERE flow_id = ?", flow[:]))
}

func TestSpec04_S03_S04_S05_S06_AFlowIsBuiltAndCancelled(t *testing.T) {
	e := open(t)
	flow := messages.NewFlowID()
	_, err := e.CreateFlow(t.Context(), messages.CreateFlowArgs{FlowID: flow, FlowKind: "dag", Namespace: namespace})
	require.NoError(t, err)

	members := make([]messages.ExecutionID, 3)
	for i := range members {
		members[i] = e.created()
		added, err := e.AddExecutionToFlow(t.Context(), messages.AddExecutionToFlowArgs{
			FlowID: flow, ExecutionID: members[i], Now: 10,
		})
		require.NoError(t, err)
		require.Equal(t, messages.AddExecutionToFlowResult{
			Outcome: messages.AddAdded, ExecutionID: members[i], NodeCount: uint32(i + 1),
		}, added)
	}
	again, err := e.AddExecutionToFlow(t.Context(), messages.AddExecutionToFlowArgs{
		FlowID: flow, ExecutionID: members[2], Now: 11,
	})
	require.NoError(t, err)
	require.Equal(t, messages.AddExecutionToFlowResult{
		Outcome: messages.AddAlreadyMember, ExecutionID: members[2], NodeCount: 3,
	}, again)

	edges := []messages.EdgeID{messages.NewEdgeID(), messages.NewEdgeID()}
	for i, edge := range edges {
		staged, err := e.StageDependencyEdge(t.Context(), messages.StageDependencyEdgeArgs{
			FlowID: flow, EdgeID: edge, UpstreamExecutionID: members[i], DownstreamExecutionID: members[2],
			ExpectedGraphRevision: uint64(3 + i), Now: messages.TimestampMs(20 + i),
		})
		require.NoError(t, err)
		require.Equal(t, messages.StageDependencyEdgeResult{EdgeID: edge, NewGraphRevision: uint64(4 + i)}, staged)
	}

	apply := func(i int, now messages.TimestampMs) messages.ApplyDependencyToChildResult {
		applied, err := e.ApplyDependencyToChild(t.Context(), messages.ApplyDependencyToChildArgs{
			FlowID: flow, EdgeID: edges[i], UpstreamExecutionID: members[i], DownstreamExecutionID: members[2],
			GraphRevision: 5, Now: now,
		})
		require.NoError(t, err)
		return applied
	}
	require.Equal(t, messages.ApplyDependencyToChildResult{Outcome: messages.ApplyApplied, UnsatisfiedCount: 1}, apply(0, 30))
	require.Equal(t, messages.ApplyDependencyToChildResult{Outcome: messages.ApplyAlreadyApplied}, apply(0, 31))
	require.Equal(t, messages.ApplyDependencyToChildResult{Outcome: messages.ApplyApplied, UnsatisfiedCount: 2}, apply(1, 32))
	require.Equal(t, "runnable unowned blocked_by_dependencies waiting_children pending_first_attempt waiting_for_children",
		e.vector(members[2]))
	require.Equal(t, int64(5), e.sql.Int("SELECT graph_revision FROM ff_flow_core"))

	cancelled, err := e.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: flow, Policy: messages.CancelAll})
	require.NoError(t, err)
	require.Equal(t, messages.CancelFlowCancelled, cancelled.Outcome)
	require.Equal(t, messages.CancelAll, cancelled.CancellationPolicy)
	require.ElementsMatch(t, []string{members[0].String(), members[1].String(), members[2].String()},
		cancelled.MemberExecutionIDs)
	e.idle()

	require.Equal(t, "cancelled", e.sql.Text("SELECT public_flow_state FROM ff_flow_core"))
	for _, member := range members {
		require.Equal(t, "cancelled", e.column(member, "lifecycle_phase"))
	}
	require.Equal(t, int64(3), e.sql.Int(
		"SELECT count(*) FROM ff_completion_event WHERE flow_id = ? AND outcome = 'cancelled'", flow[:]))
	require.Equal(t, int64(3), e.sql.Int("SELECT count(*) FROM ff_completion_event"))
	require.Equal(t, int64(3), e.sql.Int("SELECT count(*) FROM ff_lease_event WHERE event_type = 'revoked'"))
}

func TestSpec04_S07_AStaleRevisionIsRefused(t *testing.T) {
	e := open(t)
	flow := messages.NewFlowID()
	_, err := e.CreateFlow(t.Context(), messages.CreateFlowArgs{FlowID: flow, Namespace: namespace})
	require.NoError(t, err)
	members := []messages.ExecutionID{e.created(), e.created()}
	for _, member := range members {
		_, err := e.AddExecutionToFlow(t.Context(), messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: member})
		require.NoError(t, err)
	}
	_, err = e.StageDependencyEdge(t.Context(), messages.StageDependencyEdgeArgs{
		FlowID: flow, EdgeID: messages.NewEdgeID(), UpstreamExecutionID: members[0], DownstreamExecutionID: members[1],
		ExpectedGraphRevision: 99,
	})
	require.ErrorIs(t, err, messages.ErrStaleGraphRevision)
	require.Equal(t, "2 0", e.sql.Text(
		"SELECT graph_revision || ' ' || (raw_fields ->> '$.edge_count') FROM ff_flow_core"))
	require.Equal(t, int64(0), e.sql.Int("SELECT count(*) FROM ff_edge"))
}

func TestSpec03_S12_Spec04_S08_CompletionWritesTheOutboxAndWakesASubscriber(t *testing.T) {
	e := open(t)
	sub, err := e.SubscribeCompletion(t.Context(), nil, messages.ScannerFilter{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sub.Close()) })
	id := e.created()
	e.patch(id, "lifecycle_phase = 'runnable', public_state = 'pending', attempt_state = 'initial'")

	handle := e.claimed()
	require.NoError(t, e.Complete(t.Context(), handle, nil))

	guard, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	stop := context.AfterFunc(guard, func() { _ = sub.Close() })
	defer stop()
	for event, err := range sub.Events() {
		require.NoError(t, err)
		require.Equal(t, id, event.ExecutionID)
		require.Equal(t, uint16(0), event.ExecutionID.PartitionIndex())
		require.Equal(t, messages.CompletionSuccess, event.Outcome)
		require.Equal(t, int64(event.EventID), e.sql.Int("SELECT event_id FROM ff_completion_event"))
		require.Equal(t, "success 0", e.sql.Text("SELECT outcome || ' ' || partition_key FROM ff_completion_event"))
		return
	}
	t.Fatal("the subscriber was not woken within 500 ms")
}
