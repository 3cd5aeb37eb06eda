package writer

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// Source gives what a state machine may not draw by itself: identifiers and jitter.
type Source interface {
	// UUID returns a new random identifier (version 4).
	UUID() [16]byte
	// Fraction returns a number in [0, 1).
	Fraction() float64
}

// Writer applies mutations to the database of one connection. It is not safe for concurrent use: one actor owns it.
type Writer struct {
	conn       *sqlite3.Conn
	source     Source
	log        *slog.Logger
	statements map[string]*statement
	remembered remembered

	batch     batch
	lost      error  // why the transaction of this batch is gone; nil while it stands
	version   int64  // data_version, which moves only for foreign commits, when the deadlines were read
	ended     uint32 // the version of the file when our last batch ended
	offered   int64  // data_version when the waiting claims were last offered everything
	logPages  int    // length of the write-ahead log after the last commit
	isFile    bool   // and no memory database
	upkeepDue bool
	deadlines deadlines
	scanners  scanners
	failing   failing
	hops      hopQueue
	waiting   waitingList

	frameBuffer []byte // for the fields of the frame that is being appended
}

// New returns a writer over conn, which must have the current schema. It reads the stored deadlines and the completions
// whose cascade has not run, so [Writer.HasHops] is right from the start. No job runs by itself before
// [Writer.StartScanners].
func New(conn *sqlite3.Conn, source Source, log *slog.Logger) (*Writer, error) {
	w := &Writer{
		conn: conn, source: source, log: log,
		statements: map[string]*statement{}, remembered: newRemembered(), failing: failing{},
	}
	w.configure(messages.DefaultScannerConfig())
	if err := w.readDeadlines(); err != nil {
		return nil, fmt.Errorf("read deadlines: %w", err)
	}
	if err := w.readHops(); err != nil {
		return nil, fmt.Errorf("read undispatched completions: %w", err)
	}
	version, err := w.dataVersion()
	w.version, w.offered = version, version
	return w, err
}

const (
	beginSQL    = `BEGIN IMMEDIATE`
	commitSQL   = `COMMIT`
	rollbackSQL = `ROLLBACK`
	versionSQL  = `PRAGMA data_version`
)

// Begin opens a batch. It fails with a busy error, and nothing has changed, while another process holds the write lock.
func (w *Writer) Begin() error {
	if err := w.beginTransaction(); err != nil {
		return err
	}
	w.lost = nil
	w.batch.begin(w.deadlines, w.hops.setbacks.clone())
	return nil
}

// beginTransaction begins one, and brings what is remembered of rows up to date. When it fails, none is open.
func (w *Writer) beginTransaction() error {
	if err := w.prepare(beginSQL).exec(); err != nil {
		return err
	}
	err := w.refresh()
	if err != nil && !w.conn.GetAutocommit() {
		err = errors.Join(err, w.prepare(rollbackSQL).exec())
	}
	return err
}

// refresh reads the deadlines again when another connection has committed since, and the cascade after a rollback.
func (w *Writer) refresh() error {
	if w.fileVersion() != w.ended {
		w.remembered.forgetAll()
		if err := w.noticeForeignCommits(); err != nil {
			return err
		}
	}
	if w.hops.stale {
		return w.readHops()
	}
	return nil
}

func (w *Writer) noticeForeignCommits() error {
	version, err := w.dataVersion()
	if err != nil || version == w.version {
		return err
	}
	if err := w.readDeadlines(); err != nil {
		return err
	}
	w.version = version
	return nil
}

// fileVersion moves with every commit, our own too. It costs no statement, so it decides whether data_version is worth
// one.
func (w *Writer) fileVersion() uint32 {
	version, err := w.conn.FileControl("main", sqlite3.FCNTL_DATA_VERSION)
	if v, ok := version.(uint32); ok && err == nil {
		return v
	}
	return w.ended + 1 // Not known: look.
}

func (w *Writer) dataVersion() (version int64, err error) {
	s := w.prepare(versionSQL)
	_, err = s.one(func() { version = s.stmt.ColumnInt64(0) })
	return version, err
}

// Answer is what the caller of a message is told. It is settled when the batch is committed; until then the batch may
// be run again, and then ids that were drawn for it are drawn anew.
type Answer struct {
	Reply messages.Reply
	Err   error
}

