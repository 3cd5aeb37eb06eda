package ffsqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// What subscriptions to completions and to the lease history deliver: 05 Part H and its scenarios 79–90 and 96–99. How
// they end and how many there may be is in subscription_ends_test.go and subscription_crowd_test.go.

var everything messages.ScannerFilter

// took takes n events of a subscription and leaves the loop.
func took[E any](t testing.TB, sub *ffsqlite.Subscription[E], n int) (events []E) {
	t.Helper()
	for event, err := range sub.Events() {
		require.NoError(t, err)
		if events = append(events, event); len(events) == n {
			break
		}
	}
	require.Len(t, events, n)
	return events
}

// drained takes events until the subscription ends, and returns what ended it.
func drained[E any](sub *ffsqlite.Subscription[E]) (events []E, end error) {
	for event, err := range sub.Events() {
		if err != nil {
			return events, err
		}
		events = append(events, event)
	}
	return events, nil
}

// following is a loop in a goroutine of its own; it notes what it yields.
func following[E any](sub *ffsqlite.Subscription[E]) <-chan E {
	events := make(chan E, 1000)
	go func() {
		defer close(events)
		for event, err := range sub.Events() {
			if err != nil {
				return
			}
			events <- event
		}
	}()
	return events
}

// completed creates an execution and drives it to its success.
func (e *engine) completed(change ...func(*messages.CreateExecutionArgs)) messages.ExecutionID {
	e.t.Helper()
	id := e.created(change...)
	e.drive(id, true)
	return id
}

func TestSpec05_S79_Completion(t *testing.T) {
	e := open(t)
	sub := e.completionsFrom(nil)
	e.clock.Advance(time.Second)
	id := e.completed(withTag("cairn.instance_id", "i-42"))
	require.Equal(t, messages.CompletionEvent{
		EventID: 1, Cursor: messages.CursorAfter(1), ExecutionID: id, Outcome: messages.CompletionSuccess, RawOutcome: "success",
		At: e.now(), Namespace: new(string(namespace)), InstanceTag: new("i-42"),
	}, took(t, sub, 1)[0])
}

func TestSpec05_S80_TailAndCursor(t *testing.T) {
	e := open(t)
	e.completed()
	sub := e.completionsFrom(nil)
	second := e.completed()
	got := took(t, sub, 1)[0]
	require.Equal(t, second, got.ExecutionID)
	require.Equal(t, got.Cursor, sub.Cursor())
	require.NoError(t, sub.Close())

	again := e.completionsFrom(got.Cursor)
	third := e.completed()
	require.Equal(t, third, took(t, again, 1)[0].ExecutionID)
	require.Equal(t, third, took(t, e.completionsFrom(got.Cursor), 1)[0].ExecutionID, "also when it came before")
}

func TestSpec05_S81_FromTheBeginning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	e := openAt(t, path)
	ids := []messages.ExecutionID{e.completed(), e.completed(), e.completed()}
	require.Equal(t, ids, executionsOf(took(t, e.completionsFrom(messages.FromBeginning()), 3)))
	leases := took(t, e.leasesFrom(messages.FromBeginning(), everything), 6)
	require.Equal(t, messages.LeaseRevoked, took(t, e.leasesFrom(leases[0].Cursor, everything), 1)[0].Kind)

	cursor := took(t, e.completionsFrom(messages.FromBeginning()), 1)[0].Cursor
	require.NoError(t, e.Close())
	e = openAt(t, path)
	sub := e.completionsFrom(cursor)
	ids = append(ids, e.completed())
	require.Equal(t, ids[1:], executionsOf(took(t, sub, 3)), "the cursor is good after a reopen")
}

func TestSpec05_S84_BadCursors(t *testing.T) {
	e := open(t)
	e.completed()
	valkey := append(messages.OutboxCursor{0x01}, make([]byte, 16)...)
	for name, cursor := range map[string]messages.OutboxCursor{
		"17 bytes":       valkey,
		"8 bytes":        {0x02, 0, 0, 0, 0, 0, 0, 1},
		"10 bytes":       append(messages.CursorAfter(1), 0),
		"first byte 1":   {0x01, 0, 0, 0, 0, 0, 0, 0, 1},
		"first byte 3":   {0x03, 0, 0, 0, 0, 0, 0, 0, 1},
		"a negative one": messages.CursorAfter(-1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := e.SubscribeCompletion(t.Context(), cursor, everything)
			requireInvalid(t, err, "invalid event_id cursor for sqlite.subscribe_completion")
			_, err = e.SubscribeLeaseHistory(t.Context(), cursor, everything)
			requireInvalid(t, err, "invalid event_id cursor for sqlite.subscribe_lease_history")
		})
	}
	_, err := e.SubscribeCompletion(t.Context(), messages.CursorAfter(2), everything)
	require.ErrorIs(t, err, messages.ErrInvalidOffset)
	_, err = e.SubscribeLeaseHistory(t.Context(), messages.CursorAfter(3), everything)
	require.ErrorIs(t, err, messages.ErrInvalidOffset)

	// An id that was given out is no reason to refuse, though its row is gone.
	e.sql.Exec("DELETE FROM ff_completion_event")
	sub := e.completionsFrom(messages.CursorAfter(1))
	require.Equal(t, e.completed(), took(t, sub, 1)[0].ExecutionID)
}

