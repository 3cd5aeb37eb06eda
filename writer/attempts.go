package writer

import (
	"encoding/base64"
	"fmt"
	"unicode/utf8"

	"github.com/flowfabric/ffsqlite/messages"
)

// progress notes percent and message of a running execution (03 §5.3); nil leaves a field as it is.
func (w *Writer) progress(now messages.TimestampMs, args messages.ProgressArgs) error {
	h, _, err := w.fence(args.Handle, now, nil)
	if err != nil || args.Percent == nil && args.Message == nil {
		return err
	}
	raw := &h.execution.raw
	if args.Percent != nil {
		raw.setNumber("progress_pct", int64(*args.Percent))
	}
	if args.Message != nil {
		raw.setText("progress_message", *args.Message)
	}
	raw.setTime("progress_updated_at", now)
	if err := w.storeExecution(h.execution, now); err != nil {
		return err
	}
	w.remember(h.execution, h.attempt)
	return nil
}

// complete ends an execution with success (03 §6.1). Repeated with the same handle it succeeds and writes nothing.
func (w *Writer) complete(now messages.TimestampMs, args messages.CompleteArgs) error {
	h, done, err := w.fence(args.Handle, now, func(h held) bool {
		return h.execution.raw.text("terminal_outcome") == "success" && h.attempt.outcome == "success"
	})
	if err != nil || done {
		return err
	}
	return w.succeed(h, args.Payload, now, now)
}

// succeed ends the execution with success at the given time and keeps its result, if there is one.
func (w *Writer) succeed(h held, result []byte, when, now messages.TimestampMs) error {
	h.attempt.outcome = "success"
	h.attempt.terminalAt = at(when)
	h.execution.result = result
	return w.finish(h.execution, h.attempt, end{outcome: "success", at: when, lease: h.revoked("complete")}, now)
}

// revoked is the lease event of a holder that gives its lease back.
func (h held) revoked(by string) *leaseEvent {
	return leaseEventOf(messages.LeaseRevoked, h.attempt, by)
}

// fail ends a failed attempt and decides between a retry and the end of the execution (03 §6.3).
func (w *Writer) fail(now messages.TimestampMs, args messages.FailArgs) (messages.FailOutcome, error) {
	var none messages.FailOutcome
	h, done, err := w.fence(args.Handle, now, func(h held) bool { return failedBefore(h) != nil })
	if err != nil {
		return none, err
	}
	if done {
		return *failedBefore(h), nil
	}
	failure := describeFailure(args)
	policy := h.execution.storedRetryPolicy()
	if !args.Class.Retryable() {
		policy.maxRetries = 0
	}
	return w.retryOrEnd(h, failure, policy, now)
}

// retryOrEnd ends the attempt with the failure and schedules the next one, if the policy allows it, or else ends the
// execution as failed.
func (w *Writer) retryOrEnd(
	h held, f failure, policy retryPolicy, now messages.TimestampMs,
) (messages.FailOutcome, error) {
	f.note(h.execution, h.attempt, now)
	retries, _ := h.execution.raw.number("retry_count")
	retries = max(retries, 0)
	if policy.allows(retries, f.category) {
		return w.retry(h, f, policy, retries, now)
	}
	h.attempt.outcome = "failed"
	h.execution.raw.setText("failure_reason", f.message)
	err := w.finish(h.execution, h.attempt, end{outcome: "failed", at: now, lease: h.revoked("fail")}, now)
	return messages.FailOutcome{Outcome: messages.FailTerminalFailed}, err
}

func (w *Writer) retry(
	h held, f failure, policy retryPolicy, retries int64, now messages.TimestampMs,
) (messages.FailOutcome, error) {
	delay := policy.delay(retries, w.source.Fraction)
	h.attempt.outcome = "retry"
	if policy.nextAttempt != "" {
		h.execution.raw.setText("next_attempt_policy", policy.nextAttempt)
	}
	w.scheduleRetry(h.execution, h.attempt, f.message, delay, now)
	if err := w.storeExecution(h.execution, now); err != nil {
		return messages.FailOutcome{}, err
	}
	if err := w.emitLease(h.execution, h.attempt, h.revoked("fail"), now); err != nil {
		return messages.FailOutcome{}, err
	}
	return messages.FailOutcome{
		Outcome:          messages.FailRetryScheduled,
		DelayUntil:       now + messages.TimestampMs(delay),
		NextAttemptIndex: messages.AttemptIndex(h.execution.attemptIndex), //nolint:gosec // Indexes count attempts from 0.
	}, w.storeAttempt(h.execution, h.attempt)
}

// failedBefore is the answer to a repeated Fail of the same handle, nil when this is the first.
func failedBefore(h held) *messages.FailOutcome {
	x, a := h.execution, h.attempt
	switch {
	case a.outcome == "retry" && x.attemptState == "pending_retry_attempt":
		due, delayed := x.raw.number("delay_until")
		if !delayed {
			due = a.terminalAt.ms
		}
		return &messages.FailOutcome{
			Outcome:          messages.FailRetryScheduled,
			DelayUntil:       messages.TimestampMs(due),
			NextAttemptIndex: messages.AttemptIndex(x.attemptIndex), //nolint:gosec // Indexes count attempts from 0.
		}
	case x.terminal() && messages.CompletionOutcomeOf(a.outcome) == messages.CompletionFailed:
		return &messages.FailOutcome{Outcome: messages.FailTerminalFailed}
	}
	return nil
}

