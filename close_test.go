package ffsqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// Closing: 02 §7.4 and scenario 43. Every call is answered, with its result or with ErrUnavailable.

// closing starts to close the engine and returns when that waits for something, or is done.
func (e *engine) closing(ctx context.Context) <-chan error {
	return calling(func() error { return e.CloseContext(ctx) })
}

func TestSpec02_S43_CloseAnswersWhatIsInTheMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := fftest.NewFaultyVFS(t)
		path := filepath.Join(t.TempDir(), "x.db")
		e := openAt(t, path, ffsqlite.WithVFS(files.Name()))
		ids := e.createdMany(11)
		sub, idle := e.completionsFrom(nil), e.completionsFrom(nil)
		waiting := e.claimWaiting(t.Context(), claimNextArgsIn("empty"), 0)
		claim := claimArgs()
		claim.LaneID, claim.Policy.MaxWait = "empty", time.Hour
		bounded := calling(func() error { _, err := e.Claim(t.Context(), claim); return err })

		openGate := shut(files, nil)
		var answers []<-chan error
		for _, id := range ids {
			answers = append(answers, e.cancelling(t.Context(), id))
		}
		closed := e.closing(t.Context())
		unanswered(t, closed)
		late := e.cancelling(t.Context(), newID())
		require.ErrorIs(t, <-late, messages.UnavailableError("cancel_execution"))
		openGate()

		for _, answer := range answers {
			require.NoError(t, <-answer)
		}
		waiting.failed(t, messages.UnavailableError("claim_wait"))
		require.ErrorIs(t, <-bounded, messages.UnavailableError("claim"))
		require.NoError(t, <-closed)
		require.NoError(t, e.Close())
		require.ErrorIs(t, e.Ping(t.Context()), messages.UnavailableError("ping"))
		if info, err := os.Stat(path + "-wal"); err == nil {
			require.Zero(t, info.Size())
		}

		require.Equal(t, ids[:3], executionsOf(took(t, sub, 3)))
		resumed := sub.Cursor()
		for _, s := range []*ffsqlite.Subscription[messages.CompletionEvent]{sub, idle} {
			events, end := drained(s)
			require.ErrorIs(t, end, messages.ErrStreamDisconnected)
			require.Equal(t, ids[11-len(events):], executionsOf(events), "what was buffered")
			var disconnected *messages.Error
			require.ErrorAs(t, end, &disconnected)
			require.Equal(t, events[len(events)-1].Cursor, disconnected.Cursor)
			_, again := drained(s)
			require.Equal(t, end, again)
		}

		again := openAt(t, path)
		require.Equal(t, int64(11), again.sql.Int("SELECT count(*) FROM ff_exec_core WHERE lifecycle_phase = 'cancelled'"))
		require.Equal(t, ids[3:], executionsOf(took(t, again.completionsFrom(resumed), 8)), "nothing lost, nothing twice")
		next := again.completionsFrom(idle.Cursor())
		id := again.created()
		again.drive(id, true)
		require.Equal(t, id, took(t, next, 1)[0].ExecutionID)
	})
}

// openToClose opens an engine that the test closes, however that ends, on a file system whose syncs can be held up.
func openToClose(t testing.TB, path string) (*engine, *fftest.FaultyVFS) {
	t.Helper()
	files := fftest.NewFaultyVFS(t)
	manual := clock.NewManual(epoch)
	b, err := ffsqlite.Open(t.Context(), path, ffsqlite.WithoutDevModeGuard(), quiet(),
		ffsqlite.WithVFS(files.Name()), ffsqlite.WithClock(manual))
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Close() }) // For a test that fails before.
	return &engine{Backend: b, t: t, clock: manual, sql: fftest.OpenSQL(t, b.DataSource())}, files
}

// claimNextArgsIn is a claim in one lane.
func claimNextArgsIn(lane messages.LaneID) messages.ClaimNextArgs {
	args := claimNextArgs()
	args.Lanes = []messages.LaneID{lane}
	return args
}

func TestClose_EveryMethodIsUnavailableAfterwards(t *testing.T) {
	e := open(t)
	require.NoError(t, e.Close())
	for name, call := range calls(e.Backend) {
		t.Run(name, func(t *testing.T) {
			err := call(t.Context())
			require.ErrorIs(t, err, messages.UnavailableError(snake(name)))
		})
	}
}

