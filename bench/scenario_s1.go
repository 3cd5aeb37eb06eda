package main

import (
	"context"
	"time"
)

// s1a measures enqueueing alone, then draining alone.
func s1a(ctx context.Context, c *cell) ([]Result, error) {
	e, err := c.engine()
	if err != nil {
		return nil, err
	}
	total := c.spec.Jobs + warmUp
	if err := c.open(ctx, e, total, c.spec.Callers, nil); err != nil {
		return nil, err
	}
	defer e.Close()
	enqueue, err := c.enqueue(ctx, e, total)
	if err != nil {
		return nil, err
	}
	drain, err := c.drain(ctx, e, enqueue.Done+warmUp)
	if err != nil {
		return nil, err
	}
	return c.describe(ctx, e, []Result{enqueue, drain})
}

func (c *cell) enqueue(ctx context.Context, e Engine, total int64) (Result, error) {
	r := c.result("enqueue")
	if _, err := c.produce(ctx, e, c.spec.Callers, 0, warmUp, time.Now().Add(5*time.Second)); err != nil {
		return r, err
	}
	meter := startMeter()
	begin := time.Now()
	accepted, err := c.produce(ctx, e, c.spec.Callers, warmUp, total, begin.Add(c.spec.Cap))
	took := time.Since(begin)
	if err != nil {
		return r, err
	}
	r.Cost = meter.stop(accepted, 1)
	c.finish(&r, c.spec.Jobs, accepted, took)
	return r, nil
}

// drain is measured from the first body to the last committed completion.
func (c *cell) drain(ctx context.Context, e Engine, enqueued int64) (Result, error) {
	r := c.result("drain")
	stopProfile, err := c.profile()
	if err != nil {
		return r, err
	}
	meter := startMeter()
	begin := time.Now()
	if err := e.Work(ctx); err != nil {
		return r, err
	}
	done, end, err := c.waitDone(ctx, e, enqueued, enqueued, begin.Add(c.spec.Cap))
	if err != nil {
		return r, err
	}
	stopProfile()
	r.Cost = meter.stop(done, 2)
	from := begin
	if first := c.first.Load(); first > 0 {
		from = time.Unix(0, first)
	}
	r.StartupS = from.Sub(begin).Seconds()
	c.finish(&r, enqueued, done, end.Sub(from))
	return r, nil
}

// s1b measures enqueueing with the workers running.
func s1b(ctx context.Context, c *cell) ([]Result, error) {
	e, err := c.engine()
	if err != nil {
		return nil, err
	}
	var seed *Seed
	if len(c.spec.Side.Seeds) > 0 {
		seed = &c.spec.Side.Seeds[0]
	}
	if err := c.open(ctx, e, c.spec.Jobs+warmUp, c.spec.Callers, seed); err != nil {
		return nil, err
	}
	defer e.Close()
	r, err := c.overlap(ctx, e, noListeners)
	if err != nil {
		return nil, err
	}
	return c.describe(ctx, e, []Result{r})
}

// noListeners is for a phase that ends with its last committed completion.
func noListeners(_ context.Context, end, _ time.Time) (time.Time, error) { return end, nil }

// overlap is measured from the first call to the last committed completion, or to the later end that settle returns.
func (c *cell) overlap(
	ctx context.Context, e Engine, settle func(ctx context.Context, end, deadline time.Time) (time.Time, error),
) (Result, error) {
	r := c.result("overlap")
	if err := e.Work(ctx); err != nil {
		return r, err
	}
	if err := c.warm(ctx, e, c.spec.Callers); err != nil {
		return r, err
	}
	stopProfile, err := c.profile()
	if err != nil {
		return r, err
	}
	meter := startMeter()
	begin := time.Now()
	deadline := begin.Add(c.spec.Cap)
	accepted, err := c.produce(ctx, e, c.spec.Callers, warmUp, c.spec.Jobs+warmUp, deadline)
	if err != nil {
		return r, err
	}
	done, end, err := c.waitDone(ctx, e, accepted+warmUp, accepted+warmUp, deadline)
	if err != nil {
		return r, err
	}
	if end, err = settle(ctx, end, deadline); err != nil {
		return r, err
	}
	stopProfile()
	done -= warmUp
	r.Cost = meter.stop(done, 3)
	c.finish(&r, c.spec.Jobs, done, end.Sub(begin))
	return r, nil
}
