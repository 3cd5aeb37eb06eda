package ffsqlite_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// Tails: 03 §8.8 and its scenarios 78 to 80. The tests run in bubbles, in which synctest.Wait returns when every
// goroutine waits: a call that has no answer then is parked.

// tailing is a TailStream in a goroutine of its own.
type tailing struct {
	t        testing.TB
	answered chan struct{}
	page     messages.StreamFrames
	err      error
	at       time.Time // on the engine's clock
}

// tail follows the first attempt from the beginning.
func tail(id messages.ExecutionID, block time.Duration, change ...func(*messages.TailStreamArgs)) messages.TailStreamArgs {
	args := messages.TailStreamArgs{ExecutionID: id, After: messages.StreamFromBeginning, Block: block, Count: 100}
	for _, c := range change {
		c(&args)
	}
	return args
}

func keptOnly(a *messages.TailStreamArgs) { a.Visibility = messages.TailExcludeBestEffort }

func ofAttempt(index messages.AttemptIndex) func(*messages.TailStreamArgs) {
	return func(a *messages.TailStreamArgs) { a.AttemptIndex = index }
}

// tailing starts a TailStream and returns when it is parked or answered.
func (e *engine) tailing(ctx context.Context, args messages.TailStreamArgs) *tailing {
	e.t.Helper()
	p := &tailing{t: e.t, answered: make(chan struct{})}
	go func() {
		defer close(p.answered)
		p.page, p.err = e.TailStream(ctx, args)
		p.at = e.clock.Now()
	}()
	synctest.Wait()
	return p
}

func (p *tailing) parked() {
	p.t.Helper()
	synctest.Wait()
	select {
	case <-p.answered:
		require.Fail(p.t, "answered", "%v %v", p.page, p.err)
	default:
	}
}

// got asserts that the tail has been answered without an error.
func (p *tailing) got() messages.StreamFrames {
	p.t.Helper()
	synctest.Wait()
	select {
	case <-p.answered:
		require.NoError(p.t, p.err)
	default:
		require.Fail(p.t, "not answered")
	}
	return p.page
}

func TestSpec03_S78_WaitingForAFrame(t *testing.T) {
	t.Parallel()
	t.Run("one is there", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := open(t)
			id := e.created()
			handle := e.claimed()
			outcome := e.appended(handle, output("x"))
			require.Equal(t, []string{outcome.StreamID}, ids(e.tailing(t.Context(), tail(id, 0)).got()))
		})
	})
	t.Run("none comes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := open(t)
			id := e.created()
			e.claimed()
			empty := messages.StreamFrames{Frames: []messages.StreamFrame{}}
			require.Equal(t, empty, e.tailing(t.Context(), tail(id, 0)).got())
			parked := e.tailing(t.Context(), tail(id, 150*time.Millisecond))
			e.clock.Advance(149 * time.Millisecond)
			parked.parked()
			e.clock.Advance(time.Millisecond)
			require.Equal(t, empty, parked.got())
			require.Equal(t, 150*time.Millisecond, parked.at.Sub(epoch))
		})
	})
	t.Run("one comes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := open(t)
			id := e.created()
			handle := e.claimed()
			parked := e.tailing(t.Context(), tail(id, 2*time.Second))
			e.clock.Advance(80 * time.Millisecond)
			parked.parked()
			e.appended(handle, output("x"))
			require.Equal(t, []string{"x"}, payloads(parked.got()))
			require.Equal(t, 80*time.Millisecond, parked.at.Sub(epoch))
		})
	})
	t.Run("from the start", func(t *testing.T) {
		e := open(t)
		_, err := e.TailStream(t.Context(), tail(e.created(), time.Second, func(a *messages.TailStreamArgs) {
			a.After = messages.StreamStart
		}))
		requireInvalid(t, err, "after: tail_stream requires concrete after cursor")
	})
}

func TestSpec03_S79_Visibility(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created()
		handle := e.claimed()
		durable := e.appended(handle, output("kept"))
		last := e.appended(handle, live(time.Minute))
		require.Equal(t, []string{"kept"}, payloads(e.tailing(t.Context(), tail(id, 0, keptOnly)).got()))
		require.Equal(t, []string{"kept", "live"}, payloads(e.tailing(t.Context(), tail(id, 0)).got()))
		require.Equal(t, durable.StreamID, e.tailing(t.Context(), tail(id, 0, keptOnly)).got().Frames[0].ID)

		behind := func(a *messages.TailStreamArgs) { a.After = messages.StreamCursor(last.StreamID) }
		patient := e.tailing(t.Context(), tail(id, time.Second, keptOnly, behind))
		impatient := e.tailing(t.Context(), tail(id, 500*time.Millisecond, keptOnly, behind))
		all := e.tailing(t.Context(), tail(id, time.Second, behind))
		e.clock.Advance(400 * time.Millisecond)
		e.appended(handle, live(time.Minute))
		require.Equal(t, []string{"live"}, payloads(all.got()))
		patient.parked()
		impatient.parked()
		e.clock.Advance(100 * time.Millisecond)
		require.Empty(t, impatient.got().Frames, "a frame that it may not see gives it no more time")
		require.Equal(t, 500*time.Millisecond, impatient.at.Sub(epoch))
		patient.parked()
		e.appended(handle, output("later"))
		require.Equal(t, []string{"later"}, payloads(patient.got()))
	})
}

func TestSpec03_S80_AnAppendWakesItsOwnStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, ffsqlite.WithPoolSize(2))
		var parked []*tailing
		var handles []messages.Handle
		for range 8 {
			id := e.created()
			handles = append(handles, e.claimed())
			parked = append(parked, e.tailing(t.Context(), tail(id, time.Minute)))
		}
		before := e.clock.Now()
		e.appended(handles[3], output("x"))
		require.Zero(t, e.clock.Now().Sub(before), "it waited for nobody")
		require.Equal(t, []string{"x"}, payloads(parked[3].got()))
		for i, p := range parked {
			if i != 3 {
				p.parked()
			}
		}
		e.clock.Advance(time.Minute)
		for i, p := range parked {
			if i != 3 {
				require.Empty(t, p.got().Frames)
			}
		}
	})
}

// TestTailStream_MissesNothing has readers follow streams by cursor while others append to them.
func TestTailStream_MissesNothing(t *testing.T) {
	t.Parallel()
	const streams, frames = 6, 60
	e := open(t)
	var group sync.WaitGroup
	errs := make([]error, 2*streams)
	for i := range streams {
		id := e.created()
		handle := e.claimed()
		group.Go(func() {
			for n := range frames {
				frame := output(fmt.Sprint(n))
				if n%3 == 1 {
					frame = patch(fmt.Sprintf(`{"n":%d}`, n))
				}
				if _, err := e.AppendFrame(t.Context(), handle, frame); err != nil {
					errs[i] = err
					return
				}
			}
			errs[i] = e.Complete(t.Context(), handle, nil)
		})
		group.Go(func() {
			args := tail(id, time.Hour)
			args.Count = 7
			seen := 0
			for {
				page, err := e.TailStream(t.Context(), args)
				if err != nil {
					errs[streams+i] = err
					return
				}
				seen += len(page.Frames)
				if len(page.Frames) > 0 {
					args.After = messages.StreamCursor(page.Frames[len(page.Frames)-1].ID)
				} else if page.Closed() {
					break
				}
			}
			if seen != frames {
				errs[streams+i] = fmt.Errorf("saw %d of %d frames", seen, frames)
			}
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	e.consistent()
}
