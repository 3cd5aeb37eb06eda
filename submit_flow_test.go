package ffsqlite_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// SubmitFlow: 04 §5.6.

// submission is a flow of n members, a millisecond apart, with the edges between their positions.
func submission(n int, edges ...[2]int) messages.SubmitFlowArgs {
	a := messages.SubmitFlowArgs{FlowID: messages.NewFlowID(), FlowKind: "dag", Namespace: namespace, Now: 1000}
	for i := range n {
		a.Executions = append(a.Executions, messages.CreateExecutionArgs{
			ExecutionID: newID(), LaneID: lane, ExecutionKind: "op", InputPayload: []byte("hello"),
			Now: messages.TimestampMs(1000 + i),
		})
	}
	for _, e := range edges {
		a.Edges = append(a.Edges, messages.SubmitFlowEdge{
			EdgeID: messages.NewEdgeID(), UpstreamExecutionID: a.Executions[e[0]].ExecutionID,
			DownstreamExecutionID: a.Executions[e[1]].ExecutionID,
		})
	}
	return a
}

func (e *engine) submit(a messages.SubmitFlowArgs) messages.SubmitFlowResult {
	e.t.Helper()
	result, err := e.SubmitFlow(e.t.Context(), a)
	require.NoError(e.t, err)
	return result
}

// singly makes the calls that a submission stands for.
func singly(a messages.SubmitFlowArgs) (calls []messages.Message) {
	calls = append(calls, a.Flow())
	for i := range a.Executions {
		calls = append(calls, a.Execution(i), messages.AddExecutionToFlowArgs{
			FlowID: a.FlowID, ExecutionID: a.Executions[i].ExecutionID, Now: a.Now,
		})
	}
	for _, p := range a.Policies {
		calls = append(calls, messages.SetEdgeGroupPolicyArgs{
			FlowID: a.FlowID, DownstreamExecutionID: p.DownstreamExecutionID, Policy: p.Policy,
		})
	}
	for i := range a.Edges {
		edge := a.Edge(i)
		edge.ExpectedGraphRevision = uint64(len(a.Executions) + i)
		calls = append(calls, edge, messages.ApplyDependencyToChildArgs{
			FlowID: a.FlowID, EdgeID: edge.EdgeID, UpstreamExecutionID: edge.UpstreamExecutionID,
			DownstreamExecutionID: edge.DownstreamExecutionID, Now: a.Now,
		})
	}
	return calls
}

func TestSpec04_S97_ASubmittedFlow(t *testing.T) {
	e := open(t)
	a := submission(3, [2]int{0, 2}, [2]int{1, 2})
	ids := []messages.ExecutionID{a.Executions[0].ExecutionID, a.Executions[1].ExecutionID, a.Executions[2].ExecutionID}
	require.Equal(t, messages.SubmitFlowResult{
		Outcome: messages.SubmitFlowCreated, FlowID: a.FlowID, GraphRevision: 5, ExecutionIDs: ids,
		EdgeIDs: []messages.EdgeID{a.Edges[0].EdgeID, a.Edges[1].EdgeID},
	}, e.submit(a))
	flow, err := e.DescribeFlow(t.Context(), a.FlowID)
	require.NoError(t, err)
	require.Equal(t, uint64(5), flow.GraphRevision)
	require.Equal(t, uint32(3), flow.NodeCount)
	require.Equal(t, uint32(2), flow.EdgeCount)
	g := &graph{engine: e, flow: a.FlowID}
	require.Equal(t, blockedVector, e.vector(ids[2]))
	require.Equal(t, "0 0 0 2 pending", g.group(ids[2]))
	e.drive(ids[0], true)
	e.drive(ids[1], true)
	e.drive(ids[2], true)
	e.nothingToClaim()
	e.consistent()
}

func TestSpec04_S97_TheRowsAreThoseOfTheSingleCalls(t *testing.T) {
	random := rand.New(rand.NewPCG(97, 0))
	for round := range 12 {
		a := randomSubmission(random)
		if round%3 == 0 {
			a.Now = 0
		}
		whole, single, batch := open(t), open(t), open(t)
		require.Equal(t, messages.SubmitFlowCreated, whole.submit(a).Outcome)
		for _, call := range singly(a) {
			_, err := single.Batch(t.Context(), call)
			require.NoError(t, err)
		}
		_, err := batch.Batch(t.Context(), singly(a)...)
		require.NoError(t, err)
		want := single.sql.Dump()
		require.Equal(t, want, whole.sql.Dump(), "round %d", round)
		require.Equal(t, want, batch.sql.Dump(), "round %d", round)
	}
}

