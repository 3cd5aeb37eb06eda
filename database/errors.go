package database

import (
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/messages"
)

// Classify returns err as callers of the engine see it: a [*messages.Error] within err as it is, anything else as the
// cause of a Transport error. It returns nil for nil.
func Classify(err error) *messages.Error {
	if err == nil {
		return nil
	}
	var e *messages.Error
	if errors.As(err, &e) {
		return e
	}
	return messages.TransportError(err)
}

// IsBusy reports whether another connection was in the way, so that a later try may succeed.
func IsBusy(err error) bool {
	code, ok := resultCode(err)
	if !ok {
		return false
	}
	primary := sqlite3.ErrorCode(code & 0xff)
	return primary == sqlite3.BUSY || primary == sqlite3.LOCKED
}

// IsFatal reports whether the file itself is damaged or no database, so that no later statement can be trusted.
func IsFatal(err error) bool {
	return errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.NOTADB)
}

// IsSyncFailure reports whether the system could not bring written data to the disk. What was written before may be lost
// although later syncs succeed, so the state on disk is unknown until the database is opened again.
func IsSyncFailure(err error) bool {
	return errors.Is(err, sqlite3.IOERR_FSYNC) || errors.Is(err, sqlite3.IOERR_DIR_FSYNC)
}

// classifyResult classifies what SQLite reports and leaves any other error, such as that of a context, as it is.
func classifyResult(err error) error {
	if _, ok := resultCode(err); ok {
		return Classify(err)
	}
	return err
}

// resultCode returns the extended result code of SQLite within err.
func resultCode(err error) (code sqlite3.ExtendedErrorCode, ok bool) {
	ok = errors.As(err, &code)
	return code, ok
}
