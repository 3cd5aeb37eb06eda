package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// cancelGraceMs is how long callers have to acknowledge the members of a flow that they cancel.
const cancelGraceMs = 30_000

const insertBacklogSQL = `
INSERT OR REPLACE INTO ff_cancel_backlog (partition_key, flow_id, requested_at_ms, reason, grace_until_ms,
                                          cancellation_policy)
VALUES (0, ?1, ?2, ?3, ?4, ?5)`

const insertBacklogMemberSQL = `
INSERT OR IGNORE INTO ff_cancel_backlog_member (partition_key, flow_id, execution_id)
VALUES (0, ?1, ?2)`

// storeBacklog remembers the members that a cancellation has selected; without any there is nothing to remember.
func (w *Writer) storeBacklog(args messages.CancelFlowHeaderArgs, members []flowMember, occurred messages.TimestampMs) error {
	if len(members) == 0 {
		return nil
	}
	err := w.prepare(insertBacklogSQL).
		blob(1, args.FlowID[:]).
		int(2, int64(occurred)).
		text(3, args.Reason).
		int(4, int64(occurred)+cancelGraceMs).
		text(5, string(args.CancellationPolicy)).
		exec()
	if err != nil {
		return err
	}
	w.deadlines.lower(cancelReconciler, int64(occurred)+cancelGraceMs)
	for _, m := range members {
		if err := w.prepare(insertBacklogMemberSQL).blob(1, args.FlowID[:]).text(2, m.id.String()).exec(); err != nil {
			return err
		}
	}
	return nil
}

// backlogMembersSQL is served by the primary key.
const backlogMembersSQL = `
SELECT execution_id
  FROM ff_cancel_backlog_member
 WHERE partition_key = 0
   AND flow_id = ?1
 ORDER BY execution_id`

// backlogMembers returns the members of a flow that nobody has acknowledged.
func (w *Writer) backlogMembers(flow messages.FlowID) (ids []string, err error) {
	s := w.prepare(backlogMembersSQL).blob(1, flow[:])
	err = s.each(func() error {
		ids = append(ids, s.stmt.ColumnText(0))
		return nil
	})
	return ids, err
}

const deleteBacklogMemberSQL = `
DELETE FROM ff_cancel_backlog_member
 WHERE partition_key = 0
   AND flow_id = ?1
   AND execution_id = ?2`

const deleteEmptyBacklogSQL = `
DELETE FROM ff_cancel_backlog
 WHERE partition_key = 0
   AND flow_id = ?1
   AND NOT EXISTS (SELECT 1 FROM ff_cancel_backlog_member WHERE partition_key = 0 AND flow_id = ?1)`

// ackCancelMember notes that a member is dealt with (04 §8.3); the backlog ends with its last member.
func (w *Writer) ackCancelMember(args messages.AckCancelMemberArgs) error {
	return w.acknowledge(args.FlowID, args.ExecutionID.String())
}

func (w *Writer) acknowledge(flow messages.FlowID, member string) error {
	if err := w.prepare(deleteBacklogMemberSQL).blob(1, flow[:]).text(2, member).exec(); err != nil {
		return err
	}
	return w.prepare(deleteEmptyBacklogSQL).blob(1, flow[:]).exec()
}
