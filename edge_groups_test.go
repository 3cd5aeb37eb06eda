package ffsqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// Groups of edges that fire before all upstreams have succeeded: scenarios 42 to 53 of chapter 04.

func anyOf(then messages.OnSatisfied) messages.EdgeDependencyPolicy {
	return messages.EdgeDependencyPolicy{Kind: messages.AnyOf, OnSatisfied: then}
}

func quorum(k uint32, then messages.OnSatisfied) messages.EdgeDependencyPolicy {
	return messages.EdgeDependencyPolicy{Kind: messages.Quorum, K: k, OnSatisfied: then}
}

func (g *graph) policy(
	downstream messages.ExecutionID, policy messages.EdgeDependencyPolicy,
) (messages.SetEdgeGroupPolicyResultKind, error) {
	g.t.Helper()
	result, err := g.SetEdgeGroupPolicy(g.t.Context(), messages.SetEdgeGroupPolicyArgs{
		FlowID: g.flow, DownstreamExecutionID: downstream, Policy: policy,
	})
	return result.Outcome, err
}

// fanIn makes n upstreams and a child that waits for them under the policy.
func (g *graph) fanIn(n int, policy messages.EdgeDependencyPolicy) (upstreams []messages.ExecutionID, child messages.ExecutionID) {
	g.t.Helper()
	m := g.members(n + 1)
	upstreams, child = m[:n], m[n]
	outcome, err := g.policy(child, policy)
	require.NoError(g.t, err)
	require.Equal(g.t, messages.SetPolicySet, outcome)
	for _, upstream := range upstreams {
		g.edge(upstream, child)
	}
	return upstreams, child
}

// claimAll claims the executions, which must be the next ones in this order.
func (g *graph) claimAll(ids []messages.ExecutionID) []messages.Handle {
	g.t.Helper()
	handles := make([]messages.Handle, len(ids))
	for i, id := range ids {
		var claimed messages.ExecutionID
		claimed, handles[i] = g.claimedExecution()
		require.Equal(g.t, id, claimed)
	}
	return handles
}

// end completes or fails the attempts for good and waits for what follows.
func (g *graph) end(success bool, handles ...messages.Handle) {
	g.t.Helper()
	for _, handle := range handles {
		if success {
			require.NoError(g.t, g.Complete(g.t.Context(), handle, nil))
		} else {
			_, err := g.Fail(g.t.Context(), messages.FailArgs{Handle: handle, Class: messages.FailurePermanent})
			require.NoError(g.t, err)
		}
	}
	g.idle()
}

// siblings is what the group says of the cancellation of its siblings, and how many groups wait for one.
func (g *graph) siblings(downstream messages.ExecutionID) string {
	g.t.Helper()
	return g.sql.Text(`
		SELECT cancel_siblings_pending_flag || ' ' || cancel_siblings_pending_members || ' ' ||
		       coalesce(cancel_siblings_reason, 'NULL') || ' ' || (SELECT count(*) FROM ff_pending_cancel_groups)
		  FROM ff_edge_group WHERE downstream_eid = ?`, downstream.UUID())
}

// requireSiblingCancelled asserts all that the cancellation of a sibling leaves.
func (g *graph) requireSiblingCancelled(id messages.ExecutionID, reason, leaseEvents string) {
	g.t.Helper()
	require.Equal(g.t, messages.PublicCancelled, g.state(id))
	require.Equal(g.t, "cancelled "+reason+" engine", g.column(id,
		"lifecycle_phase || ' ' || cancellation_reason || ' ' || cancelled_by"))
	require.Equal(g.t, "cancelled", g.completions(id))
	require.Equal(g.t, leaseEvents, g.leaseEvents(id))
}

