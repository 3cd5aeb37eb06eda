package ffsqlite_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// Claims that wait for work: 03 §4.3 (MaxWait) and 06 §1.14, with their scenarios. The tests run in bubbles, in which
// synctest.Wait returns when every goroutine waits: a call that has no answer then is parked.

// pending is a claim in a goroutine of its own.
type pending struct {
	answered chan struct{}
	id       messages.ExecutionID // zero: nothing was claimed
	kind     messages.HandleKind
	err      error
}

// claimWaiting starts a ClaimWait and returns when it is parked or answered.
func (e *engine) claimWaiting(ctx context.Context, args messages.ClaimNextArgs, maxWait time.Duration) *pending {
	e.t.Helper()
	p := &pending{answered: make(chan struct{})}
	go func() {
		defer close(p.answered)
		var result messages.ClaimNextResult
		result, p.err = e.ClaimWait(ctx, messages.ClaimWaitArgs{ClaimNextArgs: args, MaxWait: maxWait})
		if result.Task != nil {
			p.id, p.kind = result.Task.ExecutionID, result.Task.Handle.Kind
		}
	}()
	synctest.Wait()
	return p
}

// claiming is claimWaiting for a Claim with MaxWait.
func (e *engine) claiming(ctx context.Context, maxWait time.Duration, capabilities ...string) *pending {
	e.t.Helper()
	p := &pending{answered: make(chan struct{})}
	go func() {
		defer close(p.answered)
		args := claimArgs(capabilities...)
		args.Policy.MaxWait = maxWait
		var handle *messages.Handle
		if handle, p.err = e.Claim(ctx, args); handle != nil {
			p.id, p.kind = payloadOf(e.t, *handle).ExecutionID, handle.Kind
		}
	}()
	synctest.Wait()
	return p
}

// parked asserts that the claim still waits.
func (p *pending) parked(t testing.TB) {
	t.Helper()
	synctest.Wait()
	select {
	case <-p.answered:
		require.Fail(t, "answered", "%v %v", p.id, p.err)
	default:
	}
}

// got asserts that the claim has been answered with this execution, the zero id for nothing.
func (p *pending) got(t testing.TB, want messages.ExecutionID) {
	t.Helper()
	synctest.Wait()
	select {
	case <-p.answered:
		require.NoError(t, p.err)
		require.Equal(t, want, p.id)
	default:
		require.Fail(t, "not answered")
	}
}

// failed asserts that the claim has been answered with this error and no execution.
func (p *pending) failed(t testing.TB, target error) {
	t.Helper()
	synctest.Wait()
	select {
	case <-p.answered:
		require.ErrorIs(t, p.err, target)
		require.True(t, p.id.IsZero())
	default:
		require.Fail(t, "not answered")
	}
}

// advance moves the clock and lets the engine do what is due.
func (e *engine) advance(d time.Duration) {
	e.clock.Advance(d)
	synctest.Wait()
}

var nothing messages.ExecutionID

func TestSpec03_S17_ClaimWaitsForACreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		p := e.claiming(t.Context(), 5*time.Second)
		e.advance(200 * time.Millisecond)
		p.parked(t)
		p.got(t, e.created())
	})
}

func TestSpec03_S17_ClaimWaitsForADelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		p := e.claiming(t.Context(), 5*time.Second)
		id := e.created(func(a *messages.CreateExecutionArgs) { a.DelayUntil = e.now() + 300 })
		e.advance(299 * time.Millisecond)
		p.parked(t)
		e.advance(time.Millisecond)
		p.got(t, id)
	})
}

func TestSpec03_S17_TheContextOfAClaimEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		p := e.claiming(ctx, 5*time.Second)
		e.advance(100 * time.Millisecond)
		p.parked(t)
		cancel()
		p.failed(t, context.Canceled)
		id := e.created()
		require.Equal(t, "submitted", e.column(id, "lifecycle_phase"))
	})
}

func TestSpec03_S17_MaxWaitPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		p := e.claiming(t.Context(), 150*time.Millisecond)
		e.advance(149 * time.Millisecond)
		p.parked(t)
		e.advance(time.Millisecond)
		p.got(t, nothing)
		id := e.created()
		require.Equal(t, "submitted", e.column(id, "lifecycle_phase"))
	})
}

