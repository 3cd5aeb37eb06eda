package writer

import (
	"maps"

	"github.com/flowfabric/ffsqlite/messages"
)

// mostPortions is how many portions one tick has at most; what is left is for the next, which follows at once.
const mostPortions = 20

// tick is one run of a job, portion by portion. It is a value: a batch that runs again begins where it began.
type tick struct {
	started  bool
	now      messages.TimestampMs // of the portion
	filter   messages.ScannerFilter
	place    place
	portions int
	left     bool // a row was left as it was, so it may be due still
	report   messages.ScanReport
}

// RunDue runs one portion of each job that is due, and reports whether more is. It needs an open batch. Each row is a step
// of its own, re-checked there, so that a message that came first always wins. Hops that have rested are left to
// [Writer.Hop].
func (w *Writer) RunDue(now messages.TimestampMs) (more bool) {
	w.run("run_due", nil, func() {
		w.hops.push(w.hops.setbacks.wake(now))
		for j := range jobCount {
			if w.due(j, now) {
				w.runAutomatic(j, now)
			}
		}
		w.serveWaiting(now)
	})
	return w.lost == nil && w.anyDue(now)
}

func (w *Writer) anyDue(now messages.TimestampMs) bool {
	next := w.NextDeadline()
	return next != 0 && next <= now
}

// runAutomatic runs the next portion of a job that runs by itself, and settles when it runs again.
func (w *Writer) runAutomatic(j jobID, now messages.TimestampMs) {
	t := &w.deadlines.ticks[j]
	ended, err := w.runPortion(j, t, now)
	if w.lost != nil || w.batch.dirty { // The batch is undone, and this with it.
		return
	}
	if err == nil && ended {
		err = w.check(w.reschedule(j, t))
	}
	switch {
	case err != nil:
		w.pause(j, now, err)
		*t = tick{}
	case ended:
		*t = tick{place: t.resumes()}
	}
}

// runPortion runs the next portion of a tick and reports whether the tick has ended.
func (w *Writer) runPortion(j jobID, t *tick, now messages.TimestampMs) (ended bool, err error) {
	if !t.started {
		w.startTick(j, t)
	}
	t.now = now
	t.portions++
	t.report.Actions = maps.Clone(t.report.Actions) // The batch may have to go back to the old one.
	rows, err := w.rowsOf(j, t)
	for _, r := range rows {
		w.runRow(j, t, r)
	}
	full := len(rows) == jobs[j].portion
	ended = err != nil || !full || t.portions == mostPortions
	if ended {
		t.report.More = full
		w.batch.ticks = append(w.batch.ticks, tickEnd{j, t.report, err})
	}
	return ended, err
}

func (w *Writer) startTick(j jobID, t *tick) {
	from := t.place
	if from == (place{}) {
		from = w.firstPlace(j)
	}
	*t = tick{started: true, place: from, filter: w.scanners.filter}
	w.deadlines.count[j]++
}

// rowsOf selects the rows of the next portion. A panic there is one of the job, not of the engine.
func (w *Writer) rowsOf(j jobID, t *tick) (rows []row, err error) {
	err = w.step(string(jobs[j].name), func() (err error) {
		rows, err = jobs[j].rows(w, t, jobs[j].portion)
		return err
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// runRow does the job for one row, unless that has failed too often of late.
func (w *Writer) runRow(j jobID, t *tick, r row) {
	t.place = r.place
	key := failingRow{j, r.subject}
	if w.failing.resting(key, w.deadlines.count[j]) {
		t.report.Skipped++
		t.left = true
		return
	}
	var what action
	err := w.step(string(jobs[j].name), func() (err error) {
		what, err = jobs[j].step(w, t, r.subject)
		return err
	})
	if w.lost == nil {
		w.batch.verdicts = append(w.batch.verdicts, verdict{key, w.deadlines.count[j], err})
		t.note(what, err)
	}
}

// note counts what a step did.
func (t *tick) note(what action, err error) {
	switch {
	case err != nil:
		t.report.Errors++
		t.left = true
	case what == skipped:
		t.report.Skipped++
		t.left = true
	case what == nothing:
	case what == changed:
		t.report.Processed++
	default:
		t.count(what, 1)
	}
}

// count adds rows that were changed, by the name of what was done to them.
func (t *tick) count(what action, n uint32) {
	t.report.Processed += n
	t.tell(what, n)
}

// tell adds rows to the report by the name of what became of them, changed or not.
func (t *tick) tell(what action, n uint32) {
	if t.report.Actions == nil {
		t.report.Actions = map[string]uint32{}
	}
	t.report.Actions[string(what)] += n
}

// resumes is where the next tick begins: behind this one, if it ended at its bound.
func (t *tick) resumes() place {
	if t.report.More {
		return t.place
	}
	return place{}
}

// tickEnd is a tick that ended in the open batch.
type tickEnd struct {
	job    jobID
	report messages.ScanReport
	err    error
}

// settleTicks does what follows from the jobs of a batch once it is committed.
func (w *Writer) settleTicks() {
	for _, v := range w.batch.verdicts {
		if v.err != nil {
			w.log.Warn("a background job failed for a row", "job", jobs[v.row.job].name, "row", v.row.subject, "error", v.err)
		}
		w.failing.note(v)
	}
	for _, e := range w.batch.ticks {
		w.upkeepDue = w.upkeepDue || w.isFile && e.job == storeMaintenance && e.err == nil && !e.report.More
		log := w.log.With("job", jobs[e.job].name)
		switch {
		case e.err != nil:
			log.Warn("a background job failed", "error", e.err)
		case e.report.Processed == 0:
			log.Debug("a background job has run", "report", e.report)
		default:
			log.Info("a background job has run", "report", e.report)
		}
	}
}
