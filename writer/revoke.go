package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// revokeLease takes a lease away so that another worker can go on (04 §9.4). The attempt is not over: the next claim
// continues it, and neither a reclaim nor a retry is counted. That there is nothing to revoke is no error.
func (w *Writer) revokeLease(now messages.TimestampMs, args messages.RevokeLeaseArgs) (messages.RevokeLeaseResult, error) {
	x, err := w.loadExecution(args.ExecutionID)
	if err != nil {
		return messages.RevokeLeaseResult{}, err
	}
	if x == nil {
		return messages.RevokeLeaseResult{}, messages.NotFoundError("execution", "")
	}
	a, _, err := w.loadAttempt(x.partition, x.uuid)
	if err != nil {
		return messages.RevokeLeaseResult{}, err
	}
	lease, reason, err := x.revocable(a, args)
	if err != nil || reason != "" {
		return messages.RevokeLeaseResult{Outcome: messages.RevokeLeaseAlreadySatisfied, Reason: reason}, err
	}
	event := leaseEventOf(messages.LeaseRevoked, a, "operator")
	event.lease = lease.String()
	a.workerInstanceID = nil
	a.epoch++
	if err := w.interrupt(x, a, now); err != nil {
		return messages.RevokeLeaseResult{}, err
	}
	w.log.Info("a lease was revoked", "execution_id", x.executionID().String(), "lease_id", event.lease,
		"worker_instance_id", event.worker, "reason", args.Reason)
	return messages.RevokeLeaseResult{
		Outcome:    messages.RevokeLeaseRevoked,
		LeaseID:    lease,
		LeaseEpoch: messages.LeaseEpoch(a.epoch), //nolint:gosec // Epochs count claims from 1.
	}, w.emitLease(x, nil, event, now)
}

// revocable returns the id of the lease that args mean, or why there is none to revoke.
func (x *execution) revocable(a *attempt, args messages.RevokeLeaseArgs) (lease messages.LeaseID, reason string, err error) {
	if !a.leaseHeld() {
		return lease, messages.RevokeNoActiveLease, nil
	}
	if args.WorkerInstanceID != "" && *a.workerInstanceID != string(args.WorkerInstanceID) {
		return lease, messages.RevokeDifferentWorker, nil
	}
	lease = messages.DerivedLeaseID(
		x.executionID(), messages.LeaseEpoch(a.epoch), messages.AttemptIndex(a.index)) //nolint:gosec // Both count from 0.
	if stored := a.leaseID(); stored != "" {
		if lease, err = messages.ParseLeaseID(stored); err != nil {
			return lease, "", messages.CorruptionError("attempt", "lease_id: %v", err)
		}
	}
	if !args.ExpectedLeaseID.IsZero() && args.ExpectedLeaseID != lease {
		return lease, messages.RevokeLeaseIDMismatch, nil
	}
	return lease, "", nil
}

// interrupt ends the ownership of a running attempt and leaves it to be continued. An execution that does not run keeps
// its state.
func (w *Writer) interrupt(x *execution, a *attempt, now messages.TimestampMs) error {
	if x.phase != "active" {
		a.leaseExpiresAt = instant{}
		return w.storeAttempt(x, a)
	}
	x.releaseLease(a)
	x.phase, x.ownership, x.attemptState = "runnable", "unowned", "attempt_interrupted"
	x.eligibility, x.public, x.blocking = "eligible_now", "waiting", "waiting_for_worker"
	x.raw.setText("blocking_detail", "")
	x.raw.remove("lease_expired_at_ms")
	if err := w.storeExecution(x, now); err != nil {
		return err
	}
	w.becomesClaimable(x)
	return w.storeAttempt(x, a)
}
