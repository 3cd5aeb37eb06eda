package writer

import (
	"errors"
	"math"

	"github.com/flowfabric/ffsqlite/messages"
)

// job is background work that is driven by stored deadlines, in the order in which jobs that are due together run.
type job int

const (
	leaseExpiry job = iota
	delayedPromoter
	streamSweep
	jobCount
)

var jobNames = [jobCount]string{"lease_expiry", "delayed_promoter", "stream_sweep"}

const (
	// portion bounds what one message of a job processes, so that callers' messages never wait long behind it.
	portion = 50
	// failedTickPauseMs is how long a job rests after a row of it failed.
	failedTickPauseMs = 1000

	never = math.MaxInt64
)

// deadlines holds, for each job, a lower bound of the earliest stored deadline. A message that writes an earlier one
// lowers it; only New, a foreign commit and a finished run read it from the tables. So a commit costs no look-up, and a
// timer may fire for nothing.
type deadlines struct {
	earliest [jobCount]int64
	// leasesSeen is the time up to which expired leases have been marked. What expires before it is marked already, or
	// was written by a foreign commit, which resets it.
	leasesSeen int64
}

func (d *deadlines) lower(j job, ms int64) { d.earliest[j] = min(d.earliest[j], ms) }

func (d *deadlines) due(j job, now messages.TimestampMs) bool { return d.earliest[j] <= int64(now) }

// forget makes every job look at its table at the next opportunity.
func (d *deadlines) forget() {
	*d = deadlines{leasesSeen: math.MinInt64}
	for j := range d.earliest {
		d.earliest[j] = math.MinInt64
	}
}

// NextDeadline returns a lower bound of the earliest stored deadline, 0 when there is none.
func (w *Writer) NextDeadline() messages.TimestampMs {
	next := int64(never)
	for _, ms := range w.deadlines.earliest {
		next = min(next, ms)
	}
	if next == never {
		return 0
	}
	return messages.TimestampMs(max(next, 1))
}

// readDeadlines takes the bounds from the tables.
func (w *Writer) readDeadlines() error {
	w.deadlines.forget()
	var err error
	for j := range jobCount {
		w.deadlines.earliest[j], err = w.earliestAfter(j, math.MinInt64)
		if err != nil {
			w.deadlines.forget()
			return err
		}
	}
	return nil
}

// nextLeaseExpirySQL is served by ff_attempt_lease_expiry_idx and reads on only over leases that are marked already.
const nextLeaseExpirySQL = `
SELECT a.lease_expires_at_ms
  FROM ff_attempt AS a
  JOIN ff_exec_core AS e USING (partition_key, execution_id)
 WHERE a.lease_expires_at_ms > ?1
   AND a.lease_expires_at_ms IS NOT NULL
   AND e.lifecycle_phase = 'active'
   AND e.ownership_state = 'leased'
 ORDER BY a.lease_expires_at_ms
 LIMIT 1`

// nextDelaySQL is served by ff_exec_core_delay_idx.
const nextDelaySQL = `
SELECT coalesce(delay_until_ms, 0)
  FROM ff_exec_core
 WHERE standing = 'delayed'
   AND coalesce(delay_until_ms, 0) > ?1
 ORDER BY delay_until_ms
 LIMIT 1`

var nextDeadlineSQL = [jobCount]string{
	leaseExpiry: nextLeaseExpirySQL, delayedPromoter: nextDelaySQL, streamSweep: nextSweepSQL,
}

// earliestAfter reads the earliest deadline of the job that is later than the given time, never when there is none.
func (w *Writer) earliestAfter(j job, after int64) (int64, error) {
	earliest := int64(never)
	s := w.prepare(nextDeadlineSQL[j]).int(1, after)
	_, err := s.one(func() { earliest = s.stmt.ColumnInt64(0) })
	return earliest, err
}

// RunDue processes one portion of everything that is due and reports whether more is. It needs an open batch; each row
// is a step of its own and is re-checked there, so that a message that came first always wins.
func (w *Writer) RunDue(now messages.TimestampMs) (more bool) {
	w.run("run_due", nil, func() { more = w.runDue(now) })
	return more
}

func (w *Writer) runDue(now messages.TimestampMs) (more bool) {
	for j := range jobCount {
		full, err := w.runJob(j, now)
		if w.lost != nil {
			return false
		}
		if err != nil {
			w.log.Warn("a background job failed", "job", jobNames[j], "error", err)
			w.deadlines.earliest[j] = int64(now) + failedTickPauseMs
		}
		more = more || full
	}
	w.serveWaiting(now)
	return more && w.lost == nil
}

// runJob processes at most one portion of one job.
func (w *Writer) runJob(j job, now messages.TimestampMs) (full bool, err error) {
	if !w.deadlines.due(j, now) {
		return false, nil
	}
	rows, err := w.dueRows(j, now)
	if err != nil {
		return false, w.check(err)
	}
	var failures []error
	changed := false
	for _, rowid := range rows {
		failures = append(failures, w.step(jobNames[j], func() error {
			did, err := w.runRow(j, rowid, now)
			changed = changed || did
			return err
		}))
	}
	if err := errors.Join(failures...); err != nil {
		return false, err
	}
	if len(rows) == portion && changed {
		return true, nil
	}
	if j == leaseExpiry {
		w.deadlines.leasesSeen = int64(now)
	}
	w.deadlines.earliest[j], err = w.earliestAfter(j, int64(now))
	return false, err
}

// settleDue runs what is due for the jobs that decide what a claim may take, so that a claim sees every delay that has
// passed and every lease that has run out, whether or not the timekeeper came first.
func (w *Writer) settleDue(now messages.TimestampMs) error {
	for _, j := range []job{leaseExpiry, delayedPromoter} {
		for full := true; full; {
			var err error
			if full, err = w.runJobInline(j, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// runJobInline is runJob within the step of a message: a failing row fails the message. A row that cannot be read is left
// to runJob, which reports it; it must not stop every claim, and nothing of it has been written.
func (w *Writer) runJobInline(j job, now messages.TimestampMs) (full bool, err error) {
	if !w.deadlines.due(j, now) {
		return false, nil
	}
	rows, err := w.dueRows(j, now)
	if err != nil {
		return false, err
	}
	changed := false
	for _, rowid := range rows {
		did, err := w.runRow(j, rowid, now)
		if err != nil && !errors.Is(err, messages.ErrCorruption) {
			return false, err
		}
		changed = changed || did
	}
	return len(rows) == portion && changed, nil
}

func (w *Writer) dueRows(j job, now messages.TimestampMs) ([]int64, error) {
	switch j {
	case leaseExpiry:
		return w.expiredLeases(now)
	case delayedPromoter:
		return w.dueDelays(now)
	case streamSweep, jobCount:
	}
	return w.idleStreams(now)
}

// runRow does the job for one row and reports whether that changed anything.
func (w *Writer) runRow(j job, rowid int64, now messages.TimestampMs) (changed bool, err error) {
	if j == streamSweep {
		return w.sweepStream(rowid, now)
	}
	x, err := w.loadExecutionRow(rowid)
	if x == nil || err != nil {
		return false, err
	}
	if j == leaseExpiry {
		return w.markLeaseExpired(x, now)
	}
	return w.promoteDelayed(x, now)
}
