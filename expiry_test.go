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

// What the clock does to executions: 02 §8.7 to §8.9, 03 §10, 06 §2.2.

func endingAt(ms messages.TimestampMs) func(*messages.CreateExecutionArgs) {
	return func(a *messages.CreateExecutionArgs) { a.ExecutionDeadlineAt = ms }
}

func timingOut(attempt time.Duration, retries *messages.RetryPolicy) func(*messages.CreateExecutionArgs) {
	return withPolicy(func(p *messages.ExecutionPolicy) {
		p.TimeoutPolicy = &messages.TimeoutPolicy{AttemptTimeout: attempt}
		p.RetryPolicy = retries
	})
}

func (e *engine) expire(id messages.ExecutionID, phase messages.ExpirePhase) messages.ExpireExecutionResult {
	e.t.Helper()
	result, err := e.ExpireExecution(e.t.Context(), messages.ExpireExecutionArgs{ExecutionID: id, Phase: phase})
	require.NoError(e.t, err)
	return result
}

func notExpired(reason string) messages.ExpireExecutionResult {
	return messages.ExpireExecutionResult{Outcome: messages.ExpireAlreadySatisfied, Reason: reason}
}

const (
	timeout  = messages.ExpireAttemptTimeout
	deadline = messages.ExpireExecutionDeadline

	expiredVector = "terminal unowned not_applicable expired attempt_terminal NULL"
)

func TestSpec02_S52_TheDeadlineBeatsTheTimeoutBeatsTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created(endingAt(e.now()+30_000), timingOut(30*time.Second, &messages.RetryPolicy{MaxRetries: 3}))
		handle := e.claimed()
		e.advance(30 * time.Second)
		require.Equal(t, expiredVector, e.vector(id))
		require.Equal(t, "execution_deadline", e.raw(id, "failure_reason"))
		require.Equal(t, "expired", e.completions(id))
		require.Equal(t, "acquired expired", e.leaseEvents(id))
		require.ErrorIs(t, e.Complete(t.Context(), handle, nil), messages.ErrExecutionNotActive)
	})
}

func TestSpec02_S57_AnAttemptThatTimesOutIsRetried(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	id := e.created(timingOut(time.Second, &messages.RetryPolicy{MaxRetries: 3, Backoff: messages.FixedBackoff(time.Hour)}))
	handle := e.claimed()
	e.clock.Advance(time.Second + time.Millisecond)
	require.Equal(t, messages.ScanReport{Processed: 1}, e.tick(messages.ScannerAttemptTimeout, 0))
	require.Equal(t, "runnable unowned eligible_now waiting pending_retry_attempt waiting_for_worker", e.vector(id))
	require.Equal(t, "1", e.column(id, "attempt_index"))
	require.Equal(t, "1", e.raw(id, "retry_count"))
	require.Equal(t, "attempt_timeout", e.raw(id, "last_failure_message"))
	require.Equal(t, fmt.Sprintf("1 NULL interrupted %d", e.now()), e.attemptVector(id, 0))
	require.Equal(t, "acquired expired", e.leaseEvents(id))
	require.Empty(t, e.completions(id))
	require.ErrorIs(t, e.Complete(t.Context(), handle, nil), messages.ErrExecutionNotActive)
	next := payloadOf(t, e.claimed())
	require.Equal(t, messages.AttemptIndex(1), next.AttemptIndex)
	require.ErrorIs(t, e.Complete(t.Context(), handle, nil), messages.ErrLeaseConflict)
}

func TestSpec02_S58_WithoutARetryPolicyATimeoutIsTheEnd(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	for name, retries := range map[string]*messages.RetryPolicy{"none": nil, "no retries": {}} {
		t.Run(name, func(t *testing.T) {
			id := e.created(timingOut(time.Second, retries))
			handle := e.claimed()
			e.clock.Advance(time.Second)
			require.Equal(t, messages.ScanReport{Processed: 1}, e.tick(messages.ScannerAttemptTimeout, 0))
			require.Equal(t, expiredVector, e.vector(id))
			require.Equal(t, "expired", e.raw(id, "terminal_outcome"))
			require.Equal(t, "attempt_timeout", e.raw(id, "failure_reason"))
			require.Equal(t, fmt.Sprintf("1 NULL expired %d", e.now()), e.attemptVector(id, 0))
			require.Equal(t, "expired", e.completions(id))
			require.Equal(t, "acquired expired", e.leaseEvents(id))
			requireNotActive(t, e.Complete(t.Context(), handle, nil), messages.NotActiveInfo{
				TerminalOutcome: "expired", LeaseEpoch: "1", LifecyclePhase: "terminal",
				AttemptID: payloadOf(t, handle).AttemptID.String(),
			})
		})
	}
}

