package ffsqlite_test

import (
	"fmt"
	"math"
	"time"

	"github.com/flowfabric/ffsqlite/messages"
)

// The account of a day: what the specification says of executions that only the clock and their workers move, kept beside
// the engine and without asking it.

// dayJob is an execution as the account knows it. Zero times are none.
type dayJob struct {
	id             messages.ExecutionID
	deadline       messages.TimestampMs
	attemptTimeout time.Duration
	retries        *messages.RetryPolicy // nil: three at once after a failure, none after a timeout

	standing   standing
	outcome    string // of an ended one
	attempt    int
	retried    uint32
	handle     messages.Handle
	ttl        time.Duration
	leaseUntil messages.TimestampMs
	timeoutAt  messages.TimestampMs
	delayedTo  messages.TimestampMs
}

// standing is where an execution stands.
type standing int

const (
	jobFresh       standing = iota // never claimed
	jobPut                         // created for later
	jobRunning                     // under a lease
	jobLost                        // the lease has run out
	jobParked                      // by its worker, for later
	jobInterrupted                 // parked, and the time has come
	jobBackingOff                  // failed, with a retry later
	jobRetrying                    // failed or timed out, with a retry now
	jobEnded
)

// standingVectors are the columns that tell the standings apart.
var standingVectors = [...]string{
	jobFresh:       "submitted unowned eligible_now waiting pending waiting_for_worker",
	jobPut:         "submitted unowned not_eligible_until_time delayed pending waiting_for_delay",
	jobRunning:     activeVector,
	jobLost:        lostVector,
	jobParked:      "runnable unowned not_eligible_until_time delayed attempt_interrupted waiting_for_delay",
	jobInterrupted: interruptedVector,
	jobBackingOff:  backoffVector,
	jobRetrying:    retryVector,
	jobEnded:       "ended",
}

// dayRowsSQL are the rows of executions, told as dayJob.row tells them.
const dayRowsSQL = `
	SELECT lower(hex(e.execution_id)),
	       CASE WHEN lifecycle_phase IN ('terminal', 'cancelled') THEN 'ended ' || public_state
	            ELSE lifecycle_phase || ' ' || ownership_state || ' ' || eligibility_state || ' ' || public_state || ' ' ||
	                 attempt_state || ' ' || coalesce(blocking_reason, 'NULL') ||
	                 ' attempt ' || e.attempt_index || ' retried ' || coalesce(e.raw_fields ->> '$.retry_count', 0) ||
	                 ' delayed to ' || coalesce(e.raw_fields ->> '$.delay_until', 0) ||
	                 ' lease ' || coalesce(lease_expires_at_ms, 0) || ' timeout ' || coalesce(attempt_timeout_at_ms, 0)
	       END
	  FROM ff_exec_core AS e
	  LEFT JOIN ff_attempt AS a
	    ON (a.partition_key, a.execution_id, a.attempt_index) = (e.partition_key, e.execution_id, e.attempt_index)
	   AND e.lifecycle_phase = 'active'`

// row is what is stored of the execution.
func (j *dayJob) row() string {
	if j.standing == jobEnded {
		return "ended " + j.outcome
	}
	lease, timeout := j.leaseUntil, j.timeoutAt
	if !j.active() {
		lease, timeout = 0, 0
	}
	return fmt.Sprintf("%s attempt %d retried %d delayed to %d lease %d timeout %d",
		standingVectors[j.standing], j.attempt, j.retried, j.delayedTo, lease, timeout)
}

func (j *dayJob) active() bool { return j.standing == jobRunning || j.standing == jobLost }

// dayClock is something that the clock does to an execution. Those of one instant come in this order.
type dayClock int

const (
	deadlinePasses dayClock = iota
	attemptTimesOut
	leaseRunsOut
	delayEnds
	dayClocks
)

func (c dayClock) String() string {
	return [dayClocks]string{"deadlines", "timeouts", "leases", "delays"}[c]
}

// dueAt is when that happens to the execution, as it stands; 0 for never.
func (j *dayJob) dueAt(c dayClock) messages.TimestampMs {
	switch {
	case c == deadlinePasses && j.standing != jobEnded:
		return j.deadline
	case c == attemptTimesOut && j.active():
		return j.timeoutAt
	case c == leaseRunsOut && j.standing == jobRunning:
		return j.leaseUntil
	case c == delayEnds && (j.standing == jobPut || j.standing == jobParked || j.standing == jobBackingOff):
		return j.delayedTo
	}
	return 0
}

// due is when the first of them happens.
func (j *dayJob) due() messages.TimestampMs {
	first := messages.TimestampMs(math.MaxInt64)
	for c := range dayClocks {
		if at := j.dueAt(c); at != 0 {
			first = min(first, at)
		}
	}
	return first
}

