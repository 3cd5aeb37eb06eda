package ffsqlite_test

import (
	"context"
	"fmt"
	"math"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// The subscribers of a run of write_ordering_test.go.

// listener is how an outbox is followed.
type listener[E any] struct {
	*orderRun

	outbox    string
	subscribe func(context.Context, messages.OutboxCursor, messages.ScannerFilter) (*ffsqlite.Subscription[E], error)
	cursor    func(E) messages.OutboxCursor
	row       func(E) outboxRow
	last      string // the event after which nothing comes
}

func (r *orderRun) completionListener() listener[messages.CompletionEvent] {
	return listener[messages.CompletionEvent]{
		orderRun: r, outbox: completionRows, subscribe: r.SubscribeCompletion, last: keyOf(r.end, "success"),
		cursor: func(event messages.CompletionEvent) messages.OutboxCursor { return event.Cursor },
		row: func(event messages.CompletionEvent) outboxRow {
			return outboxRow{int64(event.EventID), int64(event.At), keyOf(event.ExecutionID, event.RawOutcome)}
		},
	}
}

func (r *orderRun) leaseListener() listener[messages.LeaseHistoryEvent] {
	return listener[messages.LeaseHistoryEvent]{
		orderRun: r, outbox: leaseRows, subscribe: r.SubscribeLeaseHistory,
		last:   keyOf(r.end, "revoked", r.last.worker(1)+messages.RevokedByComplete),
		cursor: func(event messages.LeaseHistoryEvent) messages.OutboxCursor { return event.Cursor },
		row: func(event messages.LeaseHistoryEvent) outboxRow {
			key := keyOf(event.ExecutionID, string(event.Kind), string(*event.WorkerInstanceID)+event.RevokedBy)
			return outboxRow{int64(event.EventID), int64(event.At), key}
		},
	}
}

// followAll starts subscribers of all kinds.
func (r *orderRun) followAll(when string) {
	followAll(r.completionListener(), when)
	followAll(r.leaseListener(), when)
}

func followAll[E any](l listener[E], when string) {
	l.follow("from now on, "+when, nil, math.MaxInt, nil)
	l.follow("from now on, reading late, "+when, nil, math.MaxInt, l.gate)
	l.follow("from the beginning, "+when, messages.FromBeginning(), math.MaxInt, nil)
	l.follow("coming and going, "+when, messages.FromBeginning(), 1+l.random.IntN(40), nil)
}

// resumeAll starts subscribers in the middle of what has been written.
func (r *orderRun) resumeAll() {
	resumeAll(r.completionListener())
	resumeAll(r.leaseListener())
}

func resumeAll[E any](l listener[E]) {
	rows := l.sql.Int("SELECT count(*) FROM " + l.outbox)
	for range 3 {
		from := l.random.Int64N(rows)
		l.follow(fmt.Sprintf("from %d on", from), messages.CursorAfter(messages.EventID(from)), 1+l.random.IntN(1000), nil)
	}
}

// follow subscribes, and reads until the last event, once the gate is open. After each portion it leaves and comes again.
func (l listener[E]) follow(name string, cursor messages.OutboxCursor, portion int, gate <-chan struct{}) {
	f := orderFollower{name: name, outbox: l.outbox, from: tailOf}
	if at, tail, err := cursor.Position(messages.FamilyCompletion); err == nil && !tail {
		f.from = int64(at)
	}
	f.before = l.order.Add(1)
	sub, err := l.subscribe(l.ctx, cursor, everything)
	f.after = l.order.Add(1)
	l.following.Go(func() {
		defer l.noteFollower(&f)
		if gate != nil {
			<-gate
		}
		for f.end = err; f.end == nil; sub, f.end = l.subscribe(l.ctx, cursor, everything) {
			for event, err := range sub.Events() {
				if err != nil {
					f.end = err
					return
				}
				f.seen, cursor = append(f.seen, l.row(event)), l.cursor(event)
				if len(f.seen)%portion == 0 || f.hasSeen(l.last) {
					break
				}
			}
			f.end = sub.Close()
			if f.end != nil || f.hasSeen(l.last) {
				return
			}
		}
	})
}

func (r *orderRun) noteFollower(f *orderFollower) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.followers = append(r.followers, *f)
}
