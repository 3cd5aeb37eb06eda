package ffsqlite_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// A day in the life of an engine: leases, delays, backoffs, timeouts and deadlines, with crashes in between. An account of
// all of them, in day_account_test.go, says what must have happened after each step: nothing early, twice or never.

// TestTortureDay_NothingHappensEarlyTwiceOrNever lives through two hours, or with -torture through a day.
func TestTortureDay_NothingHappensEarlyTwiceOrNever(t *testing.T) {
	t.Parallel()
	d := &day{
		dayAccount: dayAccount{done: map[messages.ExecutionID]*dayJob{}},
		random:     seeded(t),
		now:        messages.TimestampMs(epoch.UnixMilli()),
		length:     time.Duration(fftest.Rounds(30, 60)) * time.Minute,
		actions:    fftest.Rounds(150, 1000),
	}
	lives := fftest.Rounds(4, 24)
	for n := 1; n <= lives; n++ {
		d.crowd = fftest.Rounds(60, 150)
		if n == 2 {
			d.crowd = fftest.Rounds(160, 2000) // More than a portion, or than a tick.
		}
		t.Run(fmt.Sprintf("life %d", n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { d.lives(t, n == lives) })
		})
		if t.Failed() {
			return
		}
	}
	for c := range dayClocks {
		t.Logf("%6d %s", d.tally[c], c)
		require.Positive(t, d.tally[c], c)
	}
	t.Logf("%6d executions", len(d.done))
}

// day is what outlives the engines.
type day struct {
	dayAccount

	random  *rand.Rand
	now     messages.TimestampMs
	length  time.Duration // of a life
	actions int           // in a life, more or less
	crowd   int           // how many executions have something due in the instant of a crash

	image map[string][]byte // the disk after the last crash
	seen  [2]int64          // the last events, completion and lease
	owed  []string          // events that came before the crash, and may have been lost in it
}

// dayLife is an engine until its crash.
type dayLife struct {
	*day
	*engine

	files *fftest.RecordingVFS
}

// lives opens an engine on what the last one has left, works with it and lets it crash. The last one ends everything.
func (d *day) lives(t *testing.T, isLast bool) {
	t.Helper()
	l := &dayLife{day: d, files: fftest.NewRecordingVFS(t)}
	directory, manual := t.TempDir(), clock.NewManual(time.UnixMilli(int64(d.now)))
	config := messages.DefaultScannerConfig()
	config.RetentionPeriod = 48 * time.Hour // Everything is there in the end, to be counted.
	fftest.WriteImage(t, d.image, directory)
	l.engine = openAt(t, filepath.Join(directory, databaseName),
		ffsqlite.WithVFS(l.files.Name()), ffsqlite.WithPoolSize(2), ffsqlite.WithClock(manual), ffsqlite.WithScanners(config))
	l.clock = manual
	synctest.Wait()
	l.saw(append(d.owed, d.passes(d.now)...)...)
	d.owed = nil
	l.allStand()

	const before = 5 * time.Minute
	end := d.now + ms(d.length)
	l.worksUntil(end - ms(before))
	if isLast {
		l.endsAll()
		return
	}
	l.gathers(end)
	l.worksUntil(end - 1)
	if d.random.IntN(2) == 0 {
		l.crashesAtRest()
	} else {
		l.crashesAtWork(end)
	}
}

func ms(d time.Duration) messages.TimestampMs { return messages.TimestampMs(d.Milliseconds()) }

// between draws a time, in whole milliseconds, often a short one.
func (d *day) between(least, most time.Duration) time.Duration {
	span := most - least
	if d.random.IntN(4) == 0 {
		span /= 100
	}
	return (least + time.Duration(d.random.Int64N(int64(span)))).Truncate(time.Millisecond)
}

