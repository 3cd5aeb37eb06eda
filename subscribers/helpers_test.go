package subscribers_test

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/subscribers"
)

type (
	event        = messages.CompletionEvent
	subscription = subscribers.Subscription[event]
)

// outbox is a completion table in memory.
type outbox struct {
	mu     sync.Mutex
	rows   []event
	bad    map[messages.EventID]bool // rows that cannot be decoded
	tags   map[messages.ExecutionID]string
	faults int   // how many reads fail from now on
	fault  error // with what

	pages   atomic.Int64  // reads of a page that were asked for
	lookups atomic.Int64  // look-ups of a tag that were asked for
	gate    chan struct{} // when set, each read of a page waits for a token
}

// insert commits rows and returns them with their ids. A row with an id keeps it, which leaves a hole before it.
func (o *outbox) insert(rows ...event) []event {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range rows {
		if rows[i].EventID == 0 {
			rows[i].EventID = o.last() + 1
		}
		rows[i].Cursor = messages.CursorAfter(rows[i].EventID)
		if rows[i].ExecutionID.IsZero() {
			rows[i].ExecutionID = execution(0, rows[i].EventID)
		}
		o.rows = append(o.rows, rows[i])
	}
	return rows
}

func (o *outbox) last() messages.EventID {
	if len(o.rows) == 0 {
		return 0
	}
	return o.rows[len(o.rows)-1].EventID
}

// ids are the ids of the rows after a position that a filter lets pass.
func (o *outbox) ids(after messages.EventID, passes func(*event) bool) []messages.EventID {
	o.mu.Lock()
	defer o.mu.Unlock()
	var ids []messages.EventID
	for i := range o.rows {
		if o.rows[i].EventID > after && passes(&o.rows[i]) {
			ids = append(ids, o.rows[i].EventID)
		}
	}
	return ids
}

