package ffsqlite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// The fence that every call of a lease holder passes: 03 §3.1 and its scenarios.

// leaseBound makes every call that needs a live lease and returns their errors.
func (e *engine) leaseBound(handle messages.Handle) map[string]error {
	e.t.Helper()
	_, renew := e.Renew(e.t.Context(), handle)
	_, fail := e.Fail(e.t.Context(), messages.FailArgs{Handle: handle})
	return map[string]error{
		"renew":         renew,
		"progress":      e.Progress(e.t.Context(), messages.ProgressArgs{Handle: handle, Percent: new(uint8(1))}),
		"complete":      e.Complete(e.t.Context(), handle, []byte("stale")),
		"fail":          fail,
		"delay":         e.Delay(e.t.Context(), handle, 0),
		"wait_children": e.WaitChildren(e.t.Context(), handle),
		"cancel":        e.Cancel(e.t.Context(), handle, "stale"),
	}
}

// refused asserts that every lease-bound call fails so, and that nothing was written.
func (e *engine) refused(handle messages.Handle, target error) {
	e.t.Helper()
	before := e.stored()
	for call, err := range e.leaseBound(handle) {
		require.ErrorIs(e.t, err, target, call)
	}
	require.Equal(e.t, before, e.stored())
}

func TestSpec03_S29_AnotherEpoch(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	other := forged(t, handle, func(p *messages.HandlePayload) { p.LeaseEpoch = 999 })
	e.refused(other, messages.ErrLeaseConflict)
	_, err := e.AppendFrame(t.Context(), other, output("x"))
	require.ErrorIs(t, err, messages.ErrLeaseConflict)
	require.NoError(t, e.Complete(t.Context(), handle, nil))
	require.Equal(t, messages.PublicCompleted, e.state(id))
}

func TestSpec03_S30_HandlesOfOtherBackendsAndTruncatedOnes(t *testing.T) {
	e := open(t)
	e.created()
	handle := e.claimed()

	outside := handle
	outside.Backend = messages.BackendValkey
	e.refused(outside, messages.ErrHandleFromOtherBackend)
	requireDetail(t, e.Complete(t.Context(), outside, nil), messages.ErrHandleFromOtherBackend,
		"expected=Sqlite actual=Valkey")

	inside := handle
	inside.Opaque = messages.EncodeHandle(messages.BackendValkey, payloadOf(t, handle))
	e.refused(inside, messages.ErrHandleFromOtherBackend)
	requireDetail(t, e.Complete(t.Context(), inside, nil), messages.ErrHandleFromOtherBackend,
		"expected=Sqlite actual=Valkey (embedded tag)")

	for n := range len(handle.Opaque) {
		truncated := handle
		truncated.Opaque = handle.Opaque[:n]
		err := e.Complete(t.Context(), truncated, nil)
		require.ErrorIs(t, err, messages.ErrCorruption)
		require.ErrorContains(t, err, "handle_codec: ")
	}
	truncated := handle
	truncated.Opaque = handle.Opaque[:20]
	e.refused(truncated, messages.ErrCorruption)
	require.NoError(t, e.Complete(t.Context(), handle, nil))
}

func TestSpec03_S31_AnUnknownExecution(t *testing.T) {
	e := open(t)
	e.created()
	handle := forged(t, e.claimed(), func(p *messages.HandlePayload) { p.ExecutionID = newID() })
	calls := e.leaseBound(handle)
	require.ErrorIs(t, calls["cancel"], messages.ErrExecutionNotFound)
	delete(calls, "cancel")
	for call, err := range calls {
		require.ErrorIs(t, err, messages.ErrAttemptNotFound, call)
	}
}

func TestSpec03_S31_AnUnknownAttempt(t *testing.T) {
	e := open(t)
	e.created()
	e.refused(forged(t, e.claimed(), func(p *messages.HandlePayload) { p.AttemptIndex = 1 }), messages.ErrAttemptNotFound)
}

func TestSpec03_S32_AnotherLeaseOrAttemptID(t *testing.T) {
	e := open(t)
	e.created()
	handle := e.claimed()
	e.refused(forged(t, handle, func(p *messages.HandlePayload) { p.LeaseID = messages.NewLeaseID() }),
		messages.ErrLeaseConflict)
	e.refused(forged(t, handle, func(p *messages.HandlePayload) { p.AttemptID = messages.NewAttemptID() }),
		messages.ErrLeaseConflict)
}

func TestSpec03_S32_ARowWithoutIDsPassesOnTheEpoch(t *testing.T) {
	e := open(t)
	id, handle := e.seededLease()
	e.refused(forged(t, handle, func(p *messages.HandlePayload) { p.LeaseEpoch = 2 }), messages.ErrLeaseConflict)
	_, err := e.Renew(t.Context(), handle)
	require.NoError(t, err)
	require.NoError(t, e.Complete(t.Context(), handle, nil))
	require.Equal(t, messages.PublicCompleted, e.state(id))
}