func TestClose_EndsWhatWaitsForTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		flow := messages.NewFlowID()
		_, err := e.CreateFlow(t.Context(), messages.CreateFlowArgs{FlowID: flow, Namespace: namespace})
		require.NoError(t, err)
		waiting := calling(func() error { return e.WaitForFlowCancellation(t.Context(), flow, time.Hour) })
		e.advance(10 * time.Second)
		unanswered(t, waiting)
		require.NoError(t, <-e.closing(t.Context()))
		require.ErrorIs(t, <-waiting, messages.UnavailableError("wait_for_flow_cancellation"))
	})
}

func TestClose_RefusesTheRestWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "x.db")
		e, files := openToClose(t, path)
		first, second := newID(), newID()
		openGate := shut(files, nil)
		begun, queued := e.creating(t.Context(), first), e.creating(t.Context(), second)
		ctx, cancel := context.WithCancel(t.Context())
		closed := e.closing(ctx)
		cancel()
		unanswered(t, closed)
		openGate()

		require.NoError(t, <-begun)
		require.ErrorIs(t, <-queued, messages.UnavailableError("create_execution"))
		require.ErrorIs(t, <-closed, context.Canceled)
		again := reference(t, path)
		require.True(t, has(t, again, first))
		require.False(t, has(t, again, second))
	})
}

func TestClose_TheGracePeriodIsThatOfTheEngine(t *testing.T) {
	// A further reference closes last; it never said how long that may take.
	synctest.Test(t, func(t *testing.T) {
		files := fftest.NewFaultyVFS(t)
		path := filepath.Join(t.TempDir(), "x.db")
		first := reference(t, path, ffsqlite.WithVFS(files.Name()), ffsqlite.WithShutdownGrace(time.Hour))
		last := reference(t, path)
		openGate := shut(files, nil)
		e := &engine{Backend: last, t: t}
		begun, queued := e.creating(t.Context(), newID()), e.creating(t.Context(), newID())
		require.NoError(t, first.Close())
		closed := calling(last.Close)
		halfAnHour := make(chan struct{})
		clock.System().AfterFunc(30*time.Minute, func() { close(halfAnHour) })
		<-halfAnHour
		unanswered(t, closed)
		openGate()
		require.NoError(t, <-begun)
		require.NoError(t, <-queued)
		require.NoError(t, <-closed)
	})
}

func TestClose_TheCascadeGoesOn(t *testing.T) {
	const chain = 150 // More hops than one commit takes.
	for _, inTime := range []bool{true, false} {
		name := "before Close returns"
		if !inTime {
			name = "at the next open, when Close has no time"
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "x.db")
				e, files := openToClose(t, path)
				g := e.newFlow()
				members := g.members(chain)
				for i := range chain - 1 {
					g.edge(members[i], members[i+1])
				}
				handle := e.claimed()

				openGate := shut(files, nil)
				failing := calling(func() error {
					_, err := e.Fail(t.Context(), messages.FailArgs{Handle: handle, Class: messages.FailurePermanent})
					return err
				})
				ctx, cancel := context.WithCancel(t.Context())
				closed := e.closing(ctx)
				if !inTime {
					cancel()
				}
				unanswered(t, closed)
				openGate()
				require.NoError(t, <-failing)
				if inTime {
					require.NoError(t, <-closed)
				} else {
					require.ErrorIs(t, <-closed, context.Canceled)
				}
				cancel()

				const ended = "SELECT count(*) FROM ff_exec_core WHERE lifecycle_phase = 'terminal'"
				require.Equal(t, inTime, e.sql.Int(ended) == chain)
				again := openAt(t, path)
				again.idle()
				require.Equal(t, int64(chain), again.sql.Int(ended))
			})
		})
	}
}

func TestClose_InTheLoopOfASubscription(t *testing.T) {
	e := open(t)
	sub := e.completionsFrom(nil)
	ids := []messages.ExecutionID{e.completed(), e.completed()}
	var got []messages.ExecutionID
	var end error
	for event, err := range sub.Events() {
		if err != nil {
			end = err
			break
		}
		got = append(got, event.ExecutionID)
		require.NoError(t, e.Close())
	}
	require.Equal(t, ids, got)
	require.ErrorIs(t, end, messages.ErrStreamDisconnected)
}

