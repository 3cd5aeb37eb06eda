package ffsqlite_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Giving the lease back and keeping the attempt: 03 §7.

const (
	waitingChildrenVector = "runnable unowned blocked_by_dependencies waiting_children attempt_interrupted waiting_for_children"
	interruptedVector     = "runnable unowned eligible_now waiting attempt_interrupted waiting_for_worker"
)

// continues asserts that the next claim continues the attempt of the handle.
func (e *engine) continues(parked messages.Handle) messages.Handle {
	e.t.Helper()
	handle := e.claimed()
	require.Equal(e.t, messages.HandleResumed, handle.Kind)
	old, now := payloadOf(e.t, parked), payloadOf(e.t, handle)
	require.Equal(e.t, old.ExecutionID, now.ExecutionID)
	require.Equal(e.t, old.AttemptIndex, now.AttemptIndex)
	require.Equal(e.t, old.AttemptID, now.AttemptID)
	require.Equal(e.t, old.LeaseEpoch+1, now.LeaseEpoch)
	require.NotEqual(e.t, old.LeaseID, now.LeaseID)
	return handle
}

// parked asserts that a second call of the former holder is told so, and writes nothing.
func (e *engine) parked(handle messages.Handle) {
	e.t.Helper()
	before := e.stored()
	for _, err := range []error{e.Delay(e.t.Context(), handle, 0), e.WaitChildren(e.t.Context(), handle)} {
		requireNotActive(e.t, err, messages.NotActiveInfo{
			TerminalOutcome: "none", LeaseEpoch: "1", LifecyclePhase: "runnable",
			AttemptID: payloadOf(e.t, handle).AttemptID.String(),
		})
	}
	require.Equal(e.t, before, e.stored())
}

func TestSpec03_S61_DelayParksTheAttempt(t *testing.T) {
	t.Parallel()
	e := open(t)
	deadline := e.now() + 60_000
	id := e.created(
		func(a *messages.CreateExecutionArgs) { a.ExecutionDeadlineAt = deadline },
		withPolicy(func(p *messages.ExecutionPolicy) {
			p.TimeoutPolicy = &messages.TimeoutPolicy{AttemptTimeout: time.Second}
		}))
	handle := e.claimed()
	until := e.now() + 10_000
	require.NoError(t, e.Delay(t.Context(), handle, until))
	require.Equal(t, "runnable unowned not_eligible_until_time delayed attempt_interrupted waiting_for_delay", e.vector(id))
	require.Equal(t, "1 NULL interrupted NULL", e.attemptVector(id, 0))
	require.Equal(t, "NULL", e.attempt(id, 0, "attempt_timeout_at_ms"), "it does not run")
	require.Equal(t, fmt.Sprint(deadline), e.column(id, "deadline_at_ms"))
	require.Equal(t, fmt.Sprint(until), e.raw(id, "delay_until"))
	require.Equal(t, fmt.Sprintf("delayed until %d", until), e.raw(id, "blocking_detail"))
	require.Equal(t, fmt.Sprint(e.now()), e.raw(id, "last_mutation_at"))
	for _, key := range []string{"current_lease_id", "current_worker_id", "current_worker_instance_id"} {
		require.Empty(t, e.raw(id, key))
	}
	require.Equal(t, payloadOf(t, handle).AttemptID.String(), e.raw(id, "current_attempt_id"))
	require.Equal(t, "acquired revoked", e.leaseEvents(id))
	require.Equal(t, "delay", e.sql.Text("SELECT revoked_by FROM ff_lease_event WHERE event_type = 'revoked'"))
	require.Empty(t, e.completions(id))
	e.parked(handle)

	e.clock.Advance(10*time.Second - time.Millisecond)
	e.nothingToClaim()
	e.clock.Advance(time.Millisecond)
	resumed := e.continues(handle)
	require.Equal(t, "NULL", e.attempt(id, 0, "outcome"))
	require.Equal(t, "1000", e.attempt(id, 0, "attempt_timeout_at_ms - started_at_ms"), "it begins anew")
	require.Equal(t, "NULL", e.raw(id, "delay_until"))
	require.Equal(t, "1", e.raw(id, "total_attempt_count"))
	require.ErrorIs(t, e.Complete(t.Context(), handle, nil), messages.ErrLeaseConflict)
	require.NoError(t, e.Complete(t.Context(), resumed, nil))
}

func TestSpec03_S62_ADelayThatHasPassedIsDueAtOnce(t *testing.T) {
	t.Parallel()
	e := open(t)
	for _, until := range []messages.TimestampMs{0, -5, 1, e.now()} {
		e.created()
		handle := e.claimed()
		require.NoError(t, e.Delay(t.Context(), handle, until))
		require.NoError(t, e.Complete(t.Context(), e.continues(handle), nil))
	}
}

