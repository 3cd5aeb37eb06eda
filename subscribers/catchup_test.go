package subscribers_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/subscribers"
)

func TestSpec05_S96_ARowOfAnotherProcessComesWithTheNextEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, 10)
		s, other := e.subscribe(t, tail, everything), e.subscribe(t, tail, everything)
		r := reading(s)
		e.insert(make([]event, 2)...)
		synctest.Wait()
		require.Zero(t, r.seen.Load())
		require.Zero(t, e.pages.Load())

		e.writeEach(t, 1)
		synctest.Wait()
		require.NoError(t, s.Close())
		ids, err := r.ended()
		require.NoError(t, err)
		require.Equal(t, sequence(11, 13), ids)
		require.Equal(t, sequence(11, 13), read(t, other, 3))
		require.EqualValues(t, 1, e.pages.Load(), "the gap is read once for all")
	})
}

func TestCatchUp(t *testing.T) {
	t.Run("reads the outbox once and then pushes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := newEngine(t, 1000)
			s := e.subscribe(t, messages.CursorAfter(990), everything)
			r := reading(s)
			synctest.Wait()
			require.EqualValues(t, 10, r.seen.Load())
			require.EqualValues(t, 1, e.pages.Load())
			require.Zero(t, e.hub.Stats().Lagging)
			e.writeEach(t, 500)
			require.NoError(t, s.Close())
			<-r.done
			require.EqualValues(t, 1, e.pages.Load())
		})
	})

	t.Run("sees a row of another process at a subscribe with a cursor", func(t *testing.T) {
		e := newEngine(t, 10)
		e.insert(event{})
		s := e.subscribe(t, messages.CursorAfter(10), everything)
		require.Equal(t, sequence(11, 11), read(t, s, 1))
		e.writeEach(t, 1)
		require.Equal(t, sequence(12, 12), read(t, s, 1))
	})

	t.Run("passes holes", func(t *testing.T) {
		e := newEngine(t, 3)
		s := e.subscribe(t, messages.FromBeginning(), everything)
		e.insert(event{EventID: 1000}, event{EventID: 2000})
		e.write(t, event{EventID: 3000})
		require.True(t, e.hub.Publish(nil, 3000))
		require.Equal(t, []messages.EventID{1, 2, 3, 1000, 2000, 3000}, read(t, s, 6))
		require.Equal(t, []messages.EventID{2000, 3000}, read(t, e.subscribe(t, messages.CursorAfter(1500), everything), 2))
	})

	t.Run("gives a failing read three tries", func(t *testing.T) {
		e := newEngine(t, 10)
		cause := errors.New("disk I/O error")
		s := e.subscribe(t, messages.CursorAfter(4), everything)
		e.setFault(2, cause)
		require.Equal(t, sequence(5, 6), read(t, s, 2))

		worse := e.subscribe(t, messages.CursorAfter(4), everything)
		e.setFault(3, cause)
		ids, err := readAll(worse)
		require.Empty(t, ids)
		require.ErrorIs(t, err, messages.ErrTransport)
		require.ErrorIs(t, err, cause)
		require.Equal(t, messages.CursorAfter(4), cursorOf(t, err))
		require.Equal(t, sequence(7, 10), read(t, s, 4), "the failure is of one subscription alone")
	})

	t.Run("reads at most eight pages at a time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := newEngine(t, 10)
			e.gate = make(chan struct{})
			var readers []*reader
			for range 20 {
				readers = append(readers, reading(e.subscribe(t, messages.FromBeginning(), everything)))
			}
			synctest.Wait()
			require.EqualValues(t, subscribers.CatchUpReads, e.pages.Load())

			close(e.gate)
			synctest.Wait()
			e.hub.Close(nil)
			for _, r := range readers {
				ids, err := r.ended()
				require.Equal(t, sequence(1, 10), ids)
				require.ErrorIs(t, err, messages.ErrStreamDisconnected)
			}
		})
	})

	t.Run("is cut short by every end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := newEngine(t, 10)
			e.gate = make(chan struct{})
			closed := e.subscribe(t, messages.CursorAfter(3), everything)
			disconnected := e.subscribe(t, messages.CursorAfter(3), everything)
			first, second := reading(closed), reading(disconnected)
			synctest.Wait()
			require.NoError(t, closed.Close())
			synctest.Wait()
			require.False(t, first.running())
			e.hub.Close(nil)
			synctest.Wait()
			require.False(t, second.running())
			_, err := first.ended()
			require.NoError(t, err)
			_, err = second.ended()
			require.ErrorIs(t, err, messages.ErrStreamDisconnected)
			require.Equal(t, messages.CursorAfter(3), cursorOf(t, err))
		})
	})
}

