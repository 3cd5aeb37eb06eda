package ffsqlite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// graph is a flow under construction.
type graph struct {
	*engine

	flow     messages.FlowID
	revision uint64
}

func (e *engine) newFlow() *graph {
	e.t.Helper()
	g := &graph{engine: e, flow: messages.NewFlowID()}
	_, err := e.CreateFlow(e.t.Context(), messages.CreateFlowArgs{FlowID: g.flow, FlowKind: "dag", Namespace: namespace})
	require.NoError(e.t, err)
	return g
}

func (g *graph) add(id messages.ExecutionID) error {
	_, err := g.AddExecutionToFlow(g.t.Context(), messages.AddExecutionToFlowArgs{FlowID: g.flow, ExecutionID: id})
	if err == nil {
		g.revision++
	}
	return err
}

// member creates an execution and makes it a member.
func (g *graph) member(change ...func(*messages.CreateExecutionArgs)) messages.ExecutionID {
	g.t.Helper()
	id := g.created(change...)
	require.NoError(g.t, g.add(id))
	return id
}

// members are created a millisecond apart, so that they are claimed in this order.
func (g *graph) members(n int) []messages.ExecutionID {
	g.t.Helper()
	ids := make([]messages.ExecutionID, n)
	for i := range ids {
		ids[i] = g.member(func(a *messages.CreateExecutionArgs) { a.Now = g.now() + messages.TimestampMs(i) })
	}
	return ids
}

func (g *graph) stageArgs(upstream, downstream messages.ExecutionID) messages.StageDependencyEdgeArgs {
	return messages.StageDependencyEdgeArgs{
		FlowID: g.flow, EdgeID: messages.NewEdgeID(), UpstreamExecutionID: upstream, DownstreamExecutionID: downstream,
		ExpectedGraphRevision: g.revision,
	}
}

// stage stages an edge at the current revision.
func (g *graph) stage(upstream, downstream messages.ExecutionID, ref ...string) messages.StageDependencyEdgeArgs {
	g.t.Helper()
	staged := g.stageArgs(upstream, downstream)
	for _, r := range ref {
		staged.DataPassingRef = r
	}
	result, err := g.StageDependencyEdge(g.t.Context(), staged)
	require.NoError(g.t, err)
	g.revision = result.NewGraphRevision
	return staged
}

func (g *graph) apply(staged messages.StageDependencyEdgeArgs) messages.ApplyDependencyToChildResult {
	g.t.Helper()
	result, err := g.ApplyDependencyToChild(g.t.Context(), messages.ApplyDependencyToChildArgs{
		FlowID: g.flow, EdgeID: staged.EdgeID, GraphRevision: g.revision,
		UpstreamExecutionID: staged.UpstreamExecutionID, DownstreamExecutionID: staged.DownstreamExecutionID,
	})
	require.NoError(g.t, err)
	return result
}

// edge stages and applies an edge.
func (g *graph) edge(upstream, downstream messages.ExecutionID, ref ...string) {
	g.t.Helper()
	g.apply(g.stage(upstream, downstream, ref...))
}

const (
	blockedVector  = "runnable unowned blocked_by_dependencies waiting_children pending_first_attempt waiting_for_children"
	releasedVector = "runnable unowned eligible_now waiting pending_first_attempt waiting_for_worker"
	skippedVector  = "terminal unowned not_applicable skipped pending_first_attempt NULL"
)

func (g *graph) group(downstream messages.ExecutionID) string {
	g.t.Helper()
	uuid := downstream.UUID()
	return g.sql.Text(`SELECT success_count || ' ' || fail_count || ' ' || skip_count || ' ' || running_count || ' ' ||
		group_state FROM ff_edge_group WHERE downstream_eid = ?`, uuid[:])
}

func TestSpec04_S09_RevisionAndCounters(t *testing.T) {
	g := open(t).newFlow()
	id := g.member()
	again, err := g.AddExecutionToFlow(t.Context(), messages.AddExecutionToFlowArgs{FlowID: g.flow, ExecutionID: id})
	require.NoError(t, err)
	require.Equal(t, messages.AddExecutionToFlowResult{
		Outcome: messages.AddAlreadyMember, ExecutionID: id, NodeCount: 1,
	}, again)
	flow, err := g.DescribeFlow(t.Context(), g.flow)
	require.NoError(t, err)
	require.Equal(t, uint64(1), flow.GraphRevision)
	require.Equal(t, uint32(1), flow.NodeCount)
}

