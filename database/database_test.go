package database_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec02_S03_NamedMemoryIsSharedUntilTheLastClose(t *testing.T) {
	const text = "file:database-s03?mode=memory&cache=shared"
	db, err := database.Open(t.Context(), parse(t, text), settings(), migrate)
	require.NoError(t, err)
	require.NoError(t, db.Writer().Exec(`INSERT INTO f1 VALUES (42)`))
	other := connect(t, db.DataSource())
	require.Equal(t, "42", query(t, other, `SELECT n FROM f1`))
	require.NoError(t, other.Close())
	require.NoError(t, db.Close())

	require.Equal(t, "0", read(t, open(t, text, settings()), `SELECT count(*) FROM f1`))
}

func TestSpec02_S04_TwoMemoryDatabases(t *testing.T) {
	for _, texts := range [][2]string{
		{":memory:", ":memory:"},
		{"file:database-s04-a?mode=memory", "file:database-s04-b?mode=memory"},
		{"file:database-s04/a b%25?mode=memory", "file:database-s04/a%20b?mode=memory"},
	} {
		first, err := database.Open(t.Context(), parse(t, texts[0]), settings(), migrate)
		require.NoError(t, err)
		second := open(t, texts[1], settings())
		require.NoError(t, first.Writer().Exec(`INSERT INTO f1 VALUES (42)`))
		require.Equal(t, "42", read(t, first, `SELECT n FROM f1`))
		require.NoError(t, first.Close())
		require.Equal(t, "0", read(t, second, `SELECT count(*) FROM f1`))
	}
}

func TestSpec02_S05_MemorySurvivesReaders(t *testing.T) {
	db := open(t, ":memory:", settings())
	require.True(t, db.Memory())
	require.NoError(t, db.Writer().Exec(`INSERT INTO f1 VALUES (42)`))
	for range 8 {
		require.Equal(t, "42", read(t, db, `SELECT n FROM f1`))
	}
}

func TestSpec02_S11_NothingIsCreated(t *testing.T) {
	directory := t.TempDir()
	for _, text := range []string{
		"file:" + directory + "/missing?mode=rw", filepath.Join(directory, "absent", "x.db"),
	} {
		_, err := database.Open(t.Context(), parse(t, text), settings(), migrate)
		var open *messages.OpenError
		require.ErrorAs(t, err, &open, text)
		require.Equal(t, messages.OpenTransport, open.Kind)
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	_, err := database.Open(t.Context(), parse(t, directory), settings(), migrate)
	require.ErrorContains(t, err, "is a directory")
	require.NoFileExists(t, directory+"-ff.lock")
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestSpec02_S12_JournalMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	for _, wal := range []bool{true, false, true} {
		s := settings()
		s.WAL = wal
		db, err := database.Open(t.Context(), parse(t, path), s, migrate)
		require.NoError(t, err)
		want := map[bool]string{true: "wal", false: "delete"}[wal]
		require.Equal(t, want, query(t, db.Writer(), `PRAGMA journal_mode`))
		require.Equal(t, want, read(t, db, `PRAGMA journal_mode`))
		require.NoError(t, db.Close())
	}
	require.NotEqual(t, "wal", query(t, open(t, ":memory:", settings()).Writer(), `PRAGMA journal_mode`))
}

func TestOpen_Pragmas(t *testing.T) {
	s := settings()
	db := open(t, filepath.Join(t.TempDir(), "x.db"), s)
	for pragma, want := range map[string]string{
		"synchronous": "2", "foreign_keys": "1", "temp_store": "2", "wal_autocheckpoint": "0", "query_only": "0",
		"busy_timeout": "1667", "cache_size": "-32768",
	} {
		require.Equal(t, want, query(t, db.Writer(), "PRAGMA "+pragma), pragma)
	}
	for pragma, want := range map[string]string{
		"query_only": "1", "temp_store": "2", "busy_timeout": "1667", "cache_size": "-8192",
	} {
		require.Equal(t, want, read(t, db, "PRAGMA "+pragma), pragma)
	}
	s.WAL = false
	require.Equal(t, "3", query(t, open(t, filepath.Join(t.TempDir(), "z.db"), s).Writer(), `PRAGMA synchronous`),
		"a commit is on the disk without a log, too")
	s.Synchronous = database.Normal
	require.Equal(t, "1", query(t, open(t, filepath.Join(t.TempDir(), "y.db"), s).Writer(), `PRAGMA synchronous`))
}

func TestSpec02_S29_WriteWaitsForAForeignLock(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "x.db"), settings())
	other := connect(t, db.DataSource())
	require.NoError(t, other.Exec(`BEGIN IMMEDIATE`))
	released := make(chan error, 1)
	clock.System().AfterFunc(time.Second, func() { released <- other.Exec(`COMMIT`) })
	require.NoError(t, database.Retry(func() error { return db.Writer().Exec(`BEGIN IMMEDIATE`) }))
	require.NoError(t, <-released)
	require.NoError(t, db.Writer().Exec(`INSERT INTO f1 VALUES (1); COMMIT`))
}

