package ffsqlite_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// What a caller is told when the database is locked, or when its context ends: 03 §1.1, scenarios 102 and 103.

func TestSpec03_S102_AnotherProcessHoldsTheWriteLock(t *testing.T) {
	e := openAt(t, filepath.Join(t.TempDir(), "locked.db"), ffsqlite.WithBusyTimeout(time.Millisecond))
	id := e.created()
	handle := e.claimed()
	before := e.stored()

	e.sql.Exec("BEGIN IMMEDIATE")
	err := e.Complete(t.Context(), handle, nil)
	require.ErrorIs(t, err, messages.ErrRetryExhausted)
	require.ErrorIs(t, err, messages.ErrTransport)
	require.Equal(t, before, e.stored())
	require.Equal(t, messages.PublicActive, e.state(id), "reads go on")
	e.sql.Exec("ROLLBACK")
	require.NoError(t, e.Complete(t.Context(), handle, nil))
}

func TestSpec03_S102_ALockThatIsGivenBackSoon(t *testing.T) {
	e := openAt(t, filepath.Join(t.TempDir(), "locked.db"))
	e.created()
	handle := e.claimed()
	e.sql.Exec("BEGIN IMMEDIATE")
	done := make(chan error, 1)
	go func() { done <- e.Complete(t.Context(), handle, nil) }()
	e.sql.Exec("ROLLBACK")
	require.NoError(t, <-done)
}

// slow opens an engine on a file system whose syncs can be held up.
func slow(t *testing.T) (*engine, *fftest.FaultyVFS) {
	t.Helper()
	files := fftest.NewFaultyVFS(t)
	return openAt(t, filepath.Join(t.TempDir(), "slow.db"), ffsqlite.WithVFS(files.Name())), files
}

// shut stops the next commit until the gate is opened; then its sync ends with the error.
func shut(files *fftest.FaultyVFS, outcome error) (openGate func()) {
	gate := make(chan struct{})
	files.Inject(func(o fftest.Operation) error {
		if o.File != fftest.WALFile || o.Kind != fftest.OpSync {
			return nil
		}
		<-gate
		return outcome
	})
	return func() {
		close(gate)
		synctest.Wait()
		files.Inject(nil)
	}
}

// creating starts a create and returns when it is under way.
func (e *engine) creating(
	ctx context.Context, id messages.ExecutionID, change ...func(*messages.CreateExecutionArgs),
) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := e.CreateExecution(ctx, args(id, change...))
		done <- err
	}()
	synctest.Wait()
	return done
}

func TestSpec03_S103_AContextThatEndsBeforeTheWriterCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files := slow(t)
		openGate := shut(files, nil)
		ahead := e.creating(t.Context(), newID())
		ctx, cancel := context.WithCancel(t.Context())
		id := newID()
		queued := e.creating(ctx, id)
		claim := e.claimWaiting(ctx, claimNextArgs(), 0)
		cancel()
		synctest.Wait()
		require.ErrorIs(t, <-queued, context.Canceled)
		claim.failed(t, context.Canceled)

		openGate()
		require.NoError(t, <-ahead)
		state, err := e.ReadExecutionState(t.Context(), id)
		require.NoError(t, err)
		require.Nil(t, state, "not executed")
		require.Equal(t, int64(0), e.sql.Int("SELECT count(*) FROM ff_attempt"), "nothing is leased")
	})
}

func TestSpec03_S103_AContextThatEndsWhileTheWriterWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files := slow(t)
		openGate := shut(files, nil)
		ctx, cancel := context.WithCancel(t.Context())
		id := newID()
		executing := e.creating(ctx, id)
		cancel()
		synctest.Wait()
		require.ErrorIs(t, <-executing, context.Canceled)

		openGate()
		require.NoError(t, e.Ping(t.Context()))
		require.Equal(t, messages.PublicWaiting, e.state(id), "the writes are there")
	})
}

func TestSpec03_S103_AClaimThatTheWriterHasBegunIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files := slow(t)
		id := e.created()
		openGate := shut(files, nil)
		ctx, cancel := context.WithCancel(t.Context())
		claim := e.claiming(ctx, 0)
		cancel()
		claim.parked(t)
		openGate()
		claim.got(t, id)
		require.Equal(t, activeVector, e.vector(id))
	})
}

func TestSpec03_S103_AClaimThatIsBeingServedIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files := slow(t)
		ctx, cancel := context.WithCancel(t.Context())
		claim := e.claimWaiting(ctx, claimNextArgs(), 0)
		id := newID()
		openGate := shut(files, nil)
		created := e.creating(t.Context(), id)
		cancel()
		claim.parked(t)
		openGate()
		require.NoError(t, <-created)
		claim.got(t, id)
		require.Equal(t, activeVector, e.vector(id))
	})
}

func TestSpec03_S103_MaxWaitThatEndsWhileTheClaimIsBeingServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files := slow(t)
		claim := e.claiming(t.Context(), 150*time.Millisecond)
		id := newID()
		openGate := shut(files, nil)
		created := e.creating(t.Context(), id)
		e.advance(150 * time.Millisecond)
		claim.parked(t)
		openGate()
		require.NoError(t, <-created)
		claim.got(t, id)
	})
}
