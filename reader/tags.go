package reader

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// readExecutionDocumentSQL is served by ff_exec_core_execution_idx.
const readExecutionDocumentSQL = `
SELECT raw_fields
  FROM ff_exec_core
 WHERE partition_key = ?1
   AND execution_id = ?2`

// readFlowDocumentSQL is served by the primary key: the rows of all flows have partition 0.
const readFlowDocumentSQL = `
SELECT raw_fields
  FROM ff_flow_core
 WHERE partition_key = 0
   AND flow_id = ?1`

// fromDocument reads a text of the document that the statement selects, nil when there is no row, or no such text.
func (r *Reader) fromDocument(
	ctx context.Context, context, sql string, key []any, member func(document) (string, bool),
) (value *string, err error) {
	err = r.pool.Read(ctx, func(c *database.Connection) error {
		_, err := first(c, sql, key, func(stmt *sqlite3.Stmt) error {
			raw, err := parseDocument(context, "raw_fields", stmt.ColumnRawText(0))
			if text, ok := member(raw); ok {
				value = &text
			}
			return err
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return value, nil
}

// ExecutionTag returns the current value of a tag, nil when the execution or the tag does not exist.
func (r *Reader) ExecutionTag(ctx context.Context, id messages.ExecutionID, key string) (*string, error) {
	return r.fromDocument(ctx, executionContext, readExecutionDocumentSQL, executionKey(id),
		func(raw document) (string, bool) {
			tag, ok := raw.texts("tags")[key]
			return tag, ok
		})
}

// flowTag returns the current value of a tag, nil when the flow or the tag does not exist.
func (r *Reader) flowTag(ctx context.Context, id messages.FlowID, key string) (*string, error) {
	return r.fromDocument(ctx, flowContext, readFlowDocumentSQL, []any{id[:]},
		func(raw document) (string, bool) { return raw.text(key) })
}

// executionNamespace returns nil when the execution does not exist, or has none.
func (r *Reader) executionNamespace(ctx context.Context, id messages.ExecutionID) (*string, error) {
	return r.fromDocument(ctx, executionContext, readExecutionDocumentSQL, executionKey(id),
		func(raw document) (string, bool) { return raw.text("namespace") })
}
