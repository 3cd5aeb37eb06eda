package reader

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// outboxTable is where the events of one family are.
type outboxTable struct {
	name       string
	highestSQL string // served by the end of the rowid's tree
}

func outboxOf(family messages.Family) (outboxTable, error) {
	switch family {
	case messages.FamilyCompletion:
		return outboxTable{"ff_completion_event", highestCompletionSQL}, nil
	case messages.FamilyLeaseHistory:
		return outboxTable{"ff_lease_event", highestLeaseSQL}, nil
	case messages.FamilySignalDelivery:
		return outboxTable{"ff_signal_event", highestSignalSQL}, nil
	case messages.FamilyInstanceTags:
		return outboxTable{"ff_instance_tag_event", highestInstanceTagSQL}, nil
	}
	return outboxTable{}, messages.BugError("reader: no outbox of family " + string(family))
}

const (
	highestCompletionSQL  = `SELECT max(event_id) FROM ff_completion_event`
	highestLeaseSQL       = `SELECT max(event_id) FROM ff_lease_event`
	highestSignalSQL      = `SELECT max(event_id) FROM ff_signal_event`
	highestInstanceTagSQL = `SELECT max(event_id) FROM ff_instance_tag_event`
)

// HighestEventID returns the greatest id among the family's events that exist, 0 when there are none.
func (r *Reader) HighestEventID(ctx context.Context, family messages.Family) (messages.EventID, error) {
	outbox, err := outboxOf(family)
	if err != nil {
		return 0, err
	}
	return r.eventID(ctx, outbox.highestSQL)
}

// highWaterSQL scans sqlite_sequence, which has one row for each of the few tables that number their rows.
const highWaterSQL = `
SELECT seq
  FROM sqlite_sequence
 WHERE name = ?1`

// HighWaterEventID returns the greatest id that an event of the family ever had, 0 when there never was one.
func (r *Reader) HighWaterEventID(ctx context.Context, family messages.Family) (messages.EventID, error) {
	outbox, err := outboxOf(family)
	if err != nil {
		return 0, err
	}
	return r.eventID(ctx, highWaterSQL, outbox.name)
}

// eventID returns the one number of the statement's only row; 0 for NULL and when there is no row.
func (r *Reader) eventID(ctx context.Context, sql string, values ...any) (messages.EventID, error) {
	var id messages.EventID
	err := r.pool.Read(ctx, func(c *database.Connection) error {
		_, err := first(c, sql, values, func(stmt *sqlite3.Stmt) error {
			id = messages.EventID(stmt.ColumnInt64(0))
			return nil
		})
		return err
	})
	if err != nil {
		return 0, err
	}
	return id, nil
}
