package messages_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec01_S50_Classes(t *testing.T) {
	for _, test := range []struct {
		err  *messages.Error
		want messages.Class
	}{
		{messages.ContentionError(messages.CodeLeaseConflict, ""), messages.ClassRetryable},
		{messages.StateError(messages.CodeBudgetExceeded, ""), messages.ClassCooperative},
		{messages.StateError(messages.CodeDuplicateSignal, ""), messages.ClassInformational},
		{messages.StateError(messages.CodeAlreadySatisfied, ""), messages.ClassInformational},
		{messages.StateError(messages.CodeStaleLease, ""), messages.ClassTerminal},
		{messages.StateError(messages.CodeTerminal, ""), messages.ClassTerminal},
		{messages.BugError("x"), messages.ClassBug},
		{messages.TransportError(io.EOF), messages.ClassTerminal},
		{messages.UnavailableError("claim"), messages.ClassTerminal},
		{messages.TimeoutError("acquire_reader", time.Second), messages.ClassTerminal},
		{messages.NotFoundError("execution", ""), messages.ClassTerminal},
		{messages.ValidationError(messages.CodeInvalidInput, "x"), messages.ClassTerminal},
		{messages.ConflictError(messages.CodeCycleDetected, ""), messages.ClassTerminal},
		{messages.StreamDisconnectedError(nil), messages.ClassTerminal},
		{messages.ResourceExhaustedError("waiting_claims", 10000), messages.ClassRetryable},
		{&messages.Error{Kind: messages.KindStreamBackpressure}, messages.ClassInformational},
	} {
		require.Equal(t, test.want, test.err.Class(), test.err.Error())
		require.Equal(t, test.want == messages.ClassRetryable, test.err.Retryable())

		var wrapped *messages.Error
		require.ErrorAs(t, messages.WithContext(test.err, "renew"), &wrapped)
		require.Equal(t, test.want, wrapped.Class())
	}
}

func TestSpec01_S51_NotActive(t *testing.T) {
	for phase, want := range map[string]messages.Class{
		"terminal": messages.ClassTerminal, "cancelled": messages.ClassTerminal,
		"suspended": messages.ClassRetryable, "runnable": messages.ClassRetryable, "": messages.ClassRetryable,
	} {
		err := messages.NotActiveError(messages.NotActiveInfo{LifecyclePhase: phase})
		require.Equal(t, want, err.Class(), phase)
		require.ErrorIs(t, err, messages.ErrExecutionNotActive)
	}
	require.Equal(t, messages.ClassRetryable,
		messages.ContentionError(messages.CodeExecutionNotActive, "").Class())
}

func TestSpec01_S52_Context(t *testing.T) {
	err := messages.WithContext(messages.TransportError(io.ErrUnexpectedEOF), "renew")
	require.EqualError(t, err, "renew: transport (sqlite): unexpected EOF")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorIs(t, err, messages.ErrTransport)
	var e *messages.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, messages.ClassTerminal, e.Class())
	require.EqualError(t, messages.WithContext(err, "worker"), "worker: renew: transport (sqlite): unexpected EOF")

	for _, other := range []error{
		messages.NotFoundError("budget", ""),
		messages.ValidationError(messages.CodeInvalidInput, "x"),
		messages.ConflictError(messages.CodeCycleDetected, ""),
		messages.ContentionError(messages.CodeLeaseConflict, ""),
		messages.StateError(messages.CodeStaleLease, ""),
		messages.BugError("x"),
		messages.StreamDisconnectedError(nil),
		context.Canceled,
	} {
		require.Same(t, other, messages.WithContext(other, "renew"))
	}
	require.NoError(t, messages.WithContext(nil, "renew"))
}

func TestSpec01_S53_Sentinels(t *testing.T) {
	conflict := fmt.Errorf("claim: %w", messages.ContentionError(messages.CodeLeaseConflict, "epoch 3"))
	require.ErrorIs(t, conflict, messages.ErrContention)
	require.ErrorIs(t, conflict, messages.ErrLeaseConflict)
	require.NotErrorIs(t, conflict, messages.ErrStaleLease)
	require.NotErrorIs(t, conflict, messages.ErrState)

	for _, entity := range []string{"execution", "flow", "attempt", "edge", "worker"} {
		require.ErrorIs(t, messages.NotFoundError(entity, "x"), messages.ErrNotFound)
	}
	require.ErrorIs(t, messages.NotFoundError("execution", ""), messages.ErrExecutionNotFound)
	require.NotErrorIs(t, messages.NotFoundError("flow", ""), messages.ErrExecutionNotFound)
	require.NotErrorIs(t, messages.NotFoundError("waitpoint", ""), messages.ErrContentionWaitpointNotFound)
	require.ErrorIs(t, messages.UnavailableError("claim"), &messages.Error{Op: "claim"})
	require.NotErrorIs(t, messages.UnavailableError("claim"), &messages.Error{Op: "renew"})
	require.NotErrorIs(t, io.EOF, messages.ErrBug)
}