func TestSpec02_S59_ALapsedLeaseIsNoTimeout(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	id := e.created()
	e.claimed()
	e.clock.Advance(30 * time.Second)
	require.Equal(t, messages.ScanReport{}, e.tick(messages.ScannerAttemptTimeout, 0))
	require.Equal(t, messages.ScanReport{Processed: 1}, e.tick(messages.ScannerLeaseExpiry, 0))
	require.Equal(t, "active lease_expired_reclaimable not_applicable active attempt_interrupted waiting_for_worker", e.vector(id))
	require.Equal(t, "acquired expired", e.leaseEvents(id))
	require.Equal(t, messages.ScanReport{}, e.tick(messages.ScannerLeaseExpiry, 0))
}

func TestSpec02_S60_ARenewalThatCameFirstWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created()
		handle := e.claimed()
		e.advance(29 * time.Second)
		_, err := e.Renew(t.Context(), handle)
		require.NoError(t, err)
		e.advance(time.Second)
		result, err := e.MarkLeaseExpiredIfDue(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "not_yet_expired", result.Reason)
		require.Equal(t, "acquired renewed", e.leaseEvents(id))
	})
}

func TestSpec02_S61_ALapsedLeaseIsTakenOverMarkedOrNot(t *testing.T) {
	t.Parallel()
	for _, marked := range []bool{false, true} {
		e := open(t, ffsqlite.WithoutScanners())
		id := e.created()
		e.claimed()
		e.clock.Advance(30 * time.Second)
		if marked {
			e.tick(messages.ScannerLeaseExpiry, 0)
		}
		fresh := e.created()
		require.Equal(t, fresh, payloadOf(t, e.claimed()).ExecutionID, "fresh work of the same priority comes first")
		lost, handle := e.claimedExecution()
		require.Equal(t, id, lost)
		require.Equal(t, messages.HandleReclaimed, handle.Kind)
		require.Equal(t, "1 1", e.column(id, "attempt_index || ' ' || lease_reclaim_count"))
		require.Equal(t, messages.LeaseEpoch(2), payloadOf(t, handle).LeaseEpoch)
	}
}

func TestSpec02_S62_PromotingADelay(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	id := e.created(delayedBy(e, time.Second), endingAt(e.now()+60_000))
	due := e.now() + 1000
	require.Equal(t, messages.ScanReport{}, e.tick(messages.ScannerDelayedPromoter, due-1))
	require.Equal(t, messages.ScanReport{Processed: 1}, e.tick(messages.ScannerDelayedPromoter, due))
	require.Equal(t, "submitted unowned eligible_now waiting pending waiting_for_worker", e.vector(id))
	require.Equal(t, "NULL", e.raw(id, "delay_until"))
	require.Equal(t, fmt.Sprint(e.now()+60_000), e.column(id, "deadline_at_ms"))
	e.notPromoted(id, "not_delayed_cleaned")
}

func (e *engine) notPromoted(id messages.ExecutionID, reason string) {
	e.t.Helper()
	result, err := e.PromoteDelayed(e.t.Context(), messages.PromoteDelayedArgs{ExecutionID: id})
	require.NoError(e.t, err)
	require.Equal(e.t, messages.PromoteDelayedResult{Outcome: messages.PromoteAlreadySatisfied, Reason: reason}, result)
}

func TestSpec02_S63_ABackoffEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created(retrying(messages.RetryPolicy{MaxRetries: 3, Backoff: messages.FixedBackoff(500 * time.Millisecond)}))
		_, err := e.Fail(t.Context(), messages.FailArgs{Handle: e.claimed(), Reason: messages.FailureReason{Message: "no"}})
		require.NoError(t, err)
		e.advance(499 * time.Millisecond)
		require.Equal(t, "runnable unowned not_eligible_until_time delayed pending_retry_attempt waiting_for_retry_backoff", e.vector(id))
		e.advance(time.Millisecond)
		require.Equal(t, "runnable unowned eligible_now waiting pending_retry_attempt waiting_for_worker", e.vector(id))
	})
}

