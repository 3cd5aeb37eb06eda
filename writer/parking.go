package writer

import (
	"slices"
	"strconv"

	"github.com/flowfabric/ffsqlite/messages"
)

// delay parks the running attempt until a time (03 §7.1). The deadline of the execution goes on.
func (w *Writer) delay(now messages.TimestampMs, args messages.DelayArgs) error {
	h, _, err := w.fence(args.Handle, now, nil)
	if err != nil {
		return err
	}
	until := int64(args.DelayUntil)
	h.attempt.outcome = "interrupted"
	x := h.execution
	x.eligibility, x.public, x.blocking = "not_eligible_until_time", "delayed", "waiting_for_delay"
	x.raw.setText("blocking_detail", "delayed until "+strconv.FormatInt(until, 10))
	x.raw.setDigits("delay_until", until)
	w.deadlines.lower(delayedPromoter, until)
	return w.park(h, "delay", now)
}

// waitChildren parks the running attempt until the edges into the execution are settled (03 §7.2). Those that are settled
// already count, whether or not their group has fired before: it fires once more.
func (w *Writer) waitChildren(now messages.TimestampMs, args messages.WaitChildrenArgs) error {
	h, _, err := w.fence(args.Handle, now, nil)
	if err != nil {
		return err
	}
	h.attempt.outcome = "waiting_children"
	x := h.execution
	x.eligibility, x.public, x.blocking = "blocked_by_dependencies", "waiting_children", "waiting_for_children"
	x.raw.setText("blocking_detail", "waiting for child executions to complete")
	if err := w.park(h, "wait_children", now); err != nil || !x.inFlow {
		return err
	}
	return w.reopenGroup(x, now)
}

// park ends the holder's term and leaves its attempt to be continued by the next claim, which sets a new timeout.
func (w *Writer) park(h held, revokedBy string, now messages.TimestampMs) error {
	x, a := h.execution, h.attempt
	x.phase, x.ownership, x.attemptState = "runnable", "unowned", "attempt_interrupted"
	a.raw.remove("attempt_timeout_at_ms")
	x.releaseLease(a)
	if err := w.storeExecution(x, now); err != nil {
		return err
	}
	if err := w.emitLease(x, a, h.revoked(revokedBy), now); err != nil {
		return err
	}
	return w.storeAttempt(x, a)
}

// reopenGroup makes the group of an execution that has begun to wait pending again, and settles it at once when all of
// its edges are.
func (w *Writer) reopenGroup(x *execution, now messages.TimestampMs) error {
	edges, err := w.inboundEdges(x)
	if err != nil || len(edges) == 0 {
		return err
	}
	g, err := w.loadGroup(x.flow, x.uuid)
	if err != nil {
		return err
	}
	g.state, g.satisfiedAt = "pending", instant{}
	if slices.ContainsFunc(edges, (*edge).open) {
		return w.storeGroup(g)
	}
	_, err = w.evaluateGroup(g, nil, now)
	return err
}

// open reports whether the edge is still to be settled.
func (e *edge) open() bool { return e.depState == "none" || e.depState == "unsatisfied" }