func TestSpec04_S42_APolicyIsSetBeforeTheFirstEdge(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	_, err := g.policy(m[1], quorum(0, ""))
	requireInvalid(t, err, "quorum_k: must be >= 1")
	_, err = g.policy(m[1], quorum(1<<31, ""))
	requireInvalid(t, err, "quorum_k: must be <= 2147483647")
	_, err = g.policy(m[1], messages.EdgeDependencyPolicy{Kind: "most_of"})
	requireInvalid(t, err, "policy: unknown kind most_of")
	_, err = g.policy(m[1], anyOf("shrug"))
	requireInvalid(t, err, "on_satisfied: must be cancel_remaining or let_run")
	require.Zero(t, g.sql.Int("SELECT count(*) FROM ff_edge_group"))

	for _, set := range []struct {
		policy  messages.EdgeDependencyPolicy
		outcome messages.SetEdgeGroupPolicyResultKind
		stored  string
	}{
		{messages.EdgeDependencyPolicy{}, messages.SetPolicySet, `{"kind":"all_of"} 0`},
		{messages.EdgeDependencyPolicy{Kind: messages.AllOf}, messages.SetPolicyAlreadySet, `{"kind":"all_of"} 0`},
		{quorum(2, ""), messages.SetPolicySet, `{"k":2,"kind":"quorum","on_satisfied":"cancel_remaining"} 2`},
		{quorum(2, messages.CancelRemaining), messages.SetPolicyAlreadySet, `{"k":2,"kind":"quorum","on_satisfied":"cancel_remaining"} 2`},
		{quorum(2, messages.LetRun), messages.SetPolicySet, `{"k":2,"kind":"quorum","on_satisfied":"let_run"} 2`},
		{quorum(3, messages.LetRun), messages.SetPolicySet, `{"k":3,"kind":"quorum","on_satisfied":"let_run"} 3`},
		{anyOf(messages.LetRun), messages.SetPolicySet, `{"kind":"any_of","on_satisfied":"let_run"} 1`},
	} {
		outcome, err := g.policy(m[1], set.policy)
		require.NoError(t, err)
		require.Equal(t, set.outcome, outcome)
		require.Equal(t, set.stored, g.sql.Text("SELECT policy || ' ' || k_target FROM ff_edge_group"))
	}
	require.Equal(t, int64(g.revision), g.sql.Int("SELECT graph_revision FROM ff_flow_core"))

	g.stage(m[0], m[1])
	for _, policy := range []messages.EdgeDependencyPolicy{anyOf(messages.LetRun), {}} {
		_, err = g.policy(m[1], policy)
		requireInvalid(t, err, "edge_group_policy_already_fixed: dependencies already staged")
	}
	require.Equal(t, `{"kind":"any_of","on_satisfied":"let_run"}`, g.sql.Text("SELECT policy FROM ff_edge_group"))

	unknown := &graph{engine: g.engine, flow: messages.NewFlowID()}
	_, err = unknown.policy(m[1], messages.EdgeDependencyPolicy{})
	requireDetail(t, err, messages.ErrFlowNotFound, "flow_not_found")
	_, err = g.policy(messages.ExecutionID{}, messages.EdgeDependencyPolicy{})
	requireInvalid(t, err, "downstream_execution_id: must not be empty")
}

func TestSpec04_S43_AnyOfCancelsTheRemaining(t *testing.T) {
	g := open(t).newFlow()
	upstreams, child := g.fanIn(3, anyOf(messages.CancelRemaining))
	handles := g.claimAll(upstreams)
	g.end(true, handles[0])

	require.Equal(t, releasedVector, g.vector(child))
	require.Equal(t, "1 2 0 0 satisfied", g.group(child))
	for _, sibling := range upstreams[1:] {
		g.requireSiblingCancelled(sibling, "sibling_quorum_satisfied", "acquired revoked")
		require.Equal(t, "cancelled NULL NULL 2", g.attempt(sibling, 0,
			"outcome || ' ' || coalesce(worker_instance_id, 'NULL') || ' ' || coalesce(lease_expires_at_ms, 'NULL') || ' ' || lease_epoch"))
		require.Equal(t, "sibling_cancel", g.sql.Text("SELECT revoked_by FROM ff_lease_event WHERE execution_id = ? AND event_type = 'revoked'",
			messages.FlowID(sibling.UUID()).String()))
	}
	require.Equal(t, "0 [] sibling_quorum_satisfied 0", g.siblings(child))
	require.ErrorIs(t, g.Complete(t.Context(), handles[1], nil), messages.ErrLeaseConflict)
	g.consistent()
}

