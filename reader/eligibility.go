package reader

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// readEligibilitySQL is served by ff_exec_core_execution_idx.
const readEligibilitySQL = `
SELECT flow_id,
       lifecycle_phase,
       ownership_state,
       raw_fields
  FROM ff_exec_core
 WHERE partition_key = ?1
   AND execution_id = ?2`

// evaluateFlowEligibility tells whether an execution may run now, on one snapshot.
func (r *Reader) evaluateFlowEligibility(
	ctx context.Context, id messages.ExecutionID,
) (result messages.EvaluateFlowEligibilityResult, err error) {
	err = r.pool.Read(ctx, func(c *database.Connection) error {
		result.Status = messages.EligibilityNotFound
		var flow *messages.FlowID
		_, err := first(c, readEligibilitySQL, executionKey(id), func(stmt *sqlite3.Stmt) (err error) {
			if flow, err = columnFlowID(stmt, 0, executionContext); err != nil {
				return err
			}
			result.Status, err = eligibilityOfRow(stmt)
			return err
		})
		if err != nil || flow == nil || result.Status != messages.EligibilityEligible {
			return err
		}
		result.Status, err = eligibilityOfGroup(c, *flow, id)
		return err
	})
	return result, err
}

// eligibilityOfRow is the verdict without the dependencies.
func eligibilityOfRow(stmt *sqlite3.Stmt) (messages.FlowEligibility, error) {
	phase, ok := messages.NormalizePhase(stmt.ColumnText(1))
	if !ok {
		return "", messages.UnknownValueError("lifecycle_phase", stmt.ColumnText(1))
	}
	if phase != messages.PhaseSubmitted && phase != messages.PhaseRunnable {
		return messages.EligibilityNotRunnable, nil
	}
	ownership, ok := messages.NormalizeOwnership(stmt.ColumnText(2))
	if !ok {
		return "", messages.UnknownValueError("ownership_state", stmt.ColumnText(2))
	}
	if ownership != messages.OwnershipUnowned {
		return messages.EligibilityOwned, nil
	}
	raw, err := parseDocument(executionContext, "raw_fields", stmt.ColumnRawText(3))
	if err != nil {
		return "", err
	}
	if outcome, _ := raw.text("terminal_outcome"); outcome != "" && outcome != string(messages.OutcomeNone) {
		return messages.EligibilityTerminal, nil
	}
	return messages.EligibilityEligible, nil
}

// readGroupSQL is served by the primary key of ff_edge_group.
const readGroupSQL = `
SELECT policy,
       group_state
  FROM ff_edge_group
 WHERE partition_key = 0
   AND flow_id = ?1
   AND downstream_eid = ?2`

// eligibilityOfGroup is the verdict of the dependencies. A group without a row has the policy all_of.
func eligibilityOfGroup(
	c *database.Connection, flow messages.FlowID, id messages.ExecutionID,
) (messages.FlowEligibility, error) {
	uuid := id.UUID()
	key := []any{flow[:], uuid[:]}
	policy, state := messages.EdgeDependencyPolicy{Kind: messages.AllOf}, messages.EdgeGroupPending
	_, err := first(c, readGroupSQL, key, func(stmt *sqlite3.Stmt) error {
		policy = messages.DecodeEdgeDependencyPolicy(stmt.ColumnRawText(0))
		state = messages.EdgeGroupState(stmt.ColumnText(1))
		return nil
	})
	if err != nil || state == messages.EdgeGroupSatisfied {
		return messages.EligibilityEligible, err
	}
	counts, counted, err := countInbound(c, key)
	if err != nil || !counted {
		return messages.EligibilityEligible, err
	}
	switch policy.Evaluate(counts) {
	case messages.EdgeGroupSatisfied:
		return messages.EligibilityEligible, nil
	case messages.EdgeGroupImpossible:
		return messages.EligibilityImpossible, nil
	case messages.EdgeGroupPending, messages.EdgeGroupCancelled:
	}
	return messages.EligibilityBlockedByEdges, nil
}

// readInboundSQL is served by ff_edge_downstream_idx.
const readInboundSQL = `
SELECT dep_state,
       upstream_eid,
       policy
  FROM ff_edge
 WHERE partition_key = 0
   AND flow_id = ?1
   AND downstream_eid = ?2`

// countInbound classifies the edges that lead to an execution. Those that do not count by themselves wait with those that
// do.
func countInbound(
	c *database.Connection, key []any,
) (counts messages.DependencyCounts, counted bool, err error) {
	err = each(c, readInboundSQL, key, func(stmt *sqlite3.Stmt) (bool, error) {
		state, one, err := stateOfEdge(c, stmt)
		counted = counted || one
		switch state {
		case "satisfied":
			counts.Satisfied++
		case "impossible":
			counts.Failed++
		default:
			counts.Running++
		}
		return true, err
	})
	return counts, counted, err
}

// stateOfEdge classifies one edge. It counts when it is applied, or when another program has written that it is required;
// then its upstream says how it stands.
func stateOfEdge(c *database.Connection, stmt *sqlite3.Stmt) (state string, counts bool, err error) {
	if state = stmt.ColumnText(0); state != "none" {
		return state, true, nil
	}
	record, err := parseDocument("edge", "policy", stmt.ColumnRawText(2))
	if err != nil || !required(record) {
		return state, false, err
	}
	state, err = stateOfUpstream(c, stmt.ColumnBlob(1, nil))
	return state, true, err
}

// required reports whether the record of an edge that was never applied makes it count all the same.
func required(record document) bool {
	switch kind, _ := record.text("kind"); kind {
	case "required", "AllOf", "all_of":
		return true
	}
	return false
}

// readOutcomeSQL is served by ff_exec_core_execution_idx and the primary key of ff_attempt.
const readOutcomeSQL = `
SELECT e.lifecycle_phase,
       e.public_state,
       e.raw_fields,
       (SELECT outcome
          FROM ff_attempt AS a
         WHERE a.partition_key = e.partition_key
           AND a.execution_id = e.execution_id
         ORDER BY a.attempt_index DESC
         LIMIT 1)
  FROM ff_exec_core AS e
 WHERE e.execution_id = ?1`

// stateOfUpstream is what an edge would be if its upstream had been asked: a missing one has not ended.
func stateOfUpstream(c *database.Connection, upstream []byte) (state string, err error) {
	state = "unsatisfied"
	_, err = first(c, readOutcomeSQL, []any{upstream}, func(stmt *sqlite3.Stmt) error {
		phase := stmt.ColumnText(0)
		if normal, ok := messages.NormalizePhase(phase); !ok {
			return messages.UnknownValueError("lifecycle_phase", phase)
		} else if normal != messages.PhaseTerminal {
			return nil
		}
		raw, err := parseDocument(executionContext, "raw_fields", stmt.ColumnRawText(2))
		if err != nil {
			return err
		}
		stamped, _ := raw.text("terminal_outcome")
		state = "impossible"
		if messages.OutcomeOfEnded(stamped, phase, stmt.ColumnText(1), stmt.ColumnText(3)) == messages.CompletionSuccess {
			state = "satisfied"
		}
		return nil
	})
	return state, err
}
