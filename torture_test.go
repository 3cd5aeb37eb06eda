package ffsqlite_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// What is on the disk after the power has gone, at any write: everything that was acknowledged, and of the rest every
// call in whole or not at all.

var seedFlag = flag.Uint64("seed", 0, "seed of crashes and of clients at random, 0 for a random one")

// The marks of a record.
type (
	begun        int // a call of this tale
	acknowledged int // a call of this tale
	completion   messages.CompletionEvent
	leaseEvent   messages.LeaseHistoryEvent
)

// recording is a run on recorded files.
type recording struct {
	files  *fftest.RecordingVFS
	tales  []*tale
	others []string // the rows that belong to no tale; they never change
	rounds [][]int  // how many calls of each tale had been made after each round
}

const databaseName = "recorded.db"

// recorded tells so many tales, side by side, and closes the engine.
func recorded(t *testing.T, random *rand.Rand, tales int, opts ...ffsqlite.Option) *recording {
	t.Helper()
	r := &recording{files: fftest.NewRecordingVFS(t)}
	synctest.Test(t, func(t *testing.T) {
		e := openAt(t, filepath.Join(t.TempDir(), databaseName), append(opts, ffsqlite.WithVFS(r.files.Name()))...)
		_, r.others = rowsOf(nil, e)
		r.follow(e)
		for len(r.tales) < tales {
			r.tales = append(r.tales, newTale(e, random, len(r.tales)))
		}
		r.rounds = append(r.rounds, r.calls())
		for r.round(e, random) {
			if random.IntN(4) == 0 {
				e.sql.Exec("PRAGMA wal_checkpoint(" + []string{"PASSIVE", "FULL", "RESTART", "TRUNCATE"}[random.IntN(4)] + ")")
			}
		}
		synctest.Wait()
		require.NoError(t, e.Close())
	})
	return r
}

// follow marks the events that a subscriber gets.
func (r *recording) follow(e *engine) {
	completions, leases := e.completionsFrom(nil), e.leasesFrom(nil, everything)
	go func() {
		for event, err := range completions.Events() {
			if err == nil {
				r.files.Mark(completion(event))
			}
		}
	}()
	go func() {
		for event, err := range leases.Events() {
			if err == nil {
				r.files.Mark(leaseEvent(event))
			}
		}
	}()
}

// together is how many tales go on at the same time, so that their calls share a transaction.
const together = 4

// round makes the next call of some tales, all in one batch, and notes where they stand then. It returns false when
// there is nothing left to call.
func (r *recording) round(e *engine, random *rand.Rand) bool {
	chosen := r.chosen(random)
	var results []<-chan error
	letGo := e.heldUp()
	for _, i := range chosen {
		call := r.tales[i].next()
		r.files.Mark(begun(i))
		results = append(results, calling(func() error {
			err := call()
			r.files.Mark(acknowledged(i))
			return err
		}))
	}
	letGo()
	for _, result := range results {
		require.NoError(e.t, <-result)
	}
	e.idle()

	rows, others := rowsOf(r.tales, e)
	require.Equal(e.t, r.others, others)
	for _, i := range chosen {
		r.tales[i].noteState(rows[r.tales[i]])
	}
	r.rounds = append(r.rounds, r.calls())
	return len(chosen) > 0
}

// calls are how many calls of each tale have been made.
func (r *recording) calls() []int {
	made := make([]int, len(r.tales))
	for i, tale := range r.tales {
		made[i] = len(tale.states) - 1
	}
	return made
}

// chosen are the first tales that are not told yet, some of them at random left out.
func (r *recording) chosen(random *rand.Rand) (chosen []int) {
	for i, tale := range r.tales {
		if !tale.isTold() && len(chosen) < together && (len(chosen) == 0 || random.IntN(4) > 0) {
			chosen = append(chosen, i)
		}
	}
	return chosen
}

// crash is one moment of a record at which the power goes.
type crash struct {
	*recording

	at     int // before this step
	loss   fftest.Loss
	random *rand.Rand
}

// crash draws a moment, and what is lost.
func (r *recording) crash(random *rand.Rand) crash {
	changes := r.files.Changes()
	return crash{recording: r, at: changes[random.IntN(len(changes))], loss: fftest.AnyLoss(random), random: random}
}

