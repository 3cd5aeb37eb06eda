package actors

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/subscribers"
)

// completions is an outbox of completions in memory; id n is row n-1.
type completions struct {
	mu    sync.Mutex
	rows  []messages.CompletionEvent
	pages atomic.Int64
	read  func(ctx context.Context) error // called before each read when set
}

// commit stores n rows as one transaction.
func (o *completions) commit(n int) *messages.Committed {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := len(o.rows)
	for range n {
		id := messages.EventID(len(o.rows) + 1)
		o.rows = append(o.rows, messages.CompletionEvent{EventID: id, Cursor: messages.CursorAfter(id)})
	}
	return &messages.Committed{
		Completions:       o.rows[before:len(o.rows):len(o.rows)],
		HighestCompletion: messages.EventID(len(o.rows)),
	}
}

func (o *completions) CompletionPage(
	ctx context.Context, after messages.EventID, limit int,
) ([]messages.CompletionEvent, error) {
	o.pages.Add(1)
	if o.read != nil {
		if err := o.read(ctx); err != nil {
			return nil, err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.rows[after:min(int(after)+limit, len(o.rows))], nil
}

func (o *completions) LeaseHistoryPage(
	context.Context, messages.EventID, int,
) ([]messages.LeaseHistoryEvent, error) {
	return nil, nil
}

func (o *completions) HighestEventID(_ context.Context, family messages.Family) (messages.EventID, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if family != messages.FamilyCompletion {
		return 0, nil
	}
	return messages.EventID(len(o.rows)), nil
}

func (o *completions) HighWaterEventID(ctx context.Context, family messages.Family) (messages.EventID, error) {
	return o.HighestEventID(ctx, family)
}

func (o *completions) ExecutionTag(context.Context, messages.ExecutionID, string) (*string, error) {
	return nil, nil
}

// fanoutBench is a running fan-out and what is around it.
type fanoutBench struct {
	*fanout
	outbox *completions
	hubs   *subscribers.Hubs
	log    *bytes.Buffer // to be read after stop
}

// startBench starts a fan-out over an empty outbox; the caller stops it.
func startBench(t *testing.T) *fanoutBench {
	t.Helper()
	b := &fanoutBench{outbox: &completions{}, log: &bytes.Buffer{}}
	var err error
	b.hubs, err = subscribers.NewHubs(t.Context(), b.outbox)
	require.NoError(t, err)

	log := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return log }))
	t.Cleanup(system.Shutdown)
	b.fanout = startFanout(system, b.hubs.Completions, b.hubs.Leases, log)
	return b
}

// follow reads completions after the position in a goroutine of its own. The returned function waits for the end of
// the subscription and returns what came.
func (b *fanoutBench) follow(t *testing.T, cursor messages.OutboxCursor) func() ([]messages.EventID, error) {
	t.Helper()
	s, err := b.hubs.Completions.Subscribe(t.Context(), cursor, messages.ScannerFilter{})
	require.NoError(t, err)
	var ids []messages.EventID
	var end error
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event, err := range s.Events() {
			if err != nil {
				end = err
				continue
			}
			ids = append(ids, event.EventID)
		}
	}()
	return func() ([]messages.EventID, error) {
		<-done
		return ids, end
	}
}

// upTo is the ids from 1 to n.
func upTo(n messages.EventID) []messages.EventID {
	var ids []messages.EventID
	for id := messages.EventID(1); id <= n; id++ {
		ids = append(ids, id)
	}
	return ids
}

