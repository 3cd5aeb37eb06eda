package writer

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
)

// WatchLog makes the connection count the pages of its write-ahead log; [Writer.LogPages] tells them. A memory database
// has no log.
func (w *Writer) WatchLog() {
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
	logged, moved, err := w.conn.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE)
	if err != nil {
		return database.Classify(err)
	}
	if moved >= logged {
		w.logPages = 0
	}
	return nil
}
