package reader

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// attemptContext is the noun of a row of ff_attempt in errors.
const attemptContext = "attempt"

// attempt is a row of ff_attempt as far as a snapshot shows it.
type attempt struct {
	index     int64
	worker    string // the instance; "" is NULL
	epoch     int64
	expiresAt *messages.TimestampMs // nil: no lease
	raw       document
}

// readCurrentAttemptSQL is served by the primary key. The current attempt is the one with the greatest index, whatever
// index the execution's own row names.
const readCurrentAttemptSQL = `
SELECT attempt_index,
       worker_instance_id,
       lease_epoch,
       lease_expires_at_ms,
       raw_fields
  FROM ff_attempt
 WHERE partition_key = ?1
   AND execution_id = ?2
 ORDER BY attempt_index DESC
 LIMIT 1`

// readCurrentAttempt returns the current attempt of an execution, nil before the first claim.
func readCurrentAttempt(c *database.Connection, id messages.ExecutionID) (*attempt, error) {
	var a attempt
	found, err := first(c, readCurrentAttemptSQL, executionKey(id), func(stmt *sqlite3.Stmt) (err error) {
		a.index = stmt.ColumnInt64(0)
		a.worker = stmt.ColumnText(1)
		a.epoch = stmt.ColumnInt64(2)
		a.expiresAt = columnInstant(stmt, 3)
		a.raw, err = parseDocument(attemptContext, "raw_fields", stmt.ColumnRawText(4))
		return err
	})
	if err != nil || !found {
		return nil, err
	}
	return &a, nil
}

func (a *attempt) attemptIndex() (messages.AttemptIndex, error) {
	return indexOf(attemptContext, a.index)
}

// lease returns the lease that the attempt holds. Its id may be missing, as in rows of other programs; then it is the
// nil UUID.
func (a *attempt) lease() (*messages.LeaseSummary, error) {
	index, err := a.attemptIndex()
	switch {
	case err != nil:
		return nil, err
	case a.worker == "":
		return nil, messages.CorruptionError(attemptContext, "worker_instance_id: missing on a lease")
	case a.epoch < 0:
		return nil, messages.CorruptionError(attemptContext, "lease_epoch: %d is out of range", a.epoch)
	}

	lease := messages.LeaseSummary{
		LeaseEpoch:       messages.LeaseEpoch(a.epoch),
		WorkerInstanceID: messages.WorkerInstanceID(a.worker),
		ExpiresAt:        *a.expiresAt,
		AttemptIndex:     index,
	}
	if stored := a.raw.scalar("lease_id"); stored != "" {
		if lease.LeaseID, err = messages.ParseLeaseID(stored); err != nil {
			return nil, notUUID(attemptContext, "lease_id", stored)
		}
	}
	if stored, ok := a.raw.number("lease_renewed_at_ms"); ok {
		at := messages.TimestampMs(stored)
		lease.LastHeartbeatAt = &at
	}
	return &lease, nil
}