func TestSpec04_S44_AnyOfLetsTheRemainingRun(t *testing.T) {
	g := open(t).newFlow()
	upstreams, child := g.fanIn(3, anyOf(messages.LetRun))
	handles := g.claimAll(upstreams)
	g.end(true, handles[0])
	require.Equal(t, releasedVector, g.vector(child))
	require.Equal(t, "0 [] NULL 0", g.siblings(child))
	satisfied := g.sql.Int("SELECT satisfied_at_ms FROM ff_edge_group")
	require.Equal(t, int64(g.now()), satisfied)
	for _, sibling := range upstreams[1:] {
		require.Equal(t, messages.PublicActive, g.state(sibling))
	}

	g.clock.Advance(time.Second)
	g.claimAll([]messages.ExecutionID{child})
	before := g.column(child, "raw_fields") + g.vector(child)
	g.end(true, handles[1:]...)
	require.Equal(t, "3 0 0 0 satisfied", g.group(child))
	require.Equal(t, satisfied, g.sql.Int("SELECT satisfied_at_ms FROM ff_edge_group"))
	require.Equal(t, before, g.column(child, "raw_fields")+g.vector(child))
	require.Equal(t, messages.PublicActive, g.state(child))
	g.consistent()
}

func TestSpec04_S45_AQuorumFiresWithItsLastSuccess(t *testing.T) {
	for _, then := range []messages.OnSatisfied{messages.CancelRemaining, messages.LetRun} {
		t.Run(string(then), func(t *testing.T) {
			g := open(t).newFlow()
			upstreams, child := g.fanIn(5, quorum(3, then))
			handles := g.claimAll(upstreams)
			g.end(true, handles[:2]...)
			require.Equal(t, blockedVector, g.vector(child))
			g.end(true, handles[2])
			require.Equal(t, releasedVector, g.vector(child))
			if then == messages.LetRun {
				require.Equal(t, "0 [] NULL 0", g.siblings(child))
				g.end(true, handles[3])
				require.Equal(t, "4 0 0 1 satisfied", g.group(child))
				require.Equal(t, messages.PublicActive, g.state(upstreams[4]))
				return
			}
			for _, straggler := range upstreams[3:] {
				g.requireSiblingCancelled(straggler, "sibling_quorum_satisfied", "acquired revoked")
			}
			require.Equal(t, "3 2 0 0 satisfied", g.group(child))
			g.consistent()
		})
	}
}

func TestSpec04_S46_AnImpossibleQuorumSkipsTheChild(t *testing.T) {
	for _, then := range []messages.OnSatisfied{messages.CancelRemaining, messages.LetRun} {
		t.Run(string(then), func(t *testing.T) {
			g := open(t).newFlow()
			upstreams, child := g.fanIn(5, quorum(3, then))
			handles := g.claimAll(upstreams)
			g.end(false, handles[:2]...)
			require.Equal(t, blockedVector, g.vector(child))
			g.end(false, handles[2])
			require.Equal(t, skippedVector, g.vector(child))
			require.Equal(t, "skipped", g.completions(child))
			for _, sibling := range upstreams[3:] {
				if then == messages.CancelRemaining {
					g.requireSiblingCancelled(sibling, "sibling_quorum_impossible", "acquired revoked")
				} else {
					require.Equal(t, messages.PublicActive, g.state(sibling))
				}
			}
			if then == messages.CancelRemaining {
				require.Equal(t, "0 5 0 0 impossible", g.group(child))
				require.Equal(t, "0 [] sibling_quorum_impossible 0", g.siblings(child))
			} else {
				require.Equal(t, "0 3 0 2 impossible", g.group(child))
				require.Equal(t, "0 [] NULL 0", g.siblings(child))
			}
			g.consistent()
		})
	}
}

func TestSpec04_S47_AnyOfWaitsForTheLastFailure(t *testing.T) {
	g := open(t).newFlow()
	upstreams, child := g.fanIn(3, anyOf(messages.CancelRemaining))
	handles := g.claimAll(upstreams)
	g.end(false, handles[:2]...)
	require.Equal(t, blockedVector, g.vector(child))
	require.Equal(t, "0 2 0 1 pending", g.group(child))
	g.end(false, handles[2])
	require.Equal(t, skippedVector, g.vector(child))

	g = open(t).newFlow()
	upstreams, mid := g.fanIn(3, quorum(3, messages.LetRun))
	tail := g.member()
	g.edge(mid, tail)
	g.end(false, g.claimAll(upstreams)[0])
	require.Equal(t, skippedVector, g.vector(mid))
	require.Equal(t, skippedVector, g.vector(tail))
	require.Equal(t, "0 0 1 0 impossible", g.group(tail))
}

