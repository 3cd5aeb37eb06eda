package database_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/internal/fftest"
)

const pageSize = 512

// page is a file in memory that notes the writes it gets and fails those it is told to.
type page struct {
	vfs.File
	content []byte
	writes  []int // their lengths
	fail    func(length int) error
	synced  int // bytes of content at the last sync
}

func (f *page) WriteAt(b []byte, offset int64) (int, error) {
	if f.fail != nil {
		if err := f.fail(len(b)); err != nil {
			return 0, err
		}
	}
	f.writes = append(f.writes, len(b))
	if more := int(offset) + len(b) - len(f.content); more > 0 {
		f.content = append(f.content, make([]byte, more)...)
	}
	return copy(f.content[offset:], b), nil
}

func (f *page) ReadAt(b []byte, offset int64) (int, error) {
	return bytes.NewReader(f.content).ReadAt(b, offset)
}

func (f *page) Sync(vfs.SyncFlag) error { f.synced = len(f.content); return nil }

func (f *page) Size() (int64, error) { return int64(len(f.content)), nil }

func (f *page) Truncate(size int64) error { f.content = f.content[:size]; return nil }

// frame writes a frame as SQLite does, in two writes; the last of a commit says so in its header.
func frame(file vfs.File, offset int64, fill byte, last bool) error {
	header := make([]byte, 24)
	header[0] = fill
	if last {
		binary.BigEndian.PutUint32(header[4:], 7)
	}
	if _, err := file.WriteAt(header, offset); err != nil {
		return err
	}
	_, err := file.WriteAt(bytes.Repeat([]byte{fill}, pageSize), offset+24)
	return err
}

const frameSize = 24 + pageSize

func TestLogFile_WritesACommitAtOnceAndGrowsInSteps(t *testing.T) {
	t.Parallel()
	file := &page{}
	log := database.NewLogFile(file)
	_, err := log.WriteAt(make([]byte, 32), 0) // The header of the log.
	require.NoError(t, err)
	require.NoError(t, frame(log, 32, 1, false))
	require.NoError(t, frame(log, 32+frameSize, 2, false))
	require.Empty(t, file.writes, "the commit is not whole")
	require.NoError(t, frame(log, 32+2*frameSize, 3, true))
	require.Equal(t, 32+3*frameSize, file.writes[len(file.writes)-1])
	require.Len(t, file.content, database.LogStep)
	file.writes = nil
	require.Equal(t, bytes.Repeat([]byte{3}, pageSize), file.content[32+2*frameSize+24:32+3*frameSize])
	require.Zero(t, bytes.Trim(file.content[32+3*frameSize:], "\x00"), "nothing but zeros behind")

	require.NoError(t, frame(log, 32+3*frameSize, 4, true))
	require.Equal(t, []int{frameSize}, file.writes, "the file has room")
	require.NoError(t, frame(log, 32, 5, true))
	require.Equal(t, []int{frameSize, frameSize}, file.writes, "a log that begins again")
	require.Len(t, file.content, database.LogStep)
}

func TestLogFile_GrowsBehindWhatAnotherConnectionWrote(t *testing.T) {
	t.Parallel()
	file := &page{}
	ours, theirs := database.NewLogFile(file), database.NewLogFile(file)
	_, err := theirs.WriteAt(make([]byte, 32), 0)
	require.NoError(t, err)
	require.NoError(t, frame(theirs, 32, 1, true))
	require.NoError(t, frame(ours, 32+frameSize, 2, true))
	require.Equal(t, bytes.Repeat([]byte{1}, pageSize), file.content[32+24:32+frameSize])
	require.Equal(t, bytes.Repeat([]byte{2}, pageSize), file.content[32+frameSize+24:32+2*frameSize])
}

func TestLogFile_WritesWhatItHasGatheredBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(vfs.File) error{
		"sync": func(f vfs.File) error { return f.Sync(0) },
		"size": func(f vfs.File) error { _, err := f.Size(); return err },
		"read": func(f vfs.File) error { _, err := f.ReadAt(make([]byte, pageSize), 24); return err },
		"another place": func(f vfs.File) error {
			_, err := f.WriteAt([]byte("x"), 9*frameSize)
			return errors.Join(err, f.Sync(0))
		},
	} {
		file := &page{}
		log := database.NewLogFile(file)
		require.NoError(t, frame(log, 0, 1, false), name)
		require.NoError(t, do(log), name)
		require.Equal(t, bytes.Repeat([]byte{1}, pageSize), file.content[24:frameSize], name)
	}

	file := &page{}
	log := database.NewLogFile(file)
	require.NoError(t, frame(log, 0, 1, false))
	require.NoError(t, log.Truncate(0))
	require.Empty(t, file.content)
	require.NoError(t, frame(log, 0, 1, true))
	require.Len(t, file.content, database.LogStep, "it grows again")
}

func TestLogFile_OnAFullDisk(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	file := &page{fail: func(length int) error {
		if length > frameSize {
			return full
		}
		return nil
	}}
	log := database.NewLogFile(file)
	require.NoError(t, frame(log, 0, 1, true), "there is room for the frame alone")
	require.Equal(t, []int{frameSize}, file.writes)

	file.fail = func(int) error { return full }
	require.NoError(t, frame(log, frameSize, 2, false))
	require.ErrorIs(t, frame(log, 2*frameSize, 3, true), full, "the commit fails as a whole")

	file.fail = nil
	require.NoError(t, frame(log, frameSize, 4, true), "what was undone is forgotten")
	require.Equal(t, byte(4), file.content[frameSize+24])
	require.Zero(t, bytes.Trim(file.content[2*frameSize:], "\x00"))
}

// TestDatabase_CommitIsOneWrite looks at what the log of a real database gets.
func TestDatabase_CommitIsOneWrite(t *testing.T) {
	t.Parallel()
	files := fftest.NewFaultyVFS(t)
	s := settings()
	s.VFS = files.Name()
	path := filepath.Join(t.TempDir(), "log.db")
	db := open(t, path, s)
	insert := func() {
		require.NoError(t, db.Writer().Exec(`
			BEGIN;
			WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO f1 SELECT i FROM n;
			COMMIT`))
	}
	insert()
	before := files.Counts(fftest.WALFile)
	insert()
	after := files.Counts(fftest.WALFile)
	require.EqualValues(t, 1, after.Writes-before.Writes, "a dozen pages")
	require.EqualValues(t, 1, after.Syncs-before.Syncs)

	// Another connection, which knows nothing of steps, reads the log with its end of zeros.
	other, err := sqlite3.Open(db.DataSource())
	require.NoError(t, err)
	require.Equal(t, "10000", query(t, other, `SELECT count(*) FROM f1`))
	require.NoError(t, other.Close())
}
