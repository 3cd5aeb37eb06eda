package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// dueDelaysSQL is served by ff_exec_core_delay_idx, which begins with the delays that cannot be read: they are due.
const dueDelaysSQL = `
SELECT coalesce(delay_until_ms, -1), rowid, rowid
  FROM ff_exec_core
 WHERE standing = 'delayed'
   AND (coalesce(delay_until_ms, -1), rowid) > (?1, ?2)
 ORDER BY delay_until_ms, rowid
 LIMIT ?3`

// nextDelaySQL is served by ff_exec_core_delay_idx.
const nextDelaySQL = `
SELECT coalesce(delay_until_ms, -1)
  FROM ff_exec_core
 WHERE standing = 'delayed'
   AND coalesce(delay_until_ms, -1) > ?1
 ORDER BY delay_until_ms
 LIMIT 1`

// promoteDelayed makes one delayed execution eligible when its time has come (02 §8.8).
func (w *Writer) promoteDelayed(
	now messages.TimestampMs, args messages.PromoteDelayedArgs,
) (messages.PromoteDelayedResult, error) {
	x, err := w.loadExecution(args.ExecutionID)
	if err != nil {
		return messages.PromoteDelayedResult{}, err
	}
	now = orNow(args.Now, now)
	if reason := notDelayed(x, now); reason != "" {
		return messages.PromoteDelayedResult{Outcome: messages.PromoteAlreadySatisfied, Reason: reason}, nil
	}
	_, err = w.promote(x, now)
	return messages.PromoteDelayedResult{Outcome: messages.PromotePromoted}, err
}

// notDelayed says why there is nothing to promote, "" when there is. A delay that cannot be read is due.
func notDelayed(x *execution, now messages.TimestampMs) string {
	switch {
	case x == nil:
		return "not_found_cleaned"
	case !x.runnable():
		return "not_runnable_cleaned"
	case x.eligibility != "not_eligible_until_time":
		return "not_delayed_cleaned"
	}
	if due, ok := x.raw.number("delay_until"); ok && due > int64(now) {
		return "not_yet_due"
	}
	return ""
}

// promote makes a delayed execution eligible. It goes back to its old place in the queue; its attempt state stays, for it
// says what the next claim does.
func (w *Writer) promote(x *execution, now messages.TimestampMs) (action, error) {
	if notDelayed(x, now) != "" {
		return nothing, nil
	}
	x.ownership, x.eligibility, x.public, x.blocking = "unowned", "eligible_now", "waiting", "waiting_for_worker"
	x.raw.setText("blocking_detail", "")
	x.raw.remove("delay_until")
	w.becomesClaimable(x)
	return changed, w.storeExecution(x, now)
}
