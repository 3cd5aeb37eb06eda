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

// Tails: 03 §8.8 and its scenarios 78 to 82. The tests run in bubbles, in which synctest.Wait returns when every
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

// ended asserts that the tail has heard of the end of its stream, and of no frames.
func (p *tailing) ended(reason messages.StreamClosedReason, at messages.TimestampMs) {
	p.t.Helper()
	require.Equal(p.t, messages.StreamFrames{Frames: []messages.StreamFrame{}, ClosedReason: reason, ClosedAt: at}, p.got())
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

func TestSpec03_S81_TheEndOfAnAttempt(t *testing.T) {
	t.Parallel()
	ends := map[messages.StreamClosedReason]func(*engine, messages.ExecutionID, messages.Handle){
		messages.StreamAttemptSuccess: func(e *engine, _ messages.ExecutionID, h messages.Handle) {
			require.NoError(e.t, e.Complete(e.t.Context(), h, nil))
		},
		messages.StreamAttemptFailure: func(e *engine, _ messages.ExecutionID, h messages.Handle) {
			_, err := e.Fail(e.t.Context(), messages.FailArgs{Handle: h, Class: messages.FailurePermanent})
			require.NoError(e.t, err)
		},
		messages.StreamAttemptCancelled: func(e *engine, _ messages.ExecutionID, h messages.Handle) {
			require.NoError(e.t, e.Cancel(e.t.Context(), h, "enough"))
		},
	}
	for reason, end := range ends {
		t.Run(string(reason), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := open(t)
				id := e.created()
				handle := e.claimed()
				parked := e.tailing(t.Context(), tail(id, time.Minute))
				parked.parked()
				e.clock.Advance(time.Second)
				end(e, id, handle)
				parked.ended(reason, e.now())
				require.Equal(t, fmt.Sprint(e.now()), e.column(id, "terminal_at_ms"))

				later := e.tailing(t.Context(), tail(id, 30*time.Second))
				later.ended(reason, e.now())
				elsewhere := e.tailing(t.Context(), tail(id, time.Minute, ofAttempt(7)))
				elsewhere.ended(reason, e.now())
			})
		})
	}
	t.Run("a retry", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := open(t)
			id := e.created()
			handle := e.claimed()
			first := e.tailing(t.Context(), tail(id, time.Minute))
			second := e.tailing(t.Context(), tail(id, time.Minute, ofAttempt(1)))
			_, err := e.Fail(t.Context(), messages.FailArgs{Handle: handle})
			require.NoError(t, err)
			first.ended(messages.StreamAttemptFailure, e.now())
			second.parked()
			e.appended(e.claimed(), output("again"))
			require.Equal(t, []string{"again"}, payloads(second.got()))
		})
	})
	t.Run("a lost lease", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := open(t)
			id := e.created()
			handle := e.claimed()
			outcome := e.appended(handle, output("x"))
			behind := func(a *messages.TailStreamArgs) { a.After = messages.StreamCursor(outcome.StreamID) }
			parked := e.tailing(t.Context(), tail(id, time.Minute, behind))
			e.clock.Advance(30 * time.Second)
			parked.ended(messages.StreamLeaseExpired, e.now())
			lost := e.now()

			next := e.tailing(t.Context(), tail(id, time.Minute, ofAttempt(1)))
			e.clock.Advance(time.Second)
			reclaimed := e.claimed()
			require.Equal(t, messages.HandleReclaimed, reclaimed.Kind)
			e.tailing(t.Context(), tail(id, time.Minute, behind)).ended(messages.StreamReclaimed, lost+1000)
			require.Equal(t, messages.StreamReclaimed, e.frames(id, 0).ClosedReason, "with every page")
			next.parked()
			require.NoError(t, e.Complete(t.Context(), reclaimed, nil))
			next.ended(messages.StreamAttemptSuccess, e.now())
		})
	})
	t.Run("an operator", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := open(t)
			id := e.created()
			e.claimed()
			parked := e.tailing(t.Context(), tail(id, time.Minute))
			_, err := e.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: id})
			require.NoError(t, err)
			parked.ended(messages.StreamAttemptCancelled, e.now())
		})
	})
	t.Run("an execution that is never claimed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := open(t)
			id := e.created()
			parked := e.tailing(t.Context(), tail(id, time.Minute))
			_, err := e.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: id})
			require.NoError(t, err)
			parked.ended(messages.StreamAttemptCancelled, e.now())
		})
	})
	t.Run("an upstream that fails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := open(t).newFlow()
			up, down := g.member(), g.member()
			g.edge(up, down)
			parked := g.tailing(t.Context(), tail(down, time.Minute))
			g.drive(up, false)
			parked.ended(messages.StreamDependencyImpossible, g.now())
		})
	})
	for name, retries := range map[string]*messages.RetryPolicy{"a timeout": nil, "a timeout with a retry": {MaxRetries: 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := open(t)
				id := e.created(timingOut(10*time.Second, retries))
				e.claimed()
				parked := e.tailing(t.Context(), tail(id, time.Minute))
				e.clock.Advance(10 * time.Second)
				parked.ended(messages.StreamExpired, e.now())
			})
		})
	}
	t.Run("another program", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := open(t)
			id := e.created()
			e.claimed()
			parked := e.tailing(t.Context(), tail(id, time.Minute))
			e.patchAttempt(id, 0, "outcome = 'interrupted', terminal_at_ms = 77")
			parked.parked()
			e.clock.Advance(750 * time.Millisecond) // The interval at which the engine looks for changes of others.
			parked.ended(messages.StreamExpired, 77)
		})
	})
}

