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

// What an operator does to one execution: its priority and its lease (04 §9.2 and §9.4), with their scenarios.

// operatorEvents are type and details of the operator events of a subject, an execution or a flow.
func (e *engine) operatorEvents(subject [16]byte) [][]string {
	e.t.Helper()
	return e.sql.Rows("SELECT event_type, details FROM ff_operator_event WHERE execution_id = ? ORDER BY event_id",
		messages.FlowID(subject).String())
}

func (e *engine) prioritised(id messages.ExecutionID, priority int32) {
	e.t.Helper()
	result, err := e.ChangePriority(e.t.Context(), messages.ChangePriorityArgs{ExecutionID: id, NewPriority: priority})
	require.NoError(e.t, err)
	require.Equal(e.t, messages.ChangePriorityResult{ExecutionID: id}, result)
}

func (e *engine) revoked(args messages.RevokeLeaseArgs) messages.RevokeLeaseResult {
	e.t.Helper()
	result, err := e.RevokeLease(e.t.Context(), args)
	require.NoError(e.t, err)
	return result
}

// notRevoked asserts that there was nothing to revoke, and that nothing was written.
func (e *engine) notRevoked(args messages.RevokeLeaseArgs, reason string) {
	e.t.Helper()
	before := e.stored()
	require.Equal(e.t, messages.RevokeLeaseResult{Outcome: messages.RevokeLeaseAlreadySatisfied, Reason: reason}, e.revoked(args))
	require.Equal(e.t, before, e.stored())
}

func TestSpec04_S83_RevokeByTheOwner(t *testing.T) {
	e := open(t)
	id := e.created()
	e.notRevoked(messages.RevokeLeaseArgs{ExecutionID: id}, messages.RevokeNoActiveLease)
	e.claimed()
	e.notRevoked(messages.RevokeLeaseArgs{ExecutionID: id, WorkerInstanceID: "another"}, messages.RevokeDifferentWorker)

	result := e.revoked(messages.RevokeLeaseArgs{ExecutionID: id, WorkerInstanceID: "test-worker-instance", Reason: "move on"})
	require.Equal(t, messages.RevokeLeaseRevoked, result.Outcome)
	require.Equal(t, "runnable", e.column(id, "lifecycle_phase"))
	require.Equal(t, "acquired revoked", e.leaseEvents(id))
}

func TestSpec04_S84_TheNextClaimGoesOnWithTheSameAttempt(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	e.sql.Exec("UPDATE ff_attempt SET lease_epoch = 7")
	handle = forged(t, handle, func(p *messages.HandlePayload) { p.LeaseEpoch = 7 })
	held := payloadOf(t, handle)
	e.notRevoked(messages.RevokeLeaseArgs{ExecutionID: id, ExpectedLeaseID: messages.NewLeaseID()}, messages.RevokeLeaseIDMismatch)

	e.clock.Advance(5 * time.Second)
	result := e.revoked(messages.RevokeLeaseArgs{ExecutionID: id, ExpectedLeaseID: held.LeaseID})
	require.Equal(t, messages.RevokeLeaseResult{
		Outcome: messages.RevokeLeaseRevoked, LeaseID: held.LeaseID, LeaseEpoch: 8,
	}, result)
	require.Equal(t, "runnable unowned eligible_now waiting attempt_interrupted waiting_for_worker", e.vector(id))
	require.Equal(t, messages.PublicWaiting, e.state(id))
	require.Equal(t, "8 NULL NULL NULL", e.attemptVector(id, 0))
	require.Equal(t, "NULL", e.attempt(id, 0, "worker_instance_id"))
	for _, key := range []string{"current_lease_id", "current_worker_id", "current_worker_instance_id"} {
		require.Empty(t, e.raw(id, key), key)
	}
	require.Equal(t, fmt.Sprint(e.now()), e.raw(id, "last_mutation_at"))
	require.Equal(t, "revoked operator test-worker-instance 0 7", e.lastLeaseEvent())
	require.Equal(t, held.LeaseID.String(), e.sql.Text("SELECT lease_id FROM ff_lease_event ORDER BY event_id DESC LIMIT 1"))
	for call, err := range e.leaseBound(handle) {
		require.ErrorIs(t, err, messages.ErrLeaseConflict, call)
	}
	e.notRevoked(messages.RevokeLeaseArgs{ExecutionID: id}, messages.RevokeNoActiveLease)

	next := e.claimed()
	require.Equal(t, messages.HandleResumed, next.Kind)
	resumed := payloadOf(t, next)
	require.Equal(t, messages.AttemptIndex(0), resumed.AttemptIndex)
	require.Equal(t, held.AttemptID, resumed.AttemptID)
	require.NotEqual(t, held.LeaseID, resumed.LeaseID)
	require.Equal(t, messages.LeaseEpoch(9), resumed.LeaseEpoch)
	require.Equal(t, "0 NULL 1", e.column(id,
		"lease_reclaim_count || ' ' || coalesce(raw_fields ->> '$.retry_count', 'NULL') || ' ' || (raw_fields ->> '$.total_attempt_count')"))
	require.Equal(t, int64(1), e.attempts(id))

	require.NoError(t, e.Complete(t.Context(), next, nil))
	e.notRevoked(messages.RevokeLeaseArgs{ExecutionID: id}, messages.RevokeNoActiveLease)
	require.Equal(t, "acquired revoked acquired revoked", e.leaseEvents(id), "the last by the completion")
	_, err := e.RevokeLease(t.Context(), messages.RevokeLeaseArgs{ExecutionID: newID()})
	require.ErrorIs(t, err, messages.ErrExecutionNotFound)
}

