package writer

import (
	"math"
	"strconv"

	"github.com/flowfabric/ffsqlite/messages"
)

// group is one row of ff_edge_group: all inbound edges of one downstream, with the policy that combines them.
type group struct {
	rowid       int64 // 0: not stored yet
	flow        messages.FlowID
	downstream  [16]byte
	policy      messages.EdgeDependencyPolicy
	success     int64
	fail        int64
	skip        int64
	running     int64
	state       string
	satisfiedAt instant
}

// newGroup is a group without edges; its policy is all_of.
func newGroup(flow messages.FlowID, downstream [16]byte) *group {
	return &group{
		flow: flow, downstream: downstream, state: "pending", policy: messages.EdgeDependencyPolicy{Kind: messages.AllOf},
	}
}

const loadGroupSQL = `
SELECT rowid, policy, success_count, fail_count, skip_count, running_count, group_state, satisfied_at_ms
  FROM ff_edge_group
 WHERE partition_key = 0
   AND flow_id = ?1
   AND downstream_eid = ?2`

// loadGroup returns the group of a downstream; one that has no row yet has the policy all_of.
func (w *Writer) loadGroup(flow messages.FlowID, downstream [16]byte) (*group, error) {
	g := newGroup(flow, downstream)
	s := w.prepare(loadGroupSQL).blob(1, flow[:]).blob(2, downstream[:])
	_, err := s.one(func() {
		g.rowid = s.stmt.ColumnInt64(0)
		g.policy = messages.DecodeEdgeDependencyPolicy(s.stmt.ColumnRawText(1))
		g.success = s.stmt.ColumnInt64(2)
		g.fail = s.stmt.ColumnInt64(3)
		g.skip = s.stmt.ColumnInt64(4)
		g.running = s.stmt.ColumnInt64(5)
		g.state = s.columnLiteral(6)
		g.satisfiedAt = s.columnInstant(7)
	})
	return g, err
}

// count32 reads a counter; one that was edited below zero counts as none.
func count32(n int64) uint32 { return uint32(min(max(n, 0), math.MaxUint32)) }

// countEdge loads the group of an edge that is being applied and counts the edge as running.
func (w *Writer) countEdge(e *edge) (*group, error) {
	g, err := w.loadGroup(e.flow, e.downstream)
	if err != nil {
		return nil, err
	}
	g.running++
	return g, nil
}

const insertGroupSQL = `
INSERT INTO ff_edge_group (partition_key, flow_id, downstream_eid, policy, k_target, success_count, fail_count,
                           skip_count, running_count, group_state, satisfied_at_ms)
VALUES (0, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`

const storeGroupSQL = `
UPDATE ff_edge_group
   SET k_target = ?4,
       success_count = ?5,
       fail_count = ?6,
       skip_count = ?7,
       running_count = ?8,
       group_state = ?9,
       satisfied_at_ms = ?10
 WHERE rowid = ?1`

func (w *Writer) storeGroup(g *group) error {
	var s *statement
	if g.rowid == 0 {
		s = w.prepare(insertGroupSQL).blob(1, g.flow[:]).blob(2, g.downstream[:]).text(3, storedPolicy(g.policy))
	} else {
		s = w.prepare(storeGroupSQL).int(1, g.rowid)
	}
	err := s.int(4, g.target()).
		int(5, g.success).
		int(6, g.fail).
		int(7, g.skip).
		int(8, g.running).
		text(9, g.state).
		instant(10, g.satisfiedAt).
		exec()
	if g.rowid == 0 && err == nil {
		g.rowid = w.conn.LastInsertRowID()
	}
	return err
}

// target is how many successes the policy wants; for all_of the applied edges.
func (g *group) target() int64 {
	switch g.policy.Kind {
	case messages.Quorum:
		return int64(g.policy.K)
	case messages.AnyOf:
		return 1
	case messages.AllOf:
	}
	return g.success + g.fail + g.skip + g.running
}

// unappliedSQL is served by ff_edge_downstream_idx.
const unappliedSQL = `
SELECT count(*)
  FROM ff_edge
 WHERE partition_key = 0
   AND flow_id = ?1
   AND downstream_eid = ?2
   AND dep_state = 'none'`

