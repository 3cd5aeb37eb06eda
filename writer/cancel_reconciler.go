package writer

import (
	"errors"

	"github.com/flowfabric/ffsqlite/messages"
)

// The statements below know a backlog as due when its grace is over; one that states none has the ordinary grace from its
// request on. The expression is that of ff_cancel_backlog_grace_idx, which serves them.
const backlogDue = `coalesce(grace_until_ms, requested_at_ms + 30000)`

const dueBacklogsSQL = `
SELECT ` + backlogDue + `, rowid, flow_id
  FROM ff_cancel_backlog
 WHERE ` + backlogDue + ` >= ?1
   AND (` + backlogDue + ` > ?1 OR rowid >= ?2)
 ORDER BY ` + backlogDue + `, rowid
 LIMIT ?3`

const nextBacklogSQL = `
SELECT ` + backlogDue + `
  FROM ff_cancel_backlog
 WHERE ` + backlogDue + ` > ?1
 ORDER BY ` + backlogDue + `
 LIMIT 1`

// dueMembersSQL is served by ff_cancel_backlog_member_flow_idx.
const dueMembersSQL = `
SELECT rowid
  FROM ff_cancel_backlog_member
 WHERE flow_id = ?1
   AND rowid > ?2
 ORDER BY rowid
 LIMIT ?3`

// backlog is one row of ff_cancel_backlog.
type backlog struct {
	due   int64
	rowid int64
	flow  messages.FlowID
}

// dueBacklogMembers selects the members of the backlogs whose grace is over, oldest backlog first. A backlog without
// members stands for itself: its subject is below zero.
func (w *Writer) dueBacklogMembers(t *tick, most int) (rows []row, err error) {
	backlogs, err := w.dueBacklogs(t, most)
	if err != nil {
		return nil, err
	}
	for _, b := range backlogs {
		behind := int64(0)
		if t.place.group == b.due && t.place.key == b.rowid {
			behind = t.place.number
		}
		before := len(rows)
		s := w.prepare(dueMembersSQL).blob(1, b.flow[:]).int(2, behind).int(3, int64(most-len(rows)))
		err := s.each(func() error {
			member := s.stmt.ColumnInt64(0)
			rows = append(rows, row{place{b.due, b.rowid, member}, member})
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(rows) == before && behind == 0 {
			rows = append(rows, row{place{b.due, b.rowid, 1}, -b.rowid})
		}
		if len(rows) == most {
			break
		}
	}
	return rows, nil
}

// dueBacklogs begins with the backlog that the tick has reached, for it may have more members.
func (w *Writer) dueBacklogs(t *tick, most int) (backlogs []backlog, err error) {
	s := w.prepare(dueBacklogsSQL).int(1, t.place.group).int(2, t.place.key).int(3, int64(most))
	err = s.each(func() error {
		b := backlog{s.stmt.ColumnInt64(0), s.stmt.ColumnInt64(1), messages.FlowID(s.columnUUID(2))}
		if b.due > int64(t.now) {
			return errEnough
		}
		backlogs = append(backlogs, b)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return backlogs, err
}

const loadBacklogMemberSQL = `SELECT flow_id, execution_id FROM ff_cancel_backlog_member WHERE rowid = ?1`

const deleteMemberlessSQL = `
DELETE FROM ff_cancel_backlog
 WHERE rowid = ?1
   AND NOT EXISTS (SELECT 1
                     FROM ff_cancel_backlog_member AS m
                    WHERE m.partition_key = ff_cancel_backlog.partition_key
                      AND m.flow_id = ff_cancel_backlog.flow_id)`

// reconcileCancel deals with one member of a backlog that nobody has acknowledged in time (04 §8.5).
func (w *Writer) reconcileCancel(t *tick, subject int64) (action, error) {
	if subject < 0 {
		err := w.prepare(deleteMemberlessSQL).int(1, -subject).exec()
		return did(w.conn.Changes() > 0), err
	}
	var flow messages.FlowID
	var text string
	s := w.prepare(loadBacklogMemberSQL).int(1, subject)
	found, err := s.one(func() { flow, text = s.columnUUID(0), s.stmt.ColumnText(1) })
	if !found || err != nil {
		return nothing, err
	}
	f, err := w.loadFlow(flow)
	if err != nil {
		return nothing, err
	}
	if f == nil {
		return changed, w.deleteBacklog(flow)
	}
	id, err := messages.ParseExecutionID(text)
	if err != nil {
		w.log.Warn("a member of a cancelled flow has no valid id", "flow_id", flow.String(), "member", text)
		t.report.Errors++
		return nothing, w.acknowledge(flow, text)
	}
	return w.cancelBacklogMember(t, f, id)
}

// cancelBacklogMember cancels a member and acknowledges it. One that can never be cancelled is acknowledged, too; any
// other failure keeps it for the next tick.
func (w *Writer) cancelBacklogMember(t *tick, f *flow, id messages.ExecutionID) (action, error) {
	if selected, err := w.selectsExecution(t, id); !selected || err != nil {
		return skipped, err
	}
	reason := "flow_cancelled"
	if stored := f.raw.pointer("cancel_reason"); stored != nil {
		reason = *stored
	}
	_, err := w.cancelExecution(t.now, messages.CancelExecutionArgs{
		ExecutionID: id, Reason: reason, Source: messages.SourceOperatorOverride,
	})
	switch {
	case err == nil, messages.NothingToCancel(err):
	case errors.Is(err, messages.ErrValidation), errors.Is(err, messages.ErrBug):
		w.log.Warn("a member of a cancelled flow cannot be cancelled", "execution_id", id.String(), "error", err)
	default:
		return nothing, err
	}
	return changed, w.acknowledge(f.id, id.String())
}

// selectsExecution applies the filter of the tick to an execution that is known by its id. What cannot be read is not
// selected.
func (w *Writer) selectsExecution(t *tick, id messages.ExecutionID) (bool, error) {
	if t.filter.IsNoop() {
		return true, nil
	}
	x, err := w.loadExecution(id)
	if errors.Is(err, messages.ErrCorruption) {
		return false, nil
	}
	return x != nil && t.selects(x), err
}

const deleteBacklogMembersSQL = `DELETE FROM ff_cancel_backlog_member WHERE partition_key = 0 AND flow_id = ?1`

// deleteBacklog drops the backlog of a flow that is gone.
func (w *Writer) deleteBacklog(flow messages.FlowID) error {
	if err := w.prepare(deleteBacklogMembersSQL).blob(1, flow[:]).exec(); err != nil {
		return err
	}
	return w.prepare(deleteEmptyBacklogSQL).blob(1, flow[:]).exec()
}
