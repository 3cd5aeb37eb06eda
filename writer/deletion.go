package writer

// What retention deletes of one execution (02 §8.7). Each statement is served by an index; most find nothing.

// The chains list the ids of the events that hang on the attempts of an execution.
const (
	leaseChain = `
       WITH RECURSIVE chain (event_id) AS (
         SELECT lease_event_id
           FROM ff_attempt
          WHERE partition_key = ?1
            AND execution_id = ?2
          UNION
         SELECT e.previous_event_id
           FROM chain
           JOIN ff_lease_event AS e USING (event_id))
       SELECT event_id FROM chain`

	completionChain = `
       WITH RECURSIVE chain (event_id) AS (
         SELECT completion_event_id
           FROM ff_attempt
          WHERE partition_key = ?1
            AND execution_id = ?2
          UNION
         SELECT e.previous_event_id
           FROM chain
           JOIN ff_completion_event AS e USING (event_id))
       SELECT event_id FROM chain`
)

const (
	deleteExecutionSQL    = `DELETE FROM ff_exec_core WHERE rowid = ?1`
	deleteAttemptsSQL     = `DELETE FROM ff_attempt WHERE partition_key = ?1 AND execution_id = ?2`
	deleteFramesSQL       = `DELETE FROM ff_stream_frame WHERE partition_key = ?1 AND execution_id = ?2`
	deleteStreamsSQL      = `DELETE FROM ff_stream_meta WHERE partition_key = ?1 AND execution_id = ?2`
	deleteSummariesSQL    = `DELETE FROM ff_stream_summary WHERE partition_key = ?1 AND execution_id = ?2`
	deleteSignalsSQL      = `DELETE FROM ff_signal WHERE execution_id = ?1`
	deleteRequirementsSQL = `DELETE FROM ff_execution_capabilities WHERE execution_id = ?1`

	deleteSignalEventsSQL   = `DELETE FROM ff_signal_event WHERE execution_id = ?1`
	deleteTagEventsSQL      = `DELETE FROM ff_instance_tag_event WHERE execution_id = ?1`
	deleteOperatorEventsSQL = `DELETE FROM ff_operator_event WHERE execution_id = ?1`
	deleteUsageSQL          = `DELETE FROM ff_budget_usage_by_exec WHERE execution_id = ?1`

	// The number of slots of a policy is the number of their rows.
	freeSlotsSQL = `
UPDATE ff_quota_policy
   SET active_concurrency = max(0, active_concurrency - 1)
 WHERE (partition_key, quota_policy_id) IN (SELECT partition_key, quota_policy_id
                                              FROM ff_quota_admitted
                                             WHERE execution_id = ?1)`
	deleteSlotsSQL   = `DELETE FROM ff_quota_admitted WHERE execution_id = ?1`
	deleteWindowsSQL = `DELETE FROM ff_quota_window WHERE execution_id = ?1`

	deleteIdempotencySQL = `DELETE FROM ff_exec_idempotency WHERE namespace = ?1 AND idempotency_key = ?2 AND execution_id = ?3`

	// An event is on the chain of an attempt, in the index of those that are on none, or, if it is the completion of a
	// member of a flow, in an index of its own.
	deleteLeaseEventsSQL = `
DELETE FROM ff_lease_event
 WHERE execution_id = ?3
   AND event_id IN (` + leaseChain + `)`
	deleteCompletionsSQL = `
DELETE FROM ff_completion_event
 WHERE execution_id = ?2
   AND event_id IN (` + completionChain + `)`
	deleteUnchainedLeaseEventsSQL = `DELETE FROM ff_lease_event WHERE execution_id = ?1 AND previous_event_id IS NULL`
	deleteUnchainedCompletionsSQL = `DELETE FROM ff_completion_event WHERE execution_id = ?1 AND previous_event_id IS NULL`
	deleteFlowCompletionsSQL      = `DELETE FROM ff_completion_event WHERE execution_id = ?1 AND flow_id IS NOT NULL`

	deleteGroupSQL        = `DELETE FROM ff_edge_group WHERE partition_key = 0 AND flow_id = ?1 AND downstream_eid = ?2`
	deletePendingGroupSQL = `DELETE FROM ff_pending_cancel_groups WHERE partition_key = 0 AND flow_id = ?1 AND downstream_eid = ?2`

	// An edge goes with the second of its two ends.
	deleteEdgesFromSQL = `
DELETE FROM ff_edge
 WHERE partition_key = 0
   AND flow_id = ?1
   AND upstream_eid = ?2
   AND NOT EXISTS (SELECT 1 FROM ff_exec_core AS e WHERE e.execution_id = ff_edge.downstream_eid)`
	deleteEdgesToSQL = `
DELETE FROM ff_edge
 WHERE partition_key = 0
   AND flow_id = ?1
   AND downstream_eid = ?2
   AND NOT EXISTS (SELECT 1 FROM ff_exec_core AS e WHERE e.execution_id = ff_edge.upstream_eid)`
)

// deleteExecution deletes an ended execution with all that the tables have of it. What it spent of budgets stays spent.
func (w *Writer) deleteExecution(x *execution) error {
	if err := w.removeWaits(x); err != nil {
		return err
	}
	bare, full := uuidText(x.uuid), x.executionID().String()
	gone := []*statement{
		w.prepare(deleteLeaseEventsSQL).int(1, int64(x.partition)).blob(2, x.uuid[:]).text(3, bare),
		w.prepare(deleteCompletionsSQL).int(1, int64(x.partition)).blob(2, x.uuid[:]),
		w.prepare(deleteExecutionSQL).int(1, x.rowid),
	}
	for _, sql := range []string{deleteAttemptsSQL, deleteFramesSQL, deleteStreamsSQL, deleteSummariesSQL} {
		gone = append(gone, w.prepare(sql).int(1, int64(x.partition)).blob(2, x.uuid[:]))
	}
	for _, sql := range []string{
		deleteUnchainedCompletionsSQL, deleteFlowCompletionsSQL, deleteSignalsSQL, deleteRequirementsSQL,
	} {
		gone = append(gone, w.prepare(sql).blob(1, x.uuid[:]))
	}
	for _, sql := range []string{
		deleteUnchainedLeaseEventsSQL, deleteSignalEventsSQL, deleteTagEventsSQL, deleteOperatorEventsSQL, deleteUsageSQL,
	} {
		gone = append(gone, w.prepare(sql).text(1, bare))
	}
	for _, sql := range []string{freeSlotsSQL, deleteSlotsSQL, deleteWindowsSQL} {
		gone = append(gone, w.prepare(sql).text(1, full))
	}
	if key := x.raw.text("idempotency_key"); key != "" {
		s := w.prepare(deleteIdempotencySQL).text(1, x.raw.text("namespace")).text(2, key).blob(3, x.uuid[:])
		gone = append(gone, s)
	}
	if x.inFlow {
		gone = append(gone, w.prepare(deleteBacklogMemberSQL).blob(1, x.flow[:]).text(2, full))
		for _, sql := range []string{deleteGroupSQL, deletePendingGroupSQL, deleteEdgesFromSQL, deleteEdgesToSQL} {
			gone = append(gone, w.prepare(sql).blob(1, x.flow[:]).blob(2, x.uuid[:]))
		}
	}
	for _, s := range gone {
		if err := s.exec(); err != nil {
			return err
		}
	}
	return nil
}
