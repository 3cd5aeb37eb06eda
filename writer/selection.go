package writer

import (
	"bytes"
	"slices"
	"strings"

	"github.com/flowfabric/ffsqlite/messages"
)

// demand is what a claiming worker is willing and able to run.
type demand struct {
	workerID     string
	capabilities []string // sorted
	kinds        []string // empty: any
	namespace    string   // "": any
	skip         []int64  // rows that turned out to be unreadable
}

// without is the demand that passes over one more row.
func (d *demand) without(rowid int64) *demand {
	other := *d
	other.skip = append(slices.Clone(d.skip), rowid)
	return &other
}

// candidate is the head of the queue as one claim sees it.
type candidate struct {
	rowid     int64
	class     string
	priority  int64
	createdAt int64
	id        [16]byte
	reclaim   bool
}

// before is the order of 03 §3.2: priority descending, fresh and resumed work before reclaims, then age, then id.
func (c *candidate) before(other *candidate) bool {
	switch {
	case c.priority != other.priority:
		return c.priority > other.priority
	case c.reclaim != other.reclaim:
		return other.reclaim
	case c.createdAt != other.createdAt:
		return c.createdAt < other.createdAt
	}
	return bytes.Compare(c.id[:], other.id[:]) < 0
}

// unknown marks a part of a claim class that only the row itself can tell.
const unknown = "\x1e"

type acceptance int

const (
	rejected acceptance = iota
	accepted
	undecided // rows of the class must be looked at one by one
)

// accepts decides by the class of a row (see ff_exec_core.claim_class) whether the worker may run it.
func (d *demand) accepts(class string) acceptance {
	namespace, rest, _ := strings.Cut(class, "\x1f")
	kind, required, _ := strings.Cut(rest, "\x1f")
	if namespace == unknown {
		return rejected // The document of the row cannot be read: nobody can run it.
	}
	if d.namespace != "" && d.namespace != namespace {
		return rejected
	}
	if len(d.kinds) > 0 && !slices.Contains(d.kinds, kind) {
		return rejected
	}
	if required == unknown {
		return undecided
	}
	for required != "" {
		var token string
		token, required, _ = strings.Cut(required, ",")
		if _, has := slices.BinarySearch(d.capabilities, token); !has {
			return rejected
		}
	}
	return accepted
}

// The four queries below read one index each, in the order of before within a class; they differ only in the set of
// rows. A class is entered by its first row, so a claim costs two look-ups a class, however long the lane is.

const candidateColumns = `rowid, claim_class, priority, created_at_ms, execution_id`

// readyCandidates are the rows of ff_exec_core_claim_idx that a claim may take at ?3.
const readyCandidates = `
   AND standing = 'ready'
   AND (deadline_at_ms IS NULL OR deadline_at_ms > ?3)
   AND NOT EXISTS (SELECT 1
                     FROM ff_claim_grant AS g
                    WHERE g.partition_key = e.partition_key
                      AND g.execution_id = e.execution_id
                      AND g.kind = 'claim'
                      AND g.expires_at_ms > ?3)`

// lostCandidates are the rows of ff_exec_core_reclaim_idx that the worker ?4 may take at ?3. A live reclaim grant of its
// own does not hinder.
const lostCandidates = `
   AND standing = 'lost'
   AND (deadline_at_ms IS NULL OR deadline_at_ms > ?3)
   AND NOT EXISTS (SELECT 1
                     FROM ff_claim_grant AS g
                    WHERE g.partition_key = e.partition_key
                      AND g.execution_id = e.execution_id
                      AND g.kind = 'reclaim'
                      AND g.expires_at_ms > ?3
                      AND g.worker_id <> ?4)`

const (
	firstOfNextClass = `
SELECT ` + candidateColumns + `
  FROM ff_exec_core AS e
 WHERE lane_id = ?1
   AND claim_class > ?2`

	rowsOfClass = `
SELECT ` + candidateColumns + `
  FROM ff_exec_core AS e
 WHERE lane_id = ?1
   AND claim_class = ?2`

	byClass = `
 ORDER BY claim_class, priority DESC, created_at_ms, execution_id
 LIMIT 1`

	withinClass = `
 ORDER BY priority DESC, created_at_ms, execution_id`
)