// afterNobodyRead is a subscriber that reads only once n completions have happened, and what it gets.
func (e *engine) afterNobodyRead(n int) (sub *ffsqlite.Subscription[messages.CompletionEvent], got []messages.CompletionEvent) {
	e.t.Helper()
	sub = e.completionsFrom(nil)
	var ids []messages.ExecutionID
	for range n {
		ids = append(ids, e.completed())
	}
	got = took(e.t, sub, n)
	require.Equal(e.t, ids, executionsOf(got))
	return sub, got
}

func TestSpec05_S85_ThreeHundredCompletionsWhileNobodyReads(t *testing.T) {
	e := open(t)
	sub, got := e.afterNobodyRead(300)
	for i, event := range got {
		require.Equal(t, messages.CursorAfter(messages.EventID(i+1)), event.Cursor)
	}
	next := e.completed()
	require.Equal(t, []messages.ExecutionID{next}, executionsOf(took(t, sub, 1)), "it goes on live")
}

func TestSpec05_S85_FiveThousandWhileNobodyReads(t *testing.T) {
	e := open(t)
	sub := e.completionsFrom(nil)
	const rows = 5000
	e.foreignCompletions(rows - 1)
	last := e.completed()
	got := took(t, sub, rows)
	for i, event := range got {
		require.Equal(t, messages.EventID(i+1), event.EventID)
	}
	require.Equal(t, last, got[rows-1].ExecutionID)
}

// foreignCompletions inserts n rows into the outbox as another process does.
func (e *engine) foreignCompletions(n int) {
	e.t.Helper()
	e.sql.Exec(`
		INSERT INTO ff_completion_event (partition_key, execution_id, outcome, occurred_at_ms)
		  WITH RECURSIVE row(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM row WHERE n < ?1)
		SELECT 0, randomblob(16), 'success', n FROM row`, n)
}

func TestSpec05_S86_FiveEventsOfOneTransaction(t *testing.T) {
	g := open(t).newFlow()
	sub := g.completionsFrom(nil)
	members := g.members(5)
	_, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: messages.CancelAll})
	require.NoError(t, err)
	got := took(t, sub, 5)
	require.ElementsMatch(t, members, executionsOf(got))
	for i, event := range got {
		require.Equal(t, messages.EventID(i+1), event.EventID)
		require.Equal(t, g.flow, *event.FlowID)
		require.Equal(t, messages.CompletionCancelled, event.Outcome)
		uuid := event.ExecutionID.UUID()
		require.Equal(t, int64(event.EventID),
			g.sql.Int("SELECT event_id FROM ff_completion_event WHERE execution_id = ?1", uuid[:]))
	}
}

func TestSpec05_S87_Outcomes(t *testing.T) {
	e := open(t)
	sub := e.completionsFrom(nil)
	e.drive(e.created(), false)
	e.sql.Exec(`
		INSERT INTO ff_completion_event (partition_key, execution_id, outcome, occurred_at_ms)
		VALUES (0, randomblob(16), 'failure', 1), (0, randomblob(16), 'completed', 1), (0, randomblob(16), 'weird', 1)`)
	e.completed()
	var outcomes, raw []string
	for _, event := range took(t, sub, 5) {
		outcomes, raw = append(outcomes, string(event.Outcome)), append(raw, event.RawOutcome)
	}
	require.Equal(t, []string{"failed", "failed", "success", "weird", "success"}, outcomes)
	require.Equal(t, []string{"failed", "failure", "completed", "weird", "success"}, raw)
}

func TestSpec01_S73_EveryEndHasItsOutcome(t *testing.T) {
	e := open(t)
	sub := e.completionsFrom(nil)
	g := e.newFlow()
	upstream, downstream := g.member(), g.member()
	g.edge(upstream, downstream)
	cancelled := e.created(inLane("elsewhere"))
	_, err := e.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: cancelled})
	require.NoError(t, err)
	e.drive(upstream, false)
	// What nothing in the engine writes yet: other programs do.
	e.sql.Exec(`
		INSERT INTO ff_completion_event (partition_key, execution_id, outcome, occurred_at_ms)
		VALUES (0, randomblob(16), 'expired', 1), (0, randomblob(16), 'resumable', 1)`)
	e.completed()

	var outcomes []messages.CompletionOutcome
	events := took(t, sub, 6)
	for _, event := range events {
		require.Equal(t, string(event.Outcome), event.RawOutcome)
		outcomes = append(outcomes, event.Outcome)
	}
	require.Equal(t, []messages.CompletionOutcome{
		messages.CompletionCancelled, messages.CompletionFailed, messages.CompletionSkipped, messages.CompletionExpired,
		messages.CompletionResumable, messages.CompletionSuccess,
	}, outcomes)
	require.Equal(t, []messages.ExecutionID{cancelled, upstream, downstream}, executionsOf(events[:3]))
}

