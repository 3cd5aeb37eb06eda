package fftest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// invariants are what holds of the rows of any database at rest: each query finds the rows that break one.
var invariants = []struct{ name, sql string }{
	{
		"every end has exactly one completion event, those before a replay too, and nothing else has one", `
		SELECT hex(execution_id)
		  FROM ff_exec_core
		  LEFT JOIN (SELECT execution_id, count(*) AS events FROM ff_completion_event GROUP BY execution_id)
		 USING (execution_id)
		 WHERE (lifecycle_phase IN ('terminal', 'cancelled')) + coalesce(raw_fields ->> '$.replay_count', 0)
		    <> coalesce(events, 0)`,
	},
	{
		"no cascade is left behind", `
		SELECT event_id FROM ff_completion_event WHERE dispatched_at_ms IS NULL`,
	},
	{
		"no sibling is left to be cancelled", `
		SELECT hex(downstream_eid) FROM ff_pending_cancel_groups`,
	},
	{
		"a lease is held by active executions alone, and each of those has exactly one", `
		SELECT hex(execution_id) FROM ff_exec_core AS e
		 WHERE (lifecycle_phase = 'active')
		    <> (SELECT count(*) FROM ff_attempt AS a
		         WHERE a.partition_key = e.partition_key
		           AND a.execution_id = e.execution_id
		           AND a.lease_expires_at_ms IS NOT NULL)`,
	},
	{
		"the number of attempts is the number of their rows", `
		SELECT hex(execution_id) FROM ff_exec_core AS e
		 WHERE CAST(raw_fields ->> '$.total_attempt_count' AS INTEGER)
		    <> (SELECT count(*) FROM ff_attempt AS a
		         WHERE a.partition_key = e.partition_key AND a.execution_id = e.execution_id)`,
	},
	{
		"an epoch belongs to one attempt of an execution", `
		SELECT hex(execution_id) FROM ff_attempt GROUP BY execution_id, lease_epoch HAVING count(*) > 1`,
	},
	{
		"the counters of a group equal a recount from its edges", `
		SELECT hex(downstream_eid) FROM ff_edge_group AS g
		 WHERE (running_count, success_count, skip_count, fail_count) <> (
		        SELECT coalesce(sum(dep_state = 'unsatisfied'), 0),
		               coalesce(sum(dep_state = 'satisfied'), 0),
		               coalesce(sum(dep_state = 'impossible' AND resolved_outcome = 'skipped'), 0),
		               coalesce(sum(dep_state = 'impossible' AND resolved_outcome <> 'skipped'), 0)
		          FROM ff_edge AS d
		         WHERE d.flow_id = g.flow_id AND d.downstream_eid = g.downstream_eid)`,
	},
	{
		"an execution is blocked by its dependencies while its group is pending, or waits for children that are to come", `
		SELECT hex(execution_id) FROM ff_exec_core AS e
		 WHERE eligibility_state = 'blocked_by_dependencies'
		   AND NOT EXISTS (SELECT 1 FROM ff_edge_group AS g
		                    WHERE g.downstream_eid = e.execution_id AND group_state = 'pending')
		   AND (attempt_state <> 'attempt_interrupted'
		        OR EXISTS (SELECT 1 FROM ff_edge_group AS g WHERE g.downstream_eid = e.execution_id))`,
	},
	{
		"a flow counts its members and edges", `
		SELECT hex(flow_id) FROM ff_flow_core AS f
		 WHERE (raw_fields ->> '$.node_count', raw_fields ->> '$.edge_count') <> (
		        (SELECT count(*) FROM ff_exec_core AS e WHERE e.flow_id = f.flow_id),
		        (SELECT count(*) FROM ff_edge AS d WHERE d.flow_id = f.flow_id))`,
	},
	{
		"a stream counts its frames", `
		SELECT hex(execution_id), attempt_index FROM ff_stream_meta AS m
		 WHERE (kept_frames, live_frames) <> (
		        SELECT coalesce(sum(mode <> 'best_effort'), 0), coalesce(sum(mode = 'best_effort'), 0)
		          FROM ff_stream_frame AS f
		         WHERE f.partition_key = m.partition_key
		           AND f.execution_id = m.execution_id
		           AND f.attempt_index = m.attempt_index)`,
	},
	{
		"the frames of a stream are in the order in which they were appended", `
		SELECT frame_id
		  FROM (SELECT frame_id,
		               lag(frame_id, 1, 0) OVER (PARTITION BY partition_key, execution_id, attempt_index
		                                             ORDER BY ts_ms, seq) AS before
		          FROM ff_stream_frame)
		 WHERE frame_id < before`,
	},
}

// Consistent asserts what holds of the rows of any database at rest, if only the engine has written them.
func Consistent(t testing.TB, sql *SQL) {
	t.Helper()
	for _, invariant := range invariants {
		require.Empty(t, sql.Rows(invariant.sql), invariant.name)
	}
}

// Intact asserts that SQLite finds nothing wrong with the file.
func Intact(t testing.TB, sql *SQL) {
	t.Helper()
	require.Equal(t, [][]string{{"ok"}}, sql.Rows("PRAGMA integrity_check"))
	require.Empty(t, sql.Rows("PRAGMA foreign_key_check"))
}
