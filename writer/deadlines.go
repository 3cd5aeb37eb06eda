package writer

import (
	"errors"
	"math"

	"github.com/flowfabric/ffsqlite/messages"
)

const (
	// failedTickPauseMs and panickedTickPauseMs are how long a job rests that failed as a whole.
	failedTickPauseMs   = 1000
	panickedTickPauseMs = 5000

	never = math.MaxInt64
)

// deadlines is when each job is to run, and how far it is. It is a value: a batch that is undone restores it.
//
// The earliest stored deadline is a lower bound. A message that writes an earlier one lowers it; only New, a foreign
// commit and a finished tick read it from the tables. So a commit costs no look-up, and a timer may fire for nothing.
type deadlines struct {
	earliest [jobCount]int64 // of stored deadlines; never for a walk
	next     [jobCount]int64 // when the interval is over; never for a job that waits for stored deadlines alone
	ticks    [jobCount]tick  // that are under way
	count    [jobCount]int   // of ticks
	// leasesSeen is the time up to which expired leases have been marked. What expires before it is marked already, or
	// was written by a foreign commit, which resets it.
	leasesSeen int64
}

func (d *deadlines) lower(j jobID, ms int64) { d.earliest[j] = min(d.earliest[j], ms) }

// forget makes every job look at its table at the next opportunity.
func (d *deadlines) forget() {
	d.leasesSeen = math.MinInt64
	for j := range d.earliest {
		d.earliest[j] = never
		if jobs[j].earliest != "" {
			d.earliest[j] = math.MinInt64
		}
	}
}

// scanners is what runs by itself.
type scanners struct {
	running   bool
	intervals [jobCount]int64 // ms; 0: not by itself
	filter    messages.ScannerFilter
	retention int64 // ms
	asked     *Tick // is under way; its job does not run by itself meanwhile
}

// automatic reports whether the job runs by itself.
func (s *scanners) automatic(j jobID) bool {
	return s.running && s.intervals[j] > 0 && (s.asked == nil || s.asked.job != j)
}

// StartScanners makes the jobs run by themselves: walks an interval from now, the others at the deadlines that are
// stored. It needs that no batch is open. It reports false, and changes nothing, when they do already.
func (w *Writer) StartScanners(config messages.ScannerConfig, now messages.TimestampMs) (started bool, err error) {
	if w.scanners.running {
		return false, nil
	}
	if err := w.readDeadlines(); err != nil {
		return false, err
	}
	w.configure(config)
	w.scanners.running = true
	for j := range jobCount {
		w.deadlines.next[j] = never
		if jobs[j].earliest == "" {
			w.deadlines.next[j] = int64(now) + w.scanners.intervals[j]
		}
	}
	return true, nil
}

func (w *Writer) configure(config messages.ScannerConfig) {
	for _, interval := range config.Intervals() {
		if j, exists := jobNamed(interval.Name); exists {
			w.scanners.intervals[j] = messages.Millis(interval.Interval)
		}
	}
	w.scanners.filter = config.Filter
	w.scanners.retention = messages.Millis(config.RetentionPeriod)
	if w.scanners.retention == 0 {
		w.scanners.retention = messages.Millis(messages.DefaultRetention)
	}
}

// StopScanners ends what runs by itself, after the portion that has run. It needs that no batch is open.
func (w *Writer) StopScanners() {
	w.scanners.running = false
	w.deadlines.ticks = [jobCount]tick{}
}

// NextDeadline returns when a job is due next, at the earliest, or a hop of the cascade that has failed; 0 when none will
// be.
func (w *Writer) NextDeadline() messages.TimestampMs {
	next := w.hops.setbacks.next()
	for j := range jobCount {
		if w.scanners.automatic(j) {
			next = min(next, w.dueAt(j))
		}
	}
	if next == never {
		return 0
	}
	return messages.TimestampMs(max(next, 1))
}

func (w *Writer) dueAt(j jobID) int64 {
	if w.deadlines.ticks[j].started {
		return 0
	}
	return min(w.deadlines.earliest[j], w.deadlines.next[j])
}

