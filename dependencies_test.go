package ffsqlite_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Dependencies resolved and judged by hand: scenarios 23, 25 and 54 to 60 of chapter 04.

func (g *graph) resolve(
	edge messages.StageDependencyEdgeArgs, outcome messages.CompletionOutcome,
) (messages.ResolveDependencyOutcome, error) {
	g.t.Helper()
	return g.ResolveDependency(g.t.Context(), messages.ResolveDependencyArgs{
		FlowID: g.flow, EdgeID: edge.EdgeID, UpstreamExecutionID: edge.UpstreamExecutionID,
		DownstreamExecutionID: edge.DownstreamExecutionID, UpstreamOutcome: outcome, LaneID: lane,
	})
}

// applied stages and applies an edge and returns it.
func (g *graph) applied(upstream, downstream messages.ExecutionID, ref ...string) messages.StageDependencyEdgeArgs {
	g.t.Helper()
	staged := g.stage(upstream, downstream, ref...)
	g.apply(staged)
	return staged
}

func TestSpec04_S23_AnEdgeIsResolvedByHand(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	edge := g.applied(m[0], m[1])
	_, err := g.resolve(edge, "none")
	requireInvalid(t, err, "upstream_outcome: unknown (none)")
	_, err = g.resolve(edge, "")
	requireInvalid(t, err, "upstream_outcome: unknown ()")
	_, err = g.resolve(edge, messages.CompletionResumable)
	requireInvalid(t, err, "upstream_outcome: unknown (resumable)")

	resolved, err := g.resolve(edge, messages.CompletionFailed)
	require.NoError(t, err)
	require.Equal(t, messages.ResolveDependencyOutcome{
		Outcome: messages.ResolveImpossible, GroupState: messages.EdgeGroupImpossible, ChildSkipped: true,
	}, resolved)
	require.Equal(t, skippedVector, g.vector(m[1]))
	require.Equal(t, "skipped", g.completions(m[1]))

	before := g.stored()
	resolved, err = g.resolve(edge, messages.CompletionSuccess)
	require.NoError(t, err)
	require.Equal(t, messages.ResolveDependencyOutcome{
		Outcome: messages.ResolveAlreadyResolved, GroupState: messages.EdgeGroupImpossible,
	}, resolved)
	require.Equal(t, before, g.stored())

	g.drive(m[0], true) // The cascade finds the edge resolved, too.
	require.Equal(t, "0 1 0 0 impossible", g.group(m[1]))
	require.Equal(t, messages.PublicSkipped, g.state(m[1]))
}

func TestResolveDependency_ReleasesAndPassesData(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	edge := g.applied(m[0], m[2], "result")
	other := g.applied(m[1], m[2], "result")
	g.patch(m[0], "result = CAST('made by hand' AS BLOB)")
	resolved, err := g.resolve(edge, messages.CompletionSuccess)
	require.NoError(t, err)
	require.Equal(t, messages.ResolveDependencyOutcome{
		Outcome: messages.ResolveSatisfied, GroupState: messages.EdgeGroupPending, DataInjected: true,
	}, resolved)
	require.Equal(t, "made by hand", g.column(m[2], "payload"))
	require.Equal(t, blockedVector, g.vector(m[2]))
	resolved, err = g.resolve(other, messages.CompletionSuccess)
	require.NoError(t, err)
	require.Equal(t, messages.ResolveDependencyOutcome{
		Outcome: messages.ResolveSatisfied, GroupState: messages.EdgeGroupSatisfied,
	}, resolved, "without a result there is nothing to pass")
	require.Equal(t, releasedVector, g.vector(m[2]))
	require.Equal(t, messages.PublicWaiting, g.state(m[0]), "the upstream itself is not touched")
}

