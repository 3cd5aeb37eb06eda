package writer

import (
	"math"

	"github.com/flowfabric/ffsqlite/messages"
)

// The dependency reconciler (04 §4.4) is the net below the cascade. It goes over its rows in two passes: completions that
// were not dispatched in time, and edges that still wait for an upstream that has ended. Their places are groups, and the
// subject of an edge is below zero.
const (
	completionPass = iota
	edgePass
)

// lateMs is how long the cascade may take before the reconciler takes a completion for left behind.
const lateMs = 1000

// unsettled selects the next rows of both passes.
func (w *Writer) unsettled(t *tick, most int) (rows []row, err error) {
	from := t.place
	if from.group == completionPass {
		rows, err = w.lateCompletions(from.key, int64(t.now)-lateMs, most)
		if len(rows) == most || err != nil {
			return rows, err
		}
		from = firstOf(edgePass)
	}
	edges, err := w.unsettledEdges(from, most-len(rows))
	return append(rows, edges...), err
}

// lateCompletionsSQL is served by ff_completion_event_pending_dispatch_idx.
const lateCompletionsSQL = `
SELECT event_id
  FROM ff_completion_event
 WHERE dispatched_at_ms IS NULL
   AND event_id > ?1
   AND committed_at_ms < ?2
 ORDER BY event_id
 LIMIT ?3`

func (w *Writer) lateCompletions(behind, before int64, most int) (rows []row, err error) {
	s := w.prepare(lateCompletionsSQL).int(1, behind).int(2, before).int(3, int64(most))
	err = s.each(func() error {
		event := s.stmt.ColumnInt64(0)
		rows = append(rows, row{place{group: completionPass, key: event}, event})
		return nil
	})
	return rows, err
}

// The edges that wait are gone over upstream by upstream. Whether the upstream has ended comes with each, so that one that
// waits rightly costs no more than this. Both statements are served by ff_edge_unresolved_idx.
const (
	edgesBehindUpstreamSQL = `
SELECT e.rowid, x.standing = 'ended'
  FROM ff_edge AS e
  LEFT JOIN ff_exec_core AS x ON x.execution_id = e.upstream_eid
 WHERE e.dep_state = 'unsatisfied'
   AND e.upstream_eid > ?1
 ORDER BY e.upstream_eid, e.rowid
 LIMIT ?3`

	edgesOfUpstreamSQL = `
SELECT e.rowid, x.standing = 'ended'
  FROM ff_edge AS e
  LEFT JOIN ff_exec_core AS x ON x.execution_id = e.upstream_eid
 WHERE e.dep_state = 'unsatisfied'
   AND e.upstream_eid = ?1
   AND e.rowid > ?2
 ORDER BY e.rowid
 LIMIT ?3`
)

const upstreamOfRowSQL = `SELECT upstream_eid FROM ff_edge WHERE rowid = ?1`

// upstreamEnded is the key of the place of an edge whose upstream has ended.
const upstreamEnded = 1

// unsettledEdges selects the next edges that wait. One whose upstream has not ended has no subject, and stands for all of
// that upstream: the next portion begins with another one. Should the edge of the place be gone, the pass ends.
func (w *Writer) unsettledEdges(from place, most int) (rows []row, err error) {
	upstream := []byte{}
	if from.number != math.MinInt64 {
		s := w.prepare(upstreamOfRowSQL).int(1, from.number)
		found, err := s.one(func() { id := s.columnUUID(0); upstream = id[:] })
		if !found || err != nil {
			return nil, err
		}
	}
	if from.key == upstreamEnded {
		rows, err = w.waitingEdges(edgesOfUpstreamSQL, upstream, from.number, most)
		if len(rows) == most || err != nil {
			return rows, err
		}
	}
	others, err := w.waitingEdges(edgesBehindUpstreamSQL, upstream, from.number, most-len(rows))
	return append(rows, others...), err
}

func (w *Writer) waitingEdges(sql string, upstream []byte, behind int64, most int) (rows []row, err error) {
	s := w.prepare(sql).blob(1, upstream).int(2, behind).int(3, int64(most))
	err = s.each(func() error {
		edge := s.stmt.ColumnInt64(0)
		r := row{place: place{group: edgePass, number: edge}}
		if ended := s.stmt.ColumnBool(1); ended {
			r.key, r.subject = upstreamEnded, -edge
		}
		rows = append(rows, r)
		return nil
	})
	return rows, err
}

