package ffsqlite_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

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

	for name, withPolicy := range map[string]bool{"with a policy": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			in := open(t).newFlow()
			m := in.members(4)
			if withPolicy {
				_, err := in.policy(m[3], messages.EdgeDependencyPolicy{Kind: messages.AllOf})
				require.NoError(t, err)
			}
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
		})
	}
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
	require.Equal(t, "default 1", g.sql.Text(
		"SELECT namespace || ' ' || (flow_id = ?1) FROM ff_completion_event WHERE execution_id = ?2", g.flow, m[2].UUID()))
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

func TestSpec04_S24_AnExpiredUpstreamMakesAllOfImpossible(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := open(t).newFlow()
		deadline := g.now() + 1000
		upstream := g.member(func(a *messages.CreateExecutionArgs) { a.ExecutionDeadlineAt = deadline })
		child := g.member()
		g.edge(upstream, child)
		g.advance(999 * time.Millisecond)
		require.Equal(t, blockedVector, g.vector(child))
		g.advance(time.Millisecond)
		g.idle()
		require.Equal(t, messages.PublicExpired, g.state(upstream))
		require.Equal(t, "expired", g.completions(upstream))
		require.Equal(t, messages.PublicSkipped, g.state(child))
		require.Equal(t, "0 1 0 0 impossible", g.group(child))
		require.Equal(t, "skipped", g.completions(child))
		require.Equal(t, "expired", g.sql.Text("SELECT resolved_outcome FROM ff_edge"))
	})
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

// The gate comes before the delay, and its release looks at the delay.
func TestSpec02_S64_ADelayedMemberIsReleasedToItsDelay(t *testing.T) {
	g := open(t).newFlow()
	upstream, late := g.member(withPriority(1)), g.member()
	due := g.now() + 1000
	delayed := func(a *messages.CreateExecutionArgs) { a.DelayUntil = due }
	child, lateChild := g.member(delayed), g.member(delayed)
	require.Equal(t, messages.PublicDelayed, g.state(child))
	g.edge(upstream, child)
	g.edge(late, lateChild)
	require.Equal(t, blockedVector, g.vector(child))
	require.Equal(t, blockedVector, g.vector(lateChild))

	g.clock.Advance(500 * time.Millisecond)
	g.drive(upstream, true)
	require.Equal(t, messages.PublicDelayed, g.state(child))
	require.Equal(t, fmt.Sprint(int64(due)), g.raw(child, "delay_until"))
	claimed, handle := g.claimedExecution()
	require.Equal(t, late, claimed)
	g.nothingToClaim()

	g.clock.Advance(500 * time.Millisecond)
	claimed, _ = g.claimedExecution()
	require.Equal(t, child, claimed)
	require.Equal(t, blockedVector, g.vector(lateChild), "its time has come, its upstream has not ended")
	g.nothingToClaim()

	g.clock.Advance(500 * time.Millisecond)
	require.NoError(t, g.Complete(t.Context(), handle, nil))
	g.idle()
	require.Equal(t, messages.PublicWaiting, g.state(lateChild))
	claimed, _ = g.claimedExecution()
	require.Equal(t, lateChild, claimed)
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
