package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// dueExecutionDeadlinesSQL is served by ff_exec_core_deadline_idx.
const dueExecutionDeadlinesSQL = `
SELECT deadline_at_ms, rowid, rowid
  FROM ff_exec_core
 WHERE deadline_at_ms >= ?1
   AND (deadline_at_ms > ?1 OR rowid > ?2)
   AND deadline_at_ms IS NOT NULL
   AND standing IS NOT 'ended'
 ORDER BY deadline_at_ms, rowid
 LIMIT ?3`

// nextExecutionDeadlineSQL is served by ff_exec_core_deadline_idx.
const nextExecutionDeadlineSQL = `
SELECT deadline_at_ms
  FROM ff_exec_core
 WHERE deadline_at_ms > ?1
   AND deadline_at_ms IS NOT NULL
   AND standing IS NOT 'ended'
 ORDER BY deadline_at_ms
 LIMIT 1`

// lowerDeadline reports the execution deadline of a row that is being stored.
func (w *Writer) lowerDeadline(x *execution) {
	if x.deadlineAt.set && !x.terminal() {
		w.deadlines.lower(executionDeadline, x.deadlineAt.ms)
	}
}

// dueAttemptTimeoutsSQL is served by ff_attempt_timeout_idx, which holds attempts that have not ended.
const dueAttemptTimeoutsSQL = `
SELECT a.attempt_timeout_at_ms, a.rowid, e.rowid
  FROM ff_attempt AS a
  JOIN ff_exec_core AS e USING (partition_key, execution_id)
 WHERE a.attempt_timeout_at_ms >= ?1
   AND (a.attempt_timeout_at_ms > ?1 OR a.rowid > ?2)
   AND a.attempt_timeout_at_ms IS NOT NULL
   AND a.terminal_at_ms IS NULL
   AND e.lifecycle_phase = 'active'
 ORDER BY a.attempt_timeout_at_ms, a.rowid
 LIMIT ?3`

// nextAttemptTimeoutSQL is served by ff_attempt_timeout_idx.
const nextAttemptTimeoutSQL = `
SELECT a.attempt_timeout_at_ms
  FROM ff_attempt AS a
  JOIN ff_exec_core AS e USING (partition_key, execution_id)
 WHERE a.attempt_timeout_at_ms > ?1
   AND a.attempt_timeout_at_ms IS NOT NULL
   AND a.terminal_at_ms IS NULL
   AND e.lifecycle_phase = 'active'
 ORDER BY a.attempt_timeout_at_ms
 LIMIT 1`

// expireExecution ends, or retries, one execution whose time is up (02 §8.9).
func (w *Writer) expireExecution(
	now messages.TimestampMs, args messages.ExpireExecutionArgs,
) (messages.ExpireExecutionResult, error) {
	x, err := w.loadExecution(args.ExecutionID)
	if err != nil {
		return messages.ExpireExecutionResult{}, err
	}
	return w.expire(x, args.Phase, orNow(args.Now, now), now)
}

// expireDeadline and expireAttempt are the steps of the two jobs.
func (w *Writer) expireDeadline(x *execution, now messages.TimestampMs) (action, error) {
	result, err := w.expire(x, messages.ExpireExecutionDeadline, now, now)
	return did(result.Outcome != messages.ExpireAlreadySatisfied), err
}

func (w *Writer) expireAttempt(x *execution, now messages.TimestampMs) (action, error) {
	result, err := w.expire(x, messages.ExpireAttemptTimeout, now, now)
	return did(result.Outcome != messages.ExpireAlreadySatisfied), err
}

