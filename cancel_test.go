package ffsqlite_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Cancelling one execution, by its worker (03 §6.5) and from outside (04 §9.1), with their scenarios.

const (
	cancelledVector = "cancelled unowned not_applicable cancelled attempt_terminal NULL"
	// neverClaimedVector keeps the attempt state: there was no attempt.
	neverClaimedVector = "cancelled unowned not_applicable cancelled pending NULL"
)

func (e *engine) cancelled(args messages.CancelExecutionArgs) messages.CancelExecutionResult {
	e.t.Helper()
	result, err := e.CancelExecution(e.t.Context(), args)
	require.NoError(e.t, err)
	return result
}

// lastLeaseEvent is the latest event of the lease history.
func (e *engine) lastLeaseEvent() string {
	e.t.Helper()
	return e.sql.Text(`SELECT event_type || ' ' || coalesce(revoked_by, 'NULL') || ' ' || worker_instance_id || ' ' ||
		attempt_index || ' ' || lease_epoch FROM ff_lease_event ORDER BY event_id DESC LIMIT 1`)
}

func TestSpec03_S58_CancelBeforeTheFirstClaim(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := handleOf(messages.HandlePayload{
		ExecutionID: id, AttemptID: messages.NewAttemptID(), LeaseID: messages.NewLeaseID(), LeaseEpoch: 1,
		LeaseTTL: 1, LaneID: lane, WorkerInstanceID: "wi",
	})
	require.NoError(t, e.Cancel(t.Context(), handle, ""))
	require.Equal(t, neverClaimedVector, e.vector(id))
	require.Equal(t, "cancelled", e.completions(id))
	require.Empty(t, e.leaseEvents(id))
	before := e.stored()
	require.NoError(t, e.Cancel(t.Context(), handle, "again"))
	require.Equal(t, before, e.stored())
}

func TestSpec03_S59_CancelByTheHolder(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	require.NoError(t, e.Cancel(t.Context(), handle, "stop"))

	now := e.now()
	require.Equal(t, cancelledVector, e.vector(id))
	require.Equal(t, fmt.Sprintf("stop worker %d", now), e.column(id,
		"cancellation_reason || ' ' || cancelled_by || ' ' || terminal_at_ms"))
	require.Equal(t, fmt.Sprintf("2 NULL cancelled %d", now), e.attemptVector(id, 0))
	require.Equal(t, "NULL", e.attempt(id, 0, "worker_instance_id"))
	for key, want := range map[string]string{
		"terminal_outcome": "cancelled", "blocking_detail": "", "current_lease_id": "", "current_worker_id": "",
		"current_worker_instance_id": "", "last_mutation_at": fmt.Sprint(now),
	} {
		require.Equal(t, want, e.raw(id, key), key)
	}
	require.Equal(t, "cancelled", e.completions(id))
	require.Equal(t, "acquired revoked", e.leaseEvents(id))
	require.Equal(t, "revoked cancel test-worker-instance 0 1", e.lastLeaseEvent())

	require.ErrorIs(t, e.Complete(t.Context(), handle, nil), messages.ErrLeaseConflict)
	before := e.stored()
	require.NoError(t, e.Cancel(t.Context(), handle, "again"), "also with the handle that is stale now")
	require.Equal(t, before, e.stored())
}

func TestSpec03_S60_CancelThatComesTooLate(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	require.NoError(t, e.Complete(t.Context(), handle, nil))
	before := e.stored()
	requireDetail(t, e.Cancel(t.Context(), handle, "stop"), messages.ErrTerminal,
		"cancel: execution_id="+id.String()+": already terminal in state 'completed'")
	require.Equal(t, before, e.stored())

	running := e.created()
	old := e.claimed()
	e.failed(messages.FailArgs{Handle: old})
	e.claimed()
	require.ErrorIs(t, e.Cancel(t.Context(), old, "stop"), messages.ErrLeaseConflict)
	require.Equal(t, activeVector, e.vector(running))

	unknown := forged(t, old, func(p *messages.HandlePayload) { p.ExecutionID = newID() })
	require.ErrorIs(t, e.Cancel(t.Context(), unknown, "stop"), messages.ErrExecutionNotFound)
}

func TestSpec03_S60_CancelAfterAFailureIsNotOfTheHolder(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	e.failed(messages.FailArgs{Handle: handle})
	requireNotActive(t, e.Cancel(t.Context(), handle, "stop"), messages.NotActiveInfo{
		TerminalOutcome: "none", LeaseEpoch: "1", LifecyclePhase: "runnable",
	})
	require.Equal(t, retryVector, e.vector(id))
}

