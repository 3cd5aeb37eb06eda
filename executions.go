package ffsqlite

import (
	"context"

	"github.com/flowfabric/ffsqlite/messages"
)

// CreateExecution registers an execution in a lane. It is claimable when CreateExecution returns, unless it is delayed;
// in a flow it is gated by the edges that are applied to it.
//
// A second call with the same id, or with the same idempotency key in the namespace within its window, changes nothing
// and answers CreateDuplicate with the id that exists. ErrInvalidInput names a bad field; ErrInvalidCapabilities and
// ErrInvalidTagKey the offending token or key.
func (b *Backend) CreateExecution(
	ctx context.Context, args messages.CreateExecutionArgs,
) (messages.CreateExecutionResult, error) {
	return call[messages.CreateExecutionResult](ctx, b, args)
}

// Progress notes percent (0 to 100) and message of a running execution; nil leaves a field as it is. Its errors are those
// of the fence, as for [Backend.Renew].
func (b *Backend) Progress(ctx context.Context, args messages.ProgressArgs) error {
	return run(ctx, b, args)
}

// Complete ends the execution of handle with success. A nil payload stores no result, an empty one an empty result. When
// Complete returns, the result is readable, the completion event is in the outbox, and what depends on the execution is
// being released.
//
// Repeated with the same handle it returns nil and changes nothing, the first result stays. It returns ErrLeaseConflict
// if the handle is stale, ErrExecutionNotActive if the execution ended otherwise, ErrLeaseExpired if the lease ran out.
func (b *Backend) Complete(ctx context.Context, handle messages.Handle, payload []byte) error {
	return run(ctx, b, messages.CompleteArgs{Handle: handle, Payload: payload})
}

// Fail reports a failed attempt. The stored retry policy decides between another attempt, at once or after a backoff, and
// the end of the execution as failed; without a policy three retries follow at once. Classes permanent, timeout and
// cancelled are never retried. Repeated with the same handle it gives the same answer and changes nothing. Its errors are
// those of [Backend.Complete].
func (b *Backend) Fail(ctx context.Context, args messages.FailArgs) (messages.FailOutcome, error) {
	return call[messages.FailOutcome](ctx, b, args)
}

// CompleteExecution is [Backend.Complete] for a holder that names its lease by the fence, or for an operator (the zero
// Source), who needs none. It returns ErrStaleLease if the lease or the attempt is not the current one.
//
// A repeated call returns ErrExecutionNotActive, with outcome, epoch and attempt id: a caller whose answer was lost
// recognises its own success by them.
func (b *Backend) CompleteExecution(
	ctx context.Context, args messages.CompleteExecutionArgs,
) (messages.CompleteExecutionResult, error) {
	return call[messages.CompleteExecutionResult](ctx, b, args)
}

// FailExecution is [Backend.Fail] for a holder that names its lease by the fence, or for an operator (the zero Source).
// The retry policy is the caller's: without one, or with one that cannot be read, the execution ends. Errors and repeated
// calls are as for [Backend.CompleteExecution].
func (b *Backend) FailExecution(
	ctx context.Context, args messages.FailExecutionArgs,
) (messages.FailExecutionResult, error) {
	return call[messages.FailExecutionResult](ctx, b, args)
}

// Cancel ends the execution of handle as cancelled, by its holder. A second call returns nil. ErrTerminal says that the
// execution ended otherwise; the other errors are those of the fence.
func (b *Backend) Cancel(ctx context.Context, handle messages.Handle, reason string) error {
	return run(ctx, b, messages.CancelArgs{Handle: handle, Reason: reason})
}

// Delay gives the lease back and parks the execution of handle until a time, in milliseconds since the epoch; one that has
// passed is due at once. The next claim continues the same attempt, with a handle of kind Resumed. The deadline of the
// execution goes on; the timeout of the attempt begins anew. A second call returns ErrExecutionNotActive; the other
// errors are those of [Backend.Renew].
func (b *Backend) Delay(ctx context.Context, handle messages.Handle, until messages.TimestampMs) error {
	return run(ctx, b, messages.DelayArgs{Handle: handle, DelayUntil: until})
}

// WaitChildren gives the lease back and parks the execution of handle until the edges into it satisfy their group's
// policy; then the next claim continues the same attempt, with a handle of kind Resumed. Edges that were settled before
// the call count. When the policy cannot be satisfied any more, the execution is skipped. Without any edge it waits until
// one is applied and settled, or it is ended. A second call returns ErrExecutionNotActive; the other errors are those of
// [Backend.Renew].
func (b *Backend) WaitChildren(ctx context.Context, handle messages.Handle) error {
	return run(ctx, b, messages.WaitChildrenArgs{Handle: handle})
}

// CancelExecution cancels one execution in any state but an ended one. The operator (the zero Source) needs no fence;
// every other source must name the lease epoch while a lease is held. The former holder's calls fail from then on. A
// second call succeeds and writes nothing; ErrTerminal says that the execution ended otherwise, ErrExecutionNotFound that
// there is none, ErrStaleLease that the epoch is not the current one.
func (b *Backend) CancelExecution(
	ctx context.Context, args messages.CancelExecutionArgs,
) (messages.CancelExecutionResult, error) {
	return call[messages.CancelExecutionResult](ctx, b, args)
}
