package ffsqlite_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The record of a run with many callers, and what must hold of it.

// orderRecord is what everybody noted in a run, and the outboxes at its end.
type orderRecord struct {
	mutations []orderMutation // of each caller in the order in which it sent them
	readings  []orderReading  // of each caller in the order in which it made them
	followers []orderFollower
	snapshots []orderSnapshot
	outboxes  map[string][]outboxRow // in the order of their ids
}

// orderMutation is a call that changed something. Its moments are those of a counter that goes up at each.
type orderMutation struct {
	caller     int
	begin, end int64 // end is never, if the caller left and does not know what has become of it
	events     []orderEvent
}

const never = math.MaxInt64

// orderEvent is an event that a call writes: no other call writes the same.
type orderEvent struct{ outbox, key string }

// outboxRow is an event as it is stored, or as a subscriber got it.
type outboxRow struct {
	id  int64
	at  int64 // milliseconds
	key string
}

// orderReading is what a read returned of something that only goes up, between what had been acknowledged before it began
// and what had been asked for when it ended.
type orderReading struct {
	caller           int
	what             string
	least, got, most int64
}

// orderFollower is a subscriber.
type orderFollower struct {
	name, outbox  string
	from          int64 // the position it subscribed from
	before, after int64 // the moments between which it first subscribed
	seen          []outboxRow
	end           error // what ended it too early
}

const tailOf = -1 // from now on

func (f *orderFollower) hasSeen(key string) bool {
	return len(f.seen) > 0 && f.seen[len(f.seen)-1].key == key
}

// orderSnapshot is how many rows an outbox had at some moment, and the last id.
type orderSnapshot struct{ outbox, rows, last string }

// orderTally is how much has been recorded.
type orderTally struct{ calls, left, leftAndDone, events, subscribers, reads, snapshots int }

func (n *orderTally) add(r *orderRecord) {
	n.calls += len(r.mutations)
	stored := map[orderEvent]bool{}
	for name, rows := range r.outboxes {
		n.events += len(rows)
		for _, row := range rows {
			stored[orderEvent{name, row.key}] = true
		}
	}
	for _, m := range r.mutations {
		n.left += boolToInt(m.end == never)
		n.leftAndDone += boolToInt(m.end == never && stored[m.events[0]])
	}
	n.subscribers += len(r.followers)
	n.reads += len(r.readings)
	n.snapshots += len(r.snapshots)
}

// check returns what does not hold.
func (r *orderRecord) check() error {
	begun, err := r.inOrder()
	for _, f := range r.followers {
		err = errors.Join(err, f.check(r.outboxes[f.outbox], begun[f.outbox]))
	}
	for _, s := range r.snapshots {
		if s.rows != s.last {
			err = errors.Join(err, fmt.Errorf("%s: a snapshot of %s rows has the id %s", s.outbox, s.rows, s.last))
		}
	}
	return errors.Join(err, r.fresh())
}

// span is when the call of an event began and ended.
type span struct{ begin, end int64 }

// inOrder asserts of the outboxes that they have the events of all acknowledged calls, those of an unknown one all or none,
// and no others; that ids have no gaps and times do not go back; that the events of a caller are in the order of its calls;
// and that no event comes before one of a call that had ended when its own began. It returns the span of each event.
func (r *orderRecord) inOrder() (spans map[string][]span, err error) {
	type place struct{ mutation, event int }
	places := map[orderEvent]place{}
	for i, m := range r.mutations {
		for j, event := range m.events {
			places[event] = place{i, j}
		}
	}
	stored := make([]int, len(r.mutations)) // how many events of each call there are
	spans = map[string][]span{}
	for name, rows := range r.outboxes {
		last, begun, at := map[int]place{}, int64(0), int64(0)
		for i, row := range rows {
			p, known := places[orderEvent{name, row.key}]
			delete(places, orderEvent{name, row.key})
			if !known {
				return nil, fmt.Errorf("%s: event %d (%s) is nobody's, or there twice", name, row.id, row.key)
			}
			if row.id != int64(i)+1 || row.at < at {
				return nil, fmt.Errorf("%s: event %d of %d ms is the %dth, after %d ms", name, row.id, row.at, i+1, at)
			}
			m := r.mutations[p.mutation]
			before, seen := last[m.caller]
			if seen && (p.mutation < before.mutation || p.mutation == before.mutation && p.event < before.event) {
				return nil, fmt.Errorf("%s: caller %d sent %s earlier than its event before", name, m.caller, row.key)
			}
			if m.end < begun {
				return nil, fmt.Errorf("%s: %s was answered before an event ahead of it was asked for", name, row.key)
			}
			last[m.caller], begun, at = p, max(begun, m.begin), row.at
			spans[name] = append(spans[name], span{m.begin, m.end})
			stored[p.mutation]++
		}
	}
	for i, m := range r.mutations {
		if stored[i] < len(m.events) && (m.end != never || stored[i] > 0) {
			err = errors.Join(err, fmt.Errorf("of %v of caller %d, %d events are stored", m.events, m.caller, stored[i]))
		}
	}
	return spans, err
}

