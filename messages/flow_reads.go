package messages

import "time"

// DescribeFlowArgs reads one flow; the reply is a [*FlowSnapshot], nil when there is none.
type DescribeFlowArgs struct {
	FlowID FlowID `json:"flow_id"`
}

// Validate implements [Validator].
func (a DescribeFlowArgs) Validate() error { return nil }

// FlowSnapshot is a flow as one read sees it. Nil pointers are absent values.
type FlowSnapshot struct {
	FlowID             FlowID              `json:"flow_id"`
	FlowKind           string              `json:"flow_kind"`
	Namespace          Namespace           `json:"namespace"`
	PublicFlowState    PublicFlowState     `json:"public_flow_state"`
	GraphRevision      uint64              `json:"graph_revision"`
	NodeCount          uint32              `json:"node_count"`
	EdgeCount          uint32              `json:"edge_count"`
	CreatedAt          TimestampMs         `json:"created_at"`
	LastMutationAt     TimestampMs         `json:"last_mutation_at"`
	CancelledAt        *TimestampMs        `json:"cancelled_at,omitempty"`
	CancelReason       *string             `json:"cancel_reason,omitempty"`
	CancellationPolicy *string             `json:"cancellation_policy,omitempty"`
	Tags               map[string]string   `json:"tags,omitempty"`
	EdgeGroups         []EdgeGroupSnapshot `json:"edge_groups,omitempty"` // in the order of the downstream ids
}

// EdgeGroupSnapshot is how the dependencies of one member stand.
type EdgeGroupSnapshot struct {
	DownstreamExecutionID ExecutionID          `json:"downstream_execution_id"`
	Policy                EdgeDependencyPolicy `json:"policy"`
	TotalDeps             uint32               `json:"total_deps"`
	SatisfiedCount        uint32               `json:"satisfied_count"`
	FailedCount           uint32               `json:"failed_count"`
	SkippedCount          uint32               `json:"skipped_count"`
	RunningCount          uint32               `json:"running_count"`
	GroupState            EdgeGroupState       `json:"group_state"`
}

// The states of an edge: whether it holds its child back.
const (
	EdgePending = "pending" // staged
	EdgeApplied = "applied"
)

// EdgeSnapshot is a dependency edge as it is stored.
type EdgeSnapshot struct {
	EdgeID                EdgeID      `json:"edge_id"`
	FlowID                FlowID      `json:"flow_id"`
	UpstreamExecutionID   ExecutionID `json:"upstream_execution_id"`
	DownstreamExecutionID ExecutionID `json:"downstream_execution_id"`
	DependencyKind        string      `json:"dependency_kind"`
	SatisfactionCondition string      `json:"satisfaction_condition"`
	DataPassingRef        *string     `json:"data_passing_ref,omitempty"`
	EdgeState             string      `json:"edge_state"`
	CreatedAt             TimestampMs `json:"created_at"`
	CreatedBy             string      `json:"created_by"`
	DepState              string      `json:"dep_state,omitempty"`
	ResolvedOutcome       string      `json:"resolved_outcome,omitempty"`
}

// ListFlowsArgs reads a page of flows in the order of their ids.
type ListFlowsArgs struct {
	Partition PartitionKey `json:"partition,omitempty"` // "": all; every flow is in {fp:0}
	Cursor    *FlowID      `json:"cursor,omitempty"`    // the page begins behind it
	Limit     int          `json:"limit"`               // 0: an empty page
}

// Validate implements [Validator].
func (a ListFlowsArgs) Validate() error {
	if a.Limit < 0 {
		return InvalidField("limit", mustNotBeNegative)
	}
	return firstError(a.Partition.Validate())
}

// ListFlowsResult is one page; NextCursor is nil when it is the last.
type ListFlowsResult struct {
	Flows      []FlowSummary `json:"flows"`
	NextCursor *FlowID       `json:"next_cursor,omitempty"`
}

// FlowSummary is a flow as lists show it.
type FlowSummary struct {
	FlowID    FlowID      `json:"flow_id"`
	CreatedAt TimestampMs `json:"created_at"`
	Status    FlowStatus  `json:"status"`
}

// EdgeDirection selects the edges on one side of a member.
type EdgeDirection struct {
	Outgoing bool        `json:"outgoing"` // from the node; otherwise to it
	Node     ExecutionID `json:"node"`
}

// Outgoing selects the edges to what depends on the node.
func Outgoing(node ExecutionID) EdgeDirection { return EdgeDirection{Outgoing: true, Node: node} }

// Incoming selects the edges from what the node depends on.
func Incoming(node ExecutionID) EdgeDirection { return EdgeDirection{Node: node} }

// ListEdgesArgs reads the edges, staged and applied, on one side of a member, in the order of their ids; the reply is a
// slice of [EdgeSnapshot].
type ListEdgesArgs struct {
	FlowID    FlowID        `json:"flow_id"`
	Direction EdgeDirection `json:"direction"`
}

// Validate implements [Validator].
func (a ListEdgesArgs) Validate() error {
	return firstError(validateExecutionID("node", a.Direction.Node))
}

// DescribeEdgeArgs reads one edge; the reply is an [*EdgeSnapshot], nil when the flow has none with this id.
type DescribeEdgeArgs struct {
	FlowID FlowID `json:"flow_id"`
	EdgeID EdgeID `json:"edge_id"`
}

// Validate implements [Validator].
func (DescribeEdgeArgs) Validate() error { return nil }

// ResolveExecutionFlowIDArgs asks for the flow of an execution; the reply is a [*FlowID], nil when it is in none or does
// not exist.
type ResolveExecutionFlowIDArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
}

// Validate implements [Validator].
func (a ResolveExecutionFlowIDArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// WaitForFlowCancellationArgs waits until the flow reads as cancelled, or does not exist.
type WaitForFlowCancellationArgs struct {
	FlowID   FlowID        `json:"flow_id"`
	Deadline time.Duration `json:"deadline_ms"` // 0 looks once
}

// Validate implements [Validator].
func (a WaitForFlowCancellationArgs) Validate() error {
	return firstError(validateDuration("deadline_ms", a.Deadline))
}

// WaitCascadeIdleArgs waits until every completion so far has reached the executions that depend on it.
type WaitCascadeIdleArgs struct{}

// Validate implements [Validator].
func (WaitCascadeIdleArgs) Validate() error { return nil }
