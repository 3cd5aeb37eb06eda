package subscribers

import (
	"context"
	"errors"

	"github.com/flowfabric/ffsqlite/messages"
)

// step is what a loop with empty hands does next.
type step uint8

const (
	stepYield step = iota // it has taken what waited
	stepPark              // nothing waits: sleep until a token comes
	stepRead              // it lags: take a page
	stepPart              // the hub is closed and nothing waits: end
	stepEnd               // the subscription is ended
)

// next blocks for the next event that passes the filter. It returns nil when the subscription has ended.
func (s *Subscription[E]) next() *E {
	for !s.over.Load() {
		event := s.hand.pop()
		if event == nil {
			s.refill()
			continue
		}
		if s.accept(event) {
			return event
		}
	}
	return nil
}

// refill gets more events into the empty hand, or moves the subscription one step nearer to them.
func (s *Subscription[E]) refill() {
	if err := s.ctx.Err(); err != nil {
		s.end(func(messages.OutboxCursor) error { return err })
		return
	}
	if s.failure != nil {
		s.fail(s.failure)
		s.failure = nil
		return
	}

	switch s.take() {
	case stepPark:
		<-s.wake
	case stepRead:
		s.catchUp()
	case stepPart:
		s.end(s.hub.parting)
	case stepYield, stepEnd:
	}
}

// take takes what waits in the mailbox, or tells what to do instead.
func (s *Subscription[E]) take() step {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rested = true
	switch {
	case s.state == ended:
		return stepEnd
	case s.mailbox.events > 0:
		s.hand.take(&s.mailbox)
		s.rested = false
		return stepYield
	case s.closing:
		return stepPart
	case s.state == lagging:
		s.raise(s.covered)
		return stepRead
	default:
		s.mailbox.trim()
		s.hand.trim()
		s.parked = true
		return stepPark
	}
}

// accept moves the position to an event and tells whether the event is to be yielded. An event that the subscription
// has passed already is dropped: what is pushed and what is read overlap.
func (s *Subscription[E]) accept(event *E) bool {
	header := s.hub.header(event)
	if header.EventID <= s.at() {
		return false
	}
	matches, err := s.matches(header)
	if err != nil {
		s.fail(placed(err, header.EventID))
		return false
	}

	if s.hand.events > 0 {
		s.position.Store(int64(header.EventID))
		return matches
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.position.Store(int64(header.EventID))
	s.rested = true
	return matches
}

// matches applies the filter. Only a tag without a column is looked up.
func (s *Subscription[E]) matches(header Header) (bool, error) {
	if s.filter.tag == nil {
		return s.filter.passes(header), nil
	}
	ctx, done := s.reading()
	defer done()
	return s.filter.matches(ctx, header, s.hub.rows, s.hub.reads)
}

// catchUp takes the next page behind the position, from the tail in memory if that reaches back so far, else from the
// outbox. With nothing left to take the subscription turns live.
func (s *Subscription[E]) catchUp() {
	page, published, settled := s.hub.ahead(s)
	if settled {
		s.hand.load(page)
		return
	}

	ctx, done := s.reading()
	defer done()
	err := s.hub.reads.read(ctx, func() (err error) {
		page, err = s.hub.pages(ctx, s.at(), PageRows)
		return err
	})
	s.hub.catchUpPages.Add(1)
	s.unread = false

	switch {
	case err == nil && len(page) == 0:
		s.skip(published)
	case err == nil:
		s.hand.load(page)
	case errors.Is(err, messages.ErrCorruption):
		s.hand.load(page)
		s.failure = err
	default:
		s.fail(err)
	}
}

// skip moves the position over ids that have no rows.
func (s *Subscription[E]) skip(position messages.EventID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raise(position)
}

// fail ends the subscription because of a row or a read. A read that was cut short by another end gives way to it.
func (s *Subscription[E]) fail(cause error) {
	var row *messages.Error
	switch {
	case s.ctx.Err() != nil:
		s.end(func(messages.OutboxCursor) error { return s.ctx.Err() })
	case s.parts():
		s.end(s.hub.parting)
	case errors.As(cause, &row) && errors.Is(row, messages.ErrCorruption):
		s.failRow(row)
	default:
		s.end(func(cursor messages.OutboxCursor) error { return transportError(cause, cursor) })
	}
}

// placed gives stored data that cannot be read the cursor of the event that needs it, so that it is skipped next time.
func placed(cause error, at messages.EventID) error {
	var row *messages.Error
	if !errors.As(cause, &row) || !errors.Is(row, messages.ErrCorruption) {
		return cause
	}
	copied := *row
	copied.Cursor = messages.CursorAfter(at)
	return &copied
}

// failRow ends the subscription at a row that cannot be decoded, in such a way that subscribing again skips it.
func (s *Subscription[E]) failRow(row *messages.Error) {
	if at, tail, err := row.Cursor.Position(s.hub.family); err == nil && !tail {
		s.skip(at)
	}
	s.end(func(cursor messages.OutboxCursor) error {
		end := *row
		end.Cursor = cursor
		return &end
	})
}

// parts tells whether the hub is closed.
func (s *Subscription[E]) parts() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// reading is the context of a read made for the subscription: it ends with the subscription and with the hub.
func (s *Subscription[E]) reading() (context.Context, func()) {
	ctx, cancel := context.WithCancel(s.ctx)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.interrupt = cancel
	if s.state == ended || s.closing {
		cancel()
	}
	return ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.interrupt = nil
		cancel()
	}
}