func TestError_Text(t *testing.T) {
	notActive := messages.NotActiveError(messages.NotActiveInfo{})
	odd := messages.CorruptionError("exec_core", "%s: %d", "priority", 9)
	foreign := messages.ValidationErrorf(messages.CodeHandleFromOtherBackend, "actual=%s", "Valkey")
	for _, test := range []struct {
		err  *messages.Error
		want string
	}{
		{messages.NotFoundError("execution", ""), "not found: execution"},
		{messages.NotFoundError("flow", "flow_not_found"), "not found: flow: flow_not_found"},
		{messages.InvalidField("lanes", "more than 64 (%d)", 65), "validation: InvalidInput: lanes: more than 64 (65)"},
		{messages.ValidationError(messages.CodeInvalidPolicyJSON, "x"), "validation: InvalidPolicyJson: x"},
		{foreign, "validation: HandleFromOtherBackend: actual=Valkey"},
		{odd, "validation: Corruption: exec_core: priority: 9"},
		{messages.ContentionError(messages.CodeLeaseConflict, ""), "contention: LeaseConflict"},
		{notActive, "contention: ExecutionNotActive"},
		{messages.ConflictError(messages.CodeCycleDetected, "a"), "conflict: CycleDetected: a"},
		{messages.StateError(messages.CodeFlowAlreadyTerminal, ""), "state: FlowAlreadyTerminal"},
		{messages.StateError("of_tomorrow", ""), "state: of_tomorrow"},
		{messages.BugError("no row"), "bug: no row"},
		{
			&messages.Error{Kind: messages.KindBug, Code: messages.CodeAttemptNotInCreatedState},
			"bug: AttemptNotInCreatedState",
		},
		{messages.TransportError(io.EOF), "transport (sqlite): EOF"},
		{messages.TransportError(nil), "transport (sqlite)"},
		{messages.TransportError(io.EOF).Prefixed("after 3 attempts"), "transport (sqlite): EOF: after 3 attempts"},
		{messages.UnavailableError("claim_wait"), "unavailable: claim_wait"},
		{messages.ResourceExhaustedError("waiting_claims", 9), "resource exhausted: pool=waiting_claims max=9"},
		{messages.TimeoutError("cancel_flow", 1500*time.Millisecond), "timeout: op=cancel_flow elapsed=1.5s"},
		{messages.StreamDisconnectedError(nil), "stream disconnected; reconnect with returned cursor"},
		{&messages.Error{Kind: messages.KindStreamBackpressure}, "stream backpressure; events dropped"},
	} {
		require.EqualError(t, test.err, test.want)
	}
	cursor := messages.CursorAfter(1)
	require.Equal(t, cursor, messages.StreamDisconnectedError(cursor).Cursor)
}

func TestError_PrefixedLeavesTheOriginal(t *testing.T) {
	original := messages.InvalidField("a", "b")
	require.Equal(t, "x: a: b", original.Prefixed("x: ").Detail)
	require.Equal(t, "a: b", original.Detail)
}

func TestOpenError(t *testing.T) {
	require.ErrorContains(t, messages.ErrRequiresDevMode, "SqliteBackend requires FF_DEV_MODE=1")
	require.ErrorContains(t, messages.ErrRequiresDevMode, "docs/dev-harness.md")
	var e *messages.OpenError
	require.ErrorAs(t, messages.ErrRequiresDevMode, &e)
	require.Equal(t, messages.OpenProtocol, e.Kind)
	require.False(t, e.Retryable())

	busy := &messages.OpenError{Kind: messages.OpenBusyLoading, Message: "database is locked", Err: io.EOF}
	require.EqualError(t, busy, "open sqlite (busy_loading): database is locked: EOF")
	require.ErrorIs(t, busy, io.EOF)
	require.ErrorIs(t, busy, &messages.OpenError{Kind: messages.OpenBusyLoading})
	require.NotErrorIs(t, busy, messages.ErrRequiresDevMode)
	require.True(t, busy.Retryable())
	require.True(t, errors.Is(fmt.Errorf("start: %w", messages.ErrRequiresDevMode), messages.ErrRequiresDevMode))
}