func TestResolveDependency_SparesTheUpstreamThatFiredTheGroup(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	_, err := g.policy(m[2], anyOf(messages.CancelRemaining))
	require.NoError(t, err)
	edge := g.applied(m[0], m[2])
	g.stage(m[1], m[2]) // Staged upstreams are siblings, too.
	_, err = g.resolve(edge, messages.CompletionSuccess)
	require.NoError(t, err)
	g.idle()
	require.Equal(t, messages.PublicWaiting, g.state(m[0]))
	g.requireSiblingCancelled(m[1], "sibling_quorum_satisfied", "")
}

func TestResolveDependency_RefusesWhatIsNoAppliedEdge(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	edge := g.stage(m[0], m[1])
	refused := func(why string, change func(*messages.StageDependencyEdgeArgs)) {
		spoilt := edge
		change(&spoilt)
		_, err := g.resolve(spoilt, messages.CompletionSuccess)
		requireDetail(t, err, messages.ErrInvalidDependency, spoilt.EdgeID.String())
		require.Equal(t, "none", g.sql.Text("SELECT coalesce(max(resolved_outcome), 'none') FROM ff_edge"), why)
	}
	refused("only staged", func(*messages.StageDependencyEdgeArgs) {})
	g.apply(edge)
	refused("unknown", func(a *messages.StageDependencyEdgeArgs) { a.EdgeID = messages.NewEdgeID() })
	refused("another upstream", func(a *messages.StageDependencyEdgeArgs) { a.UpstreamExecutionID = m[2] })
	refused("another downstream", func(a *messages.StageDependencyEdgeArgs) { a.DownstreamExecutionID = m[2] })
	for field, change := range map[string]func(*messages.StageDependencyEdgeArgs){
		"upstream_execution_id":   func(a *messages.StageDependencyEdgeArgs) { a.UpstreamExecutionID = messages.ExecutionID{} },
		"downstream_execution_id": func(a *messages.StageDependencyEdgeArgs) { a.DownstreamExecutionID = messages.ExecutionID{} },
	} {
		spoilt := edge
		change(&spoilt)
		_, err := g.resolve(spoilt, messages.CompletionSuccess)
		requireInvalid(t, err, field+": must not be empty")
	}
}

func TestSpec04_S25_AnEventIsDispatchedOnce(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	g.edge(m[0], m[1])
	cascade := func(id messages.ExecutionID) messages.CascadeOutcome {
		outcome, err := g.CascadeCompletion(t.Context(), messages.CompletionPayload{ExecutionID: id, Outcome: "success"})
		require.NoError(t, err)
		return outcome
	}
	nothing := messages.CascadeOutcome{Synchronous: true}
	require.Equal(t, nothing, cascade(m[0]), "it has not ended")
	require.Equal(t, nothing, cascade(newID()))
	_, err := g.CascadeCompletion(t.Context(), messages.CompletionPayload{})
	requireInvalid(t, err, "execution_id: must not be empty")

	// An end that another program has written, and nobody has dispatched.
	g.patch(m[0], "lifecycle_phase = 'terminal', public_state = 'completed'")
	g.sql.Exec(`
		INSERT INTO ff_completion_event (partition_key, execution_id, flow_id, outcome, occurred_at_ms)
		VALUES (0, ?1, ?2, 'success', 1)`, m[0].UUID(), g.flow[:])
	require.Equal(t, messages.CascadeOutcome{Resolved: 1, Synchronous: true}, cascade(m[0]))
	require.Equal(t, releasedVector, g.vector(m[1]))
	require.Equal(t, nothing, cascade(m[0]))
	require.Equal(t, "1 0 0 0 satisfied", g.group(m[1]))
	require.Zero(t, g.sql.Int("SELECT count(*) FROM ff_completion_event WHERE dispatched_at_ms IS NULL"))
}

// eligibility is the verdict on an execution.
func (e *engine) eligibility(id messages.ExecutionID) messages.FlowEligibility {
	e.t.Helper()
	result, err := e.EvaluateFlowEligibility(e.t.Context(), messages.EvaluateFlowEligibilityArgs{ExecutionID: id})
	require.NoError(e.t, err)
	return result.Status
}

