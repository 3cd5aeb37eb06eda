package reader

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// readStreamAttemptSQL is served by the primary key.
const readStreamAttemptSQL = `
SELECT outcome,
       terminal_at_ms,
       NOT EXISTS (SELECT 1
                     FROM ff_attempt AS later
                    WHERE later.partition_key = ?1
                      AND later.execution_id = ?2
                      AND later.attempt_index > ?3)
  FROM ff_attempt
 WHERE partition_key = ?1
   AND execution_id = ?2
   AND attempt_index = ?3`

// readStreamExecutionSQL is served by ff_exec_core_execution_idx.
const readStreamExecutionSQL = `
SELECT lifecycle_phase,
       ownership_state,
       public_state,
       terminal_at_ms,
       raw_fields
  FROM ff_exec_core
 WHERE partition_key = ?1
   AND execution_id = ?2`

// readStreamEnd derives from the rows of the attempt and its execution whether the stream of the attempt is closed
// (03 §8.6); "" and 0 say that it is open. Nothing about that is stored with the stream.
func readStreamEnd(
	c *database.Connection, id messages.ExecutionID, attempt messages.AttemptIndex,
) (at messages.TimestampMs, reason messages.StreamClosedReason, err error) {
	var outcome string
	var current bool
	_, err = first(c, readStreamAttemptSQL, streamKey(id, attempt), func(stmt *sqlite3.Stmt) error {
		outcome = stmt.ColumnText(0)
		if stmt.ColumnType(1) != sqlite3.NULL {
			at = messages.TimestampMs(stmt.ColumnInt64(1))
		}
		current = stmt.ColumnBool(2)
		return nil
	})
	if err != nil {
		return 0, "", err
	}
	if reason = attemptEnd(outcome, at != 0); reason != "" && reason != messages.StreamLeaseExpired {
		return at, reason, nil
	}
	lost := reason == messages.StreamLeaseExpired
	_, err = first(c, readStreamExecutionSQL, executionKey(id), func(stmt *sqlite3.Stmt) (err error) {
		at, reason, err = executionEnd(stmt, lost, current)
		return err
	})
	return at, reason, err
}

// attemptEnd is the reason that the outcome of an attempt gives, "" for none.
func attemptEnd(outcome string, ended bool) messages.StreamClosedReason {
	switch outcome {
	case "success", "completed":
		return messages.StreamAttemptSuccess
	case "failed", "failure", "retry":
		return messages.StreamAttemptFailure
	case "cancelled":
		return messages.StreamAttemptCancelled
	case "expired":
		return messages.StreamExpired
	case "interrupted":
		if ended {
			return messages.StreamExpired
		}
	case "skipped":
		return messages.StreamDependencyImpossible
	case "interrupted_reclaimed":
		return messages.StreamReclaimed
	case "lease_expired_reclaimable":
		return messages.StreamLeaseExpired
	}
	return ""
}

// executionEnd is the verdict of the execution's row on an attempt that has not ended itself. The attempt may be known to
// have lost its lease.
func executionEnd(
	stmt *sqlite3.Stmt, lost, current bool,
) (at messages.TimestampMs, reason messages.StreamClosedReason, err error) {
	phase, _ := messages.NormalizePhase(stmt.ColumnText(0)) // What cannot be read leaves the stream open.
	ownership, _ := messages.NormalizeOwnership(stmt.ColumnText(1))
	lost = lost || current && ownership == messages.OwnershipLeaseExpiredReclaimable
	if !lost && phase != messages.PhaseTerminal {
		return 0, "", nil
	}
	raw, err := parseDocument(executionContext, "raw_fields", stmt.ColumnRawText(4))
	if err != nil {
		return 0, "", err
	}
	if lost {
		stored, _ := raw.number("lease_expired_at_ms")
		return messages.TimestampMs(stored), messages.StreamLeaseExpired, nil
	}
	outcome := messages.OutcomeOfEnded(raw.scalar("terminal_outcome"), stmt.ColumnText(0), stmt.ColumnText(2), "")
	return messages.TimestampMs(stmt.ColumnInt64(3)), attemptEnd(string(outcome), true), nil
}