func TestRetry_AgainstAForeignLock(t *testing.T) {
	s := settings()
	s.BusyTimeout = 3 * time.Millisecond
	db := open(t, filepath.Join(t.TempDir(), "x.db"), s)
	other := connect(t, db.DataSource())
	require.NoError(t, other.Exec(`BEGIN IMMEDIATE`))
	tries := 0
	err := database.Retry(func() error {
		tries++
		return db.Writer().Exec(`BEGIN IMMEDIATE`)
	})
	require.ErrorIs(t, err, messages.ErrRetryExhausted)
	require.Equal(t, 3, tries)
	require.NoError(t, other.Exec(`ROLLBACK`))
}

func TestOpen_SpecialCharactersInPaths(t *testing.T) {
	for _, name := range []string{
		"a b", "a?b=c", "a#b", "a%20b", "100%", "a&b", "a+b", "ä ☃", "'q'", `"q"`, ":memory:x", "a;b", "file:x", "line\nfeed", "\xff",
	} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.Mkdir(path, 0o700))
		path = filepath.Join(path, name+".db")
		db := open(t, path, settings())
		require.NoError(t, db.Writer().Exec(`INSERT INTO f1 VALUES (7)`))
		require.FileExists(t, path)
		require.FileExists(t, path+"-ff.lock")
		require.Equal(t, "7", query(t, connect(t, db.DataSource()), `SELECT n FROM f1`))
		require.Equal(t, "7", read(t, db, `SELECT n FROM f1`))
	}
}

func TestOpen_VFS(t *testing.T) {
	s := settings()
	s.VFS = "absent one"
	path := filepath.Join(t.TempDir(), "x.db")
	_, err := database.Open(t.Context(), parse(t, path), s, migrate)
	requireOpenError(t, err, messages.OpenProtocol, "vfs: not registered: absent one")
	require.ErrorIs(t, err, messages.ErrInvalidInput)
	require.NoFileExists(t, path+"-ff.lock")

	s.VFS = "with a + and & in it"
	vfs.Register(s.VFS, vfs.Find("os"))
	t.Cleanup(func() { vfs.Unregister(s.VFS) })
	db := open(t, path, s)
	require.NoError(t, db.Writer().Exec(`INSERT INTO f1 VALUES (7)`))
	require.Equal(t, "7", query(t, connect(t, db.DataSource()), `SELECT n FROM f1`))
}

func TestOpen_WithoutSharedMemoryThereIsNoWAL(t *testing.T) {
	s := settings()
	s.VFS = "database-no-shm"
	vfs.Register(s.VFS, plainVFS{vfs.Find("os")})
	t.Cleanup(func() { vfs.Unregister(s.VFS) })
	path := filepath.Join(t.TempDir(), "x.db")
	_, err := database.Open(t.Context(), parse(t, path), s, migrate)
	requireOpenError(t, err, messages.OpenTransport, "wal not available")
	s.WAL = false
	open(t, path, s)
}

// plainVFS hides everything optional about its files, shared memory above all.
type plainVFS struct{ vfs.VFS }

func (v plainVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, flags, err := v.VFS.(vfs.VFSFilename).OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	return struct{ vfs.File }{file}, flags, nil
}

