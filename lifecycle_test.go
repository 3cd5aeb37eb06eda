package ffsqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// What becomes of a call in the writer: batches, failed commits, contexts, the bound of what is under way, faults. 02 §5
// and its scenarios. The tests that queue calls run in bubbles and hold up a commit: see slow and shut.

// calling starts a call and returns when it is under way.
func calling(call func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	synctest.Wait()
	return done
}

// unanswered asserts that the call is still under way.
func unanswered(t testing.TB, done <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		require.Fail(t, "answered", "%v", err)
	default:
	}
}

// cancelling starts to cancel an execution, which writes one event, and returns when that is under way.
func (e *engine) cancelling(ctx context.Context, id messages.ExecutionID) <-chan error {
	return calling(func() error {
		_, err := e.CancelExecution(ctx, messages.CancelExecutionArgs{ExecutionID: id})
		return err
	})
}

// createdMany creates n executions.
func (e *engine) createdMany(n int) []messages.ExecutionID {
	e.t.Helper()
	ids := make([]messages.ExecutionID, n)
	for i := range ids {
		ids[i] = e.created()
	}
	return ids
}

// completionsFrom follows the completions from a cursor until the end of the test.
func (e *engine) completionsFrom(cursor messages.OutboxCursor) *ffsqlite.Subscription[messages.CompletionEvent] {
	e.t.Helper()
	sub, err := e.SubscribeCompletion(e.t.Context(), cursor, messages.ScannerFilter{})
	require.NoError(e.t, err)
	e.t.Cleanup(func() { require.NoError(e.t, sub.Close()) })
	return sub
}

// executionsOf are the executions of events.
func executionsOf(events []messages.CompletionEvent) []messages.ExecutionID {
	ids := make([]messages.ExecutionID, len(events))
	for i, event := range events {
		ids[i] = event.ExecutionID
	}
	return ids
}

func TestSpec02_S25_OneInvalidMessageInABatchOfAHundred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files := slow(t)
		ids := e.createdMany(100)
		ids[49] = newID() // Nobody knows it.
		sub := e.completionsFrom(nil)
		openGate := shut(files, nil)
		ahead := e.creating(t.Context(), newID())
		answers := make([]<-chan error, len(ids))
		for i, id := range ids {
			answers[i] = e.cancelling(t.Context(), id)
		}
		syncs := files.Counts(fftest.WALFile).Syncs
		openGate()

		require.NoError(t, <-ahead)
		for i := range answers {
			if i == 49 {
				require.ErrorIs(t, <-answers[i], messages.ErrExecutionNotFound)
			} else {
				require.NoError(t, <-answers[i])
			}
		}
		require.Equal(t, syncs+2, files.Counts(fftest.WALFile).Syncs, "one commit was held up, one is the batch")
		require.Equal(t, slices.Delete(ids, 49, 50), executionsOf(took(t, sub, 99)))
		require.Equal(t, int64(99), e.sql.Int("SELECT count(*) FROM ff_completion_event"))
	})
}

func TestSpec02_S26_AFailedCommitFailsItsBatchAndNoOther(t *testing.T) {
	for _, outcome := range []error{sqlite3.IOERR_FSYNC, sqlite3.FULL} {
		t.Run(outcome.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, files := slow(t)
				ids := e.createdMany(10)
				before := e.sql.Dump()
				sub := e.completionsFrom(nil)
				heard := make(chan messages.ExecutionID, len(ids))
				go func() {
					for event, err := range sub.Events() {
						if err == nil {
							heard <- event.ExecutionID
						}
					}
				}()
				openGate := shut(files, outcome)
				answers := []<-chan error{e.creating(t.Context(), newID())}
				for _, id := range ids {
					answers = append(answers, e.cancelling(t.Context(), id))
				}
				openGate()

				for _, answer := range answers {
					err := <-answer
					require.ErrorIs(t, err, messages.ErrTransport)
					require.ErrorIs(t, err, outcome)
				}
				require.Equal(t, before, e.sql.Dump())
				require.Empty(t, heard)

				require.NoError(t, <-e.cancelling(t.Context(), ids[3]))
				synctest.Wait()
				require.Len(t, heard, 1)
				require.Equal(t, ids[3], <-heard)
				require.Equal(t, int64(1), e.sql.Int("SELECT count(*) FROM ff_completion_event"))
			})
		})
	}
}

func TestSpec02_S27_TheContextOfTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files := slow(t)
		ids := e.createdMany(2)
		openGate := shut(files, nil)
		ctx, cancel := context.WithCancel(t.Context())
		executing := e.cancelling(ctx, ids[0])
		waiting := e.cancelling(ctx, ids[1])
		cancel()
		require.ErrorIs(t, <-executing, context.Canceled)
		require.ErrorIs(t, <-waiting, context.Canceled)
		require.ErrorIs(t, <-e.cancelling(ctx, ids[1]), context.Canceled, "a context that has ended asks for nothing")

		openGate()
		require.NoError(t, e.Ping(t.Context()))
		require.Equal(t, messages.PublicCancelled, e.state(ids[0]))
		require.Equal(t, messages.PublicWaiting, e.state(ids[1]))
		require.Equal(t, executionsOf(took(t, e.completionsFrom(messages.FromBeginning()), 1)), ids[:1])
	})
}

