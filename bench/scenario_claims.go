package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowfabric/ffsqlite/messages"
)

var errNothingClaimed = errors.New("nothing was claimed from a lane that holds work")

// backlog measures a drain that leaves most of the lane behind: claim and complete, from all callers.
func backlog(ctx context.Context, c *cell) ([]Result, error) {
	seed := c.spec.Side.Seeds[0]
	if seed.Claimable < c.spec.Jobs+warmUp {
		return nil, fmt.Errorf("backlog: %d executions are too few for %d jobs", seed.Claimable, c.spec.Jobs)
	}
	e := &ffsqliteEngine{}
	if err := c.open(ctx, e, seed.Claimable, c.spec.Callers, &seed); err != nil {
		return nil, err
	}
	defer e.Close()
	args := e.claimNextArgs(0)
	r, err := c.repeat(ctx, "drain", 2, func(ctx context.Context) error {
		result, err := e.backend.ClaimNext(ctx, args)
		if err != nil {
			return err
		}
		if result.Task == nil {
			return errNothingClaimed
		}
		return e.finishTask(ctx, result.Task)
	})
	if err != nil {
		return nil, err
	}
	return c.describe(ctx, e, []Result{r})
}

// ahead measures claims that have to pass by executions which the worker may not run: by the filter of ClaimNext, then
// by the capabilities of Claim.
func ahead(ctx context.Context, c *cell) ([]Result, error) {
	var results []Result
	for n, way := range []struct {
		phase string
		claim func(ctx context.Context, e *ffsqliteEngine) error
	}{
		{"claim_next", c.claimOwnKind},
		{"claim", c.claimCapable},
	} {
		e := &ffsqliteEngine{}
		if err := c.open(ctx, e, c.spec.Jobs+warmUp, c.spec.Callers, &c.spec.Side.Seeds[n]); err != nil {
			return nil, err
		}
		r, err := c.repeat(ctx, way.phase, 1, func(ctx context.Context) error { return way.claim(ctx, e) })
		if err != nil {
			return nil, errors.Join(err, e.Close())
		}
		described, err := c.describe(ctx, e, []Result{r})
		if err != nil {
			return nil, err
		}
		results = append(results, described...)
	}
	return results, nil
}

// claimOwnKind claims with a filter of kinds and checks whose execution it got.
func (c *cell) claimOwnKind(ctx context.Context, e *ffsqliteEngine) error {
	args := e.claimNextArgs(0)
	args.Kinds = []string{benchKind}
	result, err := e.backend.ClaimNext(ctx, args)
	if err != nil {
		return err
	}
	if result.Task == nil {
		return errNothingClaimed
	}
	job, err := jobOf(result.Task.InputPayload)
	if err == nil {
		c.handle(job)
	}
	return err
}

// claimCapable claims with a capability that none of the executions ahead asks for.
func (c *cell) claimCapable(ctx context.Context, e *ffsqliteEngine) error {
	reply, err := e.backend.Claim(ctx, messages.ClaimArgs{
		LaneID:       benchLane,
		Capabilities: messages.CapabilitySet{workerCapability},
		Policy:       messages.ClaimPolicy{WorkerID: "w", WorkerInstanceID: "w-0", LeaseTTL: leaseTTL},
	})
	if err != nil {
		return err
	}
	if reply == nil {
		return errNothingClaimed
	}
	return nil
}

// repeat runs once as often as the phase has jobs, from all callers, after a warm-up.
func (c *cell) repeat(ctx context.Context, phase string, operations int, once func(ctx context.Context) error) (Result, error) {
	r := c.result(phase)
	if n := c.all(ctx, warmUp, time.Now().Add(c.spec.Cap), once); n < warmUp {
		return r, fmt.Errorf("warm up: %d of %d done: %v", n, warmUp, c.lastError.Load())
	}
	stopProfile, err := c.profile()
	if err != nil {
		return r, err
	}
	meter := startMeter()
	begin := time.Now()
	done := c.all(ctx, c.spec.Jobs, begin.Add(c.spec.Cap), once)
	took := time.Since(begin)
	stopProfile()
	r.Cost = meter.stop(done, operations)
	c.finish(&r, c.spec.Jobs, done, took)
	return r, nil
}

// all runs once n times, from all callers, until the deadline. It returns how many calls succeeded.
func (c *cell) all(ctx context.Context, n int64, deadline time.Time, once func(ctx context.Context) error) int64 {
	var begun, succeeded atomic.Int64
	var callers sync.WaitGroup
	for range c.spec.Callers {
		callers.Go(func() {
			for begun.Add(1) <= n && time.Now().Before(deadline) {
				if err := once(ctx); err != nil {
					c.failed(err)
					continue
				}
				succeeded.Add(1)
			}
		})
	}
	callers.Wait()
	return succeeded.Load()
}
