package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// quiet is the logger of the engines that would print.
var quiet = slog.New(slog.DiscardHandler)

// riverEngine runs River's client on its SQLite driver.
type riverEngine struct {
	settings Settings
	db       *sql.DB
	seen     *observer
	client   *river.Client[*sql.Tx]
	started  bool
}

type riverArgs struct {
	Job int64 `json:"job"`
}

// Kind names the job's type.
func (riverArgs) Kind() string { return "bench" }

type riverWorker struct {
	river.WorkerDefaults[riverArgs]

	handle func(job int64)
}

// Work is the body of a job.
func (w *riverWorker) Work(_ context.Context, job *river.Job[riverArgs]) error {
	w.handle(job.Args.Job)
	return nil
}

// Setup opens the handle as the driver's documentation asks, with one connection, and migrates.
func (e *riverEngine) Setup(ctx context.Context, s Settings) error {
	e.settings = s
	var err error
	e.db, err = openSQL(sqlOptions{driver: modernc, path: s.Path, synchronous: s.Synchronous, maxOpen: 1})
	if err != nil {
		return err
	}
	driver := riversqlite.New(e.db)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverWorker{handle: s.Handle})
	e.client, err = river.NewClient(driver, &river.Config{
		FetchCooldown:     pollInterval,
		FetchPollInterval: pollInterval,
		Logger:            quiet,
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: s.Workers}},
		Workers:           workers,
	})
	if err != nil {
		return err
	}
	e.seen, err = newObserver(modernc, s.Path)
	return err
}

// Enqueue inserts one job.
func (e *riverEngine) Enqueue(ctx context.Context, job int64) (any, error) {
	result, err := e.client.Insert(ctx, riverArgs{Job: job}, nil)
	if err != nil {
		return nil, err
	}
	return result.Job.ID, nil
}

// Work starts the client.
func (e *riverEngine) Work(ctx context.Context) error {
	e.started = true
	return e.client.Start(ctx)
}

// Done counts completed jobs.
func (e *riverEngine) Done(ctx context.Context, _ int64) (int64, error) {
	return e.seen.count(ctx, "SELECT count(*) FROM river_job WHERE state = 'completed'")
}

// Finished looks at one job.
func (e *riverEngine) Finished(ctx context.Context, ref any) (bool, error) {
	n, err := e.seen.count(ctx, "SELECT count(*) FROM river_job WHERE id = ? AND state = 'completed'", ref)
	return n == 1, err
}

// Describe asks the engine's handle.
func (e *riverEngine) Describe(ctx context.Context) (Info, error) {
	info, err := describeSQL(ctx, e.db, modernc)
	info.Settings = fmt.Sprintf("FetchCooldown=%s FetchPollInterval=%s MaxWorkers=%d",
		pollInterval, pollInterval, e.settings.Workers)
	return info, err
}

// Close stops the client and closes the handle.
func (e *riverEngine) Close() error {
	if e.started {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		e.client.StopAndCancel(ctx)
	}
	return closeSQL(e.db, e.seen)
}
