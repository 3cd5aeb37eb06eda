package ffsqlite

import (
	"context"

	"github.com/flowfabric/ffsqlite/messages"
)

// CreateFlow creates a flow with this id, open and without members. A second call answers already_satisfied and changes
// nothing, whatever its other arguments.
func (b *Backend) CreateFlow(ctx context.Context, args messages.CreateFlowArgs) (messages.CreateFlowResult, error) {
	return call[messages.CreateFlowResult](ctx, b, args)
}

// AddExecutionToFlow makes an existing execution a member of a flow; the graph revision rises by one. A second call
// answers already_member. ErrFlowNotFound, ErrFlowAlreadyTerminal, ErrExecutionNotFound and ErrExecutionAlreadyInFlow are
// checked in this order.
func (b *Backend) AddExecutionToFlow(
	ctx context.Context, args messages.AddExecutionToFlowArgs,
) (messages.AddExecutionToFlowResult, error) {
	return call[messages.AddExecutionToFlowResult](ctx, b, args)
}

// StageDependencyEdge records that the downstream depends on the upstream, under optimistic concurrency: the expected
// graph revision must be the current one, and rises by one. The downstream is not gated before the edge is applied.
//
// It returns ErrStaleGraphRevision when somebody else changed the graph, ErrCycleDetected for an edge that would close a
// cycle, ErrDependencyAlreadyExists with the stored edge in Existing when the edge id is taken.
func (b *Backend) StageDependencyEdge(
	ctx context.Context, args messages.StageDependencyEdgeArgs,
) (messages.StageDependencyEdgeResult, error) {
	return call[messages.StageDependencyEdgeResult](ctx, b, args)
}

// ApplyDependencyToChild makes a staged edge count: a downstream that has not started waits until the edge is settled. If
// the upstream has ended already, the edge is settled before the call returns. A second call answers already_applied.
func (b *Backend) ApplyDependencyToChild(
	ctx context.Context, args messages.ApplyDependencyToChildArgs,
) (messages.ApplyDependencyToChildResult, error) {
	return call[messages.ApplyDependencyToChildResult](ctx, b, args)
}

// SubmitFlow creates a flow with its members, the policies of its edge groups and its edges, applied, in one commit: nobody
// sees a part of it, and no worker gets a member that has to wait. The graph that it leaves is that of the single calls.
// A second call with the same ids, of edges too, answers already_satisfied.
//
// The error is that of the single call with the element before its detail ("edges[3]: "), and nothing is stored then:
// ErrCycleDetected names the edge that closes the cycle, ErrExecutionAlreadyInFlow a member of another flow; an id, an
// idempotency key or a flow that exists is ErrInvalidInput.
func (b *Backend) SubmitFlow(ctx context.Context, args messages.SubmitFlowArgs) (messages.SubmitFlowResult, error) {
	return call[messages.SubmitFlowResult](ctx, b, args)
}

// DescribeFlow returns a snapshot of one flow with its edge groups, nil when there is none.
func (b *Backend) DescribeFlow(ctx context.Context, id messages.FlowID) (*messages.FlowSnapshot, error) {
	return call[*messages.FlowSnapshot](ctx, b, messages.DescribeFlowArgs{FlowID: id})
}

// ListFlows returns a page of flows in the order of their ids, strictly after the cursor. Limit 0 gives an empty page.
// NextCursor is set if and only if more follow.
func (b *Backend) ListFlows(ctx context.Context, args messages.ListFlowsArgs) (messages.ListFlowsResult, error) {
	return call[messages.ListFlowsResult](ctx, b, args)
}

// ListEdges returns the edges of a flow that leave a member, or that lead to it, in the order of their ids; it is empty
// when the flow or the member does not exist. Staged edges are listed, too.
func (b *Backend) ListEdges(
	ctx context.Context, flow messages.FlowID, direction messages.EdgeDirection,
) ([]messages.EdgeSnapshot, error) {
	return call[[]messages.EdgeSnapshot](ctx, b, messages.ListEdgesArgs{FlowID: flow, Direction: direction})
}

// DescribeEdge returns a snapshot of one edge, nil when the flow has none with this id.
func (b *Backend) DescribeEdge(
	ctx context.Context, flow messages.FlowID, edge messages.EdgeID,
) (*messages.EdgeSnapshot, error) {
	return call[*messages.EdgeSnapshot](ctx, b, messages.DescribeEdgeArgs{FlowID: flow, EdgeID: edge})
}

// ResolveExecutionFlowID returns the flow of an execution, nil when it is in none or does not exist.
func (b *Backend) ResolveExecutionFlowID(ctx context.Context, id messages.ExecutionID) (*messages.FlowID, error) {
	return call[*messages.FlowID](ctx, b, messages.ResolveExecutionFlowIDArgs{ExecutionID: id})
}

// ProjectFlowSummary recomputes the summary of one flow, its members by state and the state that they give it, and
// reports whether the flow has members; without any nothing is written. A background job does the same for every flow.
// The flow itself does not change. The time 0 is that of the engine's clock.
func (b *Backend) ProjectFlowSummary(
	ctx context.Context, flow messages.FlowID, now messages.TimestampMs,
) (bool, error) {
	return call[bool](ctx, b, messages.ProjectFlowSummaryArgs{FlowID: flow, Now: now})
}
