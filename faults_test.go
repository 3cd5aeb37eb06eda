package ffsqlite_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// Commits that fail: 02 §5.2, §5.3 and §5.8. What stops the engine is in faulted_test.go.

// onFaultyFiles opens an engine on a file system with faults on demand.
func onFaultyFiles(t testing.TB, opts ...ffsqlite.Option) (e *engine, files *fftest.FaultyVFS, path string) {
	t.Helper()
	files = fftest.NewFaultyVFS(t)
	path = filepath.Join(t.TempDir(), "faulty.db")
	return openAt(t, path, append(opts, ffsqlite.WithVFS(files.Name()))...), files, path
}

// heldUp keeps the writer from beginning a batch until it is let go, so that the calls which are made meanwhile share one.
func (e *engine) heldUp() (letGo func()) {
	e.t.Helper()
	e.sql.Exec("BEGIN IMMEDIATE")
	return func() { e.sql.Exec("ROLLBACK") }
}

// completing starts to complete an execution and returns when that is under way.
func (e *engine) completing(handle messages.Handle) <-chan error {
	return calling(func() error { return e.Complete(e.t.Context(), handle, []byte("done")) })
}

// failing is a fault for one kind of operation on one kind of file.
func failing(file fftest.FileKind, kind fftest.OpKind, outcome error) fftest.Fault {
	return func(o fftest.Operation) error {
		if o.File == file && o.Kind == kind {
			return outcome
		}
		return nil
	}
}

func TestFault_AFailedCommit(t *testing.T) {
	tests := []struct {
		name  string
		mode  ffsqlite.Synchronous
		fault fftest.Fault
		cause error
	}{
		{"disk full, FULL", ffsqlite.Full, fftest.DiskFull(fftest.WALFile), sqlite3.FULL},
		{"disk full, NORMAL", ffsqlite.Normal, fftest.DiskFull(fftest.WALFile), sqlite3.FULL},
		{"write, FULL", ffsqlite.Full, fftest.IOError(fftest.WALFile), sqlite3.IOERR_WRITE},
		{"write, NORMAL", ffsqlite.Normal, fftest.IOError(fftest.WALFile), sqlite3.IOERR_WRITE},
		{"sync, FULL", ffsqlite.Full, failing(fftest.WALFile, fftest.OpSync, sqlite3.IOERR_FSYNC), sqlite3.IOERR_FSYNC},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, files, path := onFaultyFiles(t, ffsqlite.WithSynchronous(test.mode))
				e.createdMany(2)
				handles := []messages.Handle{e.claimed(), e.claimed()}
				parked := e.claimWaiting(t.Context(), claimNextArgs(), 0)
				completions, leases := following(e.completionsFrom(nil)), following(e.leasesFrom(nil, everything))
				before := e.sql.Dump()

				letGo := e.heldUp()
				answers := []<-chan error{
					e.completing(handles[0]), e.creating(t.Context(), newID()), e.completing(handles[1]),
				}
				late := e.claimWaiting(t.Context(), claimNextArgs(), 0)
				files.Inject(test.fault)
				letGo()
				for _, answer := range answers {
					err := <-answer
					require.ErrorIs(t, err, messages.ErrTransport)
					require.ErrorIs(t, err, test.cause)
				}
				parked.parked(t)
				late.parked(t)
				require.Equal(t, before, e.sql.Dump(), "nothing is stored")
				require.Empty(t, completions)
				require.Empty(t, leases)

				files.Inject(nil)
				parked.got(t, e.created())
				late.got(t, e.created())
				require.NoError(t, <-e.completing(handles[0]))
				require.NoError(t, <-e.completing(handles[1]))
				synctest.Wait()
				require.Len(t, completions, 2)
				require.Len(t, leases, 4)
				after := e.sql.Dump()
				require.NoError(t, e.Close())

				again := openAt(t, path)
				require.Equal(t, after, again.sql.Dump())
				fftest.Intact(t, again.sql)
				again.consistent()
			})
		})
	}
}

