package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/flowfabric/ffsqlite/messages"
)

const (
	tailedStreams = 1000
	framePayload  = 200 // Bytes.
	tailTimeout   = 5 * time.Second
)

// streamsSides compares the engine with the floor, which inserts the rows of frames and nothing else.
func streamsSides(options) ([]Side, error) {
	return []Side{{Name: ours, Engine: ours}, {Name: "floor-group", Engine: "floor-group"}}, nil
}

// streams measures appends from all callers, each frame into a stream that nobody else appends to at the moment, and
// then how soon a waiting reader has a frame that is appended to an idle engine.
func streams(ctx context.Context, c *cell) ([]Result, error) {
	if c.spec.Side.Engine == ours {
		return c.engineStreams(ctx)
	}
	return c.floorStreams(ctx)
}

func (c *cell) engineStreams(ctx context.Context) ([]Result, error) {
	e := &ffsqliteEngine{}
	if err := c.open(ctx, e, tailedStreams, c.spec.Callers, nil); err != nil {
		return nil, err
	}
	defer e.Close()
	handles, err := c.claimStreams(ctx, e, c.spec.Callers)
	if err != nil {
		return nil, err
	}
	frame := messages.Frame{Bytes: []byte(strings.Repeat("x", framePayload)), Kind: messages.FrameStdout}
	idle := poolOf(handles)
	appended, err := c.repeat(ctx, "append", 1, func(ctx context.Context) error {
		handle := <-idle
		defer func() { idle <- handle }()
		_, err := e.backend.AppendFrame(ctx, handle, frame)
		return err
	})
	if err != nil {
		return nil, err
	}
	if handles, err = c.claimStreams(ctx, e, tailedStreams); err != nil {
		return nil, err
	}
	tailed, err := c.tailAll(ctx, e, handles, frame)
	if err != nil {
		return nil, err
	}
	return c.describe(ctx, e, []Result{appended, tailed})
}

// claimStreams makes executions that run, so that frames can be appended to their streams.
func (c *cell) claimStreams(ctx context.Context, e *ffsqliteEngine, n int) ([]messages.Handle, error) {
	handles := make(chan messages.Handle, n)
	args := e.claimNextArgs(0)
	done := c.all(ctx, int64(n), time.Now().Add(c.spec.Cap), func(ctx context.Context) error {
		if _, err := e.Enqueue(ctx, 0); err != nil {
			return err
		}
		result, err := e.backend.ClaimNext(ctx, args)
		if err == nil && result.Task == nil {
			err = errNothingClaimed
		}
		if err == nil {
			handles <- result.Task.Handle
		}
		return err
	})
	if done < int64(n) {
		return nil, fmt.Errorf("%d of %d streams: %v", done, n, c.lastError.Load())
	}
	close(handles)
	var all []messages.Handle
	for handle := range handles {
		all = append(all, handle)
	}
	return all, nil
}

// poolOf hands things out to callers, one caller at a time each.
func poolOf[T any](things []T) chan T {
	pool := make(chan T, len(things))
	for _, thing := range things {
		pool <- thing
	}
	return pool
}

// tailReturn is a tail that returned with one frame.
type tailReturn struct {
	stream int
	at     time.Time
}

