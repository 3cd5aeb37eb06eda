package ffsqlite_test

import (
	"context"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// How subscriptions end, and how one goes on from where another ended: 05 §H.6 and scenarios 90–93.

// cursorOf is the position that the end of a subscription carries.
func cursorOf(t testing.TB, end error) messages.OutboxCursor {
	t.Helper()
	var e *messages.Error
	require.ErrorAs(t, end, &e)
	return e.Cursor
}

// ending is a loop in a goroutine of its own, until the subscription ends. It gives all errors that the loop yields.
func ending[E any](sub *ffsqlite.Subscription[E]) <-chan []error {
	done := make(chan []error, 1)
	go func() {
		var ends []error
		for _, err := range sub.Events() {
			if err != nil {
				ends = append(ends, err)
			}
		}
		done <- ends
	}()
	synctest.Wait()
	return done
}

func TestSpec05_S90_AnUnknownLeaseEventIsSkipped(t *testing.T) {
	e := open(t)
	sub := e.leasesFrom(nil, everything)
	e.sql.Exec(`
		INSERT INTO ff_lease_event (execution_id, event_type, occurred_at_ms, partition_key)
		VALUES (?1, 'weird', 1, 0)`, messages.NewFlowID().String())
	id := e.completed()
	got := took(t, sub, 2)
	require.Equal(t, id, got[0].ExecutionID)
	require.Equal(t, messages.EventID(2), got[0].EventID)
	require.Equal(t, got, took(t, e.leasesFrom(messages.FromBeginning(), everything), 2))
}

func TestSpec05_S90_ARowThatCannotBeDecodedEndsWhoReachesIt(t *testing.T) {
	e := open(t)
	live, leases := e.completionsFrom(nil), e.leasesFrom(nil, everything)
	first := e.completed()
	e.sql.Exec(`
		INSERT INTO ff_completion_event (partition_key, execution_id, outcome, occurred_at_ms) VALUES (0, x'0102', 'success', 1);
		INSERT INTO ff_lease_event (execution_id, event_type, occurred_at_ms, partition_key) VALUES ('nobody', 'renewed', 1, 0)`)
	second := e.completed()

	for _, sub := range []*ffsqlite.Subscription[messages.CompletionEvent]{
		live, e.completionsFrom(messages.FromBeginning()),
	} {
		events, end := drained(sub)
		require.Equal(t, []messages.ExecutionID{first}, executionsOf(events))
		require.ErrorIs(t, end, messages.ErrCorruption)
		require.Equal(t, messages.CursorAfter(2), cursorOf(t, end), "that of the row")
		require.Equal(t, messages.CursorAfter(2), sub.Cursor())
		require.Equal(t, second, took(t, e.completionsFrom(cursorOf(t, end)), 1)[0].ExecutionID)
	}
	events, end := drained(leases)
	require.Len(t, events, 2)
	require.ErrorIs(t, end, messages.ErrCorruption)
	require.Equal(t, second, took(t, e.leasesFrom(cursorOf(t, end), everything), 2)[1].ExecutionID)

	sub := e.completionsFrom(nil)
	third := e.completed()
	require.Equal(t, third, took(t, sub, 1)[0].ExecutionID, "the family goes on")
}

func TestSpec05_S91_LeavingTheLoop(t *testing.T) {
	e := open(t)
	sub := e.completionsFrom(nil)
	ids := []messages.ExecutionID{e.completed()}
	require.Equal(t, ids, executionsOf(took(t, sub, 1)))
	for range 3 {
		ids = append(ids, e.completed())
	}
	require.Equal(t, ids[1:], executionsOf(took(t, sub, 3)))
}

func TestSpec05_S91_TheContextOfTheSubscriptionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		quiet, err := e.SubscribeLeaseHistory(ctx, nil, everything)
		require.NoError(t, err)
		unread, err := e.SubscribeLeaseHistory(ctx, nil, everything)
		require.NoError(t, err)
		ended := ending(quiet)
		cancel()
		require.Equal(t, []error{context.Canceled}, <-ended, "once")
		synctest.Wait()
		e.completed()
		for _, sub := range []*ffsqlite.Subscription[messages.LeaseHistoryEvent]{quiet, unread} {
			events, end := drained(sub)
			require.Empty(t, events)
			require.ErrorIs(t, end, context.Canceled)
			require.NoError(t, sub.Close())
		}
		_, err = e.SubscribeLeaseHistory(ctx, nil, everything)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestSpec05_S92_CloseOnAQuietFamily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		synctest.Wait()
		before := runtime.NumGoroutine()
		var subs []*ffsqlite.Subscription[messages.CompletionEvent]
		var ended []<-chan []error
		for range 20 {
			sub := e.completionsFrom(nil)
			subs, ended = append(subs, sub), append(ended, ending(sub))
		}
		require.LessOrEqual(t, runtime.NumGoroutine(), before+len(subs), "one for each loop, which is the caller's")
		for i, sub := range subs {
			require.NoError(t, sub.Close())
			require.Empty(t, <-ended[i], "an end without an error")
			require.NoError(t, sub.Close())
		}
		synctest.Wait()
		require.LessOrEqual(t, runtime.NumGoroutine(), before)
	})
}

