package reader

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// readEdgeGroupsSQL is served by the primary key of ff_edge_group, in its order, and by ff_exec_core_execution_idx,
// which has the partition of the member's id. A member that retention has removed reads as partition 0.
const readEdgeGroupsSQL = `
SELECT coalesce(member.partition_key, 0),
       edges.downstream_eid,
       edges.policy,
       edges.success_count,
       edges.fail_count,
       edges.skip_count,
       edges.running_count,
       edges.group_state
  FROM ff_edge_group AS edges
  LEFT JOIN ff_exec_core AS member ON member.execution_id = edges.downstream_eid
 WHERE edges.partition_key = 0
   AND edges.flow_id = ?1
 ORDER BY edges.downstream_eid`

func readEdgeGroups(c *database.Connection, flow messages.FlowID) (groups []messages.EdgeGroupSnapshot, err error) {
	err = each(c, readEdgeGroupsSQL, []any{flow[:]}, func(stmt *sqlite3.Stmt) (bool, error) {
		group, err := scanEdgeGroup(stmt)
		groups = append(groups, group)
		return true, err
	})
	return groups, err
}

func scanEdgeGroup(stmt *sqlite3.Stmt) (group messages.EdgeGroupSnapshot, err error) {
	uuid, err := columnUUID(stmt, 1, groupContext, "downstream_eid")
	if err != nil {
		return group, err
	}
	group.DownstreamExecutionID, err = executionID(executionContext, stmt.ColumnInt64(0), uuid)
	if err != nil {
		return group, err
	}
	policy, err := parseDocument(groupContext, "policy", stmt.ColumnRawText(2))
	if err != nil {
		return group, err
	}

	group.Policy = edgePolicy(policy)
	group.SatisfiedCount = count(stmt.ColumnInt64(3))
	group.FailedCount = count(stmt.ColumnInt64(4))
	group.SkippedCount = count(stmt.ColumnInt64(5))
	group.RunningCount = count(stmt.ColumnInt64(6))
	group.TotalDeps = count(int64(group.SatisfiedCount) + int64(group.FailedCount) +
		int64(group.SkippedCount) + int64(group.RunningCount))
	group.GroupState = messages.EdgeGroupState(stmt.ColumnText(7))
	return group, nil
}

// edgePolicy reads a stored policy leniently: an unknown kind is all_of, an unknown choice cancel_remaining, and a
// quorum without a number is one of 1.
func edgePolicy(stored document) messages.EdgeDependencyPolicy {
	kind, _ := stored.text("kind")
	switch policy := messages.EdgePolicyKind(kind); policy {
	case messages.AnyOf:
		return messages.EdgeDependencyPolicy{Kind: policy, OnSatisfied: onSatisfied(stored)}
	case messages.Quorum:
		k, ok := stored.number("k")
		if !ok {
			k = 1
		}
		return messages.EdgeDependencyPolicy{Kind: policy, K: count(k), OnSatisfied: onSatisfied(stored)}
	case messages.AllOf:
	}
	return messages.EdgeDependencyPolicy{Kind: messages.AllOf}
}

func onSatisfied(stored document) messages.OnSatisfied {
	if choice, _ := stored.text("on_satisfied"); messages.OnSatisfied(choice) == messages.LetRun {
		return messages.LetRun
	}
	return messages.CancelRemaining
}