func TestSpec03_S18_OneCreateAnswersOneOfThreeClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		first := e.claiming(t.Context(), time.Hour)
		second := e.claiming(t.Context(), time.Hour)
		third := e.claiming(t.Context(), time.Hour)
		first.got(t, e.created())
		second.parked(t)
		third.parked(t)
		second.got(t, e.created())
		third.parked(t)
		third.got(t, e.created())
	})
}

func TestSpec06_S123_TheCommitOfTheCreateClaimsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files := slow(t)
		e.drive(e.created(), true) // The first commit also writes the head of the log.
		p := e.claimWaiting(t.Context(), claimNextArgs(), 0)

		var touched atomic.Int64
		files.Inject(func(fftest.Operation) error {
			touched.Add(1)
			return nil
		})
		e.advance(200 * time.Millisecond)
		p.parked(t)
		require.Zero(t, touched.Load(), "a waiting claim must not touch the database")

		syncs := files.Counts(fftest.WALFile).Syncs
		id := e.created()
		require.Equal(t, messages.PublicActive, e.state(id), "never claimable and unclaimed")
		p.got(t, id)
		require.Equal(t, syncs+1, files.Counts(fftest.WALFile).Syncs, "one commit for both")
	})
}

func TestSpec06_S123_TheFirstThatCanRunItIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		unable := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		args := claimNextArgs()
		args.WorkerCapabilities = []string{"gpu"}
		able := e.claimWaiting(t.Context(), args, 0)
		late := e.claimWaiting(t.Context(), args, 0)
		able.got(t, e.created(requiring("gpu")))
		unable.parked(t)
		late.parked(t)
		unable.got(t, e.created())
		late.parked(t)
	})
}

func TestSpec06_S123_KindNamespaceAndLaneSelectTheWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		args := claimNextArgs()
		args.Kinds = []string{"mail"}
		mail := e.claimWaiting(t.Context(), args, 0)
		args = claimNextArgs()
		args.Namespace = "tenant"
		tenant := e.claimWaiting(t.Context(), args, 0)
		args = claimNextArgs()
		args.Lanes = []messages.LaneID{"a", "b"}
		lanes := e.claimWaiting(t.Context(), args, 0)
		other := e.claiming(t.Context(), time.Hour)

		lanes.got(t, e.created(inLane("b")))
		tenant.got(t, e.created(func(a *messages.CreateExecutionArgs) { a.Namespace = "tenant" }))
		mail.got(t, e.created(ofKind("mail")))
		other.parked(t)
		other.got(t, e.created())
	})
}

func TestSpec06_S123_EverythingThatMakesClaimableWakes(t *testing.T) {
	for name, happens := range map[string]func(*engine) messages.ExecutionID{
		"a retry without delay": func(e *engine) messages.ExecutionID {
			id := e.created(inLane("other"))
			args := claimNextArgs()
			args.Lanes = []messages.LaneID{"other"}
			handle := e.claimedNext(args).Handle
			e.patch(id, "lane_id = 'default'")
			e.failed(messages.FailArgs{Handle: handle})
			return id
		},
		"a release by a dependency": func(e *engine) messages.ExecutionID {
			flow := e.newFlow()
			upstream, downstream := flow.member(inLane("other")), flow.member(inLane("gated"))
			flow.edge(upstream, downstream)
			e.patch(downstream, "lane_id = 'default'")
			args := claimNextArgs()
			args.Lanes = []messages.LaneID{"other"}
			require.NoError(e.t, e.Complete(e.t.Context(), e.claimedNext(args).Handle, nil))
			e.idle()
			return downstream
		},
		"a row that another program changed": func(e *engine) messages.ExecutionID {
			id := e.seeded()
			e.advance(750 * time.Millisecond)
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := open(t)
				p := e.claimWaiting(t.Context(), claimNextArgs(), 0)
				p.got(t, happens(e))
			})
		})
	}
}

func TestSpec06_S124_AWaiterIsAnsweredWhenADelayEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created(func(a *messages.CreateExecutionArgs) { a.DelayUntil = e.now() + 300 })
		p := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		e.advance(299 * time.Millisecond)
		p.parked(t)
		e.advance(time.Millisecond)
		p.got(t, id)
	})
}

