package fftest_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/internal/fftest"
)

// newRecorded is an empty directory for the database x.db, whose files are recorded.
func newRecorded(t testing.TB) (files *fftest.RecordingVFS, directory, source string) {
	t.Helper()
	files = fftest.NewRecordingVFS(t)
	directory = t.TempDir()
	return files, directory, "file:" + filepath.ToSlash(filepath.Join(directory, "x.db")) + "?vfs=" + files.Name()
}

// recordedInserts commits rows 1 to n, each marked with its number when it is committed, with a checkpoint in between,
// and closes the database.
func recordedInserts(t *testing.T, n int, journal string) *fftest.RecordingVFS {
	t.Helper()
	files, _, source := newRecorded(t)
	conn, err := sqlite3.Open(source)
	require.NoError(t, err)
	require.NoError(t, conn.Exec(`
		PRAGMA synchronous = EXTRA; -- FULL does not sync that a rollback journal is gone, which is the commit.
		PRAGMA journal_mode = `+journal))
	require.NoError(t, conn.Exec("CREATE TABLE t (x INTEGER, filler BLOB) STRICT"))
	for i := range n {
		files.Mark(-(i + 1))
		require.NoError(t, conn.Exec("INSERT INTO t SELECT 1 + count(*), randomblob(3000) FROM t"))
		files.Mark(i + 1)
		if i == n/2 {
			require.NoError(t, conn.Exec("PRAGMA wal_checkpoint(PASSIVE)"))
		}
	}
	require.NoError(t, conn.Close())
	return files
}

// reopened counts the rows of an image; -1 if the table is not there.
func reopened(t *testing.T, image map[string][]byte) int {
	t.Helper()
	directory := t.TempDir()
	fftest.WriteImage(t, image, directory)
	sql := fftest.OpenSQL(t, "file:"+filepath.ToSlash(filepath.Join(directory, "x.db")))
	fftest.Intact(t, sql)
	if sql.Int("SELECT count(*) FROM sqlite_schema") == 0 {
		return -1
	}
	rows := int(sql.Int("SELECT count(*) FROM t"))
	require.Equal(t, int64(rows), sql.Int("SELECT coalesce(max(x), 0) FROM t"))
	return rows
}

// lastMarks are the row that was last committed before the step, and the one that was last begun; -1 for the table.
func lastMarks(files *fftest.RecordingVFS, before int) (committed, begun int) {
	committed = -1
	for _, mark := range files.Marks(before) {
		if n, _ := mark.(int); n > 0 {
			committed = n
		} else {
			begun = -n
		}
	}
	return committed, begun
}

func TestRecordingVFS_Images(t *testing.T) {
	for _, journal := range []string{"wal", "delete"} {
		t.Run(journal, func(t *testing.T) {
			t.Parallel()
			files := recordedInserts(t, 6, journal)
			random := rand.New(rand.NewPCG(1, 2))
			partly := 0
			for _, at := range files.Changes() {
				for _, loss := range []fftest.Loss{fftest.Dropped, fftest.Kept, fftest.Torn, fftest.Reordered} {
					committed, begun := lastMarks(files, at)
					rows := reopened(t, files.Image(at, loss, random))
					require.GreaterOrEqual(t, rows, committed, "%s at %d", loss, at)
					require.LessOrEqual(t, rows, begun, "%s at %d", loss, at)
					if rows > committed {
						partly++
					}
				}
			}
			require.NotZero(t, partly, "no image has what was not acknowledged")
		})
	}
}

func TestRecordingVFS_RecordsWhatIsOnTheDisk(t *testing.T) {
	files, directory, source := newRecorded(t)
	conn := fftest.OpenSQL(t, source)
	conn.Exec("PRAGMA journal_mode = wal")
	conn.Exec("CREATE TABLE t (x INTEGER) STRICT; INSERT INTO t VALUES (1)")
	conn.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	conn.Exec("INSERT INTO t VALUES (2)")

	image := files.Image(files.Len(), fftest.Kept, rand.New(rand.NewPCG(1, 2)))
	require.Len(t, image, 2, "the database and its log, and no shared memory")
	for name, content := range image {
		stored, err := os.ReadFile(filepath.Join(directory, name))
		require.NoError(t, err)
		require.Equal(t, stored, content, name)
	}
}

func TestRecordingVFS_KeepsWhatWasThereBefore(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	before := recordedInserts(t, 3, "wal")
	files, directory, source := newRecorded(t)
	fftest.WriteImage(t, before.Image(before.Len(), fftest.Dropped, random), directory)
	conn := fftest.OpenSQL(t, source)
	require.Equal(t, 3, reopened(t, files.Image(files.Len(), fftest.Dropped, random)))
	conn.Exec("PRAGMA synchronous = FULL")
	conn.Exec("INSERT INTO t SELECT 1 + count(*), NULL FROM t")
	require.Equal(t, 4, reopened(t, files.Image(files.Len(), fftest.Dropped, random)))
}

func TestRecordingVFS_OneSeedGivesOneImage(t *testing.T) {
	files := recordedInserts(t, 3, "wal")
	for _, at := range files.Changes() {
		for _, loss := range []fftest.Loss{fftest.Torn, fftest.Reordered} {
			require.Equal(t, files.Image(at, loss, rand.New(rand.NewPCG(7, 7))),
				files.Image(at, loss, rand.New(rand.NewPCG(7, 7))))
		}
	}
}

func TestRecordingVFS_LosesWhatIsNotSynced(t *testing.T) {
	files, _, source := newRecorded(t)
	conn := fftest.OpenSQL(t, source)
	conn.Exec("PRAGMA journal_mode = wal; PRAGMA synchronous = NORMAL") // Commits are not synced.
	conn.Exec("CREATE TABLE t (x INTEGER, filler BLOB) STRICT")
	conn.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	for range 4 {
		conn.Exec("INSERT INTO t SELECT 1 + count(*), randomblob(3000) FROM t")
	}
	seen := map[int]bool{}
	random := rand.New(rand.NewPCG(1, 2))
	require.Equal(t, 0, reopened(t, files.Image(files.Len(), fftest.Dropped, random)))
	require.Equal(t, 4, reopened(t, files.Image(files.Len(), fftest.Kept, random)))
	for range 30 {
		seen[reopened(t, files.Image(files.Len(), fftest.Torn, random))] = true
	}
	require.Greater(t, len(seen), 2, "%v", seen)
}