func TestSpec03_S48_CompleteRacesCancel(t *testing.T) {
	const rounds = 1000
	e := open(t)
	for range rounds {
		id := e.created()
		handle := e.claimed()
		var completed, cancelled error
		var group sync.WaitGroup
		group.Go(func() { completed = e.Complete(t.Context(), handle, nil) })
		group.Go(func() {
			_, cancelled = e.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: id})
		})
		group.Wait()
		if completed == nil {
			require.ErrorIs(t, cancelled, messages.ErrTerminal)
		} else {
			require.ErrorIs(t, completed, messages.ErrLeaseConflict)
			require.NoError(t, cancelled)
		}
	}
	require.Equal(t, [][]string{{"1000", "1000"}},
		e.sql.Rows("SELECT count(*), count(DISTINCT execution_id) FROM ff_completion_event"))
}

func TestSpec04_S79_CancelByAnOperator(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	args := messages.CancelExecutionArgs{ExecutionID: id, Reason: "operator says so", Now: 5000}
	want := messages.CancelExecutionResult{
		Outcome: messages.CancelExecutionCancelled, ExecutionID: id, PublicState: messages.PublicCancelled,
	}
	require.Equal(t, want, e.cancelled(args))
	require.Equal(t, cancelledVector, e.vector(id))
	require.Equal(t, "operator says so|operator_override|5000", e.column(id,
		"cancellation_reason || '|' || cancelled_by || '|' || terminal_at_ms"))
	require.Equal(t, "cancelled", e.completions(id))
	require.Equal(t, "acquired revoked", e.leaseEvents(id))
	require.Equal(t, int64(0), e.sql.Int("SELECT count(*) FROM ff_operator_event"))

	before := e.stored()
	require.Equal(t, want, e.cancelled(messages.CancelExecutionArgs{ExecutionID: id, Source: messages.SourceLeaseHolder}))
	require.Equal(t, before, e.stored())
	require.ErrorIs(t, e.Complete(t.Context(), handle, nil), messages.ErrLeaseConflict)
}

func TestSpec04_S79_AnExistingReasonIsKept(t *testing.T) {
	e := open(t)
	id := e.created()
	e.patch(id, "cancellation_reason = 'first', cancelled_by = 'somebody'")
	e.cancelled(messages.CancelExecutionArgs{ExecutionID: id, Reason: "second"})
	require.Equal(t, "first somebody", e.column(id, "cancellation_reason || ' ' || cancelled_by"))
}

func TestSpec04_S80_EverySourceButTheOperatorNamesTheEpoch(t *testing.T) {
	for _, source := range []messages.CancelSource{
		messages.SourceLeaseHolder, messages.SourceFlowCascade, messages.SourceSystemTimeout, "a source of its own",
	} {
		t.Run(string(source), func(t *testing.T) {
			e := open(t)
			id := e.created()
			held := payloadOf(t, e.claimed())
			before := e.stored()
			args := messages.CancelExecutionArgs{ExecutionID: id, Source: source}
			_, err := e.CancelExecution(t.Context(), args)
			requireInvalid(t, err, "cancel_execution: execution_id="+id.String()+
				": lease_epoch required when source != operator_override and execution is active")

			args.LeaseID, args.AttemptID, args.LeaseEpoch = held.LeaseID, held.AttemptID, new(messages.LeaseEpoch(999_999))
			_, err = e.CancelExecution(t.Context(), args)
			require.ErrorIs(t, err, messages.ErrStaleLease)
			args.LeaseEpoch = nil
			_, err = e.CancelExecution(t.Context(), args)
			requireInvalid(t, err, "partial_fence_triple")
			require.Equal(t, before, e.stored())

			args.LeaseEpoch = new(held.LeaseEpoch)
			e.cancelled(args)
			require.Equal(t, cancelledVector, e.vector(id))
			require.Equal(t, string(source), e.column(id, "cancelled_by"))
		})
	}
}

func TestSpec04_S80_WithoutALeaseNoEpochIsNeeded(t *testing.T) {
	e := open(t)
	id := e.created()
	e.cancelled(messages.CancelExecutionArgs{ExecutionID: id, Source: messages.SourceLeaseHolder})
	require.Equal(t, neverClaimedVector, e.vector(id))
}

func TestSpec04_S81_TheFormerHolderIsBehindByOneEpoch(t *testing.T) {
	e := open(t)
	id, _ := e.seededLease()
	e.patchAttempt(id, 0, "lease_epoch = 5, worker_instance_id = 'wiid-alpha'")
	e.cancelled(messages.CancelExecutionArgs{ExecutionID: id})
	require.Equal(t, fmt.Sprintf("6 NULL cancelled %d", e.now()), e.attemptVector(id, 0))
	require.Equal(t, "NULL", e.attempt(id, 0, "worker_instance_id"))
	require.Equal(t, "revoked", e.leaseEvents(id))
	require.Equal(t, "revoked cancel wiid-alpha 0 5", e.lastLeaseEvent())
}

