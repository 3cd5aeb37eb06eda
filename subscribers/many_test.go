package subscribers_test

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec05_S94_SubscribersThatDoNotReadDelayNobody(t *testing.T) {
	const (
		many  = 2000
		stuck = 100
		rows  = 300 // more than a mailbox holds; written ten at a time
	)
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, 0)
		var idle []*subscription
		for range stuck {
			idle = append(idle, e.subscribe(t, tail, everything))
		}
		var readers []*reader
		for range many - stuck {
			readers = append(readers, reading(e.subscribe(t, tail, everything)))
		}
		for range rows / 10 {
			e.write(t, make([]event, 10)...)
		}
		synctest.Wait()
		require.Equal(t, stuck, e.hub.Stats().Lagging)
		require.Zero(t, e.pages.Load())

		want := sequence(1, rows)
		for _, s := range idle {
			require.Equal(t, want, read(t, s, rows))
		}
		e.hub.Close(nil)
		for _, r := range readers {
			ids, err := r.ended()
			require.ErrorIs(t, err, messages.ErrStreamDisconnected)
			require.Equal(t, want, ids)
		}
	})
}

func TestSpec05_S95_IdleSubscribersCostNextToNothing(t *testing.T) {
	const many = 10_000
	e := newEngine(t, 0)
	goroutines := runtime.NumGoroutine()
	before := heap()
	subscriptions := make([]*subscription, many)
	for i := range subscriptions {
		subscriptions[i] = e.subscribe(t, tail, tagged(messages.InstanceTagKey, string(rune('a'+i%1000))))
	}
	require.Less(t, (heap()-before)/many, uint64(4<<10))
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines)

	e.writeEach(t, 100)
	require.Zero(t, e.pages.Load())
	require.Equal(t, many, e.hub.Stats().Subscribers)
	require.Zero(t, e.hub.Stats().GreatestLag)
	runtime.KeepAlive(subscriptions)
}

// heap is how much memory is in use.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func TestSpec02_S35_SubscribingWhileCommitsGoOn(t *testing.T) {
	const (
		commits = 1000
		racing  = 50
	)
	e := newEngine(t, 0)
	var all sync.WaitGroup
	for range racing {
		all.Go(func() {
			s, err := e.hub.Subscribe(t.Context(), tail, everything)
			if err != nil {
				t.Error(err)
				return
			}
			ids := readUntilLast(t, s)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if first, last := ids[0], ids[len(ids)-1]; int(last-first)+1 != len(ids) {
				t.Errorf("a gap in %v", ids)
			}
		})
	}
	e.writeEach(t, commits)
	e.writeLastUntil(t, &all)
}

// readUntilLast reads until a row that says it is the last one, and may be called by any goroutine.
func readUntilLast(t testing.TB, s *subscription) (ids []messages.EventID) {
	t.Helper()
	for got, err := range s.Events() {
		if err != nil {
			t.Error(err)
			break
		}
		ids = append(ids, got.EventID)
		if got.RawOutcome == last {
			break
		}
	}
	return ids
}

// last is the outcome of the rows that end a test.
const last = "last"

// writeLastUntil writes last rows until everybody has gone home, for who subscribes late has to see one, too.
func (e *engine) writeLastUntil(t testing.TB, all *sync.WaitGroup) {
	t.Helper()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		all.Wait()
	}()
	for {
		select {
		case <-gone:
			return
		default:
			e.write(t, event{RawOutcome: last})
			runtime.Gosched()
		}
	}
}
