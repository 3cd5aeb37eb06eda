package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// edge is one row of ff_edge while a message works on it.
type edge struct {
	rowid        int64
	flow         messages.FlowID
	id           messages.EdgeID
	upstream     [16]byte
	downstream   [16]byte
	depState     string // none, unsatisfied, satisfied, impossible
	resetEventID int64
	outcome      string
	record       document
}

const edgeColumns = `rowid, flow_id, edge_id, upstream_eid, downstream_eid, dep_state, reset_event_id, resolved_outcome,
       policy`

const loadEdgeSQL = `
SELECT ` + edgeColumns + `
  FROM ff_edge
 WHERE partition_key = 0
   AND flow_id = ?1
   AND edge_id = ?2`

// loadEdge returns nil when the flow has no such edge.
func (w *Writer) loadEdge(flow messages.FlowID, id messages.EdgeID) (*edge, error) {
	s := w.prepare(loadEdgeSQL).blob(1, flow[:]).blob(2, id[:])
	var e *edge
	err := s.each(func() (err error) {
		e, err = scanEdge(s)
		return err
	})
	return e, err
}

func scanEdge(s *statement) (*edge, error) {
	e := &edge{
		rowid:        s.stmt.ColumnInt64(0),
		flow:         messages.FlowID(s.columnUUID(1)),
		id:           messages.EdgeID(s.columnUUID(2)),
		upstream:     s.columnUUID(3),
		downstream:   s.columnUUID(4),
		depState:     s.stmt.ColumnText(5),
		resetEventID: s.stmt.ColumnInt64(6),
		outcome:      s.stmt.ColumnText(7),
	}
	if err := e.record.parse(append([]byte(nil), s.stmt.ColumnRawText(8)...)); err != nil {
		return nil, messages.CorruptionError("edge", "policy not valid JSON: %v", err)
	}
	return e, nil
}

const insertEdgeSQL = `
INSERT INTO ff_edge (partition_key, flow_id, edge_id, upstream_eid, downstream_eid, policy, policy_version, dep_state)
VALUES (0, ?1, ?2, ?3, ?4, ?5, 0, ?6)`

func (w *Writer) insertEdge(e *edge) error {
	return w.prepare(insertEdgeSQL).
		blob(1, e.flow[:]).
		blob(2, e.id[:]).
		blob(3, e.upstream[:]).
		blob(4, e.downstream[:]).
		rawText(5, e.record.encode()).
		text(6, e.depState).
		exec()
}

// newEdge is the row of a staged edge.
func newEdge(args messages.StageDependencyEdgeArgs, now messages.TimestampMs) *edge {
	e := &edge{
		flow: args.FlowID, id: args.EdgeID, upstream: args.UpstreamExecutionID.UUID(),
		downstream: args.DownstreamExecutionID.UUID(), depState: "none",
	}
	kind := args.DependencyKind
	if kind == "" {
		kind = messages.DependencySuccessOnly
	}
	e.record.setText("dependency_kind", kind)
	e.record.setText("satisfaction_condition", "all_required")
	e.record.setText("data_passing_ref", args.DataPassingRef)
	e.record.setText("edge_state", "pending")
	e.record.setNumber("created_at_ms", int64(now))
	e.record.setText("created_by", "engine")
	e.record.setNumber("staged_at_ms", int64(now))
	e.record.setJSON("applied_at_ms", []byte("null"))
	return e
}

// stageDependencyEdge records an edge under optimistic concurrency on the graph revision (04 §5.3). It does not gate the
// downstream; applying the edge does.
func (w *Writer) stageDependencyEdge(
	now messages.TimestampMs, args messages.StageDependencyEdgeArgs,
) (messages.StageDependencyEdgeResult, error) {
	now = orNow(args.Now, now)
	var none messages.StageDependencyEdgeResult
	f, err := w.openFlow(args.FlowID)
	if err != nil {
		return none, err
	}
	if uint64(f.revision) != args.ExpectedGraphRevision { //nolint:gosec // Revisions count changes from 0.
		return none, messages.ContentionError(messages.CodeStaleGraphRevision, "")
	}
	if err := w.checkNewEdge(args); err != nil {
		return none, err
	}
	if err := w.insertEdge(newEdge(args, now)); err != nil {
		return none, err
	}
	f.revision++
	f.raw.setNumber("edge_count", f.count("edge_count")+1)
	return messages.StageDependencyEdgeResult{
		EdgeID: args.EdgeID, NewGraphRevision: args.ExpectedGraphRevision + 1,
	}, w.storeFlow(f, now)
}