func TestSpec04_S48_AQuorumAboveItsEdgesIsImpossible(t *testing.T) {
	g := open(t).newFlow()
	upstreams, child := g.fanIn(2, quorum(3, messages.CancelRemaining))
	g.end(true, g.claimAll(upstreams)[0])
	require.Equal(t, skippedVector, g.vector(child))
	g.requireSiblingCancelled(upstreams[1], "sibling_quorum_impossible", "acquired revoked")
}

func TestSpec04_S49_ManySiblingsAndManyGroups(t *testing.T) {
	g := open(t).newFlow()
	upstreams, child := g.fanIn(50, quorum(1, messages.CancelRemaining))
	_, handle := g.claimedExecution()
	g.end(true, handle)
	for _, sibling := range upstreams[1:] {
		g.requireSiblingCancelled(sibling, "sibling_quorum_satisfied", "")
	}
	require.Equal(t, releasedVector, g.vector(child))
	require.Equal(t, "0 [] sibling_quorum_satisfied 0", g.siblings(child))

	many := open(t).newFlow()
	var first []messages.Handle
	var rest []messages.ExecutionID
	for i := range 8 {
		group := func(a *messages.CreateExecutionArgs) { a.Priority = int32(8 - i) }
		m := []messages.ExecutionID{many.member(group), many.member(group), many.member(group), many.member(group)}
		_, err := many.policy(m[3], anyOf(messages.CancelRemaining))
		require.NoError(t, err)
		for _, upstream := range m[:3] {
			many.edge(upstream, m[3])
		}
		claimed, handle := many.claimedExecution()
		first = append(first, handle)
		for _, upstream := range m[:3] {
			if upstream != claimed {
				rest = append(rest, upstream)
				many.patch(upstream, "priority = -1") // So that the next claim takes one of the next group.
			}
		}
	}
	many.end(true, first...) // Back to back.
	require.Len(t, rest, 16)
	for _, sibling := range rest {
		many.requireSiblingCancelled(sibling, "sibling_quorum_satisfied", "")
	}
	require.Zero(t, many.sql.Int("SELECT count(*) FROM ff_pending_cancel_groups"))
	require.Equal(t, int64(16), many.sql.Int("SELECT count(*) FROM ff_completion_event WHERE outcome = 'cancelled'"))
	many.consistent()
}

func TestSpec04_S50_ALateEdgeOfAFiredGroupBlocksNobody(t *testing.T) {
	g := open(t).newFlow()
	upstreams, child := g.fanIn(2, anyOf(messages.LetRun))
	g.end(true, g.claimAll(upstreams)[0])
	require.Equal(t, "1 0 0 1 satisfied", g.group(child))
	staged := g.stage(g.member(), child)
	require.Equal(t, uint32(2), g.apply(staged).UnsatisfiedCount)
	require.Equal(t, "1 0 0 2 satisfied", g.group(child))
	require.Equal(t, releasedVector, g.vector(child))
}

func TestSpec04_S51_TheTruthTable(t *testing.T) {
	for _, row := range []struct {
		policy  messages.EdgeDependencyPolicy
		s, f, x int
		n       int
		want    messages.EdgeGroupState
	}{
		{messages.EdgeDependencyPolicy{}, 3, 0, 0, 3, messages.EdgeGroupSatisfied},
		{messages.EdgeDependencyPolicy{}, 2, 1, 0, 3, messages.EdgeGroupImpossible},
		{messages.EdgeDependencyPolicy{}, 1, 0, 0, 3, messages.EdgeGroupPending},
		{anyOf(messages.LetRun), 1, 0, 0, 3, messages.EdgeGroupSatisfied},
		{anyOf(messages.LetRun), 0, 3, 0, 3, messages.EdgeGroupImpossible},
		{quorum(2, messages.LetRun), 2, 0, 1, 3, messages.EdgeGroupSatisfied},
		{quorum(3, messages.LetRun), 0, 3, 0, 5, messages.EdgeGroupImpossible},
	} {
		t.Run(fmt.Sprint(row), func(t *testing.T) {
			g := open(t).newFlow()
			m := g.members(row.x + row.n + 1)
			skipping, upstreams, child := m[:row.x], m[row.x:row.x+row.n], m[row.x+row.n]
			_, err := g.policy(child, row.policy)
			require.NoError(t, err)
			for i, cause := range skipping { // The last upstreams are skipped by causes of their own.
				g.edge(cause, upstreams[row.n-1-i])
			}
			for _, upstream := range upstreams {
				g.edge(upstream, child)
			}
			g.end(false, g.claimAll(skipping)...)
			handles := g.claimAll(upstreams[:row.n-row.x])
			g.end(true, handles[:row.s]...)
			g.end(false, handles[row.s:row.s+row.f]...)
			require.Equal(t, fmt.Sprintf("%d %d %d %d %s", row.s, row.f, row.x, row.n-row.s-row.f-row.x, row.want), g.group(child))
			require.Equal(t, map[messages.EdgeGroupState]string{
				messages.EdgeGroupSatisfied: releasedVector, messages.EdgeGroupImpossible: skippedVector,
				messages.EdgeGroupPending: blockedVector,
			}[row.want], g.vector(child))
		})
	}
}