const (
	nextReadyClassSQL   = firstOfNextClass + readyCandidates + byClass
	readyRowsSQL        = rowsOfClass + readyCandidates + withinClass
	nextReclaimClassSQL = firstOfNextClass + lostCandidates + byClass
	reclaimRowsSQL      = rowsOfClass + lostCandidates + withinClass
)

// queue is one of the two sets of rows that a lane offers.
type queue struct {
	nextClassSQL string
	rowsSQL      string
	reclaim      bool
}

var (
	readyQueue   = queue{nextReadyClassSQL, readyRowsSQL, false}
	reclaimQueue = queue{nextReclaimClassSQL, reclaimRowsSQL, true}
)

// bestCandidate returns what the worker is to run next in the lane, nil when there is nothing.
func (w *Writer) bestCandidate(lane messages.LaneID, d *demand, now messages.TimestampMs) (*candidate, error) {
	best, err := w.headOf(readyQueue, lane, d, now)
	if err != nil {
		return nil, err
	}
	lost, err := w.headOf(reclaimQueue, lane, d, now)
	if err != nil {
		return nil, err
	}
	if lost != nil && (best == nil || lost.before(best)) {
		return lost, nil
	}
	return best, nil
}

// headOf returns the first row of the queue that the worker may run.
func (w *Writer) headOf(q queue, lane messages.LaneID, d *demand, now messages.TimestampMs) (*candidate, error) {
	var best *candidate
	class := ""
	for {
		head, err := w.nextClass(q, lane, class, d, now)
		if head == nil || err != nil {
			return best, err
		}
		class = head.class
		acceptance := d.accepts(class)
		if acceptance == rejected {
			continue
		}
		if acceptance == undecided || slices.Contains(d.skip, head.rowid) {
			if head, err = w.firstCapable(q, lane, class, d, now); err != nil {
				return nil, err
			}
		}
		if head != nil && (best == nil || head.before(best)) {
			best = head
		}
	}
}

func (w *Writer) nextClass(
	q queue, lane messages.LaneID, after string, d *demand, now messages.TimestampMs,
) (head *candidate, err error) {
	s := w.bindQueue(q.nextClassSQL, q, lane, after, d, now)
	_, err = s.one(func() { head = scanCandidate(s, q.reclaim) })
	return head, err
}

// firstCapable looks at the rows of a class one by one, in order: their required capabilities are not in the class, or its
// first row cannot be read.
func (w *Writer) firstCapable(
	q queue, lane messages.LaneID, class string, d *demand, now messages.TimestampMs,
) (found *candidate, err error) {
	s := w.bindQueue(q.rowsSQL, q, lane, class, d, now)
	err = s.each(func() error {
		c := scanCandidate(s, q.reclaim)
		capable, err := w.capable(c.id, d)
		if err != nil {
			return err
		}
		if capable && !slices.Contains(d.skip, c.rowid) {
			found = c
			return errEnough
		}
		return nil
	})
	if found != nil {
		err = nil
	}
	return found, err
}

func (w *Writer) bindQueue(
	sql string, q queue, lane messages.LaneID, class string, d *demand, now messages.TimestampMs,
) *statement {
	s := w.prepare(sql).text(1, string(lane)).text(2, class).int(3, int64(now))
	if q.reclaim {
		s.text(4, d.workerID)
	}
	return s
}

func scanCandidate(s *statement, reclaim bool) *candidate {
	return &candidate{
		rowid:     s.stmt.ColumnInt64(0),
		class:     s.stmt.ColumnText(1),
		priority:  s.stmt.ColumnInt64(2),
		createdAt: s.stmt.ColumnInt64(3),
		id:        s.columnUUID(4),
		reclaim:   reclaim,
	}
}

// requiredCapabilitiesSQL is served by the primary key.
const requiredCapabilitiesSQL = `SELECT capability FROM ff_execution_capabilities WHERE execution_id = ?1`

// capable compares the tokens of the execution, one by one, with those of the worker (03 §3.3).
func (w *Writer) capable(execution [16]byte, d *demand) (bool, error) {
	capable := true
	s := w.prepare(requiredCapabilitiesSQL).blob(1, execution[:])
	err := s.each(func() error {
		if _, has := slices.BinarySearch(d.capabilities, s.stmt.ColumnText(0)); !has {
			capable = false
		}
		return nil
	})
	return capable, err
}
