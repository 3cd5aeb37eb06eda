package reader

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// expiredLeasesSQL walks ff_attempt_lease_expiry_idx. Of an execution only the current attempt holds a lease; what an
// older one has left in its row is none.
const expiredLeasesSQL = `
SELECT a.partition_key,
       a.execution_id,
       a.attempt_index,
       a.lease_epoch,
       a.lease_expires_at_ms,
       a.worker_instance_id,
       CASE WHEN json_valid(a.raw_fields) THEN a.raw_fields ->> '$.lease_id' END
  FROM ff_attempt AS a
  JOIN ff_exec_core AS e USING (partition_key, execution_id)
 WHERE a.lease_expires_at_ms >= ?1
   AND a.lease_expires_at_ms <= ?2
   AND a.lease_expires_at_ms IS NOT NULL
   AND a.worker_instance_id IS NOT NULL
   AND e.lifecycle_phase = 'active'
   AND (e.ownership_state = 'leased' OR e.ownership_state = 'lease_expired_reclaimable')
   AND (?3 = '' OR json_valid(e.raw_fields) AND e.raw_fields ->> '$.namespace' = ?3)
   AND NOT EXISTS (SELECT 1
                     FROM ff_attempt AS later
                    WHERE later.partition_key = a.partition_key
                      AND later.execution_id = a.execution_id
                      AND later.attempt_index > a.attempt_index)
 ORDER BY a.lease_expires_at_ms`

// ListExpiredLeases returns a page of the leases that had run out by AsOf, which must be set: by their expiry, and those
// of one millisecond by the text of the execution id, the order of the cursor.
func (r *Reader) ListExpiredLeases(
	ctx context.Context, args messages.ListExpiredLeasesArgs,
) (messages.ListExpiredLeasesResult, error) {
	page := expiredLeases{limit: messages.DefaultExpiredLeases, after: args.After}
	if args.Limit > 0 {
		page.limit = int(min(args.Limit, messages.MaxExpiredLeases))
	}
	from := int64(0)
	if args.After != nil {
		from = int64(args.After.ExpiresAt)
	}
	err := r.pool.Read(ctx, func(c *database.Connection) error {
		values := []any{from, int64(args.AsOf), string(args.Namespace)}
		return each(c, expiredLeasesSQL, values, func(stmt *sqlite3.Stmt) (bool, error) {
			lease, err := scanExpiredLease(stmt)
			if err != nil {
				return false, err
			}
			return page.add(lease), nil
		})
	})
	if err != nil {
		return messages.ListExpiredLeasesResult{}, err
	}
	return page.result(), nil
}

// expiredLeases is a page that is being filled: whole, and then the leases of one millisecond, which are sorted before
// they are added to it.
type expiredLeases struct {
	limit int
	after *messages.ExpiredLeasesCursor
	whole []messages.ExpiredLeaseInfo
	tied  []messages.ExpiredLeaseInfo
}

// add reports whether the page has room for more.
func (p *expiredLeases) add(lease messages.ExpiredLeaseInfo) bool {
	if len(p.tied) > 0 && p.tied[0].ExpiresAt != lease.ExpiresAt {
		p.settle()
	}
	if len(p.whole) >= p.limit {
		return false
	}
	if p.after == nil || p.after.ExpiresAt != lease.ExpiresAt ||
		p.after.ExecutionID.String() < lease.ExecutionID.String() {
		p.tied = append(p.tied, lease)
	}
	return true
}

func (p *expiredLeases) settle() {
	slices.SortFunc(p.tied, func(a, b messages.ExpiredLeaseInfo) int {
		return strings.Compare(a.ExecutionID.String(), b.ExecutionID.String())
	})
	p.whole, p.tied = append(p.whole, p.tied...), p.tied[:0]
}

func (p *expiredLeases) result() messages.ListExpiredLeasesResult {
	p.settle()
	if len(p.whole) < p.limit {
		return messages.ListExpiredLeasesResult{Entries: p.whole}
	}
	entries := p.whole[:p.limit]
	last := entries[p.limit-1]
	return messages.ListExpiredLeasesResult{
		Entries: entries,
		Cursor:  &messages.ExpiredLeasesCursor{ExpiresAt: last.ExpiresAt, ExecutionID: last.ExecutionID},
	}
}

func scanExpiredLease(stmt *sqlite3.Stmt) (messages.ExpiredLeaseInfo, error) {
	var none messages.ExpiredLeaseInfo
	uuid, err := columnUUID(stmt, 1, executionContext, "execution_id")
	if err != nil {
		return none, err
	}
	id, err := executionID(executionContext, stmt.ColumnInt64(0), uuid)
	if err != nil {
		return none, err
	}
	index, epoch := stmt.ColumnInt64(2), stmt.ColumnInt64(3)
	lease, err := messages.ParseLeaseID(stmt.ColumnText(6))
	if err != nil {
		lease = derivedLeaseID(uuid, epoch, index)
	}
	return messages.ExpiredLeaseInfo{
		ExecutionID:      id,
		LeaseID:          lease,
		LeaseEpoch:       messages.LeaseEpoch(epoch),   //nolint:gosec // Epochs are stored as signed 64-bit.
		AttemptIndex:     messages.AttemptIndex(index), //nolint:gosec // Indexes count attempts from 0.
		ExpiresAt:        messages.TimestampMs(stmt.ColumnInt64(4)),
		WorkerInstanceID: messages.WorkerInstanceID(stmt.ColumnText(5)),
	}, nil
}

// derivedLeaseID names the lease of a row that has no id of one: the UUID of the execution, with epoch and attempt index
// mixed in.
func derivedLeaseID(uuid [16]byte, epoch, index int64) (id messages.LeaseID) {
	mask := binary.BigEndian.AppendUint64(nil, uint64(epoch)) //nolint:gosec // Its bits.
	mask = binary.BigEndian.AppendUint32(mask, uint32(index)) //nolint:gosec // Its bits.
	mask = append(mask, bytes.Repeat([]byte{0}, len(uuid)-len(mask))...)
	for i := range uuid {
		id[i] = uuid[i] ^ mask[i]
	}
	return id
}
