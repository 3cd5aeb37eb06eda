package ffsqlite_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Leases that run out, and reclaim through the claim paths: 06 §2.1, §2.2 and §2.6, with their scenarios as far as the
// methods are there.

const (
	lostVector   = "active lease_expired_reclaimable not_applicable active attempt_interrupted waiting_for_worker"
	failedVector = "terminal unowned not_applicable failed attempt_terminal NULL"
)

// lost creates an execution whose worker has vanished: claimed, and its lease of 30 s has run out.
func (e *engine) lost(change ...func(*messages.CreateExecutionArgs)) (messages.ExecutionID, messages.Handle) {
	e.t.Helper()
	id := e.created(change...)
	claimed, handle := e.claimedExecution()
	require.Equal(e.t, id, claimed)
	e.clock.Advance(30 * time.Second)
	return id, handle
}

// reclaimed claims the next execution of the lane, which must be this one, as a reclaim.
func (e *engine) reclaimed(id messages.ExecutionID) messages.Handle {
	e.t.Helper()
	claimed, handle := e.claimedExecution()
	require.Equal(e.t, id, claimed)
	require.Equal(e.t, messages.HandleReclaimed, handle.Kind)
	return handle
}

func withReclaimCap(limit uint32) func(*messages.CreateExecutionArgs) {
	return withPolicy(func(p *messages.ExecutionPolicy) { p.MaxReclaimCount = &limit })
}

func (e *engine) reclaims(id messages.ExecutionID) string { return e.column(id, "lease_reclaim_count") }

func TestSpec06_S47_ALeaseIsMarkedWhenItRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created()
		args := claimNextArgs()
		args.LeaseTTL = 100 * time.Millisecond
		task := e.claimedNext(args)

		e.clock.Advance(99 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, activeVector, e.vector(id))
		e.clock.Advance(time.Millisecond)
		synctest.Wait()
		require.Equal(t, lostVector, e.vector(id))
		require.Equal(t, "lease expired, awaiting reclaim", e.raw(id, "blocking_detail"))
		require.Equal(t, fmt.Sprint(e.now()), e.raw(id, "lease_expired_at_ms"))
		require.Equal(t, fmt.Sprint(e.now()), e.raw(id, "last_mutation_at"))
		require.Equal(t, fmt.Sprintf("1 %d NULL NULL", e.now()), e.attemptVector(id, 0), "the attempt is not touched")
		require.Equal(t, [][]string{{"expired", task.LeaseID.String(), "test-worker-instance", fmt.Sprint(e.now())}},
			e.sql.Rows(`SELECT event_type, lease_id, worker_instance_id, occurred_at_ms FROM ff_lease_event
				WHERE event_type <> 'acquired'`))

		e.clock.Advance(time.Hour)
		synctest.Wait()
		require.Equal(t, "acquired expired", e.leaseEvents(id))
		_, err := e.Renew(t.Context(), task.Handle)
		require.ErrorIs(t, err, messages.ErrLeaseExpired)
	})
}

func TestSpec06_S47_ManyLeasesRunOutAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const leases = 120 // More than the engine marks in one portion.
		e := open(t)
		for range leases {
			e.created()
			e.claimed()
		}
		e.clock.Advance(30 * time.Second)
		synctest.Wait()
		require.Equal(t, int64(leases), e.sql.Int("SELECT count(*) FROM ff_exec_core WHERE standing = 'lost'"))
		require.Equal(t, int64(leases), e.sql.Int("SELECT count(*) FROM ff_lease_event WHERE event_type = 'expired'"))
	})
}

func TestSpec06_S47_ARenewalPutsTheEndOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created()
		handle := e.claimed()
		for range 3 {
			e.clock.Advance(29 * time.Second)
			synctest.Wait()
			_, err := e.Renew(t.Context(), handle)
			require.NoError(t, err)
		}
		require.Equal(t, activeVector, e.vector(id))
		e.clock.Advance(30 * time.Second)
		synctest.Wait()
		require.Equal(t, lostVector, e.vector(id))
	})
}

