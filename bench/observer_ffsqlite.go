package main

import (
	"errors"
	"sync"

	"github.com/ncruces/go-sqlite3"
)

// ffsqliteObserver is the second connection, with the statements that read what the engine has committed.
type ffsqliteObserver struct {
	mu   sync.Mutex
	conn *sqlite3.Conn

	count, one *sqlite3.Stmt
}

// Executions that a seed brought along have smaller row ids than those of the measurement.
const (
	endedSQL    = "SELECT count(*) FROM ff_exec_core WHERE rowid > ?1 AND lifecycle_phase = 'terminal'"
	hasEndedSQL = "SELECT lifecycle_phase = 'terminal' FROM ff_exec_core WHERE execution_id = ?1"
	lastRowSQL  = "SELECT coalesce(max(rowid), 0) FROM ff_exec_core"
)

func openFFSQLiteObserver(dataSource string) (*ffsqliteObserver, error) {
	conn, err := sqlite3.OpenFlags(dataSource, sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	o := &ffsqliteObserver{conn: conn}
	if o.one, _, err = conn.Prepare(hasEndedSQL); err != nil {
		return o, err
	}
	if o.count, _, err = conn.Prepare(endedSQL); err != nil {
		return o, err
	}
	last, _, err := conn.Prepare(lastRowSQL)
	if err != nil {
		return o, err
	}
	defer last.Close()
	seeded, err := askNumber(last)
	if err != nil {
		return o, err
	}
	return o, o.count.BindInt64(1, seeded)
}

func (o *ffsqliteObserver) ended() (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return askNumber(o.count)
}

func (o *ffsqliteObserver) hasEnded(id [16]byte) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.one.BindBlob(1, id[:]); err != nil {
		return false, err
	}
	n, err := askNumber(o.one)
	return n == 1, err
}

// number is the answer to a query of one number.
func (o *ffsqliteObserver) number(sql string) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	stmt, _, err := o.conn.Prepare(sql)
	if err != nil {
		return 0, err
	}
	defer stmt.Close()
	return askNumber(stmt)
}

func (o *ffsqliteObserver) close() error {
	if o == nil {
		return nil
	}
	return errors.Join(o.count.Close(), o.one.Close(), o.conn.Close())
}

// tally sums up completion events; equal tallies of increasing ids mean equal events.
type tally struct {
	events int64
	sum    int64 // Of the event ids.
	last   int64 // The greatest event id.
}

func (t tally) plus(other tally) tally {
	return tally{t.events + other.events, t.sum + other.sum, max(t.last, other.last)}
}

const completionsSQL = `
SELECT coalesce(instance_tag, ''), count(*), sum(event_id), max(event_id)
  FROM ff_completion_event
 GROUP BY 1`

// completions sums up the stored completion events by the tenant that they belong to.
func (o *ffsqliteObserver) completions() (map[string]tally, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	stmt, _, err := o.conn.Prepare(completionsSQL)
	if err != nil {
		return nil, err
	}
	defer stmt.Close()
	tallies := map[string]tally{}
	for stmt.Step() {
		tallies[stmt.ColumnText(0)] = tally{stmt.ColumnInt64(1), stmt.ColumnInt64(2), stmt.ColumnInt64(3)}
	}
	return tallies, stmt.Err()
}
