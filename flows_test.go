package ffsqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
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
		_, err := e.CreateExecution(t.Context(), args(id))
		require.NoError(t, err)
		require.NoError(t, g.add(id))
		ids = append(ids, id)
	}
	g.edge(ids[0], ids[1])
	g.edge(ids[1], ids[2])
	require.Equal(t, blockedVector, e.vector(ids[2]))
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
}

func TestSpec04_S13_ConcurrentAddsLoseNoCount(t *testing.T) {
	g := open(t).newFlow()
	ids := []messages.ExecutionID{g.created(), g.created()}
	errs := make(chan error, len(ids))
	for _, id := range ids {
		go func() {
			_, err := g.AddExecutionToFlow(t.Context(), messages.AddExecutionToFlowArgs{FlowID: g.flow, ExecutionID: id})
			errs <- err
		}()
	}
	for range ids {
		require.NoError(t, <-errs)
	}
	flow, err := g.DescribeFlow(t.Context(), g.flow)
	require.NoError(t, err)
	require.Equal(t, uint32(2), flow.NodeCount)
	require.Equal(t, uint64(2), flow.GraphRevision)
}

func TestSpec04_S14_SelfEdgesAndStrangersAreRefused(t *testing.T) {
	g := open(t).newFlow()
	id := g.member()
	_, err := g.StageDependencyEdge(t.Context(), g.stageArgs(id, id))
	require.ErrorIs(t, err, messages.ErrSelfReferencingEdge)
	require.ErrorContains(t, err, "self_referencing_edge")
	_, err = g.StageDependencyEdge(t.Context(), g.stageArgs(id, g.created()))
	require.ErrorIs(t, err, messages.ErrExecutionNotInFlow)
	require.ErrorContains(t, err, "execution_not_in_flow")
	require.Equal(t, int64(1), g.sql.Int("SELECT graph_revision FROM ff_flow_core"))
}

func TestSpec04_S15_CyclesAreRefusedWithoutALimit(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	g.stage(m[0], m[1])
	g.stage(m[1], m[2])
	_, err := g.StageDependencyEdge(t.Context(), g.stageArgs(m[2], m[0]))
	require.ErrorIs(t, err, messages.ErrCycleDetected)
	flow, err := g.DescribeFlow(t.Context(), g.flow)
	require.NoError(t, err)
	require.Equal(t, uint64(5), flow.GraphRevision)
	require.Equal(t, uint32(2), flow.EdgeCount)

	long := g.newFlow()
	chain := long.members(1500)
	for i := range len(chain) - 1 {
		long.stage(chain[i], chain[i+1])
	}
	_, err = long.StageDependencyEdge(t.Context(), long.stageArgs(chain[1499], chain[0]))
	require.ErrorIs(t, err, messages.ErrCycleDetected)
}

func TestSpec04_S16_ADuplicateEdgeCarriesTheStoredOne(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	staged := g.stage(m[0], m[1], "artifact://hash-abc")
	again := staged
	again.ExpectedGraphRevision = g.revision
	_, err := g.StageDependencyEdge(t.Context(), again)
	require.ErrorIs(t, err, messages.ErrDependencyAlreadyExists)
	require.ErrorContains(t, err, "dependency_already_exists:edge_id="+staged.EdgeID.String())
	var typed *messages.Error
	require.ErrorAs(t, err, &typed)
	ref := "artifact://hash-abc"
	require.Equal(t, &messages.EdgeSnapshot{
		EdgeID: staged.EdgeID, FlowID: g.flow, UpstreamExecutionID: m[0], DownstreamExecutionID: m[1],
		DependencyKind: "success_only", SatisfactionCondition: "all_required", DataPassingRef: &ref, EdgeState: "pending",
		CreatedAt: g.now(), CreatedBy: "engine", DepState: "none",
	}, typed.Existing)
	require.Equal(t, int64(3), g.sql.Int("SELECT graph_revision FROM ff_flow_core"))

	g.stage(m[0], m[1])
	require.Equal(t, int64(2), g.sql.Int("SELECT count(*) FROM ff_edge"))
}

func TestSpec04_S17_ALiveFlowOfAnyStateTakesEdges(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	g.sql.Exec("UPDATE ff_flow_core SET public_flow_state = 'running'")
	g.stage(m[0], m[1])
}