// settle does what the cascade has left undone for one row.
func (w *Writer) settle(t *tick, subject int64) (action, error) {
	switch {
	case subject > 0:
		return w.settleCompletion(t, messages.EventID(subject))
	case subject < 0:
		return w.settleLate(t, -subject)
	}
	return nothing, nil
}

const lateCompletionSQL = `
SELECT execution_id, namespace, instance_tag
  FROM ff_completion_event
 WHERE event_id = ?1
   AND dispatched_at_ms IS NULL`

// settleCompletion dispatches a completion: the first of its edges at once, the others by hops.
func (w *Writer) settleCompletion(t *tick, event messages.EventID) (action, error) {
	var execution [16]byte
	var namespace, tag *string
	s := w.prepare(lateCompletionSQL).int(1, int64(event))
	found, err := s.one(func() {
		execution = s.columnUUID(0)
		namespace, tag = s.columnTextPointer(1), s.columnTextPointer(2)
	})
	switch {
	case err != nil:
		return nothing, err
	case !found:
		t.tell("noop", 1)
		return nothing, nil
	}
	if selected, err := w.selectsEvent(t, execution, namespace, tag); !selected || err != nil {
		return t.filtered(), err
	}
	_, done, err := w.dispatchCompletion(event, t.now)
	if err != nil {
		return nothing, err
	}
	w.goOn(hop{event: event}, done)
	return "reconciled", nil
}

// goOn is told that a job has begun or done the work of a hop. What is left of it follows as a hop.
func (w *Writer) goOn(h hop, done bool) {
	w.hops.setbacks.forget(h)
	if !done {
		w.batch.queued = append(w.batch.queued, h)
	}
}

// selectsEvent applies the filter of the tick to the columns of an event. A tag that no column carries is that of the
// execution.
func (w *Writer) selectsEvent(t *tick, execution [16]byte, namespace, tag *string) (bool, error) {
	if match := t.filter.InstanceTag; match != nil && match.Key != messages.InstanceTagKey {
		x, err := w.findExecution(execution)
		if x == nil || err != nil {
			return false, err
		}
		tag = x.tag(match.Key)
	}
	return t.filter.Matches(namespace, tag), nil
}

func (t *tick) filtered() action {
	t.tell("filtered", 1)
	return skipped
}

const unsettledEdgeSQL = `
SELECT ` + edgeColumns + `
  FROM ff_edge
 WHERE rowid = ?1
   AND dep_state = 'unsatisfied'`

// settleLate resolves an edge by the end of its upstream, unless a completion will do so, or the edge was reset after
// that end and waits for another one.
func (w *Writer) settleLate(t *tick, rowid int64) (action, error) {
	s := w.prepare(unsettledEdgeSQL).int(1, rowid)
	var e *edge
	err := s.each(func() (err error) {
		e, err = scanEdge(s)
		return err
	})
	if e == nil || err != nil {
		return nothing, err
	}
	upstream, err := w.findExecution(e.upstream)
	if upstream == nil || err != nil || !upstream.terminal() {
		return nothing, err
	}
	last, dispatched, err := w.lastCompletion(e.upstream)
	if err != nil || !dispatched || e.resetEventID != 0 && int64(last) <= e.resetEventID {
		return nothing, err
	}
	if !t.selects(upstream) {
		return t.filtered(), nil
	}
	return "reconciled", w.resolveLate(e, upstream, last, t.now)
}

// lastCompletionSQL is served by ff_completion_event_lookup_idx.
const lastCompletionSQL = `
SELECT coalesce(max(event_id), 0), coalesce(max(dispatched_at_ms IS NULL), 0)
  FROM ff_completion_event
 WHERE execution_id = ?1
   AND flow_id IS NOT NULL`

// lastCompletion returns the last completion of an execution, 0 when none is stored, and whether all are dispatched.
func (w *Writer) lastCompletion(execution [16]byte) (last messages.EventID, dispatched bool, err error) {
	s := w.prepare(lastCompletionSQL).blob(1, execution[:])
	_, err = s.one(func() {
		last, dispatched = messages.EventID(s.stmt.ColumnInt64(0)), !s.stmt.ColumnBool(1)
	})
	return last, dispatched, err
}

func (w *Writer) resolveLate(e *edge, upstream *execution, event messages.EventID, now messages.TimestampMs) error {
	a, _, err := w.loadAttempt(upstream.partition, upstream.uuid)
	if err != nil {
		return err
	}
	g, err := w.loadGroup(e.flow, e.downstream)
	if err != nil {
		return err
	}
	_, err = w.resolveEdge(e, g, resolution{outcome: upstream.outcome(a), event: event}, now)
	return err
}