func TestSpec06_S47_ALeaseThatAnotherProgramShortened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created()
		e.claimed()
		e.patchAttempt(id, 0, fmt.Sprintf("lease_expires_at_ms = %d", e.now()+2000))
		e.advance(time.Second) // The engine looks for foreign changes by then.
		e.advance(999 * time.Millisecond)
		require.Equal(t, activeVector, e.vector(id))
		e.advance(time.Millisecond)
		require.Equal(t, lostVector, e.vector(id))
	})
}

func TestSpec06_S49_ARevokedLeaseIsReclaimedLikeALostOne(t *testing.T) {
	e := open(t)
	id := e.created()
	old := e.claimed()
	e.patch(id, "ownership_state = 'lease_revoked'")
	_, err := e.Renew(t.Context(), old)
	require.ErrorIs(t, err, messages.ErrLeaseRevoked)
	e.reclaimed(id)
	require.Equal(t, "lease_revoked", e.attempt(id, 1, "raw_fields ->> '$.reclaim_reason'"))
	require.Equal(t, "acquired reclaimed", e.leaseEvents(id))
}

func TestSpec06_S50_AnUnmarkedLeaseIsMarkedAndReclaimed(t *testing.T) {
	e := open(t)
	id := e.created()
	e.claimed()
	// The engine is not told, so that its own mark cannot come first.
	e.patchAttempt(id, 0, fmt.Sprintf("lease_expires_at_ms = %d", e.now()))
	e.reclaimed(id)
	require.Equal(t, "acquired expired reclaimed", e.leaseEvents(id))
}

func TestSpec06_S51_WhatAReclaimWrites(t *testing.T) {
	e := open(t)
	id, old := e.lost()
	started := e.column(id, "started_at_ms")
	first := e.attempt(id, 0, "raw_fields")
	handle := e.reclaimed(id)
	held := payloadOf(t, handle)
	require.Equal(t, messages.HandlePayload{
		ExecutionID: id, AttemptIndex: 1, AttemptID: held.AttemptID, LeaseID: held.LeaseID, LeaseEpoch: 2,
		LeaseTTL: 30 * time.Second, LaneID: lane, WorkerInstanceID: "test-worker-instance",
	}, held)
	require.NotEqual(t, payloadOf(t, old).AttemptID, held.AttemptID)

	now := e.now()
	require.Equal(t, activeVector, e.vector(id))
	require.Equal(t, "1 1 "+started, e.column(id, "attempt_index || ' ' || lease_reclaim_count || ' ' || started_at_ms"))
	for key, want := range map[string]string{
		"total_attempt_count": "2", "current_attempt_index": "1", "current_attempt_id": held.AttemptID.String(),
		"current_lease_id": held.LeaseID.String(), "blocking_detail": "", "lease_expired_at_ms": "NULL",
	} {
		require.Equal(t, want, e.raw(id, key), key)
	}
	require.Equal(t, fmt.Sprintf("1 NULL interrupted_reclaimed %d", now), e.attemptVector(id, 0))
	require.Equal(t, "test-worker test-worker-instance", e.attempt(id, 0, "worker_id || ' ' || worker_instance_id"))
	require.JSONEq(t, first, e.attempt(id, 0, "raw_fields"))
	require.Equal(t, fmt.Sprintf("2 %d NULL NULL", now+30_000), e.attemptVector(id, 1))
	require.Equal(t, "NULL", e.attempt(id, 1, "policy"))
	require.JSONEq(t, fmt.Sprintf(`{"attempt_type": "reclaim", "attempt_id": %q, "lease_id": %q, "lease_renewed_at_ms": %d,
		"reclaim_reason": "lease_expired_reclaimable", "previous_attempt_index": 0}`, held.AttemptID, held.LeaseID, now),
		e.attempt(id, 1, "raw_fields"))
	require.Equal(t, "acquired expired reclaimed", e.leaseEvents(id))
	require.Equal(t, held.LeaseID.String(),
		e.sql.Text("SELECT lease_id FROM ff_lease_event WHERE event_type = 'reclaimed'"))

	_, err := e.Renew(t.Context(), old)
	require.ErrorIs(t, err, messages.ErrLeaseConflict)
	require.NoError(t, e.Complete(t.Context(), handle, nil))
}

