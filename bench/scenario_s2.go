package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// maxGap is the longest pause between samples: longer than the engines' timers, so that samples meet every phase
	// of a poll.
	maxGap = 58 * time.Millisecond
	minGap = 2 * time.Millisecond

	startTimeout = 5 * time.Second
	doneTimeout  = 10 * time.Second
)

// s2 measures one job at a time on an idle engine with one waiting worker.
func s2(ctx context.Context, c *cell) ([]Result, error) {
	c.spec.Callers = 1
	e, err := c.engine()
	if err != nil {
		return nil, err
	}
	if err := c.open(ctx, e, warmUp, 1, nil); err != nil {
		return nil, err
	}
	defer e.Close()
	if err := e.Work(ctx); err != nil {
		return nil, err
	}
	if err := c.warm(ctx, e, 1); err != nil {
		return nil, err
	}
	time.Sleep(300 * time.Millisecond) // Let what the warm-up left behind come to rest.
	r := c.result("latency")
	meter := startMeter()
	if err := c.sampleAll(ctx, e, &r); err != nil {
		return nil, err
	}
	r.Cost = meter.stop(r.Done, 3)
	c.account(&r)
	return c.describe(ctx, e, []Result{r})
}

func (c *cell) sampleAll(ctx context.Context, e Engine, r *Result) error {
	started := make(chan bodyRan, 64)
	watch := func(job int64) { started <- bodyRan{job, time.Now()} }
	c.watch.Store(&watch)
	begin := time.Now()
	for job := range int64(c.spec.Samples) {
		if time.Since(begin) > 8*c.spec.Cap {
			break
		}
		time.Sleep(minGap + rand.N(maxGap))
		if err := c.sample(ctx, e, job, started, r); err != nil {
			return err
		}
	}
	r.Jobs, r.Done = int64(c.spec.Samples), int64(len(r.Completed))
	r.Seconds, r.Capped = time.Since(begin).Seconds(), r.Done < r.Jobs
	return nil
}

type bodyRan struct {
	job int64
	at  time.Time
}

func (c *cell) sample(ctx context.Context, e Engine, job int64, started <-chan bodyRan, r *Result) error {
	begin := time.Now()
	ref, err := e.Enqueue(ctx, job)
	returned := time.Now()
	if err != nil {
		c.failed(err)
		return nil
	}
	at, err := awaitBody(started, job)
	if err != nil {
		return err
	}
	completed, err := awaitCompletion(ctx, e, ref)
	if err != nil {
		return fmt.Errorf("job %d: %w", job, err)
	}
	r.Call = append(r.Call, micros(returned.Sub(begin)))
	r.Start = append(r.Start, micros(at.Sub(returned)))
	r.Completed = append(r.Completed, micros(completed.Sub(begin)))
	return nil
}

func awaitBody(started <-chan bodyRan, job int64) (time.Time, error) {
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	for {
		select {
		case ran := <-started:
			if ran.job == job {
				return ran.at, nil
			}
		case <-timeout.C:
			return time.Time{}, fmt.Errorf("job %d: did not start in %s", job, startTimeout)
		}
	}
}

// awaitCompletion reads through the second connection until the completion is there.
func awaitCompletion(ctx context.Context, e Engine, ref any) (time.Time, error) {
	for deadline := time.Now().Add(doneTimeout); ; pause(20 * time.Microsecond) {
		finished, err := e.Finished(ctx, ref)
		now := time.Now()
		if err != nil || finished {
			return now, err
		}
		if now.After(deadline) {
			return now, fmt.Errorf("not complete in %s", doneTimeout)
		}
	}
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
