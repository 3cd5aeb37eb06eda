package subscribers

import (
	"context"

	"github.com/flowfabric/ffsqlite/messages"
)

// Subscribe follows the family from cursor on. The empty cursor starts behind the highest id that is committed now;
// every event whose commit ends after Subscribe returned is delivered. Any other cursor starts behind its event, first
// with what is stored, then live, without a gap and without a repetition. The subscription ends with ctx at the latest.
//
// It returns [messages.ErrInvalidInput] for a malformed cursor, the error of an ended ctx, [messages.ErrUnavailable]
// when the hub is closed ([messages.ErrTransport] when it was closed by a fault), [messages.ErrInvalidOffset] for a
// cursor ahead of everything that the family ever stored, and [messages.ErrTransport] when the database cannot be read.
// Two calls with the same arguments give two independent subscriptions.
func (h *Hub[E]) Subscribe(
	ctx context.Context, cursor messages.OutboxCursor, filter messages.ScannerFilter,
) (*Subscription[E], error) {
	after, tail, err := cursor.Position(h.family)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}

	s := &Subscription[E]{
		hub:    h,
		ctx:    ctx,
		filter: newFilter(filter),
		wake:   make(chan struct{}, 1),
		rested: true,
	}
	if err := h.attach(s, after, tail); err != nil {
		return nil, err
	}
	if err := h.place(ctx, s, after, tail); err != nil {
		_ = s.Close()
		return nil, err
	}
	s.follow(ctx)
	return s, nil
}

// attach registers a subscription with the hub, before anything is read for it, so that a commit in between is seen
// either by the read or by the mailbox.
func (h *Hub[E]) attach(s *Subscription[E], after messages.EventID, tail bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed && h.cause != nil:
		return transportError(h.cause, nil)
	case h.closed:
		return messages.UnavailableError("sqlite.subscribe_" + string(h.family))
	}

	if tail {
		s.position.Store(h.published.Load())
	} else {
		s.position.Store(int64(after))
		s.unread = true
		s.lag(after)
	}
	if h.index.size == 0 {
		h.tail.reset(h.highest())
	}
	h.index.add(s)
	return nil
}

// place checks the position of an attached subscription, or finds it for one that starts at the tail.
func (h *Hub[E]) place(ctx context.Context, s *Subscription[E], after messages.EventID, tail bool) error {
	if tail {
		highest, err := h.ask(ctx, h.rows.HighestEventID)
		s.skip(highest)
		return err
	}
	if after <= h.highest() {
		return nil
	}

	given, err := h.ask(ctx, h.rows.HighWaterEventID)
	if err == nil && after > max(given, h.highest()) {
		return messages.ValidationError(messages.CodeInvalidOffset,
			"cursor: ahead of every event id of sqlite.subscribe_"+string(h.family))
	}
	return err
}

// ask reads one of the family's ids.
func (h *Hub[E]) ask(
	ctx context.Context, read func(context.Context, messages.Family) (messages.EventID, error),
) (id messages.EventID, err error) {
	err = try(ctx, func() (err error) {
		id, err = read(ctx, h.family)
		return err
	})
	switch {
	case err == nil:
		return id, nil
	case ctx.Err() != nil:
		return 0, ctx.Err()
	default:
		return 0, transportError(err, nil)
	}
}

// follow ends the subscription with ctx. No goroutine waits for that.
func (s *Subscription[E]) follow(ctx context.Context) {
	detach := context.AfterFunc(ctx, func() {
		s.end(func(messages.OutboxCursor) error { return ctx.Err() })
	})

	s.mu.Lock()
	defer s.mu.Unlock()
	s.detach = detach
	if s.state == ended {
		detach()
	}
}
