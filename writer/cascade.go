package writer

import (
	"slices"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

const (
	// hopEdges bounds the edges that one hop resolves.
	hopEdges = 64
	// recoverHops bounds the hops of one commit of Recover.
	recoverHops = 1000
	// hopAttempts is how often a failing hop is tried before the event is left to the dependency reconciler.
	hopAttempts = 3
)

// hopQueue holds the completions whose children have not all heard of them, oldest first. It is rebuilt from
// dispatched_at_ms at start, so it may be lost at any time.
type hopQueue struct {
	events   []messages.EventID
	stale    bool                     // a batch was rolled back since: the next one reads them again
	attempts map[messages.EventID]int // of hops that have failed; at hopAttempts the event is given up
}

func (q *hopQueue) push(events []messages.EventID) { q.events = append(q.events, events...) }

// undispatchedSQL is served by ff_completion_event_pending_dispatch_idx.
const undispatchedSQL = `
SELECT event_id
  FROM ff_completion_event
 WHERE dispatched_at_ms IS NULL
 ORDER BY event_id`

// readHops queues what is committed, not dispatched and not given up: what a crash left, or a batch that was rolled back.
func (w *Writer) readHops() error {
	w.hops.events = w.hops.events[:0]
	s := w.prepare(undispatchedSQL)
	err := s.each(func() error {
		if event := messages.EventID(s.stmt.ColumnInt64(0)); w.hops.attempts[event] < hopAttempts {
			w.hops.events = append(w.hops.events, event)
		}
		return nil
	})
	w.hops.stale = err != nil
	return err
}

// HasHops reports whether completions wait for their cascade, those of the open batch included. After a rollback it says
// true until the next batch knows better.
func (w *Writer) HasHops() bool { return w.hops.stale || len(w.hops.events)+len(w.batch.queued) > 0 }

// Hop runs one hop of the cascade in its own savepoint: the next completion releases or skips up to hopEdges of its
// children. Children that it skips are queued as further completions. A hop that fails leaves no trace, never undoes the
// completion that caused it, and is tried again.
func (w *Writer) Hop(now messages.TimestampMs) {
	w.run("cascade", nil, func() { w.hop(now) })
}

// Recover runs the cascade that a crash has left, in batches of its own, until none is left.
func (w *Writer) Recover(now messages.TimestampMs) error {
	for w.HasHops() {
		if err := database.Retry(w.Begin); err != nil {
			return err
		}
		for range recoverHops {
			w.Hop(now)
		}
		if _, err := w.Commit(); err != nil {
			return err
		}
	}
	return nil
}

func (w *Writer) hop(now messages.TimestampMs) {
	event, ok := w.nextHop()
	if !ok {
		return
	}
	done := false
	err := w.step("cascade", func() (err error) {
		done, err = w.dispatchCompletion(event, now)
		return err
	})
	switch {
	case w.batch.dirty: // All of the batch runs again, with the queue as it was.
		return
	case err == nil && !done:
		w.hops.events = slices.Insert(w.hops.events, 0, event)
	case err == nil:
		delete(w.hops.attempts, event)
	case w.lost != nil:
		w.hops.events = append(w.hops.events, event)
	default:
		w.retryHop(event, err)
	}
	w.serveWaiting(now)
}

// nextHop takes the oldest completion. One of the open batch may be dispatched before it commits: then both are durable
// together.
func (w *Writer) nextHop() (messages.EventID, bool) {
	if len(w.hops.events) > 0 {
		event := w.hops.events[0]
		w.hops.events = w.hops.events[1:]
		return event, true
	}
	if len(w.batch.queued) > 0 {
		event := w.batch.queued[0]
		w.batch.queued = w.batch.queued[1:]
		return event, true
	}
	return 0, false
}

func (w *Writer) retryHop(event messages.EventID, cause error) {
	if w.hops.attempts == nil {
		w.hops.attempts = map[messages.EventID]int{}
	}
	w.hops.attempts[event]++
	if w.hops.attempts[event] < hopAttempts {
		w.hops.events = append(w.hops.events, event)
		return
	}
	w.log.Warn("a completion could not be dispatched", "event_id", int64(event), "error", cause)
}

const loadCompletionSQL = `
SELECT execution_id, flow_id, outcome
  FROM ff_completion_event
 WHERE event_id = ?1
   AND dispatched_at_ms IS NULL`

const markDispatchedSQL = `UPDATE ff_completion_event SET dispatched_at_ms = ?2 WHERE event_id = ?1`

// dispatchCompletion resolves the next edges of one completion and reports whether none is left (04 §4.2).
func (w *Writer) dispatchCompletion(event messages.EventID, now messages.TimestampMs) (done bool, err error) {
	var upstream [16]byte
	var flow messages.FlowID
	r := resolution{event: event}
	s := w.prepare(loadCompletionSQL).int(1, int64(event))
	found, err := s.one(func() {
		upstream = s.columnUUID(0)
		flow = messages.FlowID(s.columnUUID(1))
		r.outcome = canonicalOutcome(s.columnLiteral(2))
	})
	if !found || err != nil {
		return true, err
	}
	var edges []*edge
	if r.outcome != "resumable" { // A resumed execution has not ended; its event moves no edge.
		if edges, err = w.unresolvedEdges(flow, upstream, event); err != nil {
			return false, err
		}
	}
	for _, e := range edges[:min(len(edges), hopEdges)] {
		g, err := w.loadGroup(e.flow, e.downstream)
		if err != nil {
			return false, err
		}
		if err := w.resolveEdge(e, g, r, now); err != nil {
			return false, err
		}
	}
	if len(edges) > hopEdges {
		return false, nil
	}
	return true, w.prepare(markDispatchedSQL).int(1, int64(event)).int(2, int64(now)).exec()
}

// unresolvedEdgesSQL is served by ff_edge_unresolved_idx.
const unresolvedEdgesSQL = `
SELECT ` + edgeColumns + `
  FROM ff_edge
 WHERE upstream_eid = ?1
   AND dep_state = 'unsatisfied'
   AND flow_id = ?2
   AND reset_event_id < ?3
 ORDER BY edge_id
 LIMIT ?4`

// unresolvedEdges returns one edge more than a hop resolves, if there are so many.
func (w *Writer) unresolvedEdges(
	flow messages.FlowID, upstream [16]byte, event messages.EventID,
) (edges []*edge, err error) {
	s := w.prepare(unresolvedEdgesSQL).blob(1, upstream[:]).blob(2, flow[:]).int(3, int64(event)).int(4, hopEdges+1)
	err = s.each(func() error {
		e, err := scanEdge(s)
		edges = append(edges, e)
		return err
	})
	return edges, err
}
