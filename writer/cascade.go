package writer

import (
	"slices"

	"github.com/flowfabric/ffsqlite/messages"
)

// hopEdges bounds the edges that one hop resolves: about a millisecond of work, because callers wait behind it.
const hopEdges = 16

// hop is work that follows from a commit: a completion whose children have not all heard of it, or, without one, a group
// whose siblings are to be cancelled.
type hop struct {
	event messages.EventID
	group groupKey
}

type groupKey struct {
	flow       messages.FlowID
	downstream [16]byte
}

// hopQueue holds the hops, oldest first. It is rebuilt from the rows at start, so it may be lost at any time.
type hopQueue struct {
	hops     []hop
	stale    bool // a batch was rolled back since: the next one reads them again
	setbacks setbacks
}

func (q *hopQueue) push(hops []hop) { q.hops = append(q.hops, hops...) }

// undispatchedSQL is served by ff_completion_event_pending_dispatch_idx.
const undispatchedSQL = `
SELECT event_id
  FROM ff_completion_event
 WHERE dispatched_at_ms IS NULL
 ORDER BY event_id`

// pendingGroupsSQL is served by ff_pending_cancel_groups_enqueued_idx.
const pendingGroupsSQL = `
SELECT flow_id, downstream_eid
  FROM ff_pending_cancel_groups
 WHERE partition_key = 0
 ORDER BY enqueued_at_ms`

// readHops queues what is committed and not done, but for hops that rest or are given up: what a crash left, or a batch
// that was rolled back.
func (w *Writer) readHops() error {
	w.hops.hops = w.hops.hops[:0]
	add := func(h hop) {
		if w.hops.setbacks.ready(h) {
			w.hops.hops = append(w.hops.hops, h)
		}
	}
	events := w.prepare(undispatchedSQL)
	err := events.each(func() error {
		add(hop{event: messages.EventID(events.stmt.ColumnInt64(0))})
		return nil
	})
	if err == nil {
		groups := w.prepare(pendingGroupsSQL)
		err = groups.each(func() error {
			add(hop{group: groupKey{groups.columnUUID(0), groups.columnUUID(1)}})
			return nil
		})
	}
	w.hops.stale = err != nil
	return err
}

// HasHops reports whether a part of the cascade is left to do now, that of the open batch included. After a rollback it
// says true until the next batch knows better.
func (w *Writer) HasHops() bool { return w.hops.stale || len(w.hops.hops)+len(w.batch.queued) > 0 }

// CascadeIdle reports whether nothing of the cascade is left to do, now or when a hop has rested that failed.
func (w *Writer) CascadeIdle() bool { return !w.HasHops() && len(w.hops.setbacks.resting) == 0 }

// HasOwnHops reports whether a part of the cascade is left to do that the open batch itself has caused.
func (w *Writer) HasOwnHops() bool { return len(w.batch.queued) > 0 }

// HopOwn is Hop for what the open batch has caused. What earlier batches have left waits, so that nobody's commit waits
// for the cascade of others.
func (w *Writer) HopOwn(now messages.TimestampMs) {
	w.run("cascade", nil, func() { w.hop(now, &w.batch.queued) })
}

// Hop runs one hop of the cascade in its own savepoint: the next completion releases or skips up to hopEdges of its
// children, or the next group has up to hopMembers of its siblings cancelled. Executions that end by it are queued as
// further completions. A hop that fails leaves no trace, never undoes what caused it, and is tried again a little later
// (see [Writer.NextDeadline]).
func (w *Writer) Hop(now messages.TimestampMs) {
	w.run("cascade", nil, func() { w.hop(now, &w.hops.hops, &w.batch.queued) })
}

// hop runs the oldest hop of the queues. One of the open batch may run before it commits: then both are durable together.
func (w *Writer) hop(now messages.TimestampMs, queues ...*[]hop) {
	next, ok := takeHop(queues)
	if !ok {
		return
	}
	done := false
	err := w.step("cascade", func() (err error) {
		done, err = w.runHop(next, now)
		return err
	})
	switch {
	case w.batch.dirty: // All of the batch runs again, with the queue as it was.
		return
	case err == nil && !done:
		w.hops.hops = slices.Insert(w.hops.hops, 0, next)
	case err == nil:
		w.hops.setbacks.forget(next)
	case w.lost != nil:
		w.hops.push([]hop{next})
	default:
		w.retryHop(next, now, err)
	}
	w.serveWaiting(now)
}