// failure is what a failed attempt keeps of the report.
type failure struct {
	message  string
	class    string
	category string // what retryable_categories lists
	detail   []byte
}

func describeFailure(args messages.FailArgs) failure {
	f := failure{message: args.Reason.Message, class: args.Class.String(), detail: args.Reason.Detail}
	f.category = f.class
	if len(f.detail) > 0 && utf8.Valid(f.detail) {
		f.category = string(f.detail)
	}
	return f
}

// note writes the failure to the attempt and its summary to the execution.
func (f failure) note(x *execution, a *attempt, now messages.TimestampMs) {
	a.terminalAt = at(now)
	a.raw.setText("failure_reason", f.message)
	a.raw.setText("failure_category", f.class)
	switch {
	case len(f.detail) == 0:
	case utf8.Valid(f.detail):
		a.raw.setText("failure_detail", string(f.detail))
	default:
		a.raw.setText("failure_detail_b64", base64.StdEncoding.EncodeToString(f.detail))
	}
	x.raw.setText("last_failure_message", f.message)
	x.raw.setText("failure_category", f.class)
}

// cancelByWorker ends the execution of a handle as cancelled (03 §6.5). An execution that was never claimed has no
// attempt, and then the rest of the fence is skipped.
func (w *Writer) cancelByWorker(now messages.TimestampMs, args messages.CancelArgs) error {
	payload, err := messages.OpenHandle(args.Handle)
	if err != nil {
		return err
	}
	if args.Handle.Kind == messages.HandleSuspended {
		return errLeaseConflict
	}
	x, err := w.loadExecution(payload.ExecutionID)
	if err != nil {
		return err
	}
	if x == nil {
		return messages.NotFoundError("execution", "")
	}
	if x.terminal() {
		return alreadyEnded(x, "cancel")
	}
	a, _, err := w.loadAttempt(x.partition, x.uuid)
	if err != nil {
		return err
	}
	if a != nil {
		if err := w.checkAttempt(termOf(payload), nil, a, errLeaseConflict); err != nil {
			return err
		}
		if err := (held{payload: payload, execution: x, attempt: a}).live(now); err != nil {
			return err
		}
	}
	return w.cancel(x, a, cancellation{
		reason: args.Reason, by: "worker", revokedBy: "cancel", idleOutcome: "cancelled",
	}, now, now)
}

// alreadyEnded is nil for an execution that was cancelled before, so that cancelling is idempotent.
func alreadyEnded(x *execution, method string) error {
	if x.public == "cancelled" {
		return nil
	}
	return messages.StateError(messages.CodeTerminal, fmt.Sprintf(
		"%s: execution_id=%s: already terminal in state '%s'", method, x.executionID(), x.public))
}

// cancelExecution cancels one execution for an operator, or for a holder that names its epoch (04 §9.1).
func (w *Writer) cancelExecution(
	now messages.TimestampMs, args messages.CancelExecutionArgs,
) (messages.CancelExecutionResult, error) {
	result := messages.CancelExecutionResult{
		Outcome: messages.CancelExecutionCancelled, ExecutionID: args.ExecutionID, PublicState: messages.PublicCancelled,
	}
	x, err := w.loadExecution(args.ExecutionID)
	if err != nil {
		return messages.CancelExecutionResult{}, err
	}
	if x == nil {
		return messages.CancelExecutionResult{}, messages.NotFoundError("execution", "")
	}
	if x.terminal() {
		return result, alreadyEnded(x, "cancel_execution")
	}
	a, _, err := w.loadAttempt(x.partition, x.uuid)
	if err != nil {
		return messages.CancelExecutionResult{}, err
	}
	if err := mayCancel(args, a); err != nil {
		return messages.CancelExecutionResult{}, err
	}
	err = w.cancel(x, a, cancellation{
		reason: args.Reason, by: args.Source.String(), revokedBy: "cancel", idleOutcome: "keep",
	}, orNow(args.Now, now), now)
	return result, err
}

// mayCancel asks every source but the operator for the epoch while a lease is held.
func mayCancel(args messages.CancelExecutionArgs, a *attempt) error {
	if args.Source.String() == string(messages.SourceOperatorOverride) || !a.leaseHeld() {
		return nil
	}
	if args.LeaseEpoch == nil {
		return messages.ValidationError(messages.CodeInvalidInput, fmt.Sprintf(
			"cancel_execution: execution_id=%s: lease_epoch required when source != operator_override and execution is active",
			args.ExecutionID))
	}
	if int64(*args.LeaseEpoch) != a.epoch { //nolint:gosec // Epochs are stored as signed 64-bit.
		return messages.StateError(messages.CodeStaleLease, "")
	}
	return nil
}