func TestFault_ATransactionLostInTheMiddleOfABatch(t *testing.T) {
	for name, fault := range map[string]struct {
		inject fftest.Fault
		cause  error
	}{
		"disk full": {fftest.DiskFull(), sqlite3.FULL},
		"I/O error": {fftest.IOError(), sqlite3.IOERR_WRITE},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, files, _ := onFaultyFiles(t, ffsqlite.WithWriteLimits(ffsqlite.WriteLimits{Bytes: 1 << 30}))
				parked := e.claimWaiting(t.Context(), claimNextArgs(), 0)
				before := e.sql.Dump()

				letGo := e.heldUp()
				huge := newID()
				first := e.creating(t.Context(), newID())
				second := e.creating(t.Context(), huge, func(a *messages.CreateExecutionArgs) {
					a.InputPayload = make([]byte, 40<<20) // More than the page cache holds.
				})
				files.Inject(fault.inject)
				letGo()
				for _, answer := range []<-chan error{first, second} {
					require.ErrorIs(t, <-answer, fault.cause)
				}
				parked.parked(t)
				require.Equal(t, before, e.sql.Dump())

				files.Inject(nil)
				parked.got(t, e.created())
				require.NoError(t, e.Ping(t.Context()))
			})
		})
	}
}

// chain is a flow in which each of n executions depends on the one before. The first is claimed.
func (e *engine) chain(n int) (first messages.Handle, members []messages.ExecutionID) {
	e.t.Helper()
	g := e.newFlow()
	members = g.members(n)
	for i := range members[1:] {
		g.edge(members[i], members[i+1])
	}
	return e.claimed(), members
}

// fullAfter lets n commits through and none after.
func fullAfter(n int) fftest.Fault {
	return func(o fftest.Operation) error {
		switch {
		case o.File != fftest.WALFile:
		case n > 0 && o.Kind == fftest.OpSync:
			n--
		case n <= 0 && o.Kind == fftest.OpWrite:
			return sqlite3.FULL
		}
		return nil
	}
}

func TestFault_ACascadeGoesOnByItself(t *testing.T) {
	// The hops of a chain this long take more than one commit; the second fails.
	const length = 100
	setUp := func(t *testing.T) (e *engine, files *fftest.FaultyVFS, path string, last messages.ExecutionID) {
		t.Helper()
		e, files, path = onFaultyFiles(t)
		first, members := e.chain(length)
		files.Inject(fullAfter(1))
		_, err := e.Fail(t.Context(), messages.FailArgs{Handle: first, Class: messages.FailurePermanent})
		require.NoError(t, err)
		synctest.Wait()
		last = members[length-1]
		require.Equal(t, messages.PublicWaitingChildren, e.state(last))
		return e, files, path, last
	}
	t.Run("once the fault is gone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e, files, _, last := setUp(t)
			idle := calling(func() error { return e.WaitCascadeIdle(t.Context()) })
			e.advance(time.Second)
			unanswered(t, idle)
			files.Inject(nil)
			unanswered(t, idle)
			e.advance(time.Second)
			require.NoError(t, <-idle)
			require.Equal(t, messages.PublicSkipped, e.state(last))
			e.consistent()
		})
	})
	t.Run("at the next open, if it was closed before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e, files, path, last := setUp(t)
			_ = e.Close() // The log cannot be moved. It returns, which is what counts.
			files.Inject(nil)
			again := openAt(t, path)
			again.idle()
			require.Equal(t, messages.PublicSkipped, again.state(last))
			again.consistent()
		})
	})
}

func TestFault_WhatIsDueIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files, _ := onFaultyFiles(t)
		id := e.created(func(a *messages.CreateExecutionArgs) { a.DelayUntil = e.now() + 1000 })
		parked := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		files.Inject(fftest.DiskFull())
		e.advance(time.Second)
		e.advance(time.Second)
		parked.parked(t)
		require.Equal(t, messages.PublicDelayed, e.state(id))

		files.Inject(nil)
		e.advance(time.Second)
		parked.got(t, id)
	})
}

func TestFault_ACheckpointThatCannotWriteLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files, path := onFaultyFiles(t)
		files.Inject(fftest.DiskFull(fftest.MainFile))
		e.fillLog()
		require.NoError(t, e.Ping(t.Context()))
		id := e.created(inLane("other"))
		files.Inject(nil)

		e.sql.Exec("PRAGMA wal_checkpoint(PASSIVE)")
		e.fillLog()
		require.NoError(t, e.Close())
		require.True(t, has(t, reference(t, path), id))
	})
}

// fillLog makes the write-ahead log so long that the writer moves it into the database.
func (e *engine) fillLog() {
	e.t.Helper()
	for range 20 {
		e.created(func(a *messages.CreateExecutionArgs) { a.InputPayload = make([]byte, 1<<20) })
	}
	synctest.Wait()
}