func TestFanout(t *testing.T) {
	t.Run("delivers both families, and what was published before it stops", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := startBench(t)
			ended := b.follow(t, nil)
			leases, err := b.hubs.Leases.Subscribe(t.Context(), nil, messages.ScannerFilter{})
			require.NoError(t, err)
			committed := b.outbox.commit(3)
			committed.Leases = []messages.LeaseHistoryEvent{{EventID: 1, Cursor: messages.CursorAfter(1)}}
			committed.HighestLease = 1
			b.publish(committed)
			b.publish(b.outbox.commit(2))
			b.stop(t.Context(), nil)

			ids, err := ended()
			require.Equal(t, upTo(5), ids)
			require.ErrorIs(t, err, messages.ErrStreamDisconnected)
			for event, err := range leases.Events() {
				require.NoError(t, err)
				require.Equal(t, messages.EventID(1), event.EventID)
				break
			}
			require.Zero(t, b.outbox.pages.Load())
			b.publish(b.outbox.commit(1))
			b.stop(t.Context(), nil)
			require.Empty(t, b.log.String())
		})
	})

	t.Run("a fault is how subscriptions end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := startBench(t)
			ended := b.follow(t, nil)
			b.publish(b.outbox.commit(2))
			cause := errors.New("database disk image is malformed")
			b.end(cause)
			ids, err := ended()
			require.Equal(t, upTo(2), ids)
			require.ErrorIs(t, err, messages.ErrTransport)
			require.ErrorIs(t, err, cause)
			b.stop(t.Context(), nil)
		})
	})

	t.Run("its mailbox stays short when it lags, and rows are read instead", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := startBench(t)
			ended := b.follow(t, nil)
			gate := make(chan struct{})
			b.outbox.read = func(context.Context) error { <-gate; return nil }
			b.outbox.commit(1) // a row that was not published, for the fan-out to stumble over
			b.publish(b.outbox.commit(1))
			synctest.Wait()
			for range 1000 {
				b.publish(b.outbox.commit(1))
			}
			synctest.Wait()
			require.EqualValues(t, maxBatchesAhead, b.waiting.Load())
			require.True(t, b.announced.Load())

			close(gate)
			synctest.Wait()
			require.Zero(t, b.waiting.Load())
			b.publish(b.outbox.commit(1))
			b.stop(t.Context(), nil)
			ids, err := ended()
			require.Equal(t, upTo(1003), ids)
			require.ErrorIs(t, err, messages.ErrStreamDisconnected)
			require.LessOrEqual(t, b.outbox.pages.Load(), int64(5))
		})
	})

	t.Run("a panic is logged and costs no event", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := startBench(t)
			ended := b.follow(t, nil)
			var broken atomic.Bool
			broken.Store(true)
			b.outbox.read = func(context.Context) error {
				if broken.Swap(false) {
					panic("broken reader")
				}
				return nil
			}
			b.outbox.commit(2)
			b.publish(b.outbox.commit(1))
			synctest.Wait() // the subscriber reads the rows by itself
			b.stop(t.Context(), nil)
			ids, _ := ended()
			require.Equal(t, upTo(3), ids)
			require.Contains(t, b.log.String(), "broken reader")
			require.Contains(t, b.log.String(), "fanout.go")
		})
	})

	t.Run("a failing read is logged and left to the subscriptions", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := startBench(t)
			ended := b.follow(t, nil)
			var failures atomic.Int64
			b.outbox.read = func(context.Context) error {
				if failures.Add(1) <= subscribers.ReadTries {
					return errors.New("disk I/O error")
				}
				return nil
			}
			b.outbox.commit(2)
			b.publish(b.outbox.commit(1))
			synctest.Wait()
			b.stop(t.Context(), nil)
			ids, _ := ended()
			require.Equal(t, upTo(3), ids)
			require.Contains(t, b.log.String(), "disk I/O error")
		})
	})

	t.Run("stopping gives a read up when its context ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := startBench(t)
			ended := b.follow(t, nil)
			b.outbox.read = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			b.outbox.commit(1)
			b.publish(b.outbox.commit(1))
			synctest.Wait()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			b.stop(ctx, nil)
			ids, err := ended()
			require.Empty(t, ids)
			require.ErrorIs(t, err, messages.ErrStreamDisconnected)
		})
	})

	t.Run("hears nothing of a commit without events", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := startBench(t)
			b.publish(&messages.Committed{NextDeadline: 1})
			require.Zero(t, b.waiting.Load())
			b.stop(t.Context(), nil)
		})
	})
}

// TestFanout_Stress has a writer that is faster than the fan-out and subscribers that come at any time.
func TestFanout_Stress(t *testing.T) {
	const (
		commits = 3000
		many    = 20
	)
	for range 5 {
		b := startBench(t)
		var all sync.WaitGroup
		for range many {
			all.Go(func() {
				s, err := b.hubs.Completions.Subscribe(t.Context(), messages.FromBeginning(), messages.ScannerFilter{})
				if err != nil {
					t.Error(err)
					return
				}
				next := messages.EventID(1)
				for event, err := range s.Events() {
					if err != nil || event.EventID != next {
						t.Errorf("%d instead of %d: %v", event.EventID, next, err)
						break
					}
					if next++; next > 2*commits {
						break
					}
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		for range commits {
			b.publish(b.outbox.commit(2))
		}
		all.Wait()
		b.stop(t.Context(), nil)
		require.Empty(t, b.log.String())
	}
}
