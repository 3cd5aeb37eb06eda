package database

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3/vfs"
)

const (
	// frameHeader is the length of the header that SQLite writes before each page of the write-ahead log, and frameEnds
	// where it says that the frame ends its commit.
	frameHeader = 24
	frameEnds   = 4
	// logStep is how far the log grows at once. It bounds what one commit writes beside its own frames.
	logStep = 256 << 10
	// logPiece is what it grows by in one write. The system keeps what one write has brought together, up to a megabyte, and
	// may write all of it to the disk again when a commit changes a part.
	logPiece = 16 << 10
	// mostGathered bounds the frames that wait for the end of their commit.
	mostGathered = 1 << 20
)

// logVFS is the file system under the connection that writes: another one, except that the frames of a commit reach the
// write-ahead log together (see logFile).
type logVFS struct {
	vfs.VFS
	name string
}

var logVFSs atomic.Int64

// newLogVFS registers a file system over the one with the given name, which is registered. The caller unregisters it
// when its connection is closed.
func newLogVFS(under string) *logVFS {
	v := &logVFS{VFS: vfs.Find(under), name: fmt.Sprintf("ffsqlite-log-%d", logVFSs.Add(1))}
	vfs.Register(v.name, v)
	return v
}

func (v *logVFS) unregister() { vfs.Unregister(v.name) }

// OpenFilename implements [vfs.VFSFilename].
func (v *logVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, got, err := v.openUnder(name, flags)
	if err != nil || flags&vfs.OPEN_WAL == 0 {
		return file, got, err
	}
	size, err := file.Size()
	if err != nil {
		return nil, got, err
	}
	return &logFile{File: file, size: size}, got, nil
}

func (v *logVFS) openUnder(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if files, ok := v.VFS.(vfs.VFSFilename); ok {
		return files.OpenFilename(name, flags)
	}
	return v.Open(name.String(), flags)
}

// logFile is the write-ahead log as its one writer sees it. SQLite writes a commit as two small writes a page, the last
// of which completes it; here they are gathered and written at once. The log grows in steps of zeros, which SQLite reads
// as the end of the log: so the sync of a commit nearly always finds a file of the same size, whose blocks the file
// system need not enter into its own journal.
//
// That no frame may be written before its commit is what the connection must promise (PRAGMA cache_spill = OFF): one that
// is gathered and then rolled back would be written later, when the place may belong to another connection's commit.
type logFile struct {
	vfs.File
	frames []byte // gathered, not written
	at     int64  // where they belong
	ends   bool   // the last header said that its frame ends the commit
	size   int64  // of the file
}

// WriteAt gathers the frames of a commit and writes them with the last. It fails for all of them then.
func (f *logFile) WriteAt(b []byte, offset int64) (int, error) {
	if offset != f.at+int64(len(f.frames)) {
		if err := f.flush(); err != nil {
			return 0, err
		}
		f.at = offset
	}
	f.frames = append(f.frames, b...)
	if len(b) == frameHeader {
		f.ends = binary.BigEndian.Uint32(b[frameEnds:]) != 0
		return len(b), nil
	}
	if f.ends || len(f.frames) >= mostGathered {
		if err := f.flush(); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// flush writes what was gathered. When that fails, SQLite undoes the commit, and nothing of it is kept for later.
func (f *logFile) flush() error {
	if len(f.frames) == 0 {
		return nil
	}
	frames, at := f.frames, f.at
	f.at += int64(len(frames))
	f.frames = frames[:0]
	if f.at > f.size {
		f.size = max(f.size, at) // Another connection may have made the log longer; what it wrote stays.
		f.grow(f.at)
	}
	_, err := f.File.WriteAt(frames, at)
	if err == nil {
		f.size = max(f.size, f.at)
	}
	return err
}

var zeros [logPiece]byte

// grow extends the file by zeros up to the end of the step that the frames end in, apart from the frames and in pieces that
// begin where pages do: where the first write of a place covered it and more at odd offsets, more than twice as much reached
// the disk later. On a full disk there may still be room for the frames alone, so a failure is theirs to tell.
func (f *logFile) grow(end int64) {
	for end += logStep - end%logStep; f.size < end; f.size += logPiece - f.size%logPiece {
		if _, err := f.File.WriteAt(zeros[f.size%logPiece:], f.size); err != nil {
			return
		}
	}
}

// ReadAt reads what was gathered, too.
func (f *logFile) ReadAt(b []byte, offset int64) (int, error) {
	if err := f.flush(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, offset)
}

// Sync makes durable what was gathered, too.
func (f *logFile) Sync(flags vfs.SyncFlag) error {
	if err := f.flush(); err != nil {
		return err
	}
	return f.File.Sync(flags)
}

// Size counts what was gathered, too.
func (f *logFile) Size() (int64, error) {
	if err := f.flush(); err != nil {
		return 0, err
	}
	return f.File.Size()
}

// Truncate changes the size, after what was gathered.
func (f *logFile) Truncate(size int64) error {
	if err := f.flush(); err != nil {
		return err
	}
	err := f.File.Truncate(size)
	if err == nil {
		f.size = size
	}
	return err
}