// reopened is an engine on what is left on the disk, which must be sound.
func (c crash) reopened(t *testing.T) *engine {
	t.Helper()
	directory := t.TempDir()
	fftest.WriteImage(t, c.files.Image(c.at, c.loss, c.random), directory)
	e := openAt(t, filepath.Join(directory, databaseName), ffsqlite.WithPoolSize(2))
	e.idle()
	fftest.Intact(t, e.sql)
	e.consistent()
	return e
}

// stand asserts of each tale that it stands after some number of calls, and returns these numbers.
func (c crash) stand(t *testing.T, e *engine) (calls []int) {
	t.Helper()
	rows, others := rowsOf(c.tales, e)
	require.Equal(t, c.others, others)
	for _, tale := range c.tales {
		calls = append(calls, tale.standsAt(t, rows[tale]))
	}
	return calls
}

// counted are how many calls of each tale were acknowledged before the crash, and how many had begun.
func (c crash) counted() (acked, started []int) {
	acked, started = make([]int, len(c.tales)), make([]int, len(c.tales))
	for _, mark := range c.files.Marks(c.at) {
		switch m := mark.(type) {
		case begun:
			started[m]++
		case acknowledged:
			acked[m]++
		}
	}
	return acked, started
}

// within reports whether each number lies between its bounds.
func within(least, numbers, most []int) bool {
	for i, n := range numbers {
		if n < least[i] || n > most[i] {
			return false
		}
	}
	return true
}

// outbox is how a test follows one.
type outbox[E any] struct {
	table     string
	subscribe func(messages.OutboxCursor) *ffsqlite.Subscription[E]
	cursor    func(E) messages.OutboxCursor
	execution func(E) messages.ExecutionID
}

func (e *engine) completionOutbox() outbox[messages.CompletionEvent] {
	return outbox[messages.CompletionEvent]{
		table:     "ff_completion_event",
		subscribe: e.completionsFrom,
		cursor:    func(event messages.CompletionEvent) messages.OutboxCursor { return event.Cursor },
		execution: func(event messages.CompletionEvent) messages.ExecutionID { return event.ExecutionID },
	}
}

func (e *engine) leaseOutbox() outbox[messages.LeaseHistoryEvent] {
	return outbox[messages.LeaseHistoryEvent]{
		table: "ff_lease_event",
		subscribe: func(cursor messages.OutboxCursor) *ffsqlite.Subscription[messages.LeaseHistoryEvent] {
			return e.leasesFrom(cursor, everything)
		},
		cursor:    func(event messages.LeaseHistoryEvent) messages.OutboxCursor { return event.Cursor },
		execution: func(event messages.LeaseHistoryEvent) messages.ExecutionID { return event.ExecutionID },
	}
}

// resumes asserts that a subscriber which has seen these events before the crash gets all the others afterwards, each
// once and in order, up to the last, which is of this execution.
func (o outbox[E]) resumes(t *testing.T, e *engine, seen []E, last messages.ExecutionID) {
	t.Helper()
	all := took(t, o.subscribe(messages.FromBeginning()), int(e.sql.Int("SELECT count(*) FROM "+o.table)))
	require.LessOrEqual(t, len(seen), len(all))
	require.Equal(t, seen, append([]E(nil), all[:len(seen)]...), "what a subscriber has seen is there")
	require.Equal(t, last, o.execution(all[len(all)-1]))

	cursor := messages.FromBeginning()
	if len(seen) > 0 {
		cursor = o.cursor(seen[len(seen)-1])
	}
	require.Equal(t, all[len(seen):], took(t, o.subscribe(cursor), len(all)-len(seen)))
}

// subscribersResume asserts that those who followed both outboxes lose and repeat nothing.
func (c crash) subscribersResume(t *testing.T, e *engine) {
	t.Helper()
	var completions []messages.CompletionEvent
	var leases []messages.LeaseHistoryEvent
	for _, mark := range c.files.Marks(c.at) {
		switch m := mark.(type) {
		case completion:
			completions = append(completions, messages.CompletionEvent(m))
		case leaseEvent:
			leases = append(leases, messages.LeaseHistoryEvent(m))
		}
	}
	next := e.completed() // Which nobody has heard of yet.
	e.completionOutbox().resumes(t, e, completions, next)
	e.leaseOutbox().resumes(t, e, leases, next)
}