func (o *outbox) CompletionPage(ctx context.Context, after messages.EventID, limit int) ([]event, error) {
	o.pages.Add(1)
	if o.gate != nil {
		select {
		case <-o.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}

	o.mu.Lock()
	defer o.mu.Unlock()
	if o.faults > 0 {
		o.faults--
		return nil, o.fault
	}
	from, _ := slices.BinarySearchFunc(o.rows, after+1, func(row event, id messages.EventID) int {
		return int(row.EventID - id)
	})
	page := slices.Clone(o.rows[from:min(from+limit, len(o.rows))])
	for i := range page {
		if o.bad[page[i].EventID] {
			err := messages.CorruptionError("completion page", "execution_id: not a UUID")
			err.Cursor = page[i].Cursor
			return page[:i], err
		}
	}
	return page, nil
}

func (o *outbox) LeaseHistoryPage(context.Context, messages.EventID, int) ([]messages.LeaseHistoryEvent, error) {
	return nil, nil
}

func (o *outbox) HighestEventID(context.Context, messages.Family) (messages.EventID, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.faults > 0 {
		o.faults--
		return 0, o.fault
	}
	return o.last(), nil
}

func (o *outbox) HighWaterEventID(ctx context.Context, family messages.Family) (messages.EventID, error) {
	return o.HighestEventID(ctx, family)
}

func (o *outbox) ExecutionTag(_ context.Context, id messages.ExecutionID, key string) (*string, error) {
	o.lookups.Add(1)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.faults > 0 {
		o.faults--
		return nil, o.fault
	}
	if value, ok := o.tags[id]; ok && key == "team" {
		return &value, nil
	}
	return nil, nil
}

// setFault makes the next reads fail.
func (o *outbox) setFault(n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.faults, o.fault = n, err
}

// engine is an outbox with the hub over it, and publishes as the fan-out does.
type engine struct {
	*outbox
	hub *subscribers.Hub[event]
}

// newEngine is an engine that was opened over history rows.
func newEngine(t testing.TB, history int) *engine {
	t.Helper()
	o := &outbox{bad: make(map[messages.EventID]bool), tags: make(map[messages.ExecutionID]string)}
	o.insert(make([]event, history)...)
	hubs, err := subscribers.NewHubs(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { hubs.Completions.Close(nil) })
	return &engine{outbox: o, hub: hubs.Completions}
}

// write commits rows in one transaction and publishes them.
func (e *engine) write(t testing.TB, rows ...event) []event {
	t.Helper()
	rows = e.insert(rows...)
	e.publish(t, rows)
	return rows
}

// writeEach commits and publishes n plain rows, each in a transaction of its own.
func (e *engine) writeEach(t testing.TB, n int) {
	t.Helper()
	for range n {
		e.write(t, event{})
	}
}

// publish tells the hub of committed rows.
func (e *engine) publish(t testing.TB, rows []event) {
	t.Helper()
	highest := rows[len(rows)-1].EventID
	if !e.hub.Publish(rows, highest) {
		require.NoError(t, e.hub.Refresh(t.Context(), highest))
	}
}

// subscribe follows the completions after cursor.
func (e *engine) subscribe(t testing.TB, cursor messages.OutboxCursor, filter messages.ScannerFilter) *subscription {
	t.Helper()
	s, err := e.hub.Subscribe(t.Context(), cursor, filter)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// tail and everything are where and what to subscribe to.
var (
	tail       messages.OutboxCursor
	everything messages.ScannerFilter
)

// read takes n events from a new loop and leaves it.
func read(t testing.TB, s *subscription, n int) []messages.EventID {
	t.Helper()
	var ids []messages.EventID
	for got, err := range s.Events() {
		require.NoError(t, err)
		ids = append(ids, got.EventID)
		if len(ids) == n {
			break
		}
	}
	require.Len(t, ids, n)
	return ids
}

// readAll takes events from a new loop until the subscription ends.
func readAll(s *subscription) (ids []messages.EventID, end error) {
	for got, err := range s.Events() {
		if err != nil {
			end = err
			continue
		}
		ids = append(ids, got.EventID)
	}
	return ids, end
}

// reader is a loop in a goroutine of its own.
type reader struct {
	done chan struct{} // closed when the loop has ended
	seen atomic.Int64
	ids  []messages.EventID // to be read after done
	end  error
}

// reading starts a loop over s.
func reading(s *subscription) *reader {
	r := &reader{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for got, err := range s.Events() {
			if err != nil {
				r.end = err
				continue
			}
			r.ids = append(r.ids, got.EventID)
			r.seen.Add(1)
		}
	}()
	return r
}

// ended waits for the loop's end and returns what it yielded.
func (r *reader) ended() ([]messages.EventID, error) {
	<-r.done
	return r.ids, r.end
}

// running tells whether the loop has not ended.
func (r *reader) running() bool {
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}

// execution is an id made of a number.
func execution(partition uint16, n messages.EventID) messages.ExecutionID {
	var uuid [16]byte
	binary.BigEndian.PutUint64(uuid[8:], uint64(n))
	return messages.NewExecutionID(partition, uuid)
}

// sequence is the ids from first to last.
func sequence(first, last messages.EventID) []messages.EventID {
	var ids []messages.EventID
	for id := first; id <= last; id++ {
		ids = append(ids, id)
	}
	return ids
}

// cursorOf is the position of an error that ends a subscription.
func cursorOf(t testing.TB, err error) messages.OutboxCursor {
	t.Helper()
	var end *messages.Error
	require.ErrorAs(t, err, &end)
	return end.Cursor
}

// tagged is a filter on a tag.
func tagged(key, value string) messages.ScannerFilter {
	return messages.ScannerFilter{}.WithInstanceTag(key, value)
}

// in is a filter on a namespace.
func in(namespace messages.Namespace) messages.ScannerFilter {
	return messages.ScannerFilter{}.WithNamespace(namespace)
}