// worksUntil lets the time go by, with something to do now and then, and looks at each instant at which something is due.
func (l *dayLife) worksUntil(end messages.TimestampMs) {
	for pause := l.length / time.Duration(l.actions); l.day.now < end; {
		at := min(l.day.now+ms(l.between(time.Millisecond, 2*pause)), end)
		if next, jobs := l.next(); next <= at {
			l.approaches(next, jobs)
			l.reaches(next, jobs)
			continue
		}
		l.goesTo(at)
		l.saw()
		switch l.random.IntN(10) {
		case 0:
			l.creates(l.draws())
		case 1, 2, 3, 4:
			l.claims(l.between(time.Second, 5*time.Minute))
		default:
			if len(l.live) > 0 {
				l.worksOn(l.any())
			}
		}
	}
}

// any draws an execution, more likely one that runs.
func (l *dayLife) any() *dayJob {
	for range 3 {
		if j := l.live[l.random.IntN(len(l.live))]; j.standing == jobRunning {
			return j
		}
	}
	return l.live[l.random.IntN(len(l.live))]
}

// approaches asserts that nothing has happened a millisecond before an instant, whoever asks for it. Something may still
// be done then.
func (l *dayLife) approaches(at messages.TimestampMs, jobs []*dayJob) {
	l.goesTo(at - 1)
	l.saw()
	l.stand(jobs...)
	for _, j := range jobs[:min(len(jobs), 3)] {
		l.isNotDue(j)
	}
	switch l.random.IntN(4) {
	case 0:
		l.claims(l.between(time.Second, 5*time.Minute))
	case 1:
		l.worksOn(jobs[l.random.IntN(len(jobs))])
	}
}

// reaches asserts that all has happened that is due at an instant, and returns the events.
func (l *dayLife) reaches(at messages.TimestampMs, jobs []*dayJob) (events []string) {
	l.goesTo(at)
	events = l.passes(at)
	l.saw(events...)
	l.stand(jobs...)
	return events
}

// isNotDue asks for everything that the clock may do to an execution.
func (l *dayLife) isNotDue(j *dayJob) {
	for _, phase := range []messages.ExpirePhase{deadline, timeout} {
		require.Equal(l.t, messages.ExpireAlreadySatisfied, l.expire(j.id, phase).Outcome)
	}
	promoted, err := l.PromoteDelayed(l.t.Context(), messages.PromoteDelayedArgs{ExecutionID: j.id})
	require.NoError(l.t, err)
	require.Equal(l.t, messages.PromoteAlreadySatisfied, promoted.Outcome)
	marked, err := l.MarkLeaseExpiredIfDue(l.t.Context(), j.id)
	require.NoError(l.t, err)
	require.Equal(l.t, messages.MarkAlreadySatisfied, marked.Outcome)
	l.saw()
	l.stand(j)
}

func (l *dayLife) goesTo(at messages.TimestampMs) {
	l.advance(time.Duration(at-l.day.now) * time.Millisecond)
	l.day.now = at
}

// dayEventsSQL are the events behind two positions, told as dayJob.event tells them.
const dayEventsSQL = `
	SELECT 0, event_id, lower(hex(execution_id)) || ' ended ' || outcome || ' ' || occurred_at_ms
	  FROM ff_completion_event WHERE event_id > ?1
	 UNION ALL
	SELECT 1, event_id, replace(execution_id, '-', '') || ' ' || event_type || ' ' || occurred_at_ms
	  FROM ff_lease_event WHERE event_id > ?2`

// saw asserts that these are the events since it was called last.
func (l *dayLife) saw(events ...string) {
	l.t.Helper()
	var got []string
	for _, row := range l.sql.Rows(dayEventsSQL, l.seen[0], l.seen[1]) {
		id, err := strconv.ParseInt(row[1], 10, 64)
		require.NoError(l.t, err)
		l.seen[row[0][0]-'0'] = id
		got = append(got, row[2])
	}
	require.ElementsMatch(l.t, events, got, "at %d", l.day.now)
}

// stand asserts of these executions that they stand where they should.
func (l *dayLife) stand(jobs ...*dayJob) {
	l.t.Helper()
	for _, j := range jobs {
		uuid := j.id.UUID()
		row := l.sql.Rows(dayRowsSQL+" WHERE e.partition_key = 0 AND e.execution_id = ?1", uuid[:])[0]
		require.Equal(l.t, j.row(), row[1], "%s at %d", j.id, l.day.now)
	}
}

