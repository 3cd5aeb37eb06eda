package writer

import (
	"fmt"
	"runtime/debug"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// batch is what the open transaction has done so far.
//
// Its steps run without savepoints at first. A step that fails before it has written anything, as nearly every failing
// step does, needs no undoing. Should one fail later, the transaction is rolled back and the whole batch runs again,
// carefully: each step in a savepoint of its own, to which it alone is rolled back. Savepoints copy every page that a
// step touches, which costs a fifth of the writer's throughput; running again costs at most one batch
// (docs/decisions/0006-careful-when-needed.md).
type batch struct {
	careful bool
	dirty   bool // a step failed after it had written, and there was no savepoint
	looked  bool // the waiting claims were offered everything
	whole   bool // the message consists of several: nothing is offered to a waiting claim before its end
	entries []entry

	completions []messages.CompletionEvent
	leases      []messages.LeaseHistoryEvent
	streams     []messages.StreamChange
	claimable   []claimable // what became claimable since waiting claims were last tried
	queued      []hop
	served      []Served
	offers      int // executions that were offered to a waiting claim within the step that creates them
	verdicts    []verdict
	ticks       []tickEnd
	asked       *Tick // has a portion in the batch
	settled     int   // how often messages have done what was due (settleDue)

	// What the writer remembers, as it was when the batch began.
	deadlines deadlines
	setbacks  setbacks
}

// entry is one thing that the batch did, to be done again if need be.
type entry struct {
	name   string
	answer *Answer // nil for what no caller waits for
	do     func()
}

func (b *batch) begin(d deadlines, s setbacks) {
	b.careful, b.deadlines, b.setbacks, b.asked = false, d, s, nil
	b.entries = b.entries[:0]
	b.forget()
}

// forget drops what the steps have noted, not what they were.
func (b *batch) forget() {
	b.dirty, b.looked, b.whole = false, false, false
	b.completions, b.leases, b.streams = nil, nil, nil // The last commit handed them out.
	b.claimable, b.queued, b.served = b.claimable[:0], b.queued[:0], b.served[:0]
	b.verdicts, b.ticks = b.verdicts[:0], b.ticks[:0]
}

// close ends the batch; what it served can still be asked for.
func (b *batch) close() {
	clear(b.entries)
	b.entries, b.queued = b.entries[:0], b.queued[:0]
}

// run does one entry of the batch. When that leaves something to undo, everything is done again, carefully.
func (w *Writer) run(name string, answer *Answer, do func()) {
	if w.lost != nil {
		if answer != nil {
			answer.Err = w.lost
		}
		return
	}
	w.batch.entries = append(w.batch.entries, entry{name, answer, do})
	do()
	if w.batch.dirty && w.lost == nil {
		w.runAgain()
	}
}

// runAgain does everything again, carefully. Another process may have come in between the two transactions, as it may
// between two batches.
func (w *Writer) runAgain() {
	if err := w.undoAll(); err != nil {
		w.lose(err)
		return
	}
	if err := database.Retry(w.beginTransaction); err != nil {
		w.lose(err)
		return
	}
	w.batch.forget()
	w.batch.careful = true
	w.batch.deadlines = w.deadlines
	for _, e := range w.batch.entries {
		e.do()
	}
	if w.lost == nil {
		w.putBackUnserved()
	}
}

// wrapLast makes the batch do something around its last entry when it runs again. Nobody waits for its answer any more.
func (b *batch) wrapLast(around func(answer *Answer, do func())) {
	last := &b.entries[len(b.entries)-1]
	answer, do := last.answer, last.do
	last.answer, last.do = nil, func() { around(answer, do) }
}

const (
	savepointSQL = `SAVEPOINT step`
	releaseSQL   = `RELEASE step`
	undoSQL      = `ROLLBACK TO step`
)

// step runs do so that it leaves no trace when it fails or panics.
func (w *Writer) step(name string, do func() error) (err error) {
	if w.lost != nil {
		return w.lost
	}
	if w.batch.careful {
		if err := w.prepare(savepointSQL).exec(); err != nil {
			return w.check(err)
		}
	}
	mark, changes := w.batch.mark(), w.conn.TotalChanges()
	defer func() {
		if cause := recover(); cause != nil {
			err = w.panicked(name, cause)
		}
		if err != nil {
			err = w.undo(mark, changes, err)
		}
	}()
	if err := do(); err != nil || !w.batch.careful {
		return err
	}
	return w.prepare(releaseSQL).exec()
}

func (w *Writer) panicked(name string, cause any) error {
	w.log.Error("panic in an operation", "method", name, "cause", cause, "stack", string(debug.Stack()))
	w.resetStatements()
	return messages.BugError(fmt.Sprintf("%s: panic: %v", name, cause))
}

// undo takes back what the failing step has done, or notes that only running again can.
func (w *Writer) undo(mark mark, changes int64, cause error) error {
	w.batch.reset(mark)
	if cause = w.check(cause); w.lost != nil {
		return w.lost
	}
	if !w.batch.careful {
		w.batch.dirty = w.batch.dirty || w.conn.TotalChanges() != changes || w.batch.offers != mark.offers
		return cause
	}
	w.remembered.forgetAll()
	w.resetStatements()
	if w.batch.settled != mark.settled {
		w.deadlines.forget() // What the step has settled is due again.
	}
	for _, sql := range []string{undoSQL, releaseSQL} {
		if err := w.prepare(sql).exec(); err != nil {
			w.lose(err)
			return w.lost
		}
	}
	return cause
}

// check gives the batch up when a failed statement has ended its transaction, or has found the file damaged, and returns
// the error.
func (w *Writer) check(err error) error {
	if err != nil && w.lost == nil && (w.conn.GetAutocommit() || database.IsFatal(err)) {
		w.lose(err)
	}
	return err
}

// lose gives the batch up: every caller in it gets the cause.
func (w *Writer) lose(cause error) {
	w.lost = database.Classify(cause)
	for _, e := range w.batch.entries {
		if e.answer != nil {
			*e.answer = Answer{Err: w.lost}
		}
	}
}

// mark remembers how far the batch was when a step began.
type mark struct{ completions, leases, streams, claimable, queued, offers, settled int }

func (b *batch) mark() mark {
	return mark{
		len(b.completions), len(b.leases), len(b.streams), len(b.claimable), len(b.queued), b.offers, b.settled,
	}
}

func (b *batch) reset(m mark) {
	b.completions = b.completions[:m.completions]
	b.leases = b.leases[:m.leases]
	b.streams = b.streams[:m.streams]
	b.claimable = b.claimable[:m.claimable]
	b.queued = b.queued[:m.queued]
}
