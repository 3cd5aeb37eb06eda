package reader

import (
	"fmt"
	"math"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// each runs the statement and calls row for every row until it returns false or an error. It always ends with the
// statement's own error.
func each(c *database.Connection, sql string, values []any, row func(*sqlite3.Stmt) (more bool, err error)) error {
	stmt, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	if err := bind(stmt, values); err != nil {
		return err
	}
	for stmt.Step() {
		more, err := row(stmt)
		if err != nil {
			_ = stmt.Reset() // The row is at fault, not the statement.
			return err
		}
		if !more {
			break
		}
	}
	err = stmt.Err()
	if e := stmt.Reset(); err == nil {
		err = e
	}
	return err
}

// first runs the statement and calls row for its first row, if there is one.
func first(c *database.Connection, sql string, values []any, row func(*sqlite3.Stmt) error) (found bool, err error) {
	err = each(c, sql, values, func(stmt *sqlite3.Stmt) (bool, error) {
		found = true
		return false, row(stmt)
	})
	return found, err
}

// listPage runs the statement, whose LIMIT is oneMore, and returns up to limit of its rows; last is the last of them when more
// follow.
func listPage[R any](
	c *database.Connection, sql string, values []any, limit int, scan func(*sqlite3.Stmt) (R, error),
) (rows []R, last *R, err error) {
	if limit <= 0 {
		return nil, nil, nil
	}
	err = each(c, sql, values, func(stmt *sqlite3.Stmt) (bool, error) {
		if len(rows) == limit {
			last = &rows[limit-1]
			return false, nil
		}
		row, err := scan(stmt)
		rows = append(rows, row)
		return true, err
	})
	return rows, last, err
}

// oneMore asks for a row more than the page has, which tells whether more follow.
func oneMore(limit int) int64 { return int64(min(limit, math.MaxInt-1)) + 1 }

// bind binds the values to the parameters ?1, ?2, … A nil stands for a parameter that the statement does not have.
func bind(stmt *sqlite3.Stmt, values []any) error {
	for i, value := range values {
		var err error
		switch value := value.(type) {
		case nil:
		case int64:
			err = stmt.BindInt64(i+1, value)
		case string:
			err = stmt.BindText(i+1, value)
		case []byte:
			err = stmt.BindBlob(i+1, value)
		default:
			err = messages.BugError(fmt.Sprintf("reader: cannot bind a %T", value))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// columnText returns a text, nil for NULL.
func columnText(stmt *sqlite3.Stmt, col int) *string {
	if stmt.ColumnType(col) == sqlite3.NULL {
		return nil
	}
	text := stmt.ColumnText(col)
	return &text
}

// columnInstant returns a time, nil for NULL.
func columnInstant(stmt *sqlite3.Stmt, col int) *messages.TimestampMs {
	if stmt.ColumnType(col) == sqlite3.NULL {
		return nil
	}
	at := messages.TimestampMs(stmt.ColumnInt64(col))
	return &at
}

// columnFlowID returns the flow of a row, nil for NULL; context is the noun of the row in the error.
func columnFlowID(stmt *sqlite3.Stmt, col int, context string) (*messages.FlowID, error) {
	if stmt.ColumnType(col) == sqlite3.NULL {
		return nil, nil
	}
	uuid, err := columnUUID(stmt, col, context, "flow_id")
	if err != nil {
		return nil, err
	}
	flow := messages.FlowIDFromUUID(uuid)
	return &flow, nil
}

func columnUUID(stmt *sqlite3.Stmt, col int, context, column string) (uuid [16]byte, err error) {
	raw := stmt.ColumnRawBlob(col)
	if len(raw) != len(uuid) {
		return uuid, messages.CorruptionError(context, "%s: must be 16 bytes (got %d)", column, len(raw))
	}
	return [16]byte(raw), nil
}

// executionID rebuilds an id from the partition and the UUID of a row.
func executionID(context string, partition int64, uuid [16]byte) (messages.ExecutionID, error) {
	if partition < 0 || partition > messages.MaxPartitionIndex {
		return messages.ExecutionID{}, messages.CorruptionError(context, "partition_key: must be in 0..=255 (got %d)",
			partition)
	}
	return messages.NewExecutionID(uint16(partition), uuid), nil
}

// count reads a stored counter: negative values are 0, what does not fit is the greatest that does.
func count(stored int64) uint32 {
	return uint32(min(max(stored, 0), math.MaxUint32))
}
