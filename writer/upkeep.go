package writer

import (
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/flowfabric/ffsqlite/database"
)

// longLog is the size of the log, in bytes, above which its disk space is given back.
const longLog = 64 << 20

// UpkeepDue reports whether the batch that was committed last has ended a tick of store_maintenance. Then comes the part
// of that job which cannot run within a transaction, [Writer.ShortenLog]. A memory database has no log.
func (w *Writer) UpkeepDue() bool { return w.upkeepDue }

// ShortenLog moves the log into the database as [Writer.Checkpoint] does. A log of more than 64 MiB is truncated, too,
// unless somebody reads it: nobody is waited for. The report of a tick that a caller asked for tells how many pages were
// moved.
func (w *Writer) ShortenLog() error {
	w.upkeepDue = false
	pages, whole, err := w.moveLog()
	if err != nil {
		return err
	}
	if t := w.batch.asked; t != nil && t.done && t.job == storeMaintenance && pages > 0 {
		t.open.tell("checkpointed_pages", uint32(pages)) //nolint:gosec // A count of pages is a 32-bit number.
	}
	w.log.Debug("the log was moved into the database", "pages", pages, "whole", whole)
	if !whole || w.logSize() <= longLog {
		return nil
	}
	return w.truncateLog()
}

// logSize is the size of the file that holds the log; 0 without a log.
func (w *Writer) logSize() int64 {
	if logged, _, err := w.conn.WALCheckpoint("main", sqlite3.CHECKPOINT_NOOP); err != nil || logged < 0 {
		return 0
	}
	file, err := w.conn.FileControl("main", sqlite3.FCNTL_JOURNAL_POINTER)
	log, ok := file.(vfs.File)
	if err != nil || !ok {
		return 0
	}
	size, err := log.Size()
	if err != nil {
		return 0
	}
	return size
}

const busyTimeoutSQL = `PRAGMA busy_timeout`

// truncateLog gives the space of the log back. Where it would wait for another connection it fails at once, as busy.
func (w *Writer) truncateLog() error {
	var patience time.Duration
	s := w.prepare(busyTimeoutSQL)
	if _, err := s.one(func() { patience = time.Duration(s.stmt.ColumnInt64(0)) * time.Millisecond }); err != nil {
		return err
	}
	err := w.conn.BusyTimeout(0)
	if err == nil {
		_, _, err = w.conn.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	}
	if err = errors.Join(err, w.conn.BusyTimeout(patience)); err != nil {
		return database.Classify(err)
	}
	return nil
}