// randomSubmission has members with everything that a member can have, and edges forward only.
func randomSubmission(random *rand.Rand) messages.SubmitFlowArgs {
	a := submission(1 + random.IntN(8))
	for i := range a.Executions {
		m := &a.Executions[i]
		m.LaneID = messages.LaneID(fmt.Sprint("lane-", random.IntN(3)))
		m.Now *= messages.TimestampMs(random.IntN(2))
		if random.IntN(3) == 0 {
			requiring("gpu", "arm")(m)
			retrying(messages.RetryPolicy{MaxRetries: 2})(m)
		}
		if random.IntN(3) == 0 {
			m.DelayUntil = messages.TimestampMs(epoch.UnixMilli() + 60_000)
		}
		if random.IntN(3) == 0 {
			m.Tags = map[string]string{"cairn.instance_id": "i-1", "app.team": "x"}
		}
		if random.IntN(3) == 0 {
			m.Namespace, m.IdempotencyKey = "tenant", fmt.Sprint("key-", i)
		}
	}
	for _, i := range random.Perm(len(a.Executions))[:random.IntN(len(a.Executions))] {
		policy := messages.EdgeDependencyPolicy{
			Kind: []messages.EdgePolicyKind{messages.AllOf, messages.AnyOf, messages.Quorum, ""}[random.IntN(4)], K: 2,
			OnSatisfied: []messages.OnSatisfied{messages.LetRun, messages.CancelRemaining, ""}[random.IntN(3)],
		}
		a.Policies = append(a.Policies, messages.SubmitFlowPolicy{
			DownstreamExecutionID: a.Executions[i].ExecutionID, Policy: policy,
		})
	}
	for down := range a.Executions {
		for up := range down {
			if random.IntN(3) == 0 {
				continue
			}
			edge := messages.SubmitFlowEdge{
				EdgeID: messages.NewEdgeID(), UpstreamExecutionID: a.Executions[up].ExecutionID,
				DownstreamExecutionID: a.Executions[down].ExecutionID,
			}
			if random.IntN(2) == 0 {
				edge.DependencyKind, edge.DataPassingRef = "of tomorrow", "result"
			}
			a.Edges = append(a.Edges, edge)
		}
	}
	random.Shuffle(len(a.Edges), func(i, j int) { a.Edges[i], a.Edges[j] = a.Edges[j], a.Edges[i] })
	return a
}

func TestSpec04_S97_AWaitingClaimGetsWhatIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		first := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		second := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		third := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		a := submission(3, [2]int{1, 0}, [2]int{2, 0})
		a.Executions[0].Priority = 9
		e.submit(a)
		first.got(t, a.Executions[1].ExecutionID)
		second.got(t, a.Executions[2].ExecutionID)
		third.parked(t)
		require.Equal(t, blockedVector, e.vector(a.Executions[0].ExecutionID))
	})
}

func TestSpec04_S97_ADelayedMemberIsOfferedWhenItIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		p := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		a := submission(1)
		a.Executions[0].DelayUntil = e.now() + 300
		e.submit(a)
		e.advance(299_000_000)
		p.parked(t)
		e.advance(1_000_000)
		p.got(t, a.Executions[0].ExecutionID)
	})
}

func TestSpec04_S98_ASubmissionMayBeRepeated(t *testing.T) {
	e := open(t)
	a := submission(3, [2]int{0, 2}, [2]int{1, 2})
	created := e.submit(a)
	e.drive(a.Executions[0].ExecutionID, true)
	before := e.sql.Dump()
	again := created
	again.Outcome = messages.SubmitFlowAlreadySatisfied
	require.Equal(t, again, e.submit(a))
	require.Equal(t, before, e.sql.Dump())

	other := func(change func(*messages.SubmitFlowArgs)) refusal {
		return invalid("", "flow_id: already exists", func() error {
			changed := submission(0)
			changed.FlowID = a.FlowID
			changed.Executions = append(changed.Executions, a.Executions...)
			changed.Edges = append(changed.Edges, a.Edges...)
			change(&changed)
			_, err := e.SubmitFlow(t.Context(), changed)
			return err
		})
	}
	requireRefusals(t, e, []refusal{
		other(func(c *messages.SubmitFlowArgs) { c.Edges[1].UpstreamExecutionID = a.Executions[0].ExecutionID }),
		other(func(c *messages.SubmitFlowArgs) { c.Edges[1].EdgeID = messages.NewEdgeID() }),
		other(func(c *messages.SubmitFlowArgs) { c.Edges[1].EdgeID = messages.EdgeID{} }),
		other(func(c *messages.SubmitFlowArgs) { c.Executions = append(c.Executions, args(newID())) }),
	})
}