func TestSpec06_S55_CancellingVoidsTheGrants(t *testing.T) {
	e := open(t)
	id, _ := e.lost()
	e.grant(id, "reclaim", "w1", e.now()+60_000)
	e.grant(id, "claim", "w1", e.now()+60_000)
	_, err := e.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: id})
	require.NoError(t, err)
	require.Equal(t, int64(0), e.grants())
	e.nothingToClaim()
}

func TestSpec06_S56_AtTheCapTheExecutionFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		completions, err := e.SubscribeCompletion(t.Context(), nil, messages.ScannerFilter{})
		require.NoError(t, err)
		defer func() { require.NoError(t, completions.Close()) }()
		leases, err := e.SubscribeLeaseHistory(t.Context(), nil, messages.ScannerFilter{})
		require.NoError(t, err)
		defer func() { require.NoError(t, leases.Close()) }()

		id, _ := e.lost(withReclaimCap(1))
		e.reclaimed(id)
		e.clock.Advance(30 * time.Second)
		e.grant(id, "claim", "somebody", e.now()+60_000)
		e.nothingToClaim()

		now := e.now()
		require.Equal(t, failedVector, e.vector(id))
		require.Equal(t, fmt.Sprintf("1 %d", now), e.column(id, "lease_reclaim_count || ' ' || terminal_at_ms"))
		for key, want := range map[string]string{
			"terminal_outcome": "failed", "failure_reason": "max_reclaims_exceeded", "current_lease_id": "",
			"current_worker_id": "", "current_worker_instance_id": "", "last_mutation_at": fmt.Sprint(now),
		} {
			require.Equal(t, want, e.raw(id, key), key)
		}
		require.Equal(t, fmt.Sprintf("2 NULL interrupted_reclaimed %d", now), e.attemptVector(id, 1))
		require.Equal(t, "NULL", e.attempt(id, 1, "worker_id"))
		require.Equal(t, "NULL", e.attempt(id, 1, "worker_instance_id"))
		require.Equal(t, "failed", e.completions(id))
		require.Equal(t, "acquired expired reclaimed expired revoked", e.leaseEvents(id))
		require.Equal(t, "reclaim_cap", e.sql.Text("SELECT revoked_by FROM ff_lease_event WHERE event_type = 'revoked'"))
		require.Equal(t, int64(0), e.grants())

		for event, err := range completions.Events() {
			require.NoError(t, err)
			require.Equal(t, id, event.ExecutionID)
			require.Equal(t, messages.CompletionFailed, event.Outcome)
			break
		}
		for event, err := range leases.Events() {
			require.NoError(t, err)
			if event.Kind == messages.LeaseRevoked {
				require.Equal(t, messages.RevokedByReclaimCap, event.RevokedBy)
				break
			}
		}
	})
}

func TestSpec06_S57_TheEffectiveCap(t *testing.T) {
	e := open(t)
	timeouts := func(limit uint32) func(*messages.CreateExecutionArgs) {
		return withPolicy(func(p *messages.ExecutionPolicy) {
			p.TimeoutPolicy = &messages.TimeoutPolicy{MaxReclaimCount: &limit}
		})
	}
	for _, c := range []struct {
		name     string
		policy   []func(*messages.CreateExecutionArgs)
		count    int
		reclaims string // "": the cap is reached
	}{
		{name: "the policy's", policy: []func(*messages.CreateExecutionArgs){withReclaimCap(2)}, count: 2},
		{name: "count 4 of 4", policy: []func(*messages.CreateExecutionArgs){withReclaimCap(4)}, count: 4},
		{name: "count 3 of 4", policy: []func(*messages.CreateExecutionArgs){withReclaimCap(4)}, count: 3, reclaims: "4"},
		{name: "the timeout policy's", policy: []func(*messages.CreateExecutionArgs){timeouts(1)}, count: 1},
		{
			name: "the policy's before the timeout policy's", count: 1, reclaims: "2",
			policy: []func(*messages.CreateExecutionArgs){timeouts(1), withReclaimCap(2)},
		},
		{name: "none allowed", policy: []func(*messages.CreateExecutionArgs){withReclaimCap(0)}},
		{name: "1000 without a policy", count: 1000},
		{name: "count 999 without a policy", count: 999, reclaims: "1000"},
		{
			name: "a negative count is none", count: -1, reclaims: "1",
			policy: []func(*messages.CreateExecutionArgs){withReclaimCap(1)},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, _ := e.lost(c.policy...)
			e.patch(id, fmt.Sprintf("lease_reclaim_count = %d", c.count))
			if c.reclaims == "" {
				e.nothingToClaim()
				require.Equal(t, failedVector, e.vector(id))
				require.Equal(t, fmt.Sprint(c.count), e.reclaims(id))
				return
			}
			handle := e.reclaimed(id)
			require.Equal(t, c.reclaims, e.reclaims(id))
			require.NoError(t, e.Complete(t.Context(), handle, nil))
		})
	}
}