// happens lets it happen and returns the events.
func (j *dayJob) happens(c dayClock, now messages.TimestampMs) (events []string) {
	if (c == deadlinePasses || c == attemptTimesOut) && j.standing == jobRunning {
		events = append(events, j.event("expired", now))
	}
	switch {
	case c == deadlinePasses, c == attemptTimesOut && (j.retries == nil || j.retried >= j.retries.MaxRetries):
		return append(events, j.ends("expired", "expired", now))
	case c == attemptTimesOut:
		j.retriesAt(0)
	case c == leaseRunsOut:
		j.standing = jobLost
		events = append(events, j.event("expired", now))
	case j.standing == jobPut:
		j.standing, j.delayedTo = jobFresh, 0
	case j.standing == jobParked:
		j.standing, j.delayedTo = jobInterrupted, 0
	default:
		j.standing, j.delayedTo = jobRetrying, 0
	}
	return events
}

// event is how dayEventsSQL tells an event of a lease.
func (j *dayJob) event(kind string, at messages.TimestampMs) string {
	return fmt.Sprintf("%x %s %d", j.id.UUID(), kind, at)
}

// ends returns the event of the end: public is the state in the row, outcome that in the event.
func (j *dayJob) ends(public, outcome string, at messages.TimestampMs) string {
	j.standing, j.outcome, j.delayedTo = jobEnded, public, 0
	return j.event("ended "+outcome, at)
}

// retriesAt schedules the next attempt; 0 is now.
func (j *dayJob) retriesAt(at messages.TimestampMs) {
	j.standing, j.delayedTo = jobBackingOff, at
	if at == 0 {
		j.standing = jobRetrying
	}
	j.attempt++
	j.retried++
}

// claimed notes a claim and returns its event.
func (j *dayJob) claimed(handle messages.Handle, ttl time.Duration, now messages.TimestampMs) string {
	kind := "acquired"
	if j.standing == jobLost {
		kind = "reclaimed"
		j.attempt++
	}
	j.standing, j.handle, j.ttl = jobRunning, handle, ttl
	j.leaseUntil = now + messages.TimestampMs(ttl.Milliseconds())
	j.timeoutAt = 0
	if j.attemptTimeout > 0 {
		j.timeoutAt = now + messages.TimestampMs(j.attemptTimeout.Milliseconds())
	}
	return j.event(kind, now)
}

// fails notes a failure that may be repeated. It returns when the next attempt may begin, now for at once and 0 for never,
// and the events.
func (j *dayJob) fails(now messages.TimestampMs) (next messages.TimestampMs, events []string) {
	events = []string{j.event("revoked", now)}
	policy := messages.RetryPolicy{MaxRetries: 3}
	if j.retries != nil {
		policy = *j.retries
	}
	if j.retried >= policy.MaxRetries {
		return 0, append(events, j.ends("failed", "failed", now))
	}
	wait := messages.TimestampMs(backoffOf(policy.Backoff, j.retried).Milliseconds())
	if j.retries == nil || wait == 0 {
		j.retriesAt(0)
		return now, events
	}
	j.retriesAt(now + wait)
	return now + wait, events
}

// backoffOf is the delay before the retry n, counted from 0, of a backoff that is fixed or doubles.
func backoffOf(b messages.BackoffStrategy, n uint32) time.Duration {
	if b.Type == messages.BackoffFixed {
		return b.FixedDelay
	}
	delay := b.InitialDelay
	for range n {
		delay *= 2
	}
	return min(delay, b.MaxDelay)
}

// dayAccount is all executions of a day.
type dayAccount struct {
	live  []*dayJob
	done  map[messages.ExecutionID]*dayJob // that have ended
	tally [dayClocks]int
}

// next is when something happens next, and to whom.
func (a *dayAccount) next() (at messages.TimestampMs, jobs []*dayJob) {
	at = math.MaxInt64
	for _, j := range a.live {
		switch due := j.due(); {
		case due < at:
			at, jobs = due, []*dayJob{j}
		case due == at && due < math.MaxInt64:
			jobs = append(jobs, j)
		}
	}
	return at, jobs
}

// passes lets everything happen that is due, and returns the events.
func (a *dayAccount) passes(now messages.TimestampMs) (events []string) {
	for c := range dayClocks {
		for _, j := range a.live {
			if at := j.dueAt(c); at != 0 && at <= now {
				events = append(events, j.happens(c, now)...)
				a.tally[c]++
			}
		}
	}
	a.sort()
	return events
}

// sort puts those that have ended aside.
func (a *dayAccount) sort() {
	live := a.live[:0]
	for _, j := range a.live {
		if j.standing == jobEnded {
			a.done[j.id] = j
		} else {
			live = append(live, j)
		}
	}
	a.live = live
}

// claimable are the executions that a worker may get.
func (a *dayAccount) claimable() map[messages.ExecutionID]*dayJob {
	jobs := map[messages.ExecutionID]*dayJob{}
	for _, j := range a.live {
		switch j.standing {
		case jobFresh, jobInterrupted, jobRetrying, jobLost:
			jobs[j.id] = j
		case jobPut, jobRunning, jobParked, jobBackingOff, jobEnded:
		}
	}
	return jobs
}
