package subscribers

import "github.com/flowfabric/ffsqlite/messages"

// Stats are the counters of one family. They are read one after the other, so they may differ by a moment.
type Stats struct {
	Subscribers  int              // registered now
	Lagging      int              // of these, the ones that have yet to read pages
	Published    messages.EventID // everything up to this id was delivered to mailboxes
	Events       uint64           // delivered to the family's mailboxes since the engine was opened
	CatchUpPages uint64           // read from the outbox by loops since the engine was opened
	GreatestLag  messages.EventID // ids between the published position and that of the slowest subscriber
}

// Stats returns the counters of the family. It looks at every subscriber.
func (h *Hub[E]) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	stats := Stats{
		Subscribers:  h.index.size,
		Lagging:      int(h.lagging.Load()),
		Published:    h.highest(),
		Events:       h.events.Load(),
		CatchUpPages: h.catchUpPages.Load(),
	}
	for s := range h.index.all {
		stats.GreatestLag = max(stats.GreatestLag, stats.Published-s.seen(stats.Published))
	}
	return stats
}

// seen is the position of the subscription, given the hub's published one.
func (s *Subscription[E]) seen(published messages.EventID) messages.EventID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reached(published)
}