// checkNewEdge makes the checks that need the rows of the graph: membership, acyclicity, identity.
func (w *Writer) checkNewEdge(args messages.StageDependencyEdgeArgs) error {
	for _, id := range []messages.ExecutionID{args.UpstreamExecutionID, args.DownstreamExecutionID} {
		x, err := w.loadExecution(id)
		if err != nil {
			return err
		}
		if x == nil || !x.inFlow || x.flow != args.FlowID {
			return messages.StateError(messages.CodeExecutionNotInFlow, "execution_not_in_flow")
		}
	}
	cycle, err := w.reaches(args.FlowID, args.DownstreamExecutionID.UUID(), args.UpstreamExecutionID.UUID())
	if err != nil {
		return err
	}
	if cycle {
		return messages.ConflictError(messages.CodeCycleDetected, "edge_id="+args.EdgeID.String())
	}
	existing, err := w.loadEdge(args.FlowID, args.EdgeID)
	if existing == nil || err != nil {
		return err
	}
	conflict := messages.ConflictError(
		messages.CodeDependencyAlreadyExists, "dependency_already_exists:edge_id="+args.EdgeID.String())
	conflict.Existing, err = w.edgeSnapshot(existing)
	if err != nil {
		return err
	}
	return conflict
}

// hasEdgesSQL is served by ff_edge_upstream_idx and ff_edge_downstream_idx.
const hasEdgesSQL = `
SELECT EXISTS (SELECT 1 FROM ff_edge WHERE partition_key = 0 AND flow_id = ?1 AND upstream_eid = ?2)
   AND EXISTS (SELECT 1 FROM ff_edge WHERE partition_key = 0 AND flow_id = ?1 AND downstream_eid = ?3)`

// reachesSQL walks the edges of the flow, staged and applied, each node once; served by ff_edge_upstream_idx. The CROSS
// JOIN keeps SQLite from reading every edge of the flow at every node.
const reachesSQL = `
WITH RECURSIVE reached (node) AS (
  VALUES (?2)
   UNION
  SELECT e.downstream_eid
    FROM reached
   CROSS JOIN ff_edge AS e
      ON e.partition_key = 0
     AND e.flow_id = ?1
     AND e.upstream_eid = reached.node
)
SELECT 1 FROM reached WHERE node = ?3 LIMIT 1`

// reaches reports whether to can be reached from from. The walk is skipped when it has nowhere to begin or to end.
func (w *Writer) reaches(flow messages.FlowID, from, to [16]byte) (bool, error) {
	walk := false
	s := w.prepare(hasEdgesSQL).blob(1, flow[:]).blob(2, from[:]).blob(3, to[:])
	if _, err := s.one(func() { walk = s.stmt.ColumnBool(0) }); err != nil || !walk {
		return false, err
	}
	return w.prepare(reachesSQL).blob(1, flow[:]).blob(2, from[:]).blob(3, to[:]).one(func() {})
}

// edgeSnapshot is the public form of an edge; the wire ids of its ends come from their executions' rows.
func (w *Writer) edgeSnapshot(e *edge) (*messages.EdgeSnapshot, error) {
	upstream, err := w.wireID(e.upstream)
	if err != nil {
		return nil, err
	}
	downstream, err := w.wireID(e.downstream)
	if err != nil {
		return nil, err
	}
	created, _ := e.record.number("created_at_ms")
	snapshot := &messages.EdgeSnapshot{
		EdgeID:                e.id,
		FlowID:                e.flow,
		UpstreamExecutionID:   upstream,
		DownstreamExecutionID: downstream,
		DependencyKind:        e.record.text("dependency_kind"),
		SatisfactionCondition: e.record.text("satisfaction_condition"),
		EdgeState:             e.record.text("edge_state"),
		CreatedAt:             messages.TimestampMs(created),
		CreatedBy:             e.record.text("created_by"),
		DepState:              e.depState,
		ResolvedOutcome:       e.outcome,
	}
	if ref := e.record.text("data_passing_ref"); ref != "" {
		snapshot.DataPassingRef = &ref
	}
	return snapshot, nil
}

// wireID rebuilds the id of an execution of which only the UUID is known; partition 0 stands in for a missing row.
func (w *Writer) wireID(uuid [16]byte) (messages.ExecutionID, error) {
	var partition int64
	s := w.prepare(partitionOfSQL).blob(1, uuid[:])
	_, err := s.one(func() { partition = s.stmt.ColumnInt64(0) })
	return messages.NewExecutionID(uint16(partition), uuid), err //nolint:gosec // 0..255.
}

const applyEdgeSQL = `UPDATE ff_edge SET policy = ?2, dep_state = 'unsatisfied' WHERE rowid = ?1`

