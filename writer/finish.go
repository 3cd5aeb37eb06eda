package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// end is one terminal transition.
type end struct {
	outcome string // success, failed, cancelled, expired or skipped
	at      messages.TimestampMs
	lease   *leaseEvent // written behind the completion event; nil: no lease was held
}

// endedPublic is the public state of each outcome.
var endedPublic = map[string]string{
	"success": "completed", "failed": "failed", "cancelled": "cancelled", "expired": "expired", "skipped": "skipped",
}

// finish is the common body of every end of an execution (03 §3.5): the state vector, the release of the lease, the
// removal of what waited for it, and exactly one completion event, whose cascade runs after it. The caller has set what
// is particular to its transition, the attempt's outcome among it. The attempt may be nil: it never ran.
func (w *Writer) finish(x *execution, a *attempt, e end, now messages.TimestampMs) error {
	x.phase = "terminal"
	if e.outcome == "cancelled" {
		x.phase = "cancelled"
	}
	x.ownership, x.eligibility, x.blocking = "unowned", "not_applicable", ""
	x.public = endedPublic[e.outcome]
	if a != nil {
		x.attemptState = "attempt_terminal"
	}
	if !x.terminalAt.set {
		x.terminalAt = at(e.at)
	}
	x.raw.setText("terminal_outcome", e.outcome)
	x.raw.setText("blocking_detail", "")
	x.raw.remove("delay_until")
	for _, key := range []string{"current_suspension_id", "current_waitpoint_id"} {
		if x.raw.get(key) != nil {
			x.raw.setText(key, "")
		}
	}
	x.releaseLease(a)
	if err := w.storeExecution(x, e.at); err != nil {
		return err
	}
	if err := w.removeWaits(x); err != nil {
		return err
	}
	if err := w.emitCompletion(x, a, e.outcome, e.at, now); err != nil {
		return err
	}
	if e.lease != nil {
		if err := w.emitLease(x, a, e.lease, e.at); err != nil {
			return err
		}
	}
	if a == nil {
		return nil
	}
	return w.storeAttempt(x, a)
}

const anyWaitsSQL = `
SELECT EXISTS (SELECT 1 FROM ff_suspension_current)
    OR EXISTS (SELECT 1 FROM ff_waitpoint_pending)
    OR EXISTS (SELECT 1 FROM ff_claim_grant)`

const (
	deleteSuspensionSQL = `DELETE FROM ff_suspension_current WHERE partition_key = ?1 AND execution_id = ?2`
	deleteWaitpointsSQL = `DELETE FROM ff_waitpoint_pending WHERE partition_key = ?1 AND execution_id = ?2`
	deleteGrantsSQL     = `DELETE FROM ff_claim_grant WHERE partition_key = ?1 AND execution_id = ?2`
)

// removeWaits deletes the suspension, waitpoints and grants of an execution that ended; nearly always none is stored at all.
func (w *Writer) removeWaits(x *execution) error {
	if w.remembered.noWaits {
		return nil
	}
	some := false
	s := w.prepare(anyWaitsSQL)
	if _, err := s.one(func() { some = s.stmt.ColumnBool(0) }); err != nil {
		return err
	}
	if !some {
		w.remembered.noWaits = true
		return nil
	}
	for _, sql := range []string{deleteSuspensionSQL, deleteWaitpointsSQL, deleteGrantsSQL} {
		if err := w.prepare(sql).int(1, int64(x.partition)).blob(2, x.uuid[:]).exec(); err != nil {
			return err
		}
	}
	return nil
}

// cancellation says who cancels and what that leaves on the attempt (the table of 04 §3.4).
type cancellation struct {
	reason    string
	by        string
	revokedBy string
	// idleOutcome is the outcome of an attempt that held no lease; "keep" leaves the stored one.
	idleOutcome string
	// alwaysRevoked writes the lease event even when no lease was held.
	alwaysRevoked bool
}

// cancel is CancelRow of 04 §3.4, the common body of every cancellation. The former holder's epoch is behind by one, so
// all its calls fail the fence. It happened at occurred, which a caller may choose, and is committed now.
func (w *Writer) cancel(x *execution, a *attempt, c cancellation, occurred, now messages.TimestampMs) error {
	if x.cancellationReason == nil {
		x.cancellationReason = &c.reason
	}
	if x.cancelledBy == nil {
		x.cancelledBy = &c.by
	}
	ended := end{outcome: "cancelled", at: occurred}
	switch {
	case a.leaseHeld():
		ended.lease = leaseEventOf(messages.LeaseRevoked, a, c.revokedBy)
		a.outcome = "cancelled"
		a.terminalAt = at(occurred)
		a.workerInstanceID = nil
		a.epoch++
	case a != nil:
		if c.idleOutcome != "keep" {
			a.outcome = c.idleOutcome
		}
		if a.outcome == "cancelled" && !a.terminalAt.set {
			a.terminalAt = at(occurred)
		}
	}
	if ended.lease == nil && c.alwaysRevoked {
		ended.lease = leaseEventOf(messages.LeaseRevoked, a, c.revokedBy)
	}
	return w.finish(x, a, ended, now)
}

// skip is SkipChild of 04 §3.3: an execution whose dependencies can no longer be met ends without running on. An active
// one loses its lease in the same transaction.
func (w *Writer) skip(x *execution, now messages.TimestampMs) error {
	if x.terminal() {
		return nil
	}
	a, _, err := w.loadAttempt(x.partition, x.uuid)
	if err != nil {
		return err
	}
	ended := end{outcome: "skipped", at: now}
	if a.leaseHeld() {
		ended.lease = leaseEventOf(messages.LeaseRevoked, a, "skip")
		a.workerInstanceID = nil
		a.epoch++
	}
	if a != nil && !a.terminalAt.set {
		a.outcome = "skipped"
		a.terminalAt = at(now)
	}
	return w.finish(x, a, ended, now)
}
