package ffsqlite_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// Waiting claims at their bound, at the end of the engine, and when the commit that serves them fails.

func TestClaimWait_TakesWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created()
		e.claimWaiting(t.Context(), claimNextArgs(), time.Hour).got(t, id)
		id = e.created()
		e.claiming(t.Context(), time.Hour).got(t, id)
	})
}

func TestClaimWait_TooManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t, ffsqlite.WithMaxWaitingClaims(2))
		first := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		second := e.claiming(t.Context(), time.Hour)
		third := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		third.failed(t, messages.ErrResourceExhausted)
		require.ErrorContains(t, third.err, "pool=waiting_claims max=2")
		e.noWork(claimNextArgs())

		first.got(t, e.created())
		fourth := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		fourth.parked(t)
		second.got(t, e.created())
		fourth.got(t, e.created())
	})
}

func TestClaimWait_AFailedCommitLeavesTheClaimWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files := slow(t)
		first := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		second := e.claimWaiting(t.Context(), claimNextArgs(), 0)

		files.Inject(fftest.DiskFull())
		_, err := e.CreateExecution(t.Context(), args(newID()))
		require.ErrorIs(t, err, messages.ErrTransport)
		first.parked(t)
		second.parked(t)

		files.Inject(nil)
		first.got(t, e.created())
		second.parked(t)
	})
}

func TestClaimWait_ACallerThatLeavesHearsThatTheCommitFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files := slow(t)
		ctx, cancel := context.WithCancel(t.Context())
		leaver := e.claimWaiting(ctx, claimNextArgs(), 0)
		stayer := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		openGate := shut(files, sqlite3.IOERR_FSYNC)
		created := e.creating(t.Context(), newID())
		cancel()
		leaver.parked(t)

		openGate()
		require.ErrorIs(t, <-created, messages.ErrTransport)
		require.Equal(t, int64(0), e.sql.Int("SELECT count(*) FROM ff_exec_core"))
		synctest.Wait()
		<-leaver.answered
		require.Error(t, leaver.err)
		require.True(t, leaver.id.IsZero())
		stayer.got(t, e.created())
	})
}

func TestClaimWait_ABatchThatRunsAgainServesTheClaimOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files := slow(t)
		used := e.created()
		e.claimed()
		first := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		second := e.claimWaiting(t.Context(), claimNextArgs(), 0)

		openGate := shut(files, nil)
		ahead := e.creating(t.Context(), newID(), inLane("other"))
		// These share a batch. The last fails after it has written, so that the batch is run again.
		id := newID()
		created := e.creating(t.Context(), id)
		refused := e.creating(t.Context(), messages.NewExecutionID(1, used.UUID()), inLane("unregistered"))
		openGate()

		require.NoError(t, <-ahead)
		require.NoError(t, <-created)
		require.ErrorIs(t, <-refused, messages.ErrInvalidInput)
		first.got(t, id)
		require.Equal(t, activeVector, e.vector(id))
		second.parked(t)
		second.got(t, e.created())
	})
}

func TestClaimWait_CloseAnswersThoseThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		first := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		second := e.claiming(t.Context(), time.Hour)
		require.NoError(t, e.Close())
		first.failed(t, messages.ErrUnavailable)
		second.failed(t, messages.ErrUnavailable)
		require.ErrorContains(t, first.err, "claim_wait")
	})
}
