package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// inboundEdgesSQL is served by ff_edge_downstream_idx.
const inboundEdgesSQL = `
SELECT ` + edgeColumns + `
  FROM ff_edge
 WHERE partition_key = 0
   AND flow_id = ?1
   AND downstream_eid = ?2`

// inboundEdges returns the edges, staged and applied, that lead to a member of a flow.
func (w *Writer) inboundEdges(x *execution) (edges []*edge, err error) {
	s := w.prepare(inboundEdgesSQL).blob(1, x.flow[:]).blob(2, x.uuid[:])
	err = s.each(func() error {
		e, err := scanEdge(s)
		edges = append(edges, e)
		return err
	})
	return edges, err
}

// resetEdgeSQL makes the edge wait for an end of its upstream that is still to come: a completion event after all there
// are.
const resetEdgeSQL = `
UPDATE ff_edge
   SET dep_state = 'unsatisfied',
       resolved_at_ms = NULL,
       resolved_outcome = NULL,
       resolved_event_id = NULL,
       reset_event_id = coalesce((SELECT max(event_id) FROM ff_completion_event), 0)
 WHERE rowid = ?1`

// rearm makes the dependencies of a replayed member count anew (04 §9.3): what could no longer be met is waited for
// again, or is met if its upstream has succeeded by now. It returns how many groups that were.
func (w *Writer) rearm(x *execution, now messages.TimestampMs) (groups int64, err error) {
	g, err := w.loadGroup(x.flow, x.uuid)
	if err != nil || g.rowid == 0 {
		return 0, err
	}
	edges, err := w.inboundEdges(x)
	if err != nil || len(edges) == 0 {
		return 0, err
	}
	g.fail, g.skip, g.running = 0, 0, 0
	g.state, g.satisfiedAt = "pending", instant{}
	var reset []*edge
	for _, e := range edges {
		if e.depState == "impossible" {
			e.depState, e.outcome = "unsatisfied", ""
			reset = append(reset, e)
			if err := w.prepare(resetEdgeSQL).int(1, e.rowid).exec(); err != nil {
				return 0, err
			}
		}
		if e.depState == "unsatisfied" {
			g.running++
		}
	}
	if err := w.storeRearmed(g); err != nil {
		return 0, err
	}
	return 1, w.resolveSucceeded(reset, g, now)
}

func (w *Writer) storeRearmed(g *group) error {
	if err := w.storeGroup(g); err != nil {
		return err
	}
	if err := w.unflag(g.rowid); err != nil {
		return err
	}
	return w.dequeueGroup(groupKey{g.flow, g.downstream})
}

// resolveSucceeded settles the edges whose upstream has succeeded in the meantime. One that has ended otherwise is waited
// for: it may be replayed, too.
func (w *Writer) resolveSucceeded(edges []*edge, g *group, now messages.TimestampMs) error {
	for _, e := range edges {
		upstream, err := w.findExecution(e.upstream)
		if err != nil {
			return err
		}
		if upstream == nil || !upstream.terminal() {
			continue
		}
		a, _, err := w.loadAttempt(upstream.partition, upstream.uuid)
		if err != nil {
			return err
		}
		if outcome := upstream.outcome(a); outcome == "success" {
			if _, err := w.resolveEdge(e, g, resolution{outcome: outcome}, now); err != nil {
				return err
			}
		}
	}
	return nil
}
