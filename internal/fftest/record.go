package fftest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/stretchr/testify/require"
)

// RecordingVFS is the file system of the operating system, and a record of everything that changed its files: each
// write, truncation, sync and deletion, in order, with marks that the test sets in between. [RecordingVFS.Image] makes
// of it what a disk may hold after the power has gone at any step.
//
// It must see the database from its creation, or from its first opening: what is in a file then counts as synced. Shared
// memory and locks are forwarded and not recorded. It may be used by any goroutine.
type RecordingVFS struct {
	vfs.VFSFilename

	name string

	mu    sync.Mutex
	steps []step
	files map[string]fileID // the files that exist, by path
	next  fileID
}

// fileID tells files apart, also two that had one name in succession.
type fileID int

// step is one change, or a mark.
type step struct {
	kind   stepKind
	file   fileID
	name   string // of stepLink and stepUnlink: without the directory
	offset int64  // of stepWrite; the size of stepTruncate
	data   []byte // of stepWrite
	mark   any
}

type stepKind int

const (
	stepWrite stepKind = iota
	stepTruncate
	stepSync
	stepLink    // the file got its name
	stepUnlink  // and lost it
	stepSyncDir // what was linked and unlinked is on the disk
	stepMark
)

// NewRecordingVFS registers a file system for the length of the test. It must be made before the connections that use
// it, so that it outlives them.
func NewRecordingVFS(t testing.TB) *RecordingVFS {
	t.Helper()
	files, ok := vfs.Find("").(vfs.VFSFilename)
	require.True(t, ok, "the file system of the operating system cannot be wrapped")
	v := &RecordingVFS{
		VFSFilename: files,
		name:        fmt.Sprintf("fftest-recording-%d", names.Add(1)),
		files:       map[string]fileID{},
	}
	vfs.Register(v.name, v)
	t.Cleanup(func() { vfs.Unregister(v.name) })
	return v
}

// Name is what a data source says after vfs=.
func (v *RecordingVFS) Name() string { return v.name }

// Mark notes that something has happened by now, such as an acknowledgement.
func (v *RecordingVFS) Mark(mark any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.steps = append(v.steps, step{kind: stepMark, mark: mark})
}

// Len is the number of steps by now.
func (v *RecordingVFS) Len() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.steps)
}

// Changes are the numbers of the steps that are a write, a truncation, a sync, or the end or beginning of a file: the
// moments at which a loss of power makes a difference.
func (v *RecordingVFS) Changes() (steps []int) {
	for i, s := range v.before(v.Len()) {
		if s.kind != stepMark {
			steps = append(steps, i)
		}
	}
	return steps
}

// Marks are the marks that were set before the step.
func (v *RecordingVFS) Marks(before int) (marks []any) {
	for _, s := range v.before(before) {
		if s.kind == stepMark {
			marks = append(marks, s.mark)
		}
	}
	return marks
}

// before is the beginning of the record. Steps are never changed, so it may be read without the lock.
func (v *RecordingVFS) before(n int) []step {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.steps[:n:n]
}

// change makes a change and, unless it fails, records it at the same place in the order of all changes.
func (v *RecordingVFS) change(change func() error, steps ...step) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := change(); err != nil {
		return err
	}
	v.steps = append(v.steps, steps...)
	return nil
}

// OpenFilename opens the file of the operating system and records what happens to it; temporary files, which have no
// name, are left alone.
func (v *RecordingVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if name == nil {
		return v.VFSFilename.OpenFilename(name, flags)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	file, opened, err := v.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, opened, err
	}
	whole, ok := file.(recordedOSFile)
	if !ok {
		return nil, opened, fmt.Errorf("vfs: %T lacks what a recorded file must forward", file)
	}
	const journals = vfs.OPEN_MAIN_JOURNAL | vfs.OPEN_SUPER_JOURNAL | vfs.OPEN_WAL
	syncsDir := flags&vfs.OPEN_CREATE != 0 && flags&journals != 0
	id, err := v.opened(name.String())
	return &recordedFile{recordedOSFile: whole, vfs: v, id: id, syncsDir: syncsDir}, opened, err
}

// opened returns the file of that path; one that is not known has just been created, or was there before the record.
func (v *RecordingVFS) opened(path string) (fileID, error) {
	if id, known := v.files[path]; known {
		return id, nil
	}
	content, err := os.ReadFile(path) //nolint:gosec // The path that SQLite has opened.
	if err != nil {
		return 0, err
	}
	v.next++
	v.files[path] = v.next
	v.steps = append(v.steps, step{kind: stepLink, file: v.next, name: filepath.Base(path)})
	if len(content) > 0 {
		v.steps = append(v.steps, step{kind: stepWrite, file: v.next, data: content},
			step{kind: stepSync, file: v.next}, step{kind: stepSyncDir})
	}
	return v.next, nil
}

// Delete deletes the file and records it.
func (v *RecordingVFS) Delete(path string, syncDir bool) error {
	steps := []step{{kind: stepUnlink, name: filepath.Base(path)}}
	if syncDir {
		steps = append(steps, step{kind: stepSyncDir})
	}
	return v.change(func() error {
		err := v.VFSFilename.Delete(path, syncDir)
		if err == nil {
			delete(v.files, path)
		}
		return err
	}, steps...)
}

// recordedOSFile is what the file of the operating system can do and a WAL database needs, less size hints, which would
// change the size of a file without a record.
type recordedOSFile interface {
	vfs.FileLockState
	vfs.FileHasMoved
	vfs.FilePersistWAL
	vfs.FilePowersafeOverwrite
	vfs.FileSharedMemory
}

// recordedFile forwards and records.
type recordedFile struct {
	recordedOSFile

	vfs      *RecordingVFS
	id       fileID
	syncsDir bool // the first sync of a journal is one of its directory, too
}

// WriteAt forwards and records.
func (f *recordedFile) WriteAt(p []byte, offset int64) (n int, err error) {
	err = f.vfs.change(func() error {
		n, err = f.recordedOSFile.WriteAt(p, offset)
		return err
	}, step{kind: stepWrite, file: f.id, offset: offset, data: slices.Clone(p)})
	return n, err
}

// Truncate forwards and records.
func (f *recordedFile) Truncate(size int64) error {
	return f.vfs.change(func() error { return f.recordedOSFile.Truncate(size) },
		step{kind: stepTruncate, file: f.id, offset: size})
}

// Sync forwards and records.
func (f *recordedFile) Sync(flags vfs.SyncFlag) error {
	steps := []step{{kind: stepSync, file: f.id}}
	if f.syncsDir {
		steps = append(steps, step{kind: stepSyncDir})
	}
	err := f.vfs.change(func() error { return f.recordedOSFile.Sync(flags) }, steps...)
	f.syncsDir = f.syncsDir && err != nil
	return err
}

// DeviceCharacteristics hides atomic batches, which some file systems of Linux offer: they are not recorded.
func (f *recordedFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return f.recordedOSFile.DeviceCharacteristics() &^ vfs.IOCAP_BATCH_ATOMIC
}
