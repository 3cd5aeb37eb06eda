package actors

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/database"
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

const (
	// checkpointPages is the length of the write-ahead log at which the writer checkpoints.
	checkpointPages = 4000
	// cascadeCheckpointPages is that length while a cascade goes on.
	cascadeCheckpointPages = 1000
	// hopBudget and hopsAtOnce bound the cascade hops that run before a commit; the rest follows in messages of their own.
	hopBudget  = time.Millisecond
	hopsAtOnce = 64
	// busyPause is how long due work and cascades rest, in milliseconds, when the database cannot be written.
	busyPause = 1000
)

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

	publish  func(*messages.Committed)  // to the fan-out, never waits
	wake     func(*messages.Committed)  // the tails of streams, never waits
	schedule func(messages.TimestampMs) // to the timekeeper
	onFault  func(error)
	inFlight func() int  // mutations whose callers wait for an answer, waiting claims not counted
	hurry    func() bool // the engine has been closing for too long: nothing is begun any more

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

// outcome is what a request of the open batch will be told when the batch commits.
type outcome struct {
	request *request
	answer  *writer.Answer
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

// begin opens a batch unless one is open.
func (a *writerActor) begin(ctx actor.Context) error {
	if a.open {
		return nil
	}
	if err := database.Retry(a.writer.Begin); err != nil {
		a.judge(err)
		return err
	}
	a.open, a.waited = true, false
	a.opened = a.clock.Now()
	ctx.Send(ctx.Self(), flush{})
	return nil
}

// keep makes a claim that found nothing wait for work. It returns the answer when the claim cannot wait: too many do, or
// its caller is leaving.
func (a *writerActor) keep(r *request, nothing *writer.Answer) *writer.Answer {
	if a.writer.WaitingClaims() >= a.limits.WaitingClaims {
		most := uint32(a.limits.WaitingClaims) //nolint:gosec // An option, far below 2^32.
		return &writer.Answer{Err: messages.ResourceExhaustedError("waiting_claims", most)}
	}
	if !r.PutBack() {
		return nothing
	}
	a.writer.Wait(r, r.message)
	return nil
}

// flush comes round behind the mail of the open batch. Callers that are under way but have not arrived may get one more
// turn to join; then the batch commits, after as much of its cascade as a short while allows.
func (a *writerActor) flush(ctx actor.Context) {
	switch {
	case !a.open:
		return
	case a.waited:
		a.stragglers.came(len(a.pending))
	case a.stragglers.wait(len(a.pending), a.inFlight()):
		a.waited = true
		runtime.Gosched()
		ctx.Send(ctx.Self(), flush{})
		return
	}
	a.finish(ctx)
}

// finish commits the open batch, if there is one, without waiting for anybody, with as much of the cascade that it has
// caused as the budget allows. It reports false when that failed.
func (a *writerActor) finish(ctx actor.Context) bool {
	if !a.open {
		return true
	}
	a.hop(a.writer.HasOwnHops, a.writer.HopOwn)
	return a.commit(ctx)
}

// hop runs cascade hops, while some are left, within the budget.
func (a *writerActor) hop(left func() bool, hop func(messages.TimestampMs)) {
	if !left() {
		return
	}
	start := a.clock.Now()
	for range hopsAtOnce {
		hop(a.now())
		if !left() || a.writer.Lost() != nil || a.clock.Since(start) >= hopBudget {
			return
		}
	}
}

// commit ends the open batch, answers its callers, and only then does what nobody waits for. It reports false when
// nothing was stored.
func (a *writerActor) commit(ctx actor.Context) bool {
	committed, err := a.writer.Commit()
	a.open = false
	if err != nil {
		a.fail(database.Classify(err))
		a.judge(err)
		a.ticked(ctx, database.Classify(err))
		a.rest()
		a.answerIdle()
		return false
	}
	a.size = size{}
	for i := range a.pending {
		a.pending[i].request.respond(a.pending[i].answer.Reply, a.pending[i].answer.Err)
		a.pending[i] = outcome{}
	}
	a.pending = a.pending[:0]
	for _, s := range a.writer.Served() {
		if r, ok := s.Waiter.(*request); ok {
			r.respond(s.Reply, s.Err)
		}
	}
	if len(committed.Streams) > 0 || committed.Foreign {
		a.wake(committed)
	}
	if len(committed.Completions)+len(committed.Leases) > 0 {
		a.publish(committed)
	}
	a.tell(committed.NextDeadline)
	a.ticked(ctx, nil)
	a.checkpoint()
	if a.writer.HasHops() {
		ctx.Send(ctx.Self(), hops{})
	}
	a.answerIdle()
	return true
}

// fail answers everybody in a batch that was not stored. Waiting claims that it had served wait on, unless their callers
// are leaving.
func (a *writerActor) fail(err error) {
	a.size = size{}
	for i := range a.pending {
		a.pending[i].request.respond(nil, err)
		a.pending[i] = outcome{}
	}
	a.pending = a.pending[:0]
	for _, s := range a.writer.Served() {
		if r, ok := s.Waiter.(*request); ok {
			r.respond(nil, err)
		}
	}
}

// rest has due work and cascades tried again in a while, since nobody may come whose commit would go on with them.
func (a *writerActor) rest() {
	again := a.now() + busyPause
	switch next := a.writer.NextDeadline(); {
	case a.fault != nil || a.closed:
	case a.writer.HasHops():
		a.tell(again)
	case next != 0:
		a.tell(max(next, again))
	}
}

// tell gives the timekeeper a deadline that is earlier than the one it knows.
func (a *writerActor) tell(deadline messages.TimestampMs) {
	if deadline != 0 && (a.scheduled == 0 || deadline < a.scheduled) {
		a.scheduled = deadline
		a.schedule(deadline)
	}
}

// checkpoint keeps the log short. One that a reader held up, or a full disk, is tried again when the log has grown by as
// much again: until then everything is safe in the log.
func (a *writerActor) checkpoint() {
	at := a.checkpointAt
	if a.writer.HasHops() { // A cascade writes much, and the calls between its hops must not wait for all of it at once.
		at -= checkpointPages - cascadeCheckpointPages
	}
	if a.writer.LogPages() < at {
		return
	}
	err := a.writer.Checkpoint()
	switch {
	case err == nil || database.IsBusy(err):
	case database.IsFatal(err) || database.IsSyncFailure(err):
		a.abandon(err)
	default:
		a.log.Warn("the log could not be moved into the database", "error", err)
	}
	a.checkpointAt = a.writer.LogPages() + checkpointPages
}

// judge turns an error of the storage into a fault when nothing that follows could be trusted.
func (a *writerActor) judge(err error) {
	var stuck *writer.RollbackError
	if database.IsFatal(err) || errors.As(err, &stuck) || !a.strict && database.IsSyncFailure(err) {
		a.abandon(database.Classify(err))
	}
}

// abandon makes the engine faulted: every caller, now and later, gets the cause.
func (a *writerActor) abandon(cause error) {
	if a.fault == nil {
		a.fault = cause
		a.log.Error("the engine is faulted", "cause", cause)
	}
	if a.open {
		a.open = false
		if err := a.writer.Rollback(); err != nil {
			a.log.Error("rollback failed", "error", err)
		}
		a.fail(a.fault)
	}
	if r := a.current; r != nil {
		a.current = nil
		r.respond(nil, a.fault)
	}
	a.dismiss(func(*request) error { return a.fault })
	a.dismissTicks()
	for _, done := range a.idle {
		done <- a.fault
	}
	a.idle = nil
	a.onFault(a.fault)
}

// dismiss answers all waiting claims with an error.
func (a *writerActor) dismiss(why func(*request) error) {
	for _, w := range a.writer.DropWaiting() {
		if r, ok := w.(*request); ok && r.Take() {
			r.respond(nil, why(r))
		}
	}
}

func (a *writerActor) answerIdle() {
	if a.open || a.writer.HasHops() && a.fault == nil && !a.drained {
		return
	}
	err := a.fault
	if err == nil && a.writer.HasHops() {
		err = messages.UnavailableError(messages.WaitCascadeIdleArgs{}.Method()) // Nobody goes on with them.
	}
	for _, done := range a.idle {
		done <- err
	}
	a.idle = nil
}

// continueCascade runs the next hops in a batch of their own, behind the mail that has come meanwhile.
func (a *writerActor) continueCascade(ctx actor.Context) {
	if a.fault != nil || a.drained || !a.writer.HasHops() {
		return
	}
	if a.begin(ctx) != nil {
		a.rest()
		return
	}
	a.hop(a.writer.HasHops, a.writer.Hop)
}

// runDue processes one portion of what is due; what is left follows behind the mail that has come meanwhile.
func (a *writerActor) runDue(ctx actor.Context) {
	a.scheduled = 0
	if a.fault != nil || a.closed {
		return
	}
	if a.begin(ctx) != nil {
		a.rest()
		return
	}
	if a.writer.RunDue(a.now()) {
		ctx.Send(ctx.Self(), runDue{})
	}
}

// look notices rows that another connection has changed: their deadlines, and work for waiting claims.
func (a *writerActor) look(ctx actor.Context) {
	if a.open || a.fault != nil || a.closed {
		return
	}
	changed, err := a.writer.ForeignCommits()
	if err != nil || !changed || a.begin(ctx) != nil {
		return
	}
	a.writer.LookAgain(a.now())
}

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

// waits reports whether a claim that finds nothing is to wait for work.
func waits(m messages.Mutation) bool {
	switch args := m.(type) {
	case messages.ClaimWaitArgs:
		return true
	case messages.ClaimArgs:
		return args.Policy.MaxWait > 0
	}
	return false
}

func isNothing(reply messages.Reply) bool {
	switch r := reply.(type) {
	case messages.ClaimNextResult:
		return r.Task == nil
	case messages.ClaimReply:
		return r.Handle == nil
	}
	return false
}