func TestSpec06_S58_TwoReclaimsInARow(t *testing.T) {
	e := open(t)
	id, _ := e.lost()
	for i := 1; i <= 2; i++ {
		held := payloadOf(t, e.reclaimed(id))
		require.Equal(t, messages.LeaseEpoch(i+1), held.LeaseEpoch)
		require.Equal(t, messages.AttemptIndex(i), held.AttemptIndex)
		require.Equal(t, fmt.Sprint(i), e.reclaims(id))
		e.clock.Advance(30 * time.Second)
	}
	require.Equal(t, int64(3), e.attempts(id))
	require.Equal(t, "3", e.raw(id, "total_attempt_count"))
}

func TestSpec06_S59_AReclaimNeedsTheCapabilities(t *testing.T) {
	e := open(t)
	id := e.created(requiring("gpu"))
	require.Equal(t, id, e.claimedBy("gpu"))
	e.clock.Advance(30 * time.Second)
	e.nothingToClaim("cpu")
	require.Equal(t, lostVector, e.vector(id))
	require.Equal(t, id, e.claimedBy("gpu"))
	require.Equal(t, "1", e.reclaims(id))
}

func TestSpec06_S60_AReclaimGrantHoldsOthersOff(t *testing.T) {
	e := open(t)
	id, _ := e.lost()
	e.grant(id, "reclaim", "w1", e.now()+1000)
	e.nothingToClaim()
	args := claimArgs()
	args.Policy.WorkerID = "w1"
	handle, err := e.Claim(t.Context(), args)
	require.NoError(t, err)
	require.NotNil(t, handle, "a grant of its own does not hinder a worker")
	require.Equal(t, int64(0), e.grants())

	e.clock.Advance(30 * time.Second)
	e.grant(id, "reclaim", "w1", e.now()+1000)
	e.nothingToClaim()
	e.clock.Advance(time.Second)
	e.reclaimed(id)
	require.Equal(t, int64(0), e.grants())
}

func TestSpec06_S65_ALostExecutionIsOfferedToEveryClaim(t *testing.T) {
	e := open(t)
	id, _ := e.lost()
	held := payloadOf(t, e.reclaimed(id))
	require.Equal(t, messages.AttemptIndex(1), held.AttemptIndex)
	require.Equal(t, messages.LeaseEpoch(2), held.LeaseEpoch)
	require.Equal(t, "reclaim", e.attempt(id, 1, "raw_fields ->> '$.attempt_type'"))
	require.Equal(t, "1", e.reclaims(id))
	require.Equal(t, "acquired expired reclaimed", e.leaseEvents(id))
}

func TestSpec06_S65_FreshWorkOfTheSamePriorityComesFirst(t *testing.T) {
	e := open(t)
	lost, _ := e.lost(withPriority(5))
	low := e.created(withPriority(4))
	same := e.created(withPriority(5))
	require.Equal(t, same, e.claimedBy())
	e.reclaimed(lost)
	require.Equal(t, low, e.claimedBy())
}

func TestSpec06_S65_AtTheCapTheClaimGoesOn(t *testing.T) {
	e := open(t)
	capped, _ := e.lost(withReclaimCap(0), withPriority(5))
	fresh := e.created()
	require.Equal(t, fresh, e.claimedBy())
	require.Equal(t, failedVector, e.vector(capped))
	require.Equal(t, "max_reclaims_exceeded", e.raw(capped, "failure_reason"))
	require.Equal(t, "failed", e.completions(capped))
}

