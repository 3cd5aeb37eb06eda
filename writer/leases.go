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
	if err := w.storeAttempt(x, a); err != nil {
		return 0, err
	}
	if err := w.storeExecution(x, now); err != nil {
		return 0, err
	}
	err := w.emitLease(x, leaseEventOf(messages.LeaseRenewed, a, ""), now)
	return messages.TimestampMs(a.leaseExpiresAt.ms), err
}

// expiredLeasesSQL is served by ff_attempt_lease_expiry_idx.
const expiredLeasesSQL = `
SELECT e.rowid
  FROM ff_attempt AS a
  JOIN ff_exec_core AS e USING (partition_key, execution_id)
 WHERE a.lease_expires_at_ms > ?1
   AND a.lease_expires_at_ms <= ?2
   AND a.lease_expires_at_ms IS NOT NULL
   AND e.lifecycle_phase = 'active'
   AND e.ownership_state = 'leased'
 ORDER BY a.lease_expires_at_ms
 LIMIT ?3`

func (w *Writer) expiredLeases(now messages.TimestampMs) (rows []int64, err error) {
	s := w.prepare(expiredLeasesSQL).int(1, w.deadlines.leasesSeen).int(2, int64(now)).int(3, portion)
	err = s.each(func() error {
		rows = append(rows, s.stmt.ColumnInt64(0))
		return nil
	})
	return rows, err
}

// markLeaseExpired makes an execution whose lease has run out reclaimable (06 §2.2) and reports whether it did. The
// attempt keeps its lease columns; the fence compares the clock and does not wait for the mark.
func (w *Writer) markLeaseExpired(x *execution, now messages.TimestampMs) (bool, error) {
	if x.phase != "active" || x.ownership != "leased" {
		return false, nil
	}
	a, _, err := w.loadAttempt(x.partition, x.uuid)
	if err != nil || a == nil || !a.leaseExpiresAt.set || a.leaseExpiresAt.ms > int64(now) {
		return false, err
	}
	x.ownership = "lease_expired_reclaimable"
	x.attemptState = "attempt_interrupted"
	x.blocking = "waiting_for_worker"
	x.raw.setText("blocking_detail", "lease expired, awaiting reclaim")
	x.raw.setNumber("lease_expired_at_ms", int64(now))
	if err := w.storeExecution(x, now); err != nil {
		return false, err
	}
	w.becomesClaimable(x)
	return true, w.emitLease(x, leaseEventOf(messages.LeaseExpired, a, ""), now)
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
