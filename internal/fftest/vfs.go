package fftest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/stretchr/testify/require"
)

// OpKind is what SQLite asks of a file.
type OpKind int

// The operations that can fail.
const (
	OpRead OpKind = iota
	OpWrite
	OpSync
	OpTruncate
)

// FileKind tells the files of a database apart.
type FileKind int

// The kinds of files.
const (
	MainFile  FileKind = iota
	WALFile            // the write-ahead log
	OtherFile          // rollback journals and temporary files

	fileKinds
)

// Operation is one call of SQLite to a file. Offset is the new size for OpTruncate; Length is 0 except for OpRead and
// OpWrite.
type Operation struct {
	Kind   OpKind
	File   FileKind
	Offset int64
	Length int
}

// Fault decides whether an operation fails: with the error it returns, before anything reaches the file. SQLite takes
// an [sqlite3.ErrorCode] or [sqlite3.ExtendedErrorCode] as it is, and any other error for an I/O error.
type Fault func(Operation) error

// errShortRead is the outcome of a read that gets no more than the first half of what was asked for, and then the end of
// the file.
var errShortRead = errors.New("fftest: short read")

// ShortReads is a fault that lets no read of these kinds of files, or of any at all if it is given none, get more than
// half of what was asked for.
func ShortReads(files ...FileKind) Fault {
	return only(files, func(o Operation) error {
		if o.Kind == OpRead {
			return errShortRead
		}
		return nil
	})
}

// Counts is what reached the files of one kind.
type Counts struct {
	Syncs  int64
	Writes int64
	Bytes  int64 // written, not the size
}

// FaultyVFS is the file system of the operating system, with counters and with faults on demand. It may be used by any
// goroutine.
type FaultyVFS struct {
	vfs.VFSFilename

	name   string
	fault  atomic.Pointer[Fault]
	counts [fileKinds]counters
}

type counters struct{ syncs, writes, bytes atomic.Int64 }

// names makes the names unique in the process, as SQLite's registry demands.
var names atomic.Int64

// NewFaultyVFS registers a file system for the length of the test. It must be made before the connections that use it,
// so that it outlives them.
func NewFaultyVFS(t testing.TB) *FaultyVFS {
	t.Helper()
	files, ok := vfs.Find("").(vfs.VFSFilename)
	require.True(t, ok, "the file system of the operating system cannot be wrapped")
	v := &FaultyVFS{VFSFilename: files, name: fmt.Sprintf("fftest-faulty-%d", names.Add(1))}
	vfs.Register(v.name, v)
	t.Cleanup(func() { vfs.Unregister(v.name) })
	return v
}

// Name is what a data source says after vfs=.
func (v *FaultyVFS) Name() string { return v.name }

// Inject makes fault decide about every operation from now on, in place of the one before. Nil lets all succeed.
func (v *FaultyVFS) Inject(fault Fault) {
	if fault == nil {
		v.fault.Store(nil)
		return
	}
	v.fault.Store(&fault)
}

// Counts returns what has reached the files of a kind since the file system was made. Operations that failed do not
// count.
func (v *FaultyVFS) Counts(file FileKind) Counts {
	c := &v.counts[file]
	return Counts{Syncs: c.syncs.Load(), Writes: c.writes.Load(), Bytes: c.bytes.Load()}
}

// OpenFilename opens the file of the operating system and wraps it.
func (v *FaultyVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	kind := OtherFile
	switch {
	case flags&vfs.OPEN_MAIN_DB != 0:
		kind = MainFile
	case flags&vfs.OPEN_WAL != 0:
		kind = WALFile
	}

	file, flags, err := v.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	whole, ok := file.(osFile)
	if !ok {
		return nil, flags, fmt.Errorf("vfs: %T lacks what a faulty file must forward", file)
	}
	return &faultyFile{osFile: whole, vfs: v, kind: kind}, flags, nil
}

func (v *FaultyVFS) check(o Operation) error {
	if fault := v.fault.Load(); fault != nil {
		return (*fault)(o)
	}
	return nil
}

// DiskFull is a fault that lets no write to these kinds of files succeed, or to none at all if it is given none.
func DiskFull(files ...FileKind) Fault {
	return only(files, func(o Operation) error {
		if o.Kind == OpWrite {
			return sqlite3.FULL
		}
		return nil
	})
}

// IOError is a fault that lets no write, sync or truncation of these kinds of files succeed, or of none at all if it is
// given none. Reads succeed.
func IOError(files ...FileKind) Fault {
	return only(files, func(o Operation) error {
		switch o.Kind {
		case OpWrite:
			return sqlite3.IOERR_WRITE
		case OpSync:
			return sqlite3.IOERR_FSYNC
		case OpTruncate:
			return sqlite3.IOERR_TRUNCATE
		case OpRead:
		}
		return nil
	})
}
