package writer

import (
	"cmp"
	"strconv"

	"github.com/flowfabric/ffsqlite/messages"
)

// held is what a handle that passed the fence stands for.
type held struct {
	payload   messages.HandlePayload
	execution *execution
	attempt   *attempt
}

// fence decides whether the holder of handle may write to its attempt (03 §3.1), checking in the order given there.
// When replayed answers true, the call is a repetition of one that succeeded: the fence is passed without the checks
// that a first call needs, and done is true.
func (w *Writer) fence(
	handle messages.Handle, now messages.TimestampMs, replayed func(held) bool,
) (h held, done bool, err error) {
	h, err = w.openHandle(handle)
	if err != nil {
		return h, false, err
	}
	if h.attempt == nil || h.execution == nil {
		return h, false, messages.NotFoundError("execution", "")
	}
	if replayed != nil && replayed(h) {
		return h, true, nil
	}
	return h, false, h.live(now)
}

// openHandle makes the checks 1 to 4 of the fence: the handle is ours, of a live kind, and of the current attempt. The
// execution is nil when its row is gone.
func (w *Writer) openHandle(handle messages.Handle) (held, error) {
	h, err := unseal(handle)
	if err != nil {
		return h, err
	}
	if rows, ok := w.recall(h.payload.ExecutionID); ok {
		h.execution, h.attempt = rows.execution, rows.attempt
	}
	if err := w.openAttempt(&h); err != nil {
		return h, err
	}
	if h.execution == nil {
		h.execution, err = w.loadExecution(h.payload.ExecutionID)
	}
	return h, err
}

// unseal makes the checks 1 and 2, which need no row.
func unseal(handle messages.Handle) (held, error) {
	payload, err := messages.OpenHandle(handle)
	if err == nil && handle.Kind == messages.HandleSuspended {
		err = errLeaseConflict
	}
	return held{payload: payload}, err
}

// openAttempt makes the checks 3 and 4: the handle is of the current attempt, which is loaded unless it is there.
func (w *Writer) openAttempt(h *held) (err error) {
	if h.attempt == nil {
		id := h.payload.ExecutionID
		if h.attempt, _, err = w.loadAttempt(id.PartitionIndex(), id.UUID()); err != nil {
			return err
		}
	}
	return w.checkAttempt(termOf(h.payload), nil, h.attempt, errLeaseConflict)
}

// term is what a caller says about its term of ownership.
type term struct {
	execution messages.ExecutionID
	attempt   messages.AttemptIndex
	fence     messages.LeaseFence
	unfenced  bool // an operator, who names only the attempt
}

func termOf(payload messages.HandlePayload) term {
	return term{
		execution: payload.ExecutionID,
		attempt:   payload.AttemptIndex,
		fence: messages.LeaseFence{
			LeaseID: payload.LeaseID, LeaseEpoch: payload.LeaseEpoch, AttemptID: payload.AttemptID,
		},
	}
}

// The errors of a term that is over: that of handles, and that of the calls that name a fence.
var (
	errLeaseConflict = messages.ContentionError(messages.CodeLeaseConflict, "")
	errStaleLease    = messages.StateError(messages.CodeStaleLease, "")
)

// checkAttempt compares the term with the current attempt, and returns stale when it is over. Where the attempt does not
// know its lease and attempt id, the execution may, if it is given; where neither does, the epoch alone decides: rows
// that were written by other means carry none.
func (w *Writer) checkAttempt(t term, x *execution, current *attempt, stale error) error {
	index := int64(t.attempt)
	if current == nil || current.index != index {
		exists := false
		if current != nil && index < current.index {
			var err error
			if exists, err = w.attemptExists(t.execution, index); err != nil {
				return err
			}
		}
		if !exists {
			return messages.NotFoundError("attempt", "")
		}
		return stale
	}
	if t.unfenced {
		return nil
	}
	lease, attemptID := current.leaseID(), current.raw.text("attempt_id")
	if x != nil {
		lease = cmp.Or(lease, x.raw.text("current_lease_id"))
		attemptID = cmp.Or(attemptID, x.raw.text("current_attempt_id"))
	}
	if current.epoch != int64(t.fence.LeaseEpoch) || //nolint:gosec // Epochs are stored as signed 64-bit.
		lease != "" && lease != t.fence.LeaseID.String() ||
		attemptID != "" && attemptID != t.fence.AttemptID.String() {
		return stale
	}
	return nil
}

const attemptExistsSQL = `
SELECT 1
  FROM ff_attempt
 WHERE partition_key = ?1
   AND execution_id = ?2
   AND attempt_index = ?3`

func (w *Writer) attemptExists(id messages.ExecutionID, index int64) (bool, error) {
	uuid := id.UUID()
	return w.prepare(attemptExistsSQL).int(1, int64(id.PartitionIndex())).blob(2, uuid[:]).int(3, index).one(func() {})
}

// live makes the checks 7 to 9: the lease has not been revoked, the execution runs, the lease has not run out.
func (h held) live(now messages.TimestampMs) error {
	if err := h.execution.running(h.attempt); err != nil {
		return err
	}
	if !h.attempt.leaseExpiresAt.set {
		return messages.StateError(messages.CodeLeaseExpired, "")
	}
	return h.attempt.unexpired(now)
}

// running makes the checks 7 and 8; the attempt, which the error tells about, may be nil.
func (x *execution) running(a *attempt) error {
	if x.ownership == "lease_revoked" {
		return messages.StateError(messages.CodeLeaseRevoked, "")
	}
	if x.phase != "active" {
		return notActive(x, a)
	}
	return nil
}

// unexpired refuses an attempt whose lease has run out. One without a lease passes.
func (a *attempt) unexpired(now messages.TimestampMs) error {
	if a.leaseExpiresAt.set && a.leaseExpiresAt.ms <= int64(now) {
		return messages.StateError(messages.CodeLeaseExpired, "")
	}
	return nil
}

// notActive tells a caller why its execution does not run, with what it needs to recognise its own lost answer.
func notActive(x *execution, a *attempt) error {
	outcome := x.raw.text("terminal_outcome")
	if outcome == "" {
		outcome = "none"
	}
	epoch := ""
	if a != nil {
		epoch = strconv.FormatInt(a.epoch, 10)
	}
	return messages.NotActiveError(messages.NotActiveInfo{
		TerminalOutcome: outcome,
		LeaseEpoch:      epoch,
		LifecyclePhase:  x.phase,
		AttemptID:       x.raw.text("current_attempt_id"),
	})
}