func TestSpec03_S82_ParkingLeavesTheStreamOpen(t *testing.T) {
	t.Parallel()
	parkings := map[string]func(g *graph, id messages.ExecutionID, handle messages.Handle){
		"delay": func(g *graph, _ messages.ExecutionID, handle messages.Handle) {
			require.NoError(g.t, g.Delay(g.t.Context(), handle, g.now()+1000))
		},
		"wait for children": func(g *graph, id messages.ExecutionID, handle messages.Handle) {
			child := g.member()
			g.edge(child, id)
			require.NoError(g.t, g.WaitChildren(g.t.Context(), handle))
			require.False(g.t, g.frames(id, 0).Closed())
			g.drive(child, true)
		},
	}
	for name, park := range parkings {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := open(t).newFlow()
				id := g.member()
				handle := g.claimed()
				first := g.appended(handle, output("before"))
				behind := func(a *messages.TailStreamArgs) { a.After = messages.StreamCursor(first.StreamID) }
				parked := g.tailing(t.Context(), tail(id, time.Minute, behind))
				park(g, id, handle)
				parked.parked()
				require.False(t, g.frames(id, 0).Closed())
				_, err := g.AppendFrame(t.Context(), handle, output("too late"))
				require.ErrorIs(t, err, messages.ErrStreamClosed)

				g.clock.Advance(time.Second)
				resumed := g.claimed()
				require.Equal(t, messages.HandleResumed, resumed.Kind)
				parked.parked()
				require.Equal(t, uint64(2), g.appended(resumed, output("after")).FrameCount)
				require.Equal(t, []string{"after"}, payloads(parked.got()))
				require.Equal(t, []string{"before", "after"}, payloads(g.frames(id, 0)))
			})
		})
	}
}

func TestTailStream_EndsWithItsContextAndTheEngine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created()
		e.claimed()
		ctx, cancel := context.WithCancel(t.Context())
		left := e.tailing(ctx, tail(id, time.Hour))
		stays := e.tailing(t.Context(), tail(id, time.Hour))
		cancel()
		synctest.Wait()
		require.ErrorIs(t, left.err, context.Canceled)
		stays.parked()
		require.NoError(t, e.Close())
		require.Equal(t, messages.StreamFrames{Frames: []messages.StreamFrame{}}, stays.got())
		_, err := e.TailStream(t.Context(), tail(id, time.Hour))
		require.ErrorIs(t, err, messages.ErrUnavailable)
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

func TestSpec02_S42_StreamsAtAShutdown(t *testing.T) {
	t.Parallel()
	t.Run("those that wait leave", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := open(t)
			id := e.created()
			handle := e.claimed()
			parked := make([]*tailing, 16)
			for i := range parked {
				parked[i] = e.tailing(t.Context(), tail(id, time.Hour))
			}
			require.NoError(t, e.ShutdownPrepare(t.Context(), 5*time.Second))
			for _, p := range parked {
				require.Equal(t, messages.StreamFrames{Frames: []messages.StreamFrame{}}, p.got())
			}
			for _, err := range []error{
				e.tailing(t.Context(), tail(id, time.Hour)).err,
				func() error {
					_, err := e.ReadStream(t.Context(), messages.ReadStreamArgs{
						ExecutionID: id, From: messages.StreamStart, To: messages.StreamEnd, Count: 1,
					})
					return err
				}(),
			} {
				require.ErrorIs(t, err, messages.ErrUnavailable)
				var refused *messages.Error
				require.ErrorAs(t, err, &refused)
				require.Equal(t, "stream_ops", refused.Op)
			}
			e.appended(handle, output("others work on"))
			e.created()
			e.claimed()
			require.NoError(t, e.ShutdownPrepare(t.Context(), time.Second), "a second time")
		})
	})
	prepare := func(e *engine, grace time.Duration) (result *error) {
		result = new(error)
		*result = errors.New("not answered")
		go func() { *result = e.ShutdownPrepare(e.t.Context(), grace) }()
		synctest.Wait()
		return result
	}
	t.Run("those that go on are waited for", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := open(t)
			var releases []func()
			for range 4 {
				release, err := ffsqlite.HoldStreams(e.Backend)
				require.NoError(t, err)
				releases = append(releases, release)
			}
			first, shared := prepare(e, 100*time.Millisecond), prepare(e, time.Hour)
			e.clock.Advance(99 * time.Millisecond)
			synctest.Wait()
			require.EqualError(t, *first, "not answered")
			e.clock.Advance(time.Millisecond)
			synctest.Wait()
			require.ErrorIs(t, *first, messages.ErrTimeout)
			require.ErrorIs(t, *shared, messages.ErrTimeout)
			require.NoError(t, *prepare(e, time.Hour), "a later call waits for nothing")
			for _, release := range releases {
				release()
			}
		})
	})
	t.Run("those that end in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := open(t)
			release, err := ffsqlite.HoldStreams(e.Backend)
			require.NoError(t, err)
			result := prepare(e, 5*time.Second)
			require.EqualError(t, *result, "not answered")
			release()
			synctest.Wait()
			require.NoError(t, *result)
		})
	})
}
