package ffsqlite_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// What is claimable, and what a claim does: 03 §3.2 and §4.3, with their scenarios. Scenario 12 is part of the founding
// test.

const activeVector = "active leased not_applicable active running_attempt NULL"

// claimedBy claims the next execution of the lane for a worker with these capabilities.
func (e *engine) claimedBy(capabilities ...string) messages.ExecutionID {
	e.t.Helper()
	handle, err := e.Claim(e.t.Context(), claimArgs(capabilities...))
	require.NoError(e.t, err)
	require.NotNil(e.t, handle, "nothing to claim")
	return payloadOf(e.t, *handle).ExecutionID
}

func TestSpec03_S11_ASubmittedExecutionIsClaimable(t *testing.T) {
	e := open(t)
	id := e.created()
	require.Equal(t, "submitted", e.column(id, "lifecycle_phase"))
	require.Equal(t, id, e.claimedBy())
	require.Equal(t, messages.PublicActive, e.state(id))
}

func TestSpec03_S15_AStagedEdgeDoesNotGateAnAppliedOneDoes(t *testing.T) {
	e := open(t)
	flow := e.newFlow()
	staged := flow.members(2)
	flow.stage(staged[0], staged[1])
	require.Equal(t, staged[0], e.claimedBy())
	require.Equal(t, staged[1], e.claimedBy())

	applied := flow.members(2)
	flow.edge(applied[0], applied[1])
	require.Equal(t, "runnable blocked_by_dependencies",
		e.column(applied[1], "lifecycle_phase || ' ' || eligibility_state"))
	upstream, handle := e.claimedExecution()
	require.Equal(t, applied[0], upstream)
	e.nothingToClaim()
	require.NoError(t, e.Complete(t.Context(), handle, nil))
	e.idle()
	require.Equal(t, applied[1], e.claimedBy())
}

func TestSpec03_S16_ADelayedExecutionIsClaimableWhenItsTimeHasCome(t *testing.T) {
	e := open(t)
	id := e.created(func(a *messages.CreateExecutionArgs) {
		a.DelayUntil, a.ExecutionDeadlineAt = e.now()+100, e.now()+5000
	})
	deadline := e.column(id, "deadline_at_ms")
	e.nothingToClaim()
	e.clock.Advance(99 * time.Millisecond)
	e.nothingToClaim()
	e.clock.Advance(time.Millisecond)
	require.Equal(t, id, e.claimedBy())
	require.Equal(t, activeVector, e.vector(id))
	require.Equal(t, "NULL", e.raw(id, "delay_until"))
	require.Empty(t, e.raw(id, "blocking_detail"))
	require.Equal(t, deadline, e.column(id, "deadline_at_ms"))
}

func TestSpec03_S19_PendingClaimIsClaimableWithoutAGrant(t *testing.T) {
	e := open(t)
	free := e.seeded("eligibility_state = 'pending_claim'")
	held := e.seeded("eligibility_state = 'pending_claim'")
	e.grant(held, "claim", "somebody", e.now()+1000)
	require.Equal(t, free, e.claimedBy())
	e.nothingToClaim()
}