func TestSpec04_S18_ApplyChecksTheEdge(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	staged := g.stage(m[0], m[1])
	apply := messages.ApplyDependencyToChildArgs{
		FlowID: g.flow, EdgeID: messages.NewEdgeID(), UpstreamExecutionID: m[0], DownstreamExecutionID: m[1],
	}
	_, err := g.ApplyDependencyToChild(t.Context(), apply)
	require.ErrorIs(t, err, messages.ErrEdgeNotFound)
	require.ErrorContains(t, err, "edge_not_found")
	apply.EdgeID, apply.DownstreamExecutionID = staged.EdgeID, m[2]
	_, err = g.ApplyDependencyToChild(t.Context(), apply)
	require.ErrorIs(t, err, messages.ErrInvalidDependency)
	require.Equal(t, int64(0), g.sql.Int("SELECT count(*) FROM ff_edge_group"))
}

func TestSpec04_S19_AChainIsReleasedStepByStep(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	g.edge(m[0], m[1])
	g.edge(m[1], m[2])
	require.Equal(t, blockedVector, g.vector(m[1]))
	require.Equal(t, blockedVector, g.vector(m[2]))

	g.drive(m[0], true)
	require.Equal(t, releasedVector, g.vector(m[1]))
	require.Equal(t, blockedVector, g.vector(m[2]))
	g.drive(m[1], true)
	require.Equal(t, releasedVector, g.vector(m[2]))
	g.drive(m[2], true)
	for _, id := range m {
		require.Equal(t, messages.PublicCompleted, g.state(id))
	}
	g.consistent()
}

func TestSpec04_S20_FanOutAndFanIn(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	g.edge(m[0], m[1])
	g.edge(m[0], m[2])
	g.drive(m[0], true)
	require.Equal(t, releasedVector, g.vector(m[1]))
	require.Equal(t, releasedVector, g.vector(m[2]))

	in := open(t).newFlow()
	m = in.members(4)
	for _, upstream := range m[:3] {
		in.edge(upstream, m[3])
	}
	in.drive(m[0], true)
	in.drive(m[1], true)
	require.Equal(t, blockedVector, in.vector(m[3]))
	in.drive(m[2], true)
	require.Equal(t, releasedVector, in.vector(m[3]))
	require.Equal(t, int64(0), in.sql.Int("SELECT count(*) FROM ff_pending_cancel_groups"))
	flow, err := in.DescribeFlow(t.Context(), in.flow)
	require.NoError(t, err)
	require.Len(t, flow.EdgeGroups, 1)
	require.Equal(t, messages.EdgeGroupSnapshot{
		DownstreamExecutionID: m[3], Policy: messages.EdgeDependencyPolicy{Kind: messages.AllOf},
		TotalDeps: 3, SatisfiedCount: 3, GroupState: messages.EdgeGroupSatisfied,
	}, flow.EdgeGroups[0])
}

func TestSpec04_S21_AFailureSkipsTheChild(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	g.edge(m[0], m[1])
	g.edge(m[1], m[2])
	g.drive(m[0], true)
	g.drive(m[1], false)
	require.Equal(t, skippedVector, g.vector(m[2]))
	require.Equal(t, "skipped", g.raw(m[2], "terminal_outcome"))
	require.Equal(t, "skipped", g.completions(m[2]))
	uuid := m[2].UUID()
	require.Equal(t, "default 1", g.sql.Text(
		"SELECT namespace || ' ' || (flow_id IS NOT NULL) FROM ff_completion_event WHERE execution_id = ?", uuid[:]))
	require.Empty(t, g.leaseEvents(m[2]))
}

func TestSpec04_S22_ASkipGoesDownTheWholeChain(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(200)
	for i := range len(m) - 1 {
		g.edge(m[i], m[i+1])
	}
	g.drive(m[0], false)
	for _, id := range m[1:] {
		require.Equal(t, messages.PublicSkipped, g.state(id))
	}
	require.Equal(t, int64(199), g.sql.Int("SELECT count(*) FROM ff_completion_event WHERE outcome = 'skipped'"))
	g.consistent()
}

func TestSpec04_S24_CancelledAndSkippedUpstreamsMakeAllOfImpossible(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	g.edge(m[0], m[1])
	g.edge(m[1], m[2])
	_, err := g.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: m[0]})
	require.NoError(t, err)
	g.idle()
	require.Equal(t, messages.PublicSkipped, g.state(m[1]))
	require.Equal(t, "0 1 0 0 impossible", g.group(m[1]))
	require.Equal(t, messages.PublicSkipped, g.state(m[2]))
	require.Equal(t, "0 0 1 0 impossible", g.group(m[2]))
}

