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
	return w.storeExecution(h.execution, now)
}

// complete ends an execution with success (03 §6.1). Repeated with the same handle it succeeds and writes nothing.
func (w *Writer) complete(now messages.TimestampMs, args messages.CompleteArgs) error {
	h, done, err := w.fence(args.Handle, now, func(h held) bool {
		return h.execution.raw.text("terminal_outcome") == "success" && h.attempt.outcome == "success"
	})
	if err != nil || done {
		return err
	}
	h.attempt.outcome = "success"
	h.attempt.terminalAt = at(now)
	h.execution.result = args.Payload
	return w.finish(h.execution, h.attempt, end{outcome: "success", at: now, lease: h.revoked("complete")}, now)
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
	x, a := h.execution, h.attempt
	failure := describeFailure(args)
	failure.note(x, a, now)
	policy := x.storedRetryPolicy()
	count, _ := x.raw.number("retry_count")
	if !args.Class.Retryable() || !policy.allows(max(count, 0), failure.category) {
		a.outcome = "failed"
		x.raw.setText("failure_reason", args.Reason.Message)
		err := w.finish(x, a, end{outcome: "failed", at: now, lease: h.revoked("fail")}, now)
		return messages.FailOutcome{Outcome: messages.FailTerminalFailed}, err
	}
	delay := policy.delay(max(count, 0), w.source.Fraction)
	a.outcome = "retry"
	w.scheduleRetry(x, a, args.Reason.Message, delay, now)
	if err := w.storeExecution(x, now); err != nil {
		return none, err
	}
	if err := w.storeAttempt(x, a); err != nil {
		return none, err
	}
	return messages.FailOutcome{
		Outcome:          messages.FailRetryScheduled,
		DelayUntil:       now + messages.TimestampMs(delay),
		NextAttemptIndex: messages.AttemptIndex(x.attemptIndex), //nolint:gosec // Indexes count attempts from 0.
	}, w.emitLease(x, h.revoked("fail"), now)
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
	case x.terminal() && canonicalOutcome(a.outcome) == "failed":
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
		return messages.ContentionError(messages.CodeLeaseConflict, "")
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
		if err := w.checkAttempt(payload, a); err != nil {
			return err
		}
		if err := (held{payload: payload, execution: x, attempt: a}).live(now); err != nil {
			return err
		}
	}
	return w.cancel(x, a, cancellation{reason: args.Reason, by: "worker", revokedBy: "cancel", idleOutcome: "cancelled"}, now)
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
	}, orNow(args.Now, now))
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
