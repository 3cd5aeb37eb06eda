package database

import (
	"fmt"

	"github.com/gofrs/flock"

	"github.com/flowfabric/ffsqlite/messages"
)

// lockSuffix makes the name of the lock file. It lies beside the database, is never removed, and is none of SQLite's own
// files: tools that open the database directly do not see it.
const lockSuffix = "-ff.lock"

// Lock takes the exclusive lock on the database file at path, which keeps a second engine out until release. The
// operating system releases it when the process ends, however it ends.
//
// It returns a retryable [*messages.OpenError] when another holder has the lock or the lock file cannot be opened.
func Lock(path string) (release func() error, err error) {
	lock := flock.New(path + lockSuffix)
	locked, err := lock.TryLock()
	if err != nil {
		return nil, openError("lock database", err)
	}
	if !locked {
		return nil, &messages.OpenError{
			Kind:    messages.OpenTransport,
			Message: fmt.Sprintf("sqlite database %q is in use by another process", path),
		}
	}
	return lock.Close, nil
}