// check asserts that a subscriber got each event behind its position, once and in order. One from now on got all that was
// asked for after it had subscribed, and nothing that was answered before.
func (f *orderFollower) check(rows []outboxRow, spans []span) error {
	if f.end != nil {
		return fmt.Errorf("%s: %s ended after %d events: %w", f.outbox, f.name, len(f.seen), f.end)
	}
	from := f.from
	if from == tailOf {
		if len(f.seen) == 0 {
			return fmt.Errorf("%s: %s got nothing", f.outbox, f.name)
		}
		from = f.seen[0].id - 1
	}
	if from < 0 || from > int64(len(rows)) || !slices.Equal(f.seen, rows[from:]) {
		return fmt.Errorf("%s: %s got other events than those behind %d: %s", f.outbox, f.name, from, f.firstOther(rows, from))
	}
	for i, s := range spans {
		if f.from == tailOf && int64(i) < from && s.begin > f.after {
			return fmt.Errorf("%s: %s missed event %d", f.outbox, f.name, i+1)
		}
		if f.from == tailOf && int64(i) >= from && s.end < f.before {
			return fmt.Errorf("%s: %s got event %d, which was there before", f.outbox, f.name, i+1)
		}
	}
	return nil
}

// firstOther describes the first event that is not the one it should be.
func (f *orderFollower) firstOther(rows []outboxRow, from int64) string {
	for i, got := range f.seen {
		if at := from + int64(i); at < 0 || at >= int64(len(rows)) || rows[at] != got {
			return fmt.Sprintf("%v was the %dth", got, i+1)
		}
	}
	return fmt.Sprintf("only %d", len(f.seen))
}

// fresh asserts that reads see all that was acknowledged when they began, nothing that nobody has asked for, and what the
// reader has seen before.
func (r *orderRecord) fresh() error {
	type observer struct {
		caller int
		what   string
	}
	seen := map[observer]int64{}
	for _, read := range r.readings {
		by := observer{read.caller, read.what}
		if read.got < max(read.least, seen[by]) || read.got > read.most {
			return fmt.Errorf("caller %d read %s as %d: not in %d to %d, or before %d",
				read.caller, read.what, read.got, read.least, read.most, seen[by])
		}
		seen[by] = max(seen[by], read.got)
	}
	return nil
}

// soundRecord is one in which all is well. Caller 0 does not know what has become of its last two calls: the first was
// carried out.
func soundRecord() *orderRecord {
	event := func(key string) []orderEvent { return []orderEvent{{leaseRows, key}} }
	rows := []outboxRow{{1, 5, "a"}, {2, 5, "x"}, {3, 6, "b"}, {4, 6, "b2"}, {5, 7, "c"}}
	return &orderRecord{
		mutations: []orderMutation{
			{0, 1, 3, event("a")},
			{0, 6, 8, append(event("b"), orderEvent{leaseRows, "b2"})},
			{0, 9, never, event("c")},
			{0, 10, never, event("d")},
			{1, 2, 3, event("x")},
		},
		readings: []orderReading{{0, "n", 0, 1, 1}, {0, "n", 1, 1, 2}, {1, "n", 1, 2, 2}},
		followers: []orderFollower{
			{name: "all", outbox: leaseRows, seen: rows},
			{name: "tail", outbox: leaseRows, from: tailOf, before: 4, after: 5, seen: rows[2:]},
			{name: "middle", outbox: leaseRows, from: 1, seen: rows[1:]},
		},
		snapshots: []orderSnapshot{{leaseRows, "0", "0"}, {leaseRows, "3", "3"}},
		outboxes:  map[string][]outboxRow{leaseRows: slices.Clone(rows)},
	}
}