func TestSpec04_S54_AStandaloneExecutionIsEligible(t *testing.T) {
	e := open(t)
	require.Equal(t, messages.EligibilityEligible, e.eligibility(e.seeded()))
	require.Equal(t, messages.EligibilityEligible, e.eligibility(e.created()))
}

func TestSpec04_S55_AnUnknownExecutionIsNotFound(t *testing.T) {
	e := open(t)
	require.Equal(t, messages.EligibilityNotFound, e.eligibility(newID()))
	other := messages.NewExecutionID(7, e.created().UUID())
	require.Equal(t, messages.EligibilityNotFound, e.eligibility(other), "the same UUID under another index")
	_, err := e.EvaluateFlowEligibility(t.Context(), messages.EvaluateFlowEligibilityArgs{})
	requireInvalid(t, err, "execution_id: must not be empty")
}

func TestSpec04_S56_AnActiveExecutionIsNotRunnable(t *testing.T) {
	e := open(t)
	id := e.created()
	e.claimed()
	require.Equal(t, messages.EligibilityNotRunnable, e.eligibility(id))
	require.Equal(t, messages.EligibilityNotRunnable, e.eligibility(e.seeded("lifecycle_phase = 'suspended'")))
	require.Equal(t, messages.EligibilityNotRunnable, e.eligibility(e.seeded("lifecycle_phase = 'cancelled'")))
}

func TestSpec04_S57_ALeasedExecutionIsOwned(t *testing.T) {
	e := open(t)
	require.Equal(t, messages.EligibilityOwned, e.eligibility(e.seeded("ownership_state = 'leased'")))
	require.Equal(t, messages.EligibilityEligible, e.eligibility(e.seeded("ownership_state = 'released'")))
	require.Equal(t, messages.EligibilityTerminal, e.eligibility(e.seeded(`raw_fields = '{"terminal_outcome":"failed"}'`)))
	require.Equal(t, messages.EligibilityEligible, e.eligibility(e.seeded(`raw_fields = '{"terminal_outcome":"none"}'`)))
}

// membership is the assignment that makes a row a member of the flow.
func (g *graph) membership() string { return fmt.Sprintf("flow_id = x'%x'", g.flow[:]) }

// foreignEdge inserts an edge as another program does that knows no dep_state.
func (g *graph) foreignEdge(upstream, downstream messages.ExecutionID, record string) {
	g.t.Helper()
	edge := messages.NewEdgeID()
	g.sql.Exec(`
		INSERT INTO ff_edge (partition_key, flow_id, edge_id, upstream_eid, downstream_eid, policy)
		VALUES (0, ?1, ?2, ?3, ?4, ?5)`, g.flow[:], edge[:], upstream.UUID(), downstream.UUID(), record)
}

func TestSpec04_S58_ARequiredUpstreamThatHasNotEndedBlocks(t *testing.T) {
	for _, kind := range []string{"required", "AllOf", "all_of"} {
		g := open(t).newFlow()
		upstream, downstream := g.seeded(`raw_fields = '{"terminal_outcome":"none"}'`), g.seeded()
		g.patch(downstream, g.membership())
		g.foreignEdge(upstream, downstream, `{"kind":"`+kind+`"}`)
		require.Equal(t, messages.EligibilityBlockedByEdges, g.eligibility(downstream))
	}
	g := open(t).newFlow()
	downstream := g.seeded(g.membership())
	g.foreignEdge(newID(), downstream, `{"kind":"required"}`)
	require.Equal(t, messages.EligibilityBlockedByEdges, g.eligibility(downstream), "an upstream that is not there")

	g = open(t).newFlow()
	downstream = g.seeded(g.membership())
	g.foreignEdge(newID(), downstream, `{"kind":"optional"}`)
	require.Equal(t, messages.EligibilityEligible, g.eligibility(downstream), "nothing counts")
}

