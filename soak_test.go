package ffsqlite_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// soakChild names the database on which this process is to work until it is killed, behind its number among such processes.
const soakChild = "FFSQLITE_SOAK_CHILD"

const (
	soakExecutions = 1000
	// soakShift is how much later each process begins, so that the leases of the one before have run out.
	soakShift = time.Minute
	leftSQL   = "SELECT count(*) FROM ff_exec_core WHERE lifecycle_phase NOT IN ('terminal', 'cancelled')"
)

// Processes with all background jobs work a thousand executions off, one process after the other, each killed in the middle.
func TestSpec02_S81_EveryExecutionEndsOnceWhateverIsKilled(t *testing.T) {
	seed := uint64(time.Now().UnixNano()) //nolint:forbidigo // A seed, printed so that a run can be told.
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range fftest.Rounds(1, 20) {
		path := filepath.Join(t.TempDir(), "soak.db")
		e := openAt(t, path)
		e.soaked(random)
		require.NoError(t, e.Close())

		sql, kills := fftest.OpenSQL(t, path), 0
		for ; sql.Int(leftSQL) > 200; kills++ {
			killed(t, soakChild, fmt.Sprintf("%d@%s", kills, path), 60+random.IntN(80))
		}
		require.GreaterOrEqual(t, kills, 3)

		e = openAt(t, path)
		e.clock.Advance(time.Duration(kills) * soakShift)
		last := soakWorker{e.Backend, e.clock, func(messages.ExecutionID) {}}
		for n := 0; e.sql.Int(leftSQL) > 0; n++ {
			last.work(t.Context(), n)
			e.idle()
		}
		e.allEndedOnce(soakExecutions)
		require.NoError(t, e.Close())
	}
}

// soaked stores the executions: alone or in flows, delayed, with retries, of which some will be used up.
func (e *engine) soaked(random *rand.Rand) {
	e.t.Helper()
	retry := messages.RetryPolicy{MaxRetries: 2, Backoff: messages.FixedBackoff(time.Second)}
	for range soakExecutions / 2 {
		e.created(retrying(retry), func(a *messages.CreateExecutionArgs) {
			if random.IntN(5) == 0 {
				a.DelayUntil = e.now() + messages.TimestampMs(random.IntN(600_000))
			}
		})
	}
	const members = 10
	for range soakExecutions / 2 / members {
		f := newCrashFlow(e.Backend, members, func(_ string, _ messages.ExecutionID, err error) { require.NoError(e.t, err) })
		for i := 1; i < members-1; i++ {
			f.edge(random.IntN(i), i)
		}
		for i := range 5 { // The last waits for any two of five.
			f.edge(i, members-1)
		}
		f.args.Policies = []messages.SubmitFlowPolicy{{
			DownstreamExecutionID: f.id(members - 1), Policy: messages.EdgeDependencyPolicy{Kind: messages.Quorum, K: 2},
		}}
		f.submit(e.t.Context())
	}
}

// allEndedOnce asserts that nothing is left to do for n executions.
func (e *engine) allEndedOnce(n int64) {
	e.t.Helper()
	for query, want := range map[string]int64{
		"SELECT count(*) FROM ff_exec_core": n,
		leftSQL:                             0,
		"SELECT count(*) FROM ff_completion_event":                                                        n,
		"SELECT count(DISTINCT execution_id) FROM ff_completion_event":                                    n,
		"SELECT count(*) FROM ff_exec_core WHERE ownership_state = 'leased'":                              0,
		"SELECT count(*) FROM ff_completion_event WHERE flow_id IS NOT NULL AND dispatched_at_ms IS NULL": 0,
		"SELECT count(*) FROM ff_pending_cancel_groups":                                                   0,
		"SELECT count(*) FROM ff_attempt WHERE lease_expires_at_ms IS NOT NULL AND outcome IS NULL":       0,
	} {
		require.Equal(e.t, want, e.sql.Int(query), query)
	}
	fftest.Intact(e.t, e.sql)
	e.consistent()
}

// soakUntilKilled is the child: a few workers, all ends printed when they are acknowledged.
func soakUntilKilled(value string) {
	number, path, _ := strings.Cut(value, "@")
	n, err := strconv.Atoi(number)
	must(err)
	manual := clock.NewManual(epoch.Add(time.Duration(n) * soakShift))
	b, err := ffsqlite.Open(context.Background(), path, ffsqlite.WithoutDevModeGuard(), quiet(), ffsqlite.WithClock(manual))
	must(err)
	var mu sync.Mutex
	worker := soakWorker{b, manual, func(id messages.ExecutionID) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.WriteString(os.Stdout, "ended "+id.String()+"\n")
	}}
	for first := range 4 {
		go func() {
			for n := first; ; n++ {
				worker.work(context.Background(), n)
			}
		}()
	}
	select {}
}

// soakWorker claims and ends executions in several ways, and loses some.
type soakWorker struct {
	*ffsqlite.Backend

	clock *clock.Manual
	ended func(messages.ExecutionID)
}

// work does one execution. When there is none, time goes by.
func (w *soakWorker) work(ctx context.Context, n int) {
	next := claimNextArgs()
	next.Lanes = []messages.LaneID{lane, crashFlows}
	result, err := w.ClaimNext(ctx, next)
	must(err)
	if result.Task == nil {
		w.clock.Advance(100 * time.Millisecond)
		return
	}
	switch task := result.Task; n % 9 {
	case 1, 4:
		_, err = w.Fail(ctx, messages.FailArgs{Handle: task.Handle, Class: messages.FailureTransient})
	case 2:
		_, err = w.Fail(ctx, messages.FailArgs{Handle: task.Handle, Class: messages.FailurePermanent})
	case 3:
		err = w.Cancel(ctx, task.Handle, "enough")
	case 5:
		return // The worker is lost.
	default:
		err = w.Complete(ctx, task.Handle, nil)
	}
	if err == nil { // It may have come too late: the others make time go by.
		w.ended(result.Task.ExecutionID)
	}
}
