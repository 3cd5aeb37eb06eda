package subscribers_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/subscribers"
)

func TestSpec05_S80_TheTailAndACursorStartWhereTheySay(t *testing.T) {
	e := newEngine(t, 0)
	e.write(t, event{})
	first := e.subscribe(t, tail, everything)
	second := e.write(t, event{})
	require.Equal(t, sequence(2, 2), read(t, first, 1))
	require.NoError(t, first.Close())

	resumed := e.subscribe(t, second[0].Cursor, everything)
	e.write(t, event{})
	require.Equal(t, sequence(3, 3), read(t, resumed, 1))
}

func TestSpec05_S81_FromTheBeginningComesAllHistory(t *testing.T) {
	e := newEngine(t, 1000)
	s := e.subscribe(t, messages.FromBeginning(), everything)
	e.writeEach(t, 10)
	require.Equal(t, sequence(1, 1010), read(t, s, 1010))
	require.Equal(t, messages.CursorAfter(1010), s.Cursor())
}

func TestSpec05_S84_ABadCursorIsRefused(t *testing.T) {
	e := newEngine(t, 5)
	malformed := map[string]messages.OutboxCursor{
		"17 bytes of another backend": append(messages.OutboxCursor{1}, make([]byte, 16)...),
		"8 bytes":                     make([]byte, 8),
		"another first byte":          append(messages.OutboxCursor{3}, make([]byte, 8)...),
		"a negative id":               {2, 0xff, 0, 0, 0, 0, 0, 0, 0},
	}
	for name, cursor := range malformed {
		t.Run(name, func(t *testing.T) {
			_, err := e.hub.Subscribe(t.Context(), cursor, everything)
			require.ErrorIs(t, err, messages.ErrInvalidInput)
			require.ErrorContains(t, err, "invalid event_id cursor for sqlite.subscribe_completion")
		})
	}

	t.Run("ahead of the table", func(t *testing.T) {
		_, err := e.hub.Subscribe(t.Context(), messages.CursorAfter(6), everything)
		require.ErrorIs(t, err, messages.ErrInvalidOffset)
	})
	t.Run("committed, but not yet published", func(t *testing.T) {
		e.insert(event{})
		e.subscribe(t, messages.CursorAfter(6), everything)
	})
	require.Zero(t, e.hub.Stats().Subscribers, "what was refused is not registered")
}

func TestSpec05_S85_WhatComesWhileNobodyReadsComesLater(t *testing.T) {
	for _, n := range []messages.EventID{300, 5000} {
		for name, filter := range map[string]messages.ScannerFilter{"unfiltered": everything, "filtered": in("tenant-a")} {
			t.Run(fmt.Sprint(n, " ", name), func(t *testing.T) {
				e := newEngine(t, 0)
				s := e.subscribe(t, tail, filter)
				for range n {
					e.write(t, labelled("tenant-a", ""))
				}
				require.Equal(t, 1, e.hub.Stats().Lagging)
				require.Equal(t, n, e.hub.Stats().GreatestLag)
				require.EqualValues(t, n, e.hub.Stats().Events)

				require.Equal(t, sequence(1, n), read(t, s, int(n)))
				if n < subscribers.TailEvents {
					require.Zero(t, e.pages.Load(), "the tail in memory has all of it")
				}
			})
		}
	}
}

func TestSpec05_S86_ATransactionIsDeliveredInItsOrder(t *testing.T) {
	e := newEngine(t, 0)
	s := e.subscribe(t, tail, everything)
	e.write(t, make([]event, 5)...)
	require.Equal(t, sequence(1, 5), read(t, s, 5))
}

func TestSpec05_S89_EveryPartitionIsDelivered(t *testing.T) {
	e := newEngine(t, 0)
	s := e.subscribe(t, tail, everything)
	e.write(t, event{ExecutionID: execution(7, 1)})
	for got, err := range s.Events() {
		require.NoError(t, err)
		require.Equal(t, execution(7, 1), got.ExecutionID)
		break
	}
}

