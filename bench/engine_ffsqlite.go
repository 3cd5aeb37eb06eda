package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// What all executions of the bench have in common.
const (
	benchLane      = messages.LaneID("default")
	benchNamespace = messages.Namespace("default")
	benchKind      = "op"
	leaseTTL       = 30 * time.Second

	// payloadBase makes every payload eight digits: the number of the job is what exceeds it. Seeded executions write
	// theirs in SQL.
	payloadBase = 10_000_000
)

// ffsqliteEngine drives the engine of this repository through its facade: one call of CreateExecution a job, and a loop
// of ClaimWait and Complete for each worker.
type ffsqliteEngine struct {
	tenants  int64 // Jobs carry the tag of one of them; 0 for no tags.
	settings Settings
	backend  *ffsqlite.Backend
	seen     *ffsqliteObserver
	stop     context.CancelFunc
	workers  sync.WaitGroup
}

// Setup opens the backend with its defaults, the synchronous level under test and the file system that counts.
func (e *ffsqliteEngine) Setup(ctx context.Context, s Settings) error {
	e.settings = s
	closedWriters.forget()
	level := ffsqlite.Full
	if s.Synchronous == "NORMAL" {
		level = ffsqlite.Normal
	}
	var err error
	e.backend, err = ffsqlite.Open(ctx, s.Path,
		ffsqlite.WithoutDevModeGuard(), ffsqlite.WithSynchronous(level), ffsqlite.WithVFS(countingVFS))
	if err != nil {
		return err
	}
	e.seen, err = openFFSQLiteObserver(e.backend.DataSource())
	return err
}

// Enqueue creates one execution.
func (e *ffsqliteEngine) Enqueue(ctx context.Context, job int64) (any, error) {
	args := messages.CreateExecutionArgs{
		ExecutionID:   messages.NewSoloExecutionID(benchLane, messages.PartitionConfig{}),
		Namespace:     benchNamespace,
		LaneID:        benchLane,
		ExecutionKind: benchKind,
		InputPayload:  strconv.AppendInt(nil, payloadBase+job, 10),
	}
	if e.tenants > 0 {
		args.Tags = map[string]string{messages.InstanceTagKey: tenant(job % e.tenants)}
	}
	_, err := e.backend.CreateExecution(context.WithoutCancel(ctx), args)
	return args.ExecutionID, err
}

func tenant(n int64) string { return "tenant-" + strconv.FormatInt(n, 10) }

// jobOf is the job whose execution has that payload.
func jobOf(payload []byte) (int64, error) {
	n, err := strconv.ParseInt(string(payload), 10, 64)
	return n - payloadBase, err
}

// Work starts the claim loops.
func (e *ffsqliteEngine) Work(ctx context.Context) error {
	ctx, e.stop = context.WithCancel(ctx)
	for n := range e.settings.Workers {
		args := messages.ClaimWaitArgs{ClaimNextArgs: e.claimNextArgs(n)}
		e.workers.Go(func() {
			for ctx.Err() == nil {
				if err := e.workOne(ctx, args); err != nil && ctx.Err() == nil {
					e.settings.Failed(err)
				}
			}
		})
	}
	return nil
}

func (e *ffsqliteEngine) claimNextArgs(worker int) messages.ClaimNextArgs {
	return messages.ClaimNextArgs{
		Lanes:            []messages.LaneID{benchLane},
		WorkerID:         "w",
		WorkerInstanceID: messages.WorkerInstanceID(fmt.Sprintf("w-%d", worker)),
		LeaseTTL:         leaseTTL,
	}
}

func (e *ffsqliteEngine) workOne(ctx context.Context, args messages.ClaimWaitArgs) error {
	result, err := e.backend.ClaimWait(ctx, args)
	if err != nil || result.Task == nil {
		return err
	}
	return e.finishTask(ctx, result.Task)
}

// finishTask runs the body of a claimed execution and completes it, also when ctx has ended meanwhile.
func (e *ffsqliteEngine) finishTask(ctx context.Context, task *messages.ClaimedTask) error {
	job, err := jobOf(task.InputPayload)
	if err != nil {
		return err
	}
	e.settings.Handle(job)
	return e.backend.Complete(context.WithoutCancel(ctx), task.Handle, nil)
}

// stopWork ends the claim loops and leaves the backend open.
func (e *ffsqliteEngine) stopWork() {
	if e.stop != nil {
		e.stop()
		e.workers.Wait()
	}
}

// Done counts the executions that have ended of those that were created since Setup.
func (e *ffsqliteEngine) Done(context.Context, int64) (int64, error) { return e.seen.ended() }

// Finished looks at one execution.
func (e *ffsqliteEngine) Finished(_ context.Context, ref any) (bool, error) {
	return e.seen.hasEnded(ref.(messages.ExecutionID).UUID())
}

// Describe closes the backend: its connection answers as it goes.
func (e *ffsqliteEngine) Describe(context.Context) (Info, error) {
	err := e.Close()
	info := closedWriters.info()
	info.Pool = "1 + readers"
	info.Settings = "CreateExecution, ClaimWait, Complete; default options"
	return info, err
}

// Close ends the claim loops and closes the backend.
func (e *ffsqliteEngine) Close() error {
	e.stopWork()
	err := e.seen.close()
	e.seen = nil
	if e.backend != nil {
		err = errors.Join(err, e.backend.Close())
		e.backend = nil
	}
	return err
}
