package database

import (
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// Synchronous says when a commit of a file is on the disk.
type Synchronous string

const (
	// Full syncs at every commit. It is the zero setting.
	Full Synchronous = "FULL"
	// Normal syncs at checkpoints: a power cut may lose the last commits, and never mixes them up.
	Normal Synchronous = "NORMAL"

	// extra is what Full means without a log: the commit is the end of the rollback journal, and FULL does not sync the
	// directory that it is gone from.
	extra Synchronous = "EXTRA"
)

// Settings are how a database is opened.
type Settings struct {
	// PoolSize is the number of connections: one writes, the others read. There is always one that reads.
	PoolSize int

	// WAL: a file has a write-ahead log, so that reads and writes do not wait for each other.
	WAL bool

	// Synchronous defaults to [Full].
	Synchronous Synchronous

	// BusyTimeout bounds how long an operation under [Retry], or a read, waits for another process. It is one bound over
	// all the tries of Retry: once the database is open, a connection waits a third of it at each. Zero waits only the
	// pauses between the tries.
	BusyTimeout time.Duration

	// VFS is the name of the registered VFS that a file is opened through; empty is the operating system's.
	VFS string
}

// pageSize is for new files: half of SQLite's own. A commit writes whole pages, and rows that are far apart, as random ids
// make them, share none.
const pageSize = 2048

// The page caches, in KiB as PRAGMA cache_size has them when negative.
const (
	writerCacheSize = -32768
	readerCacheSize = -8192
)

// readers is the number of connections that read.
func (s *Settings) readers() int { return max(1, s.PoolSize-1) }

// share is the part of the busy timeout that belongs to one try.
func (s *Settings) share() time.Duration { return s.BusyTimeout / time.Duration(tries) }

// applyToWriter sets up the connection that writes. Nothing of it is stored in the file.
func (s *Settings) applyToWriter(conn *sqlite3.Conn) error {
	if err := conn.BusyTimeout(s.BusyTimeout); err != nil {
		return err
	}
	synchronous := s.Synchronous
	switch {
	case synchronous == Normal:
	case s.WAL:
		synchronous = Full
	default:
		synchronous = extra
	}
	return conn.Exec(fmt.Sprintf(`
		PRAGMA page_size = %d;
		PRAGMA synchronous = %s;
		PRAGMA foreign_keys = ON;
		PRAGMA temp_store = MEMORY;
		PRAGMA wal_autocheckpoint = 0;
		PRAGMA cache_spill = OFF; -- the log counts on it, see logFile
		PRAGMA cache_size = %d`, pageSize, synchronous, writerCacheSize))
}

func (s *Settings) applyToReader(conn *sqlite3.Conn) error {
	if err := conn.BusyTimeout(s.share()); err != nil {
		return err
	}
	return conn.Exec(fmt.Sprintf(`
		PRAGMA query_only = ON;
		PRAGMA temp_store = MEMORY;
		PRAGMA cache_size = %d`, readerCacheSize))
}

// setJournalMode makes sure that the file is in the mode, which SQLite does not promise: without shared memory it stays
// as it is and says so only in its answer.
func setJournalMode(conn *sqlite3.Conn, wal bool) error {
	mode := "delete"
	if wal {
		mode = "wal"
	}
	stmt, _, err := conn.Prepare("PRAGMA journal_mode = " + mode)
	if err != nil {
		return err
	}
	got := ""
	if stmt.Step() {
		got = stmt.ColumnText(0)
	}
	if err := stmt.Err(); err != nil {
		_ = stmt.Close() // It repeats the error of the step.
		return err
	}
	if err := stmt.Close(); err != nil {
		return err
	}
	if got != mode {
		return &journalModeError{want: mode, got: got}
	}
	return nil
}

// journalModeError is a file system, or a VFS, that cannot do what was asked for.
type journalModeError struct{ want, got string }

func (e *journalModeError) Error() string {
	return fmt.Sprintf("%s not available (journal mode is %s)", e.want, e.got)
}