func TestSpec05_S89_EveryPartitionIsDelivered(t *testing.T) {
	e := open(t)
	completions, leases := e.completionsFrom(nil), e.leasesFrom(nil, everything)
	id := messages.NewExecutionID(7, messages.NewFlowID())
	_, err := e.CreateExecution(t.Context(), args(id))
	require.NoError(t, err)
	e.drive(id, true)
	require.Regexp(t, `^\{fp:7}:`, took(t, completions, 1)[0].ExecutionID.String())
	for _, event := range took(t, leases, 2) {
		require.Equal(t, id, event.ExecutionID)
	}
	cursor := messages.FromBeginning()
	require.Equal(t, id, took(t, e.completionsFrom(cursor), 1)[0].ExecutionID, "also from the table")
	require.Equal(t, id, took(t, e.leasesFrom(cursor, everything), 1)[0].ExecutionID)
}

func TestSpec05_S96_ARowOfAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := fftest.NewFaultyVFS(t)
		e := openAt(t, filepath.Join(t.TempDir(), "x.db"), ffsqlite.WithVFS(files.Name()))
		sub := e.completionsFrom(nil)
		events := following(sub)
		e.foreignCompletions(2)
		synctest.Wait()
		require.Empty(t, events, "nothing looks for it")
		id := e.completed()
		synctest.Wait()
		require.Len(t, events, 3)
		for want := messages.EventID(1); want <= 3; want++ {
			event := <-events
			require.Equal(t, want, event.EventID)
			require.Equal(t, want == 3, event.ExecutionID == id)
		}

		// An idle engine leaves the file alone, however many subscribers it has.
		for range 1000 {
			e.completionsFrom(nil)
		}
		touched := 0
		files.Inject(func(fftest.Operation) error {
			touched++
			return nil
		})
		e.advance(10 * time.Second)
		files.Inject(nil)
		require.Zero(t, touched)
	})
}

func TestSpec05_S99_SubscriptionsAreIndependent(t *testing.T) {
	e := open(t)
	one, other := e.completionsFrom(nil), e.completionsFrom(nil)
	both := []messages.ExecutionID{e.completed()}
	require.Equal(t, both, executionsOf(took(t, one, 1)))
	require.Equal(t, both, executionsOf(took(t, other, 1)))
	require.NoError(t, one.Close())
	require.Equal(t, e.completed(), took(t, other, 1)[0].ExecutionID)
	events, end := drained(one)
	require.Empty(t, events)
	require.NoError(t, end)
}

func TestSpec05_S97_ARolledBackCallWritesNoEvent(t *testing.T) {
	e := open(t)
	sub := e.completionsFrom(nil)
	e.created()
	handle := e.claimed()
	stale := forged(t, handle, func(p *messages.HandlePayload) { p.LeaseEpoch++ })
	require.ErrorIs(t, e.Complete(t.Context(), stale, nil), messages.ErrLeaseConflict)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, e.Complete(ctx, handle, nil), context.Canceled)
	require.NoError(t, e.Complete(t.Context(), handle, nil))
	require.Equal(t, messages.EventID(1), took(t, sub, 1)[0].EventID)
}

func TestSpec01_S68_TheTailAndTheEventBehindACursor(t *testing.T) {
	e := open(t)
	ids := []messages.ExecutionID{e.completed(), e.completed()}
	sub := e.completionsFrom(nil)
	for range 3 {
		ids = append(ids, e.completed())
	}
	later := took(t, sub, 3)
	require.Equal(t, ids[2:], executionsOf(later))
	for k, event := range later[:2] {
		require.Equal(t, ids[2+k+1], took(t, e.completionsFrom(event.Cursor), 1)[0].ExecutionID)
	}
}

func TestSpec01_S69_NothingIsLostWhileNobodyReads(t *testing.T) {
	e := open(t)
	_, got := e.afterNobodyRead(300)
	for i, event := range got[1:] {
		require.Positive(t, bytes.Compare(event.Cursor, got[i].Cursor), "%d", i)
	}
}

func TestSpec04_S08_ACompletionWakesItsSubscriberAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		events := following(e.completionsFrom(nil))
		id := e.created()
		require.NoError(t, e.Complete(t.Context(), e.claimed(), nil))
		synctest.Wait() // No time passes.
		require.Len(t, events, 1)
		event := <-events
		require.Equal(t, id, event.ExecutionID)
		require.Equal(t, messages.CompletionSuccess, event.Outcome)
		require.Equal(t, [][]string{{fmt.Sprint(int64(event.EventID)), "success", "0"}},
			e.sql.Rows("SELECT event_id, outcome, partition_key FROM ff_completion_event"))
	})
}
