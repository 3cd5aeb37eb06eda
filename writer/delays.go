package writer

import (
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/messages"
)

// dueDelaysSQL is served by ff_exec_core_delay_idx, which begins with the delays that cannot be read: they are due.
const dueDelaysSQL = `
SELECT rowid, delay_until_ms
  FROM ff_exec_core
 WHERE standing = 'delayed'
 ORDER BY delay_until_ms
 LIMIT ?1`

var errEnough = errors.New("enough rows")

func (w *Writer) dueDelays(now messages.TimestampMs) (rows []int64, err error) {
	s := w.prepare(dueDelaysSQL).int(1, portion)
	err = s.each(func() error {
		if s.stmt.ColumnType(1) != sqlite3.NULL && s.stmt.ColumnInt64(1) > int64(now) {
			return errEnough
		}
		rows = append(rows, s.stmt.ColumnInt64(0))
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return rows, err
}

// promoteDelayed makes a delayed execution eligible when its time has come (02 §8.8). It goes back to its old place in
// the queue; its attempt state stays, for it says what the next claim does. It reports whether the time had come.
func (w *Writer) promoteDelayed(x *execution, now messages.TimestampMs) (bool, error) {
	if !x.runnable() || x.eligibility != "not_eligible_until_time" {
		return false, nil
	}
	if due, ok := x.raw.number("delay_until"); ok && due > int64(now) {
		return false, nil
	}
	x.ownership, x.eligibility, x.public, x.blocking = "unowned", "eligible_now", "waiting", "waiting_for_worker"
	x.raw.setText("blocking_detail", "")
	x.raw.remove("delay_until")
	w.becomesClaimable(x)
	return true, w.storeExecution(x, now)
}