func TestSpec03_S62_ADelayWakesAWaitingClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created()
		handle := e.claimed()
		p := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		require.NoError(t, e.Delay(t.Context(), handle, e.now()+300))
		e.advance(299 * time.Millisecond)
		p.parked(t)
		e.advance(time.Millisecond)
		p.got(t, id)
		require.Equal(t, messages.HandleResumed, p.kind)
	})
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created()
		handle := e.claimed()
		p := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		require.NoError(t, e.Delay(t.Context(), handle, 0))
		e.advance(0)
		p.got(t, id)
	})
}

func TestSpec03_S62_TheDeadlineOfAParkedExecutionPasses(t *testing.T) {
	t.Parallel()
	for name, park := range map[string]func(*engine, messages.Handle) error{
		"delayed": func(e *engine, handle messages.Handle) error {
			return e.Delay(e.t.Context(), handle, e.now()+10_000)
		},
		"waiting for children": func(e *engine, handle messages.Handle) error {
			return e.WaitChildren(e.t.Context(), handle)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := open(t)
				id := e.created(
					func(a *messages.CreateExecutionArgs) { a.ExecutionDeadlineAt = e.now() + 5000 },
					withPolicy(func(p *messages.ExecutionPolicy) {
						p.TimeoutPolicy = &messages.TimeoutPolicy{AttemptTimeout: time.Second}
					}))
				require.NoError(t, park(e, e.claimed()))
				parked := e.vector(id)
				e.advance(5*time.Second - time.Millisecond)
				require.Equal(t, parked, e.vector(id), "an attempt that does not run does not time out")
				e.advance(time.Millisecond)
				require.Equal(t, "terminal unowned not_applicable expired attempt_terminal NULL", e.vector(id))
				require.Equal(t, "expired", e.completions(id))
				require.Equal(t, "acquired revoked", e.leaseEvents(id), "no lease was held any more")
			})
		})
	}
}

func TestSpec03_S63_WaitChildrenWithoutEdges(t *testing.T) {
	t.Parallel()
	g := open(t).newFlow()
	for _, id := range []messages.ExecutionID{g.created(withPriority(1)), g.member()} {
		claimed, handle := g.claimedExecution()
		require.Equal(t, id, claimed)
		require.NoError(t, g.WaitChildren(t.Context(), handle))
		require.Equal(t, waitingChildrenVector, g.vector(id))
		require.Equal(t, "1 NULL waiting_children NULL", g.attemptVector(id, 0))
		require.Equal(t, "waiting for child executions to complete", g.raw(id, "blocking_detail"))
		require.Equal(t, "acquired revoked", g.leaseEvents(id))
		g.parked(handle)
	}
	require.Equal(t, int64(2), g.sql.Int("SELECT count(*) FROM ff_lease_event WHERE revoked_by = 'wait_children'"))
	g.nothingToClaim()
}

func TestSpec03_S63_AnEdgeThatComesLaterReleases(t *testing.T) {
	t.Parallel()
	g := open(t).newFlow()
	parent := g.member(withPriority(1))
	_, handle := g.claimedExecution()
	require.NoError(t, g.WaitChildren(t.Context(), handle))
	child := g.member()
	g.edge(child, parent)
	require.Equal(t, "0 0 0 1 pending", g.group(parent))
	g.drive(child, true)
	require.Equal(t, interruptedVector, g.vector(parent))
	g.continues(handle)
}

// parentOf is a claimed execution with edges from n children, applied while it runs.
func (g *graph) parentOf(n int) (parent messages.ExecutionID, handle messages.Handle, children []messages.ExecutionID) {
	g.t.Helper()
	parent = g.member(withPriority(1))
	_, handle = g.claimedExecution()
	children = g.members(n)
	for _, child := range children {
		g.edge(child, parent)
	}
	require.Equal(g.t, messages.PublicActive, g.state(parent), "an edge does not gate what runs")
	return parent, handle, children
}

func TestSpec03_S64_ChildrenThatSucceedLater(t *testing.T) {
	t.Parallel()
	g := open(t).newFlow()
	parent, handle, children := g.parentOf(2)
	require.NoError(t, g.WaitChildren(t.Context(), handle))
	require.Equal(t, "0 0 0 2 pending", g.group(parent))
	g.drive(children[0], true)
	require.Equal(t, waitingChildrenVector, g.vector(parent))
	g.drive(children[1], true)
	require.Equal(t, interruptedVector, g.vector(parent))
	require.Equal(t, "2 0 0 0 satisfied", g.group(parent))
	resumed := g.continues(handle)
	require.NoError(t, g.Complete(t.Context(), resumed, nil))
	require.Equal(t, "success", g.completions(parent))
}

func TestSpec03_S64_ChildrenThatSucceededBefore(t *testing.T) {
	t.Parallel()
	g := open(t).newFlow()
	parent, handle, children := g.parentOf(2)
	g.drive(children[0], true)
	g.drive(children[1], true)
	require.Equal(t, "2 0 0 0 satisfied", g.group(parent))
	require.Equal(t, messages.PublicActive, g.state(parent))
	require.NoError(t, g.WaitChildren(t.Context(), handle))
	require.Equal(t, interruptedVector, g.vector(parent), "claimable at once")
	require.Equal(t, "2 0 0 0 satisfied", g.group(parent))

	// And once more, with what the group knows already.
	again := g.continues(handle)
	require.NoError(t, g.WaitChildren(t.Context(), again))
	require.Equal(t, interruptedVector, g.vector(parent))
	g.continues(again)
}

