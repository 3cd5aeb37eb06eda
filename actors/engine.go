package actors

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/subscribers"
	"github.com/flowfabric/ffsqlite/writer"
)

// Config is what an engine is made of. Every field but Scanners is required.
type Config struct {
	Writer *writer.Writer
	Clock  *clock.Monotonic
	Limits Limits
	// Strict says that the log is synced at every commit (synchronous FULL).
	Strict bool
	// Scanners is what the writer runs by itself from the start.
	Scanners *messages.ScannerConfig
	// Hubs deliver the committed events.
	Hubs *subscribers.Hubs
	// Tails are the calls that wait for frames.
	Tails *subscribers.Tails
	Log   *slog.Logger
}

// Engine is the running set of actors over one database. Its methods are safe for concurrent use.
type Engine struct {
	system *actor.ActorSystem
	writer *actor.PID
	time   *actor.PID
	fanout *fanout
	tails  *subscribers.Tails
	clock  *clock.Monotonic
	log    *slog.Logger
	slots  chan struct{}

	requests requestPool

	fault   atomic.Pointer[error]
	calls   sync.RWMutex // read-held by every call that waits for the writer
	closed  atomic.Bool
	closing chan struct{} // closed with closed
	hurry   atomic.Bool   // closing has taken too long: what the writer has not begun is refused
}

// Start runs the actors. What the writer's jobs find due is processed at once; intervals count from the return at the
// latest.
func Start(config Config) *Engine {
	e := &Engine{
		system: actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
			return slog.New(warnings{config.Log.Handler()})
		})),
		tails:   config.Tails,
		clock:   config.Clock,
		log:     config.Log,
		slots:   make(chan struct{}, config.Limits.InFlight),
		closing: make(chan struct{}),
	}
	e.fanout = startFanout(e.system, config.Hubs.Completions, config.Hubs.Leases, config.Log)
	begun := make(chan struct{})
	keeper := &timekeeperActor{clock: config.Clock, interval: lookInterval, begun: begun}
	if config.Scanners != nil {
		keeper.interval = shortest(*config.Scanners)
	}
	w := &writerActor{
		writer: config.Writer,
		clock:  config.Clock,
		limits: config.Limits,
		strict: config.Strict,
		log:    config.Log,

		publish:   e.fanout.publish,
		wake:      config.Tails.Wake,
		schedule:  func(at messages.TimestampMs) { e.system.Root.Send(e.time, deadline{at}) },
		lookEvery: func(interval time.Duration, done chan<- error) { e.system.Root.Send(e.time, lookEvery{interval, done}) },
		onFault:   e.setFault,
		inFlight:  func() int { return len(e.slots) },
		hurry:     e.hurry.Load,

		checkpointAt: checkpointPages,
	}
	e.writer = e.spawn(w, newCallerMailbox)
	keeper.writer = e.writer
	e.time = e.spawn(keeper, actor.UnboundedLockfree())
	if next := config.Writer.NextDeadline(); next != 0 {
		e.system.Root.Send(e.time, deadline{next})
	}
	<-begun
	return e
}

// warnings drops what the actor library logs about its own life.
type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

// spawn starts an actor that is never restarted: it recovers its own panics.
func (e *Engine) spawn(a actor.Actor, mailbox actor.MailboxProducer) *actor.PID {
	props := actor.PropsFromProducer(func() actor.Actor { return a },
		actor.WithMailbox(mailbox),
		actor.WithSupervisor(actor.NewOneForOneStrategy(0, 0, func(any) actor.Directive { return actor.ResumeDirective })))
	return e.system.Root.Spawn(props)
}

func (e *Engine) setFault(cause error) {
	if e.fault.CompareAndSwap(nil, &cause) {
		e.fanout.end(cause)
		e.tails.WakeAll()
	}
}

// Closed reports whether the engine closes or has closed, so that no call may begin.
func (e *Engine) Closed() bool { return e.closed.Load() }

// Closing is closed when the engine begins to close.
func (e *Engine) Closing() <-chan struct{} { return e.closing }

// enter admits a call that waits for the writer, which Close then waits for; leave must follow it. It fails once the
// engine closes.
func (e *Engine) enter(method string) (leave func(), err error) {
	e.calls.RLock()
	if e.closed.Load() {
		e.calls.RUnlock()
		return nil, messages.UnavailableError(method)
	}
	return e.calls.RUnlock, nil
}

