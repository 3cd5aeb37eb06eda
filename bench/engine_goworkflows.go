package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/cschleiden/go-workflows/backend"
	"github.com/cschleiden/go-workflows/backend/monoprocess"
	"github.com/cschleiden/go-workflows/backend/sqlite"
	"github.com/cschleiden/go-workflows/client"
	"github.com/cschleiden/go-workflows/registry"
	"github.com/cschleiden/go-workflows/worker"
	"github.com/cschleiden/go-workflows/workflow"
	"github.com/google/uuid"
)

// goWorkflows runs workflows of one activity on go-workflows, with the wrapper that wakes pollers in one process.
type goWorkflows struct {
	settings Settings
	db       *sql.DB
	seen     *observer
	backend  backend.Backend
	client   *client.Client
	worker   *worker.Worker
	stop     context.CancelFunc
	options  worker.Options
}

// Setup opens the same handle as NewSqliteBackend (immediate transactions, one connection), with the synchronous level
// under test: NewSqliteBackend leaves it at FULL.
func (e *goWorkflows) Setup(_ context.Context, s Settings) error {
	e.settings = s
	var err error
	e.db, err = openSQL(sqlOptions{
		driver: modernc, path: s.Path, synchronous: s.Synchronous, maxOpen: 1, immediate: true,
	})
	if err != nil {
		return err
	}
	e.backend = monoprocess.NewMonoprocessBackend(sqlite.NewSqliteBackendWithDB(e.db,
		sqlite.WithApplyMigrations(true), sqlite.WithBackendOptions(backend.WithLogger(quiet))))
	e.client = client.New(e.backend)
	e.seen, err = newObserver(modernc, s.Path)
	return err
}

// Enqueue creates one workflow instance.
func (e *goWorkflows) Enqueue(ctx context.Context, job int64) (any, error) {
	options := client.WorkflowInstanceOptions{InstanceID: uuid.NewString()}
	return e.client.CreateWorkflowInstance(ctx, options, "workflow", job)
}

// Work starts the worker with its default polling, which the wrapper makes rare.
func (e *goWorkflows) Work(ctx context.Context) error {
	ctx, e.stop = context.WithCancel(ctx)
	e.options = worker.DefaultOptions
	e.options.MaxParallelWorkflowTasks = e.settings.Workers
	e.options.MaxParallelActivityTasks = e.settings.Workers
	e.worker = worker.New(e.backend, &e.options)
	if err := e.worker.RegisterWorkflow(runActivity, registry.WithName("workflow")); err != nil {
		return err
	}
	activity := func(_ context.Context, job int64) (int64, error) {
		e.settings.Handle(job)
		return job, nil
	}
	if err := e.worker.RegisterActivity(activity, registry.WithName("activity")); err != nil {
		return err
	}
	return e.worker.Start(ctx)
}

func runActivity(ctx workflow.Context, job int64) (int64, error) {
	return workflow.ExecuteActivity[int64](ctx, workflow.DefaultActivityOptions, "activity", job).Get(ctx)
}

// Done counts completed instances.
func (e *goWorkflows) Done(ctx context.Context, _ int64) (int64, error) {
	return e.seen.count(ctx, "SELECT count(*) FROM instances WHERE completed_at IS NOT NULL")
}

// Finished looks at one instance.
func (e *goWorkflows) Finished(ctx context.Context, ref any) (bool, error) {
	instance := ref.(*workflow.Instance)
	n, err := e.seen.count(ctx,
		"SELECT count(*) FROM instances WHERE id = ? AND execution_id = ? AND completed_at IS NOT NULL",
		instance.InstanceID, instance.ExecutionID)
	return n == 1, err
}

// Describe asks the engine's handle.
func (e *goWorkflows) Describe(ctx context.Context) (Info, error) {
	info, err := describeSQL(ctx, e.db, modernc)
	info.Settings = fmt.Sprintf("monoprocess, pollers=%d+%d poll=%s parallel=%d",
		e.options.WorkflowPollers, e.options.ActivityPollers, e.options.WorkflowPollingInterval, e.settings.Workers)
	return info, err
}

// Close ends the worker, which may take its time, and closes the handle.
func (e *goWorkflows) Close() error {
	if e.stop != nil {
		e.stop()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			e.worker.WaitForCompletion()
		}()
		select {
		case <-ended:
		case <-time.After(3 * time.Second):
		}
	}
	return closeSQL(e.db, e.seen)
}