func TestSpec03_S20_WhatAClaimWrites(t *testing.T) {
	e := open(t)
	id := e.seeded()
	e.require(id, "capA")
	handle, err := e.Claim(t.Context(), claimArgs("capA"))
	require.NoError(t, err)
	require.Equal(t, messages.BackendSqlite, handle.Backend)
	require.Equal(t, messages.HandleFresh, handle.Kind)
	held := payloadOf(t, *handle)
	require.Equal(t, messages.HandlePayload{
		ExecutionID: id, AttemptIndex: 0, AttemptID: held.AttemptID, LeaseID: held.LeaseID, LeaseEpoch: 1,
		LeaseTTL: 30 * time.Second, LaneID: lane, WorkerInstanceID: "test-worker-instance",
	}, held)

	now := e.now()
	require.Equal(t, activeVector, e.vector(id))
	require.Equal(t, fmt.Sprint(now), e.column(id, "started_at_ms"))
	for key, want := range map[string]string{
		"total_attempt_count": "1", "current_attempt_index": "0", "current_attempt_id": held.AttemptID.String(),
		"current_lease_id": held.LeaseID.String(), "current_worker_id": "test-worker",
		"current_worker_instance_id": "test-worker-instance", "pending_retry_reason": "",
		"pending_previous_attempt_index": "", "pending_replay_reason": "", "pending_replay_requested_by": "",
		"blocking_detail": "", "last_mutation_at": fmt.Sprint(now),
	} {
		require.Equal(t, want, e.raw(id, key), key)
	}
	require.Equal(t, fmt.Sprintf("1 %d NULL NULL", now+30_000), e.attemptVector(id, 0))
	require.Equal(t, fmt.Sprintf("test-worker test-worker-instance %d", now),
		e.attempt(id, 0, "worker_id || ' ' || worker_instance_id || ' ' || started_at_ms"))
	require.JSONEq(t, fmt.Sprintf(
		`{"attempt_type": "initial", "attempt_id": %q, "lease_id": %q, "lease_renewed_at_ms": %d}`,
		held.AttemptID, held.LeaseID, now), e.attempt(id, 0, "raw_fields"))
	require.Equal(t, [][]string{
		{"acquired", held.LeaseID.String(), "test-worker-instance", "NULL", "0", "1", fmt.Sprint(now)},
	}, e.sql.Rows(`SELECT event_type, lease_id, worker_instance_id, revoked_by, attempt_index, lease_epoch, occurred_at_ms
		FROM ff_lease_event`))
}

func TestSpec03_S20_TheAttemptTimeoutIsStored(t *testing.T) {
	e := open(t)
	const timeoutAt = "raw_fields ->> '$.attempt_timeout_at_ms'"
	id := e.created(withPolicy(func(p *messages.ExecutionPolicy) {
		p.TimeoutPolicy = &messages.TimeoutPolicy{AttemptTimeout: time.Second}
	}))
	require.Equal(t, id, e.claimedBy())
	require.Equal(t, fmt.Sprint(e.now()+1000), e.attempt(id, 0, timeoutAt))

	next := e.created()
	args := claimNextArgs()
	args.AttemptTimeout = 2 * time.Second
	require.Equal(t, next, e.claimedNext(args).ExecutionID)
	require.Equal(t, fmt.Sprint(e.now()+2000), e.attempt(next, 0, timeoutAt))
}

func TestSpec03_S21_AnEmptyLaneAndTheWorkOfAnother(t *testing.T) {
	e := open(t)
	e.nothingToClaim()
	e.created(inLane("other"))
	e.nothingToClaim()
}

func TestSpec03_S22_EveryRequiredCapabilityIsNeeded(t *testing.T) {
	for name, create := range map[string]func(*engine) messages.ExecutionID{
		"created": func(e *engine) messages.ExecutionID { return e.created(requiring("capA", "capB")) },
		"seeded": func(e *engine) messages.ExecutionID {
			id := e.seeded()
			e.require(id, "capA", "capB")
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t)
			id := create(e)
			before := e.vector(id)
			e.nothingToClaim("capA")
			e.nothingToClaim("capa", "capb")
			e.nothingToClaim()
			require.Equal(t, before, e.vector(id))
			require.Equal(t, int64(0), e.attempts(id))
			require.Equal(t, id, e.claimedBy("capC", "capB", "capA"))

			free := e.created()
			require.Equal(t, free, e.claimedBy("capA"))
		})
	}
}

func TestSpec03_S23_WorkForOthersHidesNothing(t *testing.T) {
	e := open(t)
	other := e.created(withPriority(10), requiring("capB"))
	mine := e.created(requiring("capA"))
	require.Equal(t, mine, e.claimedBy("capA"))
	require.Equal(t, "submitted", e.column(other, "lifecycle_phase"))

	for i := range 40 {
		ahead := e.seeded("priority = 10")
		e.require(ahead, fmt.Sprintf("cap%d", i))
	}
	mine = e.created(requiring("capA"))
	require.Equal(t, mine, e.claimedBy("capA"))
	e.nothingToClaim("capA")
}