// allStand asserts it of all executions, and that the file is sound.
func (l *dayLife) allStand() {
	l.t.Helper()
	got := map[string]string{}
	for _, row := range l.sql.Rows(dayRowsSQL) {
		got[row[0]] = row[1]
	}
	require.Equal(l.t, len(l.live)+len(l.done), len(got), "executions")
	for _, j := range slices.AppendSeq(slices.Clone(l.live), maps.Values(l.done)) {
		require.Equal(l.t, j.row(), got[fmt.Sprintf("%x", j.id.UUID())], "%s at %d", j.id, l.day.now)
	}
	fftest.Intact(l.t, l.sql)
	l.consistent()
}

// crashesAtRest lets the power go when nothing is to be done, and come again some minutes later.
func (l *dayLife) crashesAtRest() {
	l.image = l.files.Image(l.files.Len(), fftest.AnyLoss(l.random), l.random)
	l.day.now += ms(l.between(time.Minute, 20*time.Minute))
}

// crashesAtWork lets the power go while the engine is busy with all that is due at that instant.
func (l *dayLife) crashesAtWork(at messages.TimestampMs) {
	next, jobs := l.next()
	require.Equal(l.t, at, next)
	l.approaches(at, jobs)
	before, seen := l.files.Len(), l.seen
	l.owed = l.reaches(at, jobs)
	l.seen = seen

	steps := l.files.Changes()
	for steps[0] < before {
		steps = steps[1:]
	}
	l.image = l.files.Image(steps[l.random.IntN(len(steps))], fftest.AnyLoss(l.random), l.random)
}

// draws draws an execution and what it is created with.
func (l *dayLife) draws() (*dayJob, messages.CreateExecutionArgs) {
	var uuid [16]byte // Of the seed, for executions of one instant are claimed in the order of their ids.
	binary.BigEndian.PutUint64(uuid[:8], l.random.Uint64())
	binary.BigEndian.PutUint64(uuid[8:], l.random.Uint64())
	j := &dayJob{id: messages.NewExecutionID(0, uuid)}
	if l.random.IntN(2) == 0 {
		j.attemptTimeout = l.between(5*time.Second, 10*time.Minute)
	}
	if l.random.IntN(4) > 0 {
		j.retries = &messages.RetryPolicy{MaxRetries: l.random.Uint32N(4)}
		switch l.random.IntN(3) {
		case 0:
			j.retries.Backoff = messages.FixedBackoff(0)
		case 1:
			j.retries.Backoff = messages.FixedBackoff(l.between(time.Second, 5*time.Minute))
		default:
			j.retries.Backoff = messages.ExponentialBackoff()
			j.retries.Backoff.InitialDelay = l.between(time.Second, time.Minute)
			j.retries.Backoff.MaxDelay = 3 * time.Minute
		}
	}
	if l.random.IntN(3) == 0 {
		j.deadline = l.day.now + ms(l.between(time.Minute, 3*time.Hour))
	}
	if l.random.IntN(3) == 0 {
		j.standing, j.delayedTo = jobPut, l.day.now+ms(l.between(time.Second, time.Hour))
	}
	return j, j.args()
}

// args are what the execution is created with.
func (j *dayJob) args() messages.CreateExecutionArgs {
	a := args(j.id, timingOut(j.attemptTimeout, j.retries))
	a.DelayUntil, a.ExecutionDeadlineAt = j.delayedTo, j.deadline
	return a
}

func (l *dayLife) creates(j *dayJob, a messages.CreateExecutionArgs) {
	_, err := l.CreateExecution(l.t.Context(), a)
	require.NoError(l.t, err)
	l.live = append(l.live, j)
	l.saw()
	l.stand(j)
}

