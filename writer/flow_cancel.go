package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// cancelFlow closes a flow and cancels the members that the policy selects (04 §8.1). All members are written before any
// cascade runs, so none is skipped by the cancel of another. A second call only widens the stored policy.
func (w *Writer) cancelFlow(now messages.TimestampMs, args messages.CancelFlowArgs) (messages.CancelFlowResult, error) {
	result := messages.CancelFlowResult{
		Outcome: messages.CancelFlowCancelled, CancellationPolicy: args.Policy, MemberExecutionIDs: []string{},
	}
	f, err := w.loadFlow(args.FlowID)
	if f == nil || err != nil {
		return result, err
	}
	if f.closed() && f.state != "cancelled" {
		return result, nil
	}
	members, err := w.membersToCancel(f, args.Policy)
	if err != nil {
		return result, err
	}
	policy := widerPolicy(f.raw.text("cancellation_policy"), string(args.Policy))
	if err := w.closeFlow(f, policy, now); err != nil {
		return result, err
	}
	result.MemberExecutionIDs = wireIDs(members)
	return result, w.cancelMembers(members, cancellation{
		reason: "flow_cancelled", by: "cancel_flow", revokedBy: messages.RevokedByFlowCancel, alwaysRevoked: true,
	}, now, now)
}

// cancelFlowHeader closes an open flow, cancels the members that the policy selects, and keeps a backlog of them until
// each is acknowledged (04 §8.2).
func (w *Writer) cancelFlowHeader(
	now messages.TimestampMs, args messages.CancelFlowHeaderArgs,
) (messages.CancelFlowHeaderResult, error) {
	var none messages.CancelFlowHeaderResult
	f, err := w.loadFlow(args.FlowID)
	if err != nil {
		return none, err
	}
	if f == nil {
		return none, messages.NotFoundError("flow", "flow_not_found")
	}
	if f.closed() {
		return w.closedBefore(f)
	}
	members, err := w.membersToCancel(f, args.CancellationPolicy)
	if err != nil {
		return none, err
	}
	occurred := orNow(args.Now, now)
	f.raw.setText("cancel_reason", args.Reason)
	if err := w.closeFlow(f, string(args.CancellationPolicy), occurred); err != nil {
		return none, err
	}
	if err := w.storeBacklog(args, members, occurred); err != nil {
		return none, err
	}
	err = w.cancelMembers(members, cancellation{
		reason: args.Reason, by: "cancel_flow_header", revokedBy: messages.RevokedByFlowCancel,
	}, occurred, now)
	if err != nil {
		return none, err
	}
	return messages.CancelFlowHeaderResult{
		Outcome:            messages.CancelHeaderCancelled,
		CancellationPolicy: args.CancellationPolicy,
		MemberExecutionIDs: wireIDs(members),
	}, w.emitFlowCancelRequested(f, args, len(members), occurred)
}

// closeFlow writes the header of a cancelled flow; the time of the first end stays.
func (w *Writer) closeFlow(f *flow, policy string, occurred messages.TimestampMs) error {
	f.state = "cancelled"
	if !f.terminalAt.set {
		f.terminalAt = at(occurred)
	}
	f.raw.setText("cancellation_policy", policy)
	return w.storeFlow(f, occurred)
}

// closedBefore is the answer for a flow that may not be closed again: what is stored of that.
func (w *Writer) closedBefore(f *flow) (messages.CancelFlowHeaderResult, error) {
	result := messages.CancelFlowHeaderResult{
		Outcome:                  messages.CancelHeaderAlreadyTerminal,
		StoredCancellationPolicy: f.raw.pointer("cancellation_policy"),
		StoredCancelReason:       f.raw.pointer("cancel_reason"),
	}
	ids, err := w.backlogMembers(f.id)
	if err != nil {
		return result, err
	}
	if len(ids) == 0 {
		all, err := w.members(f, func(execution) bool { return true })
		if err != nil {
			return result, err
		}
		ids = wireIDs(all)
	}
	result.MemberExecutionIDs = ids
	return result, nil
}

func (w *Writer) emitFlowCancelRequested(
	f *flow, args messages.CancelFlowHeaderArgs, members int, occurred messages.TimestampMs,
) error {
	var details document
	details.setText("cancellation_policy", string(args.CancellationPolicy))
	details.setText("flow_id", f.id.String())
	details.setNumber("member_count", int64(members))
	details.setText("reason", args.Reason)
	subject := operatorSubject{uuid: f.id, scope: scope{namespace: f.raw.pointer("namespace")}}
	return w.emitOperator(subject, "flow_cancel_requested", details, occurred)
}

// flowMember is an execution of a flow as a cancellation selects it.
type flowMember struct {
	rowid int64
	id    messages.ExecutionID
}

func wireIDs(members []flowMember) []string {
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.id.String()
	}
	return ids
}

// flowMembersSQL is served by ff_exec_core_flow_idx.
const flowMembersSQL = `
SELECT rowid, lifecycle_phase, partition_key, execution_id
  FROM ff_exec_core
 WHERE flow_id = ?1
 ORDER BY execution_id`

// members returns the members of a flow whose phase is wanted, in the order of their ids.
func (w *Writer) members(f *flow, wanted func(execution) bool) (members []flowMember, err error) {
	s := w.prepare(flowMembersSQL).blob(1, f.id[:])
	err = s.each(func() error {
		x := execution{
			rowid:     s.stmt.ColumnInt64(0),
			phase:     s.columnLiteral(1),
			partition: uint16(s.stmt.ColumnInt64(2)), //nolint:gosec // An index is 0..255 by construction.
			uuid:      s.columnUUID(3),
		}
		if wanted(x) {
			members = append(members, flowMember{x.rowid, x.executionID()})
		}
		return nil
	})
	return members, err
}

func (w *Writer) membersToCancel(f *flow, policy messages.CancelFlowPolicy) ([]flowMember, error) {
	switch policy {
	case messages.CancelAll:
		return w.members(f, func(x execution) bool { return !x.terminal() })
	case messages.CancelPending:
		return w.members(f, func(x execution) bool { return x.runnable() })
	case messages.CancelFlowOnly:
	}
	return nil, nil
}

func (w *Writer) cancelMembers(members []flowMember, c cancellation, occurred, now messages.TimestampMs) error {
	for _, m := range members {
		x, err := w.loadExecutionRow(m.rowid)
		if err != nil {
			return err
		}
		a, _, err := w.loadAttempt(x.partition, x.uuid)
		if err != nil {
			return err
		}
		if err := w.cancel(x, a, c, occurred, now); err != nil {
			return err
		}
	}
	return nil
}

// widerPolicy keeps the wider of two policies, so that a later narrow cancel does not hide what was done.
func widerPolicy(stored, requested string) string {
	width := map[string]int{
		string(messages.CancelFlowOnly): 1, string(messages.CancelPending): 2, string(messages.CancelAll): 3,
	}
	if width[stored] > width[requested] {
		return stored
	}
	return requested
}