func TestSpec05_S93_ShutdownGivesWhatIsBuffered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	e := openAt(t, path)
	sub := e.completionsFrom(nil)
	tagged := e.filtered(messages.ScannerFilter{}.WithInstanceTag("cairn.instance_id", "i-1"))
	leases := e.leasesFrom(nil, everything)
	want := e.completed(withTag("cairn.instance_id", "i-1"))
	ids := []messages.ExecutionID{want}
	for range 9 {
		ids = append(ids, e.completed())
	}
	require.NoError(t, e.Close())

	events, end := drained(sub)
	require.Equal(t, ids, executionsOf(events))
	require.ErrorIs(t, end, messages.ErrStreamDisconnected)
	require.Equal(t, events[9].Cursor, cursorOf(t, end))
	cursor := cursorOf(t, end)
	events, end = drained(tagged)
	require.Equal(t, []messages.ExecutionID{want}, executionsOf(events))
	require.ErrorIs(t, end, messages.ErrStreamDisconnected)
	require.Equal(t, cursor, cursorOf(t, end), "the others were filtered out")
	history, leaseEnd := drained(leases)
	require.Len(t, history, 20)

	e = openAt(t, path)
	later := e.completed()
	require.Equal(t, later, took(t, e.completionsFrom(cursor), 1)[0].ExecutionID)
	require.Equal(t, later, took(t, e.leasesFrom(cursorOf(t, leaseEnd), everything), 1)[0].ExecutionID)
}

func TestSpec05_S93_ShutdownWaitsForNoConsumer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	e := openAt(t, path)
	sub := e.completionsFrom(nil)
	e.foreignCompletions(2000) // Far more than a mailbox holds.
	last := e.completed()
	require.NoError(t, e.Close())
	events, end := drained(sub)
	require.ErrorIs(t, end, messages.ErrStreamDisconnected)
	require.Equal(t, messages.CursorAfter(messages.EventID(len(events))), cursorOf(t, end))

	e = openAt(t, path)
	rest := took(t, e.completionsFrom(cursorOf(t, end)), 2001-len(events))
	require.Equal(t, messages.EventID(len(events)+1), rest[0].EventID)
	require.Equal(t, last, rest[len(rest)-1].ExecutionID)
}

func TestSubscription_AnOutboxThatCannotBeRead(t *testing.T) {
	files := fftest.NewFaultyVFS(t)
	e := openAt(t, filepath.Join(t.TempDir(), "x.db"), ffsqlite.WithVFS(files.Name()))
	e.foreignCompletions(1000)
	last := e.completed()
	sub := e.completionsFrom(messages.FromBeginning())
	seen := took(t, sub, 300)
	tries := 0
	files.Inject(func(o fftest.Operation) error {
		if o.Kind == fftest.OpRead {
			tries++
			return sqlite3.IOERR_READ
		}
		return nil
	})
	events, end := drained(sub)
	files.Inject(nil)
	require.Positive(t, tries)
	require.ErrorIs(t, end, messages.ErrTransport)
	require.ErrorIs(t, end, sqlite3.IOERR_READ)
	position := len(seen) + len(events)
	require.Equal(t, messages.CursorAfter(messages.EventID(position)), cursorOf(t, end), "the last that was delivered")

	rest := took(t, e.completionsFrom(cursorOf(t, end)), 1001-position)
	require.Equal(t, last, rest[len(rest)-1].ExecutionID)
	require.NoError(t, e.Ping(t.Context()), "the engine works")
}
