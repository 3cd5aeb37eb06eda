package ffsqlite_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// Another process that holds the database (02 §4.6), and the bounds of a batch.

// passes lets time go by for those who wait on the clock of the system.
func passes(t testing.TB, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	<-ctx.Done()
	synctest.Wait()
}

func TestBusy_LongerThanTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _, _ := onFaultyFiles(t, ffsqlite.WithBusyTimeout(50*time.Millisecond))
		e.created()
		handle := e.claimed()
		parked := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		before := e.sql.Dump()
		letGo := e.heldUp()
		completed := e.completing(handle)
		passes(t, 30*time.Millisecond)
		unanswered(t, completed)
		passes(t, 100*time.Millisecond)
		var failed *messages.Error
		require.ErrorAs(t, <-completed, &failed)
		require.ErrorIs(t, failed, messages.ErrRetryExhausted)
		require.ErrorIs(t, failed.Err, messages.ErrTransport)
		letGo()

		require.Equal(t, before, e.sql.Dump(), "nothing is stored")
		parked.parked(t)
		require.NoError(t, e.Complete(t.Context(), handle, nil))
		parked.got(t, e.created())
	})
}

func TestBusy_AReaderWithoutALog(t *testing.T) {
	// Without a write-ahead log a commit waits for readers, as a batch waits for a writer.
	synctest.Test(t, func(t *testing.T) {
		e, _, _ := onFaultyFiles(t, ffsqlite.WithWAL(false), ffsqlite.WithBusyTimeout(50*time.Millisecond))
		before := e.sql.Dump()
		e.sql.Exec("BEGIN; SELECT count(*) FROM ff_exec_core")
		created := e.creating(t.Context(), newID())
		passes(t, 200*time.Millisecond)
		require.ErrorIs(t, <-created, messages.ErrRetryExhausted)

		created = e.creating(t.Context(), newID())
		passes(t, 30*time.Millisecond)
		unanswered(t, created)
		e.sql.Exec("COMMIT")
		require.NoError(t, <-created)
		require.Len(t, e.sql.Dump(), len(before)+2, "an execution and its lane")
	})
}

func TestBusy_WhatIsDueIsDoneLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _, _ := onFaultyFiles(t, ffsqlite.WithBusyTimeout(50*time.Millisecond))
		id := e.created(func(a *messages.CreateExecutionArgs) { a.DelayUntil = e.now() + 1000 })
		parked := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		letGo := e.heldUp()
		for range 3 {
			e.advance(time.Second)
			passes(t, 100*time.Millisecond)
		}
		letGo()
		parked.parked(t)
		require.Equal(t, messages.PublicDelayed, e.state(id))
		e.advance(time.Second)
		parked.got(t, id)
	})
}

func TestBusy_ACascadeIsDoneLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files, _ := onFaultyFiles(t, ffsqlite.WithBusyTimeout(50*time.Millisecond))
		first, members := e.chain(100)
		files.Inject(fullAfter(1))
		_, err := e.Fail(t.Context(), messages.FailArgs{Handle: first, Class: messages.FailurePermanent})
		require.NoError(t, err)
		synctest.Wait()
		files.Inject(nil)

		letGo := e.heldUp()
		for range 3 {
			e.advance(time.Second)
			passes(t, 100*time.Millisecond)
		}
		letGo()
		require.Equal(t, messages.PublicWaitingChildren, e.state(members[99]))
		e.advance(time.Second)
		e.idle()
		require.Equal(t, messages.PublicSkipped, e.state(members[99]))
		e.consistent()
	})
}

// onLog is a logger that runs a function, on the goroutine of the writer, when a message is written.
type onLog struct {
	slog.Handler

	message string
	run     func()
}

func (onLog) Enabled(context.Context, slog.Level) bool { return true }

func (l onLog) Handle(_ context.Context, r slog.Record) error {
	if r.Message == l.message {
		l.run()
	}
	return nil
}

func (l onLog) WithAttrs([]slog.Attr) slog.Handler { return l }

func TestBusy_BetweenTheHopsOfACascade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Another connection takes the database when a commit has just been made whose cascade is not done.
		letGo, e := func() {}, (*engine)(nil)
		took := 0
		e = openAt(t, filepath.Join(t.TempDir(), "x.db"), ffsqlite.WithBusyTimeout(50*time.Millisecond),
			ffsqlite.WithLogger(slog.New(onLog{slog.DiscardHandler, "a background job has run", func() {
				if took++; took == 1 {
					letGo = e.heldUp()
				}
			}})))
		_, members := e.chain(200)
		e.patch(members[0], "deadline_at_ms = 1")
		require.Equal(t, uint32(1), e.tick(messages.ScannerExecutionDeadline, 0).Processed)
		require.Equal(t, 1, took)
		require.Equal(t, messages.PublicExpired, e.state(members[0]))
		require.Equal(t, messages.PublicWaitingChildren, e.state(members[199]))
		passes(t, 200*time.Millisecond)
		letGo()
		passes(t, 200*time.Millisecond)
		require.Equal(t, messages.PublicWaitingChildren, e.state(members[199]), "it has given up for now")
		e.advance(time.Second)
		e.idle()
		require.Equal(t, messages.PublicSkipped, e.state(members[199]))
		e.consistent()
	})
}

func TestWriteLimits_BoundABatch(t *testing.T) {
	tests := []struct {
		name    string
		limits  ffsqlite.WriteLimits
		commits int64
	}{
		{"operations", ffsqlite.WriteLimits{Operations: 4}, 3},
		{"one operation", ffsqlite.WriteLimits{Operations: 1}, 10},
		{"bytes", ffsqlite.WriteLimits{Bytes: 1500}, 5},
		{"one message has more bytes", ffsqlite.WriteLimits{Bytes: 10}, 10},
		{"neither", ffsqlite.WriteLimits{Operations: 10, Bytes: 10_000}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, files, _ := onFaultyFiles(t, ffsqlite.WithWriteLimits(test.limits))
				e.created() // The first commit begins the log, and syncs its header.
				letGo := e.heldUp()
				var created []<-chan error
				for range 10 {
					created = append(created, e.creating(t.Context(), newID(), func(a *messages.CreateExecutionArgs) {
						a.InputPayload = make([]byte, 1000)
					}))
				}
				before := files.Counts(fftest.WALFile).Syncs
				letGo()
				for _, done := range created {
					require.NoError(t, <-done)
				}
				require.Equal(t, test.commits, files.Counts(fftest.WALFile).Syncs-before)
			})
		})
	}
}
