package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// renew extends the lease of a handle by its TTL, counted from now (03 §5.1).
func (w *Writer) renew(now messages.TimestampMs, args messages.RenewArgs) (messages.LeaseRenewal, error) {
	var none messages.LeaseRenewal
	h, _, err := w.fence(args.Handle, now, nil)
	if err != nil {
		return none, err
	}
	ttl := messages.Millis(h.payload.LeaseTTL)
	if ttl <= 0 {
		return none, messages.InvalidField("lease_ttl_ms", "must be > 0")
	}
	expires, err := w.extend(h.execution, h.attempt, ttl, now)
	return messages.LeaseRenewal{ExpiresAt: expires, LeaseEpoch: h.payload.LeaseEpoch}, err
}

// extend lets the lease of the attempt end ttl milliseconds from now, which may be sooner than it did.
func (w *Writer) extend(x *execution, a *attempt, ttl int64, now messages.TimestampMs) (messages.TimestampMs, error) {
	a.leaseExpiresAt = instant{ms: int64(now) + ttl, set: true}
	a.raw.setNumber("lease_renewed_at_ms", int64(now))
	if err := w.emitLease(x, a, leaseEventOf(messages.LeaseRenewed, a, ""), now); err != nil {
		return 0, err
	}
	if err := w.storeAttempt(x, a); err != nil {
		return 0, err
	}
	if err := w.storeExecution(x, now); err != nil {
		return 0, err
	}
	w.remember(x, a)
	return messages.TimestampMs(a.leaseExpiresAt.ms), nil
}

// dueLeasesSQL is served by ff_attempt_lease_expiry_idx and reads on over leases that are marked already.
const dueLeasesSQL = `
SELECT a.lease_expires_at_ms, a.rowid, e.rowid
  FROM ff_attempt AS a
  JOIN ff_exec_core AS e USING (partition_key, execution_id)
 WHERE a.lease_expires_at_ms >= ?1
   AND (a.lease_expires_at_ms > ?1 OR a.rowid > ?2)
   AND a.lease_expires_at_ms IS NOT NULL
   AND e.lifecycle_phase = 'active'
   AND e.ownership_state = 'leased'
 ORDER BY a.lease_expires_at_ms, a.rowid
 LIMIT ?3`

// nextLeaseExpirySQL is served by ff_attempt_lease_expiry_idx and reads on only over leases that are marked already.
const nextLeaseExpirySQL = `
SELECT a.lease_expires_at_ms
  FROM ff_attempt AS a
  JOIN ff_exec_core AS e USING (partition_key, execution_id)
 WHERE a.lease_expires_at_ms > ?1
   AND a.lease_expires_at_ms IS NOT NULL
   AND e.lifecycle_phase = 'active'
   AND e.ownership_state = 'leased'
 ORDER BY a.lease_expires_at_ms
 LIMIT 1`

// markLeaseExpired makes one execution reclaimable if its lease has run out (06 §2.2).
func (w *Writer) markLeaseExpired(
	now messages.TimestampMs, args messages.MarkLeaseExpiredIfDueArgs,
) (messages.MarkLeaseExpiredIfDueResult, error) {
	var none messages.MarkLeaseExpiredIfDueResult
	x, err := w.loadExecution(args.ExecutionID)
	if err != nil {
		return none, err
	}
	if reason := notLeased(x); reason != "" {
		return messages.MarkLeaseExpiredIfDueResult{Outcome: messages.MarkAlreadySatisfied, Reason: reason}, nil
	}
	switch marked, err := w.expireLease(x, now); {
	case err != nil:
		return none, err
	case marked == nothing:
		return messages.MarkLeaseExpiredIfDueResult{Outcome: messages.MarkAlreadySatisfied, Reason: "not_yet_expired"}, nil
	}
	return messages.MarkLeaseExpiredIfDueResult{Outcome: messages.MarkMarkedExpired}, nil
}

// notLeased says why an execution has no lease that could run out, "" when it has one.
func notLeased(x *execution) string {
	switch {
	case x == nil:
		return "execution_not_found"
	case x.phase != "active":
		return "not_active"
	case x.ownership == "lease_expired_reclaimable":
		return "already_expired"
	case x.ownership == "lease_revoked":
		return "already_revoked"
	case x.ownership != "leased":
		return "unowned"
	}
	return ""
}

// expireLease makes an execution reclaimable whose lease has run out. The attempt keeps its lease columns; the fence
// compares the clock and does not wait for the mark.
func (w *Writer) expireLease(x *execution, now messages.TimestampMs) (action, error) {
	if notLeased(x) != "" {
		return nothing, nil
	}
	a, _, err := w.loadAttempt(x.partition, x.uuid)
	if err != nil || a == nil || !a.leaseExpiresAt.set || a.leaseExpiresAt.ms > int64(now) {
		return nothing, err
	}
	x.ownership = "lease_expired_reclaimable"
	x.attemptState = "attempt_interrupted"
	x.blocking = "waiting_for_worker"
	x.raw.setText("blocking_detail", "lease expired, awaiting reclaim")
	x.raw.setNumber("lease_expired_at_ms", int64(now))
	if err := w.storeExecution(x, now); err != nil {
		return nothing, err
	}
	w.becomesClaimable(x)
	return changed, w.emitLease(x, nil, leaseEventOf(messages.LeaseExpired, a, ""), now)
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