func TestSpec05_S90_ABadRowEndsOnlyWhoReachesIt(t *testing.T) {
	e := newEngine(t, 10)
	e.bad[6] = true
	old := e.subscribe(t, messages.CursorAfter(3), everything)
	young := e.subscribe(t, tail, everything)
	e.writeEach(t, 1)

	ids, err := readAll(old)
	require.Equal(t, sequence(4, 5), ids)
	require.EqualValues(t, 1, e.pages.Load(), "a bad row is not tried again")
	require.ErrorIs(t, err, messages.ErrCorruption)
	require.Equal(t, messages.CursorAfter(6), cursorOf(t, err))
	require.Equal(t, messages.CursorAfter(6), old.Cursor())
	ids, again := readAll(old)
	require.Empty(t, ids)
	require.Equal(t, err, again)

	require.Equal(t, sequence(11, 11), read(t, young, 1))
	require.Equal(t, sequence(7, 11), read(t, e.subscribe(t, cursorOf(t, err), everything), 5))
}

func TestSpec05_S91_LeavingALoopKeepsTheSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, 0)
		ctx, cancel := context.WithCancel(t.Context())
		s, err := e.hub.Subscribe(ctx, tail, everything)
		require.NoError(t, err)
		e.write(t, make([]event, 2)...)
		require.Equal(t, sequence(1, 1), read(t, s, 1))
		require.Equal(t, messages.CursorAfter(1), s.Cursor())
		e.writeEach(t, 2)
		require.Equal(t, sequence(2, 4), read(t, s, 3))

		r := reading(s)
		synctest.Wait()
		require.True(t, r.running())
		cancel()
		synctest.Wait()
		require.False(t, r.running(), "the end of the context wakes the loop at once")
		ids, err := r.ended()
		require.Empty(t, ids)
		require.Equal(t, context.Canceled, err)
		_, err = readAll(s)
		require.Equal(t, context.Canceled, err)
		require.Zero(t, e.hub.Stats().Subscribers)
	})
}

func TestSpec05_S92_CloseEndsABlockedLoopWithoutAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, 3)
		before := runtime.NumGoroutine()
		s := e.subscribe(t, tail, everything)
		r := reading(s)
		synctest.Wait()
		require.True(t, r.running())
		require.Equal(t, 1, e.hub.Stats().Subscribers)

		require.NoError(t, s.Close())
		synctest.Wait()
		require.False(t, r.running())
		ids, err := r.ended()
		require.NoError(t, err)
		require.Empty(t, ids)
		require.Zero(t, e.hub.Stats().Subscribers)
		require.LessOrEqual(t, runtime.NumGoroutine(), before)
		require.Equal(t, messages.CursorAfter(3), s.Cursor())
		require.NoError(t, s.Close())
	})
}

func TestSpec05_S93_ShutdownDeliversWhatIsBuffered(t *testing.T) {
	e := newEngine(t, 0)
	s := e.subscribe(t, tail, everything)
	e.writeEach(t, 10)
	e.insert(event{}) // committed, but the engine closed before it was published
	e.hub.Close(nil)

	ids, err := readAll(s)
	require.Equal(t, sequence(1, 10), ids)
	require.ErrorIs(t, err, messages.ErrStreamDisconnected)
	require.Equal(t, messages.CursorAfter(10), cursorOf(t, err))
	_, again := readAll(s)
	require.Equal(t, err, again)

	_, refused := e.hub.Subscribe(t.Context(), tail, everything)
	require.ErrorIs(t, refused, messages.ErrUnavailable)
	require.ErrorContains(t, refused, "sqlite.subscribe_completion")

	reopened := newEngine(t, 11)
	require.Equal(t, sequence(11, 11), read(t, reopened.subscribe(t, cursorOf(t, err), everything), 1))
}

func TestSpec05_S97_WhatIsNotPublishedWakesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, 0)
		s := e.subscribe(t, tail, everything)
		r := reading(s)
		synctest.Wait()
		require.True(t, e.hub.Publish(nil, 0))
		synctest.Wait()
		require.Zero(t, r.seen.Load())
		require.Zero(t, e.pages.Load())
		require.NoError(t, s.Close())
	})
}

