package reader

import (
	"cmp"
	"context"
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// completionPageSQL is served by the rowid, which the event id is.
const completionPageSQL = `
SELECT event_id,
       partition_key,
       execution_id,
       flow_id,
       outcome,
       occurred_at_ms,
       namespace,
       instance_tag
  FROM ff_completion_event
 WHERE event_id > ?1
 ORDER BY event_id`

// CompletionPage returns up to limit completion events behind the given one, in the order of their ids. An empty page
// says that there are none.
//
// A row that cannot be decoded ends the page: the events before it come together with [messages.ErrCorruption], whose
// cursor is that of the row, so that reading on from there skips exactly that row.
func (r *Reader) CompletionPage(
	ctx context.Context, after messages.EventID, limit int,
) ([]messages.CompletionEvent, error) {
	return page(ctx, r.pool, completionPageSQL, after, limit, scanCompletion)
}

// leaseHistoryPageSQL is served by the rowid, which the event id is.
const leaseHistoryPageSQL = `
SELECT event_id,
       event_type,
       partition_key,
       execution_id,
       lease_id,
       worker_instance_id,
       revoked_by,
       occurred_at_ms,
       namespace,
       instance_tag
  FROM ff_lease_event
 WHERE event_id > ?1
 ORDER BY event_id`

// LeaseHistoryPage is [Reader.CompletionPage] for lease events. Rows of a type that this version does not know are
// skipped with a warning and take no place in the page.
func (r *Reader) LeaseHistoryPage(
	ctx context.Context, after messages.EventID, limit int,
) ([]messages.LeaseHistoryEvent, error) {
	return page(ctx, r.pool, leaseHistoryPageSQL, after, limit, r.scanLease)
}

// page reads rows behind after until it has limit events; the event id is the first column of the statement. The
// statement has no LIMIT of its own, because only its scan tells which rows are to be skipped (known is false).
func page[E any](
	ctx context.Context, pool *database.Pool, sql string, after messages.EventID, limit int,
	scan func(*sqlite3.Stmt) (event E, known bool, err error),
) ([]E, error) {
	if limit <= 0 {
		return nil, nil
	}
	var events []E
	var corrupt error
	err := pool.Read(ctx, func(c *database.Connection) error {
		return each(c, sql, []any{int64(after)}, func(stmt *sqlite3.Stmt) (bool, error) {
			event, known, err := scan(stmt)
			if err != nil {
				corrupt = corruptRow(err, messages.EventID(stmt.ColumnInt64(0)))
				return false, nil
			}
			if known {
				events = append(events, event)
			}
			return len(events) < limit, nil
		})
	})
	if err != nil {
		return nil, err
	}
	return events, corrupt
}

// corruptRow adds to the error the cursor of the row, which resumes behind it.
func corruptRow(err error, id messages.EventID) error {
	var row *messages.Error
	if !errors.As(err, &row) {
		return err
	}
	placed := *row
	placed.Cursor = messages.CursorAfter(id)
	return &placed
}

func scanCompletion(stmt *sqlite3.Stmt) (event messages.CompletionEvent, known bool, err error) {
	const context = "completion_event"
	uuid, err := columnUUID(stmt, 2, context, "execution_id")
	if err != nil {
		return event, false, err
	}
	event.ExecutionID, err = executionID(context, stmt.ColumnInt64(1), uuid)
	if err != nil {
		return event, false, err
	}
	event.FlowID, err = columnFlowID(stmt, 3, context)
	if err != nil {
		return event, false, err
	}

	event.EventID = messages.EventID(stmt.ColumnInt64(0))
	event.Cursor = messages.CursorAfter(event.EventID)
	event.RawOutcome = stmt.ColumnText(4)
	event.Outcome = messages.CompletionOutcomeOf(event.RawOutcome)
	event.At = messages.TimestampMs(stmt.ColumnInt64(5))
	event.Namespace = columnText(stmt, 6)
	event.InstanceTag = columnText(stmt, 7)
	return event, true, nil
}

func (r *Reader) scanLease(stmt *sqlite3.Stmt) (event messages.LeaseHistoryEvent, known bool, err error) {
	const context = "lease_event"
	event.EventID = messages.EventID(stmt.ColumnInt64(0))
	event.Kind, known = leaseEventType(stmt.ColumnText(1))
	if !known {
		r.log.Warn("lease event of an unknown type skipped",
			"event_id", int64(event.EventID), "event_type", stmt.ColumnText(1))
		return event, false, nil
	}
	event.ExecutionID, err = bareExecutionID(context, stmt.ColumnInt64(2), stmt.ColumnText(3))
	if err != nil {
		return event, false, err
	}
	if stored := stmt.ColumnText(4); stored != "" {
		lease, err := messages.ParseLeaseID(stored)
		if err != nil {
			return event, false, notUUID(context, "lease_id", stored)
		}
		event.LeaseID = &lease
	}

	event.Cursor = messages.CursorAfter(event.EventID)
	if worker := messages.WorkerInstanceID(stmt.ColumnText(5)); worker != "" {
		event.WorkerInstanceID = &worker
	}
	if event.Kind == messages.LeaseRevoked {
		event.RevokedBy = cmp.Or(stmt.ColumnText(6), messages.RevokedByOperator)
	}
	event.At = messages.TimestampMs(stmt.ColumnInt64(7))
	event.Namespace = columnText(stmt, 8)
	event.InstanceTag = columnText(stmt, 9)
	return event, true, nil
}

func leaseEventType(stored string) (kind messages.LeaseEventType, known bool) {
	switch kind := messages.LeaseEventType(stored); kind {
	case messages.LeaseAcquired, messages.LeaseRenewed, messages.LeaseExpired, messages.LeaseReclaimed,
		messages.LeaseRevoked:
		return kind, true
	}
	return "", false
}

// bareExecutionID rebuilds an id from the partition and the bare UUID text of a row.
func bareExecutionID(context string, partition int64, stored string) (messages.ExecutionID, error) {
	uuid, err := messages.ParseFlowID(stored) // Every id has the same text form.
	if err != nil {
		return messages.ExecutionID{}, notUUID(context, "execution_id", stored)
	}
	return executionID(context, partition, uuid)
}
