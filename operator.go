package ffsqlite

import (
	"context"

	"github.com/flowfabric/ffsqlite/messages"
)

// ChangePriority re-ranks an execution that waits for a worker, clamping the priority to 0..9000. It returns
// ErrExecutionNotEligible for one that is delayed, blocked, running, suspended or has ended, ErrExecutionNotFound when
// there is none. The same priority again is written, and reported, again.
func (b *Backend) ChangePriority(
	ctx context.Context, args messages.ChangePriorityArgs,
) (messages.ChangePriorityResult, error) {
	return call[messages.ChangePriorityResult](ctx, b, args)
}

// ReplayExecution puts an execution that has ended, in whatever way, back to work; its result and its reason of
// cancellation are gone, the attempt index stays. A flow member with unmet dependencies waits for them again: edges whose
// upstream has succeeded by now count at once, the others wait for the upstream's next end. What depends on the
// execution is not touched.
//
// It returns ErrExecutionNotTerminal while the execution has not ended, ErrMaxReplaysExhausted at the cap of its policy
// (10 unless it says otherwise), ErrExecutionNotFound when there is none.
func (b *Backend) ReplayExecution(
	ctx context.Context, args messages.ReplayExecutionArgs,
) (messages.ReplayExecutionResult, error) {
	return call[messages.ReplayExecutionResult](ctx, b, args)
}

// RevokeLease takes the lease of an execution away: its holder's calls fail from then on, and the next claim goes on with
// the same attempt, which counts neither as a reclaim nor as a retry. That no lease is held, or another than the one
// expected, is the outcome already_satisfied. ErrExecutionNotFound is the only error of its own.
func (b *Backend) RevokeLease(ctx context.Context, args messages.RevokeLeaseArgs) (messages.RevokeLeaseResult, error) {
	return call[messages.RevokeLeaseResult](ctx, b, args)
}
