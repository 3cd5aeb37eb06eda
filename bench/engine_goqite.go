package main

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"go/build"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"maragu.dev/goqite"
	"maragu.dev/goqite/jobs"
)

// goqiteEngine runs goqite with its jobs.Runner, or bare: its queue alone, with one loop of Receive and Delete for each
// worker.
type goqiteEngine struct {
	bare     bool
	settings Settings
	db       *sql.DB
	seen     *observer
	queue    *goqite.Queue
	stop     context.CancelFunc
	workers  sync.WaitGroup
}

// Setup opens the handle as goqite's README does: mattn, WAL, foreign keys, one connection.
func (e *goqiteEngine) Setup(ctx context.Context, s Settings) error {
	e.settings = s
	var err error
	e.db, err = openSQL(sqlOptions{
		driver: mattn, path: s.Path, synchronous: s.Synchronous, maxOpen: 1, maxIdle: 1, foreignKeys: true,
	})
	if err != nil {
		return err
	}
	schema, err := goqiteSchema()
	if err != nil {
		return err
	}
	if _, err := e.db.ExecContext(ctx, schema); err != nil {
		return err
	}
	e.queue = goqite.New(goqite.NewOpts{DB: e.db, Name: "jobs"})
	e.seen, err = newObserver(mattn, s.Path)
	return err
}

// goqiteSchema reads the file that goqite's documentation tells users to run, and that the module does not export,
// from the module cache.
func goqiteSchema() (string, error) {
	const module = "maragu.dev/goqite"
	cache := os.Getenv("GOMODCACHE")
	if cache == "" {
		cache = filepath.Join(build.Default.GOPATH, "pkg", "mod")
	}
	text, err := os.ReadFile(filepath.Join(cache, module+"@"+moduleVersion(module), "schema_sqlite.sql"))
	return string(text), err
}

// Enqueue sends one message.
func (e *goqiteEngine) Enqueue(ctx context.Context, job int64) (any, error) {
	message := goqite.Message{Body: binary.LittleEndian.AppendUint64(nil, uint64(job))}
	if e.bare {
		id, err := e.queue.SendAndGetID(ctx, message)
		return string(id), err
	}
	id, err := jobs.Create(ctx, e.queue, "bench", message)
	return string(id), err
}

// Work starts the runner, or the bare loops.
func (e *goqiteEngine) Work(ctx context.Context) error {
	ctx, e.stop = context.WithCancel(ctx)
	if e.bare {
		for range e.settings.Workers {
			e.workers.Go(func() { e.receive(ctx) })
		}
		return nil
	}
	runner := jobs.NewRunner(jobs.NewRunnerOpts{
		Limit: e.settings.Workers, PollInterval: pollInterval, Queue: e.queue, Log: goqiteLog{e.settings.Failed},
	})
	runner.Register("bench", func(_ context.Context, body []byte) error {
		e.settings.Handle(int64(binary.LittleEndian.Uint64(body)))
		return nil
	})
	e.workers.Go(func() { runner.Start(ctx) })
	return nil
}

func (e *goqiteEngine) receive(ctx context.Context) {
	for {
		message, err := e.queue.ReceiveAndWait(ctx, pollInterval)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			e.settings.Failed(err)
			continue
		}
		e.settings.Handle(int64(binary.LittleEndian.Uint64(message.Body)))
		if err := e.queue.Delete(context.WithoutCancel(ctx), message.ID); err != nil {
			e.settings.Failed(err)
		}
	}
}

// goqiteLog takes the runner's lines; it logs its errors at this level, too.
type goqiteLog struct{ failed func(error) }

// Info counts the lines about errors.
func (l goqiteLog) Info(message string, args ...any) {
	if strings.HasPrefix(message, "Error") {
		l.failed(errors.New(fmt.Sprint(append([]any{message}, args...)...)))
	}
}

// Done counts what is no longer in the queue: goqite deletes what is finished.
func (e *goqiteEngine) Done(ctx context.Context, enqueued int64) (int64, error) {
	n, err := e.seen.count(ctx, "SELECT count(*) FROM goqite")
	return enqueued - n, err
}

// Finished looks whether the message is gone.
func (e *goqiteEngine) Finished(ctx context.Context, ref any) (bool, error) {
	n, err := e.seen.count(ctx, "SELECT count(*) FROM goqite WHERE id = ?", ref)
	return n == 0, err
}

// Describe asks the engine's handle.
func (e *goqiteEngine) Describe(ctx context.Context) (Info, error) {
	info, err := describeSQL(ctx, e.db, mattn)
	info.Settings = fmt.Sprintf("jobs.Runner Limit=%d PollInterval=%s", e.settings.Workers, pollInterval)
	if e.bare {
		info.Settings = fmt.Sprintf("SendAndGetID, ReceiveAndWait(%s), Delete", pollInterval)
	}
	return info, err
}

// Close ends the loops and closes the handle.
func (e *goqiteEngine) Close() error {
	if e.stop != nil {
		e.stop()
		e.workers.Wait()
	}
	return closeSQL(e.db, e.seen)
}
