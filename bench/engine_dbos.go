package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	_ "github.com/dbos-inc/dbos-transact-golang/dbos/driver/sqlite"
)

const dbosQueue = "bench"

// dbosEngine enqueues workflows of one step on a durable queue of DBOS and runs the queue's worker.
type dbosEngine struct {
	settings Settings
	db       *sql.DB
	seen     *observer
	client   dbos.Client
	root     dbos.Context
}

// Setup opens the same handle as DBOS's own OpenSQLitePool (immediate transactions, foreign keys, 8 open and 4 idle
// connections), with the synchronous level under test: its URL form forces NORMAL on the first pooled connection.
func (e *dbosEngine) Setup(ctx context.Context, s Settings) error {
	e.settings = s
	var err error
	e.db, err = openSQL(sqlOptions{
		driver: modernc, path: s.Path, synchronous: s.Synchronous,
		maxOpen: 8, maxIdle: 4, immediate: true, foreignKeys: true,
	})
	if err != nil {
		return err
	}
	e.root, err = dbos.NewContext(ctx, dbos.Config{
		AppName: "bench", SQLiteSystemDB: e.db, Logger: quiet, ApplicationVersion: "v1", ExecutorID: "local",
	})
	if err != nil {
		return err
	}
	dbos.RegisterWorkflow(e.root, e.workflow, dbos.WithWorkflowName("workflow"))
	_, err = dbos.RegisterQueue(e.root, dbosQueue,
		dbos.WithWorkerConcurrency(s.Workers),
		dbos.WithQueueBasePollingInterval(pollInterval),
		dbos.WithQueueOnConflict(dbos.QueueConflictAlwaysUpdate))
	if err != nil {
		return err
	}
	e.client, err = dbos.NewClient(ctx, dbos.ClientConfig{SQLiteSystemDB: e.db, Logger: quiet, AppName: "bench"})
	if err != nil {
		return err
	}
	e.seen, err = newObserver(modernc, s.Path)
	return err
}

func (e *dbosEngine) workflow(ctx dbos.Context, job int64) (int64, error) {
	return dbos.RunAsStep(ctx, func(context.Context) (int64, error) {
		e.settings.Handle(job)
		return job, nil
	}, dbos.WithStepName("step"))
}

// Enqueue puts one workflow on the queue.
func (e *dbosEngine) Enqueue(_ context.Context, job int64) (any, error) {
	return dbos.Enqueue[int64](e.client, dbosQueue, "workflow", job)
}

// Work starts the queue's worker.
func (e *dbosEngine) Work(context.Context) error { return dbos.Launch(e.root) }

// Done counts workflows that succeeded.
func (e *dbosEngine) Done(ctx context.Context, _ int64) (int64, error) {
	return e.seen.count(ctx, "SELECT count(*) FROM workflow_status WHERE status = 'SUCCESS'")
}

// Finished looks at one workflow.
func (e *dbosEngine) Finished(ctx context.Context, ref any) (bool, error) {
	n, err := e.seen.count(ctx, "SELECT count(*) FROM workflow_status WHERE workflow_uuid = ? AND status = 'SUCCESS'",
		ref.(dbos.WorkflowHandle[int64]).GetWorkflowID())
	return n == 1, err
}

// Describe asks the engine's handle.
func (e *dbosEngine) Describe(ctx context.Context) (Info, error) {
	info, err := describeSQL(ctx, e.db, modernc)
	info.Settings = fmt.Sprintf("Client.Enqueue, WorkerConcurrency=%d BasePollingInterval=%s",
		e.settings.Workers, pollInterval)
	return info, err
}

// Close shuts client and worker down.
func (e *dbosEngine) Close() error {
	if e.client != nil {
		dbos.Shutdown(e.client, 2*time.Second)
		e.client = nil
	}
	if e.root != nil {
		dbos.Shutdown(e.root, 3*time.Second)
		e.root = nil
	}
	return closeSQL(e.db, e.seen)
}
