package writer

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/messages"
)

// execution is one row of ff_exec_core while a message works on it: loaded once, changed in memory, stored by one
// UPDATE. The state columns hold the stored literals; the predicates below read them as 01 §5.4 says.
type execution struct {
	rowid     int64
	id        messages.ExecutionID
	uuid      [16]byte
	partition uint16

	flow   messages.FlowID
	inFlow bool
	lane   messages.LaneID

	attemptIndex int64
	phase        string
	ownership    string
	eligibility  string
	public       string
	attemptState string
	blocking     string // "" is NULL

	cancellationReason *string
	cancelledBy        *string

	priority     int64
	createdAt    int64
	startedAt    instant
	terminalAt   instant
	deadlineAt   instant
	policy       string // "" is NULL
	raw          document
	reclaims     int64
	capabilities string // sorted, comma-joined; unknown when only the rows can tell

	payload []byte // only of a candidate for a claim
	granted bool   // only of a candidate for a claim: it has a grant, live or dead
	result  []byte // set by a completion; nil leaves the stored result as it is

	was   messages.PublicState // before the message, or since it was last stored
	scope *scope
}

// scope is what every outbox row of an execution carries, so that subscribers can filter.
type scope struct {
	namespace   *string
	instanceTag *string
}

const executionColumns = `rowid, partition_key, execution_id, flow_id, lane_id, attempt_index, lifecycle_phase,
       ownership_state, eligibility_state, public_state, attempt_state, blocking_reason,
       cancellation_reason, cancelled_by, priority, created_at_ms, started_at_ms, terminal_at_ms,
       deadline_at_ms, policy, raw_fields, lease_reclaim_count, coalesce(capability_key, char(30))`

// loadExecutionSQL is served by ff_exec_core_execution_idx.
const loadExecutionSQL = `
SELECT ` + executionColumns + `
  FROM ff_exec_core
 WHERE execution_id = ?1`

const loadCandidateSQL = `
SELECT ` + executionColumns + `,
       payload,
       EXISTS (SELECT 1
                 FROM ff_claim_grant AS g
                WHERE g.partition_key = ff_exec_core.partition_key
                  AND g.execution_id = ff_exec_core.execution_id)
  FROM ff_exec_core
 WHERE rowid = ?1`

const loadExecutionRowSQL = `
SELECT ` + executionColumns + `
  FROM ff_exec_core
 WHERE rowid = ?1`

// findExecution loads the execution with this UUID, whatever its partition; nil when there is none.
func (w *Writer) findExecution(uuid [16]byte) (*execution, error) {
	s := w.prepare(loadExecutionSQL).blob(1, uuid[:])
	return w.scanExecution(s)
}

// loadExecution loads the execution of id; nil when there is none.
func (w *Writer) loadExecution(id messages.ExecutionID) (*execution, error) {
	x, err := w.findExecution(id.UUID())
	if x == nil || err != nil || x.partition != id.PartitionIndex() {
		return nil, err
	}
	x.id = id
	return x, nil
}

func (w *Writer) loadExecutionRow(rowid int64) (*execution, error) {
	return w.scanExecution(w.prepare(loadExecutionRowSQL).int(1, rowid))
}

// loadCandidate is loadExecutionRow with what only a claim needs.
func (w *Writer) loadCandidate(rowid int64) (*execution, error) {
	const payload, granted = 23, 24
	s := w.prepare(loadCandidateSQL).int(1, rowid)
	return w.scanExecution(s, func(x *execution) {
		x.payload = append([]byte{}, s.stmt.ColumnRawBlob(payload)...)
		x.granted = s.stmt.ColumnBool(granted)
	})
}

// scanExecution reads one row of executionColumns; more reads what a query selects behind them.
func (w *Writer) scanExecution(s *statement, more ...func(*execution)) (*execution, error) {
	var x execution
	var raw []byte
	found, err := s.one(func() {
		x.rowid = s.stmt.ColumnInt64(0)
		x.partition = uint16(s.stmt.ColumnInt64(1)) //nolint:gosec // An index is 0..255 by construction.
		x.uuid = s.columnUUID(2)
		if s.stmt.ColumnType(3) != sqlite3.NULL {
			x.flow, x.inFlow = messages.FlowID(s.columnUUID(3)), true
		}
		x.lane = messages.LaneID(s.columnLiteral(4))
		x.attemptIndex = s.stmt.ColumnInt64(5)
		x.phase = s.columnLiteral(6)
		x.ownership = s.columnLiteral(7)
		x.eligibility = s.columnLiteral(8)
		x.public = s.columnLiteral(9)
		x.attemptState = s.columnLiteral(10)
		x.blocking = s.columnLiteral(11)
		x.cancellationReason = s.columnTextPointer(12)
		x.cancelledBy = s.columnTextPointer(13)
		x.priority = s.stmt.ColumnInt64(14)
		x.createdAt = s.stmt.ColumnInt64(15)
		x.startedAt = s.columnInstant(16)
		x.terminalAt = s.columnInstant(17)
		x.deadlineAt = s.columnInstant(18)
		x.policy = string(s.stmt.ColumnRawText(19))
		raw = append(raw, s.stmt.ColumnRawText(20)...)
		x.reclaims = s.stmt.ColumnInt64(21)
		x.capabilities = s.columnLiteral(22)
		for _, read := range more {
			read(&x)
		}
	})
	if !found || err != nil {
		return nil, err
	}
	if err := x.raw.parse(raw); err != nil {
		return nil, messages.CorruptionError("exec_core", "raw_fields not valid JSON: %v", err)
	}
	x.was = x.state()
	return &x, nil
}

