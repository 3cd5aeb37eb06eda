// Package ffsqlite is a durable execution engine that a program embeds: executions and flows of them in one SQLite file,
// claimed by workers under leases, followed by subscribers from durable outboxes. One process, nothing to install.
//
//	import "github.com/flowfabric/ffsqlite"
//
// # Tour
//
// [Open] starts the engine on a database, which it creates when it is not there. [Backend.CreateExecution] registers a
// piece of work in a lane. A worker takes it with [Backend.ClaimWait], which waits for work without polling, keeps it with
// [Backend.Renew] while it runs, and ends it with [Backend.Complete] or [Backend.Fail]; a failure is tried again as the
// execution's retry policy says. [Backend.Delay] and [Backend.WaitChildren] park it. A worker that dies loses its lease,
// and the next claim takes its execution over; see docs/executions.md.
//
// [Backend.SubmitFlow] makes a DAG at once; [Backend.CreateFlow], [Backend.AddExecutionToFlow],
// [Backend.StageDependencyEdge] and [Backend.ApplyDependencyToChild] make it step by step: an execution waits until those
// that it depends on have succeeded, and is skipped when they cannot; see docs/flows.md. [Backend.Batch] makes any calls
// one. [Backend.SubscribeCompletion] follows every end, in the order in which it was committed, from a cursor that
// outlives the process.
//
// # What a returned call means
//
// Every mutation goes through one writer, in one order, and is on disk before its caller hears of it. Calls of one caller
// commit in the order in which it makes them; a read that follows an answered mutation sees it. See
// docs/write-ordering.md.
//
// All methods are safe for concurrent use. Errors are [*messages.Error]; match them with errors.Is and the sentinels of
// package messages. Arguments and results live there, too.
package ffsqlite