func TestSpec04_S98_EdgeIDsThatAreNotGivenAreDrawn(t *testing.T) {
	e := open(t)
	a := submission(3, [2]int{0, 1}, [2]int{1, 2})
	a.Edges[0].EdgeID, a.Edges[1].EdgeID = messages.EdgeID{}, messages.EdgeID{}
	result := e.submit(a)
	require.Len(t, result.EdgeIDs, 2)
	require.NotEqual(t, result.EdgeIDs[0], result.EdgeIDs[1])
	for i, id := range result.EdgeIDs {
		up := a.Edges[i].UpstreamExecutionID.UUID()
		require.Equal(t, id.Bytes(), [16]byte([]byte(e.sql.Text("SELECT edge_id FROM ff_edge WHERE upstream_eid = ?", up[:]))))
	}
	_, err := e.SubmitFlow(t.Context(), a)
	requireInvalid(t, err, "flow_id: already exists")
}

func TestSpec04_S99_ASubmissionThatIsRefusedStoresNothing(t *testing.T) {
	e := open(t)
	taken, foreign := e.created(func(a *messages.CreateExecutionArgs) { a.IdempotencyKey = "taken" }), e.newFlow()
	member := foreign.member()
	elsewhere := messages.NewExecutionID(7, taken.UUID())
	refused := func(target error, detail string, change func(*messages.SubmitFlowArgs)) refusal {
		a := submission(3, [2]int{0, 1}, [2]int{1, 2})
		change(&a)
		return refusal{detail, func() error { _, err := e.SubmitFlow(t.Context(), a); return err }, target, detail}
	}
	stranger, edge := newID(), messages.NewEdgeID()
	type submit = messages.SubmitFlowArgs
	requireRefusals(t, e, []refusal{
		refused(messages.ErrCycleDetected, "edges[2]: edge_id="+edge.String(), func(a *submit) {
			a.Edges = append(a.Edges, messages.SubmitFlowEdge{
				EdgeID: edge, UpstreamExecutionID: a.Executions[2].ExecutionID, DownstreamExecutionID: a.Executions[0].ExecutionID,
			})
		}),
		refused(messages.ErrInvalidCapabilities, "executions[1]: required:comma_in_token",
			func(a *submit) { requiring("a,b")(&a.Executions[1]) }),
		refused(messages.ErrInvalidInput, "executions: more than 10000 (10001)",
			func(a *submit) { a.Executions = make([]messages.CreateExecutionArgs, 10_001) }),
		refused(messages.ErrInvalidInput, "edges: more than 50000 (50001)",
			func(a *submit) { a.Edges = make([]messages.SubmitFlowEdge, 50_001) }),
		refused(messages.ErrInvalidInput, "executions: must not be empty", func(a *submit) { a.Executions = nil }),
		refused(messages.ErrInvalidInput, "flow_id: must not be empty", func(a *submit) { a.FlowID = messages.FlowID{} }),
		refused(messages.ErrInvalidInput, "namespace: must not be empty", func(a *submit) { a.Namespace = "" }),
		refused(messages.ErrInvalidInput, "executions[2]: lane_id is empty", func(a *submit) { a.Executions[2].LaneID = "" }),
		refused(messages.ErrInvalidInput, "executions[2]: execution_id: already exists",
			func(a *submit) { a.Executions[2].ExecutionID = a.Executions[0].ExecutionID }),
		refused(messages.ErrInvalidInput, "executions[1]: execution_id: already exists",
			func(a *submit) { a.Edges, a.Executions[1].ExecutionID = nil, taken }),
		refused(messages.ErrInvalidInput, "executions[1]: execution_id: uuid already used by "+taken.String(),
			func(a *submit) { a.Edges, a.Executions[1].ExecutionID = nil, elsewhere }),
		refused(messages.ErrExecutionAlreadyInFlow,
			"executions[0]: already_member_of_different_flow:"+foreign.flow.String(),
			func(a *submit) { a.Edges, a.Executions[0].ExecutionID = nil, member }),
		refused(messages.ErrInvalidInput, "executions[1]: idempotency_key: already used by "+taken.String(),
			func(a *submit) { a.Executions[1].IdempotencyKey = "taken" }),
		refused(messages.ErrConflict, "edges[1]: self_referencing_edge",
			func(a *submit) { a.Edges[1].UpstreamExecutionID = a.Edges[1].DownstreamExecutionID }),
		refused(messages.ErrExecutionNotInFlow, "edges[1]: execution_not_in_flow",
			func(a *submit) { a.Edges[1].UpstreamExecutionID = stranger }),
		refused(messages.ErrExecutionNotInFlow, "edges[0]: execution_not_in_flow",
			func(a *submit) { a.Edges[0].DownstreamExecutionID = member }),
		refused(messages.ErrDependencyAlreadyExists, "edges[1]: dependency_already_exists:edge_id="+edge.String(),
			func(a *submit) { a.Edges[0].EdgeID, a.Edges[1].EdgeID = edge, edge }),
		refused(messages.ErrInvalidInput, "edges[1]: data_passing_ref: must be valid UTF-8",
			func(a *submit) { a.Edges[1].DataPassingRef = notUTF8 }),
	})
	require.Equal(t, int64(1), e.sql.Int("SELECT count(*) FROM ff_lane_registry"))
}