// flagged makes a group say, by hand, that its upstreams are to be cancelled.
func (g *graph) flagged(downstream messages.ExecutionID, flag int, members ...messages.ExecutionID) {
	g.t.Helper()
	list := "["
	for i, member := range members {
		if i > 0 {
			list += ","
		}
		list += `"` + messages.FlowID(member.UUID()).String() + `"`
	}
	g.sql.Exec(`
		UPDATE ff_edge_group
		   SET cancel_siblings_pending_flag = ?2, cancel_siblings_pending_members = ?3,
		       cancel_siblings_reason = 'sibling_quorum_satisfied'
		 WHERE downstream_eid = ?1`, downstream.UUID(), flag, list+"]")
	g.sql.Exec("INSERT INTO ff_pending_cancel_groups VALUES (0, ?1, ?2, ?3)", g.flow[:], downstream.UUID(), int64(g.now()))
}

func TestSpec04_S52_ReconcilingAGroup(t *testing.T) {
	reconcile := func(g *graph, downstream messages.ExecutionID) messages.SiblingCancelReconcileAction {
		action, err := g.ReconcileSiblingCancelGroup(t.Context(), g.flow, downstream)
		require.NoError(t, err)
		return action
	}
	g := open(t, ffsqlite.WithoutScanners()).newFlow() // They would deal with the group first.
	upstreams, child := g.fanIn(2, anyOf(messages.CancelRemaining))
	require.Equal(t, messages.ReconcileNoOp, reconcile(g, child), "without a pending row")

	g.flagged(child, 0, upstreams...)
	require.Equal(t, messages.ReconcileSremmedStale, reconcile(g, child))
	require.Equal(t, messages.PublicWaiting, g.state(upstreams[0]))
	require.Zero(t, g.sql.Int("SELECT count(*) FROM ff_pending_cancel_groups"))

	g.claimAll(upstreams[:1])
	g.flagged(child, 1, upstreams[0])
	before := g.siblings(child)
	require.Equal(t, messages.ReconcileNoOp, reconcile(g, child))
	require.Equal(t, before, g.siblings(child))
	require.Equal(t, messages.PublicActive, g.state(upstreams[0]))

	ended := g.newFlow()
	upstreams, child = ended.fanIn(2, quorum(2, messages.LetRun))
	for _, upstream := range upstreams {
		_, err := ended.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: upstream})
		require.NoError(t, err)
	}
	ended.idle()
	g.sql.Exec("DELETE FROM ff_pending_cancel_groups")
	ended.flagged(child, 1, append(upstreams, newID())...)
	require.Equal(t, messages.ReconcileCompletedDrain, reconcile(ended, child))
	require.Equal(t, "0 [] sibling_quorum_satisfied 0", ended.siblings(child))
	require.Equal(t, messages.ReconcileNoOp, reconcile(ended, child))

	_, err := g.ReconcileSiblingCancelGroup(t.Context(), g.flow, messages.ExecutionID{})
	requireInvalid(t, err, "downstream_execution_id: must not be empty")
}