// expire checks the execution and does what the phase asks for, at the given time; now is the clock's.
func (w *Writer) expire(
	x *execution, phase messages.ExpirePhase, when, now messages.TimestampMs,
) (messages.ExpireExecutionResult, error) {
	switch {
	case x == nil:
		return notExpired("not_found_cleaned")
	case x.terminal():
		return notExpired("already_terminal")
	case phase == messages.ExpireAttemptTimeout && x.phase != "active":
		return notExpired("not_active")
	}
	a, _, err := w.loadAttempt(x.partition, x.uuid)
	if err != nil {
		return messages.ExpireExecutionResult{}, err
	}
	pastDeadline := x.pastDeadline(when)
	switch {
	case phase == messages.ExpireExecutionDeadline && !pastDeadline,
		phase == messages.ExpireAttemptTimeout && !a.timedOut(when):
		return notExpired("not_yet_due")
	case pastDeadline:
		return w.endByClock(x, a, "execution_deadline", when, now)
	case x.mayRetryTimeout():
		return w.retryTimeout(x, a, when)
	}
	return w.endByClock(x, a, "attempt_timeout", when, now)
}

func notExpired(reason string) (messages.ExpireExecutionResult, error) {
	return messages.ExpireExecutionResult{Outcome: messages.ExpireAlreadySatisfied, Reason: reason}, nil
}

// timedOut reports whether the attempt has taken longer than it may; one without a timeout never has.
func (a *attempt) timedOut(when messages.TimestampMs) bool {
	if a == nil {
		return false
	}
	due, ok := a.raw.number("attempt_timeout_at_ms")
	return ok && due <= int64(when)
}

// mayRetryTimeout reports whether retries remain. Without a stored retry policy there is none.
func (x *execution) mayRetryTimeout() bool {
	policy := x.storedRetryPolicy()
	count, _ := x.raw.number("retry_count")
	return !policy.immediate && max(count, 0) < policy.maxRetries
}

// endByClock is the terminal transition of the clock (02 §8.6). Epoch and worker stay, so that the holder is told that its
// execution has ended.
func (w *Writer) endByClock(
	x *execution, a *attempt, reason string, when, now messages.TimestampMs,
) (messages.ExpireExecutionResult, error) {
	result := messages.ExpireExecutionResult{Outcome: messages.ExpireExpired, FromPhase: x.phase}
	ended := end{outcome: "expired", at: when, lease: x.leaseEndsWith(a)}
	x.raw.setText("failure_reason", reason)
	x.raw.setText("last_failure_message", reason)
	if a != nil && !a.terminalAt.set {
		a.outcome = ended.outcome
		a.terminalAt = at(when)
	}
	return result, w.finish(x, a, ended, now)
}

// retryTimeout ends the attempt and lets another follow at once: it has taken its time already.
func (w *Writer) retryTimeout(x *execution, a *attempt, when messages.TimestampMs) (messages.ExpireExecutionResult, error) {
	const message = string(messages.ExpireAttemptTimeout)
	event := x.leaseEndsWith(a)
	a.outcome = "interrupted"
	a.terminalAt = at(when)
	x.raw.setText("last_failure_message", message)
	w.scheduleRetry(x, a, message, 0, when)
	result := messages.ExpireExecutionResult{
		Outcome:          messages.ExpireRetryScheduled,
		NextAttemptIndex: messages.AttemptIndex(x.attemptIndex), //nolint:gosec // Indexes count attempts from 0.
	}
	if err := w.storeExecution(x, when); err != nil {
		return result, err
	}
	if event != nil {
		if err := w.emitLease(x, a, event, when); err != nil {
			return result, err
		}
	}
	if err := w.storeAttempt(x, a); err != nil {
		return result, err
	}
	return result, w.prepare(deleteGrantsSQL).int(1, int64(x.partition)).blob(2, x.uuid[:]).exec()
}

// leaseEndsWith is the event of a lease that ends because the time of its execution or attempt is up. One that was marked
// as expired before has had it.
func (x *execution) leaseEndsWith(a *attempt) *leaseEvent {
	if x.ownership != "leased" {
		return nil
	}
	return leaseEventOf(messages.LeaseExpired, a, "")
}
