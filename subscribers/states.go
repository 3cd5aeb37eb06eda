package subscribers

import "github.com/flowfabric/ffsqlite/messages"

// offer leaves a batch in the mailbox of a live subscription, or marks it lagging. It is called under the hub's lock.
func (s *Subscription[E]) offer(batch []E) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != live {
		return
	}
	if !s.mailbox.put(batch) {
		s.lag(s.hub.id(&batch[0]) - 1)
	}
	s.rouse()
}

// pick leaves one event in the mailbox of a live subscription, or marks it lagging. It is called under the hub's lock.
func (s *Subscription[E]) pick(event *E, id messages.EventID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != live {
		return
	}
	if !s.mailbox.pick(event) {
		s.lag(id - 1)
	}
	s.rouse()
}

// miss marks a live subscription lagging, because rows after covered were published without their events.
func (s *Subscription[E]) miss(covered messages.EventID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == live {
		s.lag(covered)
		s.rouse()
	}
}

// revive turns a lagging subscription live. It is called under the hub's lock.
func (s *Subscription[E]) revive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == lagging {
		s.state = live
		s.hub.lagging.Add(-1)
	}
}

// disconnect has the subscription end as soon as its mailbox is empty. It is called under the hub's lock.
func (s *Subscription[E]) disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	if s.interrupt != nil {
		s.interrupt()
	}
	s.rouse()
}

// end makes the subscription end, if it has not: why gives what loops yield from now on. It must not be called with
// the subscription's or the hub's lock.
func (s *Subscription[E]) end(why func(messages.OutboxCursor) error) {
	if detach, first := s.finish(why); first {
		if detach != nil {
			detach()
		}
		s.hub.forget(s)
	}
}

// finish is the part of end under the subscription's lock.
func (s *Subscription[E]) finish(why func(messages.OutboxCursor) error) (detach func() bool, first bool) {
	published := s.hub.highest()

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == ended {
		return nil, false
	}
	s.raise(s.reached(published))
	s.err = why(messages.CursorAfter(s.at()))
	if s.state == lagging {
		s.hub.lagging.Add(-1)
	}
	s.state = ended
	s.over.Store(true)

	s.mailbox = mailbox[E]{}
	if !s.looping {
		s.hand = hand[E]{}
	}
	if s.interrupt != nil {
		s.interrupt()
	}
	s.rouse()
	return s.detach, true
}

// lag turns a live subscription lagging. Everything up to covered has been left in the mailbox or did not match.
// It is called with the lock.
func (s *Subscription[E]) lag(covered messages.EventID) {
	s.state = lagging
	s.covered = covered
	s.hub.lagging.Add(1)
}

// rouse wakes the loop if it is parked. The token never blocks, for a parked loop has emptied the slot. It is called
// with the lock.
func (s *Subscription[E]) rouse() {
	if s.parked {
		s.parked = false
		s.wake <- struct{}{}
	}
}