func TestSpec04_S84_ALeaseWithoutAnIDHasADerivedOne(t *testing.T) {
	e := open(t)
	id, _ := e.seededLease()
	e.patchAttempt(id, 0, "lease_epoch = 258")
	derived := messages.DerivedLeaseID(id, 258, 0)
	uuid := id.UUID()
	want := uuid
	want[6] ^= 1
	want[7] ^= 2
	require.Equal(t, messages.LeaseID(want), derived)
	e.notRevoked(messages.RevokeLeaseArgs{ExecutionID: id, ExpectedLeaseID: messages.LeaseID(uuid)}, messages.RevokeLeaseIDMismatch)
	require.Equal(t, messages.RevokeLeaseResult{
		Outcome: messages.RevokeLeaseRevoked, LeaseID: derived, LeaseEpoch: 259,
	}, e.revoked(messages.RevokeLeaseArgs{ExecutionID: id, ExpectedLeaseID: derived}))
}

func TestSpec04_S84_AnExecutionThatDoesNotRunKeepsItsState(t *testing.T) {
	e := open(t)
	id, _ := e.seededLease()
	e.patch(id, "lifecycle_phase = 'suspended', public_state = 'suspended'")
	before := e.vector(id)
	require.Equal(t, messages.RevokeLeaseRevoked, e.revoked(messages.RevokeLeaseArgs{ExecutionID: id}).Outcome)
	require.Equal(t, before, e.vector(id))
	require.Equal(t, "2 NULL NULL NULL", e.attemptVector(id, 0))
}

func TestSpec04_S84_ARevokedExecutionIsClaimedByAWaitingWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created()
		e.claimed()
		waiting := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		waiting.parked(t)
		e.revoked(messages.RevokeLeaseArgs{ExecutionID: id})
		waiting.got(t, id)
	})
}

func TestSpec04_S84_ALeaseThatRanOutCanStillBeRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created()
		e.claimed()
		e.advance(30 * time.Second)
		require.Equal(t, "lease_expired_reclaimable", e.column(id, "ownership_state"))
		require.Equal(t, messages.RevokeLeaseRevoked, e.revoked(messages.RevokeLeaseArgs{ExecutionID: id}).Outcome)
		require.Empty(t, e.raw(id, "blocking_detail"))
		require.Equal(t, "NULL", e.raw(id, "lease_expired_at_ms"))
		handle := e.claimed()
		require.Equal(t, messages.HandleResumed, handle.Kind)
		require.Equal(t, "0", e.column(id, "lease_reclaim_count"))
	})
}

func TestSpec03_S35_AfterARevocation(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	e.revoked(messages.RevokeLeaseArgs{ExecutionID: id})
	before := e.stored()
	for call, err := range e.leaseBound(handle) {
		require.ErrorIs(t, err, messages.ErrLeaseConflict, call)
	}
	require.Equal(t, before, e.stored())
}

