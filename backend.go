package ffsqlite

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// Version is the release of this engine, as [Backend.Capabilities] reports it.
var Version = [3]uint32{0, 1, 0}

// Backend is a counted reference to an engine. References to one database share its writer, its subscriptions and its
// clock; each is closed by itself.
type Backend struct {
	key     string // "": private, not in the registry
	engine  *engine
	next    Next // every call: the interceptors, then admit
	inner   Next // the calls that a call is made of: the interceptors, then handle
	closed  atomic.Bool
	options options
}

// Open opens the engine on a database, or shares the one that this process has open on it. The location is a path, a
// file: URI, ":memory:" for a private memory database, or "file:NAME?mode=memory&cache=shared" for one that the process
// shares by name. A file that is absent is created, an older one migrated; nothing else is written.
//
// A further Open of the same database returns a new reference to the same engine. What it gives as options must be in
// force already; what it does not give is. The guard, the logger and the interceptors belong to a reference.
//
// When Open returns, work that a crash interrupted goes on: deadlines that passed are processed, cascades continue.
//
// Every error is a [*messages.OpenError]: without the guard acknowledged it is messages.ErrRequiresDevMode; a bad option
// or location has a *messages.Error inside that names it; a database that another process has open is retryable.
func Open(ctx context.Context, location string, opts ...Option) (*Backend, error) {
	o := defaultOptions().with(opts)
	if err := o.checkGuard(); err != nil {
		return nil, err
	}
	if err := o.validate(); err != nil {
		return nil, refused(err)
	}
	parsed, err := database.ParseLocation(location)
	if err != nil {
		return nil, err
	}
	b := &Backend{options: o}
	build := func() (*engine, error) { return startEngine(ctx, parsed, o) }
	if parsed.Private {
		b.engine, err = build()
	} else {
		b.key = parsed.Key
		share := func(e *engine) (err error) {
			b.options, err = e.options.agree(opts)
			return err
		}
		b.engine, err = acquire(ctx, b.key, build, share)
	}
	if err != nil {
		return nil, err
	}
	b.next, b.inner = chain(o.interceptors, b.admit), chain(o.interceptors, b.handle)
	return b, nil
}

// Close releases this reference; the last one stops the engine: no call is accepted any more, what is under way is
// executed and answered, members of flows that are being cancelled in the background are dealt with, waiting claims get
// ErrUnavailable, subscriptions deliver what they hold and end with
// ErrStreamDisconnected and a cursor, and the log is moved into the database file. After the time of WithShutdownGrace
// the writer finishes what it has begun and refuses the rest with ErrUnavailable. A second Close of the same reference
// returns nil.
func (b *Backend) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), max(b.options.shutdownGrace, time.Millisecond))
	defer cancel()
	return b.CloseContext(ctx)
}

// CloseContext is Close, bounded by a context instead of the grace period.
func (b *Backend) CloseContext(ctx context.Context) error {
	if !b.closed.CompareAndSwap(false, true) {
		return nil
	}
	if b.key == "" {
		return b.engine.close(ctx)
	}
	return release(ctx, b.key, func() error { return b.engine.close(ctx) })
}

// DataSource returns the name under which go-sqlite3 opens the same database, memory databases included: for tools and
// tests that read or write rows beside the engine.
func (b *Backend) DataSource() string { return b.engine.database.DataSource() }

// admit is handle for as long as the reference is open.
func (b *Backend) admit(ctx context.Context, message messages.Message) (messages.Reply, error) {
	if b.closed.Load() {
		return nil, messages.UnavailableError(message.Method())
	}
	return b.handle(ctx, message)
}

// handle runs a call behind the interceptors: checks, then the writer or a reader.
func (b *Backend) handle(ctx context.Context, message messages.Message) (messages.Reply, error) {
	if b.engine.actors.Closed() {
		return nil, messages.UnavailableError(message.Method())
	}
	if v, ok := message.(messages.Validator); ok {
		if err := v.Validate(); err != nil {
			return nil, err
		}
	}
	if m, ok := message.(messages.Mutation); ok {
		return b.engine.actors.Mutate(ctx, m)
	}
	if args, ok := message.(messages.CancelFlowRequestArgs); ok {
		return b.cancelFlowRequest(ctx, args)
	}
	reply, err := b.engine.read(ctx, message)
	var refused *messages.Error
	if errors.Is(err, messages.ErrUnavailable) && errors.As(err, &refused) && refused.Op != streamOps {
		err = messages.UnavailableError(message.Method()) // Closed meanwhile, wherever that was noticed.
	}
	return reply, err
}

// BackendLabel returns "sqlite". It works after Close, too.
func (b *Backend) BackendLabel() string { return "sqlite" }

// Capabilities tells which operations this engine has; the flag of a method that is not there yet is false.
func (b *Backend) Capabilities() messages.Capabilities {
	return messages.Capabilities{
		Identity: messages.BackendIdentity{
			Family:      "sqlite",
			Version:     messages.BackendVersion{Major: Version[0], Minor: Version[1], Patch: Version[2]},
			RFC017Stage: "Phase-4",
		},
		Supports: messages.Supports{
			CancelExecution:          true,
			ChangePriority:           true,
			ReplayExecution:          true,
			RevokeLease:              true,
			ReadExecutionState:       true,
			ReadExecutionInfo:        true,
			GetExecutionResult:       true,
			CancelFlowHeader:         true,
			CancelFlowWaitTimeout:    true,
			CancelFlowWaitIndefinite: true,
			AckCancelMember:          true,
			Prepare:                  true,
			SubscribeLeaseHistory:    true,
			ListExpiredLeases:        true,
			SubscribeCompletion:      true,
			StreamDurableSummary:     true,
			StreamBestEffortLive:     true,
		},
	}
}

// Prepare has nothing to do: migrations ran in Open.
func (b *Backend) Prepare(context.Context) (messages.PrepareOutcome, error) {
	return messages.PrepareOutcome{Outcome: messages.PrepareNoop}, nil
}

// Ping reports whether the engine works: the writer answers and a reader reads. It returns the cause when the engine is
// faulted, ErrUnavailable after Close.
func (b *Backend) Ping(ctx context.Context) error { return run(ctx, b, messages.PingArgs{}) }

// ServerTimeMs returns the clock of the engine, the same that stamps rows and decides leases. It never goes back.
func (b *Backend) ServerTimeMs(ctx context.Context) (messages.TimestampMs, error) {
	return call[messages.TimestampMs](ctx, b, messages.ServerTimeMsArgs{})
}

// WaitCascadeIdle returns when every completion that was committed so far has released or skipped the executions that
// depend on it.
func (b *Backend) WaitCascadeIdle(ctx context.Context) error {
	return run(ctx, b, messages.WaitCascadeIdleArgs{})
}

// String tells which database this is, for logs.
func (b *Backend) String() string { return fmt.Sprintf("ffsqlite(%s)", b.engine.database.DataSource()) }
