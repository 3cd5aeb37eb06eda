package reader

import (
	"bytes"
	"context"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// edgeContext is the noun of a row of ff_edge in errors.
const edgeContext = "edge"

// edgesSQL begins every query for edges. The ids of the ends take their partition from the executions' rows, which
// ff_exec_core_execution_idx finds; an execution that retention has removed reads as partition 0.
const edgesSQL = `
SELECT edges.flow_id,
       edges.edge_id,
       coalesce(upstream.partition_key, 0),
       edges.upstream_eid,
       coalesce(downstream.partition_key, 0),
       edges.downstream_eid,
       edges.policy,
       edges.dep_state,
       coalesce(edges.resolved_outcome, '')
  FROM ff_edge AS edges
  LEFT JOIN ff_exec_core AS upstream ON upstream.execution_id = edges.upstream_eid
  LEFT JOIN ff_exec_core AS downstream ON downstream.execution_id = edges.downstream_eid
 WHERE edges.partition_key = 0
   AND edges.flow_id = ?1`

// The first is served by the primary key, the others by ff_edge_upstream_idx and ff_edge_downstream_idx.
const (
	describeEdgeSQL      = edgesSQL + ` AND edges.edge_id = ?2`
	listOutgoingEdgesSQL = edgesSQL + ` AND edges.upstream_eid = ?2`
	listIncomingEdgesSQL = edgesSQL + ` AND edges.downstream_eid = ?2`
)

func (r *Reader) describeEdge(ctx context.Context, args messages.DescribeEdgeArgs) (*messages.EdgeSnapshot, error) {
	edges, err := r.readEdges(ctx, describeEdgeSQL, args.FlowID, args.EdgeID)
	if err != nil || len(edges) == 0 {
		return nil, err
	}
	return &edges[0], nil
}

// listEdges returns the edges of one side of a node, which is known by its UUID alone.
func (r *Reader) listEdges(ctx context.Context, args messages.ListEdgesArgs) ([]messages.EdgeSnapshot, error) {
	sql := listIncomingEdgesSQL
	if args.Direction.Outgoing {
		sql = listOutgoingEdgesSQL
	}
	edges, err := r.readEdges(ctx, sql, args.FlowID, args.Direction.Node.UUID())
	slices.SortFunc(edges, func(a, b messages.EdgeSnapshot) int { return bytes.Compare(a.EdgeID[:], b.EdgeID[:]) })
	return edges, err
}

// readEdges returns what a query for edges of the flow finds; never nil without an error.
func (r *Reader) readEdges(
	ctx context.Context, sql string, flow messages.FlowID, id [16]byte,
) (edges []messages.EdgeSnapshot, err error) {
	edges = []messages.EdgeSnapshot{}
	err = r.pool.Read(ctx, func(c *database.Connection) error {
		return each(c, sql, []any{flow[:], id[:]}, func(stmt *sqlite3.Stmt) (bool, error) {
			edge, err := scanEdge(stmt)
			edges = append(edges, edge)
			return true, err
		})
	})
	if err != nil {
		return nil, err
	}
	return edges, nil
}

func scanEdge(stmt *sqlite3.Stmt) (edge messages.EdgeSnapshot, err error) {
	flow, err := columnUUID(stmt, 0, edgeContext, "flow_id")
	if err != nil {
		return edge, err
	}
	id, err := columnUUID(stmt, 1, edgeContext, "edge_id")
	if err != nil {
		return edge, err
	}
	edge.FlowID, edge.EdgeID = flow, id
	if edge.UpstreamExecutionID, err = columnNode(stmt, 2, "upstream_eid"); err != nil {
		return edge, err
	}
	if edge.DownstreamExecutionID, err = columnNode(stmt, 4, "downstream_eid"); err != nil {
		return edge, err
	}
	record, err := parseDocument(edgeContext, "policy", stmt.ColumnRawText(6))
	if err != nil {
		return edge, err
	}
	edge.DepState, edge.ResolvedOutcome = stmt.ColumnText(7), stmt.ColumnText(8)
	edge.DependencyKind = textOr(record, "dependency_kind", messages.DependencySuccessOnly)
	edge.SatisfactionCondition = textOr(record, "satisfaction_condition", "all_required")
	edge.EdgeState = textOr(record, "edge_state", messages.EdgePending)
	edge.CreatedBy = textOr(record, "created_by", "engine")
	created, _ := record.number("created_at_ms")
	edge.CreatedAt = messages.TimestampMs(created)
	if ref, _ := record.text("data_passing_ref"); ref != "" {
		edge.DataPassingRef = &ref
	}
	return edge, nil
}

// columnNode reads the partition of an execution, and its UUID from the column behind it.
func columnNode(stmt *sqlite3.Stmt, col int, name string) (messages.ExecutionID, error) {
	uuid, err := columnUUID(stmt, col+1, edgeContext, name)
	if err != nil {
		return messages.ExecutionID{}, err
	}
	return executionID(executionContext, stmt.ColumnInt64(col), uuid)
}

func textOr(record document, key, otherwise string) string {
	if text, ok := record.text(key); ok {
		return text
	}
	return otherwise
}
