package subscribers

// mailbox is what the fan-out has left for one subscription, at most SubscriberBuffer events. An unfiltered
// subscription is left the shared slices of whole batches, so that an event costs it nothing; a filtered one is left
// copies of the events that match, so that it does not keep whole batches in memory for the sake of one event.
// The subscription's lock guards it.
type mailbox[E any] struct {
	batches [][]E
	picked  []E
	events  int
}

// put leaves a whole batch, or reports false when it does not fit.
func (m *mailbox[E]) put(batch []E) bool {
	if m.events+len(batch) > SubscriberBuffer {
		return false
	}
	m.batches = append(m.batches, batch)
	m.events += len(batch)
	return true
}

// pick leaves a copy of one event, or reports false when it does not fit.
func (m *mailbox[E]) pick(event *E) bool {
	if m.events == SubscriberBuffer {
		return false
	}
	m.picked = append(m.picked, *event)
	m.events++
	return true
}

// hand is what the loop has taken from the mailbox, or read from the outbox, and not yet yielded. Only the loop
// touches it.
type hand[E any] struct {
	batches [][]E
	picked  []E // the copies among the batches: the only memory here that is the subscription's own
	batch   int // index of the batch that is being read
	next    int // index of the next event in it
	events  int // events left
}

// take empties the mailbox into an empty hand. The two exchange their buffers, so that nothing is allocated while the
// loop keeps up.
func (h *hand[E]) take(m *mailbox[E]) {
	h.batches, m.batches = m.batches, recycled(h.batches)
	h.picked, m.picked = m.picked, recycled(h.picked)
	if len(h.picked) > 0 {
		h.batches = append(h.batches, h.picked)
	}
	h.batch, h.next = 0, 0
	h.events, m.events = m.events, 0
}

// load puts a page into an empty hand.
func (h *hand[E]) load(page []E) {
	if len(page) == 0 {
		return
	}
	h.batches = append(recycled(h.batches), page)
	h.batch, h.next = 0, 0
	h.events = len(page)
}

// pop returns the next event, nil when the hand is empty. The event is shared and must not be changed.
func (h *hand[E]) pop() *E {
	for ; h.batch < len(h.batches); h.batch, h.next = h.batch+1, 0 {
		batch := h.batches[h.batch]
		if h.next < len(batch) {
			h.next++
			h.events--
			return &batch[h.next-1]
		}
		h.batches[h.batch] = nil
	}
	return nil
}

// trim lets go of the large buffers of an empty mailbox.
func (m *mailbox[E]) trim() {
	m.batches = trimmed(m.batches, keptBatches)
	m.picked = trimmed(m.picked, keptEvents)
}

// trim lets go of the large buffers of an empty hand.
func (h *hand[E]) trim() {
	h.batches = trimmed(h.batches, keptBatches)
	h.picked = trimmed(h.picked, keptEvents)
}

// recycled is a buffer, emptied for reuse.
func recycled[T any](buffer []T) []T {
	clear(buffer)
	return buffer[:0]
}

// trimmed is a buffer that holds nothing any more, nil when it is too large to keep.
func trimmed[T any](buffer []T, kept int) []T {
	if cap(buffer) > kept {
		return nil
	}
	return recycled(buffer)
}