// verdict is what the policy makes of the counters. Edges that are staged but not applied count as head-room, so that no
// verdict comes early. They can only put one off, so they are counted only where there is one.
func (w *Writer) verdict(g *group) (messages.EdgeGroupState, error) {
	counts := messages.DependencyCounts{
		Satisfied: count32(g.success), Failed: count32(g.fail), Skipped: count32(g.skip), Running: count32(g.running),
	}
	verdict := g.policy.Evaluate(counts)
	if verdict == messages.EdgeGroupPending {
		return verdict, nil
	}
	s := w.prepare(unappliedSQL).blob(1, g.flow[:]).blob(2, g.downstream[:])
	_, err := s.one(func() { counts.Running = count32(g.running + s.stmt.ColumnInt64(0)) })
	return g.policy.Evaluate(counts), err
}

// evaluateGroup is EvaluateGroup of 04 §3.5 after the edge was resolved, nil when none was: it fires the group at most
// once.
func (w *Writer) evaluateGroup(g *group, e *edge, now messages.TimestampMs) (did effect, err error) {
	if g.policy.Kind == messages.AllOf {
		if did.dataInjected, err = w.passData(e); err != nil {
			return did, err
		}
	}
	if g.state != "pending" {
		return did, w.storeGroup(g)
	}
	verdict, err := w.verdict(g)
	if err != nil {
		return did, err
	}
	g.state = string(verdict)
	if verdict == messages.EdgeGroupSatisfied {
		g.satisfiedAt = at(now)
	}
	if err := w.storeGroup(g); err != nil || verdict == messages.EdgeGroupPending {
		return did, err
	}
	return w.fire(g, e, did, now)
}

// fire gives the child of a group its verdict, and has the upstreams cancelled that nobody waits for any more.
func (w *Writer) fire(g *group, e *edge, did effect, now messages.TimestampMs) (effect, error) {
	satisfied := g.state == "satisfied"
	if satisfied && g.policy.Kind != messages.AllOf {
		var err error
		if did.dataInjected, err = w.passData(e); err != nil {
			return did, err
		}
	}
	child, err := w.findExecution(g.downstream)
	if err != nil {
		return did, err
	}
	switch {
	case child == nil:
	case satisfied:
		err = w.releaseChild(child, now)
	default:
		did.childSkipped = !child.terminal()
		err = w.skip(child, now)
	}
	if err != nil || g.policy.Kind == messages.AllOf || g.policy.OnSatisfied != messages.CancelRemaining {
		return did, err
	}
	var resolved [16]byte
	if e != nil {
		resolved = e.upstream
	}
	return did, w.flagSiblings(g, resolved, now)
}

// gateChild is GateChild of 04 §3.1: a waiting downstream is blocked until its group fires.
func (w *Writer) gateChild(e *edge, g *group, now messages.TimestampMs) error {
	x, err := w.findExecution(e.downstream)
	if err != nil || x == nil || !x.waiting() {
		return err
	}
	x.gate(e, g)
	return w.storeExecution(x, now)
}

func (x *execution) gate(e *edge, g *group) {
	x.phase = "runnable"
	x.eligibility, x.blocking, x.public = "blocked_by_dependencies", "waiting_for_children", "waiting_children"
	x.raw.setText("blocking_detail", strconv.FormatInt(g.running, 10)+" dep(s) unresolved incl "+e.id.String())
	x.defaultAttemptState()
}

// releaseChild is ReleaseChild of 04 §3.2: a blocked downstream becomes eligible, or delayed when its time has not come.
func (w *Writer) releaseChild(x *execution, now messages.TimestampMs) error {
	if !x.waiting() || x.eligibility != "blocked_by_dependencies" && x.eligibility != "blocked" {
		return nil
	}
	x.phase = "runnable"
	x.eligibility, x.blocking, x.public = "eligible_now", "waiting_for_worker", "waiting"
	x.raw.setText("blocking_detail", "")
	x.defaultAttemptState()
	if due, delayed := x.raw.number("delay_until"); delayed && due > int64(now) {
		x.eligibility, x.blocking, x.public = "not_eligible_until_time", "waiting_for_delay", "delayed"
		w.deadlines.lower(delayedPromoter, due)
	} else {
		w.becomesClaimable(x)
	}
	return w.storeExecution(x, now)
}

// defaultAttemptState names the state of an execution that has never run, whose row says so in an older word.
func (x *execution) defaultAttemptState() {
	switch x.attemptState {
	case "", "none", "pending":
		x.attemptState = "pending_first_attempt"
	}
}
