package ffsqlite

import (
	"context"

	"github.com/flowfabric/ffsqlite/messages"
)

// Every read sees one snapshot: all that a caller was answered for, and nothing that is not committed. It runs beside the
// writer and waits for nobody. ErrCorruption names a stored value that cannot be read.

// DescribeExecution returns a snapshot of one execution, nil when there is none.
func (b *Backend) DescribeExecution(ctx context.Context, id messages.ExecutionID) (*messages.ExecutionSnapshot, error) {
	return call[*messages.ExecutionSnapshot](ctx, b, messages.DescribeExecutionArgs{ExecutionID: id})
}

// ReadExecutionState returns the public state of one execution, nil when there is none.
func (b *Backend) ReadExecutionState(ctx context.Context, id messages.ExecutionID) (*messages.PublicState, error) {
	return call[*messages.PublicState](ctx, b, messages.ReadExecutionStateArgs{ExecutionID: id})
}

// GetExecutionResult returns the payload that completed an execution, byte for byte. It is not found while the execution
// runs, when it did not succeed, and when it was completed without a payload.
func (b *Backend) GetExecutionResult(ctx context.Context, id messages.ExecutionID) (result []byte, found bool, err error) {
	reply, err := call[messages.GetExecutionResultReply](ctx, b, messages.GetExecutionResultArgs{ExecutionID: id})
	return reply.Result, reply.Found, err
}

// ListExecutions returns a page of ids in the order of their UUIDs, strictly after the cursor. The limit is cut to 1000;
// limit 0 gives an empty page. NextCursor is set if and only if more follow.
func (b *Backend) ListExecutions(
	ctx context.Context, args messages.ListExecutionsArgs,
) (messages.ListExecutionsResult, error) {
	return call[messages.ListExecutionsResult](ctx, b, args)
}

// ReadExecutionInfo returns one execution with its whole state, nil when there is none.
func (b *Backend) ReadExecutionInfo(ctx context.Context, id messages.ExecutionID) (*messages.ExecutionInfo, error) {
	return call[*messages.ExecutionInfo](ctx, b, messages.ReadExecutionInfoArgs{ExecutionID: id})
}

// ReadExecutionContext returns what a worker needs to run an execution: payload, kind and tags. It returns
// ErrExecutionNotFound.
func (b *Backend) ReadExecutionContext(ctx context.Context, id messages.ExecutionID) (messages.ExecutionContext, error) {
	return call[messages.ExecutionContext](ctx, b, messages.ReadExecutionContextArgs{ExecutionID: id})
}

// ReadCurrentAttemptIndex returns the index of the attempt that runs, is interrupted or was the last; while a retry is
// pending that of the attempt which the next claim will create. It returns ErrExecutionNotFound.
func (b *Backend) ReadCurrentAttemptIndex(ctx context.Context, id messages.ExecutionID) (messages.AttemptIndex, error) {
	return call[messages.AttemptIndex](ctx, b, messages.ReadCurrentAttemptIndexArgs{ExecutionID: id})
}

// ReadTotalAttemptCount returns how many attempts there ever were. It returns ErrExecutionNotFound.
func (b *Backend) ReadTotalAttemptCount(ctx context.Context, id messages.ExecutionID) (uint32, error) {
	return call[uint32](ctx, b, messages.ReadTotalAttemptCountArgs{ExecutionID: id})
}

// ReadExecCoreFields returns fields of an execution as text, as they are stored and not brought to canonical values:
// columns by their names, flow_id, required_capabilities, and the scalar members of raw_fields. There is an entry for
// every field that is asked for; nil is a field that is NULL, unknown, or of an unknown execution.
func (b *Backend) ReadExecCoreFields(
	ctx context.Context, args messages.ReadExecCoreFieldsArgs,
) (map[string]*string, error) {
	return call[map[string]*string](ctx, b, args)
}

// ListLanes returns a page of the lanes that were ever used, in the order of their bytes, strictly after the cursor (nil:
// from the first on). Limit 0 gives an empty page. NextCursor is set if and only if more follow.
func (b *Backend) ListLanes(ctx context.Context, cursor *messages.LaneID, limit int) (messages.ListLanesResult, error) {
	return call[messages.ListLanesResult](ctx, b, messages.ListLanesArgs{Cursor: cursor, Limit: limit})
}

// ListSuspended returns a page of the open suspensions, the oldest first, strictly after the cursor. The limit is cut to
// 1000; limit 0 gives an empty page. NextCursor is set if and only if more follow; it stays good when its suspension ends.
func (b *Backend) ListSuspended(
	ctx context.Context, args messages.ListSuspendedArgs,
) (messages.ListSuspendedResult, error) {
	return call[messages.ListSuspendedResult](ctx, b, args)
}
