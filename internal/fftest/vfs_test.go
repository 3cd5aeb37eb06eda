package fftest_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/internal/fftest"
)

// newLogged is a WAL database with one row on a file system that can fail, and two connections to it.
func newLogged(t testing.TB) (files *fftest.FaultyVFS, writer *sqlite3.Conn, reader *fftest.SQL) {
	t.Helper()
	files = fftest.NewFaultyVFS(t)
	source := "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "faulty.db")) + "?vfs=" + files.Name()
	writer, err := sqlite3.Open(source)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, writer.Close()) })
	require.NoError(t, writer.Exec("PRAGMA synchronous = FULL; PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0"))
	require.NoError(t, writer.Exec("CREATE TABLE t (x INTEGER) STRICT; INSERT INTO t VALUES (1)"))
	reader = fftest.OpenSQL(t, source)
	require.Equal(t, "wal", reader.Text("PRAGMA journal_mode"))
	return files, writer, reader
}

func TestFaultyVFS_WAL(t *testing.T) {
	_, writer, reader := newLogged(t)
	reader.Exec("BEGIN")
	require.Equal(t, int64(1), reader.Int("SELECT count(*) FROM t"))
	require.NoError(t, writer.Exec("INSERT INTO t VALUES (2)"))
	require.Equal(t, int64(1), reader.Int("SELECT count(*) FROM t"), "a snapshot")
	reader.Exec("COMMIT")
	require.Equal(t, int64(2), reader.Int("SELECT count(*) FROM t"))
	require.Equal(t, "ok", reader.Text("PRAGMA integrity_check"))
}

func TestFaultyVFS_Counts(t *testing.T) {
	files, writer, _ := newLogged(t)
	log, main := files.Counts(fftest.WALFile), files.Counts(fftest.MainFile)

	require.NoError(t, writer.Exec("INSERT INTO t VALUES (2)"))
	got := files.Counts(fftest.WALFile)
	require.Equal(t, log.Syncs+1, got.Syncs)
	require.Greater(t, got.Writes, log.Writes)
	require.GreaterOrEqual(t, got.Bytes, log.Bytes+4096, "a page")
	require.Equal(t, main, files.Counts(fftest.MainFile), "a commit in WAL mode leaves the database alone")

	_, _, err := writer.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	require.NoError(t, err)
	got = files.Counts(fftest.MainFile)
	require.Greater(t, got.Syncs, main.Syncs)
	require.Greater(t, got.Bytes, main.Bytes)
}

func TestFaultyVFS_FailedCommit(t *testing.T) {
	tests := []struct {
		name  string
		fault fftest.Fault
		want  error
	}{
		{"disk full", fftest.DiskFull(fftest.WALFile), sqlite3.FULL},
		{"disk full for every file", fftest.DiskFull(), sqlite3.FULL},
		{"write", fftest.IOError(), sqlite3.IOERR_WRITE},
		{"sync", func(o fftest.Operation) error {
			if o.Kind == fftest.OpSync && o.File == fftest.WALFile {
				return sqlite3.IOERR_FSYNC
			}
			return nil
		}, sqlite3.IOERR_FSYNC},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files, writer, reader := newLogged(t)
			require.NoError(t, writer.Exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (2)"))
			files.Inject(test.fault)
			require.ErrorIs(t, writer.Exec("COMMIT"), test.want)
			if !writer.GetAutocommit() {
				require.NoError(t, writer.Exec("ROLLBACK"))
			}

			files.Inject(nil)
			require.Equal(t, int64(1), reader.Int("SELECT count(*) FROM t"))
			require.NoError(t, writer.Exec("BEGIN IMMEDIATE; INSERT INTO t VALUES (3); COMMIT"))
			require.Equal(t, [][]string{{"1"}, {"3"}}, reader.Rows("SELECT x FROM t ORDER BY x"))
			require.Equal(t, "ok", reader.Text("PRAGMA integrity_check"))
		})
	}
}

func TestFaultyVFS_OtherFilesGoOn(t *testing.T) {
	files, writer, reader := newLogged(t)
	files.Inject(fftest.IOError(fftest.MainFile))
	require.NoError(t, writer.Exec("INSERT INTO t VALUES (2)"))
	_, _, err := writer.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	require.ErrorIs(t, err, sqlite3.IOERR)
	require.Equal(t, int64(2), reader.Int("SELECT count(*) FROM t"))
	files.Inject(nil)
}

func TestFaultyVFS_Read(t *testing.T) {
	files, _, _ := newLogged(t)
	var seen []fftest.Operation
	files.Inject(func(o fftest.Operation) error {
		if o.Kind == fftest.OpRead && o.File == fftest.MainFile {
			seen = append(seen, o)
			return sqlite3.IOERR_READ
		}
		return nil
	})
	_, err := sqlite3.Open("file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "other.db")) + "?vfs=" + files.Name())
	require.ErrorIs(t, err, sqlite3.IOERR_READ)
	require.NotEmpty(t, seen)
	require.Equal(t, int64(0), seen[0].Offset, "the header")
	require.Positive(t, seen[0].Length)
	files.Inject(nil)
}

func TestFaultyVFS_SwitchedWhileInUse(t *testing.T) {
	files, writer, reader := newLogged(t)
	var switching sync.WaitGroup
	switching.Go(func() {
		for range 200 {
			files.Inject(fftest.DiskFull())
			files.Inject(nil)
		}
	})
	stored := int64(1)
	for range 50 {
		err := writer.Exec("INSERT INTO t VALUES (2)")
		if err == nil {
			stored++
		} else {
			require.ErrorIs(t, err, sqlite3.FULL)
		}
	}
	switching.Wait()
	require.Equal(t, stored, reader.Int("SELECT count(*) FROM t"))
}

func TestFaultyVFS_ShortReads(t *testing.T) {
	files, writer, _ := newLogged(t)
	files.Inject(fftest.ShortReads(fftest.WALFile))
	require.NoError(t, writer.Exec("INSERT INTO t VALUES (2)"))
	_, _, err := writer.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	require.ErrorIs(t, err, sqlite3.IOERR_SHORT_READ)
	files.Inject(nil)
	_, _, err = writer.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	require.NoError(t, err)
}
