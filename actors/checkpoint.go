package actors

import "github.com/flowfabric/ffsqlite/database"

const (
	// checkpointPages is the length of the write-ahead log at which the writer checkpoints.
	checkpointPages = 4000
	// cascadeCheckpointPages is that length while a cascade goes on.
	cascadeCheckpointPages = 1000
)

// checkpoint keeps the log short. One that a reader held up, or a full disk, is tried again when the log has grown by as
// much again: until then everything is safe in the log.
func (a *writerActor) checkpoint() {
	at := a.checkpointAt
	if a.writer.HasHops() { // A cascade writes much, and the calls between its hops must not wait for all of it at once.
		at -= checkpointPages - cascadeCheckpointPages
	}
	if a.writer.LogPages() < at || a.fault != nil {
		return
	}
	a.logMoved(a.writer.Checkpoint())
	a.checkpointAt = a.writer.LogPages() + checkpointPages
}

// upkeep does what follows a tick of store_maintenance: no transaction may be open for it, and no caller waits for it but
// the one who asked for the tick.
func (a *writerActor) upkeep() {
	if a.writer.UpkeepDue() {
		a.logMoved(a.writer.ShortenLog())
	}
}

// logMoved is told how that went. After a failed sync it is in doubt what is on the disk.
func (a *writerActor) logMoved(err error) {
	switch {
	case err == nil || database.IsBusy(err):
	case database.IsFatal(err) || database.IsSyncFailure(err):
		a.abandon(err)
	default:
		a.log.Warn("the log could not be moved into the database", "error", err)
	}
}