func TestSpec04_S26_ABlockedMemberCannotBeClaimed(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	g.edge(m[0], m[1])
	claimed, handle := g.claimedExecution()
	require.Equal(t, m[0], claimed)
	g.nothingToClaim()
	require.NoError(t, g.Complete(t.Context(), handle, nil))
	claimed, _ = g.claimedExecution()
	require.Equal(t, m[1], claimed)
}

func TestSpec04_S31_AnEdgeAppliedAfterItsUpstreamEnded(t *testing.T) {
	t.Run("success never blocks the child", func(t *testing.T) {
		g := open(t).newFlow()
		m := g.members(2)
		staged := g.stage(m[0], m[1])
		g.drive(m[0], true)
		require.Equal(t, messages.ApplyDependencyToChildResult{Outcome: messages.ApplyApplied}, g.apply(staged))
		require.Equal(t, "satisfied", g.sql.Text("SELECT dep_state FROM ff_edge"))
		require.Equal(t, "submitted unowned eligible_now waiting pending waiting_for_worker", g.vector(m[1]))
	})
	t.Run("failure skips it in the same call", func(t *testing.T) {
		g := open(t).newFlow()
		m := g.members(2)
		staged := g.stage(m[0], m[1])
		g.drive(m[0], false)
		g.apply(staged)
		require.Equal(t, messages.PublicSkipped, g.state(m[1]))
		require.Equal(t, "skipped", g.completions(m[1]))
	})
}

func TestSpec04_S32_StagedEdgesHoldTheVerdictBack(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	g.edge(m[0], m[2])
	late := g.stage(m[1], m[2])
	g.drive(m[0], true)
	require.Equal(t, blockedVector, g.vector(m[2]))
	g.apply(late)
	g.drive(m[1], true)
	require.Equal(t, releasedVector, g.vector(m[2]))
}

func TestSpec04_S33_ALateEdgeGatesAgainUnlessTheChildRuns(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	g.edge(m[0], m[2])
	g.drive(m[0], true)
	require.Equal(t, releasedVector, g.vector(m[2]))
	g.edge(m[1], m[2])
	require.Equal(t, blockedVector, g.vector(m[2]))
	require.Equal(t, "1 0 0 1 pending", g.group(m[2]))

	running := open(t).newFlow()
	m = running.members(2)
	running.edge(m[0], m[1])
	running.drive(m[0], true)
	claimed, _ := running.claimedExecution()
	require.Equal(t, m[1], claimed)
	running.edge(running.member(), m[1])
	require.Equal(t, messages.PublicActive, running.state(m[1]))
	require.Equal(t, "1 0 0 1 satisfied", running.group(m[1]))
}

func TestSpec04_S35_AFailureSkipsAnActiveChildAndTakesItsLease(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	first, upstream := g.claimedExecution()
	require.Equal(t, m[0], first)
	child, handle := g.claimedExecution()
	require.Equal(t, m[1], child)
	g.edge(m[0], m[1])
	require.Equal(t, messages.PublicActive, g.state(m[1]))

	_, err := g.Fail(t.Context(), messages.FailArgs{Handle: upstream, Class: messages.FailurePermanent})
	require.NoError(t, err)
	g.idle()
	require.Equal(t, messages.PublicSkipped, g.state(m[1]))
	require.Equal(t, "NULL NULL 2", g.attempt(m[1], 0,
		"coalesce(worker_instance_id, 'NULL') || ' ' || coalesce(lease_expires_at_ms, 'NULL') || ' ' || lease_epoch"))
	require.Equal(t, "acquired revoked", g.leaseEvents(m[1]))
	require.Equal(t, "skipped", g.completions(m[1]))
	require.ErrorIs(t, g.Complete(t.Context(), handle, nil), messages.ErrLeaseConflict)
}

func TestSpec04_S36_AWideFanOutIsReleasedWhole(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(601)
	for _, child := range m[1:] {
		g.edge(m[0], child)
	}
	g.drive(m[0], true)
	require.Equal(t, int64(600), g.sql.Int(
		"SELECT count(*) FROM ff_exec_core WHERE eligibility_state = 'eligible_now'"))
	g.consistent()
}

