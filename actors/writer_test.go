package actors_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/actors"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/reader"
	"github.com/flowfabric/ffsqlite/subscribers"
	"github.com/flowfabric/ffsqlite/writer"
	"github.com/flowfabric/ffsqlite/writer/schema"
)

// breakable is a source of ids that panics on demand.
type breakable struct {
	broken atomic.Bool
	asked  func() // called when an id is drawn, if it is set
}

func (b *breakable) UUID() [16]byte {
	if b.asked != nil {
		b.asked()
	}
	if b.broken.Load() {
		panic("no more ids")
	}
	return uuid.New()
}

func (*breakable) Fraction() float64 { return 0.5 }

// touchy is a logger that panics, too.
type touchy struct{ slog.Handler }

func (touchy) Enabled(context.Context, slog.Level) bool { return true }

func (touchy) Handle(context.Context, slog.Record) error { panic("no more paper") }

// engine is a running engine over a file, and plain SQL beside it.
type engine struct {
	*actors.Engine

	t    testing.TB
	ids  *breakable
	sql  *fftest.SQL
	conn *sqlite3.Conn // the writer's
}

// migrate is schema.Apply as database.Open wants it.
func migrate[Conn any](apply func(Conn, string, string, int64) error) func(Conn, string) error {
	return func(conn Conn, path string) error { return apply(conn, path, "test", 1) }
}

func start(t testing.TB, log slog.Handler) *engine {
	t.Helper()
	location, err := database.ParseLocation(filepath.Join(t.TempDir(), "engine.db"))
	require.NoError(t, err)
	settings := database.Settings{PoolSize: 2, WAL: true, BusyTimeout: time.Second}
	db, err := database.Open(t.Context(), location, settings, migrate(schema.Apply))
	require.NoError(t, err)
	e := &engine{t: t, ids: &breakable{}, sql: fftest.OpenSQL(t, db.DataSource()), conn: db.Writer()}
	w, err := writer.New(db.Writer(), e.ids, slog.New(log))
	require.NoError(t, err)
	hubs, err := subscribers.NewHubs(t.Context(), reader.New(db.Readers(), slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	e.Engine = actors.Start(actors.Config{
		Writer: w, Clock: clock.NewMonotonic(clock.NewManual(time.UnixMilli(1))), Limits: actors.DefaultLimits(), Strict: true,
		Hubs: hubs, Tails: &subscribers.Tails{}, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(func() {
		require.ErrorIs(t, e.Close(context.WithoutCancel(t.Context())), e.Fault())
		require.NoError(t, w.Close())
		require.NoError(t, db.Close())
	})
	return e
}

// together has messages share a batch: another connection keeps the writer from beginning until all have arrived.
func (e *engine) together(batch ...messages.Mutation) (errs []error) {
	e.t.Helper()
	e.sql.Exec("BEGIN IMMEDIATE")
	var calls sync.WaitGroup
	errs = make([]error, len(batch))
	for i, m := range batch {
		calls.Go(func() { _, errs[i] = e.Mutate(e.t.Context(), m) })
		synctest.Wait()
	}
	e.sql.Exec("ROLLBACK")
	calls.Wait()
	return errs
}

func create() messages.CreateExecutionArgs {
	return messages.CreateExecutionArgs{
		ExecutionID: messages.NewExecutionID(0, messages.NewFlowID()), Namespace: "default", LaneID: "default",
	}
}

func claim() messages.ClaimNextArgs {
	return messages.ClaimNextArgs{
		Lanes: []messages.LaneID{"default"}, WorkerID: "w", WorkerInstanceID: "w-1", LeaseTTL: time.Minute,
	}
}

func TestWriter_APanicOfAnOperationFailsItAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, slog.DiscardHandler)
		e.ids.broken.Store(true)
		errs := e.together(create(), claim(), create())
		require.NoError(t, errs[0])
		require.ErrorIs(t, errs[1], messages.ErrBug)
		require.NoError(t, errs[2])
		require.Equal(t, int64(2), e.sql.Int("SELECT count(*) FROM ff_exec_core WHERE public_state = 'waiting'"))

		e.ids.broken.Store(false)
		require.NoError(t, e.Ping(t.Context()))
		reply, err := e.Mutate(t.Context(), claim())
		require.NoError(t, err)
		require.NotNil(t, reply.(messages.ClaimNextResult).Task)
	})
}

func TestWriter_APanicOutsideOfOperationsStopsTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, touchy{slog.DiscardHandler})
		waiting := make(chan error, 1)
		go func() {
			elsewhere := claim()
			elsewhere.Lanes = []messages.LaneID{"elsewhere"}
			_, err := e.Mutate(t.Context(), messages.ClaimWaitArgs{ClaimNextArgs: elsewhere})
			waiting <- err
		}()
		synctest.Wait()
		e.ids.broken.Store(true)
		for _, err := range e.together(create(), claim(), create()) {
			require.ErrorIs(t, err, messages.ErrBug, "nobody is left without an answer")
		}
		require.ErrorIs(t, <-waiting, messages.ErrBug)
		require.ErrorIs(t, e.Ping(t.Context()), messages.ErrBug)
		require.ErrorIs(t, e.Fault(), messages.ErrBug)
		require.Equal(t, int64(0), e.sql.Int("SELECT count(*) FROM ff_exec_core"))
	})
}

func TestWriter_ABatchThatCannotBeRolledBackStopsTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := start(t, slog.DiscardHandler)
		kept := create()
		_, err := e.Mutate(t.Context(), kept)
		require.NoError(t, err)
		elsewhere := claim()
		elsewhere.Lanes = []messages.LaneID{"elsewhere"}
		waiting := make(chan error, 1)
		go func() {
			_, err := e.Mutate(t.Context(), messages.ClaimWaitArgs{ClaimNextArgs: elsewhere})
			waiting <- err
		}()
		synctest.Wait()

		// The connection is interrupted in the middle of the batch, and executes nothing any more, ROLLBACK included.
		ended, end := context.WithCancel(t.Context())
		end()
		e.ids.asked = func() { e.conn.SetInterrupt(ended) }
		t.Cleanup(func() { e.conn.SetInterrupt(context.WithoutCancel(t.Context())) })
		for _, err := range e.together(create(), claim(), create()) {
			require.ErrorIs(t, err, messages.ErrTransport)
			require.ErrorIs(t, err, sqlite3.INTERRUPT)
		}
		require.ErrorIs(t, <-waiting, sqlite3.INTERRUPT)
		require.ErrorIs(t, e.Ping(t.Context()), sqlite3.INTERRUPT)
		require.ErrorIs(t, e.WaitCascadeIdle(t.Context()), sqlite3.INTERRUPT)
		require.ErrorIs(t, e.Fault(), sqlite3.INTERRUPT)
		_, err = e.Mutate(t.Context(), create())
		require.ErrorIs(t, err, sqlite3.INTERRUPT)
		require.Equal(t, [][]string{{"waiting"}}, e.sql.Rows("SELECT public_state FROM ff_exec_core"), "what was there before")
	})
}
