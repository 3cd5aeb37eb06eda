package actors

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/subscribers"
)

// maxBatchesAhead is how many batches with their events may wait for the fan-out. What is committed beyond that is
// announced by its highest ids alone, and the fan-out reads the rows.
const maxBatchesAhead = 4

// fanout is the writer's end of the fan-out actor, which leaves committed events with the subscribers. The writer
// never waits for it, and its mailbox holds at most maxBatchesAhead batches, one announcement and one order to end.
// Subscribing needs no message: it goes to the hubs directly, under their own lock.
type fanout struct {
	root        *actor.RootContext
	pid         *actor.PID
	completions *subscribers.Hub[messages.CompletionEvent]
	leases      *subscribers.Hub[messages.LeaseHistoryEvent]
	log         *slog.Logger

	waiting           atomic.Int32 // batches in the mailbox, the one being delivered included
	announced         atomic.Bool  // an announcement is in the mailbox
	highestCompletion atomic.Int64 // the highest ids that were ever announced
	highestLease      atomic.Int64

	ending    atomic.Bool     // the last message was sent
	stopped   chan struct{}   // closed when the actor has stopped
	reads     context.Context // ends the actor's reads when nobody waits for them any more
	stopReads context.CancelFunc
}

// announcement tells the actor to look at the highest ids of fanout.
type announcement struct{}

// endFanout is the last message of the actor: everything before it is delivered, then the subscriptions end.
type endFanout struct{ cause error }

// startFanout starts the fan-out actor of the two hubs. Nobody else may publish to them.
func startFanout(
	system *actor.ActorSystem,
	completions *subscribers.Hub[messages.CompletionEvent],
	leases *subscribers.Hub[messages.LeaseHistoryEvent],
	log *slog.Logger,
) *fanout {
	f := &fanout{
		root:        system.Root,
		completions: completions,
		leases:      leases,
		log:         log,
		stopped:     make(chan struct{}),
	}
	f.reads, f.stopReads = context.WithCancel(context.Background())
	f.pid = f.root.Spawn(actor.PropsFromFunc(f.receive))
	return f
}

// publish hands what a commit made true to the fan-out. It is called by the writer, after the replies, never waits and
// never fails. The slices of committed are shared with every subscriber from now on.
func (f *fanout) publish(committed *messages.Committed) {
	if f.ending.Load() || f.completions.Pass(committed.HighestCompletion) && f.leases.Pass(committed.HighestLease) {
		return
	}
	if f.waiting.Load() < maxBatchesAhead {
		f.waiting.Add(1)
		f.root.Send(f.pid, committed)
		return
	}

	raise(&f.highestCompletion, committed.HighestCompletion)
	raise(&f.highestLease, committed.HighestLease)
	if !f.announced.Swap(true) {
		f.root.Send(f.pid, announcement{})
	}
}

// end delivers what was published before and then ends all subscriptions: with StreamDisconnected when cause is nil,
// else with Transport and that cause. It does not wait; what is published afterwards is left to the outbox. Only the
// first call counts.
func (f *fanout) end(cause error) {
	if !f.ending.Swap(true) {
		f.root.Send(f.pid, endFanout{cause})
	}
}

// stop is end, and returns when the actor has stopped. It waits for no subscriber. When ctx ends, the rows that the
// fan-out has still to read are given up; they stay in the outbox for the cursors.
func (f *fanout) stop(ctx context.Context, cause error) {
	f.end(cause)
	select {
	case <-f.stopped:
	case <-ctx.Done():
	}
	f.stopReads()
	<-f.stopped
}

// receive is the actor.
func (f *fanout) receive(c actor.Context) {
	switch message := c.Message().(type) {
	case *messages.Committed:
		f.deliver(message)
		f.waiting.Add(-1)
	case announcement:
		f.announced.Store(false) // first, so that ids announced from here on come with another message
		f.deliver(&messages.Committed{
			HighestCompletion: messages.EventID(f.highestCompletion.Load()),
			HighestLease:      messages.EventID(f.highestLease.Load()),
		})
	case endFanout:
		f.completions.Close(message.cause)
		f.leases.Close(message.cause)
		c.Stop(c.Self())
	case *actor.Stopped:
		close(f.stopped)
	}
}

// deliver publishes a batch to both hubs. One without events, or with a gap before them, is read from the outbox.
func (f *fanout) deliver(committed *messages.Committed) {
	deliverTo(f, f.completions, committed.Completions, committed.HighestCompletion)
	deliverTo(f, f.leases, committed.Leases, committed.HighestLease)
}

// deliverTo is deliver for one family. A panic is logged and leaves the rows to the subscriptions, which read them from
// the outbox: the fan-out lives on.
func deliverTo[E any](f *fanout, hub *subscribers.Hub[E], events []E, highest messages.EventID) {
	defer func() {
		if reason := recover(); reason != nil {
			f.log.Error("fan-out panicked", "reason", fmt.Sprint(reason), "stack", string(debug.Stack()))
			hub.Skip(highest)
		}
	}()
	if hub.Publish(events, highest) {
		return
	}
	if err := hub.Refresh(f.reads, highest); err != nil {
		f.log.Warn("fan-out could not read the outbox", "highest", int64(highest), "error", err)
	}
}

// raise moves a maximum upwards. Only the writer does so.
func raise(maximum *atomic.Int64, id messages.EventID) {
	if int64(id) > maximum.Load() {
		maximum.Store(int64(id))
	}
}