// TestClose_UnderLoad closes an engine while it is called from everywhere: no call hangs, and none fails otherwise than
// by being told so.
func TestClose_UnderLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	for range 3 {
		b := reference(t, path)
		var stored sync.Map // every execution whose create was acknowledged
		var creates atomic.Int64
		busy := make(chan struct{})
		check := func(err error) bool {
			if err != nil && !errors.Is(err, messages.ErrUnavailable) {
				t.Error(err)
			}
			return err == nil
		}
		load := []func() error{
			func() error {
				id := newID()
				_, err := b.CreateExecution(t.Context(), args(id))
				if err != nil {
					return err
				}
				stored.Store(id, true)
				if creates.Add(1) == 200 {
					close(busy)
				}
				return nil
			},
			func() error {
				result, err := b.ClaimWait(t.Context(), messages.ClaimWaitArgs{ClaimNextArgs: claimNextArgs()})
				if err != nil {
					return err
				}
				return b.Complete(t.Context(), result.Task.Handle, nil)
			},
			func() error {
				_, err := b.ClaimWait(t.Context(), messages.ClaimWaitArgs{ClaimNextArgs: claimNextArgsIn("empty")})
				return err
			},
			func() error {
				_, err := b.ListExecutions(t.Context(), messages.ListExecutionsArgs{Limit: 50})
				return err
			},
			func() error {
				sub, err := b.SubscribeCompletion(t.Context(), messages.FromBeginning(), messages.ScannerFilter{})
				if err != nil {
					return err
				}
				defer func() { _ = sub.Close() }()
				n := 0
				for _, err := range sub.Events() {
					if errors.Is(err, messages.ErrStreamDisconnected) {
						return messages.UnavailableError("subscription")
					}
					if n++; err != nil || n == 300 {
						return err
					}
				}
				return nil
			},
			func() error { return b.Ping(t.Context()) },
			func() error { return b.WaitCascadeIdle(t.Context()) },
		}
		var group sync.WaitGroup
		for _, call := range load {
			for range 2 {
				group.Go(func() {
					for check(call()) {
					}
				})
			}
		}
		<-busy
		require.NoError(t, b.Close())
		group.Wait()

		again := reference(t, path)
		stored.Range(func(id, _ any) bool {
			require.True(t, has(t, again, id.(messages.ExecutionID)), "%s was acknowledged", id)
			return true
		})
		require.NoError(t, again.Close())
	}
}

func TestClose_OpenAndCloseRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 10 {
				b, err := ffsqlite.Open(t.Context(), path, ffsqlite.WithoutDevModeGuard(), quiet())
				if err != nil {
					t.Error(err)
					return
				}
				id := newID()
				_, err = b.CreateExecution(t.Context(), args(id))
				state, e := b.ReadExecutionState(t.Context(), id)
				if err = errors.Join(err, e, b.Close()); err != nil || state == nil {
					t.Error(err, state)
				}
			}
		})
	}
	group.Wait()
	again := openAt(t, path)
	require.Equal(t, int64(80), again.sql.Int("SELECT count(*) FROM ff_exec_core"))
}

// calls are all calls of the facade by the names of their methods, with the zero arguments. It leaves out what is no
// call: what is known without the engine, and closing.
func calls(b *ffsqlite.Backend) map[string]func(context.Context) error {
	none := map[string]bool{
		"BackendLabel": true, "Capabilities": true, "Prepare": true, "DataSource": true, "String": true,
		"Close": true, "CloseContext": true,
	}
	all := map[string]func(context.Context) error{}
	value := reflect.ValueOf(b)
	for i := range value.NumMethod() {
		name, method := value.Type().Method(i).Name, value.Method(i)
		if none[name] {
			continue
		}
		all[name] = func(ctx context.Context) error {
			in := []reflect.Value{reflect.ValueOf(ctx)}
			for i := 1; i < method.Type().NumIn() && !method.Type().IsVariadic(); i++ {
				in = append(in, reflect.Zero(method.Type().In(i)))
			}
			out := method.Call(in)
			err, _ := out[len(out)-1].Interface().(error)
			return err
		}
	}
	return all
}