func (w *Writer) due(j jobID, now messages.TimestampMs) bool {
	return w.scanners.automatic(j) && w.dueAt(j) <= int64(now)
}

// readDeadlines takes the bounds from the tables.
func (w *Writer) readDeadlines() error {
	w.deadlines.forget()
	for j := range jobCount {
		earliest, err := w.earliestAfter(j, math.MinInt64)
		if err != nil {
			w.deadlines.forget()
			return err
		}
		w.deadlines.earliest[j] = earliest
	}
	return nil
}

// earliestAfter reads the earliest deadline of the job that is later than the given time, never when there is none.
func (w *Writer) earliestAfter(j jobID, after int64) (int64, error) {
	earliest := int64(never)
	if jobs[j].earliest == "" {
		return earliest, nil
	}
	s := w.prepare(jobs[j].earliest).int(1, after)
	_, err := s.one(func() { earliest = s.stmt.ColumnInt64(0) })
	return earliest, err
}

// reschedule settles when a job whose tick has ended runs again. A row that may be due still is looked at again after an
// interval, not before.
func (w *Writer) reschedule(j jobID, t *tick) (err error) {
	d, interval := &w.deadlines, int64(t.now)+w.scanners.intervals[j]
	d.next[j] = never
	switch {
	case t.report.More:
		d.next[j] = int64(t.now)
		return nil
	case jobs[j].earliest == "" || t.left:
		d.next[j] = interval
	case j == leaseExpiry:
		d.leasesSeen = int64(t.now)
	}
	d.earliest[j], err = w.earliestAfter(j, int64(t.now))
	return err
}

// pause gives a job that failed as a whole a rest.
func (w *Writer) pause(j jobID, now messages.TimestampMs, cause error) {
	rest := int64(failedTickPauseMs)
	if errors.Is(cause, messages.ErrBug) {
		rest = panickedTickPauseMs
	}
	if jobs[j].earliest == "" {
		rest = max(rest, w.scanners.intervals[j])
	}
	w.deadlines.earliest[j], w.deadlines.next[j] = never, int64(now)+rest
}

// settleDue runs what is due for the jobs that decide what a claim may take, so that a claim sees every delay that has
// passed and every lease that has run out, whether or not the jobs run by themselves.
func (w *Writer) settleDue(now messages.TimestampMs) error {
	for _, j := range [...]jobID{leaseExpiry, delayedPromoter} {
		if w.deadlines.earliest[j] > int64(now) {
			continue
		}
		if err := w.settleJob(j, now); err != nil {
			return err
		}
	}
	return nil
}

// settleJob is one whole tick within the step of a message: a failing row fails the message. A row that cannot be read is
// left to the job, which reports it; it must not stop every claim, and nothing of it has been written.
func (w *Writer) settleJob(j jobID, now messages.TimestampMs) error {
	w.batch.settled++
	t := tick{now: now, place: w.firstPlace(j)}
	for full := true; full; {
		rows, err := jobs[j].rows(w, &t, jobs[j].portion)
		if err != nil {
			return err
		}
		for _, r := range rows {
			t.place = r.place
			if _, err := jobs[j].step(w, &t, r.subject); err != nil {
				if !errors.Is(err, messages.ErrCorruption) {
					return err
				}
				t.left = true
			}
		}
		full = len(rows) == jobs[j].portion
	}
	if t.left {
		w.deadlines.next[j] = min(w.deadlines.next[j], int64(now))
	} else if j == leaseExpiry {
		w.deadlines.leasesSeen = int64(now)
	}
	var err error
	w.deadlines.earliest[j], err = w.earliestAfter(j, int64(now))
	return err
}

// firstPlace is where a tick of the job begins.
func (w *Writer) firstPlace(j jobID) place {
	if j == leaseExpiry {
		return place{key: w.deadlines.leasesSeen, number: math.MaxInt64}
	}
	return firstOf(0)
}

// firstOf is where a group begins.
func firstOf(group int64) place {
	return place{group: group, key: math.MinInt64, number: math.MinInt64}
}