func TestSpec06_S124_AWaiterIsAnsweredWhenABackoffEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created(retrying(messages.RetryPolicy{MaxRetries: 1, Backoff: messages.FixedBackoff(300 * time.Millisecond)}))
		e.failed(messages.FailArgs{Handle: e.claimed()})
		p := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		e.advance(299 * time.Millisecond)
		p.parked(t)
		e.advance(time.Millisecond)
		p.got(t, id)
	})
}

func TestSpec06_S124_AWaiterIsAnsweredWhenALeaseRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created()
		args := claimNextArgs()
		args.LeaseTTL = 300 * time.Millisecond
		e.claimedNext(args)
		p := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		e.advance(299 * time.Millisecond)
		p.parked(t)
		e.advance(time.Millisecond)
		p.got(t, id)
		require.Equal(t, messages.HandleReclaimed, p.kind)
	})
}

func TestSpec06_S124_MaxWaitPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		p := e.claimWaiting(t.Context(), claimNextArgs(), 150*time.Millisecond)
		e.advance(149 * time.Millisecond)
		p.parked(t)
		e.advance(time.Millisecond)
		p.got(t, nothing)
	})
}

func TestSpec06_S124_TheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		p := e.claimWaiting(ctx, claimNextArgs(), 0)
		next := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		e.advance(100 * time.Millisecond)
		cancel()
		p.failed(t, context.Canceled)
		next.got(t, e.created())

		_, err := e.ClaimWait(ctx, messages.ClaimWaitArgs{ClaimNextArgs: claimNextArgs()})
		require.ErrorIs(t, err, context.Canceled)
		_, err = e.ClaimWait(t.Context(), messages.ClaimWaitArgs{ClaimNextArgs: claimNextArgs(), MaxWait: -1})
		requireInvalid(t, err, "max_wait_ms: must not be negative")
	})
}

func TestSpec06_S125_NoLeaseIsLostToACancelledContext(t *testing.T) {
	const callers, leavers, creators = 1000, 500, 8
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	e := open(t)

	claimed := make([]messages.ExecutionID, callers)
	errs := make([]error, callers)
	cancels := make([]context.CancelFunc, callers)
	var group sync.WaitGroup
	for i := range callers {
		var ctx context.Context
		ctx, cancels[i] = context.WithCancel(t.Context())
		defer cancels[i]()
		group.Go(func() {
			var result messages.ClaimNextResult
			result, errs[i] = e.ClaimWait(ctx, messages.ClaimWaitArgs{ClaimNextArgs: claimNextArgs()})
			if result.Task != nil {
				claimed[i] = result.Task.ExecutionID
			}
		})
	}
	order := random.Perm(callers)[:leavers]
	group.Go(func() {
		for _, i := range order {
			cancels[i]()
		}
	})
	created := make([]error, creators)
	for c := range creators {
		group.Go(func() {
			for range callers / creators {
				if _, err := e.CreateExecution(t.Context(), args(newID())); err != nil {
					created[c] = err
				}
			}
		})
	}
	group.Wait() // There is work for everyone who stays.

	for _, err := range created {
		require.NoError(t, err)
	}
	leaves := map[int]bool{}
	for _, i := range order {
		leaves[i] = true
	}
	held := map[messages.ExecutionID]bool{}
	for i, id := range claimed {
		if id.IsZero() {
			require.True(t, leaves[i], "a caller that stayed got nothing")
			require.ErrorIs(t, errs[i], context.Canceled)
			continue
		}
		require.NoError(t, errs[i])
		require.False(t, held[id], "claimed for two")
		held[id] = true
		require.Equal(t, activeVector, e.vector(id))
	}
	require.Equal(t, int64(len(held)), e.sql.Int("SELECT count(*) FROM ff_exec_core WHERE lifecycle_phase = 'active'"))
	require.Equal(t, int64(callers-len(held)), e.sql.Int("SELECT count(*) FROM ff_exec_core WHERE standing = 'ready'"))
	require.Equal(t, int64(len(held)), e.sql.Int("SELECT count(*) FROM ff_lease_event WHERE event_type = 'acquired'"))
}