func TestSpec03_S24_TheOrderIsPriorityThenAgeThenID(t *testing.T) {
	e := open(t)
	var byPriority []messages.ExecutionID
	for _, priority := range []int32{10, 1000, 100} {
		byPriority = append(byPriority, e.created(withPriority(priority)))
	}
	require.Equal(t, byPriority[1], e.claimedBy())
	require.Equal(t, byPriority[2], e.claimedBy())
	require.Equal(t, byPriority[0], e.claimedBy())

	var byAge []messages.ExecutionID
	for _, age := range []messages.TimestampMs{3, 1, 2} {
		byAge = append(byAge, e.created(createdAt(age)))
	}
	require.Equal(t, byAge[1], e.claimedBy())
	require.Equal(t, byAge[2], e.claimedBy())
	require.Equal(t, byAge[0], e.claimedBy())

	var byID []messages.ExecutionID
	for i := range 8 {
		// Rows of several classes and of both origins are one queue.
		id := e.seeded(fmt.Sprintf(`raw_fields = '{"execution_kind": "k%d"}'`, i%3))
		byID = append(byID, id, e.created(createdAt(1), ofKind(fmt.Sprintf("k%d", i%3))))
	}
	slices.SortFunc(byID, func(a, b messages.ExecutionID) int {
		x, y := a.UUID(), b.UUID()
		return bytes.Compare(x[:], y[:])
	})
	for _, id := range byID {
		require.Equal(t, id, e.claimedBy())
	}
}

func TestSpec03_S25_ConcurrentClaimsGetDifferentExecutions(t *testing.T) {
	const callers, rows = 50, 20
	e := open(t)
	for range rows {
		e.seeded()
	}
	handles := make([]*messages.Handle, callers)
	errs := make([]error, callers)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() { handles[i], errs[i] = e.Claim(t.Context(), claimArgs()) })
	}
	group.Wait()
	claimed := map[messages.ExecutionID]bool{}
	for i, handle := range handles {
		require.NoError(t, errs[i])
		if handle != nil {
			id := payloadOf(t, *handle).ExecutionID
			require.False(t, claimed[id], "claimed twice")
			claimed[id] = true
		}
	}
	require.Len(t, claimed, rows)
}

func TestSpec03_S26_StartedAtIsSetOnce(t *testing.T) {
	e := open(t)
	id := e.created()
	require.Equal(t, "NULL", e.column(id, "started_at_ms"))
	handle := e.claimed()
	started := fmt.Sprint(e.now())
	require.Equal(t, started, e.column(id, "started_at_ms"))

	e.clock.Advance(time.Second)
	_, err := e.Fail(t.Context(), messages.FailArgs{Handle: handle})
	require.NoError(t, err)
	require.Equal(t, messages.HandleFresh, e.claimed().Kind)
	require.Equal(t, started, e.column(id, "started_at_ms"))

	e.interrupt(id, 1)
	require.Equal(t, messages.HandleResumed, e.claimed().Kind)
	require.Equal(t, started, e.column(id, "started_at_ms"))

	e.clock.Advance(30 * time.Second)
	require.Equal(t, messages.HandleReclaimed, e.claimed().Kind)
	require.Equal(t, started, e.column(id, "started_at_ms"))
}

func TestSpec03_S27_PastDeadlinesAndGrantedRowsAreNotClaimable(t *testing.T) {
	e := open(t)
	e.seeded(fmt.Sprintf("deadline_at_ms = %d", e.now()))
	later := e.seeded(fmt.Sprintf("deadline_at_ms = %d", e.now()+1))
	require.Equal(t, later, e.claimedBy())
	e.nothingToClaim()

	granted := e.seeded()
	e.grant(granted, "claim", "test-worker", e.now()+1000)
	e.nothingToClaim()
	e.clock.Advance(999 * time.Millisecond)
	e.nothingToClaim()
	e.clock.Advance(time.Millisecond)
	require.Equal(t, granted, e.claimedBy())
	require.Equal(t, int64(0), e.grants())
}

