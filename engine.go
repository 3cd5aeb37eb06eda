package ffsqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/actors"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/reader"
	"github.com/flowfabric/ffsqlite/subscribers"
	"github.com/flowfabric/ffsqlite/writer"
	"github.com/flowfabric/ffsqlite/writer/schema"
)

// engine is everything that one open database has.
type engine struct {
	options  options
	database *database.Database
	clock    *clock.Monotonic
	reader   *reader.Reader
	writer   *writer.Writer
	hubs     *subscribers.Hubs
	tails    subscribers.Tails
	gate     *streamGate
	actors   *actors.Engine

	background background
}

// startEngine opens the database and starts the actors on it. On failure nothing stays open.
func startEngine(ctx context.Context, location database.Location, o options) (*engine, error) {
	e := &engine{options: o, clock: clock.NewMonotonic(o.clock), gate: newStreamGate()}
	var err error
	e.database, err = database.Open(ctx, location, database.Settings{
		PoolSize:    o.poolSize,
		WAL:         o.wal,
		Synchronous: o.synchronous,
		BusyTimeout: o.busyTimeout,
		VFS:         o.vfs,
	}, e.migrate)
	if err != nil {
		return nil, err
	}
	if err := e.start(ctx); err != nil {
		if e.writer != nil {
			err = errors.Join(err, e.writer.Close())
		}
		err = errors.Join(err, e.database.Close())
		return nil, &messages.OpenError{Kind: messages.OpenTransport, Message: "start engine", Err: err}
	}
	if !o.noGuard {
		o.log.Warn(bannerText)
	}
	return e, nil
}

func (e *engine) start(ctx context.Context) error {
	var err error
	if e.writer, err = writer.New(e.database.Writer(), source{}, e.options.log); err != nil {
		return err
	}
	if !e.database.Memory() {
		e.writer.WatchLog()
	}
	if err := e.writer.Recover(messages.TimestampMs(e.clock.NowMs())); err != nil {
		return err
	}
	if e.options.scanners != nil {
		if _, err := e.writer.StartScanners(*e.options.scanners, messages.TimestampMs(e.clock.NowMs())); err != nil {
			return err
		}
	}
	e.reader = reader.New(e.database.Readers(), e.options.log)
	if e.hubs, err = subscribers.NewHubs(ctx, e.reader); err != nil {
		return err
	}
	e.actors = actors.Start(actors.Config{
		Writer: e.writer,
		Clock:  e.clock,
		Limits: e.options.limits,
		Strict: e.options.synchronous == Full,
		Hubs:   e.hubs,
		Tails:  &e.tails,
		Log:    e.options.log,

		Scanners: e.options.scanners,
	})
	return nil
}

// migrate brings the schema up to date, on the writer's connection.
func (e *engine) migrate(conn *sqlite3.Conn, path string) error {
	version := fmt.Sprintf("%d.%d.%d", Version[0], Version[1], Version[2])
	return schema.Apply(conn, path, version, e.clock.NowMs())
}

// read answers everything that is no mutation, on the goroutine of the caller.
func (e *engine) read(ctx context.Context, message messages.Message) (messages.Reply, error) {
	switch args := message.(type) {
	case messages.PingArgs:
		if err := e.actors.Ping(ctx); err != nil {
			return nil, err
		}
		return nil, e.reader.Ping(ctx)
	case messages.ServerTimeMsArgs:
		return messages.TimestampMs(e.clock.NowMs()), nil
	case messages.WaitCascadeIdleArgs:
		return nil, e.actors.WaitCascadeIdle(ctx)
	case messages.WaitForFlowCancellationArgs:
		return nil, e.waitForFlowCancellation(ctx, args)
	case messages.ReadStreamArgs:
		return e.readStream(ctx, args)
	case messages.TailStreamArgs:
		return e.tailStream(ctx, args)
	case messages.StartScannersArgs:
		return e.actors.StartScanners(ctx, args)
	case messages.ListExpiredLeasesArgs:
		if fault := e.actors.Fault(); fault != nil {
			return nil, fault
		}
		if args.AsOf == 0 {
			args.AsOf = messages.TimestampMs(e.clock.NowMs())
		}
		return e.reader.ListExpiredLeases(ctx, args)
	case messages.StopScannersArgs:
		return nil, e.actors.StopScanners(ctx)
	case messages.RunScannerTickArgs:
		return e.actors.RunScannerTick(ctx, args)
	case messages.ShutdownPrepareArgs:
		return nil, e.shutdownPrepare(ctx, args.Grace)
	case messages.SubscribeCompletionArgs:
		return e.hubs.Completions.Subscribe(ctx, args.Cursor, args.Filter)
	case messages.SubscribeLeaseHistoryArgs:
		return e.hubs.Leases.Subscribe(ctx, args.Cursor, args.Filter)
	default:
		if fault := e.actors.Fault(); fault != nil {
			return nil, fault
		}
		return e.reader.Read(ctx, message)
	}
}

func (e *engine) close(ctx context.Context) error {
	err := errors.Join(e.background.end(ctx), e.actors.Close(ctx), e.writer.Close())
	if e := e.database.Close(); e != nil {
		err = errors.Join(err, database.Classify(fmt.Errorf("close database: %w", e)))
	}
	return err
}

// source draws identifiers and jitter for the writer.
type source struct{}

func (source) UUID() [16]byte { return uuid.New() }

func (source) Fraction() float64 { return rand.Float64() } //nolint:gosec // Jitter, not a secret.