// applyDependencyToChild makes a staged edge count in the group of its downstream and gates the downstream (04 §5.4).
// When the upstream has ended already, the edge is settled in the same transaction.
func (w *Writer) applyDependencyToChild(
	now messages.TimestampMs, args messages.ApplyDependencyToChildArgs,
) (messages.ApplyDependencyToChildResult, error) {
	now = orNow(args.Now, now)
	var none messages.ApplyDependencyToChildResult
	e, err := w.loadEdge(args.FlowID, args.EdgeID)
	if err != nil {
		return none, err
	}
	if e == nil {
		return none, messages.NotFoundError("edge", "edge_not_found")
	}
	if e.upstream != args.UpstreamExecutionID.UUID() || e.downstream != args.DownstreamExecutionID.UUID() {
		return none, messages.ValidationError(messages.CodeInvalidDependency, "edge_endpoint_mismatch")
	}
	if _, applied := e.record.number("applied_at_ms"); applied {
		return messages.ApplyDependencyToChildResult{Outcome: messages.ApplyAlreadyApplied}, nil
	}
	if err := w.markApplied(e, args.DataPassingRef, now); err != nil {
		return none, err
	}
	g, err := w.countEdge(e)
	if err != nil {
		return none, err
	}
	if err := w.settleEdge(e, g, now); err != nil {
		return none, err
	}
	return messages.ApplyDependencyToChildResult{
		Outcome:          messages.ApplyApplied,
		UnsatisfiedCount: uint32(g.running), //nolint:gosec // Counts edges.
	}, nil
}

func (w *Writer) markApplied(e *edge, ref string, now messages.TimestampMs) error {
	e.markApplied(ref, now)
	return w.prepare(applyEdgeSQL).int(1, e.rowid).rawText(2, e.record.encode()).exec()
}

func (e *edge) markApplied(ref string, now messages.TimestampMs) {
	e.depState = "unsatisfied"
	e.record.setNumber("applied_at_ms", int64(now))
	e.record.setText("edge_state", "applied")
	if e.record.text("data_passing_ref") == "" && ref != "" {
		e.record.setText("data_passing_ref", ref)
	}
}

// settleEdge resolves an edge whose upstream has ended, and gates the downstream while its group is pending.
func (w *Writer) settleEdge(e *edge, g *group, now messages.TimestampMs) error {
	child, err := w.findExecution(e.downstream)
	if err != nil {
		return err
	}
	if child != nil && g.state == "satisfied" && g.policy.Kind == messages.AllOf && child.waiting() {
		g.state, g.satisfiedAt = "pending", instant{}
	}
	if err := w.storeGroup(g); err != nil {
		return err
	}
	upstream, err := w.findExecution(e.upstream)
	if err != nil {
		return err
	}
	if upstream != nil && upstream.terminal() {
		a, _, err := w.loadAttempt(upstream.partition, upstream.uuid)
		if err != nil {
			return err
		}
		if _, err := w.resolveEdge(e, g, resolution{outcome: upstream.outcome(a)}, now); err != nil {
			return err
		}
	}
	if g.state != "pending" {
		return nil
	}
	return w.gateChild(e, g, now)
}

const resolveEdgeSQL = `
UPDATE ff_edge
   SET dep_state = ?2,
       resolved_at_ms = ?3,
       resolved_outcome = ?4,
       resolved_event_id = ?5
 WHERE rowid = ?1`

// resolution is the end of an upstream, as its completion event tells it; event 0 is a direct or inline resolution.
type resolution struct {
	outcome string
	event   messages.EventID
}

// effect is what the resolution of an edge did to the child.
type effect struct {
	childSkipped bool
	dataInjected bool
}

// resolveEdge is ResolveEdge of 04 §3.6 for an edge that is unsatisfied, and was not reset since the event: it counts
// once, in the group of its downstream.
func (w *Writer) resolveEdge(e *edge, g *group, r resolution, now messages.TimestampMs) (effect, error) {
	e.depState, e.outcome = "impossible", r.outcome
	switch r.outcome {
	case "success":
		e.depState = "satisfied"
		g.success++
	case "skipped":
		g.skip++
	default:
		g.fail++
	}
	g.running = max(g.running-1, 0)
	err := w.prepare(resolveEdgeSQL).
		int(1, e.rowid).
		text(2, e.depState).
		int(3, int64(now)).
		text(4, r.outcome).
		int(5, int64(r.event)).
		exec()
	if err != nil {
		return effect{}, err
	}
	return w.evaluateGroup(g, e, now)
}

// passResultSQL is served by ff_exec_core_execution_idx.
const passResultSQL = `
UPDATE ff_exec_core
   SET payload = upstream.result
  FROM ff_exec_core AS upstream
 WHERE ff_exec_core.rowid = ?1
   AND upstream.execution_id = ?2
   AND upstream.result IS NOT NULL`

// passData copies the result of the edge's upstream into the payload of its waiting downstream (04 §3.8). Without an edge
// there is nothing to pass.
func (w *Writer) passData(e *edge) (passed bool, err error) {
	if e == nil || e.depState != "satisfied" || e.record.text("data_passing_ref") == "" {
		return false, nil
	}
	child, err := w.findExecution(e.downstream)
	if err != nil || child == nil || !child.waiting() {
		return false, err
	}
	err = w.prepare(passResultSQL).int(1, child.rowid).blob(2, e.upstream[:]).exec()
	return w.conn.Changes() > 0, err
}
