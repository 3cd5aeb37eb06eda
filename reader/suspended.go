package reader

import (
	"context"
	"math"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// The two statements walk ff_suspension_current_open_idx, which is in the order of the page.
const (
	listSuspendedSQL = `
SELECT partition_key,
       execution_id,
       suspended_at_ms,
       coalesce(reason_code, '')
  FROM ff_suspension_current
 WHERE closed_at_ms IS NULL
   AND (suspended_at_ms, execution_id) > (?1, ?2)
 ORDER BY suspended_at_ms, execution_id
 LIMIT ?3`

	// The plus keeps the planner from the indexes that begin with the partition; they do not have the order.
	listSuspendedInPartitionSQL = `
SELECT partition_key,
       execution_id,
       suspended_at_ms,
       coalesce(reason_code, '')
  FROM ff_suspension_current
 WHERE closed_at_ms IS NULL
   AND (suspended_at_ms, execution_id) > (?1, ?2)
   AND +partition_key = ?4
 ORDER BY suspended_at_ms, execution_id
 LIMIT ?3`
)

// suspensionContext is the noun of a row of ff_suspension_current in errors.
const suspensionContext = "suspension_current"

// listSuspended returns a page of the open suspensions. The one of the cursor may have ended since.
func (r *Reader) listSuspended(
	ctx context.Context, args messages.ListSuspendedArgs,
) (messages.ListSuspendedResult, error) {
	limit := min(args.Limit, messages.MaxListLimit)
	sql, values := listSuspendedSQL, []any{int64(math.MinInt64), []byte{}, oneMore(limit)}
	if cursor := args.Cursor; cursor != nil {
		uuid := cursor.ExecutionID.UUID()
		values = []any{int64(cursor.SuspendedAt), uuid[:], oneMore(limit)}
	}
	if args.Partition != "" {
		partition, err := messages.ParsePartitionKey(string(args.Partition))
		if err != nil {
			return messages.ListSuspendedResult{}, messages.InvalidField("partition_key", "%v", err)
		}
		sql, values = listSuspendedInPartitionSQL, append(values, storedPartition(partition))
	}
	var result messages.ListSuspendedResult
	var last *messages.SuspendedExecution
	err := r.pool.Read(ctx, func(c *database.Connection) (err error) {
		result.Entries, last, err = listPage(c, sql, values, limit, scanSuspended)
		return err
	})
	if err != nil {
		return messages.ListSuspendedResult{}, err
	}
	if last != nil {
		result.NextCursor = &messages.SuspendedCursor{SuspendedAt: last.SuspendedAt, ExecutionID: last.ExecutionID}
	}
	return result, nil
}

func scanSuspended(stmt *sqlite3.Stmt) (entry messages.SuspendedExecution, err error) {
	uuid, err := columnUUID(stmt, 1, suspensionContext, "execution_id")
	if err != nil {
		return entry, err
	}
	entry.ExecutionID, err = executionID(suspensionContext, stmt.ColumnInt64(0), uuid)
	entry.SuspendedAt = messages.TimestampMs(stmt.ColumnInt64(2))
	entry.Reason = stmt.ColumnText(3)
	return entry, err
}