func TestSpec04_S37_38_39_DataPassing(t *testing.T) {
	payload := func(g *graph, id messages.ExecutionID) string { return g.column(id, "payload") }
	for name, c := range map[string]struct {
		ref    string
		result []byte
		want   string
	}{
		"the result replaces the payload":          {"result", []byte(`{"status":"ok"}`), `{"status":"ok"}`},
		"an empty ref keeps the payload":           {"", []byte(`{"status":"ok"}`), "hello"},
		"a completion without payload keeps it":    {"result", nil, "hello"},
		"an empty result replaces it all the same": {"result", []byte{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := open(t).newFlow()
			m := g.members(2)
			g.edge(m[0], m[1], c.ref)
			require.NoError(t, g.Complete(t.Context(), g.claimed(), c.result))
			g.idle()
			require.Equal(t, releasedVector, g.vector(m[1]))
			require.Equal(t, c.want, payload(g, m[1]))
		})
	}
	t.Run("a cancelled child keeps its payload", func(t *testing.T) {
		g := open(t).newFlow()
		m := g.members(2)
		g.edge(m[0], m[1], "result")
		_, err := g.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: m[1]})
		require.NoError(t, err)
		require.NoError(t, g.Complete(t.Context(), g.claimed(), []byte("x")))
		g.idle()
		require.Equal(t, "hello", payload(g, m[1]))
	})
}

func TestSpec04_S40_TheLastSatisfiedRefWins(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	g.edge(m[0], m[2], "a")
	g.edge(m[1], m[2], "b")
	first, second := g.claimed(), g.claimed()
	require.NoError(t, g.Complete(t.Context(), second, []byte("second")))
	require.NoError(t, g.Complete(t.Context(), first, []byte("first")))
	g.idle()
	require.Equal(t, "first", g.column(m[2], "payload"))
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

func TestSpec04_S67_CancelFlowClearsTheOutcomeOfAnIdleAttempt(t *testing.T) {
	g := open(t).newFlow()
	id := g.member()
	uuid := id.UUID()
	g.sql.Exec(`INSERT INTO ff_attempt (partition_key, execution_id, attempt_index, lease_epoch, outcome)
		VALUES (0, ?, 0, 1, 'retry')`, uuid[:])
	_, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: messages.CancelAll})
	require.NoError(t, err)
	require.Equal(t, "NULL", g.attempt(id, 0, "outcome"))
}

func TestSpec04_S68_CancelFlowTakesLeases(t *testing.T) {
	g := open(t).newFlow()
	id := g.member()
	handle := g.claimed()
	g.sql.Exec("UPDATE ff_attempt SET lease_epoch = 4")
	_, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: messages.CancelAll})
	require.NoError(t, err)
	require.Equal(t, "unowned", g.column(id, "ownership_state"))
	require.Equal(t, "NULL NULL 5", g.attempt(id, 0,
		"coalesce(worker_instance_id, 'NULL') || ' ' || coalesce(lease_expires_at_ms, 'NULL') || ' ' || lease_epoch"))
	require.Error(t, g.Complete(t.Context(), handle, nil))
	require.Equal(t, messages.PublicCancelled, g.state(id))
}

func TestSpec04_S69_PoliciesOnlyWiden(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	g.edge(m[0], m[1])
	cancel := func(policy messages.CancelFlowPolicy) []string {
		result, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: policy})
		require.NoError(t, err)
		require.Equal(t, policy, result.CancellationPolicy)
		return result.MemberExecutionIDs
	}
	stored := func() string { return g.sql.Text("SELECT raw_fields ->> '$.cancellation_policy' FROM ff_flow_core") }

	require.Empty(t, cancel(messages.CancelFlowOnly))
	require.Equal(t, blockedVector, g.vector(m[1]))
	g.drive(m[0], true)
	require.Equal(t, releasedVector, g.vector(m[1]))
	require.Equal(t, []string{m[1].String()}, cancel(messages.CancelAll))
	require.Equal(t, "cancel_all", stored())
	require.Empty(t, cancel(messages.CancelFlowOnly))
	require.Equal(t, "cancel_all", stored())
}

func TestSpec04_S70_CancelPendingLeavesWhatRuns(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(4)
	claimed, _ := g.claimedExecution()
	require.Equal(t, m[0], claimed)
	g.patch(m[1], "lifecycle_phase = 'suspended', public_state = 'suspended', eligibility_state = 'not_applicable'")
	g.edge(m[2], m[3])
	result, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: messages.CancelPending})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{m[2].String(), m[3].String()}, result.MemberExecutionIDs)
	require.Equal(t, messages.PublicActive, g.state(m[0]))
	require.Equal(t, messages.PublicSuspended, g.state(m[1]))
	require.Equal(t, int64(0), g.sql.Int("SELECT count(*) FROM ff_pending_cancel_groups"))
}