func TestSpec04_S81_WithoutALease(t *testing.T) {
	e := open(t)
	unclaimed := e.created()
	e.cancelled(messages.CancelExecutionArgs{ExecutionID: unclaimed})
	require.Equal(t, neverClaimedVector, e.vector(unclaimed))
	require.Equal(t, "cancelled", e.completions(unclaimed))
	require.Empty(t, e.leaseEvents(unclaimed))

	delayed := e.created(func(a *messages.CreateExecutionArgs) { a.DelayUntil = e.now() + 1000 })
	e.cancelled(messages.CancelExecutionArgs{ExecutionID: delayed})
	require.Equal(t, neverClaimedVector, e.vector(delayed))
	require.Equal(t, "NULL", e.raw(delayed, "delay_until"))
	require.Empty(t, e.raw(delayed, "blocking_detail"))

	retried := e.created()
	e.failed(messages.FailArgs{Handle: e.claimed()})
	e.cancelled(messages.CancelExecutionArgs{ExecutionID: retried})
	require.Equal(t, cancelledVector, e.vector(retried))
	require.Equal(t, fmt.Sprintf("1 NULL retry %d", e.now()), e.attemptVector(retried, 0), "the outcome is kept")
	require.Equal(t, "acquired revoked", e.leaseEvents(retried))
	e.nothingToClaim()
}

func TestSpec04_S81_EndedAndUnknownExecutions(t *testing.T) {
	e := open(t)
	id := e.created()
	e.drive(id, true)
	before := e.stored()
	_, err := e.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: id})
	requireDetail(t, err, messages.ErrTerminal,
		"cancel_execution: execution_id="+id.String()+": already terminal in state 'completed'")

	for _, unknown := range []messages.ExecutionID{newID(), messages.NewExecutionID(1, id.UUID())} {
		_, err = e.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: unknown})
		require.ErrorIs(t, err, messages.ErrExecutionNotFound)
	}
	_, err = e.CancelExecution(t.Context(), messages.CancelExecutionArgs{})
	requireInvalid(t, err, "execution_id: must not be empty")
	require.Equal(t, before, e.stored())
}

func TestSpec04_S81_TwoCancelsAtOnce(t *testing.T) {
	e := open(t)
	id := e.created()
	e.claimed()
	errs := make([]error, 2)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			_, errs[i] = e.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: id})
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, "acquired revoked", e.leaseEvents(id))
	require.Equal(t, "cancelled", e.completions(id))
}

func TestSpec04_S82_WaitsOfACancelledExecutionAreGone(t *testing.T) {
	e := open(t)
	id := e.created()
	e.claimed()
	e.interrupt(id, 0)
	e.patch(id, `lifecycle_phase = 'suspended', eligibility_state = 'not_applicable', public_state = 'suspended',
		blocking_reason = 'waiting_for_signal',
		raw_fields = json_set(raw_fields, '$.current_suspension_id', 's', '$.current_waitpoint_id', 'w')`)
	e.sql.Exec(`INSERT INTO ff_suspension_current (partition_key, execution_id, suspension_id, suspended_at_ms, condition)
		VALUES (0, ?1, randomblob(16), 1, '{}')`, id.UUID())
	e.sql.Exec(`
		INSERT INTO ff_waitpoint_pending (partition_key, waitpoint_id, execution_id, token_kid, token, created_at_ms)
		VALUES (0, randomblob(16), ?1, 'k', 't', 1), (0, randomblob(16), ?1, 'k', 't', 1)`, id.UUID())

	e.cancelled(messages.CancelExecutionArgs{ExecutionID: id})
	require.Equal(t, cancelledVector, e.vector(id))
	require.Empty(t, e.raw(id, "current_suspension_id"))
	require.Empty(t, e.raw(id, "current_waitpoint_id"))
	require.Equal(t, "1 NULL NULL NULL", e.attemptVector(id, 0), "no lease was held")
	require.Equal(t, int64(0), e.sql.Int("SELECT count(*) FROM ff_suspension_current"))
	require.Equal(t, int64(0), e.sql.Int("SELECT count(*) FROM ff_waitpoint_pending"))
	require.Equal(t, "cancelled", e.completions(id))
	require.Equal(t, "acquired", e.leaseEvents(id))
}

func TestSpec04_S82_TheChildOfACancelledMemberIsSkipped(t *testing.T) {
	e := open(t)
	flow := e.newFlow()
	members := flow.members(2)
	flow.edge(members[0], members[1])
	e.cancelled(messages.CancelExecutionArgs{ExecutionID: members[0]})
	e.idle()
	require.Equal(t, skippedVector, e.vector(members[1]))
	require.Equal(t, "skipped", e.completions(members[1]))
}
