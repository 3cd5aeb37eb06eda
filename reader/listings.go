package reader

import (
	"context"
	"encoding/json"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// listExecutionsSQL and the conditions that follow it make one statement; ?1 is the UUID behind which the page begins.
// It walks ff_exec_core_execution_idx in the order of the page, or ff_exec_core_flow_idx when a flow is given, or the
// primary key when a partition is; the other conditions are tested row by row.
//
// The third column is NULL, or a document that a condition on raw_fields cannot read.
const (
	listExecutionsSQL = `
SELECT partition_key,
       execution_id,
       NULL
  FROM ff_exec_core
 WHERE execution_id > ?1`

	listExecutionsByDocumentSQL = `
SELECT partition_key,
       execution_id,
       iif(json_valid(raw_fields), NULL, raw_fields)
  FROM ff_exec_core
 WHERE execution_id > ?1`

	listExecutionsOrderSQL = `
 ORDER BY execution_id
 LIMIT ?2`
)

// The conditions, each with the parameter of its number in executionConditions. Those on raw_fields also select the
// rows whose document is not valid, so that these are reported instead of being left out.
const (
	inPartitionSQL = `
   AND partition_key = ?3`

	// The plus keeps the planner from the primary key, which knows no flows.
	inPartitionOfFlowSQL = `
   AND +partition_key = ?3`

	inLaneSQL = `
   AND lane_id = ?4`

	// The literals are those that messages.NormalizePublicState reads as another state.
	inPublicStateSQL = `
   AND CASE public_state
         WHEN 'running' THEN 'active'
         WHEN 'claimed' THEN 'active'
         WHEN 'pending' THEN 'waiting'
         WHEN 'eligible' THEN 'waiting'
         ELSE public_state
       END = ?5`

	inFlowSQL = `
   AND flow_id = ?6`

	inNamespaceSQL = `
   AND CASE WHEN json_valid(raw_fields) THEN raw_fields ->> '$.namespace' = ?7 ELSE 1 END`

	ofKindSQL = `
   AND CASE WHEN json_valid(raw_fields) THEN raw_fields ->> '$.execution_kind' = ?8 ELSE 1 END`

	// No wanted tag is without an equal tag of the execution.
	withTagsSQL = `
   AND CASE WHEN json_valid(raw_fields) THEN NOT EXISTS (
         SELECT 1
           FROM json_each(?9) AS wanted
          WHERE NOT EXISTS (
                SELECT 1
                  FROM json_each(raw_fields, '$.tags') AS tag
                 WHERE tag.key = wanted.key
                   AND tag.type = 'text'
                   AND tag.value = wanted.value))
       ELSE 1 END`
)

// listExecutions returns a page of executions in the order of their UUIDs. The execution of the cursor need not exist.
func (r *Reader) listExecutions(
	ctx context.Context, args messages.ListExecutionsArgs,
) (messages.ListExecutionsResult, error) {
	query, err := listingOf(args)
	if err != nil {
		return messages.ListExecutionsResult{}, err
	}
	var result messages.ListExecutionsResult
	err = r.pool.Read(ctx, func(c *database.Connection) (err error) {
		result.Executions, result.NextCursor, err = listPage(c, query.sql, query.values, query.limit, scanListed)
		return err
	})
	if err != nil {
		return messages.ListExecutionsResult{}, err
	}
	return result, nil
}

func scanListed(stmt *sqlite3.Stmt) (messages.ExecutionID, error) {
	if stmt.ColumnType(2) != sqlite3.NULL {
		return messages.ExecutionID{}, unreadable(stmt.ColumnRawText(2))
	}
	uuid, err := columnUUID(stmt, 1, executionContext, "execution_id")
	if err != nil {
		return messages.ExecutionID{}, err
	}
	return executionID(executionContext, stmt.ColumnInt64(0), uuid)
}

// unreadable says why a document is refused. SQLite refuses some that Go reads, such as one that is nested too deeply.
func unreadable(raw []byte) error {
	if _, err := parseDocument(executionContext, "raw_fields", raw); err != nil {
		return err
	}
	return messages.CorruptionError(executionContext, "raw_fields not valid JSON: SQLite cannot read it")
}

// listing is the statement of one page.
type listing struct {
	sql    string
	values []any
	limit  int
}

// condition is a part of the WHERE list that is there only when the caller asks for it.
type condition struct {
	given bool
	sql   string
	value any
}

func listingOf(args messages.ListExecutionsArgs) (listing, error) {
	query := listing{sql: listExecutionsSQL, limit: min(args.Limit, messages.MaxListLimit)}
	conditions, err := executionConditions(args)
	if err != nil {
		return listing{}, err
	}
	after := []byte{}
	if args.Cursor != nil {
		uuid := args.Cursor.UUID()
		after = uuid[:]
	}

	filter := args.Filter
	if filter.Namespace != "" || filter.ExecutionKind != "" || len(filter.Tags) > 0 {
		query.sql = listExecutionsByDocumentSQL
	}
	query.values = []any{after, oneMore(query.limit)}
	for _, c := range conditions {
		if !c.given {
			c = condition{}
		}
		query.sql += c.sql
		query.values = append(query.values, c.value)
	}
	query.sql += listExecutionsOrderSQL
	return query, nil
}

// executionConditions are the conditions in the order of their parameters, from ?3 on.
func executionConditions(args messages.ListExecutionsArgs) ([]condition, error) {
	var partition messages.Partition
	if args.Partition != "" {
		var err error
		if partition, err = messages.ParsePartitionKey(string(args.Partition)); err != nil {
			return nil, messages.InvalidField("partition_key", "%v", err)
		}
	}
	filter := args.Filter
	partitionSQL := inPartitionSQL
	if !filter.FlowID.IsZero() {
		partitionSQL = inPartitionOfFlowSQL
	}
	tags, err := json.Marshal(filter.Tags)
	if err != nil {
		return nil, messages.InvalidField("tags", "%v", err)
	}
	return []condition{
		{args.Partition != "", partitionSQL, storedPartition(partition)},
		{filter.LaneID != "", inLaneSQL, string(filter.LaneID)},
		{filter.PublicState != "", inPublicStateSQL, string(filter.PublicState)},
		{!filter.FlowID.IsZero(), inFlowSQL, filter.FlowID[:]},
		{filter.Namespace != "", inNamespaceSQL, string(filter.Namespace)},
		{filter.ExecutionKind != "", ofKindSQL, filter.ExecutionKind},
		{len(filter.Tags) > 0, withTagsSQL, string(tags)},
	}, nil
}

// storedPartition is the partition_key of the executions in p. Budgets and quotas have partitions of their own, in which
// there is no execution.
func storedPartition(p messages.Partition) int64 {
	switch p.Family {
	case messages.PartitionFlow, messages.PartitionExecution:
		return int64(p.Index)
	case messages.PartitionBudget, messages.PartitionQuota:
	}
	return -1
}