// Apply runs one message. One that fails, or panics, leaves no trace, and the batch goes on, unless [Writer.Lost] says
// otherwise. Waiting claims that the message made possible are served before Apply returns.
func (w *Writer) Apply(now messages.TimestampMs, m messages.Mutation) *Answer {
	answer := &Answer{}
	w.run(m.Method(), answer, func() {
		*answer = Answer{}
		answer.Err = w.step(m.Method(), func() (err error) {
			answer.Reply, err = w.dispatch(now, m)
			return err
		})
		if answer.Err != nil {
			answer.Reply = nil
			return
		}
		w.serveWaiting(now)
	})
	return answer
}

// Lost returns why the open batch cannot be committed: SQLite rolls all of it back when the disk is full, on an I/O error
// or a lack of memory, and a damaged file must not be written to. Only Commit or Rollback may follow, and nothing of the
// batch is stored.
func (w *Writer) Lost() error { return w.lost }

// RollbackError is a batch that could neither be committed nor rolled back. No further one can be trusted.
type RollbackError struct {
	Err error // why the batch failed, and why its rollback did
}

// Error tells both reasons.
func (e *RollbackError) Error() string { return "rollback: " + e.Err.Error() }

// Unwrap returns both reasons.
func (e *RollbackError) Unwrap() error { return e.Err }

// Commit makes the batch durable and returns what it did. When it fails, the batch has been rolled back; the error is a
// [*RollbackError] when that failed, too.
func (w *Writer) Commit() (*messages.Committed, error) {
	err := w.lost
	if err == nil {
		err = database.Retry(w.prepare(commitSQL).exec)
	}
	if err != nil {
		if failed := w.Rollback(); failed != nil {
			err = &RollbackError{errors.Join(err, failed)}
		}
		return nil, err
	}
	w.ended = w.fileVersion()
	w.hops.push(w.batch.queued)
	w.settleWaiting()
	w.settleTicks()
	w.settleAsked()
	if w.batch.looked {
		w.offered = w.version
	}
	committed := &messages.Committed{
		Completions:  w.batch.completions,
		Leases:       w.batch.leases,
		Streams:      w.batch.streams,
		Foreign:      w.batch.looked,
		NextDeadline: w.NextDeadline(),
	}
	w.batch.close()
	giveCursors(committed)
	return committed, nil
}

// Rollback undoes the batch; claims that it had served wait on in their old places, but for those of callers that are
// leaving, which [Writer.Served] returns. It fails only when the connection itself does, and then no further batch can be
// trusted.
func (w *Writer) Rollback() error {
	err := w.undoAll()
	w.releaseWaiting()
	w.batch.close()
	return err
}

// undoAll takes rows and memory back to where they were when the batch began.
func (w *Writer) undoAll() error {
	w.remembered.forgetAll()
	w.deadlines = w.batch.deadlines
	w.waiting.rewind()
	w.hops.setbacks, w.hops.stale = w.batch.setbacks.clone(), true
	w.resetStatements()
	if w.conn.GetAutocommit() {
		return nil
	}
	return w.prepare(rollbackSQL).exec()
}

// resetStatements ends what a panic left running; a busy statement would keep its transaction open.
func (w *Writer) resetStatements() {
	for s := range w.conn.Stmts() {
		if s.Busy() {
			_ = s.Reset()
		}
	}
}

// giveCursors fills the cursor of every event.
func giveCursors(c *messages.Committed) {
	if n := len(c.Completions); n > 0 {
		c.HighestCompletion = c.Completions[n-1].EventID
		for i := range c.Completions {
			c.Completions[i].Cursor = messages.CursorAfter(c.Completions[i].EventID)
		}
	}
	if n := len(c.Leases); n > 0 {
		c.HighestLease = c.Leases[n-1].EventID
		for i := range c.Leases {
			c.Leases[i].Cursor = messages.CursorAfter(c.Leases[i].EventID)
		}
	}
}

// Close finalises the statements. The connection stays open and is not used any more.
func (w *Writer) Close() error {
	var errs []error
	for _, s := range w.statements {
		errs = append(errs, s.stmt.Close())
	}
	w.statements = nil
	return errors.Join(errs...)
}

// ForeignCommits reports whether another connection has committed since the last [Writer.LookAgain] that was committed.
// While a batch is open none can, so it is as of its begin then.
func (w *Writer) ForeignCommits() (bool, error) {
	version, err := w.dataVersion()
	return version != w.offered, err
}