func TestSpec04_S59_ARequiredUpstreamThatFailedIsImpossible(t *testing.T) {
	for how, want := range map[string]messages.FlowEligibility{
		`lifecycle_phase = 'terminal', raw_fields = '{"terminal_outcome":"failed"}'`:  messages.EligibilityImpossible,
		`lifecycle_phase = 'terminal', raw_fields = '{"terminal_outcome":"success"}'`: messages.EligibilityEligible,
		`lifecycle_phase = 'terminal', public_state = 'completed'`:                    messages.EligibilityEligible,
		`lifecycle_phase = 'cancelled'`:                                               messages.EligibilityImpossible,
		`lifecycle_phase = 'terminal', public_state = 'expired'`:                      messages.EligibilityImpossible,
		`lifecycle_phase = 'terminal', public_state = 'running'`:                      messages.EligibilityImpossible,
	} {
		g := open(t).newFlow()
		upstream, downstream := g.seeded(how), g.seeded(g.membership())
		g.foreignEdge(upstream, downstream, `{"kind":"required"}`)
		require.Equal(t, want, g.eligibility(downstream), how)
	}
}

func TestSpec04_S60_EligibilityOfAMember(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	g.edge(m[0], m[1])
	g.claimAll(m[:1])
	require.Equal(t, messages.EligibilityBlockedByEdges, g.eligibility(m[1]))
	_, err := g.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: m[0]})
	require.NoError(t, err)
	g.idle()
	require.Equal(t, messages.PublicSkipped, g.state(m[1]))
	require.Equal(t, messages.EligibilityNotRunnable, g.eligibility(m[1]))
	g.replayed(m[1])
	require.Equal(t, messages.EligibilityBlockedByEdges, g.eligibility(m[1]))
	g.replayed(m[0])
	g.drive(m[0], true)
	require.Equal(t, messages.EligibilityEligible, g.eligibility(m[1]))

	alone := g.created()
	_, err = g.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: alone})
	require.NoError(t, err)
	require.Equal(t, messages.EligibilityNotRunnable, g.eligibility(alone))
	g.replayed(alone)
	require.Equal(t, messages.EligibilityEligible, g.eligibility(alone), "not terminal")
}

func TestEvaluateFlowEligibility_StagedEdgesWaitWithTheAppliedOnes(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	late := g.stage(m[1], m[2])
	require.Equal(t, messages.EligibilityEligible, g.eligibility(m[2]), "staging does not gate")
	g.edge(m[0], m[2])
	g.drive(m[0], true)
	require.Equal(t, messages.EligibilityBlockedByEdges, g.eligibility(m[2]))
	g.apply(late)
	g.drive(m[1], true)
	require.Equal(t, messages.EligibilityEligible, g.eligibility(m[2]))
}

func TestEvaluateFlowEligibility_UsesThePolicy(t *testing.T) {
	g := open(t).newFlow()
	upstreams, child := g.fanIn(3, anyOf(messages.LetRun))
	handles := g.claimAll(upstreams)
	g.end(false, handles[0])
	require.Equal(t, messages.EligibilityBlockedByEdges, g.eligibility(child))
	g.end(true, handles[1])
	require.Equal(t, messages.EligibilityEligible, g.eligibility(child))
}

func TestSpec04_S24_EveryOtherOutcomeCountsAsFailure(t *testing.T) {
	for outcome, counters := range map[messages.CompletionOutcome]string{
		messages.CompletionFailed: "0 1 0 0", messages.CompletionCancelled: "0 1 0 0",
		messages.CompletionExpired: "0 1 0 0", messages.CompletionSkipped: "0 0 1 0",
	} {
		g := open(t).newFlow()
		m := g.members(2)
		resolved, err := g.resolve(g.applied(m[0], m[1]), outcome)
		require.NoError(t, err)
		require.Equal(t, messages.ResolveImpossible, resolved.Outcome)
		require.Equal(t, counters+" impossible", g.group(m[1]), outcome)
		require.Equal(t, skippedVector, g.vector(m[1]))
	}
}