// crashes records some runs and checks crashes at random moments of them, n of each run.
func crashes(t *testing.T, n int, check func(crash, *testing.T), opts ...ffsqlite.Option) {
	t.Helper()
	if fftest.RaceDetector {
		n /= 10
	}
	const tales = 16
	const portion = 20 // Engines are let go of when the parent of their tests ends.
	seed := *seedFlag
	for seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("repeat with -args -seed %d", seed)
	for run := range fftest.Rounds(1, 10) {
		r := recorded(t, rand.New(rand.NewPCG(seed, uint64(run))), tales, opts...)
		for first := 0; first < n; first += portion {
			t.Run(fmt.Sprintf("run %d from %d", run, first), func(t *testing.T) {
				for i := first; i < min(first+portion, n); i++ {
					c := r.crash(rand.New(rand.NewPCG(seed, uint64(1000*(run+1)+i))))
					t.Run(fmt.Sprintf("%s before step %d", c.loss, c.at), func(t *testing.T) {
						t.Parallel()
						check(c, t)
					})
				}
			})
		}
	}
}

// losesNothing asserts that what was acknowledged is there, and of what had begun each call in whole or not at all.
func (c crash) losesNothing(t *testing.T) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := c.reopened(t)
		acked, started := c.counted()
		calls := c.stand(t, e)
		require.True(t, within(acked, calls, started), "acknowledged %v\nfound %v\nbegun %v", acked, calls, started)
		c.subscribersResume(t, e)
		e.timeGoesOn()
	})
}

// timeGoesOn asserts that every lease and every delay ends, of which none lasts longer than an hour.
func (e *engine) timeGoesOn() {
	e.t.Helper()
	e.advance(2 * time.Hour)
	require.Empty(e.t, e.sql.Rows(`
		SELECT hex(execution_id), public_state
		  FROM ff_exec_core
		 WHERE ownership_state = 'leased'
		    OR standing = 'delayed'`))
}

// keepsOrder asserts that no commit is there without all those before it.
func (c crash) keepsOrder(t *testing.T) {
	t.Helper()
	calls := c.stand(t, c.reopened(t))
	for i := range len(c.rounds) - 1 {
		if within(c.rounds[i], calls, c.rounds[i+1]) {
			return
		}
	}
	require.Fail(t, "a mixture of commits", "found %v", calls)
}

func TestTortureCrashAtEveryWrite(t *testing.T) { crashes(t, 200, crash.losesNothing) }

func TestTortureCrashWithoutALog(t *testing.T) {
	crashes(t, 50, crash.losesNothing, ffsqlite.WithWAL(false))
}

// At NORMAL the last commits may be lost, but never one before another.
func TestTortureCrashAtNormal(t *testing.T) {
	crashes(t, 50, crash.keepsOrder, ffsqlite.WithSynchronous(ffsqlite.Normal))
}

func TestSpec03_S100_ACompletionIsThereInWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(100, 0))
	r := &recording{files: fftest.NewRecordingVFS(t)}
	e := openAt(t, filepath.Join(t.TempDir(), databaseName), ffsqlite.WithVFS(r.files.Name()))
	id := e.created()
	handle := e.claimed()
	before := r.files.Len()
	require.NoError(t, e.Complete(t.Context(), handle, []byte("done")))
	answered := r.files.Len()
	require.Less(t, before, answered)

	for at := before; at <= answered; at++ {
		for _, loss := range []fftest.Loss{fftest.Dropped, fftest.Kept, fftest.Torn, fftest.Reordered} {
			again := crash{recording: r, at: at, loss: loss, random: random}.reopened(t)
			if again.state(id) == messages.PublicActive {
				require.Less(t, at, answered, "it was acknowledged; what was not synced is %s", loss)
				require.Empty(t, again.completions(id))
				require.Equal(t, "NULL", again.attempt(id, 0, "outcome"))
				continue
			}
			require.Equal(t, "terminal unowned not_applicable completed attempt_terminal NULL", again.vector(id))
			require.Equal(t, "success", again.completions(id))
			require.Equal(t, "acquired revoked", again.leaseEvents(id))
			result, found, err := again.GetExecutionResult(t.Context(), id)
			require.NoError(t, err)
			require.True(t, found)
			require.Equal(t, "done", string(result))
		}
	}
}
