package reader

import (
	"context"
	"encoding/json"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// readExecCoreFieldsSQL is served by ff_exec_core_execution_idx, and by the primary key of ff_execution_capabilities.
const readExecCoreFieldsSQL = `
SELECT raw_fields,
       flow_id,
       lane_id,
       lifecycle_phase,
       ownership_state,
       eligibility_state,
       public_state,
       attempt_state,
       blocking_reason,
       cancellation_reason,
       cancelled_by,
       attempt_index,
       priority,
       created_at_ms,
       started_at_ms,
       terminal_at_ms,
       deadline_at_ms,
       lease_reclaim_count,
       (SELECT group_concat(capability, ',')
          FROM (SELECT capability
                  FROM ff_execution_capabilities
                 WHERE execution_id = ?2
                 ORDER BY capability))
  FROM ff_exec_core
 WHERE partition_key = ?1
   AND execution_id = ?2`

// fieldColumns are the columns of readExecCoreFieldsSQL that are read as the text they are stored as.
var fieldColumns = map[string]int{
	"lane_id":               2,
	"lifecycle_phase":       3,
	"ownership_state":       4,
	"eligibility_state":     5,
	"public_state":          6,
	"attempt_state":         7,
	"blocking_reason":       8,
	"cancellation_reason":   9,
	"cancel_reason":         9,
	"cancelled_by":          10,
	"attempt_index":         11,
	"current_attempt_index": 11,
	"priority":              12,
	"created_at_ms":         13,
	"started_at_ms":         14,
	"terminal_at_ms":        15,
	"completed_at":          15,
	"deadline_at_ms":        16,
	"lease_reclaim_count":   17,
	"required_capabilities": 18,
}

// readExecCoreFields returns an entry for every field, nil for what is NULL, unknown or of an unknown execution.
func (r *Reader) readExecCoreFields(
	ctx context.Context, args messages.ReadExecCoreFieldsArgs,
) (map[string]*string, error) {
	values := make(map[string]*string, len(args.Fields))
	for _, field := range args.Fields {
		values[field] = nil
	}
	if len(values) == 0 {
		return values, nil
	}
	err := r.pool.Read(ctx, func(c *database.Connection) error {
		_, err := first(c, readExecCoreFieldsSQL, executionKey(args.ExecutionID), func(stmt *sqlite3.Stmt) error {
			return scanFields(stmt, values)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}

func scanFields(stmt *sqlite3.Stmt, values map[string]*string) error {
	raw := document(nil)
	for field := range values {
		if column, ok := fieldColumns[field]; ok {
			values[field] = columnText(stmt, column)
			continue
		}
		if field == "flow_id" {
			flow, err := columnFlowID(stmt, 1, executionContext)
			if err != nil {
				return err
			}
			if flow != nil {
				text := flow.String()
				values[field] = &text
			}
			continue
		}
		if raw == nil {
			var err error
			if raw, err = parseDocument(executionContext, "raw_fields", stmt.ColumnRawText(0)); err != nil {
				return err
			}
		}
		values[field] = scalarText(raw[field])
	}
	return nil
}

// scalarText is the value of a string and the JSON of a number or a boolean, nil for anything else.
func scalarText(member json.RawMessage) *string {
	if text, ok := textOf(member); ok {
		return &text
	}
	if len(member) == 0 || member[0] == '{' || member[0] == '[' || member[0] == '"' || member[0] == 'n' {
		return nil
	}
	text := string(member)
	return &text
}
