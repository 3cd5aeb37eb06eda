package main

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3/vfs"
)

// countingVFS is the name under which the engines on go-sqlite3 find a file system that counts.
const countingVFS = "bench-counting"

// storage counts what the engines on go-sqlite3 ask of the disk in this process.
var storage struct {
	syncs   atomic.Int64 // Calls of xSync, on the log and on the database.
	commits atomic.Int64 // Transactions that reached the write-ahead log.
}

func registerCountingVFS() error {
	files, ok := vfs.Find("os").(vfs.VFSFilename)
	if !ok {
		return fmt.Errorf("vfs %q cannot be wrapped", "os")
	}
	vfs.Register(countingVFS, countVFS{files})
	return nil
}

type countVFS struct{ vfs.VFSFilename }

// OpenFilename opens the file of the operating system and wraps it.
func (v countVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, flags, err := v.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	whole, ok := file.(osFile)
	if !ok {
		return nil, flags, fmt.Errorf("vfs: %T lacks what a counting file must forward", file)
	}
	return &countFile{osFile: whole, log: flags&vfs.OPEN_WAL != 0}, flags, nil
}

// osFile is everything that the file of the operating system can do, so that embedding it forwards all of it.
type osFile interface {
	vfs.FileLockState
	vfs.FileHasMoved
	vfs.FileSizeHint
	vfs.FilePersistWAL
	vfs.FilePowersafeOverwrite
	vfs.FileSharedMemory
	vfs.FileMemoryMapper
}

type countFile struct {
	osFile
	log   bool
	frame int64 // bytes of a frame of the log, as its header says; 0 before that
}

// Sync counts and forwards.
func (f *countFile) Sync(flags vfs.SyncFlag) error {
	storage.syncs.Add(1)
	return f.osFile.Sync(flags)
}

const (
	walHeaderBytes   = 32
	walPageSize      = 8 // Where the header of the log has the size of a page.
	frameHeaderBytes = 24
)

// WriteAt counts the headers of commits' last frames and forwards. Frame headers come by themselves or with their pages,
// a few frames at once; there are no padding frames on files that are safe against torn overwrites, as these.
func (f *countFile) WriteAt(p []byte, off int64) (int, error) {
	if f.log {
		if off == 0 && len(p) >= walHeaderBytes {
			f.frame = frameHeaderBytes + int64(binary.BigEndian.Uint32(p[walPageSize:]))
		}
		if f.frame > 0 {
			storage.commits.Add(commitsIn(p, off, f.frame))
		}
	}
	return f.osFile.WriteAt(p, off)
}

// commitsIn counts the frames in a piece of the log that end a commit: only there the size of the database is not zero.
func commitsIn(p []byte, off, frame int64) (n int64) {
	header := (off - walHeaderBytes) % frame // How far into its frame the piece begins.
	if off < walHeaderBytes {
		header = walHeaderBytes - off
	} else if header > 0 {
		header = frame - header
	}
	for ; header+frameHeaderBytes <= int64(len(p)); header += frame {
		if binary.BigEndian.Uint32(p[header+4:]) != 0 {
			n++
		}
	}
	return n
}