func TestWriteOrdering_ABrokenRecordIsRefused(t *testing.T) {
	t.Parallel()
	require.NoError(t, soundRecord().check())
	rows := func(change func(rows []outboxRow) []outboxRow) func(*orderRecord) {
		return func(r *orderRecord) {
			r.outboxes[leaseRows] = change(r.outboxes[leaseRows])
			r.followers = nil
		}
	}
	swapped := func(i, j int) func(*orderRecord) {
		return rows(func(rows []outboxRow) []outboxRow {
			rows[i].key, rows[j].key = rows[j].key, rows[i].key
			return rows
		})
	}
	seen := func(follower int, change func(seen []outboxRow) []outboxRow) func(*orderRecord) {
		return func(r *orderRecord) {
			f := &r.followers[follower]
			f.seen = change(slices.Clone(f.seen))
		}
	}
	for name, breaks := range map[string]func(*orderRecord){
		"two calls of a caller are swapped":            swapped(0, 2),
		"two events of a call are swapped":             swapped(2, 3),
		"a call overtakes one that had been answered":  swapped(1, 2),
		"an abandoned call overtakes the one before":   swapped(2, 4),
		"an id is left out":                            rows(func(rows []outboxRow) []outboxRow { rows[4].id = 6; return rows }),
		"ids are not in the order of commits":          rows(func(rows []outboxRow) []outboxRow { rows[0].id, rows[1].id = 2, 1; return rows }),
		"the time goes back":                           rows(func(rows []outboxRow) []outboxRow { rows[2].at = 4; return rows }),
		"an event is stored twice":                     rows(func(rows []outboxRow) []outboxRow { return append(rows, outboxRow{6, 7, "c"}) }),
		"an event is of no call":                       rows(func(rows []outboxRow) []outboxRow { return append(rows, outboxRow{6, 7, "y"}) }),
		"an acknowledged call is not stored":           rows(func(rows []outboxRow) []outboxRow { return rows[:1] }),
		"half of a call is stored":                     rows(func(rows []outboxRow) []outboxRow { return append(rows[:3:3], outboxRow{4, 7, "c"}) }),
		"a subscriber gets two events swapped":         seen(0, func(s []outboxRow) []outboxRow { s[1], s[2] = s[2], s[1]; return s }),
		"a subscriber misses an event":                 seen(0, func(s []outboxRow) []outboxRow { return slices.Delete(s, 1, 2) }),
		"a subscriber gets an event twice":             seen(0, func(s []outboxRow) []outboxRow { return slices.Insert(s, 1, s[0]) }),
		"a subscriber misses the first event":          seen(0, func(s []outboxRow) []outboxRow { return s[1:] }),
		"a subscriber misses the last event":           seen(1, func(s []outboxRow) []outboxRow { return s[:2] }),
		"a tail begins too late":                       seen(1, func(s []outboxRow) []outboxRow { return s[2:] }),
		"a tail begins too early":                      func(r *orderRecord) { r.followers[1].seen = r.followers[0].seen },
		"a tail gets nothing":                          seen(1, func([]outboxRow) []outboxRow { return nil }),
		"a subscriber gets the event of its cursor":    func(r *orderRecord) { r.followers[2].seen = r.followers[0].seen },
		"a subscriber misses the one after its cursor": seen(2, func(s []outboxRow) []outboxRow { return s[1:] }),
		"a subscriber gets what was rolled back":       seen(2, func(s []outboxRow) []outboxRow { return append(s, outboxRow{6, 7, "d"}) }),
		"a subscription ends":                          func(r *orderRecord) { r.followers[0].end = errors.New("ended") },
		"a snapshot has a gap":                         func(r *orderRecord) { r.snapshots[1].rows = "2" },
		"a read does not see what was acknowledged":    func(r *orderRecord) { r.readings[1].got = 0 },
		"a read sees less than one before":             func(r *orderRecord) { r.readings[1].least, r.readings[1].got = 0, 0 },
		"a read sees what nobody has asked for":        func(r *orderRecord) { r.readings[2].got = 3 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record := soundRecord()
			breaks(record)
			require.Error(t, record.check())
		})
	}
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