const storeExecutionSQL = `
UPDATE ff_exec_core
   SET attempt_index = ?2,
       lifecycle_phase = ?3,
       ownership_state = ?4,
       eligibility_state = ?5,
       public_state = ?6,
       attempt_state = ?7,
       blocking_reason = ?8,
       cancellation_reason = ?9,
       cancelled_by = ?10,
       started_at_ms = ?11,
       terminal_at_ms = ?12,
       raw_fields = ?13,
       lease_reclaim_count = ?14,
       result = coalesce(?15, result)
 WHERE rowid = ?1`

// storeExecution writes the row back and stamps the time of the change. Every change of the state columns goes through
// here.
func (w *Writer) storeExecution(x *execution, now messages.TimestampMs) error {
	if err := x.checkMove(); err != nil {
		return err
	}
	if x.terminal() || x.lost() {
		w.batch.mayEnd(x)
	}
	w.remembered.forget(x.uuid)
	x.raw.setTime("last_mutation_at", now)
	s := w.prepare(storeExecutionSQL).
		int(1, x.rowid).
		int(2, x.attemptIndex).
		text(3, x.phase).
		text(4, x.ownership).
		text(5, x.eligibility).
		text(6, x.public).
		text(7, x.attemptState).
		textOrNull(8, x.blocking).
		textPointer(9, x.cancellationReason).
		textPointer(10, x.cancelledBy).
		instant(11, x.startedAt).
		instant(12, x.terminalAt).
		rawText(13, x.raw.encode()).
		int(14, x.reclaims)
	if x.result == nil {
		s.null(15)
	} else {
		s.blob(15, x.result)
	}
	w.lowerDeadline(x)
	return s.exec()
}

// executionID returns the wire form, built from the row when the message did not bring it.
func (x *execution) executionID() messages.ExecutionID {
	if x.id.IsZero() {
		x.id = messages.NewExecutionID(x.partition, x.uuid)
	}
	return x.id
}

// eventScope reads namespace and instance tag once per message.
func (x *execution) eventScope() *scope {
	if x.scope == nil {
		x.scope = &scope{namespace: x.raw.pointer("namespace"), instanceTag: x.tag("cairn.instance_id")}
	}
	return x.scope
}

// tag returns the value of one tag of the execution, nil when it has none.
func (x *execution) tag(key string) *string {
	object := x.raw.get("tags")
	if len(object) <= len(`{}`) {
		return nil
	}
	var tags document
	if tags.parse(object) != nil {
		return nil
	}
	return tags.pointer(key)
}

// runnable reports the normalised phase runnable: a created execution (submitted) is runnable like any other.
func (x *execution) runnable() bool {
	switch x.phase {
	case "submitted", "runnable", "pending", "eligible", "blocked":
		return true
	}
	return false
}

// terminal covers both literals of an end and the legacy ones.
func (x *execution) terminal() bool { return terminalPhase(x.phase) }

func terminalPhase(phase string) bool {
	switch phase {
	case "terminal", "cancelled", "completed", "failed", "expired":
		return true
	}
	return false
}

func (x *execution) unowned() bool { return x.ownership == "unowned" || x.ownership == "released" }

// ready and lost are the two standings from which an execution can be claimed (see ff_exec_core.standing).
func (x *execution) ready() bool {
	switch x.eligibility {
	case "eligible_now", "blocked_by_route", "pending_claim":
		return x.runnable() && x.unowned()
	}
	return false
}

func (x *execution) lost() bool {
	return x.phase == "active" && (x.ownership == "lease_expired_reclaimable" || x.ownership == "lease_revoked")
}

// pastDeadline reports whether the time of the execution is up; nobody may claim it any more.
func (x *execution) pastDeadline(when messages.TimestampMs) bool {
	return x.deadlineAt.set && x.deadlineAt.ms <= int64(when)
}

// class is ff_exec_core.claim_class of a claimable row.
func (x *execution) class() string {
	return x.raw.text("namespace") + "\x1f" + x.raw.text("execution_kind") + "\x1f" + x.capabilities
}

// candidate is the place of a claimable row in its lane.
func (x *execution) candidate() *candidate {
	return &candidate{rowid: x.rowid, priority: x.priority, createdAt: x.createdAt, id: x.uuid, reclaim: x.lost()}
}

// waiting is the predicate of 04 §1.2: runnable, unowned, and not a resumed execution that waits for its claim.
func (x *execution) waiting() bool {
	return x.runnable() && x.unowned() && x.public != "resumable"
}

// outcome is the outcome of an ended execution (04 §1.2); attempt may be nil.
func (x *execution) outcome(a *attempt) string {
	if !x.terminal() {
		return "none"
	}
	stored := ""
	if a != nil {
		stored = a.outcome
	}
	return string(messages.OutcomeOfEnded(x.raw.text("terminal_outcome"), x.phase, x.public, stored))
}
