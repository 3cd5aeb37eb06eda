package actors

import (
	"errors"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/writer"
)

// judge turns an error of the storage into a fault when nothing that follows could be trusted.
func (a *writerActor) judge(err error) {
	var stuck *writer.RollbackError
	if database.IsFatal(err) || errors.As(err, &stuck) || !a.strict && database.IsSyncFailure(err) {
		a.abandon(database.Classify(err))
	}
}

// abandon makes the engine faulted: every caller, now and later, gets the cause.
func (a *writerActor) abandon(cause error) {
	if a.fault == nil {
		a.fault = cause
		a.log.Error("the engine is faulted", "cause", cause)
	}
	if a.open {
		a.open = false
		if err := a.writer.Rollback(); err != nil {
			a.log.Error("rollback failed", "error", err)
		}
		a.fail(a.fault)
	}
	if r := a.current; r != nil {
		a.current = nil
		r.respond(nil, a.fault)
	}
	a.dismiss(func(*request) error { return a.fault })
	a.dismissTicks()
	for _, done := range a.idle {
		done <- a.fault
	}
	a.idle = nil
	a.onFault(a.fault)
}
