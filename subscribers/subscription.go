package subscribers

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/flowfabric/ffsqlite/messages"
)

// Subscription follows one outbox family. It lives until Close, the end of the context that it was subscribed with,
// the shutdown of the engine, a row that cannot be decoded, or an outbox that cannot be read. One that is neither
// looped over nor closed stays registered, at the price of a small record and at most [SubscriberBuffer] events.
type Subscription[E any] struct {
	hub    *Hub[E]
	ctx    context.Context // the subscription's life
	filter filter
	wake   chan struct{} // one slot; a token is sent only to a parked loop

	list *list[E] // where the hub's index has it, and at which slot; guarded by the hub's lock
	slot int

	position atomic.Int64 // the last id that was delivered or skipped; never falls
	over     atomic.Bool  // state == ended, for a look between two events

	mu        sync.Mutex // taken after the hub's lock, never before it
	state     state
	mailbox   mailbox[E]
	covered   messages.EventID   // when lagging: what came up to here was left in the mailbox
	rested    bool               // the loop has yielded everything that it took
	parked    bool               // the loop waits for a token
	looping   bool               // a loop runs
	closing   bool               // the hub is closed: the end comes when the mailbox is empty
	err       error              // what an ended subscription yields; nil after Close
	interrupt context.CancelFunc // ends the read that the loop is in, nil when it is in none
	detach    func() bool        // lets go of the Subscribe context

	hand    hand[E] // these three are the loop's own
	unread  bool    // the outbox must be read once before the subscription turns live
	failure error   // ends the subscription once the hand is empty
}

// state is where a subscription is in the drawing of the package comment.
type state uint8

const (
	live    state = iota // the hub leaves events in the mailbox
	lagging              // the loop reads pages
	ended
)

// Events yields the events after the subscription's position, in the order of their ids, and blocks for the next one.
// Leaving the loop keeps the subscription; a later loop goes on with the next event. An end is yielded once in a loop,
// as the zero event with its error; Close ends the loop without one. A loop over an ended subscription yields the same
// error again.
//
// The errors are: the error of the Subscribe context, when it ended; [messages.ErrStreamDisconnected], when the engine
// was closed and everything that waited was yielded; [messages.ErrCorruption], with the cursor of the very row that
// cannot be decoded, so that subscribing with it skips that row; [messages.ErrTransport], when the outbox could not be
// read or the engine is faulted. The last three carry the cursor from which to subscribe again.
//
// One loop runs at a time; a second one yields [messages.ErrInvalidInput] and leaves the subscription alone. Events
// are shared between subscriptions: what their pointers and cursors refer to must not be changed.
func (s *Subscription[E]) Events() iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		var none E
		if !s.enter() {
			yield(none, messages.InvalidField("events", "another loop over this subscription is running"))
			return
		}
		defer s.leave()

		for event := s.next(); event != nil; event = s.next() {
			if !yield(*event, nil) {
				return
			}
		}
		if err := s.reason(); err != nil {
			yield(none, err)
		}
	}
}

// Cursor is the position from which to subscribe again: everything up to it was delivered or filtered out. Within the
// loop it includes the event that was just yielded. Any goroutine may call it, also after the end.
func (s *Subscription[E]) Cursor() messages.OutboxCursor {
	published := s.hub.highest()

	s.mu.Lock()
	defer s.mu.Unlock()
	s.raise(s.reached(published))
	return messages.CursorAfter(s.at())
}

// Close ends the subscription at once, drops what waits in it, and wakes a blocked loop. It returns nil; a second call
// does nothing. Any goroutine may call it, the loop's body too.
func (s *Subscription[E]) Close() error {
	s.end(func(messages.OutboxCursor) error { return nil })
	return nil
}

// enter starts a loop, or reports false when one is running.
func (s *Subscription[E]) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.looping {
		return false
	}
	s.looping = true
	return true
}

// leave ends a loop.
func (s *Subscription[E]) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looping = false
	if s.state == ended {
		s.hand = hand[E]{}
	}
}

// reason is what an ended subscription yields.
func (s *Subscription[E]) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// reached is the position, given the hub's published one: an event that was filtered out for a subscription with
// nothing left to yield moves nothing until somebody asks. It is called with the lock, and published must have been
// read before it was taken.
func (s *Subscription[E]) reached(published messages.EventID) messages.EventID {
	switch {
	case s.mailbox.events > 0 || !s.rested:
		return s.at()
	case s.state == live:
		return max(s.at(), published)
	case s.state == lagging:
		return max(s.at(), s.covered)
	default:
		return s.at()
	}
}

// at is the stored position.
func (s *Subscription[E]) at() messages.EventID {
	return messages.EventID(s.position.Load())
}

// raise moves the position forward. It is called with the lock, unless the loop has events in its hand; so the two
// never race.
func (s *Subscription[E]) raise(position messages.EventID) {
	if position > s.at() {
		s.position.Store(int64(position))
	}
}
