package reader

import (
	"context"
	"math"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// readExecutionInfoSQL is served by ff_exec_core_execution_idx, and by the primary key of ff_attempt for the outcome of the
// current attempt.
const readExecutionInfoSQL = `
SELECT flow_id,
       lane_id,
       priority,
       attempt_index,
       lifecycle_phase,
       ownership_state,
       eligibility_state,
       blocking_reason,
       attempt_state,
       public_state,
       created_at_ms,
       started_at_ms,
       terminal_at_ms,
       raw_fields,
       (SELECT a.outcome
          FROM ff_attempt AS a
         WHERE a.partition_key = ?1
           AND a.execution_id = ?2
         ORDER BY a.attempt_index DESC
         LIMIT 1)
  FROM ff_exec_core
 WHERE partition_key = ?1
   AND execution_id = ?2`

func (r *Reader) readExecutionInfo(ctx context.Context, id messages.ExecutionID) (*messages.ExecutionInfo, error) {
	info := messages.ExecutionInfo{ExecutionID: id}
	var found bool
	err := r.pool.Read(ctx, func(c *database.Connection) (err error) {
		found, err = first(c, readExecutionInfoSQL, executionKey(id), func(stmt *sqlite3.Stmt) error {
			return scanExecutionInfo(stmt, &info)
		})
		return err
	})
	if err != nil || !found {
		return nil, err
	}
	return &info, nil
}

func scanExecutionInfo(stmt *sqlite3.Stmt, info *messages.ExecutionInfo) (err error) {
	raw, err := parseDocument(executionContext, "raw_fields", stmt.ColumnRawText(13))
	if err != nil {
		return err
	}
	if info.FlowID, err = columnFlowID(stmt, 0, executionContext); err != nil {
		return err
	}
	info.LaneID = messages.LaneID(stmt.ColumnText(1))
	priority := stmt.ColumnInt64(2)
	if priority < math.MinInt32 || priority > math.MaxInt32 {
		return messages.CorruptionError(executionContext, "priority: %d is out of range", priority)
	}
	info.Priority = int32(priority)
	if info.CurrentAttemptIndex, err = indexOf(executionContext, stmt.ColumnInt64(3)); err != nil {
		return err
	}
	if info.StateVector, err = scanVector(stmt, raw); err != nil {
		return err
	}
	info.PublicState = info.StateVector.PublicState
	info.CreatedAt = messages.TimestampMs(stmt.ColumnInt64(10))
	info.StartedAt = columnInstant(stmt, 11)
	info.CompletedAt = columnInstant(stmt, 12)
	namespace, _ := raw.text("namespace")
	info.Namespace = messages.Namespace(namespace)
	info.ExecutionKind, _ = raw.text("execution_kind")
	info.BlockingDetail, _ = raw.text("blocking_detail")
	return nil
}

// indexOf reads a stored index of an attempt; a negative one is 0.
func indexOf(context string, stored int64) (messages.AttemptIndex, error) {
	if stored > math.MaxUint32 {
		return 0, messages.CorruptionError(context, "attempt_index: %d is out of range", stored)
	}
	return messages.AttemptIndex(max(stored, 0)), nil
}

// scanVector reads the state columns of readExecutionInfoSQL.
func scanVector(stmt *sqlite3.Stmt, raw document) (v messages.StateVector, err error) {
	phase := stmt.ColumnText(4)
	v.LifecyclePhase = normal("lifecycle_phase", phase, messages.NormalizePhase, &err)
	v.OwnershipState = normal("ownership_state", stmt.ColumnText(5), messages.NormalizeOwnership, &err)
	v.EligibilityState = normal("eligibility_state", stmt.ColumnText(6), messages.NormalizeEligibility, &err)
	v.BlockingReason = normal("blocking_reason", stmt.ColumnText(7), messages.NormalizeBlockingReason, &err)
	v.AttemptState = normal("attempt_state", stmt.ColumnText(8), messages.NormalizeAttemptState, &err)
	v.PublicState = normal("public_state", stmt.ColumnText(9), messages.NormalizePublicState, &err)
	v.TerminalOutcome = messages.OutcomeNone
	if err == nil && v.LifecyclePhase == messages.PhaseTerminal {
		v.TerminalOutcome, err = terminalOutcome(phase, v.PublicState, stmt.ColumnText(14), raw)
	}
	return v, err
}

// normal reads the text of a state column. Only the first column that cannot be read is reported.
func normal[S ~string](column, stored string, normalize func(string) (S, bool), err *error) S {
	state, ok := normalize(stored)
	if !ok && *err == nil {
		*err = messages.UnknownValueError(column, stored)
	}
	return state
}

// terminalOutcome says how an ended execution ended: as its row says, or, where other programs have ended it without a
// word, as its phase, its current attempt or its public state tell.
func terminalOutcome(
	phase string, public messages.PublicState, attempt string, raw document,
) (messages.TerminalOutcome, error) {
	stored := raw.scalar("terminal_outcome")
	outcome, ok := messages.NormalizeTerminalOutcome(stored)
	switch {
	case !ok:
		return "", messages.UnknownValueError("terminal_outcome", stored)
	case outcome != messages.OutcomeNone:
		return outcome, nil
	case phase == "cancelled":
		return messages.OutcomeCancelled, nil
	}
	switch outcome, _ := messages.NormalizeAttemptOutcome(attempt); outcome { //nolint:exhaustive // The others do not end it.
	case messages.AttemptOutcomeSuccess, messages.AttemptOutcomeFailed, messages.AttemptOutcomeCancelled,
		messages.AttemptOutcomeExpired, messages.AttemptOutcomeSkipped:
		return messages.TerminalOutcome(outcome), nil
	}
	switch public { //nolint:exhaustive // The others are no end.
	case messages.PublicCompleted:
		return messages.OutcomeSuccess, nil
	case messages.PublicFailed, messages.PublicCancelled, messages.PublicExpired, messages.PublicSkipped:
		return messages.TerminalOutcome(public), nil
	}
	return messages.OutcomeNone, nil
}

// readExecutionContextSQL is served by ff_exec_core_execution_idx.
const readExecutionContextSQL = `
SELECT payload,
       raw_fields
  FROM ff_exec_core
 WHERE partition_key = ?1
   AND execution_id = ?2`

func (r *Reader) readExecutionContext(
	ctx context.Context, id messages.ExecutionID,
) (reply messages.ExecutionContext, err error) {
	err = r.one(ctx, "read_execution_context", readExecutionContextSQL, id, func(stmt *sqlite3.Stmt) error {
		raw, err := parseDocument(executionContext, "raw_fields", stmt.ColumnRawText(1))
		if err != nil {
			return err
		}
		reply.InputPayload = stmt.ColumnBlob(0, []byte{}) // NULL is an empty payload.
		reply.ExecutionKind, _ = raw.text("execution_kind")
		reply.Tags = raw.texts("tags")
		return nil
	})
	return reply, err
}

// one reads a row of an execution that must exist.
func (r *Reader) one(
	ctx context.Context, method, sql string, id messages.ExecutionID, row func(*sqlite3.Stmt) error,
) error {
	return r.pool.Read(ctx, func(c *database.Connection) error {
		found, err := first(c, sql, executionKey(id), row)
		if err == nil && !found {
			err = messages.NotFoundError("execution", method+": execution not found: "+id.String())
		}
		return err
	})
}

// readCurrentAttemptIndexSQL is served by ff_exec_core_execution_idx, and by the primary key of ff_attempt.
const readCurrentAttemptIndexSQL = `
SELECT attempt_index,
       lifecycle_phase,
       attempt_state,
       (SELECT max(a.attempt_index)
          FROM ff_attempt AS a
         WHERE a.partition_key = ?1
           AND a.execution_id = ?2),
       EXISTS (SELECT 1
                 FROM ff_attempt AS a
                WHERE a.partition_key = ?1
                  AND a.execution_id = ?2
                  AND a.attempt_index = ff_exec_core.attempt_index)
  FROM ff_exec_core
 WHERE partition_key = ?1
   AND execution_id = ?2`

// readCurrentAttemptIndex goes by the execution's own row, unless it runs, or ran, an attempt and the row names one that
// does not exist, as other programs leave it.
func (r *Reader) readCurrentAttemptIndex(
	ctx context.Context, id messages.ExecutionID,
) (index messages.AttemptIndex, err error) {
	err = r.one(ctx, "read_current_attempt_index", readCurrentAttemptIndexSQL, id, func(stmt *sqlite3.Stmt) (err error) {
		phase := normal("lifecycle_phase", stmt.ColumnText(1), messages.NormalizePhase, &err)
		state := normal("attempt_state", stmt.ColumnText(2), messages.NormalizeAttemptState, &err)
		if err != nil {
			return err
		}
		begun := phase == messages.PhaseActive || phase == messages.PhaseSuspended || phase == messages.PhaseTerminal ||
			state == messages.AttemptStateInterrupted
		stored := stmt.ColumnInt64(0)
		if begun && !stmt.ColumnBool(4) && stmt.ColumnType(3) != sqlite3.NULL {
			stored = stmt.ColumnInt64(3)
		}
		index, err = indexOf(executionContext, stored)
		return err
	})
	return index, err
}

func (r *Reader) readTotalAttemptCount(ctx context.Context, id messages.ExecutionID) (total uint32, err error) {
	err = r.one(ctx, "read_total_attempt_count", readExecutionDocumentSQL, id, func(stmt *sqlite3.Stmt) (err error) {
		e := execution{}
		e.raw, err = parseDocument(executionContext, "raw_fields", stmt.ColumnRawText(0))
		total = e.totalAttemptCount()
		return err
	})
	return total, err
}
