package ffsqlite_test

import (
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// What stops the engine, so that every later call gets the cause: 02 §5.8.

// faulted asserts that the engine has stopped for a reason, and closes it.
func (e *engine) faulted(cause error) {
	e.t.Helper()
	ctx := e.t.Context()
	_, create := e.CreateExecution(ctx, args(newID()))
	_, claim := e.ClaimWait(ctx, messages.ClaimWaitArgs{ClaimNextArgs: claimNextArgs(), MaxWait: time.Hour})
	_, read := e.ListExecutions(ctx, messages.ListExecutionsArgs{})
	_, subscribe := e.SubscribeCompletion(ctx, nil, everything)
	for name, err := range map[string]error{
		"create": create, "claim": claim, "read": read, "subscribe": subscribe,
		"idle": e.WaitCascadeIdle(ctx), "ping": e.Ping(ctx), "close": e.Close(),
	} {
		require.ErrorIs(e.t, err, messages.ErrTransport, name)
		require.ErrorIs(e.t, err, cause, name)
	}
	require.ErrorIs(e.t, e.Ping(ctx), messages.ErrUnavailable)
}

// endsWith asserts that a subscription ends because of the cause.
func endsWith[E any](t testing.TB, sub *ffsqlite.Subscription[E], cause error) {
	t.Helper()
	_, end := drained(sub)
	require.ErrorIs(t, end, messages.ErrTransport)
	require.ErrorIs(t, end, cause)
}

func TestFaulted_AFailedSyncOfTheLogAtNormal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files, path := onFaultyFiles(t, ffsqlite.WithSynchronous(ffsqlite.Normal))
		kept := e.created()
		handle := e.claimed()
		parked := []*pending{
			e.claimWaiting(t.Context(), claimNextArgs(), 0), e.claimWaiting(t.Context(), claimNextArgs(), time.Hour),
		}
		completions, leases := e.completionsFrom(nil), e.leasesFrom(nil, everything)
		e.sql.Exec("PRAGMA wal_checkpoint(PASSIVE)") // The next commit begins the log anew, and syncs its header.
		before := e.sql.Dump()

		letGo := e.heldUp()
		completed := e.completing(handle)
		created := e.creating(t.Context(), newID()) // It would be given to a claim that waits.
		files.Inject(failing(fftest.WALFile, fftest.OpSync, sqlite3.IOERR_FSYNC))
		letGo()
		require.ErrorIs(t, <-completed, sqlite3.IOERR_FSYNC)
		require.ErrorIs(t, <-created, sqlite3.IOERR_FSYNC)
		for _, p := range parked {
			p.failed(t, sqlite3.IOERR_FSYNC)
		}
		files.Inject(nil)
		endsWith(t, completions, sqlite3.IOERR_FSYNC)
		endsWith(t, leases, sqlite3.IOERR_FSYNC)
		require.Equal(t, before, e.sql.Dump())
		e.faulted(sqlite3.IOERR_FSYNC)

		again := openAt(t, path)
		require.Equal(t, before, again.sql.Dump())
		require.NoError(t, again.Complete(t.Context(), handle, nil))
		require.Equal(t, messages.PublicCompleted, again.state(kept))
	})
}

func TestFaulted_AFailedSyncOfTheDatabase(t *testing.T) {
	for _, mode := range []ffsqlite.Synchronous{ffsqlite.Full, ffsqlite.Normal} {
		t.Run(string(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, files, path := onFaultyFiles(t, ffsqlite.WithSynchronous(mode))
				sub := e.completionsFrom(nil)
				parked := e.claimWaiting(t.Context(), claimNextArgsIn("elsewhere"), 0)
				files.Inject(failing(fftest.MainFile, fftest.OpSync, sqlite3.IOERR_FSYNC))
				var stored []messages.ExecutionID
				for err := error(nil); err == nil; synctest.Wait() {
					id := newID()
					_, err = e.CreateExecution(t.Context(), args(id, func(a *messages.CreateExecutionArgs) {
						a.InputPayload = make([]byte, 1<<20)
					}))
					if err == nil {
						stored = append(stored, id)
					} else {
						require.ErrorIs(t, err, sqlite3.IOERR_FSYNC)
					}
					require.Less(t, len(stored), 50, "the log was never moved")
				}
				files.Inject(nil)
				parked.failed(t, sqlite3.IOERR_FSYNC)
				endsWith(t, sub, sqlite3.IOERR_FSYNC)
				e.faulted(sqlite3.IOERR_FSYNC)

				again := openAt(t, path)
				for _, id := range stored {
					require.Equal(t, messages.PublicWaiting, again.state(id), "answered before the log was moved")
				}
				fftest.Intact(t, again.sql)
			})
		})
	}
}

func TestFaulted_ADamagedFile(t *testing.T) {
	// Only a claim and an edge touch these tables; the header is read by every transaction.
	for name, damage := range map[string]struct {
		page  string // which page
		cause error
	}{
		"the header":        {"SELECT 1", sqlite3.NOTADB},
		"the table of jobs": {"SELECT rootpage FROM sqlite_schema WHERE name = 'ff_attempt_lease_expiry_idx'", sqlite3.CORRUPT},
		"a table":           {"SELECT rootpage FROM sqlite_schema WHERE name = 'ff_edge'", sqlite3.CORRUPT},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, _, path := onFaultyFiles(t)
				g := e.newFlow()
				members := g.members(2)
				sub := e.completionsFrom(nil)
				parked := e.claimWaiting(t.Context(), claimNextArgsIn("elsewhere"), 0)
				page, err := strconv.Atoi(e.sql.Text(damage.page))
				require.NoError(t, err)
				e.sql.Exec("UPDATE ff_exec_core SET priority = 1; PRAGMA wal_checkpoint(TRUNCATE)")
				repair := overwrite(t, path, page)

				letGo := func() {}
				if page > 1 { // Otherwise nobody else can begin a transaction either.
					letGo = e.heldUp()
				}
				id := newID()
				created := e.creating(t.Context(), id, inLane("elsewhere"))
				staged := calling(func() error {
					_, err := e.StageDependencyEdge(t.Context(), g.stageArgs(members[0], members[1]))
					return err
				})
				letGo()
				require.ErrorIs(t, <-created, damage.cause, "it shares the batch")
				require.ErrorIs(t, <-staged, damage.cause)
				parked.failed(t, damage.cause)
				endsWith(t, sub, damage.cause)
				e.faulted(damage.cause)

				repair()
				again := openAt(t, path)
				fftest.Intact(t, again.sql)
				require.Equal(t, messages.PublicWaiting, again.state(members[0]))
				require.False(t, has(t, again.Backend, id))
			})
		})
	}
}

// overwrite destroys one page of a database file.
func overwrite(t testing.TB, path string, page int) (repair func()) {
	t.Helper()
	const size = 4096
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	offset := int64(page-1) * size
	before, noise := make([]byte, size), make([]byte, size)
	for i := range noise {
		noise[i] = 0xFE
	}
	_, err = file.ReadAt(before, offset)
	require.NoError(t, err)
	_, err = file.WriteAt(noise, offset)
	require.NoError(t, err)
	return func() {
		_, err := file.WriteAt(before, offset)
		require.NoError(t, err)
	}
}
