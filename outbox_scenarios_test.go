package ffsqlite_test

import (
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// The outbox across reopening and slow readers: 02 §6 and scenarios 31 to 33.

func TestSpec02_S31_TheTailAndACursorAcrossAReopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	e := openAt(t, path)
	e.completed()
	sub := e.completionsFrom(nil)
	id := e.completed()
	got := took(t, sub, 1)[0]
	require.Equal(t, id, got.ExecutionID)
	require.Equal(t, messages.EventID(2), got.EventID)
	after := e.completed()
	require.NoError(t, e.Close())

	e = openAt(t, path)
	next := took(t, e.completionsFrom(got.Cursor), 1)[0]
	require.Equal(t, messages.EventID(3), next.EventID)
	require.Equal(t, after, next.ExecutionID)
}

// Not parallel: it counts goroutines.
func TestSpec02_S32_FromTheBeginningAndNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		e.foreignCompletions(2)
		synctest.Wait()
		before := runtime.NumGoroutine()
		sub := e.completionsFrom(messages.FromBeginning())
		require.Equal(t, []messages.EventID{1, 2}, eventIDsOf(took(t, sub, 2)))
		e.completed()
		require.Equal(t, []messages.EventID{3}, eventIDsOf(took(t, sub, 1)))

		following(sub) // It waits for more, on a goroutine of its own.
		synctest.Wait()
		require.NoError(t, sub.Close())
		synctest.Wait()
		require.Equal(t, before, runtime.NumGoroutine())
	})
}

func TestSpec02_S33_ThreeHundredWhileNobodyReads(t *testing.T) {
	t.Parallel()
	e := open(t)
	subs := map[string]*ffsqlite.Subscription[messages.CompletionEvent]{
		"at the tail": e.completionsFrom(nil), "from the beginning": e.completionsFrom(messages.FromBeginning()),
	}
	want := make([]messages.EventID, 300)
	for i := range want {
		want[i] = messages.EventID(i + 1)
		e.completed()
	}
	for name, sub := range subs {
		require.Equal(t, want, eventIDsOf(took(t, sub, len(want))), name)
		require.Equal(t, messages.CursorAfter(300), sub.Cursor(), name)
	}
	e.completed()
	for name, sub := range subs {
		require.Equal(t, []messages.EventID{301}, eventIDsOf(took(t, sub, 1)), name)
	}
}

func eventIDsOf(events []messages.CompletionEvent) (ids []messages.EventID) {
	for _, event := range events {
		ids = append(ids, event.EventID)
	}
	return ids
}
