package ffsqlite_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// Many subscriptions at once, slow ones among them: 05 §H.9 with scenarios 94 and 95, 02 scenario 35.

// crowd is how many subscriptions an engine must carry.
const crowd = 10_000

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func TestSpec05_S95_IdleSubscribersCostNextToNothing(t *testing.T) {
	e := open(t)
	e.completed()
	goroutines, before := runtime.NumGoroutine(), heap()
	subs := make([]*ffsqlite.Subscription[messages.CompletionEvent], crowd)
	for i := range subs {
		var err error
		subs[i], err = e.SubscribeCompletion(t.Context(), nil, everything)
		require.NoError(t, err)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
	require.LessOrEqual(t, (heap()-before)/crowd, uint64(4<<10), "bytes for each")

	id := e.completed()
	for _, sub := range subs {
		require.Equal(t, id, took(t, sub, 1)[0].ExecutionID)
		require.NoError(t, sub.Close())
	}
	runtime.KeepAlive(subs)
}

func TestSpec05_S94_WhoDoesNotReadDelaysNobody(t *testing.T) {
	e := open(t)
	const events, slowOnes = 20, 100
	subs := make([]*ffsqlite.Subscription[messages.CompletionEvent], crowd)
	for i := range subs {
		subs[i] = e.completionsFrom(nil)
	}
	var ids []messages.ExecutionID
	for range events {
		ids = append(ids, e.completed())
	}
	for _, sub := range subs[slowOnes:] {
		require.Equal(t, ids, executionsOf(took(t, sub, events)))
	}

	// The slow ones overrun their mailboxes, and what is kept in memory.
	e.foreignCompletions(5000)
	last := e.completed()
	reader := subs[slowOnes]
	require.Equal(t, last, took(t, reader, 5001)[5000].ExecutionID)
	for _, sub := range subs[:slowOnes] {
		got := took(t, sub, events+5001)
		require.Equal(t, ids, executionsOf(got[:events]))
		require.Equal(t, messages.EventID(events+5001), got[events+5000].EventID)
		require.Equal(t, last, got[events+5000].ExecutionID)
	}
}

func TestSpec02_S35_SubscribingWhileCommitsGoOn(t *testing.T) {
	e := open(t)
	const commits, racers = 1000, 50
	var group sync.WaitGroup
	for range racers {
		group.Go(func() {
			sub, err := e.SubscribeLeaseHistory(t.Context(), nil, everything)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = sub.Close() }()
			before := messages.EventID(0)
			for event, err := range sub.Events() {
				if err != nil || before != 0 && event.EventID != before+1 {
					t.Errorf("%d after %d: %v", event.EventID, before, err)
					return
				}
				if before = event.EventID; before >= commits {
					return
				}
			}
		})
	}
	e.created()
	handle := e.claimed()
	for range commits {
		_, err := e.Renew(t.Context(), handle)
		require.NoError(t, err)
	}
	// Who came late waits for the end of a history that it has not seen the beginning of.
	require.NoError(t, e.Complete(t.Context(), handle, nil))
	for done := waited(&group); ; {
		select {
		case <-done:
			return
		default:
			e.completed()
		}
	}
}

// waited is closed when the group is done.
func waited(group *sync.WaitGroup) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	return done
}
