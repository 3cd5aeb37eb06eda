package writer

import (
	"slices"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

const (
	// recoverHops bounds the hops of one commit of Recover, and recoverEdges the edges that it looks at in between.
	recoverHops  = 1000
	recoverEdges = 1000
)

// Recover runs the cascade that a crash has left, in batches of its own, until none is left, and settles the edges whose
// upstream has ended without them. A hop that fails rests and is tried again later, like any other.
func (w *Writer) Recover(now messages.TimestampMs) error {
	if err := w.recoverCascade(now); err != nil {
		return err
	}
	if err := w.sweepEdges(now); err != nil {
		return err
	}
	return w.recoverCascade(now)
}

func (w *Writer) recoverCascade(now messages.TimestampMs) error {
	for w.HasHops() {
		err := w.alone(func() {
			for range recoverHops {
				w.Hop(now)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sweepEdges settles all edges that the cascade has missed. Only where there is one, it opens a transaction: opening a
// sound database writes nothing.
func (w *Writer) sweepEdges(now messages.TimestampMs) error {
	t := &tick{now: now, place: firstOf(edgePass)}
	for full := true; full; {
		rows, err := w.unsettledEdges(t.place, recoverEdges)
		if err != nil {
			return err
		}
		if full = len(rows) == recoverEdges; full {
			t.place = rows[len(rows)-1].place
		}
		rows = slices.DeleteFunc(rows, func(r row) bool { return r.subject == 0 })
		if err := w.sweep(t, rows); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) sweep(t *tick, rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	behind := t.place
	defer func() { t.place = behind }()
	return w.alone(func() {
		w.run("edge_sweep", nil, func() {
			for _, r := range rows {
				w.runRow(dependencyReconciler, t, r)
			}
		})
	})
}

// alone does something in a batch of its own.
func (w *Writer) alone(do func()) error {
	if err := database.Retry(w.Begin); err != nil {
		return err
	}
	do()
	_, err := w.Commit()
	return err
}