func TestSpec04_S71_CancelAllSkipsWhatEnded(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	g.drive(m[0], true)
	result, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: messages.CancelAll})
	require.NoError(t, err)
	require.Equal(t, []string{m[1].String()}, result.MemberExecutionIDs)
	require.Equal(t, messages.PublicCompleted, g.state(m[0]))
	require.Equal(t, "success", g.completions(m[0]))

	unknown, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: messages.NewFlowID(), Policy: messages.CancelAll})
	require.NoError(t, err)
	require.Equal(t, messages.CancelFlowCancelled, unknown.Outcome)
	require.Empty(t, unknown.MemberExecutionIDs)
	_, err = g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: "everything"})
	require.ErrorIs(t, err, messages.ErrInvalidInput)
}

func TestSpec04_S72_WaitingForACancellation(t *testing.T) {
	g := open(t).newFlow()
	waited := make(chan error, 1)
	go func() { waited <- g.WaitForFlowCancellation(t.Context(), g.flow, time.Millisecond) }()
	for len(waited) == 0 { // The waiting goroutine sets its timer on the manual clock.
		g.clock.Advance(100 * time.Millisecond)
		require.NoError(t, g.Ping(t.Context()))
	}
	err := <-waited
	require.ErrorIs(t, err, messages.ErrTimeout)
	require.ErrorContains(t, err, "cancel_flow")

	for _, wait := range []messages.CancelFlowWait{
		messages.WaitTimeout(500 * time.Millisecond), messages.WaitTimeout(0), messages.WaitIndefinite(),
	} {
		result, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{
			FlowID: g.flow, Policy: messages.CancelAll, Wait: wait,
		})
		require.NoError(t, err)
		require.Equal(t, messages.CancelFlowCancelled, result.Outcome)
	}
	require.NoError(t, g.WaitForFlowCancellation(t.Context(), g.flow, 0))
}

func TestSpec04_S64Delay_ADelayedMemberIsReleasedToItsDelay(t *testing.T) {
	// 02 scenario 64: the gate comes before the delay, and its release looks at the delay.
	g := open(t).newFlow()
	upstream := g.member()
	due := g.now() + 1000
	child := g.member(func(a *messages.CreateExecutionArgs) { a.DelayUntil = due })
	require.Equal(t, messages.PublicDelayed, g.state(child))
	g.edge(upstream, child)
	require.Equal(t, blockedVector, g.vector(child))
	g.drive(upstream, true)
	require.Equal(t, messages.PublicDelayed, g.state(child))
	require.Equal(t, fmt.Sprint(int64(due)), g.raw(child, "delay_until"))
	g.nothingToClaim()
	g.clock.Advance(time.Second)
	claimed, _ := g.claimedExecution()
	require.Equal(t, child, claimed)
}

func TestSpec04_S96_CascadeEventsCarryTheScopeOfTheirExecution(t *testing.T) {
	g := open(t).newFlow()
	tagged := func(a *messages.CreateExecutionArgs) { a.Tags = map[string]string{"cairn.instance_id": "i-42"} }
	m := []messages.ExecutionID{g.member(tagged), g.member(tagged)}
	g.edge(m[0], m[1])
	sub, err := g.SubscribeCompletion(t.Context(), messages.FromBeginning(),
		messages.ScannerFilter{}.WithNamespace(namespace).WithInstanceTag("cairn.instance_id", "i-42"))
	require.NoError(t, err)
	g.drive(m[0], false)
	outcomes := next(t, sub, 2)
	require.Equal(t, []messages.CompletionOutcome{messages.CompletionFailed, messages.CompletionSkipped}, outcomes)
}

// next takes n events of a subscription and returns their outcomes.
func next(t *testing.T, sub *ffsqlite.Subscription[messages.CompletionEvent], n int) []messages.CompletionOutcome {
	t.Helper()
	var outcomes []messages.CompletionOutcome
	for event, err := range sub.Events() {
		require.NoError(t, err)
		if outcomes = append(outcomes, event.Outcome); len(outcomes) == n {
			break
		}
	}
	return outcomes
}