func TestOpen_FailureLeavesNothingOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	broken := errors.New("broken")
	_, err := database.Open(t.Context(), parse(t, path), settings(), func(conn *sqlite3.Conn, given string) error {
		require.Equal(t, parse(t, path).Path, given)
		_, _, err := conn.Prepare(`SELECT 1`)
		require.NoError(t, err)
		require.NoError(t, conn.Exec(`BEGIN; CREATE TABLE half (n)`))
		return broken
	})
	requireOpenError(t, err, messages.OpenTransport, "migrate database")
	require.ErrorIs(t, err, broken)

	refusal := &messages.OpenError{Kind: messages.OpenProtocol, Message: "not ours"}
	_, err = database.Open(t.Context(), parse(t, path), settings(), func(*sqlite3.Conn, string) error { return refusal })
	require.Same(t, refusal, err)

	require.PanicsWithValue(t, "migrate", func() {
		_, _ = database.Open(t.Context(), parse(t, path), settings(), func(*sqlite3.Conn, string) error { panic("migrate") })
	})
	gone, cancel := context.WithCancel(t.Context())
	_, err = database.Open(gone, parse(t, path), settings(), func(conn *sqlite3.Conn, _ string) error {
		cancel()
		return conn.Exec(`CREATE TABLE late (n)`)
	})
	requireOpenError(t, err, messages.OpenTransport, "open database")
	require.ErrorIs(t, err, context.Canceled)

	db := open(t, path, settings())
	require.Equal(t, "f1", read(t, db, `SELECT group_concat(name) FROM sqlite_schema`))
}

func TestOpen_NoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	require.NoError(t, os.WriteFile(path, []byte("this is a text, and long enough to be taken for a header of a page"), 0o600))
	_, err := database.Open(t.Context(), parse(t, path), settings(), migrate)
	requireOpenError(t, err, messages.OpenProtocol, "configure database")
	require.True(t, database.IsFatal(err))
}

func TestSpec02_S18_ARefusedFileStaysAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	foreign := connect(t, "file:"+filepath.ToSlash(path))
	require.NoError(t, foreign.Exec(`CREATE TABLE theirs (n)`))
	before, err := os.ReadFile(path)
	require.NoError(t, err)

	refusal := &messages.OpenError{Kind: messages.OpenProtocol, Message: "not ours"}
	_, err = database.Open(t.Context(), parse(t, path), settings(), func(*sqlite3.Conn, string) error { return refusal })
	require.Same(t, refusal, err)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after, "not even its journal mode has changed")
}

// TestOpen_EveryFaultLeavesNothingOpen lets each operation of the disk fail in turn.
func TestOpen_EveryFaultLeavesNothingOpen(t *testing.T) {
	disk := fftest.NewFaultyVFS(t)
	s := settings()
	s.VFS = disk.Name()
	for n := int64(1); ; n++ {
		require.Less(t, n, int64(500))
		location := parse(t, filepath.Join(t.TempDir(), "x.db"))
		var operations atomic.Int64
		disk.Inject(func(o fftest.Operation) error {
			if operations.Add(1) == n {
				return sqlite3.IOERR
			}
			return nil
		})
		db, err := database.Open(t.Context(), location, s, migrate)
		disk.Inject(nil)
		if err != nil {
			var open *messages.OpenError
			require.ErrorAs(t, err, &open)
			require.Equal(t, messages.OpenTransport, open.Kind)
			db, err = database.Open(t.Context(), location, s, migrate) // The lock is free again.
			require.NoError(t, err)
		}
		require.Equal(t, "0", read(t, db, `SELECT count(*) FROM f1`))
		require.NoError(t, db.Close())
		if operations.Load() < n {
			return // There was nothing left to fail.
		}
	}
}

func TestClose_TruncatesTheLogAndClosesStatements(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := database.Open(t.Context(), parse(t, path), settings(), migrate)
	require.NoError(t, err)
	other := connect(t, db.DataSource())
	require.Equal(t, "0", query(t, other, `SELECT count(*) FROM f1`)) // An open file keeps the log from being removed.
	require.NoError(t, db.Writer().Exec(`INSERT INTO f1 VALUES (1)`))
	for range 3 {
		stmt, _, err := db.Writer().Prepare(`SELECT n FROM f1`)
		require.NoError(t, err)
		require.True(t, stmt.Step()) // Left in the middle.
	}
	require.NoError(t, db.Writer().Exec(`BEGIN IMMEDIATE; INSERT INTO f1 VALUES (2)`))
	require.NoError(t, db.Close())
	require.NoError(t, db.Close())

	info, err := os.Stat(path + "-wal")
	require.NoError(t, err)
	require.Zero(t, info.Size())
	require.Equal(t, "1", query(t, other, `SELECT count(*) FROM f1`))
	require.ErrorIs(t, db.Readers().Read(t.Context(), nil), messages.ErrUnavailable)
}