func TestSpec04_S10_UnknownFlowsAndExecutionsAndAllPartitions(t *testing.T) {
	e := open(t)
	id := e.created()
	unknown := &graph{engine: e, flow: messages.NewFlowID()}
	err := unknown.add(id)
	require.ErrorIs(t, err, messages.ErrFlowNotFound)
	require.ErrorContains(t, err, "flow_not_found")
	require.Equal(t, "NULL", e.column(id, "flow_id"))

	g := e.newFlow()
	err = g.add(newID())
	require.ErrorIs(t, err, messages.ErrExecutionNotFound)
	require.ErrorContains(t, err, "execution_not_found")
	require.Equal(t, int64(0), e.sql.Int("SELECT graph_revision FROM ff_flow_core"))

	ids := make([]messages.ExecutionID, 0, 3)
	for _, partition := range []uint16{0, 7, 255} {
		id := messages.NewExecutionID(partition, messages.NewFlowID())
		_, err := e.CreateExecution(t.Context(), args(id, withPriority(1)))
		require.NoError(t, err)
		require.NoError(t, g.add(id))
		ids = append(ids, id)
	}
	g.edge(ids[0], ids[1])
	g.edge(ids[1], ids[2])
	require.Equal(t, blockedVector, e.vector(ids[2]))
	e.drive(ids[0], true)
	require.Equal(t, releasedVector, e.vector(ids[1]))
	e.drive(ids[1], true)
	require.Equal(t, releasedVector, e.vector(ids[2]))
	for _, id := range ids[:2] {
		e.replayed(id)
	}
	cancelled, err := e.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: messages.CancelAll})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{ids[0].String(), ids[1].String(), ids[2].String()}, cancelled.MemberExecutionIDs)
}

func TestSpec04_S11_AMemberOfAnotherFlowIsRefused(t *testing.T) {
	e := open(t)
	one, two := e.newFlow(), e.newFlow()
	id := one.member()
	err := two.add(id)
	require.ErrorIs(t, err, messages.ErrExecutionAlreadyInFlow)
	require.ErrorContains(t, err, "already_member_of_different_flow:"+one.flow.String())
	flow, err := e.DescribeFlow(t.Context(), two.flow)
	require.NoError(t, err)
	require.Zero(t, flow.GraphRevision)
	require.Zero(t, flow.NodeCount)
}

func TestSpec04_S12_AClosedFlowTakesNothing(t *testing.T) {
	g := open(t).newFlow()
	_, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: messages.CancelAll})
	require.NoError(t, err)
	id := g.created()
	err = g.add(id)
	require.ErrorIs(t, err, messages.ErrFlowAlreadyTerminal)
	require.ErrorContains(t, err, "flow_already_terminal")
	_, err = g.StageDependencyEdge(t.Context(), g.stageArgs(id, g.created()))
	require.ErrorIs(t, err, messages.ErrFlowAlreadyTerminal)
	require.ErrorContains(t, err, "flow_already_terminal")
	require.Equal(t, "NULL", g.column(id, "flow_id"))
	require.Zero(t, g.sql.Int("SELECT count(*) FROM ff_edge"))
}

func TestSpec04_S13_ConcurrentAddsLoseNoCount(t *testing.T) {
	g := open(t).newFlow()
	ids := []messages.ExecutionID{g.created(), g.created()}
	outcomes := make(chan messages.AddExecutionToFlowResultKind, len(ids))
	for _, id := range ids {
		go func() {
			result, _ := g.AddExecutionToFlow(t.Context(), messages.AddExecutionToFlowArgs{FlowID: g.flow, ExecutionID: id})
			outcomes <- result.Outcome
		}()
	}
	for range ids {
		require.Equal(t, messages.AddAdded, <-outcomes)
	}
	flow, err := g.DescribeFlow(t.Context(), g.flow)
	require.NoError(t, err)
	require.Equal(t, uint32(2), flow.NodeCount)
	require.Equal(t, uint64(2), flow.GraphRevision)
}

func TestSpec04_S61_DescribeFlow(t *testing.T) {
	g := open(t).newFlow()
	flow, err := g.DescribeFlow(t.Context(), g.flow)
	require.NoError(t, err)
	require.Equal(t, messages.FlowOpen, flow.PublicFlowState)
	require.Equal(t, flow.CreatedAt, flow.LastMutationAt)
	require.Nil(t, flow.CancelledAt)
	require.Empty(t, flow.Tags)
	unknown, err := g.DescribeFlow(t.Context(), messages.NewFlowID())
	require.NoError(t, err)
	require.Nil(t, unknown)
}
