package ffsqlite

import (
	"context"

	"github.com/flowfabric/ffsqlite/messages"
)

// Claim takes the best claimable execution of one lane for a worker: highest priority first, then fresh and resumed work
// before work whose worker was lost, then the oldest. It returns nil when there is nothing that the worker's capabilities
// admit; with MaxWait it waits for work that long, as [Backend.ClaimWait] does.
func (b *Backend) Claim(ctx context.Context, args messages.ClaimArgs) (*messages.Handle, error) {
	reply, err := call[messages.ClaimReply](ctx, b, args)
	return reply.Handle, err
}

// ClaimNext takes the best claimable execution of the first lane that has one, and returns all that a worker needs to run
// it. It does not wait. Work that this worker may not run, however much of it there is, neither hides other work nor slows
// the call down. After a lost answer the lease runs out and the execution is claimed again.
func (b *Backend) ClaimNext(ctx context.Context, args messages.ClaimNextArgs) (messages.ClaimNextResult, error) {
	return call[messages.ClaimNextResult](ctx, b, args)
}

// ClaimWait is [Backend.ClaimNext] that waits for work, without polling: the commit that makes an execution claimable
// claims it for the first waiting caller that it suits. It answers no_work when MaxWait has passed (0: never) and the
// context's error when the context ends, unless a claim was already being made: that one is returned, so that no lease is
// lost. ErrResourceExhausted says that too many claims wait.
func (b *Backend) ClaimWait(ctx context.Context, args messages.ClaimWaitArgs) (messages.ClaimNextResult, error) {
	return call[messages.ClaimNextResult](ctx, b, args)
}

// Renew extends the lease of handle by the TTL that the handle carries, counted from now; this may shorten it. The
// execution stays active. When Renew returns, the new deadline is on disk and its lease event is in the outbox.
//
// It returns ErrLeaseConflict if the execution has been claimed again since, ErrLeaseExpired if the lease ran out,
// ErrExecutionNotActive if the execution ended. After any of these the attempt must stop: its writes are refused. A second
// call renews again.
func (b *Backend) Renew(ctx context.Context, handle messages.Handle) (messages.LeaseRenewal, error) {
	return call[messages.LeaseRenewal](ctx, b, messages.RenewArgs{Handle: handle})
}

// RenewLease is [Backend.Renew] for a holder that names its lease by the fence, with the TTL of the call. It returns
// ErrStaleLease if the lease is not the current one, ErrAttemptNotFound if there is no such attempt; the other errors are
// those of Renew. A second call renews again.
func (b *Backend) RenewLease(ctx context.Context, args messages.RenewLeaseArgs) (messages.RenewLeaseResult, error) {
	return call[messages.RenewLeaseResult](ctx, b, args)
}