func TestSpec04_S52_DrainingAGroup(t *testing.T) {
	drain := func(g *graph, downstream messages.ExecutionID) messages.DrainSiblingCancelGroupResult {
		result, err := g.DrainSiblingCancelGroup(t.Context(), g.flow, downstream)
		require.NoError(t, err)
		g.idle()
		return result
	}
	g := open(t, ffsqlite.WithoutScanners()).newFlow() // They would deal with the group first.
	upstreams, child := g.fanIn(4, anyOf(messages.LetRun))
	already := messages.DrainSiblingCancelGroupResult{Outcome: messages.DrainAlreadyDrained}
	require.Equal(t, already, drain(g, child))

	g.flagged(child, 0, upstreams...)
	require.Equal(t, messages.DrainSiblingCancelGroupResult{Outcome: messages.DrainDrained}, drain(g, child))
	require.Equal(t, "0 [] sibling_quorum_satisfied 0", g.siblings(child))
	require.Equal(t, messages.PublicWaiting, g.state(upstreams[0]))

	g.end(true, g.claimAll(upstreams[:1])...)
	g.claimAll(upstreams[1:2])
	g.flagged(child, 1, append(upstreams[:3:3], newID())...)
	require.Equal(t, messages.DrainSiblingCancelGroupResult{
		Outcome: messages.DrainDrained, Cancelled: 2, AlreadyTerminal: 1, NotFound: 1,
	}, drain(g, child))
	g.requireSiblingCancelled(upstreams[1], "sibling_quorum_satisfied", "acquired revoked")
	g.requireSiblingCancelled(upstreams[2], "sibling_quorum_satisfied", "")
	require.Equal(t, messages.PublicWaiting, g.state(upstreams[3]))
	require.Equal(t, "0 [] sibling_quorum_satisfied 0", g.siblings(child))
	require.Equal(t, "1 2 0 1 satisfied", g.group(child))
	require.Equal(t, already, drain(g, child))

	orphan := newID()
	g.sql.Exec("INSERT INTO ff_pending_cancel_groups VALUES (0, ?1, ?2, 1)", g.flow[:], orphan.UUID())
	require.Equal(t, messages.DrainSiblingCancelGroupResult{Outcome: messages.DrainDrainedSansGroup}, drain(g, orphan))
	require.Zero(t, g.sql.Int("SELECT count(*) FROM ff_pending_cancel_groups"))

	_, err := g.DrainSiblingCancelGroup(t.Context(), g.flow, messages.ExecutionID{})
	requireInvalid(t, err, "downstream_execution_id: must not be empty")
}

func TestDrainSiblingCancelGroup_WhatExceedsOneMessageFollows(t *testing.T) {
	g := open(t).newFlow()
	upstreams, child := g.fanIn(1100, anyOf(messages.LetRun))
	g.flagged(child, 1, upstreams...)
	result, err := g.DrainSiblingCancelGroup(t.Context(), g.flow, child)
	require.NoError(t, err)
	require.Equal(t, messages.DrainSiblingCancelGroupResult{Outcome: messages.DrainDrained, Cancelled: 1024}, result)
	g.idle()
	require.Equal(t, int64(1100), g.sql.Int("SELECT count(*) FROM ff_completion_event WHERE outcome = 'cancelled'"))
	require.Equal(t, "0 [] sibling_quorum_satisfied 0", g.siblings(child))
	require.Equal(t, "0 1100 0 0 impossible", g.group(child))
	g.consistent()
}

func TestSpec04_S53_PolicyAndStateAreDescribed(t *testing.T) {
	g := open(t).newFlow()
	upstreams, child := g.fanIn(3, quorum(2, messages.CancelRemaining))
	described := func() messages.EdgeGroupSnapshot {
		flow, err := g.DescribeFlow(t.Context(), g.flow)
		require.NoError(t, err)
		require.Len(t, flow.EdgeGroups, 1)
		return flow.EdgeGroups[0]
	}
	require.Equal(t, messages.EdgeGroupSnapshot{
		DownstreamExecutionID: child, Policy: quorum(2, messages.CancelRemaining), TotalDeps: 3, RunningCount: 3,
		GroupState: messages.EdgeGroupPending,
	}, described())
	handles := g.claimAll(upstreams)
	g.end(true, handles[:2]...)
	require.Equal(t, messages.EdgeGroupSatisfied, described().GroupState)
	for _, state := range []messages.EdgeGroupState{
		messages.EdgeGroupPending, messages.EdgeGroupSatisfied, messages.EdgeGroupImpossible, messages.EdgeGroupCancelled,
	} {
		g.sql.Exec("UPDATE ff_edge_group SET group_state = ?1", string(state))
		require.Equal(t, state, described().GroupState)
	}
}