// gathers makes many things due at one instant: ends of delays most of all, and deadlines.
func (l *dayLife) gathers(at messages.TimestampMs) {
	var creates []messages.Message
	for n := range l.crowd {
		j, _ := l.draws()
		if n%5 < 4 {
			j.standing, j.delayedTo, j.deadline = jobPut, at, 0
		}
		if n%5 > 2 {
			j.deadline = at
		}
		l.live = append(l.live, j)
		creates = append(creates, j.args())
	}
	for some := range slices.Chunk(creates, 100) {
		_, err := l.Batch(l.t.Context(), some...)
		require.NoError(l.t, err)
	}
	l.saw()
	for range 20 {
		l.claims(time.Duration(at-l.day.now) * time.Millisecond)
	}
}

// claims claims what the engine chooses, which must be claimable, and for so long.
func (l *dayLife) claims(ttl time.Duration) {
	a := claimNextArgs()
	a.LeaseTTL = ttl
	result, err := l.ClaimNext(l.t.Context(), a)
	require.NoError(l.t, err)
	claimable := l.claimable()
	if result.Task == nil {
		require.Empty(l.t, claimable, "nothing to claim at %d", l.day.now)
		return
	}
	j := claimable[result.Task.ExecutionID]
	require.NotNil(l.t, j, "%s claimed at %d", result.Task.ExecutionID, l.day.now)
	l.saw(j.claimed(result.Task.Handle, ttl, l.day.now))
	l.stand(j)
}

// worksOn has something done to an execution by its worker, or what is not due yet asked for.
func (l *dayLife) worksOn(j *dayJob) {
	ctx := l.t.Context()
	switch j.standing {
	case jobRunning:
		l.saw(l.reports(j)...)
		l.sort()
	case jobLost:
		require.Error(l.t, l.Complete(ctx, j.handle, nil), "the lease has run out")
	case jobPut, jobParked, jobBackingOff, jobFresh, jobInterrupted, jobRetrying, jobEnded:
		l.isNotDue(j)
	}
	l.saw()
	l.stand(j)
}

// reports has the worker of an execution report one of the things that it can, and returns the events.
func (l *dayLife) reports(j *dayJob) []string {
	ctx, now := l.t.Context(), l.day.now
	switch l.random.IntN(10) {
	case 0, 1:
		renewal, err := l.Renew(ctx, j.handle)
		require.NoError(l.t, err)
		j.leaseUntil = now + ms(j.ttl)
		require.Equal(l.t, j.leaseUntil, renewal.ExpiresAt)
		return []string{j.event("renewed", now)}
	case 2, 3, 4:
		outcome, err := l.Fail(ctx, messages.FailArgs{Handle: j.handle, Class: messages.FailureTransient})
		require.NoError(l.t, err)
		next, events := j.fails(now)
		require.Equal(l.t, next, outcome.DelayUntil)
		return events
	case 5, 6:
		until := now + ms(l.between(time.Second, time.Hour))
		require.NoError(l.t, l.Delay(ctx, j.handle, until))
		j.standing, j.delayedTo = jobParked, until
		return []string{j.event("revoked", now)}
	case 7:
		require.NoError(l.t, l.Cancel(ctx, j.handle, "enough"))
		return []string{j.event("revoked", now), j.ends("cancelled", "cancelled", now)}
	case 8:
		l.isNotDue(j)
		return nil
	}
	require.NoError(l.t, l.Complete(ctx, j.handle, nil))
	return []string{j.event("revoked", now), j.ends("completed", "success", now)}
}

// endsAll works everything off, and asserts that each execution has ended once.
func (l *dayLife) endsAll() {
	for len(l.live) > 0 {
		l.claims(time.Hour)
		for _, j := range l.live {
			if j.standing == jobRunning {
				require.NoError(l.t, l.Complete(l.t.Context(), j.handle, nil))
				l.saw(j.event("revoked", l.day.now), j.ends("completed", "success", l.day.now))
			}
		}
		l.sort()
		if next, jobs := l.next(); len(l.claimable()) == 0 && len(jobs) > 0 {
			l.reaches(next, jobs)
		}
	}
	l.allStand()
	for _, table := range []string{"ff_exec_core", "ff_completion_event"} {
		require.Equal(l.t, int64(len(l.done)), l.sql.Int("SELECT count(DISTINCT execution_id) FROM "+table))
	}
}
