// Package reader answers every read of the API and serves the pages of the outbox, on read-only connections beside the
// writer. Nothing here writes.
//
// The invariant: one call sees one snapshot. It runs in one read transaction, sees only what is committed, and whatever
// a caller has been answered for is visible to its next read. Nothing read is remembered for the next call.
//
// A file is one noun: executions.go with attempts.go, execution_info.go and core_fields.go, flows.go with edge_groups.go,
// edges.go and eligibility.go, tags.go, the pages of lists (listings.go for executions, flow_lists.go, lanes.go,
// suspended.go), streams.go with stream_ends.go, outbox.go (the pages of events) and event_ids.go. rows.go reads the
// columns of a row, documents.go its JSON.
package reader

import (
	"context"
	"log/slog"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// Reader reads through a pool of read-only connections, which it does not own. Its methods may be called concurrently.
type Reader struct {
	pool *database.Pool
	log  *slog.Logger
}

// New returns a Reader over the pool, which warns on log of rows that it skips.
func New(pool *database.Pool, log *slog.Logger) *Reader { return &Reader{pool: pool, log: log} }

// Read answers one read message whose arguments have been validated:
//
//   - [messages.DescribeExecutionArgs] with *[messages.ExecutionSnapshot], nil when there is no such execution;
//   - [messages.DescribeFlowArgs] with *[messages.FlowSnapshot], nil when there is no such flow;
//   - [messages.ListFlowsArgs] with [messages.ListFlowsResult];
//   - [messages.ListEdgesArgs] with a slice of [messages.EdgeSnapshot];
//   - [messages.DescribeEdgeArgs] with *[messages.EdgeSnapshot], nil when there is no such edge;
//   - [messages.ResolveExecutionFlowIDArgs] with *[messages.FlowID], nil when the execution is in no flow;
//   - [messages.ReadExecutionStateArgs] with *[messages.PublicState], nil when there is no such execution;
//   - [messages.GetExecutionResultArgs] with [messages.GetExecutionResultReply];
//   - [messages.ListExecutionsArgs] with [messages.ListExecutionsResult];
//   - [messages.EvaluateFlowEligibilityArgs] with [messages.EvaluateFlowEligibilityResult];
//   - [messages.ReadStreamArgs] with [messages.StreamFrames];
//   - [messages.TailStreamArgs] with [messages.StreamFrames]: what is there now, without waiting;
//   - [messages.ReadSummaryArgs] with *[messages.SummaryDocument], nil when there is none;
//   - [messages.ReadExecutionInfoArgs] with *[messages.ExecutionInfo], nil when there is no such execution;
//   - [messages.ReadExecutionContextArgs] with [messages.ExecutionContext];
//   - [messages.ReadCurrentAttemptIndexArgs] with [messages.AttemptIndex];
//   - [messages.ReadTotalAttemptCountArgs] with uint32;
//   - [messages.ReadExecCoreFieldsArgs] with map[string]*string;
//   - [messages.GetExecutionTagArgs], [messages.GetFlowTagArgs] and [messages.GetExecutionNamespaceArgs] with *string, nil
//     when there is none;
//   - [messages.ListLanesArgs] with [messages.ListLanesResult];
//   - [messages.ListSuspendedArgs] with [messages.ListSuspendedResult].
//
// Stored data that cannot be read is [messages.ErrCorruption]; the failure of a read is [messages.ErrTransport]. Any
// other message is [messages.ErrBug].
func (r *Reader) Read(ctx context.Context, m messages.Message) (messages.Reply, error) {
	switch args := m.(type) {
	case messages.DescribeExecutionArgs:
		return r.describeExecution(ctx, args.ExecutionID)
	case messages.DescribeFlowArgs:
		return r.describeFlow(ctx, args.FlowID)
	case messages.ListFlowsArgs:
		return r.listFlows(ctx, args)
	case messages.ListEdgesArgs:
		return r.listEdges(ctx, args)
	case messages.DescribeEdgeArgs:
		return r.describeEdge(ctx, args)
	case messages.ResolveExecutionFlowIDArgs:
		return r.resolveExecutionFlowID(ctx, args.ExecutionID)
	case messages.ReadExecutionStateArgs:
		return r.readExecutionState(ctx, args.ExecutionID)
	case messages.GetExecutionResultArgs:
		return r.getExecutionResult(ctx, args.ExecutionID)
	case messages.ListExecutionsArgs:
		return r.listExecutions(ctx, args)
	case messages.EvaluateFlowEligibilityArgs:
		return r.evaluateFlowEligibility(ctx, args.ExecutionID)
	case messages.ReadStreamArgs:
		return r.readStream(ctx, args)
	case messages.TailStreamArgs:
		return r.tailStream(ctx, args)
	case messages.ReadSummaryArgs:
		return r.readSummary(ctx, args)
	case messages.ReadExecutionInfoArgs:
		return r.readExecutionInfo(ctx, args.ExecutionID)
	case messages.ReadExecutionContextArgs:
		return r.readExecutionContext(ctx, args.ExecutionID)
	case messages.ReadCurrentAttemptIndexArgs:
		return r.readCurrentAttemptIndex(ctx, args.ExecutionID)
	case messages.ReadTotalAttemptCountArgs:
		return r.readTotalAttemptCount(ctx, args.ExecutionID)
	case messages.ReadExecCoreFieldsArgs:
		return r.readExecCoreFields(ctx, args)
	case messages.GetExecutionTagArgs:
		return r.ExecutionTag(ctx, args.ExecutionID, args.Key)
	case messages.GetFlowTagArgs:
		return r.flowTag(ctx, args.FlowID, args.Key)
	case messages.GetExecutionNamespaceArgs:
		return r.executionNamespace(ctx, args.ExecutionID)
	case messages.ListLanesArgs:
		return r.listLanes(ctx, args)
	case messages.ListSuspendedArgs:
		return r.listSuspended(ctx, args)
	default:
		return nil, messages.BugError("reader: " + m.Method() + " is not a read")
	}
}

const pingSQL = `SELECT 1`

// Ping reports whether the database answers a query.
func (r *Reader) Ping(ctx context.Context) error {
	return r.pool.Read(ctx, func(c *database.Connection) error {
		_, err := first(c, pingSQL, nil, func(*sqlite3.Stmt) error { return nil })
		return err
	})
}
