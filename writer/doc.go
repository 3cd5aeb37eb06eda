// Package writer is the state machine of the engine: a single-threaded function from (rows, now, message) to
// (rows, reply, events) over one SQLite connection.
//
// [Writer.Begin] opens a batch, [Writer.Apply] runs one message in its own savepoint, [Writer.Commit] makes the batch
// durable and tells what it changed, [Writer.Rollback] undoes it. Nothing here starts a goroutine, takes a lock or asks
// the clock: the time comes with each message, identifiers and jitter come from a [Source]. So the same rows, times and
// messages give the same rows, and a test can stop the machine between any two instructions.
//
// The one invariant: no row contents outlive a transaction. Users' SQL may change any row between two batches, so every
// decision reads the rows that it acts on. What a Writer remembers is listed in 02 §5.5: prepared statements, the queue
// of undispatched completions, waiting claims, and a lower bound of the next deadline of each job.
//
// A file is one family of operations and is named for it. An operation is a method apply<Message>(now, args) that
// neither begins nor commits; the shared transitions are in execution.go (the row), fence.go (who may write), finish.go
// (every end), retry.go (every retry), outbox.go (every event) and group.go (edge groups).
package writer