func TestSpec03_S64_AnotherRoundOfChildren(t *testing.T) {
	t.Parallel()
	g := open(t).newFlow()
	parent, handle, children := g.parentOf(1)
	g.drive(children[0], true)
	require.Equal(t, "1 0 0 0 satisfied", g.group(parent))
	second := g.member()
	staged := g.stage(second, parent)
	require.NoError(t, g.WaitChildren(t.Context(), handle))
	require.Equal(t, "1 0 0 0 pending", g.group(parent), "a staged edge is open")
	require.Equal(t, waitingChildrenVector, g.vector(parent))
	g.apply(staged)
	require.Equal(t, waitingChildrenVector, g.vector(parent))
	g.drive(second, true)
	require.Equal(t, interruptedVector, g.vector(parent))
	require.Equal(t, "2 0 0 0 satisfied", g.group(parent))
}

func TestSpec03_S64_AChildThatFailsSkipsTheWaitingParent(t *testing.T) {
	t.Parallel()
	g := open(t).newFlow()
	parent, handle, children := g.parentOf(2)
	require.NoError(t, g.WaitChildren(t.Context(), handle))
	g.drive(children[0], false)
	require.Equal(t, "terminal unowned not_applicable skipped attempt_terminal NULL", g.vector(parent))
	require.Equal(t, "skipped", g.attempt(parent, 0, "outcome"))
	require.Equal(t, "skipped", g.completions(parent))
	require.Equal(t, "acquired revoked", g.leaseEvents(parent), "the lease was given back before")
	require.Equal(t, messages.StreamDependencyImpossible, g.frames(parent, 0).ClosedReason)
	require.Equal(t, "0 1 0 1 impossible", g.group(parent))
}

// TestSpec03_S64_AWaitThatCannotBeMetSkipsAtOnce has a group that failed without anybody hearing of it.
func TestSpec03_S64_AWaitThatCannotBeMetSkipsAtOnce(t *testing.T) {
	t.Parallel()
	g := open(t).newFlow()
	parent, handle, _ := g.parentOf(1)
	uuid := parent.UUID()
	g.sql.Exec("UPDATE ff_edge SET dep_state = 'impossible' WHERE downstream_eid = ?1", uuid[:])
	g.sql.Exec("UPDATE ff_edge_group SET running_count = 0, fail_count = 1 WHERE downstream_eid = ?1", uuid[:])
	require.NoError(t, g.WaitChildren(t.Context(), handle))
	require.Equal(t, messages.PublicSkipped, g.state(parent))
	require.Equal(t, "skipped", g.completions(parent))
	require.Equal(t, "acquired revoked", g.leaseEvents(parent))
}

// TestSpec03_S64_NoChildIsMissed has the last child end beside the call, so that either comes first.
func TestSpec03_S64_NoChildIsMissed(t *testing.T) {
	t.Parallel()
	e := open(t)
	for range 30 {
		g := e.newFlow()
		parent, handle, children := g.parentOf(1)
		claimed, child := g.claimedExecution()
		require.Equal(t, children[0], claimed)
		completed := make(chan error, 1)
		go func() { completed <- g.Complete(t.Context(), child, nil) }()
		require.NoError(t, g.WaitChildren(t.Context(), handle))
		require.NoError(t, <-completed)
		g.idle()
		require.Equal(t, interruptedVector, g.vector(parent))
		require.NoError(t, g.Complete(t.Context(), g.continues(handle), nil))
	}
}

func TestSpec03_S64_AGroupThatFiredBeforeTheFirstClaimFiresAgain(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]messages.EdgeDependencyPolicy{
		"all of":                   {Kind: messages.AllOf},
		"any of":                   anyOf(messages.LetRun),
		"any of, cancel remaining": anyOf(messages.CancelRemaining),
		"a quorum":                 quorum(2, messages.CancelRemaining),
	} {
		t.Run(name, func(t *testing.T) {
			g := open(t).newFlow()
			upstreams, child := g.fanIn(2, policy)
			handles := g.claimAll(upstreams)
			if policy == anyOf(messages.CancelRemaining) {
				handles = handles[:1] // The other one is cancelled.
			}
			g.end(true, handles...)
			claimed, handle := g.claimedExecution()
			require.Equal(t, child, claimed)
			require.NoError(t, g.WaitChildren(t.Context(), handle))
			require.Equal(t, interruptedVector, g.vector(child), "nothing is left to wait for")
			again := g.continues(handle)

			// A further upstream makes it wait once more.
			later := g.member()
			g.edge(later, child)
			require.NoError(t, g.WaitChildren(t.Context(), again))
			require.Equal(t, waitingChildrenVector, g.vector(child))
			g.drive(later, true)
			require.Equal(t, interruptedVector, g.vector(child))
		})
	}
}
