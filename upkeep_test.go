package ffsqlite_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// What the job store_maintenance does with the file: 02 §8.7.

// longLog makes the write-ahead log as long as so many MiB, by a commit that is not moved into the database.
func (e *engine) longLog(mebibytes int64) {
	e.t.Helper()
	e.sql.Exec("PRAGMA wal_autocheckpoint = 0; CREATE TABLE IF NOT EXISTS f1 (x BLOB)")
	e.sql.Exec("INSERT INTO f1 VALUES (zeroblob(?1))", mebibytes<<20)
}

func TestSpec02_S80_ALongLogIsTruncated(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	e := openAt(t, path, ffsqlite.WithoutScanners())
	maintain := func() (pages uint32) {
		report := e.tick(messages.ScannerStoreMaintenance, 0)
		pages = report.Actions["checkpointed_pages"]
		delete(report.Actions, "checkpointed_pages")
		require.Empty(t, report.Actions)
		require.Zero(t, report.Processed)
		return pages
	}
	e.longLog(100)
	long := sizeOf(t, path+"-wal")
	require.Greater(t, long, int64(100<<20))
	e.sql.Exec("BEGIN; SELECT count(*) FROM f1")
	require.Greater(t, maintain(), uint32(100<<20/4096))
	require.Equal(t, long, sizeOf(t, path+"-wal"), "somebody reads it")
	require.Greater(t, sizeOf(t, path), int64(100<<20))
	e.created()
	require.Zero(t, maintain(), "the reader may not see it yet")
	e.sql.Exec("COMMIT")
	require.Positive(t, maintain())
	require.Zero(t, sizeOf(t, path+"-wal"))

	e.longLog(60)
	long = sizeOf(t, path+"-wal")
	require.Greater(t, maintain(), uint32(60<<20/4096))
	require.Equal(t, long, sizeOf(t, path+"-wal"), "it is not so long that its place must be given back")
	require.Equal(t, messages.PublicWaiting, e.state(e.created()))
	fftest.Intact(t, e.sql)
}

func TestStoreMaintenance_RunsByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := messages.ScannerConfig{StoreMaintenance: time.Minute}
		path := filepath.Join(t.TempDir(), "x.db")
		e := openAt(t, path, ffsqlite.WithScanners(config))
		e.longLog(70)
		e.advance(time.Minute - 1)
		require.Less(t, sizeOf(t, path), int64(70<<20))
		e.advance(1)
		require.Greater(t, sizeOf(t, path), int64(70<<20))
		require.Zero(t, sizeOf(t, path+"-wal"))
	})
}

// With statistics of a few rows SQLite would plan to scan what has many later.
func TestStoreMaintenance_GathersNoStatistics(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	e := openAt(t, path, ffsqlite.WithoutScanners())
	e.created()
	e.claimed()
	for range 2 {
		e.tick(messages.ScannerStoreMaintenance, 0)
		e.clock.Advance(time.Hour)
	}
	require.NoError(t, e.Close())
	require.Zero(t, openAt(t, path).sql.Int("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'sqlite_stat%'"))
}

func TestStoreMaintenance_WithoutALog(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]*engine{
		"memory":    open(t, ffsqlite.WithoutScanners()),
		"a journal": openAt(t, filepath.Join(t.TempDir(), "x.db"), ffsqlite.WithoutScanners(), ffsqlite.WithWAL(false)),
	} {
		e.created()
		require.Equal(t, messages.ScanReport{}, e.tick(messages.ScannerStoreMaintenance, 0), name)
	}
}

func TestStoreMaintenance_Failures(t *testing.T) {
	t.Run("the disk is full", func(t *testing.T) {
		e, files, path := onFaultyFiles(t, ffsqlite.WithoutScanners())
		e.longLog(70)
		files.Inject(fftest.DiskFull(fftest.MainFile))
		require.Equal(t, messages.ScanReport{}, e.tick(messages.ScannerStoreMaintenance, 0))
		e.created()
		require.NoError(t, e.Ping(t.Context()), "after the checkpoint of that commit, which has failed, too")
		files.Inject(nil)
		require.Positive(t, e.tick(messages.ScannerStoreMaintenance, 0).Actions["checkpointed_pages"])
		require.Zero(t, sizeOf(t, path+"-wal"))
	})
	t.Run("a sync fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e, files, path := onFaultyFiles(t, ffsqlite.WithoutScanners())
			id := e.created()
			parked := e.claimWaiting(t.Context(), claimNextArgsIn("elsewhere"), 0)
			files.Inject(failing(fftest.MainFile, fftest.OpSync, sqlite3.IOERR_FSYNC))
			_, err := e.RunScannerTick(t.Context(), messages.ScannerStoreMaintenance, 0)
			require.ErrorIs(t, err, sqlite3.IOERR_FSYNC)
			parked.failed(t, sqlite3.IOERR_FSYNC)
			files.Inject(nil)
			e.faulted(sqlite3.IOERR_FSYNC)
			require.Equal(t, messages.PublicWaiting, openAt(t, path).state(id))
		})
	})
}