func TestSpec03_S28_ArgumentsAreValidated(t *testing.T) {
	e := open(t)
	e.created()
	before := e.stored()
	for detail, change := range map[string]func(*messages.ClaimArgs){
		"lease_ttl_ms: must be > 0":             func(a *messages.ClaimArgs) { a.Policy.LeaseTTL = 0 },
		"worker_id: must not be empty":          func(a *messages.ClaimArgs) { a.Policy.WorkerID = "" },
		"worker_instance_id: must not be empty": func(a *messages.ClaimArgs) { a.Policy.WorkerInstanceID = "" },
		"worker_id: exceeds 256 bytes (got 257)": func(a *messages.ClaimArgs) {
			a.Policy.WorkerID = messages.WorkerID(strings.Repeat("w", 257))
		},
		"max_wait_ms: must not be negative": func(a *messages.ClaimArgs) { a.Policy.MaxWait = -1 },
		"lane_id is empty":                  func(a *messages.ClaimArgs) { a.LaneID = "" },
		"worker_id: must not contain whitespace or control characters": func(a *messages.ClaimArgs) {
			a.Policy.WorkerID = "a worker"
		},
	} {
		args := claimArgs()
		change(&args)
		handle, err := e.Claim(t.Context(), args)
		requireInvalid(t, err, detail)
		require.Nil(t, handle)
	}
	require.Equal(t, before, e.stored())
}

func TestSpec06_S116_AReplayOpensTheAttemptAgain(t *testing.T) {
	e := open(t)
	id := e.created()
	first := e.claimed()
	started := e.column(id, "started_at_ms")
	require.NoError(t, e.Complete(t.Context(), first, []byte("first")))
	e.clock.Advance(time.Second)
	// What a replay writes.
	e.patch(id, `lifecycle_phase = 'runnable', eligibility_state = 'eligible_now', public_state = 'waiting',
		attempt_state = 'pending_replay_attempt', blocking_reason = 'waiting_for_worker',
		terminal_at_ms = NULL, result = NULL,
		raw_fields = json_set(raw_fields, '$.terminal_outcome', 'none', '$.pending_replay_reason', 'again')`)
	e.patchAttempt(id, 0, "lease_epoch = 2")

	handle := e.claimed()
	held := payloadOf(t, handle)
	require.Equal(t, messages.HandleFresh, handle.Kind)
	require.Equal(t, messages.AttemptIndex(0), held.AttemptIndex)
	require.Equal(t, messages.LeaseEpoch(3), held.LeaseEpoch)
	require.NotEqual(t, payloadOf(t, first).AttemptID, held.AttemptID)
	require.Equal(t, fmt.Sprintf("3 %d NULL NULL", e.now()+30_000), e.attemptVector(id, 0))
	require.Equal(t, "replay", e.attempt(id, 0, "raw_fields ->> '$.attempt_type'"))
	require.Equal(t, int64(1), e.attempts(id))
	require.Equal(t, "1", e.raw(id, "total_attempt_count"))
	require.Empty(t, e.raw(id, "pending_replay_reason"))
	require.Equal(t, started, e.column(id, "started_at_ms"))
	require.NoError(t, e.Complete(t.Context(), handle, []byte("second")))
	require.Equal(t, "success success", e.completions(id))
}

func TestClaim_TheNextAttemptTakesItsPolicy(t *testing.T) {
	e := open(t)
	id := e.created()
	e.failed(messages.FailArgs{Handle: e.claimed()})
	const policy = `{"timeout_policy":{"attempt_timeout_ms":500}}`
	e.patch(id, `raw_fields = json_set(raw_fields, '$.next_attempt_policy', '`+policy+`')`)
	e.claimed()
	require.Equal(t, policy, e.attempt(id, 1, "policy"))
	require.Equal(t, fmt.Sprint(e.now()+500), e.attempt(id, 1, "raw_fields ->> '$.attempt_timeout_at_ms'"))
	require.Equal(t, "NULL", e.raw(id, "next_attempt_policy"))
	require.Equal(t, "NULL", e.attempt(id, 0, "policy"))
}

