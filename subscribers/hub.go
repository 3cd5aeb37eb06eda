package subscribers

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/flowfabric/ffsqlite/messages"
)

// Hub delivers the events of one outbox family to its subscriptions. Subscribe, Stats and Close may be called by any
// goroutine; Publish, Refresh and Skip are the fan-out's alone.
type Hub[E any] struct {
	family messages.Family
	header func(*E) Header
	pages  Pages[E]
	rows   Rows
	reads  turns

	published    atomic.Int64 // everything up to this id was delivered to mailboxes; written under the lock
	events       atomic.Uint64
	catchUpPages atomic.Uint64
	lagging      atomic.Int64

	mu     sync.Mutex
	index  index[E]
	tail   tail[E]
	closed bool
	cause  error // why it was closed, nil for a shutdown
}

// newHub is the hub of a family of which everything up to published is history.
func newHub[E any](
	family messages.Family, published messages.EventID, header func(*E) Header, pages Pages[E], rows Rows, reads turns,
) *Hub[E] {
	h := &Hub[E]{
		family: family,
		header: header,
		pages:  pages,
		rows:   rows,
		reads:  reads,
		index:  newIndex[E](),
	}
	h.tail = tail[E]{id: h.id, from: published}
	h.published.Store(int64(published))
	return h
}

// Publish delivers the events of a transaction, ascending by id, of which highest is the greatest id that the family
// has given out. The slice is shared from now on and must not be changed. Publish waits for no subscriber.
//
// It reports false and does nothing when events are missing between the published position and highest: the caller
// then has them read, by Refresh. Events that are published already are dropped.
func (h *Hub[E]) Publish(events []E, highest messages.EventID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unattended(highest) {
		return true
	}
	events = newer(events, h.highest(), h.id)
	if messages.EventID(len(events)) != highest-h.highest() {
		return false
	}
	h.push(events, highest)
	return true
}

// Pass reports whether nobody needs to be told of the events up to highest, because nobody listens; the published
// position has then moved past them. The writer asks before it troubles the fan-out. Any goroutine may call it.
func (h *Hub[E]) Pass(highest messages.EventID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.unattended(highest)
}

// Refresh reads the rows up to highest and publishes them. A read that fails in all its tries, or a row that cannot be
// decoded, is left to the subscriptions, which find it by themselves; the error says what it was.
func (h *Hub[E]) Refresh(ctx context.Context, highest messages.EventID) error {
	for h.behind(highest) {
		page, err := h.page(ctx)
		switch {
		case len(page) > 0:
			h.publishRead(page, h.id(&page[len(page)-1]))
		case err == nil: // nothing but holes
			h.publishRead(nil, highest)
		}
		if err != nil {
			h.Skip(highest)
			return err
		}
	}
	return nil
}

// Skip publishes that there are rows up to highest without their events: every subscription reads them for itself.
func (h *Hub[E]) Skip(highest messages.EventID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unattended(highest) {
		return
	}
	for s := range h.index.all {
		s.miss(h.highest())
	}
	h.tail.reset(highest)
	h.published.Store(int64(highest))
}

// Close ends every subscription once it has yielded what waits for it: with [messages.ErrStreamDisconnected] when
// cause is nil, else with [messages.ErrTransport] and that cause. It waits for none of them, and nothing can be
// subscribed or published afterwards. A second call does nothing.
func (h *Hub[E]) Close(cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	h.cause = cause
	for s := range h.index.all {
		s.disconnect()
		s.list = nil
	}
	h.index = newIndex[E]()
	h.tail.reset(h.highest())
}

// unattended tells whether there is nothing to deliver: highest is published already, or nobody listens, so that the
// published position moves on by itself. It is called with the lock.
func (h *Hub[E]) unattended(highest messages.EventID) bool {
	if h.closed || highest <= h.highest() {
		return true
	}
	if h.index.size > 0 {
		return false
	}
	h.published.Store(int64(highest))
	return true
}

// behind is the opposite of unattended, for a caller without the lock.
func (h *Hub[E]) behind(highest messages.EventID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.unattended(highest)
}

// page reads the rows that follow the published position. It takes no turn, for the fan-out must not wait for the
// loops of subscribers.
func (h *Hub[E]) page(ctx context.Context) (page []E, err error) {
	err = try(ctx, func() (err error) {
		page, err = h.pages(ctx, h.highest(), PageRows)
		return err
	})
	return page, err
}

// publishRead publishes events that were read, and that there are no others up to highest.
func (h *Hub[E]) publishRead(events []E, highest messages.EventID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.unattended(highest) {
		h.push(events, highest)
	}
}

// push leaves events with the subscriptions and moves the published position. It is called with the lock.
func (h *Hub[E]) push(events []E, highest messages.EventID) {
	h.tail.append(events)
	if len(events) > 0 {
		for _, s := range h.index.everything.subscriptions {
			s.offer(events)
		}
	}
	if h.index.size > len(h.index.everything.subscriptions) {
		for i := range events {
			h.route(&events[i])
		}
	}
	h.events.Add(uint64(len(events)))
	h.published.Store(int64(highest))
}

// route leaves one event with the filtered subscriptions that it matches.
func (h *Hub[E]) route(event *E) {
	header := h.header(event)
	h.routeTo(h.index.instanceTag, header.InstanceTag, event, header)
	h.routeTo(h.index.namespace, header.Namespace, event, header)
}

// routeTo is route for one column.
func (h *Hub[E]) routeTo(group map[string]*list[E], column *string, event *E, header Header) {
	if column == nil || len(group) == 0 {
		return
	}
	list := group[*column]
	if list == nil {
		return
	}
	for _, s := range list.subscriptions {
		if s.filter.passes(header) {
			s.pick(event, header.EventID)
		}
	}
}

// ahead is what a lagging subscription gets without a read: the next events in memory, a step over ids that have no
// rows, or, when it has caught up, the state live. It is decided under the lock that publishes, so no event falls
// between. When it is not settled, the outbox has to be read from the subscription's position, and everything up to
// published is in there.
func (h *Hub[E]) ahead(s *Subscription[E]) (page []E, published messages.EventID, settled bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	published = h.highest()

	if s.at() < published {
		page, settled = h.tail.after(s.at(), PageRows)
		if settled && len(page) == 0 {
			s.skip(published)
		}
		return page, published, settled
	}
	if s.unread {
		return nil, published, false
	}
	s.revive()
	return nil, published, true
}

// parting is how a subscription of a closed hub ends. It needs no lock: the cause was there before the subscription
// was told to close.
func (h *Hub[E]) parting(cursor messages.OutboxCursor) error {
	if h.cause != nil {
		return transportError(h.cause, cursor)
	}
	return messages.StreamDisconnectedError(cursor)
}

// forget takes an ended subscription out of the index. Without subscribers the family keeps no events.
func (h *Hub[E]) forget(s *Subscription[E]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.index.remove(s)
	if h.index.size == 0 {
		h.tail.reset(h.highest())
	}
}

// highest is the published position.
func (h *Hub[E]) highest() messages.EventID {
	return messages.EventID(h.published.Load())
}

// id is the id of an event.
func (h *Hub[E]) id(event *E) messages.EventID {
	return h.header(event).EventID
}
