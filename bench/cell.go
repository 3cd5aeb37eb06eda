package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// cellSpec is what the process of one cell is told, as JSON in a flag.
type cellSpec struct {
	Scenario    string
	Side        Side
	Synchronous string
	Callers     int // Producers, and workers.
	Jobs        int64
	Samples     int
	Cap         time.Duration
	Dir         string // Holds the seeded databases and takes the cell's own.
	Profile     string // File for a CPU profile; empty for none.
	Rep         int
}

// cell is one engine in one scenario, in a process of its own.
type cell struct {
	spec  cellSpec
	dir   string
	opens int

	runs     []atomic.Uint32 // How often each job's body ran.
	distinct atomic.Int64
	repeated atomic.Int64
	first    atomic.Int64 // When the first body ran, in Unix nanoseconds.
	watch    atomic.Pointer[func(job int64)]

	errors    atomic.Int64
	lastError atomic.Value
}

// warmUp is the number of jobs that each phase runs before it is measured.
const warmUp = 16

// prepareProcess makes the engines on go-sqlite3 observable.
var prepareProcess = sync.OnceValue(func() error {
	closedWriters.watch()
	return registerCountingVFS()
})

// runCell measures one cell.
func runCell(ctx context.Context, spec cellSpec) ([]Result, error) {
	if err := prepareProcess(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(spec.Dir, "cell-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	scenario, err := findScenario(spec.Scenario)
	if err != nil {
		return nil, err
	}
	c := &cell{spec: spec, dir: dir}
	return scenario.run(ctx, c)
}

// engine makes the engine of the cell's side.
func (c *cell) engine() (Engine, error) {
	kind, err := findEngine(c.spec.Side.Engine)
	if err != nil {
		return nil, err
	}
	return kind.open(), nil
}

// open sets e up on a fresh database, which may be a copy of a seeded one, for jobs 0 to jobs-1.
func (c *cell) open(ctx context.Context, e Engine, jobs int64, workers int, seed *Seed) error {
	c.opens++
	dir := filepath.Join(c.dir, strconv.Itoa(c.opens))
	if err := os.Mkdir(dir, 0o750); err != nil {
		return err
	}
	path := filepath.Join(dir, "bench.db")
	if seed != nil {
		if err := copySynced(seed.path(c.spec.Dir), path); err != nil {
			return err
		}
	}
	c.runs = make([]atomic.Uint32, jobs)
	c.distinct.Store(0)
	c.repeated.Store(0)
	c.first.Store(0)
	c.watch.Store(nil)
	err := e.Setup(ctx, Settings{
		Path: path, Synchronous: c.spec.Synchronous, Workers: workers, Handle: c.handle, Failed: c.failed,
	})
	if err != nil {
		e.Close()
		return fmt.Errorf("set up %s: %w", c.spec.Side.Engine, err)
	}
	return nil
}

// handle is the body of every job.
func (c *cell) handle(job int64) {
	if watch := c.watch.Load(); watch != nil {
		(*watch)(job)
		return
	}
	if job < 0 || job >= int64(len(c.runs)) {
		c.failed(fmt.Errorf("job %d was never enqueued", job))
		return
	}
	c.first.CompareAndSwap(0, time.Now().UnixNano())
	if c.runs[job].Add(1) == 1 {
		c.distinct.Add(1)
	} else {
		c.repeated.Add(1)
	}
}

func (c *cell) failed(err error) {
	c.errors.Add(1)
	c.lastError.Store(err.Error())
}

// produce enqueues the jobs from..to-1 from all callers, until the deadline. It returns how many calls succeeded.
func (c *cell) produce(ctx context.Context, e Engine, callers int, from, to int64, deadline time.Time) (int64, error) {
	var next, accepted atomic.Int64
	next.Store(from)
	var callersDone sync.WaitGroup
	for range callers {
		callersDone.Go(func() {
			for {
				job := next.Add(1) - 1
				if job >= to || time.Now().After(deadline) {
					return
				}
				if _, err := e.Enqueue(ctx, job); err != nil {
					c.failed(err)
					continue
				}
				accepted.Add(1)
			}
		})
	}
	callersDone.Wait()
	if accepted.Load() == 0 {
		return 0, fmt.Errorf("enqueue: nothing was accepted: %v", c.lastError.Load())
	}
	return accepted.Load(), nil
}

// waitDone waits until want of the enqueued jobs are committed as complete, or the deadline, and returns how many were
// at which time. It asks nothing while bodies are still to run.
func (c *cell) waitDone(ctx context.Context, e Engine, enqueued, want int64, deadline time.Time) (int64, time.Time, error) {
	for c.distinct.Load() < want && time.Now().Before(deadline) {
		time.Sleep(500 * time.Microsecond)
	}
	for {
		asked := time.Now()
		n, err := e.Done(ctx, enqueued)
		if err != nil || n >= want || asked.After(deadline) {
			return n, asked, err
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// warm runs the first jobs through a working engine.
func (c *cell) warm(ctx context.Context, e Engine, callers int) error {
	deadline := time.Now().Add(15 * time.Second)
	if _, err := c.produce(ctx, e, callers, 0, warmUp, deadline); err != nil {
		return err
	}
	n, _, err := c.waitDone(ctx, e, warmUp, warmUp, deadline)
	if err == nil && n < warmUp {
		err = fmt.Errorf("warm up: %d of %d done: %v", n, warmUp, c.lastError.Load())
	}
	return err
}

// result begins the result of a phase.
func (c *cell) result(phase string) Result {
	return Result{
		Scenario: c.spec.Scenario, Phase: phase, Side: c.spec.Side.Name, Engine: c.spec.Side.Engine,
		Synchronous: c.spec.Synchronous, Callers: c.spec.Callers, Rep: c.spec.Rep,
	}
}

// finish fills in how many of the jobs were done in which time, and what went wrong so far.
func (c *cell) finish(r *Result, jobs, done int64, took time.Duration) {
	r.Jobs, r.Done, r.Capped = jobs, done, done < jobs
	r.Seconds = took.Seconds()
	r.Rate = float64(done) / r.Seconds
	c.account(r)
}

func (c *cell) account(r *Result) {
	r.Duplicates, r.Errors = c.repeated.Load(), c.errors.Swap(0)
	if text, ok := c.lastError.Load().(string); ok && r.Errors > 0 {
		r.LastError = text
	}
}

// describe adds what the engine says about itself to its results.
func (c *cell) describe(ctx context.Context, e Engine, results []Result) ([]Result, error) {
	info, err := e.Describe(ctx)
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", c.spec.Side.Engine, err)
	}
	kind, err := findEngine(c.spec.Side.Engine)
	if err != nil {
		return nil, err
	}
	for i := range results {
		results[i].Info, results[i].Version = &info, kind.version()
	}
	return results, nil
}

// profile begins a CPU profile, if one is wanted, and returns its end.
func (c *cell) profile() (func(), error) {
	if c.spec.Profile == "" {
		return func() {}, nil
	}
	file, err := os.Create(c.spec.Profile)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		file.Close()
	}, nil
}
