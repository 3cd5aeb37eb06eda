package reader

import (
	"context"
	"strconv"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// executionContext is the noun of a row of ff_exec_core in errors.
const executionContext = "exec_core"

// executionKey is what identifies the execution's row.
func executionKey(id messages.ExecutionID) []any {
	uuid := id.UUID()
	return []any{int64(id.PartitionIndex()), uuid[:]}
}

// readExecutionStateSQL, like every look-up of one execution here, is served by ff_exec_core_execution_idx. The partition
// is part of the id: the same UUID under another index is another id, which does not exist.
const readExecutionStateSQL = `
SELECT public_state
  FROM ff_exec_core
 WHERE partition_key = ?1
   AND execution_id = ?2`

func (r *Reader) readExecutionState(ctx context.Context, id messages.ExecutionID) (*messages.PublicState, error) {
	var state messages.PublicState
	var found bool
	err := r.pool.Read(ctx, func(c *database.Connection) (err error) {
		found, err = first(c, readExecutionStateSQL, executionKey(id), func(stmt *sqlite3.Stmt) (err error) {
			state, err = publicState(stmt.ColumnText(0))
			return err
		})
		return err
	})
	if err != nil || !found {
		return nil, err
	}
	return &state, nil
}

func publicState(raw string) (messages.PublicState, error) {
	state, ok := messages.NormalizePublicState(raw)
	if !ok {
		return "", messages.UnknownValueError("public_state", raw)
	}
	return state, nil
}

// getExecutionResultSQL is served by ff_exec_core_execution_idx.
const getExecutionResultSQL = `
SELECT result
  FROM ff_exec_core
 WHERE partition_key = ?1
   AND execution_id = ?2`

func (r *Reader) getExecutionResult(
	ctx context.Context, id messages.ExecutionID,
) (messages.GetExecutionResultReply, error) {
	var reply messages.GetExecutionResultReply
	err := r.pool.Read(ctx, func(c *database.Connection) error {
		_, err := first(c, getExecutionResultSQL, executionKey(id), func(stmt *sqlite3.Stmt) error {
			if stmt.ColumnType(0) != sqlite3.NULL {
				reply.Found = true
				reply.Result = stmt.ColumnBlob(0, []byte{}) // An empty result is not nil.
			}
			return nil
		})
		return err
	})
	if err != nil {
		return messages.GetExecutionResultReply{}, err
	}
	return reply, nil
}

// describeExecutionSQL is served by ff_exec_core_execution_idx.
const describeExecutionSQL = `
SELECT flow_id,
       lane_id,
       lifecycle_phase,
       ownership_state,
       public_state,
       blocking_reason,
       created_at_ms,
       raw_fields
  FROM ff_exec_core
 WHERE partition_key = ?1
   AND execution_id = ?2`

func (r *Reader) describeExecution(
	ctx context.Context, id messages.ExecutionID,
) (snapshot *messages.ExecutionSnapshot, err error) {
	err = r.pool.Read(ctx, func(c *database.Connection) error {
		var e execution
		found, err := first(c, describeExecutionSQL, executionKey(id), e.scan)
		if err != nil || !found {
			return err
		}
		if e.current, err = readCurrentAttempt(c, id); err != nil {
			return err
		}
		snapshot, err = e.snapshot(id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return snapshot, nil
}

// execution is a row of ff_exec_core as far as a snapshot shows it, with its current attempt.
type execution struct {
	flow      *messages.FlowID
	lane      string
	phase     string
	ownership string
	public    string
	blocking  string // "" is NULL
	createdAt messages.TimestampMs
	raw       document
	current   *attempt // nil before the first claim
}

func (e *execution) scan(stmt *sqlite3.Stmt) (err error) {
	e.flow, err = columnFlowID(stmt, 0, executionContext)
	if err != nil {
		return err
	}
	e.lane = stmt.ColumnText(1)
	e.phase = stmt.ColumnText(2)
	e.ownership = stmt.ColumnText(3)
	e.public = stmt.ColumnText(4)
	e.blocking = stmt.ColumnText(5)
	e.createdAt = messages.TimestampMs(stmt.ColumnInt64(6))
	e.raw, err = parseDocument(executionContext, "raw_fields", stmt.ColumnRawText(7))
	return err
}

func (e *execution) snapshot(id messages.ExecutionID) (*messages.ExecutionSnapshot, error) {
	var err error
	namespace, _ := e.raw.text("namespace")
	snapshot := messages.ExecutionSnapshot{
		ExecutionID:       id,
		FlowID:            e.flow,
		LaneID:            messages.LaneID(e.lane),
		Namespace:         messages.Namespace(namespace),
		BlockingDetail:    e.blockingDetail(),
		CreatedAt:         e.createdAt,
		TotalAttemptCount: e.totalAttemptCount(),
		Tags:              e.raw.texts("tags"),
	}
	if snapshot.PublicState, err = publicState(e.public); err != nil {
		return nil, err
	}
	if snapshot.BlockingReason, err = e.blockingReason(); err != nil {
		return nil, err
	}
	if snapshot.LastMutationAt, err = e.lastMutationAt(); err != nil {
		return nil, err
	}
	if snapshot.CurrentWaitpoint, err = e.currentWaitpoint(); err != nil {
		return nil, err
	}
	if snapshot.CurrentAttempt, err = e.currentAttempt(); err != nil {
		return nil, err
	}
	if snapshot.CurrentLease, err = e.currentLease(); err != nil {
		return nil, err
	}
	return &snapshot, nil
}

func (e *execution) blockingReason() (*messages.BlockingReason, error) {
	reason, ok := messages.NormalizeBlockingReason(e.blocking)
	if !ok {
		return nil, messages.UnknownValueError("blocking_reason", e.blocking)
	}
	if reason == messages.ReasonNone {
		return nil, nil
	}
	return &reason, nil
}

func (e *execution) blockingDetail() *string {
	detail, _ := e.raw.text("blocking_detail")
	if detail == "" || detail == string(messages.ReasonNone) {
		return nil
	}
	return &detail
}

// totalAttemptCount reads a missing or unreadable count as 0.
func (e *execution) totalAttemptCount() uint32 {
	stored, _ := e.raw.number("total_attempt_count")
	return count(stored)
}

func (e *execution) lastMutationAt() (messages.TimestampMs, error) {
	stored := e.raw.scalar("last_mutation_at")
	if stored == "" {
		return e.createdAt, nil
	}
	at, err := strconv.ParseInt(stored, 10, 64)
	if err != nil {
		return 0, messages.CorruptionError(executionContext, "last_mutation_at: %q is not a time", stored)
	}
	return messages.TimestampMs(at), nil
}

func (e *execution) currentWaitpoint() (*messages.WaitpointID, error) {
	stored := e.raw.scalar("current_waitpoint_id")
	if stored == "" {
		return nil, nil
	}
	waitpoint, err := messages.ParseWaitpointID(stored)
	if err != nil {
		return nil, notUUID(executionContext, "current_waitpoint_id", stored)
	}
	return &waitpoint, nil
}

func notUUID(context, field, stored string) error {
	return messages.CorruptionError(context, "%s: %q is not a UUID", field, stored)
}

func (e *execution) currentAttempt() (*messages.AttemptSummary, error) {
	if e.current == nil {
		return nil, nil
	}
	index, err := e.current.attemptIndex()
	if err != nil {
		return nil, err
	}
	summary := messages.AttemptSummary{AttemptIndex: index}
	stored := e.current.raw.scalar("attempt_id")
	context, field := attemptContext, "attempt_id"
	if stored == "" {
		stored = e.raw.scalar("current_attempt_id")
		context, field = executionContext, "current_attempt_id"
	}
	if stored == "" {
		return &summary, nil
	}
	if summary.AttemptID, err = messages.ParseAttemptID(stored); err != nil {
		return nil, notUUID(context, field, stored)
	}
	return &summary, nil
}

// currentLease returns the lease of the current attempt, nil unless the execution is active and leased.
func (e *execution) currentLease() (*messages.LeaseSummary, error) {
	held, err := e.leased()
	if err != nil || !held {
		return nil, err
	}
	return e.current.lease()
}

func (e *execution) leased() (bool, error) {
	phase, ok := messages.NormalizePhase(e.phase)
	if !ok {
		return false, messages.UnknownValueError("lifecycle_phase", e.phase)
	}
	ownership, ok := messages.NormalizeOwnership(e.ownership)
	if !ok {
		return false, messages.UnknownValueError("ownership_state", e.ownership)
	}
	return phase == messages.PhaseActive && ownership == messages.OwnershipLeased &&
		e.current != nil && e.current.expiresAt != nil, nil
}