func TestSpec05_S99_SubscriptionsAreIndependent(t *testing.T) {
	e := newEngine(t, 0)
	first, second := e.subscribe(t, tail, everything), e.subscribe(t, tail, everything)
	e.writeEach(t, 1)
	require.Equal(t, sequence(1, 1), read(t, first, 1))
	require.NoError(t, first.Close())
	e.writeEach(t, 1)
	require.Equal(t, sequence(1, 2), read(t, second, 2))
}

func TestSubscription_Events(t *testing.T) {
	t.Run("a second loop is refused and does no harm", func(t *testing.T) {
		e := newEngine(t, 0)
		s := e.subscribe(t, tail, everything)
		e.writeEach(t, 2)
		for got, err := range s.Events() {
			require.NoError(t, err)
			if got.EventID == 2 {
				break
			}
			_, err := readAll(s)
			require.ErrorIs(t, err, messages.ErrInvalidInput)
		}
	})

	t.Run("a loop's body may close the subscription", func(t *testing.T) {
		e := newEngine(t, 0)
		s := e.subscribe(t, tail, everything)
		e.write(t, make([]event, 3)...)
		n := 0
		for _, err := range s.Events() {
			require.NoError(t, err)
			n++
			require.NoError(t, s.Close())
		}
		require.Equal(t, 1, n)
		require.Equal(t, messages.CursorAfter(1), s.Cursor())
	})

	t.Run("a panic in the body leaves the subscription usable", func(t *testing.T) {
		e := newEngine(t, 0)
		s := e.subscribe(t, tail, everything)
		e.writeEach(t, 2)
		require.Panics(t, func() {
			for _, err := range s.Events() {
				require.NoError(t, err)
				panic("body")
			}
		})
		require.Equal(t, sequence(2, 2), read(t, s, 1))
	})

	t.Run("a fault ends it with its cause after what is buffered", func(t *testing.T) {
		e := newEngine(t, 0)
		s := e.subscribe(t, tail, everything)
		e.writeEach(t, 2)
		cause := errors.New("disk I/O error")
		e.hub.Close(cause)

		ids, err := readAll(s)
		require.Equal(t, sequence(1, 2), ids)
		require.ErrorIs(t, err, messages.ErrTransport)
		require.ErrorIs(t, err, cause)
		require.Equal(t, messages.CursorAfter(2), cursorOf(t, err))
		_, err = e.hub.Subscribe(t.Context(), tail, everything)
		require.ErrorIs(t, err, cause)
	})

	t.Run("Close after shutdown ends it without an error", func(t *testing.T) {
		e := newEngine(t, 0)
		s := e.subscribe(t, tail, everything)
		e.writeEach(t, 2)
		e.hub.Close(nil)
		require.NoError(t, s.Close())
		ids, err := readAll(s)
		require.Empty(t, ids)
		require.NoError(t, err)
	})
}

func TestHub_Subscribe(t *testing.T) {
	t.Run("an ended context subscribes nothing", func(t *testing.T) {
		e := newEngine(t, 0)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := e.hub.Subscribe(ctx, tail, everything)
		require.Equal(t, context.Canceled, err)
		require.Zero(t, e.hub.Stats().Subscribers)
	})

	t.Run("a database that cannot be read subscribes nothing", func(t *testing.T) {
		e := newEngine(t, 0)
		cause := errors.New("disk I/O error")
		e.setFault(3, cause)
		_, err := e.hub.Subscribe(t.Context(), tail, everything)
		require.ErrorIs(t, err, messages.ErrTransport)
		require.ErrorIs(t, err, cause)
		require.Zero(t, e.hub.Stats().Subscribers)
	})

	t.Run("the tail is behind what is committed and not yet published", func(t *testing.T) {
		e := newEngine(t, 0)
		rows := e.insert(make([]event, 3)...)
		s := e.subscribe(t, tail, everything)
		require.Equal(t, messages.CursorAfter(3), s.Cursor())
		e.publish(t, rows)
		e.writeEach(t, 1)
		require.Equal(t, sequence(4, 4), read(t, s, 1))
	})
}