func TestClaim_ARowThatCannotBeReadStopsNoOther(t *testing.T) {
	for name, spoil := range map[string]func(*engine){
		"ready":   func(e *engine) { e.seeded("priority = 9, raw_fields = '{'") },
		"delayed": func(e *engine) { e.seeded("eligibility_state = 'not_eligible_until_time', raw_fields = '{'") },
		"lost": func(e *engine) {
			id := e.created()
			e.claimed()
			e.patchAttempt(id, 0, fmt.Sprintf("lease_expires_at_ms = %d", e.now()))
			e.patch(id, "raw_fields = '{'")
		},
		"an attempt that is lost": func(e *engine) {
			id := e.created()
			e.claimed()
			e.patchAttempt(id, 0, fmt.Sprintf("lease_expires_at_ms = %d, raw_fields = '{'", e.now()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t)
			spoil(e)
			id := e.created()
			require.Equal(t, id, e.claimedBy())
			e.nothingToClaim()
		})
	}
}

func TestSpec01_S32_WhatIsCreatedIsClaimableAtOnce(t *testing.T) {
	e := open(t)
	id := e.created()
	require.Equal(t, "submitted unowned eligible_now waiting pending waiting_for_worker", e.vector(id))
	require.Equal(t, messages.OutcomeNone, e.info(id).StateVector.TerminalOutcome)
	require.Equal(t, id, e.claimedBy())

	id = e.created()
	e.patch(id, "lifecycle_phase = 'runnable', public_state = 'pending', attempt_state = 'initial'")
	require.Equal(t, id, e.claimedBy())
}

func TestSpec01_S33_WhatIsDelayedIsClaimableWhenItsTimeHasCome(t *testing.T) {
	for name, comes := range map[string]func(e *engine, id messages.ExecutionID){
		"by the claim": func(*engine, messages.ExecutionID) {},
		"promoted": func(e *engine, id messages.ExecutionID) {
			result, err := e.PromoteDelayed(e.t.Context(), messages.PromoteDelayedArgs{ExecutionID: id})
			require.NoError(e.t, err)
			require.Equal(e.t, messages.PromotePromoted, result.Outcome)
			require.Equal(e.t, messages.PublicWaiting, e.state(id))
		},
	} {
		e := open(t, ffsqlite.WithoutScanners())
		id := e.created(delayedBy(e, time.Minute))
		require.Equal(t, messages.PublicDelayed, e.state(id), name)
		e.nothingToClaim()
		e.clock.Advance(time.Minute - time.Millisecond)
		e.nothingToClaim()
		e.clock.Advance(time.Millisecond)
		comes(e, id)
		require.Equal(t, id, e.claimedBy(), name)
	}
}

func TestSpec01_S34_TheRowItselfTellsTheState(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	require.Equal(t, messages.PublicActive, e.state(id))
	require.Equal(t, activeVector, e.vector(id))
	require.NoError(t, e.Complete(t.Context(), handle, nil))
	require.Equal(t, messages.PublicCompleted, e.state(id))
	require.Equal(t, completedVector, e.vector(id))
	require.Equal(t, "success", e.raw(id, "terminal_outcome"))
	require.Equal(t, "success", e.attempt(id, 0, "outcome"))
}

// The claims by a grant, which the scenario names besides, come with grants.
func TestSpec01_S36_AResumedExecutionGoesOnWithItsAttempt(t *testing.T) {
	e := open(t)
	id := e.created()
	first := payloadOf(t, e.claimed())
	e.interrupt(id, 0)
	handle := e.claimed()
	require.Equal(t, messages.HandleResumed, handle.Kind)
	second := payloadOf(t, handle)
	require.Equal(t, id, second.ExecutionID)
	require.Equal(t, first.AttemptIndex, second.AttemptIndex)
	require.Equal(t, first.AttemptID, second.AttemptID)
	require.Equal(t, first.LeaseEpoch+1, second.LeaseEpoch)
	require.Equal(t, int64(1), e.attempts(id))
}

func TestSpec01_S62_TwentyForOthersHideNothing(t *testing.T) {
	e := open(t)
	for range 20 {
		e.created(requiring("gpu"))
	}
	e.clock.Advance(time.Millisecond)
	last := e.created()
	require.Equal(t, last, e.claimedBy())
	e.nothingToClaim()
}
