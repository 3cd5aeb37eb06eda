package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// attempt is one row of ff_attempt while a message works on it.
type attempt struct {
	rowid            int64 // 0: not stored yet
	index            int64
	workerID         *string
	workerInstanceID *string
	epoch            int64
	leaseExpiresAt   instant
	startedAt        instant
	terminalAt       instant
	outcome          string // "" is NULL
	policy           string // "" is NULL
	raw              document

	// The newest events of the attempt, 0: none. Each has the one before it, so that retention finds them all.
	leaseEvent, completionEvent int64
}

// loadAttemptsSQL is served by the primary key; an execution has few attempts.
const loadAttemptsSQL = `
SELECT rowid, attempt_index, worker_id, worker_instance_id, lease_epoch, lease_expires_at_ms,
       started_at_ms, terminal_at_ms, outcome, policy, raw_fields,
       lease_event_id, completion_event_id
  FROM ff_attempt
 WHERE partition_key = ?1
   AND execution_id = ?2
 ORDER BY attempt_index DESC`

// loadAttempt returns the current attempt of an execution, the one with the greatest index (03 §1.3 R1), or nil; and the
// highest epoch that any of its attempts ever had.
func (w *Writer) loadAttempt(partition uint16, uuid [16]byte) (current *attempt, highest int64, err error) {
	s := w.prepare(loadAttemptsSQL).int(1, int64(partition)).blob(2, uuid[:])
	var raw []byte
	err = s.each(func() error {
		highest = max(highest, s.stmt.ColumnInt64(4))
		if current != nil {
			return nil
		}
		current = &attempt{
			rowid:            s.stmt.ColumnInt64(0),
			index:            s.stmt.ColumnInt64(1),
			workerID:         s.columnTextPointer(2),
			workerInstanceID: s.columnTextPointer(3),
			epoch:            s.stmt.ColumnInt64(4),
			leaseExpiresAt:   s.columnInstant(5),
			startedAt:        s.columnInstant(6),
			terminalAt:       s.columnInstant(7),
			outcome:          s.columnLiteral(8),
			policy:           string(s.stmt.ColumnRawText(9)),
		}
		raw = append(raw, s.stmt.ColumnRawText(10)...)
		current.leaseEvent, current.completionEvent = s.stmt.ColumnInt64(11), s.stmt.ColumnInt64(12)
		return nil
	})
	if err != nil || current == nil {
		return nil, highest, err
	}
	if err := current.raw.parse(raw); err != nil {
		return nil, 0, messages.CorruptionError("attempt", "raw_fields not valid JSON: %v", err)
	}
	return current, highest, nil
}

const insertAttemptSQL = `
INSERT INTO ff_attempt (partition_key, execution_id, attempt_index, worker_id, worker_instance_id, lease_epoch,
                        lease_expires_at_ms, started_at_ms, terminal_at_ms, outcome, policy, raw_fields,
                        lease_event_id, completion_event_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)`

const storeAttemptSQL = `
UPDATE ff_attempt
   SET worker_id = ?4,
       worker_instance_id = ?5,
       lease_epoch = ?6,
       lease_expires_at_ms = ?7,
       started_at_ms = ?8,
       terminal_at_ms = ?9,
       outcome = ?10,
       policy = ?11,
       raw_fields = ?12,
       lease_event_id = ?13,
       completion_event_id = ?14
 WHERE rowid = ?1`

// storeAttempt inserts a new attempt or writes a loaded one back.
func (w *Writer) storeAttempt(x *execution, a *attempt) error {
	if a.terminalAt.set {
		w.batch.mayEnd(x)
	}
	w.remembered.forget(x.uuid)
	var s *statement
	if a.rowid == 0 {
		s = w.prepare(insertAttemptSQL).int(1, int64(x.partition)).blob(2, x.uuid[:]).int(3, a.index)
	} else {
		s = w.prepare(storeAttemptSQL).int(1, a.rowid)
	}
	err := s.textPointer(4, a.workerID).
		textPointer(5, a.workerInstanceID).
		int(6, a.epoch).
		instant(7, a.leaseExpiresAt).
		instant(8, a.startedAt).
		instant(9, a.terminalAt).
		textOrNull(10, a.outcome).
		textOrNull(11, a.policy).
		rawText(12, a.raw.encode()).
		eventID(13, a.leaseEvent).
		eventID(14, a.completionEvent).
		exec()
	if err == nil && a.rowid == 0 {
		a.rowid = w.conn.LastInsertRowID()
	}
	if err == nil && a.leaseExpiresAt.set {
		w.deadlines.lower(leaseExpiry, a.leaseExpiresAt.ms)
	}
	return err
}

// leaseHeld is the predicate LeaseHeld of 04 §1.2.
func (a *attempt) leaseHeld() bool {
	return a != nil && a.workerInstanceID != nil && *a.workerInstanceID != "" && a.leaseExpiresAt.set
}

// id returns the id of the attempt that its handles carry.
func (a *attempt) id() (messages.AttemptID, error) {
	id, err := messages.ParseAttemptID(a.raw.text("attempt_id"))
	if err != nil {
		return id, messages.CorruptionError("attempt", "attempt_id: %v", err)
	}
	return id, nil
}

// leaseID returns the persisted id of the attempt's lease, "" when there never was one.
func (a *attempt) leaseID() string { return a.raw.text("lease_id") }

// releaseLease is ReleaseLease of 03 §3.4: the term of ownership is over; worker and epoch stay for recognition.
func (x *execution) releaseLease(a *attempt) {
	if a != nil {
		a.leaseExpiresAt = instant{}
	}
	x.raw.setText("current_lease_id", "")
	x.raw.setText("current_worker_id", "")
	x.raw.setText("current_worker_instance_id", "")
}
