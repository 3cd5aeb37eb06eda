package actors

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/writer"
)

// Limits bound a batch and what may wait for one. Every field is above zero.
type Limits struct {
	// Operations is the most messages of one batch.
	Operations int
	// Bytes is the most argument bytes of one batch.
	Bytes int
	// Duration is how long a batch stays open for more messages.
	Duration time.Duration
	// InFlight is the most mutations that may be under way at once; further callers wait.
	InFlight int
	// WaitingClaims is the most claims that may wait for work.
	WaitingClaims int
}

// DefaultLimits are the bounds of an engine that was given none.
func DefaultLimits() Limits {
	return Limits{Operations: 512, Bytes: 4 << 20, Duration: 10 * time.Millisecond, InFlight: 4096, WaitingClaims: 10_000}
}

// The messages that the writer actor understands beside *request.
type (
	flush    struct{}                    // commit the open batch
	hops     struct{}                    // go on with the cascade
	runDue   struct{}                    // a stored deadline has come
	look     struct{}                    // see whether another connection has committed
	forget   struct{ claim *request }    // the caller of a waiting claim has gone
	probe    struct{ done chan<- error } // answer when it is this message's turn
	whenIdle struct{ done chan<- error } // answer when no cascade is left
	drain    struct{ done chan<- error } // answer everything and take nothing more
)

// writerActor serialises every mutation. It opens a transaction with the first message of a batch, sends itself a flush,
// and commits when the flush comes round: what arrived before it shares the commit.
type writerActor struct {
	writer *writer.Writer
	clock  *clock.Monotonic
	limits Limits
	strict bool // synchronous FULL: a failed sync of the log fails its batch alone
	log    *slog.Logger

	publish   func(*messages.Committed)         // to the fan-out, never waits
	wake      func(*messages.Committed)         // the tails of streams, never waits
	schedule  func(messages.TimestampMs)        // to the timekeeper
	lookEvery func(time.Duration, chan<- error) // to the timekeeper, which answers when the first interval has begun
	onFault   func(error)
	inFlight  func() int  // mutations whose callers wait for an answer, waiting claims not counted
	hurry     func() bool // the engine has been closing for too long: nothing is begun any more

	open       bool
	opened     time.Time
	waited     bool // the open batch has given stragglers their turn
	stragglers stragglers
	pending    []outcome
	current    *request // taken, and neither pending nor waiting yet
	size       size     // of the open batch
	idle       []chan<- error
	scheduled  messages.TimestampMs // the deadline that the timekeeper knows; 0: none
	asked      []askTick            // ticks of jobs that callers asked for
	ticking    bool                 // the open batch has a portion of the first of them

	checkpointAt int // the length of the log, in pages, at which to checkpoint
	fault        error
	closed       bool // no request is taken any more
	drained      bool // no cascade goes on any more
}

// Receive implements actor.Actor. A panic outside an operation is a fault of the engine itself: it answers everybody and
// takes no more, because a restart would lose the open batch.
func (a *writerActor) Receive(ctx actor.Context) {
	defer func() {
		if cause := recover(); cause != nil {
			a.log.Error("panic in the writer", "cause", cause, "stack", string(debug.Stack()))
			a.abandon(messages.BugError(fmt.Sprintf("writer: panic: %v", cause)))
			if m, ok := ctx.Message().(drain); ok {
				m.done <- a.fault
			}
		}
	}()
	switch m := ctx.Message().(type) {
	case *request:
		a.receive(ctx, m)
	case flush:
		a.flush(ctx)
	case hops:
		a.continueCascade(ctx)
	case runDue:
		a.runDue(ctx)
	case look:
		a.look(ctx)
	case startScanners:
		a.startScanners(ctx, m)
	case stopScanners:
		a.stopScanners(ctx, m)
	case askTick:
		a.ask(ctx, m)
	case nextPortion:
		a.nextPortion(ctx)
	case forget:
		a.writer.Forget(m.claim)
	case probe:
		m.done <- a.fault
	case whenIdle:
		a.idle = append(a.idle, m.done)
		a.answerIdle()
	case drain:
		m.done <- a.drain(ctx)
	}
}

// receive runs one request in the open batch, or opens one.
func (a *writerActor) receive(ctx actor.Context, r *request) {
	if !r.Take() {
		r.release()
		return
	}
	switch {
	case a.closed || a.hurry():
		r.respond(nil, messages.UnavailableError(r.message.Method()))
		return
	case a.fault != nil:
		r.respond(nil, a.fault)
		return
	}
	if err := a.begin(ctx); err != nil {
		r.respond(nil, err)
		return
	}
	a.current = r
	answer := a.writer.Apply(a.now(), r.message)
	if waits(r.message) && answer.Err == nil && isNothing(answer.Reply) {
		answer = a.keep(r, answer)
	}
	if answer != nil {
		a.pending = append(a.pending, outcome{r, answer})
	}
	a.current = nil
	a.size.add(sizeOf(r.message))
	switch {
	case a.writer.Lost() != nil:
		a.commit(ctx) // It fails, and nobody has to wait for that.
	case a.limits.full(a.size) || a.clock.Since(a.opened) >= a.limits.Duration:
		a.finish(ctx)
	}
}

func (a *writerActor) now() messages.TimestampMs { return messages.TimestampMs(a.clock.NowMs()) }

// drain answers everything that came before it and closes the mailbox for the rest.
func (a *writerActor) drain(ctx actor.Context) error {
	a.closed = true
	for a.fault == nil && a.finish(ctx) && a.writer.HasHops() {
		if a.hurry() || a.begin(ctx) != nil {
			break
		}
		a.hop(a.writer.HasHops, a.writer.Hop)
	}
	a.drained = true
	a.dismiss(func(r *request) error { return messages.UnavailableError(r.message.Method()) })
	a.dismissTicks()
	a.answerIdle()
	return a.fault
}