func TestSpec06_S117_ARowOfAnOlderDatabaseIsReclaimable(t *testing.T) {
	e := open(t)
	id, _ := e.seededLease()
	e.patch(id, "public_state = 'running'")
	e.clock.Advance(time.Minute)
	e.reclaimed(id)
	require.Equal(t, messages.PublicActive, e.state(id))
	require.Equal(t, "NULL", e.sql.Rows("SELECT lease_id FROM ff_lease_event WHERE event_type = 'expired'")[0][0])
}

func TestSpec03_S98_TheOldHolderOfALostLease(t *testing.T) {
	for name, expire := range map[string]func(*engine, messages.ExecutionID){
		"unmarked": func(e *engine, id messages.ExecutionID) {
			e.patchAttempt(id, 0, fmt.Sprintf("lease_expires_at_ms = %d", e.now())) // The engine is not told.
		},
		"marked": func(e *engine, id messages.ExecutionID) {
			e.clock.Advance(30 * time.Second)
			e.nothingToClaim() // A claim marks what is due, also when it finds nothing.
			require.Equal(e.t, lostVector, e.vector(id))
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t)
			id := e.created(requiring("gpu"), withPriority(5))
			old, err := e.Claim(t.Context(), claimArgs("gpu"))
			require.NoError(t, err)
			expire(e, id)
			_, err = e.Renew(t.Context(), *old)
			require.ErrorIs(t, err, messages.ErrLeaseExpired)
			_, err = e.AppendFrame(t.Context(), *old, output("x"))
			require.ErrorIs(t, err, messages.ErrStaleOwnerCannotAppend)

			lower := e.created(withPriority(4))
			same := e.created(withPriority(5))
			require.Equal(t, same, e.claimedBy("gpu"))
			handle, err := e.Claim(t.Context(), claimArgs("gpu"))
			require.NoError(t, err)
			held := payloadOf(t, *handle)
			require.Equal(t, id, held.ExecutionID)
			require.Equal(t, messages.HandleReclaimed, handle.Kind)
			require.Equal(t, messages.AttemptIndex(1), held.AttemptIndex)
			require.Equal(t, messages.LeaseEpoch(2), held.LeaseEpoch)
			require.Equal(t, "1", e.reclaims(id))
			require.Equal(t, lower, e.claimedBy("gpu"))
			require.Equal(t, "acquired expired reclaimed", e.leaseEvents(id))

			for call, err := range e.leaseBound(*old) {
				require.ErrorIs(t, err, messages.ErrLeaseConflict, call)
			}
			_, err = e.AppendFrame(t.Context(), *old, output("x"))
			require.ErrorIs(t, err, messages.ErrLeaseConflict)
			require.NoError(t, e.Complete(t.Context(), *handle, nil))
			require.Equal(t, "success", e.completions(id))
		})
	}
}

func TestSpec03_S99_EpochsNeverDecrease(t *testing.T) {
	e := open(t)
	id := e.created()
	var stale []messages.Handle
	held := func(handle messages.Handle, epoch messages.LeaseEpoch) messages.Handle {
		t.Helper()
		require.Equal(t, epoch, payloadOf(t, handle).LeaseEpoch)
		for _, old := range stale {
			for call, err := range e.leaseBound(old) {
				require.ErrorIs(t, err, messages.ErrLeaseConflict, "%s at epoch %d", call, epoch)
			}
			_, err := e.AppendFrame(t.Context(), old, output("stale"))
			require.ErrorIs(t, err, messages.ErrLeaseConflict, "append_frame at epoch %d", epoch)
		}
		stale = append(stale, handle)
		return handle
	}

	first := held(e.claimed(), 1)
	renewal, err := e.Renew(t.Context(), first)
	require.NoError(t, err)
	require.Equal(t, messages.LeaseEpoch(1), renewal.LeaseEpoch)
	_, err = e.Fail(t.Context(), messages.FailArgs{Handle: first})
	require.NoError(t, err)

	require.NoError(t, e.Delay(t.Context(), held(e.claimed(), 2), 0))
	resumed := held(e.claimed(), 3)
	require.Equal(t, messages.HandleResumed, resumed.Kind)
	e.clock.Advance(30 * time.Second)
	last := held(e.reclaimed(id), 4)
	require.Equal(t, messages.AttemptIndex(2), payloadOf(t, last).AttemptIndex)
	require.NoError(t, e.Complete(t.Context(), last, nil))
	require.Equal(t, "success", e.completions(id))
}