func TestSpec04_S99_TwoMembersWithOneKey(t *testing.T) {
	e := open(t)
	a := submission(3)
	a.Executions[0].IdempotencyKey, a.Executions[2].IdempotencyKey = "once", "once"
	_, err := e.SubmitFlow(t.Context(), a)
	requireInvalid(t, err, "executions[2]: idempotency_key: already used by "+a.Executions[0].ExecutionID.String())
	a.Executions[2].Namespace = "tenant"
	require.Equal(t, messages.SubmitFlowCreated, e.submit(a).Outcome)
}

func TestSpec04_S100_AQuorumOfProviders(t *testing.T) {
	for name, fires := range map[string]struct {
		last    int // the provider whose success makes the quorum
		payload string
	}{
		"the edge that fires has a ref":  {1, "result of 1"},
		"the edge that fires has no ref": {0, "hello"},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t)
			a := submission(4, [2]int{0, 3}, [2]int{1, 3}, [2]int{2, 3})
			a.Edges[1].DataPassingRef = "result"
			a.Policies = []messages.SubmitFlowPolicy{{
				DownstreamExecutionID: a.Executions[3].ExecutionID,
				Policy: messages.EdgeDependencyPolicy{
					Kind: messages.Quorum, K: 2, OnSatisfied: messages.CancelRemaining,
				},
			}}
			e.submit(a)
			g := &graph{engine: e, flow: a.FlowID}
			aggregator, straggler := a.Executions[3].ExecutionID, a.Executions[2].ExecutionID
			handles := []messages.Handle{e.claimed(), e.claimed(), e.claimed()}
			complete := func(i int) {
				require.NoError(t, e.Complete(t.Context(), handles[i], fmt.Appendf(nil, "result of %d", i)))
				e.idle()
			}
			complete(1 - fires.last)
			require.Equal(t, blockedVector, e.vector(aggregator))
			require.Equal(t, "hello", e.column(aggregator, "payload"))
			complete(fires.last)
			require.Equal(t, releasedVector, e.vector(aggregator))
			require.Equal(t, fires.payload, e.column(aggregator, "payload"))
			require.Equal(t, "cancelled sibling_quorum_satisfied engine",
				e.column(straggler, "lifecycle_phase || ' ' || cancellation_reason || ' ' || cancelled_by"))
			require.Equal(t, "cancelled", e.completions(straggler))
			require.Equal(t, "acquired revoked", e.leaseEvents(straggler))
			require.Equal(t, "2 1 0 0 satisfied", g.group(aggregator))
			require.Equal(t, int64(0), e.sql.Int("SELECT count(*) FROM ff_pending_cancel_groups"))
			e.consistent()
		})
	}
}

// TestSpec04_S99_AFlowAtItsBounds is as large as a flow may be.
func TestSpec04_S99_AFlowAtItsBounds(t *testing.T) {
	e := open(t)
	a := submission(messages.SubmitFlowMaxExecutions)
	for n := 0; len(a.Edges) < messages.SubmitFlowMaxEdges; n++ {
		up := n % (len(a.Executions) - 5)
		a.Edges = append(a.Edges, messages.SubmitFlowEdge{
			EdgeID: messages.NewEdgeID(), UpstreamExecutionID: a.Executions[up].ExecutionID,
			DownstreamExecutionID: a.Executions[up+1+n%5].ExecutionID,
		})
	}
	cyclic := a
	cyclic.Edges = append([]messages.SubmitFlowEdge(nil), a.Edges...)
	last := len(cyclic.Edges) - 1
	cyclic.Edges[last].UpstreamExecutionID = a.Executions[9_000].ExecutionID
	cyclic.Edges[last].DownstreamExecutionID = a.Executions[1].ExecutionID
	_, err := e.SubmitFlow(t.Context(), cyclic)
	requireDetail(t, err, messages.ErrCycleDetected, fmt.Sprintf("edges[%d]: edge_id=%s", last, cyclic.Edges[last].EdgeID))

	require.Equal(t, uint64(60_000), e.submit(a).GraphRevision)
	require.Equal(t, int64(10_000), e.sql.Int("SELECT count(*) FROM ff_exec_core"))
	require.Equal(t, int64(50_000), e.sql.Int("SELECT count(*) FROM ff_edge WHERE dep_state = 'unsatisfied'"))
}
