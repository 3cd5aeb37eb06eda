package fftest

import (
	"cmp"
	"errors"
	"io"
	"slices"

	"github.com/ncruces/go-sqlite3/vfs"
)

// only restricts a fault to some kinds of files, or to none of them in particular.
func only(files []FileKind, fault Fault) Fault {
	if len(files) == 0 {
		return fault
	}
	return func(o Operation) error {
		if slices.Contains(files, o.File) {
			return fault(o)
		}
		return nil
	}
}

// osFile is what the file of the operating system can do and a WAL database needs, so that embedding it forwards all of
// it. Memory mapping is left out, because reads of mapped pages would pass by the counters and faults.
type osFile interface {
	vfs.FileLockState
	vfs.FileHasMoved
	vfs.FileSizeHint
	vfs.FilePersistWAL
	vfs.FilePowersafeOverwrite
	vfs.FileSharedMemory
}

// faultyFile asks for a fault before, and counts after.
type faultyFile struct {
	osFile

	vfs  *FaultyVFS
	kind FileKind
}

// ReadAt fails on demand and forwards.
func (f *faultyFile) ReadAt(p []byte, offset int64) (int, error) {
	err := f.vfs.check(Operation{Kind: OpRead, File: f.kind, Offset: offset, Length: len(p)})
	switch {
	case err == nil:
		return f.osFile.ReadAt(p, offset)
	case errors.Is(err, errShortRead):
		n, err := f.osFile.ReadAt(p[:len(p)/2], offset)
		return n, cmp.Or(err, io.EOF)
	}
	return 0, err
}

// WriteAt fails on demand, forwards and counts.
func (f *faultyFile) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.vfs.check(Operation{Kind: OpWrite, File: f.kind, Offset: offset, Length: len(p)}); err != nil {
		return 0, err
	}
	n, err := f.osFile.WriteAt(p, offset)
	if err == nil {
		f.vfs.counts[f.kind].writes.Add(1)
		f.vfs.counts[f.kind].bytes.Add(int64(n))
	}
	return n, err
}

// Truncate fails on demand and forwards.
func (f *faultyFile) Truncate(size int64) error {
	if err := f.vfs.check(Operation{Kind: OpTruncate, File: f.kind, Offset: size}); err != nil {
		return err
	}
	return f.osFile.Truncate(size)
}

// Sync fails on demand, forwards and counts.
func (f *faultyFile) Sync(flags vfs.SyncFlag) error {
	if err := f.vfs.check(Operation{Kind: OpSync, File: f.kind}); err != nil {
		return err
	}
	err := f.osFile.Sync(flags)
	if err == nil {
		f.vfs.counts[f.kind].syncs.Add(1)
	}
	return err
}

// DeviceCharacteristics hides atomic batches, which some file systems of Linux offer: they are not forwarded.
func (f *faultyFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	return f.osFile.DeviceCharacteristics() &^ vfs.IOCAP_BATCH_ATOMIC
}
