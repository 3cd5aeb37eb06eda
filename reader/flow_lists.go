package reader

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// listFlowsSQL walks the primary key.
const listFlowsSQL = `
SELECT flow_id,
       created_at_ms,
       public_flow_state
  FROM ff_flow_core
 WHERE partition_key = ?1
   AND flow_id > ?2
 ORDER BY flow_id
 LIMIT ?3`

// listFlows returns a page of flows. The flow of the cursor need not exist.
func (r *Reader) listFlows(ctx context.Context, args messages.ListFlowsArgs) (messages.ListFlowsResult, error) {
	var result messages.ListFlowsResult
	partition, err := partitionOfFlows(args.Partition)
	if err != nil {
		return result, err
	}
	after := []byte{}
	if args.Cursor != nil {
		after = args.Cursor[:]
	}
	var last *messages.FlowSummary
	values := []any{partition, after, oneMore(args.Limit)}
	err = r.pool.Read(ctx, func(c *database.Connection) (err error) {
		result.Flows, last, err = listPage(c, listFlowsSQL, values, args.Limit, scanFlowSummary)
		return err
	})
	if err != nil {
		return messages.ListFlowsResult{}, err
	}
	if last != nil {
		result.NextCursor = &last.FlowID
	}
	return result, nil
}

// partitionOfFlows is the partition_key to look for. All flows have 0, whatever partition the caller leaves open.
func partitionOfFlows(key messages.PartitionKey) (int64, error) {
	if key == "" {
		return 0, nil
	}
	partition, err := messages.ParsePartitionKey(string(key))
	if err != nil {
		return 0, messages.InvalidField("partition_key", "%v", err)
	}
	return storedPartition(partition), nil
}

func scanFlowSummary(stmt *sqlite3.Stmt) (flow messages.FlowSummary, err error) {
	uuid, err := columnUUID(stmt, 0, flowContext, "flow_id")
	if err != nil {
		return flow, err
	}
	return messages.FlowSummary{
		FlowID:    uuid,
		CreatedAt: messages.TimestampMs(stmt.ColumnInt64(1)),
		Status:    messages.PublicFlowState(stmt.ColumnText(2)).Status(),
	}, nil
}

// resolveExecutionFlowIDSQL is served by ff_exec_core_execution_idx.
const resolveExecutionFlowIDSQL = `
SELECT flow_id
  FROM ff_exec_core
 WHERE partition_key = ?1
   AND execution_id = ?2`

func (r *Reader) resolveExecutionFlowID(ctx context.Context, id messages.ExecutionID) (flow *messages.FlowID, err error) {
	err = r.pool.Read(ctx, func(c *database.Connection) error {
		_, err := first(c, resolveExecutionFlowIDSQL, executionKey(id), func(stmt *sqlite3.Stmt) (err error) {
			flow, err = columnFlowID(stmt, 0, executionContext)
			return err
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return flow, nil
}