func TestSpec03_S33_TheHandleOfAnOlderAttempt(t *testing.T) {
	e := open(t)
	id := e.created()
	old := e.claimed()
	_, err := e.Fail(t.Context(), messages.FailArgs{Handle: old})
	require.NoError(t, err)
	require.Equal(t, messages.LeaseEpoch(2), payloadOf(t, e.claimed()).LeaseEpoch)

	e.refused(old, messages.ErrLeaseConflict)
	_, err = e.AppendFrame(t.Context(), old, output("x"))
	require.ErrorIs(t, err, messages.ErrLeaseConflict)
	require.Equal(t, activeVector, e.vector(id))
	require.Empty(t, e.completions(id))
}

func TestSpec01_S23_TheHolderBeforeAReclaim(t *testing.T) {
	e := open(t)
	id := e.created()
	old := e.claimed()
	e.clock.Advance(30 * time.Second)
	holder := e.reclaimed(id)
	require.Equal(t, messages.LeaseEpoch(2), payloadOf(t, holder).LeaseEpoch)

	e.refused(old, messages.ErrLeaseConflict)
	e.fenced(old).refused(messages.ErrStaleLease)
	require.NoError(t, e.Complete(t.Context(), holder, nil))
}

func TestSpec03_S34_AnExpiredLeaseThatIsNotMarkedYet(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	// A change from outside, so that the engine's own mark cannot come first.
	e.patchAttempt(id, 0, "lease_expires_at_ms = lease_expires_at_ms - 30001")
	_, renew := e.Renew(t.Context(), handle)
	require.ErrorIs(t, renew, messages.ErrLeaseExpired)
	for call, err := range e.leaseBound(handle) {
		require.ErrorIs(t, err, messages.ErrLeaseExpired, call)
	}
	require.Equal(t, "active", e.column(id, "lifecycle_phase"))
	require.Equal(t, "NULL", e.attempt(id, 0, "outcome"))
	require.Empty(t, e.completions(id))
}

func TestSpec03_S34_ALeaseIsLiveUntilItsEnd(t *testing.T) {
	e := open(t)
	e.created()
	handle := e.claimed()
	e.clock.Advance(30*time.Second - time.Millisecond)
	_, err := e.Renew(t.Context(), handle)
	require.NoError(t, err)
	e.clock.Advance(30 * time.Second)
	_, err = e.Renew(t.Context(), handle)
	require.ErrorIs(t, err, messages.ErrLeaseExpired)
}

func TestSpec03_S35_AfterTheEnd(t *testing.T) {
	e := open(t)
	e.created()
	handle := e.claimed()
	require.NoError(t, e.Complete(t.Context(), handle, nil))
	before := e.stored()
	calls := e.leaseBound(handle)
	require.NoError(t, calls["complete"])
	require.ErrorIs(t, calls["cancel"], messages.ErrTerminal)
	for _, call := range []string{"renew", "progress", "fail", "delay", "wait_children"} {
		requireNotActive(t, calls[call], messages.NotActiveInfo{
			TerminalOutcome: "success", LeaseEpoch: "1", LifecyclePhase: "terminal",
			AttemptID: payloadOf(t, handle).AttemptID.String(),
		})
	}
	require.Equal(t, before, e.stored())
}

func TestSpec03_S36_ASuspendedHandle(t *testing.T) {
	e := open(t)
	e.created()
	handle := e.claimed()
	handle.Kind = messages.HandleSuspended
	e.refused(handle, messages.ErrLeaseConflict)
}

func TestFence_ARevokedLease(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	e.patch(id, "ownership_state = 'lease_revoked'")
	e.refused(handle, messages.ErrLeaseRevoked)
}

func TestFence_AnAttemptWithoutItsExecution(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	e.sql.Exec("DELETE FROM ff_exec_core WHERE execution_id = ?1", id.UUID())
	e.refused(handle, messages.ErrExecutionNotFound)
}

func TestFence_AnUnreadableDocument(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	for _, document := range []string{"{", "[]", "7"} {
		e.patch(id, "raw_fields = '"+document+"'")
		e.refused(handle, messages.ErrCorruption)
		require.ErrorContains(t, e.Complete(t.Context(), handle, nil), "exec_core: raw_fields not valid JSON: ")
	}
}

// What such a handle is good for, observing signals, comes with suspension.
func TestSpec01_S24_ASuspendedHandleCompletesNothing(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	suspended := handle
	suspended.Kind = messages.HandleSuspended
	before := e.stored()
	require.ErrorIs(t, e.Complete(t.Context(), suspended, nil), messages.ErrLeaseConflict)
	require.Equal(t, before, e.stored())
	require.NoError(t, e.Complete(t.Context(), handle, nil))
	require.Equal(t, messages.PublicCompleted, e.state(id))
}

func TestSpec01_S25_TheRightEpochWithAnotherLeaseID(t *testing.T) {
	e := open(t)
	e.created()
	handle := e.claimed()
	e.refused(forged(t, handle, func(p *messages.HandlePayload) { p.LeaseID[0] ^= 1 }), messages.ErrLeaseConflict)
	_, err := e.Renew(t.Context(), handle)
	require.NoError(t, err)
}