func takeHop(queues []*[]hop) (next hop, ok bool) {
	for _, queue := range queues {
		if len(*queue) > 0 {
			next, *queue = (*queue)[0], (*queue)[1:]
			return next, true
		}
	}
	return next, false
}

func (w *Writer) runHop(h hop, now messages.TimestampMs) (done bool, err error) {
	if h.event != 0 {
		_, done, err = w.dispatchCompletion(h.event, now)
		return done, err
	}
	_, done, err = w.drain(h.group, hopMembers, now)
	return done, err
}

func (w *Writer) retryHop(failed hop, now messages.TimestampMs, cause error) {
	if !w.hops.setbacks.failed(failed, now) {
		w.log.Warn("a hop of the cascade failed", "event_id", int64(failed.event),
			"flow_id", failed.group.flow.String(), "error", cause)
	}
}

// loadCompletionSQL selects the oldest completion of the same execution that has not been dispatched, as a rule the one
// that is asked for; served by ff_completion_event_lookup_idx.
const loadCompletionSQL = `
SELECT event_id, execution_id, flow_id, outcome
  FROM ff_completion_event
 WHERE execution_id = (SELECT execution_id FROM ff_completion_event WHERE event_id = ?1 AND dispatched_at_ms IS NULL)
   AND flow_id IS NOT NULL
   AND dispatched_at_ms IS NULL
 ORDER BY event_id
 LIMIT 1`

const markDispatchedSQL = `UPDATE ff_completion_event SET dispatched_at_ms = ?2 WHERE event_id = ?1 AND dispatched_at_ms IS NULL`

// dispatchCompletion resolves the next edges of one completion and reports how many, and whether none is left (04 §4.2).
// The completions of one execution, which may have been replayed in between, are dispatched in their order.
func (w *Writer) dispatchCompletion(
	event messages.EventID, now messages.TimestampMs,
) (resolved int, done bool, err error) {
	var upstream [16]byte
	var flow messages.FlowID
	r := resolution{event: event} // One without a flow has no edges.
	s := w.prepare(loadCompletionSQL).int(1, int64(event))
	found, err := s.one(func() {
		r.event = messages.EventID(s.stmt.ColumnInt64(0))
		upstream = s.columnUUID(1)
		flow = messages.FlowID(s.columnUUID(2))
		r.outcome = string(messages.CompletionOutcomeOf(s.columnLiteral(3)))
	})
	if err != nil {
		return 0, false, err
	}
	var edges []*edge
	if found && r.outcome != "resumable" { // A resumed execution has not ended; its event moves no edge.
		if edges, err = w.unresolvedEdges(flow, upstream, r.event); err != nil {
			return 0, false, err
		}
	}
	more := len(edges) > hopEdges
	edges = edges[:min(len(edges), hopEdges)]
	for _, e := range edges {
		g, err := w.loadGroup(e.flow, e.downstream)
		if err != nil {
			return 0, false, err
		}
		if _, err := w.resolveEdge(e, g, r, now); err != nil {
			return 0, false, err
		}
	}
	if more {
		return len(edges), false, nil
	}
	return len(edges), r.event == event, w.prepare(markDispatchedSQL).int(1, int64(r.event)).int(2, int64(now)).exec()
}

// unresolvedEdgesSQL is served by ff_edge_unresolved_idx, in the order in which the edges were staged. Their children were
// mostly created in that order, too, so that a hop writes neighbouring rows.
const unresolvedEdgesSQL = `
SELECT ` + edgeColumns + `
  FROM ff_edge
 WHERE upstream_eid = ?1
   AND dep_state = 'unsatisfied'
   AND flow_id = ?2
   AND reset_event_id < ?3
 ORDER BY rowid
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
