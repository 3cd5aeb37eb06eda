package writer

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// statement is a prepared statement with its bindings. The first failing bind is kept and reported when it runs, so
// that a binder reads as one block.
type statement struct {
	stmt  *sqlite3.Stmt
	bound []binding // by parameter, the first at 0
	err   error
}

// binding is what a parameter is bound to. Bindings outlive a run, and most rows are alike in most of their columns, so a
// parameter that has its value already is left alone: that saves SQLite a copy.
type binding struct {
	kind   kind
	number int64
	text   string
}

type kind uint8

const (
	nullKind kind = iota // as a parameter is at first
	intKind
	textKind
	otherKind // not compared
)

// longestCompared bounds the texts that are kept to be compared.
const longestCompared = 64

// prepare returns the statement for sql, prepared at its first use and kept for the life of the connection.
func (w *Writer) prepare(sql string) *statement {
	if s, ok := w.statements[sql]; ok {
		return s
	}
	stmt, _, err := w.conn.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return &statement{err: err}
	}
	s := &statement{stmt: stmt, bound: make([]binding, stmt.BindCount())}
	w.statements[sql] = s
	return s
}

// bind binds a parameter unless it has that value already, or a bind before has failed.
func (s *statement) bind(param int, value binding, bind func() error) *statement {
	if s.err != nil || value.kind != otherKind && s.bound[param-1] == value {
		return s
	}
	if s.err = bind(); s.err != nil {
		value = binding{kind: otherKind}
	}
	s.bound[param-1] = value
	return s
}

func (s *statement) int(param int, value int64) *statement {
	return s.bind(param, binding{kind: intKind, number: value}, func() error { return s.stmt.BindInt64(param, value) })
}

func (s *statement) float(param int, value float64) *statement {
	return s.bind(param, binding{kind: otherKind}, func() error { return s.stmt.BindFloat(param, value) })
}

func (s *statement) text(param int, value string) *statement {
	compared := binding{kind: otherKind}
	if len(value) <= longestCompared {
		compared = binding{kind: textKind, text: value}
	}
	return s.bind(param, compared, func() error { return s.stmt.BindText(param, value) })
}

func (s *statement) rawText(param int, value []byte) *statement {
	return s.bind(param, binding{kind: otherKind}, func() error { return s.stmt.BindRawText(param, value) })
}

func (s *statement) blob(param int, value []byte) *statement {
	return s.bind(param, binding{kind: otherKind}, func() error { return s.stmt.BindBlob(param, value) })
}

func (s *statement) null(param int) *statement {
	return s.bind(param, binding{}, func() error { return s.stmt.BindNull(param) })
}

// textOrNull binds NULL for the empty string.
func (s *statement) textOrNull(param int, value string) *statement {
	if value == "" {
		return s.null(param)
	}
	return s.text(param, value)
}

// textPointer binds NULL for nil.
func (s *statement) textPointer(param int, value *string) *statement {
	if value == nil {
		return s.null(param)
	}
	return s.text(param, *value)
}

func (s *statement) instant(param int, value instant) *statement {
	if !value.set {
		return s.null(param)
	}
	return s.int(param, value.ms)
}

// eventID binds NULL for 0.
func (s *statement) eventID(param int, id int64) *statement {
	if id == 0 {
		return s.null(param)
	}
	return s.int(param, id)
}

// exec runs a statement that returns no rows.
func (s *statement) exec() error {
	return s.each(func() error { return nil })
}

// one runs the statement and reports whether it has a row; read takes the columns of the first.
func (s *statement) one(read func()) (found bool, err error) {
	if s.err != nil {
		return false, s.take()
	}
	if s.stmt.Step() {
		found = true
		read()
	}
	return found, s.reset()
}

// each runs the statement and calls read for every row, until it fails. It always ends with the statement's own error.
func (s *statement) each(read func() error) error {
	if s.err != nil {
		return s.take()
	}
	for s.stmt.Step() {
		if err := read(); err != nil {
			_ = s.reset()
			return err
		}
	}
	return s.reset()
}

func (s *statement) reset() error {
	err := s.stmt.Err()
	if e := s.stmt.Reset(); err == nil {
		err = e
	}
	if err != nil {
		return database.Classify(err)
	}
	return nil
}

// take reports the kept error and leaves the statement usable for the next caller.
func (s *statement) take() error {
	err := s.err
	if s.stmt != nil {
		s.err = nil
	}
	return database.Classify(err)
}

// instant is a nullable time of a row, in milliseconds.
type instant struct {
	ms  int64
	set bool
}

func at(ms messages.TimestampMs) instant { return instant{ms: int64(ms), set: true} }

func (s *statement) columnInstant(col int) instant {
	if s.stmt.ColumnType(col) == sqlite3.NULL {
		return instant{}
	}
	return instant{ms: s.stmt.ColumnInt64(col), set: true}
}

// columnLiteral reads a text that is nearly always one of the known literals, without allocating for those.
func (s *statement) columnLiteral(col int) string {
	raw := s.stmt.ColumnRawText(col)
	if known, ok := literals[string(raw)]; ok {
		return known
	}
	return string(raw)
}

func (s *statement) columnTextPointer(col int) *string {
	if s.stmt.ColumnType(col) == sqlite3.NULL {
		return nil
	}
	text := s.stmt.ColumnText(col)
	return &text
}

func (s *statement) columnUUID(col int) (id [16]byte) {
	copy(id[:], s.stmt.ColumnRawBlob(col))
	return id
}

// literals are the texts of the state columns that this engine writes.
var literals = func() map[string]string {
	known := map[string]string{}
	for _, text := range []string{
		"submitted", "runnable", "active", "suspended", "terminal", "cancelled",
		"unowned", "leased", "lease_expired_reclaimable", "lease_revoked",
		"eligible_now", "not_eligible_until_time", "blocked_by_dependencies", "blocked_by_budget", "blocked_by_quota",
		"blocked_by_route", "blocked_by_lane_state", "blocked_by_operator", "not_applicable",
		"waiting", "delayed", "rate_limited", "waiting_children", "resumable", "completed", "failed", "expired", "skipped",
		"pending", "pending_first_attempt", "running_attempt", "attempt_interrupted", "pending_retry_attempt",
		"pending_replay_attempt", "attempt_terminal",
		"waiting_for_worker", "waiting_for_retry_backoff", "waiting_for_delay", "waiting_for_children",
		"success", "retry", "interrupted", "interrupted_reclaimed", "default",
	} {
		known[text] = text
	}
	return known
}()
