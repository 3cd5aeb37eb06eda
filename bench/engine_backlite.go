package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/mikestefanello/backlite"
)

// backliteEngine runs backlite's client without retention of finished tasks.
type backliteEngine struct {
	settings Settings
	db       *sql.DB
	seen     *observer
	client   *backlite.Client
	stop     context.CancelFunc
}

type backliteTask struct{ Job int64 }

// Config describes the task's queue.
func (backliteTask) Config() backlite.QueueConfig {
	return backlite.QueueConfig{Name: "bench", MaxAttempts: 3, Backoff: time.Second, Timeout: 10 * time.Second}
}

// Setup opens the handle as backlite's README does: mattn, WAL, an unbounded pool.
func (e *backliteEngine) Setup(_ context.Context, s Settings) error {
	e.settings = s
	var err error
	e.db, err = openSQL(sqlOptions{driver: mattn, path: s.Path, synchronous: s.Synchronous})
	if err != nil {
		return err
	}
	e.client, err = backlite.NewClient(backlite.ClientConfig{
		DB: e.db, NumWorkers: s.Workers, ReleaseAfter: 10 * time.Minute, CleanupInterval: time.Hour,
		Logger: backliteLog{s.Failed},
	})
	if err != nil {
		return err
	}
	if err := e.client.Install(); err != nil {
		return err
	}
	e.client.Register(backlite.NewQueue(func(_ context.Context, task backliteTask) error {
		s.Handle(task.Job)
		return nil
	}))
	e.seen, err = newObserver(mattn, s.Path)
	return err
}

type backliteLog struct{ failed func(error) }

// Info drops the line.
func (backliteLog) Info(string, ...any) {}

// Error counts the line.
func (l backliteLog) Error(message string, args ...any) {
	l.failed(errors.New(fmt.Sprint(append([]any{message}, args...)...)))
}

// Enqueue saves one task.
func (e *backliteEngine) Enqueue(ctx context.Context, job int64) (any, error) {
	ids, err := e.client.Add(backliteTask{Job: job}).Ctx(ctx).Save()
	if err != nil {
		return nil, err
	}
	return ids[0], nil
}

// Work starts the client's workers.
func (e *backliteEngine) Work(ctx context.Context) error {
	ctx, e.stop = context.WithCancel(ctx)
	e.client.Start(ctx)
	return nil
}

// Done counts what is no longer a task: backlite deletes what is finished.
func (e *backliteEngine) Done(ctx context.Context, enqueued int64) (int64, error) {
	n, err := e.seen.count(ctx, "SELECT count(*) FROM backlite_tasks")
	return enqueued - n, err
}

// Finished looks whether the task is gone.
func (e *backliteEngine) Finished(ctx context.Context, ref any) (bool, error) {
	n, err := e.seen.count(ctx, "SELECT count(*) FROM backlite_tasks WHERE id = ?", ref)
	return n == 0, err
}

// Describe asks the engine's handle.
func (e *backliteEngine) Describe(ctx context.Context) (Info, error) {
	info, err := describeSQL(ctx, e.db, mattn)
	info.Settings = fmt.Sprintf("NumWorkers=%d ReleaseAfter=10m, no retention", e.settings.Workers)
	return info, err
}

// Close stops the workers and closes the handle.
func (e *backliteEngine) Close() error {
	if e.stop != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		e.client.Stop(ctx)
		e.stop()
	}
	return closeSQL(e.db, e.seen)
}