// waiting makes an execution one that is suspended and waits for a signal, as suspending does.
func (e *engine) waiting(id messages.ExecutionID) {
	e.t.Helper()
	e.patch(id, "lifecycle_phase = 'suspended', eligibility_state = 'not_applicable', public_state = 'suspended'")
	e.suspended(id, 1, "signal")
	e.sql.Exec(`INSERT INTO ff_waitpoint_pending (partition_key, waitpoint_id, execution_id, token_kid, token, created_at_ms)
		VALUES (0, randomblob(16), ?1, '', '', 1)`, id.UUID())
}

// waits counts the suspensions and waitpoints.
func (e *engine) waits() int64 {
	e.t.Helper()
	return e.sql.Int("SELECT (SELECT count(*) FROM ff_suspension_current) + (SELECT count(*) FROM ff_waitpoint_pending)")
}

func TestSpec02_S65_ADeadlineEndsWhatNeverRan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id, suspended := e.created(endingAt(e.now()+1000)), e.created(endingAt(e.now()+1000))
		e.waiting(suspended)
		e.advance(1001 * time.Millisecond)
		require.Equal(t, messages.PublicExpired, e.state(suspended))
		require.Zero(t, e.waits())
		require.Equal(t, "terminal unowned not_applicable expired pending NULL", e.vector(id))
		require.Equal(t, "execution_deadline", e.raw(id, "failure_reason"))
		require.Equal(t, "expired", e.completions(id))
		require.Empty(t, e.leaseEvents(id))
		require.Equal(t, notExpired("already_terminal"), e.expire(id, deadline))
	})
}

func TestSpec02_S66_TheDeadlineOfThePolicy(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created(withPolicy(func(p *messages.ExecutionPolicy) {
		p.TimeoutPolicy = &messages.TimeoutPolicy{ExecutionDeadline: time.Second}
	}))
	require.Equal(t, fmt.Sprint(e.now()+1000), e.column(id, "deadline_at_ms"))
}

func TestSpec02_S77_ADeadGrantIsReaped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created()
		e.grant(id, "claim", "other", e.now()+1000)
		e.nothingToClaim()
		waiting := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		e.advance(time.Second)
		require.Zero(t, e.grants())
		waiting.got(t, id)
	})
}

func TestSpec03_S94_PromoteDelayed(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	id := e.created(delayedBy(e, time.Second))
	e.notPromoted(id, "not_yet_due")
	e.clock.Advance(time.Second)
	result, err := e.PromoteDelayed(t.Context(), messages.PromoteDelayedArgs{ExecutionID: id})
	require.NoError(t, err)
	require.Equal(t, messages.PromoteDelayedResult{Outcome: messages.PromotePromoted}, result)
	require.Equal(t, "submitted unowned eligible_now waiting pending waiting_for_worker", e.vector(id))
	e.notPromoted(id, "not_delayed_cleaned")
	e.claimed()
	e.notPromoted(id, "not_runnable_cleaned")
	e.notPromoted(newID(), "not_found_cleaned")

	broken := e.created(delayedBy(e, time.Hour))
	e.patch(broken, "raw_fields = json_set(raw_fields, '$.delay_until', 'soon')")
	result, err = e.PromoteDelayed(t.Context(), messages.PromoteDelayedArgs{ExecutionID: broken})
	require.NoError(t, err)
	require.Equal(t, messages.PromotePromoted, result.Outcome, "a delay that cannot be read is due")
	_, err = e.PromoteDelayed(t.Context(), messages.PromoteDelayedArgs{
		ExecutionID: id, Partition: &messages.Partition{Family: messages.PartitionFlow, Index: 3},
	})
	requireInvalid(t, err, "partition: does not match execution_id (arg=3, id=0)")
}