func TestHub_Refresh(t *testing.T) {
	t.Run("reads for all", func(t *testing.T) {
		e := newEngine(t, 0)
		first, second := e.subscribe(t, tail, everything), e.subscribe(t, tail, in("tenant-a"))
		e.insert(event{}, labelled("tenant-a", ""), event{})
		require.False(t, e.hub.Publish(nil, 3))
		require.NoError(t, e.hub.Refresh(t.Context(), 3))
		require.Equal(t, sequence(1, 3), read(t, first, 3))
		require.Equal(t, sequence(2, 2), read(t, second, 1))
		require.EqualValues(t, 1, e.pages.Load())
	})

	t.Run("leaves a read that fails to the subscriptions", func(t *testing.T) {
		e := newEngine(t, 0)
		s := e.subscribe(t, tail, everything)
		e.writeEach(t, 2)
		e.insert(make([]event, 2)...)
		cause := errors.New("disk I/O error")
		e.setFault(3, cause)
		require.ErrorIs(t, e.hub.Refresh(t.Context(), 4), cause)
		require.Equal(t, sequence(1, 4), read(t, s, 4))
		e.writeEach(t, 1)
		require.Equal(t, sequence(5, 5), read(t, s, 1))
	})

	t.Run("leaves a bad row to the subscriptions", func(t *testing.T) {
		e := newEngine(t, 0)
		s := e.subscribe(t, tail, everything)
		e.insert(make([]event, 5)...)
		e.bad[3] = true
		require.ErrorIs(t, e.hub.Refresh(t.Context(), 5), messages.ErrCorruption)
		e.writeEach(t, 1)
		ids, err := readAll(s)
		require.Equal(t, sequence(1, 2), ids)
		require.Equal(t, messages.CursorAfter(3), cursorOf(t, err))
	})

	t.Run("reads nothing when nobody listens", func(t *testing.T) {
		e := newEngine(t, 0)
		e.insert(make([]event, 5)...)
		require.NoError(t, e.hub.Refresh(t.Context(), 5))
		require.Zero(t, e.pages.Load())
		s := e.subscribe(t, tail, everything)
		e.writeEach(t, 1)
		require.Equal(t, sequence(6, 6), read(t, s, 1))
	})
}

func TestHub_Skip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, 0)
		quiet := e.subscribe(t, tail, in("tenant-a"))
		parked := e.subscribe(t, tail, everything)
		r := reading(parked)
		e.writeEach(t, 1000)
		synctest.Wait()

		e.insert(labelled("tenant-a", ""), event{})
		e.hub.Skip(1002)
		synctest.Wait()
		require.EqualValues(t, 1002, r.seen.Load())
		require.EqualValues(t, 1, e.pages.Load())
		require.Equal(t, sequence(1001, 1001), read(t, quiet, 1))
		require.EqualValues(t, 2, e.pages.Load(), "what was filtered out is not read again")
		require.NoError(t, parked.Close())
		<-r.done
	})
}

func TestHub_Publish(t *testing.T) {
	t.Run("drops what was published already", func(t *testing.T) {
		e := newEngine(t, 0)
		s := e.subscribe(t, tail, everything)
		rows := e.write(t, make([]event, 4)...)
		require.True(t, e.hub.Publish(rows[1:3], 3))
		rows = append(rows, e.insert(event{})...)
		require.True(t, e.hub.Publish(rows, 5))
		require.Equal(t, sequence(1, 5), read(t, s, 5))
	})

	t.Run("takes a batch that no mailbox can hold", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := newEngine(t, 0)
			s := e.subscribe(t, tail, everything)
			r := reading(s)
			synctest.Wait()
			e.write(t, make([]event, 10*subscribers.TailEvents)...)
			e.writeEach(t, 1)
			synctest.Wait()
			require.Zero(t, e.pages.Load())
			require.NoError(t, s.Close())
			ids, _ := r.ended()
			require.Equal(t, sequence(1, 10*subscribers.TailEvents+1), ids)
		})
	})

	t.Run("does nothing once closed", func(t *testing.T) {
		e := newEngine(t, 0)
		e.hub.Close(nil)
		rows := e.insert(event{})
		require.True(t, e.hub.Publish(rows, 1))
		e.hub.Skip(1)
		require.NoError(t, e.hub.Refresh(t.Context(), 1))
		require.Zero(t, e.hub.Stats().Published)
	})
}
