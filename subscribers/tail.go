package subscribers

import (
	"slices"
	"sort"

	"github.com/flowfabric/ffsqlite/messages"
)

// tail is the last events of a family, in the very batches in which they were published. It has every event with an
// id greater than from and up to the published position, and is guarded by the hub's lock.
type tail[E any] struct {
	id      func(*E) messages.EventID
	from    messages.EventID
	batches [][]E // from first on; the slots before it are empty
	first   int
	events  int
}

// reset forgets everything: the tail begins after the position from.
func (t *tail[E]) reset(from messages.EventID) {
	t.from = from
	t.batches = nil
	t.first = 0
	t.events = 0
}

// append adds a batch and lets go of the oldest ones that are no longer needed for TailEvents events.
func (t *tail[E]) append(batch []E) {
	if len(batch) == 0 {
		return
	}
	t.batches = append(t.batches, batch)
	t.events += len(batch)

	for oldest := t.batches[t.first]; t.events-len(oldest) >= TailEvents; oldest = t.batches[t.first] {
		t.from = t.last(oldest)
		t.events -= len(oldest)
		t.batches[t.first] = nil
		t.first++
	}
	if t.first > len(t.batches)/2 {
		t.batches = slices.Delete(t.batches, 0, t.first)
		t.first = 0
	}
}

// after returns up to limit events that follow the position after, all from one batch. covered tells whether the tail
// reaches back that far; a covered position without events has only holes behind it.
func (t *tail[E]) after(after messages.EventID, limit int) (page []E, covered bool) {
	if after < t.from {
		return nil, false
	}
	kept := t.batches[t.first:]
	i := sort.Search(len(kept), func(i int) bool { return t.last(kept[i]) > after })
	if i == len(kept) {
		return nil, true
	}
	page = newer(kept[i], after, t.id)
	return page[:min(limit, len(page))], true
}

// last is the greatest id of a batch.
func (t *tail[E]) last(batch []E) messages.EventID {
	return t.id(&batch[len(batch)-1])
}

// newer is the part of a batch with ids greater than after.
func newer[E any](batch []E, after messages.EventID, id func(*E) messages.EventID) []E {
	return batch[sort.Search(len(batch), func(i int) bool { return id(&batch[i]) > after }):]
}