func TestSpec03_S95_ExpireExecution(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	retried := e.created(timingOut(time.Second, &messages.RetryPolicy{MaxRetries: 3}))
	e.claimed()
	require.Equal(t, notExpired("not_yet_due"), e.expire(retried, timeout))
	e.clock.Advance(time.Second)
	require.Equal(t, messages.ExpireExecutionResult{Outcome: messages.ExpireRetryScheduled, NextAttemptIndex: 1},
		e.expire(retried, timeout))
	require.Equal(t, "runnable unowned eligible_now waiting pending_retry_attempt waiting_for_worker", e.vector(retried))
	require.Equal(t, "acquired expired", e.leaseEvents(retried))
	require.Empty(t, e.completions(retried))
	require.Equal(t, notExpired("not_active"), e.expire(retried, timeout))
	_, err := e.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: retried})
	require.NoError(t, err)
	require.Equal(t, notExpired("already_terminal"), e.expire(retried, timeout))

	ended := e.created(timingOut(time.Second, nil))
	e.claimed()
	e.clock.Advance(time.Second)
	require.Equal(t, messages.ExpireExecutionResult{Outcome: messages.ExpireExpired, FromPhase: "active"}, e.expire(ended, timeout))
	require.Equal(t, "expired", e.completions(ended))

	unlimited := e.created()
	e.claimed()
	require.Equal(t, notExpired("not_yet_due"), e.expire(unlimited, timeout))
	e.clock.Advance(time.Hour)
	require.Equal(t, notExpired("not_yet_due"), e.expire(unlimited, timeout), "a lapsed lease is no timeout")
	require.Equal(t, notExpired("not_found_cleaned"), e.expire(newID(), deadline))
	_, err = e.ExpireExecution(t.Context(), messages.ExpireExecutionArgs{ExecutionID: ended, Phase: "soon"})
	requireInvalid(t, err, "phase: unknown (soon)")
}

func TestSpec03_S96_RenewingDoesNotPutTheTimeoutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created(timingOut(time.Second, nil))
		handle := e.claimed()
		for range 9 {
			e.advance(100 * time.Millisecond)
			_, err := e.Renew(t.Context(), handle)
			require.NoError(t, err)
		}
		e.advance(100 * time.Millisecond)
		require.Equal(t, messages.PublicExpired, e.state(id))
		_, err := e.Renew(t.Context(), handle)
		require.ErrorIs(t, err, messages.ErrExecutionNotActive)

		unlimited := e.created()
		other := e.claimed()
		for range 20 {
			e.advance(20 * time.Second)
			_, err := e.Renew(t.Context(), other)
			require.NoError(t, err)
		}
		require.Equal(t, messages.PublicActive, e.state(unlimited))
	})
}

func TestSpec03_S97_TheDeadlineEndsEveryPhase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		end := endingAt(e.now() + 1000)
		active := e.created(end)
		e.claimed()
		waiting, delayed := e.created(end), e.created(end, delayedBy(e, time.Hour))
		blocked, suspended := e.created(end), e.created(end)
		e.patch(blocked, "eligibility_state = 'blocked_by_dependencies', public_state = 'waiting_children'")
		e.waiting(suspended)
		e.advance(time.Second)
		for _, id := range []messages.ExecutionID{active, waiting, delayed, blocked, suspended} {
			require.Equal(t, "terminal expired", e.column(id, "lifecycle_phase || ' ' || public_state"))
			require.Equal(t, "expired", e.completions(id))
			require.Equal(t, "execution_deadline", e.raw(id, "failure_reason"))
			if id != active {
				require.Empty(t, e.leaseEvents(id))
			}
			require.Equal(t, notExpired("already_terminal"), e.expire(id, deadline))
		}
		require.Equal(t, "acquired expired", e.leaseEvents(active))
		require.Zero(t, e.waits())
	})
}

func TestSpec06_S48_WhatHasNoLeaseIsNotMarked(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	reason := func(id messages.ExecutionID) string {
		result, err := e.MarkLeaseExpiredIfDue(t.Context(), id)
		require.NoError(t, err)
		if result.Outcome == messages.MarkMarkedExpired {
			return "marked"
		}
		return result.Reason
	}
	require.Equal(t, "execution_not_found", reason(newID()))
	id := e.created()
	require.Equal(t, "not_active", reason(id))
	handle := e.claimed()
	e.clock.Advance(30*time.Second - time.Millisecond)
	require.Equal(t, "not_yet_expired", reason(id))
	e.clock.Advance(time.Millisecond)
	require.Equal(t, "marked", reason(id))
	require.Equal(t, "already_expired", reason(id))
	_, err := e.Renew(t.Context(), handle)
	require.ErrorIs(t, err, messages.ErrLeaseExpired)
	e.patch(id, "ownership_state = 'lease_revoked'")
	require.Equal(t, "already_revoked", reason(id))
	e.patch(id, "ownership_state = 'unowned'")
	require.Equal(t, "unowned", reason(id))
}
