package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

const storePrioritySQL = `UPDATE ff_exec_core SET priority = ?2 WHERE rowid = ?1`

// changePriority re-ranks an execution that waits to be claimed (04 §9.2).
func (w *Writer) changePriority(
	now messages.TimestampMs, args messages.ChangePriorityArgs,
) (messages.ChangePriorityResult, error) {
	now = orNow(args.Now, now)
	result := messages.ChangePriorityResult{ExecutionID: args.ExecutionID}
	x, err := w.loadExecution(args.ExecutionID)
	if err != nil {
		return result, err
	}
	if x == nil {
		return result, messages.NotFoundError("execution", "")
	}
	if !x.eligible(now) {
		return result, messages.ContentionError(messages.CodeExecutionNotEligible, "")
	}
	priority := min(max(int64(args.NewPriority), 0), messages.MaxPriority)
	if err := w.prepare(storePrioritySQL).int(1, x.rowid).int(2, priority).exec(); err != nil {
		return result, err
	}
	if err := w.storeExecution(x, now); err != nil {
		return result, err
	}
	var details document
	details.setNumber("new_priority", priority)
	details.setNumber("old_priority", x.priority)
	return result, w.emitOperator(x.operatorSubject(), "priority_changed", details, now)
}

// eligible reports whether nothing but a worker is missing: the execution is eligible now, or its delay is over.
func (x *execution) eligible(now messages.TimestampMs) bool {
	switch x.eligibility {
	case "eligible_now", "pending_claim":
		return x.runnable()
	case "not_eligible_until_time":
		due, ok := x.raw.number("delay_until")
		return x.runnable() && (!ok || due <= int64(now))
	}
	return false
}
