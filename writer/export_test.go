package writer

import (
	"maps"
	"slices"

	"github.com/flowfabric/ffsqlite/messages"
)

// Prepared returns the text of every statement that the writer has used.
func (w *Writer) Prepared() []string { return slices.Sorted(maps.Keys(w.statements)) }

// Move is a move and what makes it. From and To are "" before the execution exists.
type Move struct{ From, To, By string }

// Moves are all moves there are.
func Moves() (all []Move) {
	for _, m := range moves {
		all = append(all, Move{string(m.from), string(m.to), m.by})
	}
	return all
}

// Legal is what storing an execution goes by.
var Legal = legal

// Misplace stores the execution in a state, whatever its state is.
func (w *Writer) Misplace(id messages.ExecutionID, phase, eligibility, public string) error {
	x, err := w.loadExecution(id)
	if err != nil {
		return err
	}
	x.phase, x.eligibility, x.public = phase, eligibility, public
	return w.storeExecution(x, 1)
}

// TruncateLog is what follows on a log that has grown too long.
func (w *Writer) TruncateLog() error { return w.truncateLog() }