// tailAll has one reader wait at each stream, appends frames to streams at random, and fails unless each wakes exactly
// the one reader that waits for it.
func (c *cell) tailAll(ctx context.Context, e *ffsqliteEngine, handles []messages.Handle, frame messages.Frame) (Result, error) {
	r := c.result("tail")
	ctx, cancel := context.WithCancel(ctx)
	returns := make(chan tailReturn, len(handles))
	var tails sync.WaitGroup
	defer tails.Wait()
	defer cancel()
	for n, handle := range handles {
		payload, err := messages.OpenHandle(handle)
		if err != nil {
			return r, err
		}
		tails.Go(func() {
			if err := follow(ctx, e, n, payload, returns); err != nil && ctx.Err() == nil {
				c.failed(err)
			}
		})
	}
	time.Sleep(time.Second) // All of them wait then.
	meter, begin := startMeter(), time.Now()
	for range c.spec.Samples {
		time.Sleep(minGap + rand.N(maxGap))
		n := rand.N(len(handles))
		called := time.Now()
		if _, err := e.backend.AppendFrame(ctx, handles[n], frame); err != nil {
			return r, err
		}
		returned := time.Now()
		at, err := awaitTail(returns, n)
		if err != nil {
			return r, err
		}
		r.Call = append(r.Call, micros(returned.Sub(called)))
		r.Completed = append(r.Completed, max(0, micros(at.Sub(returned))))
	}
	time.Sleep(maxGap)
	if extra := len(returns); extra > 0 {
		return r, fmt.Errorf("%d tails returned beside those of the %d frames", extra, c.spec.Samples)
	}
	r.Cost = meter.stop(int64(c.spec.Samples), 1)
	r.Jobs, r.Done, r.Seconds = int64(c.spec.Samples), int64(len(r.Completed)), time.Since(begin).Seconds()
	c.account(&r)
	return r, nil
}

// follow waits for one frame after the other.
func follow(ctx context.Context, e *ffsqliteEngine, n int, of messages.HandlePayload, returns chan<- tailReturn) error {
	args := messages.TailStreamArgs{
		ExecutionID: of.ExecutionID, AttemptIndex: of.AttemptIndex, After: messages.StreamFromBeginning, Block: time.Hour,
		Count: 2,
	}
	for {
		page, err := e.backend.TailStream(ctx, args)
		if err != nil {
			return err
		}
		if len(page.Frames) != 1 {
			return fmt.Errorf("a tail returned with %d frames", len(page.Frames))
		}
		args.After = messages.StreamCursor(page.Frames[0].ID)
		returns <- tailReturn{n, time.Now()}
	}
}

func awaitTail(returns <-chan tailReturn, stream int) (time.Time, error) {
	timeout := time.NewTimer(tailTimeout)
	defer timeout.Stop()
	select {
	case got := <-returns:
		if got.stream != stream {
			return got.at, fmt.Errorf("a frame of stream %d woke the tail of stream %d", stream, got.stream)
		}
		return got.at, nil
	case <-timeout.C:
		return time.Time{}, fmt.Errorf("the tail of stream %d did not return in %s", stream, tailTimeout)
	}
}

// floorStreams inserts the rows of the same frames, and times single commits.
func (c *cell) floorStreams(ctx context.Context) ([]Result, error) {
	engine, err := c.engine()
	if err != nil {
		return nil, err
	}
	f, ok := engine.(*floor)
	if !ok {
		return nil, errors.New("streams: only a floor has rows of frames")
	}
	if err := c.open(ctx, f, tailedStreams, c.spec.Callers, nil); err != nil {
		return nil, err
	}
	defer f.Close()
	idle := poolOf(newFloorStreams(c.spec.Callers))
	appended, err := c.repeat(ctx, "append", 1, func(context.Context) error {
		stream := <-idle
		defer func() { idle <- stream }()
		return f.appendFrame(stream)
	})
	if err != nil {
		return nil, err
	}
	r := c.result("tail")
	tailed := newFloorStreams(tailedStreams)
	meter, begin := startMeter(), time.Now()
	for range c.spec.Samples {
		time.Sleep(minGap + rand.N(maxGap))
		called := time.Now()
		if err := f.appendFrame(tailed[rand.N(len(tailed))]); err != nil {
			return nil, err
		}
		took := micros(time.Since(called))
		r.Call, r.Completed = append(r.Call, took), append(r.Completed, took)
	}
	r.Cost = meter.stop(int64(c.spec.Samples), 1)
	r.Jobs, r.Done, r.Seconds = int64(c.spec.Samples), int64(len(r.Completed)), time.Since(begin).Seconds()
	c.account(&r)
	return c.describe(ctx, f, []Result{appended, r})
}
