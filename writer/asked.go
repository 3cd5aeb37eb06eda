package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// Tick is one run of a job that a caller asked for. It runs whether or not the job runs by itself.
type Tick struct {
	job jobID
	now messages.TimestampMs // 0: the clock

	tick, open tick // as of the last commit, and as of the open batch
	ended      bool // the open one has
	err        error
	done       bool
}

// NewTick returns a tick of the job. Now is used for what is due and for the timestamps; 0 is the clock.
func NewTick(name messages.ScannerName, now messages.TimestampMs) (*Tick, error) {
	j, exists := jobNamed(name)
	if !exists {
		return nil, messages.UnavailableError(string(name))
	}
	return &Tick{job: j, now: now}, nil
}

// RunTick runs the next portion of the tick, at most one in a batch, and no two ticks in turns. A tick of the same job
// that runs by itself is finished first, so that they never overlap.
func (w *Writer) RunTick(t *Tick, now messages.TimestampMs) {
	w.batch.asked = t
	w.run("run_scanner_tick", nil, func() {
		t.ended, t.err = false, nil
		t.open = t.tick
		if w.deadlines.ticks[t.job].started {
			w.runAutomatic(t.job, now)
			return
		}
		w.scanners.asked = t
		t.ended, t.err = w.runPortion(t.job, &t.open, orNow(t.now, now))
		w.serveWaiting(now)
	})
}

// Done reports whether the tick has ended and is committed, with what it did.
func (t *Tick) Done() (report messages.ScanReport, err error, done bool) {
	return t.open.report, t.err, t.done
}

// DropTick gives a tick up that is not done.
func (w *Writer) DropTick(t *Tick) {
	if w.scanners.asked == t {
		w.scanners.asked = nil
	}
}

// settleAsked makes the portion of the committed batch count.
func (w *Writer) settleAsked() {
	t := w.batch.asked
	if t == nil {
		return
	}
	t.tick = t.open
	if t.ended {
		t.done = true
		w.DropTick(t)
	}
}