func TestSpec04_S85_ChangePriority(t *testing.T) {
	e := open(t)
	seeded := e.seeded()
	e.prioritised(seeded, 42)
	require.Equal(t, "42", e.column(seeded, "priority"))
	require.Equal(t, [][]string{{"priority_changed", `{"new_priority":42,"old_priority":0}`}}, e.operatorEvents(seeded.UUID()))

	fresh := e.created(withPriority(100))
	e.clock.Advance(time.Second)
	e.prioritised(fresh, 5000)
	require.Equal(t, fmt.Sprint(e.now()), e.raw(fresh, "last_mutation_at"))
	e.prioritised(fresh, 5000)
	e.prioritised(fresh, 10000)
	require.Equal(t, "9000", e.column(fresh, "priority"))
	e.prioritised(fresh, -5)
	require.Equal(t, "0", e.column(fresh, "priority"))
	require.Equal(t, [][]string{
		{"priority_changed", `{"new_priority":5000,"old_priority":100}`},
		{"priority_changed", `{"new_priority":5000,"old_priority":5000}`},
		{"priority_changed", `{"new_priority":9000,"old_priority":5000}`},
		{"priority_changed", `{"new_priority":0,"old_priority":9000}`},
	}, e.operatorEvents(fresh.UUID()))
}

func TestSpec04_S85_TheNextClaimSeesThePriority(t *testing.T) {
	e := open(t)
	first, second := e.created(), e.created()
	e.prioritised(second, 1)
	claimed, _ := e.claimedExecution()
	require.Equal(t, second, claimed)
	_, err := e.ChangePriority(t.Context(), messages.ChangePriorityArgs{ExecutionID: second, NewPriority: 2})
	require.ErrorIs(t, err, messages.ErrExecutionNotEligible, "it is claimed")
	claimed, _ = e.claimedExecution()
	require.Equal(t, first, claimed)
}

func TestSpec04_S85_OnlyWhatIsEligibleIsRanked(t *testing.T) {
	e := open(t)
	delayed := e.created(func(a *messages.CreateExecutionArgs) { a.DelayUntil = e.now() + 1000 })
	ended := e.created()
	e.drive(ended, true)
	suspended := e.seeded("lifecycle_phase = 'suspended'")
	flow := e.newFlow()
	members := flow.members(2)
	flow.edge(members[0], members[1])
	route := e.seeded("eligibility_state = 'blocked_by_route'")
	before := e.stored()
	for name, id := range map[string]messages.ExecutionID{
		"delayed": delayed, "ended": ended, "suspended": suspended, "blocked": members[1], "route": route,
	} {
		_, err := e.ChangePriority(t.Context(), messages.ChangePriorityArgs{ExecutionID: id, NewPriority: 1})
		require.ErrorIs(t, err, messages.ErrExecutionNotEligible, name)
	}
	_, err := e.ChangePriority(t.Context(), messages.ChangePriorityArgs{ExecutionID: newID()})
	require.ErrorIs(t, err, messages.ErrExecutionNotFound)
	require.Equal(t, before, e.stored())

	due := messages.ChangePriorityArgs{ExecutionID: delayed, NewPriority: 7, Now: e.now() + 1000}
	_, err = e.ChangePriority(t.Context(), due)
	require.NoError(t, err, "the delay is over by then")
	require.Equal(t, "7", e.column(delayed, "priority"))
}

func TestSpec03_S13_ChangePriorityAtOnce(t *testing.T) {
	e := open(t)
	id := e.created()
	e.prioritised(id, 3)
	require.Equal(t, "submitted unowned eligible_now waiting pending waiting_for_worker", e.vector(id))
	require.Equal(t, "3", e.column(id, "priority"))
}

func TestSpec01_S39_PrioritiesAreClamped(t *testing.T) {
	e := open(t)
	for asked, stored := range map[int32]string{9001: "9000", -5: "0"} {
		require.Equal(t, stored, e.column(e.created(withPriority(asked)), "priority"))
		id := e.created(withPriority(1))
		e.prioritised(id, asked)
		require.Equal(t, stored, e.column(id, "priority"))
	}
}

func TestSpec01_S27_OneClaimHasOneLeaseID(t *testing.T) {
	e := open(t, ffsqlite.WithoutScanners())
	id := e.created()
	history := e.leasesFrom(nil, everything)
	lease := payloadOf(t, e.claimed()).LeaseID
	require.False(t, lease.IsZero())
	require.Equal(t, lease, e.described(id).CurrentLease.LeaseID)
	expired := e.expiredLeases(messages.ListExpiredLeasesArgs{AsOf: e.now() + 30_000}).Entries
	require.Len(t, expired, 1)
	require.Equal(t, lease, expired[0].LeaseID)
	require.Equal(t, lease, e.revoked(messages.RevokeLeaseArgs{ExecutionID: id}).LeaseID)
	for i, event := range took(t, history, 2) {
		require.Equal(t, []messages.LeaseEventType{messages.LeaseAcquired, messages.LeaseRevoked}[i], event.Kind)
		require.Equal(t, lease, *event.LeaseID)
	}
}
