package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// flow is one row of ff_flow_core while a message works on it.
type flow struct {
	rowid      int64
	id         messages.FlowID
	revision   int64
	state      string
	terminalAt instant
	raw        document
}

const loadFlowSQL = `
SELECT rowid, graph_revision, public_flow_state, terminal_at_ms, raw_fields
  FROM ff_flow_core
 WHERE partition_key = 0
   AND flow_id = ?1`

// loadFlow returns nil when there is no such flow.
func (w *Writer) loadFlow(id messages.FlowID) (*flow, error) {
	f := flow{id: id}
	var raw []byte
	s := w.prepare(loadFlowSQL).blob(1, id[:])
	found, err := s.one(func() {
		f.rowid = s.stmt.ColumnInt64(0)
		f.revision = s.stmt.ColumnInt64(1)
		f.state = s.columnLiteral(2)
		f.terminalAt = s.columnInstant(3)
		raw = append(raw, s.stmt.ColumnRawText(4)...)
	})
	if !found || err != nil {
		return nil, err
	}
	if err := f.raw.parse(raw); err != nil {
		return nil, messages.CorruptionError("flow_core", "raw_fields not valid JSON: %v", err)
	}
	return &f, nil
}

const storeFlowSQL = `
UPDATE ff_flow_core
   SET graph_revision = ?2,
       public_flow_state = ?3,
       terminal_at_ms = ?4,
       raw_fields = ?5
 WHERE rowid = ?1`

func (w *Writer) storeFlow(f *flow, now messages.TimestampMs) error {
	f.raw.setNumber("last_mutation_at_ms", int64(now))
	return w.prepare(storeFlowSQL).
		int(1, f.rowid).
		int(2, f.revision).
		text(3, f.state).
		instant(4, f.terminalAt).
		rawText(5, f.raw.encode()).
		exec()
}

// closed reports whether the graph of the flow may no longer change.
func (f *flow) closed() bool {
	switch f.state {
	case "cancelled", "completed", "failed", "terminal":
		return true
	}
	return false
}

func (f *flow) count(key string) int64 {
	n, _ := f.raw.number(key)
	return n
}

// openFlow loads a flow whose graph is about to change.
func (w *Writer) openFlow(id messages.FlowID) (*flow, error) {
	f, err := w.loadFlow(id)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, messages.NotFoundError("flow", "flow_not_found")
	}
	if f.closed() {
		return nil, messages.StateError(messages.CodeFlowAlreadyTerminal, "flow_already_terminal")
	}
	return f, nil
}

const insertFlowSQL = `
INSERT INTO ff_flow_core (partition_key, flow_id, graph_revision, public_flow_state, created_at_ms, raw_fields)
VALUES (0, ?1, 0, 'open', ?2, ?3)
    ON CONFLICT DO NOTHING`

// createFlow creates a flow header (04 §5.1). A second call with the same id changes nothing.
func (w *Writer) createFlow(now messages.TimestampMs, args messages.CreateFlowArgs) (messages.CreateFlowResult, error) {
	now = orNow(args.Now, now)
	var raw document
	raw.setText("flow_kind", args.FlowKind)
	raw.setText("namespace", string(args.Namespace))
	raw.setNumber("node_count", 0)
	raw.setNumber("edge_count", 0)
	raw.setNumber("last_mutation_at_ms", int64(now))
	err := w.prepare(insertFlowSQL).blob(1, args.FlowID[:]).int(2, int64(now)).rawText(3, raw.encode()).exec()
	if err != nil {
		return messages.CreateFlowResult{}, err
	}
	outcome := messages.CreateFlowCreated
	if w.conn.Changes() == 0 {
		outcome = messages.CreateFlowAlreadySatisfied
	}
	return messages.CreateFlowResult{Outcome: outcome, FlowID: args.FlowID}, nil
}

const joinFlowSQL = `UPDATE ff_exec_core SET flow_id = ?2 WHERE rowid = ?1`

const deleteSummarySQL = `DELETE FROM ff_flow_summary WHERE partition_key = 0 AND flow_id = ?1`

// addExecutionToFlow makes an existing execution, in whatever state, a member of a flow (04 §5.2).
func (w *Writer) addExecutionToFlow(
	now messages.TimestampMs, args messages.AddExecutionToFlowArgs,
) (messages.AddExecutionToFlowResult, error) {
	now = orNow(args.Now, now)
	var none messages.AddExecutionToFlowResult
	f, err := w.openFlow(args.FlowID)
	if err != nil {
		return none, err
	}
	x, err := w.loadExecution(args.ExecutionID)
	if err != nil {
		return none, err
	}
	if x == nil {
		return none, messages.NotFoundError("execution", "execution_not_found")
	}
	result := messages.AddExecutionToFlowResult{
		Outcome: messages.AddAlreadyMember, ExecutionID: args.ExecutionID, NodeCount: uint32(f.count("node_count")), //nolint:gosec // Counts members.
	}
	if x.inFlow {
		if x.flow != args.FlowID {
			return none, alreadyInFlow(x.flow)
		}
		return result, nil
	}
	if err := w.prepare(joinFlowSQL).int(1, x.rowid).blob(2, args.FlowID[:]).exec(); err != nil {
		return none, err
	}
	if err := w.prepare(deleteSummarySQL).blob(1, args.FlowID[:]).exec(); err != nil {
		return none, err
	}
	x.flow, x.inFlow = args.FlowID, true
	if err := w.storeExecution(x, now); err != nil {
		return none, err
	}
	f.revision++
	f.raw.setNumber("node_count", f.count("node_count")+1)
	result.Outcome = messages.AddAdded
	result.NodeCount++
	return result, w.storeFlow(f, now)
}

func alreadyInFlow(other messages.FlowID) *messages.Error {
	return messages.ConflictError(
		messages.CodeExecutionAlreadyInFlow, "already_member_of_different_flow:"+other.String())
}
