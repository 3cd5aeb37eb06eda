package database

import "github.com/ncruces/go-sqlite3/vfs"

// DataSource is what [Database.DataSource] returns for an open location.
func (l Location) DataSource(vfs string) string { return l.dataSource(vfs) }

// LogStep is how far the log grows at once.
const LogStep = logStep

// NewLogFile is the log over an empty file.
func NewLogFile(file vfs.File) vfs.File { return &logFile{File: file} }
