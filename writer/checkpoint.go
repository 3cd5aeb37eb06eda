package writer

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
)

// WatchLog makes the connection count the pages of its write-ahead log; [Writer.LogPages] tells them. It is for files: a
// memory database has no log, and needs no upkeep.
func (w *Writer) WatchLog() {
	w.isFile = true
	w.conn.WALHook(func(_ *sqlite3.Conn, _ string, pages int) error {
		w.logPages = pages
		return nil
	})
}

// LogPages returns the length of the write-ahead log in pages after the last commit.
func (w *Writer) LogPages() int { return w.logPages }

// Checkpoint moves committed pages from the log into the database, as far as no reader needs them where they are. It
// runs between batches. When it fails, everything is still in the log; only after a failed sync is it in doubt what of
// that is on the disk.
func (w *Writer) Checkpoint() error {
	_, _, err := w.moveLog()
	return err
}

// moveLog is Checkpoint. It returns how many pages it has moved, and whether the database now has all that the log has.
func (w *Writer) moveLog() (pages int, whole bool, err error) {
	_, before, err := w.conn.WALCheckpoint("main", sqlite3.CHECKPOINT_NOOP)
	if err != nil {
		return 0, false, database.Classify(err)
	}
	logged, moved, err := w.conn.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE)
	if err != nil {
		return 0, false, database.Classify(err)
	}
	if whole = moved >= logged; whole {
		w.logPages = 0
	}
	return max(moved-before, 0), whole, nil
}
