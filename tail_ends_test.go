package ffsqlite_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// How tails end: 03 §8.8 and its scenarios 81 and 82, and shutdowns.

// ended asserts that the tail has heard of the end of its stream, and of no frames.
func (p *tailing) ended(reason messages.StreamClosedReason, at messages.TimestampMs) {
	p.t.Helper()
	require.Equal(p.t, messages.StreamFrames{Frames: []messages.StreamFrame{}, ClosedReason: reason, ClosedAt: at}, p.got())
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
