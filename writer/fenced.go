package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// The operations of this file name a lease by its fence, or for an operator by the attempt alone. Each checks in the
// order that its section of 03 gives, and then does what its counterpart for handles does.

// fencedTerm is the term of a call whose fence may be missing.
func fencedTerm(id messages.ExecutionID, attempt messages.AttemptIndex, fence *messages.LeaseFence) term {
	t := term{execution: id, attempt: attempt, unfenced: fence == nil}
	if fence != nil {
		t.fence = *fence
	}
	return t
}

// loadHeld loads the execution and its current attempt; either may be missing.
func (w *Writer) loadHeld(id messages.ExecutionID) (h held, err error) {
	if h.execution, err = w.loadExecution(id); err != nil {
		return h, err
	}
	h.attempt, _, err = w.loadAttempt(id.PartitionIndex(), id.UUID())
	return h, err
}

// loadTerm is loadHeld for the holder of the term, or an operator who knows its attempt. Nothing that it returns without
// an error is missing.
func (w *Writer) loadTerm(t term) (held, error) {
	h, err := w.loadHeld(t.execution)
	if err != nil {
		return h, err
	}
	if err := w.checkAttempt(t, h.execution, h.attempt, errStaleLease); err != nil {
		return h, err
	}
	if h.execution == nil {
		return h, messages.NotFoundError("execution", "")
	}
	return h, nil
}

// renewLease extends a lease to the given TTL from now (03 §5.2).
func (w *Writer) renewLease(
	now messages.TimestampMs, args messages.RenewLeaseArgs,
) (messages.RenewLeaseResult, error) {
	var none messages.RenewLeaseResult
	h, err := w.loadTerm(fencedTerm(args.ExecutionID, args.AttemptIndex, args.Fence))
	if err != nil {
		return none, err
	}
	if err := h.live(now); err != nil {
		return none, err
	}
	expires, err := w.extend(h.execution, h.attempt, messages.Millis(args.LeaseTTL), now)
	return messages.RenewLeaseResult{Outcome: messages.RenewLeaseRenewed, ExpiresAt: expires}, err
}

// completeExecution ends an execution with success (03 §6.2). A repeated call is told that the execution does not run,
// with what its caller needs to recognise its own lost answer.
func (w *Writer) completeExecution(
	now messages.TimestampMs, args messages.CompleteExecutionArgs,
) (messages.CompleteExecutionResult, error) {
	var none messages.CompleteExecutionResult
	h, err := w.loadHeld(args.ExecutionID)
	if err != nil {
		return none, err
	}
	if h.execution == nil {
		return none, messages.NotFoundError("execution", "")
	}
	if err := h.execution.running(h.attempt); err != nil {
		return none, err
	}
	term := fencedTerm(args.ExecutionID, args.AttemptIndex, args.Fence)
	if err := w.checkAttempt(term, h.execution, h.attempt, errStaleLease); err != nil {
		return none, err
	}
	if err := h.attempt.unexpired(now); err != nil {
		return none, err
	}
	if args.ResultEncoding != "" {
		h.execution.raw.setText("result_encoding", args.ResultEncoding)
	}
	return messages.CompleteExecutionResult{
		Outcome:     messages.CompleteExecutionCompleted,
		ExecutionID: args.ExecutionID,
		PublicState: messages.PublicCompleted,
	}, w.succeed(h, args.ResultPayload, orNow(args.Now, now), now)
}

// failExecution ends a failed attempt and goes by the retry policy of the caller (03 §6.4). What the caller says about
// the attempt that follows is kept for the claim that creates it.
func (w *Writer) failExecution(
	now messages.TimestampMs, args messages.FailExecutionArgs,
) (messages.FailExecutionResult, error) {
	var none messages.FailExecutionResult
	h, err := w.loadTerm(fencedTerm(args.ExecutionID, args.AttemptIndex, args.Fence))
	if err != nil {
		return none, err
	}
	if err := h.execution.running(h.attempt); err != nil {
		return none, err
	}
	if err := h.attempt.unexpired(now); err != nil {
		return none, err
	}
	failure := failure{message: args.FailureReason, class: args.FailureCategory, category: args.FailureCategory}
	policy := parseRetryPolicy([]byte(args.RetryPolicyJSON))
	policy.nextAttempt = args.NextAttemptPolicyJSON
	return w.retryOrEnd(h, failure, policy, now)
}