// Mutate sends the message to the writer and waits for the answer, which comes after the commit. When the context ends
// first, its error is returned: nothing was done if the writer had not begun, the outcome is unknown otherwise. A claim,
// or a batch with one, waits for its answer once the writer has begun, so that no lease is lost.
func (e *Engine) Mutate(ctx context.Context, m messages.Mutation) (messages.Reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	leave, err := e.enter(m.Method())
	if err != nil {
		return nil, err
	}
	defer leave()
	if isClaim(m) {
		return e.claim(ctx, m)
	}
	select {
	case e.slots <- struct{}{}:
	default:
		select {
		case e.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r := e.requests.take(ctx, m, e.slots)
	e.system.Root.Send(e.writer, r)
	select {
	case got := <-r.answer:
		e.requests.put(r)
		return got.reply, got.err
	case <-ctx.Done():
	}
	if r.leave(hasClaim(m)) {
		return nil, ctx.Err()
	}
	got := <-r.answer
	e.requests.put(r)
	return got.reply, got.err
}

// claim is Mutate for a claim: it takes no place among the messages in flight, since it may wait long, and it always
// returns a claim that was committed for it.
func (e *Engine) claim(ctx context.Context, m messages.Mutation) (messages.Reply, error) {
	r := e.requests.take(ctx, m, nil)
	expired := make(chan struct{})
	if limit := maxWait(m); limit > 0 {
		timer := e.clock.AfterFunc(limit, func() { close(expired) })
		defer timer.Stop()
	}
	e.system.Root.Send(e.writer, r)
	select {
	case got := <-r.answer:
		e.requests.put(r)
		return got.reply, got.err
	case <-ctx.Done():
	case <-expired:
	}
	if r.leave(true) {
		e.system.Root.Send(e.writer, forget{r})
		return nothingClaimed(m), ctx.Err()
	}
	got := <-r.answer
	e.requests.put(r)
	if got.err == nil && isNothing(got.reply) {
		return got.reply, ctx.Err()
	}
	return got.reply, got.err
}

func isClaim(m messages.Mutation) bool {
	switch m.(type) {
	case messages.ClaimArgs, messages.ClaimNextArgs, messages.ClaimWaitArgs:
		return true
	}
	return false
}

func hasClaim(m messages.Mutation) bool {
	batch, ok := m.(messages.BatchArgs)
	return ok && slices.ContainsFunc(batch.Messages, func(m messages.Message) bool {
		mutation, ok := m.(messages.Mutation)
		return ok && isClaim(mutation)
	})
}

func maxWait(m messages.Mutation) time.Duration {
	switch args := m.(type) {
	case messages.ClaimWaitArgs:
		return args.MaxWait
	case messages.ClaimArgs:
		return args.Policy.MaxWait
	}
	return 0
}

func nothingClaimed(m messages.Mutation) messages.Reply {
	if _, plain := m.(messages.ClaimArgs); plain {
		return messages.ClaimReply{}
	}
	return messages.ClaimNextResult{Outcome: messages.ClaimNextNoWork}
}

// Ping returns when the writer has reached the message, with the fault of the engine if it has one.
func (e *Engine) Ping(ctx context.Context) error {
	done := make(chan error, 1)
	return e.ask(ctx, messages.PingArgs{}.Method(), probe{done}, done)
}

// WaitCascadeIdle returns when no committed completion waits for its cascade.
func (e *Engine) WaitCascadeIdle(ctx context.Context) error {
	done := make(chan error, 1)
	return e.ask(ctx, messages.WaitCascadeIdleArgs{}.Method(), whenIdle{done}, done)
}

// ask sends the writer a question, which it answers on done.
func (e *Engine) ask(ctx context.Context, method string, question any, done <-chan error) error {
	leave, err := e.enter(method)
	if err != nil {
		return err
	}
	defer leave()
	e.system.Root.Send(e.writer, question)
	return await(ctx, done)
}

func await(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Fault returns why the engine is faulted, nil while it works.
func (e *Engine) Fault() error {
	if cause := e.fault.Load(); cause != nil {
		return *cause
	}
	return nil
}

// Close stops the engine in order: no new calls; no more timers; what is in the writer's mailbox is executed and
// answered; waiting claims are told; subscriptions deliver what they hold and end. It returns when every call to the
// writer has returned. When ctx ends before, the writer finishes what it has begun, and refuses the rest; what is left of
// a cascade stays in the tables; and the context's error is returned.
func (e *Engine) Close(ctx context.Context) error {
	e.closed.Store(true)
	close(e.closing)
	halted := make(chan struct{})
	e.system.Root.Send(e.time, halt{halted})
	<-halted
	drained := make(chan error, 1)
	e.system.Root.Send(e.writer, drain{drained})
	err := e.awaitDrained(ctx, drained)
	// Calls that were admitted just before the drain are answered by the writer, which is closed now.
	e.calls.Lock()
	defer e.calls.Unlock()
	e.fanout.stop(ctx, e.Fault())
	for _, pid := range []*actor.PID{e.time, e.writer} {
		if e := e.system.Root.StopFuture(pid).Wait(); err == nil {
			err = e
		}
	}
	e.system.Shutdown()
	return err
}

func (e *Engine) awaitDrained(ctx context.Context, drained <-chan error) error {
	select {
	case err := <-drained:
		return err
	case <-ctx.Done():
		e.hurry.Store(true)
		return errors.Join(ctx.Err(), <-drained)
	}
}