// crashImage is a copy of a database's files as they are now: what a process that is killed leaves behind.
func crashImage(t testing.TB, path string) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image.db")
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(image+suffix, content, 0o600))
	}
	return image
}

func TestSpec02_S28_AKillBetweenTheCommitAndTheReply(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	image := ""
	killed := func(ctx context.Context, message messages.Message, next ffsqlite.Next) (messages.Reply, error) {
		reply, err := next(ctx, message)
		if _, last := message.(messages.CompleteArgs); last {
			image = crashImage(t, path) // The commit was, and the caller has not heard of it.
		}
		return reply, err
	}
	e := openAt(t, path, ffsqlite.WithInterceptors(killed))
	sub := e.completionsFrom(nil)
	cursor := sub.Cursor()
	id := e.created()
	handle := e.claimed()
	require.NoError(t, e.Complete(t.Context(), handle, []byte("done")))

	again := openAt(t, image)
	fftest.Intact(t, again.sql)
	require.Equal(t, messages.PublicCompleted, again.state(id))
	require.Equal(t, "success", again.completions(id), "the event is there, once")
	require.NoError(t, again.Complete(t.Context(), handle, []byte("done")), "the caller repeats its call")
	require.Equal(t, "success", again.completions(id))

	// 05 scenario 100: who had not been notified hears of it.
	require.Equal(t, id, took(t, again.completionsFrom(cursor), 1)[0].ExecutionID)
}

func TestSpec02_S29_AWriteWaitsForAForeignLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := openAt(t, filepath.Join(t.TempDir(), "x.db"))
		e.sql.Exec("BEGIN IMMEDIATE")
		id := newID()
		done := e.creating(t.Context(), id)
		second := make(chan struct{})
		clock.System().AfterFunc(time.Second, func() { close(second) })
		<-second
		unanswered(t, done)
		e.sql.Exec("COMMIT")
		require.NoError(t, <-done)
		require.Equal(t, messages.PublicWaiting, e.state(id))
	})
}

// unknownMutation is a message of which the writer has never heard.
type unknownMutation struct{ messages.CreateExecutionArgs }

func TestSpec02_S30_ABugIsAnsweredAndTheNextMessageWorks(t *testing.T) {
	e := open(t, ffsqlite.WithInterceptors(
		func(ctx context.Context, message messages.Message, next ffsqlite.Next) (messages.Reply, error) {
			if create, ok := message.(messages.CreateExecutionArgs); ok && create.ExecutionKind == "unknown" {
				message = unknownMutation{create}
			}
			return next(ctx, message)
		}))
	before := e.sql.Dump()
	_, err := e.CreateExecution(t.Context(), args(newID(), ofKind("unknown")))
	require.ErrorIs(t, err, messages.ErrBug)
	require.Equal(t, before, e.sql.Dump())
	e.drive(e.created(), true)
}

func TestSpec02_S36_NobodyWaitsForAHole(t *testing.T) {
	e := open(t)
	sub := e.completionsFrom(nil)
	parked := e.completionsFrom(nil)
	var want []messages.ExecutionID
	for _, hole := range []string{
		"", "UPDATE sqlite_sequence SET seq = seq + 1", "UPDATE sqlite_sequence SET seq = seq + 1000", "",
		"DELETE FROM ff_completion_event",
	} {
		if hole != "" {
			e.sql.Exec(hole)
		}
		id := e.created()
		e.drive(id, false)
		want = append(want, id)
		require.Equal(t, id, took(t, parked, 1)[0].ExecutionID)
	}
	require.Equal(t, want, executionsOf(took(t, sub, len(want))), "pushed before its row was deleted")
	highest := e.sql.Int("SELECT max(event_id) FROM ff_completion_event")
	require.Equal(t, messages.CursorAfter(messages.EventID(highest)), sub.Cursor())
}

func TestWriteLimits_BoundWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := fftest.NewFaultyVFS(t)
		e := openAt(t, filepath.Join(t.TempDir(), "x.db"), ffsqlite.WithVFS(files.Name()),
			ffsqlite.WithWriteLimits(ffsqlite.WriteLimits{InFlight: 2}))
		claim := e.claimWaiting(t.Context(), claimNextArgs(), 0) // It takes no place.
		openGate := shut(files, nil)
		elsewhere := func(a *messages.CreateExecutionArgs) { a.LaneID = "elsewhere" }
		done := []<-chan error{e.creating(t.Context(), newID(), elsewhere), e.creating(t.Context(), newID(), elsewhere)}
		for range 6 {
			done = append(done, e.creating(t.Context(), newID(), elsewhere))
		}
		ctx, cancel := context.WithCancel(t.Context())
		left := newID()
		leaving := e.creating(ctx, left)
		unanswered(t, leaving)
		cancel()
		require.ErrorIs(t, <-leaving, context.Canceled)
		for _, d := range done {
			unanswered(t, d)
		}
		syncs := files.Counts(fftest.WALFile).Syncs
		openGate()

		for _, d := range done {
			require.NoError(t, <-d)
		}
		require.GreaterOrEqual(t, files.Counts(fftest.WALFile).Syncs, syncs+4, "no more than two shared a commit")
		require.False(t, has(t, e.Backend, left))
		claim.parked(t)
		claim.got(t, e.created())
	})
}
