package messages

// CreateFlowArgs creates a flow; it does nothing when the flow exists.
type CreateFlowArgs struct {
	FlowID    FlowID      `json:"flow_id"`
	FlowKind  string      `json:"flow_kind"`
	Namespace Namespace   `json:"namespace"`
	Now       TimestampMs `json:"now,omitempty"` // 0: the engine's clock
}

// Validate implements [Validator].
func (a CreateFlowArgs) Validate() error {
	if a.FlowID.IsZero() {
		return InvalidField("flow_id", mustNotBeEmpty)
	}
	return firstError(validateName("flow_kind", a.FlowKind, 0), a.Namespace.Validate())
}

// CreateFlowResultKind is the outcome of creating a flow.
type CreateFlowResultKind string

// The outcomes of creating a flow.
const (
	CreateFlowCreated          CreateFlowResultKind = "created"
	CreateFlowAlreadySatisfied CreateFlowResultKind = "already_satisfied"
)

// CreateFlowResult names the flow in both outcomes.
type CreateFlowResult struct {
	Outcome CreateFlowResultKind
	FlowID  FlowID
}

// AddExecutionToFlowArgs makes an existing execution a member of a flow.
type AddExecutionToFlowArgs struct {
	FlowID      FlowID      `json:"flow_id"`
	ExecutionID ExecutionID `json:"execution_id"`
	Now         TimestampMs `json:"now,omitempty"` // 0: the engine's clock
}

// Validate implements [Validator].
func (a AddExecutionToFlowArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// AddExecutionToFlowResultKind is the outcome of adding a member.
type AddExecutionToFlowResultKind string

// The outcomes of adding a member.
const (
	AddAdded         AddExecutionToFlowResultKind = "added"
	AddAlreadyMember AddExecutionToFlowResultKind = "already_member"
)

// AddExecutionToFlowResult has the number of members after the call.
type AddExecutionToFlowResult struct {
	Outcome     AddExecutionToFlowResultKind
	ExecutionID ExecutionID
	NodeCount   uint32
}

// DependencySuccessOnly is the default dependency kind, and the only one with a meaning.
const DependencySuccessOnly = "success_only"

// StageDependencyEdgeArgs records that the downstream execution depends on the upstream one. The child is not held back
// before the edge is applied.
type StageDependencyEdgeArgs struct {
	FlowID                FlowID      `json:"flow_id"`
	EdgeID                EdgeID      `json:"edge_id"` // chosen by the caller, unique within the flow
	UpstreamExecutionID   ExecutionID `json:"upstream_execution_id"`
	DownstreamExecutionID ExecutionID `json:"downstream_execution_id"`
	DependencyKind        string      `json:"dependency_kind,omitempty"` // "": success_only
	DataPassingRef        string      `json:"data_passing_ref,omitempty"`
	ExpectedGraphRevision uint64      `json:"expected_graph_revision"`
	Now                   TimestampMs `json:"now,omitempty"` // 0: the engine's clock
}

// Validate implements [Validator].
func (a StageDependencyEdgeArgs) Validate() error {
	if a.UpstreamExecutionID == a.DownstreamExecutionID {
		return ConflictError(CodeSelfReferencingEdge, "self_referencing_edge")
	}
	return firstError(
		validateExecutionID("upstream_execution_id", a.UpstreamExecutionID),
		validateExecutionID("downstream_execution_id", a.DownstreamExecutionID),
		validateUTF8("dependency_kind", a.DependencyKind),
		validateUTF8("data_passing_ref", a.DataPassingRef),
		validateStoredUint("expected_graph_revision", a.ExpectedGraphRevision),
	)
}

// StageDependencyEdgeResult has the graph revision that the next edge must expect.
type StageDependencyEdgeResult struct {
	EdgeID           EdgeID `json:"edge_id"`
	NewGraphRevision uint64 `json:"new_graph_revision"`
}

// ApplyDependencyToChildArgs activates a staged edge: the child waits for its upstream from then on.
type ApplyDependencyToChildArgs struct {
	FlowID                FlowID      `json:"flow_id"`
	EdgeID                EdgeID      `json:"edge_id"`
	DownstreamExecutionID ExecutionID `json:"downstream_execution_id"`
	UpstreamExecutionID   ExecutionID `json:"upstream_execution_id"`
	GraphRevision         uint64      `json:"graph_revision"`             // informative
	DependencyKind        string      `json:"dependency_kind,omitempty"`  // informative; the staged one counts
	DataPassingRef        string      `json:"data_passing_ref,omitempty"` // used when none was staged
	Now                   TimestampMs `json:"now,omitempty"`              // 0: the engine's clock
}

// Validate implements [Validator].
func (a ApplyDependencyToChildArgs) Validate() error {
	return firstError(
		validateExecutionID("downstream_execution_id", a.DownstreamExecutionID),
		validateExecutionID("upstream_execution_id", a.UpstreamExecutionID),
		validateUTF8("dependency_kind", a.DependencyKind),
		validateUTF8("data_passing_ref", a.DataPassingRef),
	)
}

// ApplyDependencyToChildResultKind is the outcome of applying an edge.
type ApplyDependencyToChildResultKind string

// The outcomes of applying an edge.
const (
	ApplyApplied        ApplyDependencyToChildResultKind = "applied"
	ApplyAlreadyApplied ApplyDependencyToChildResultKind = "already_applied"
)

// ApplyDependencyToChildResult has the number of upstreams that the child still waits for; 0 when already applied.
type ApplyDependencyToChildResult struct {
	Outcome          ApplyDependencyToChildResultKind
	UnsatisfiedCount uint32
}

// CancelFlowArgs closes a flow and, by policy, cancels members, all in one transaction.
type CancelFlowArgs struct {
	FlowID FlowID           `json:"flow_id"`
	Policy CancelFlowPolicy `json:"policy"`
	Wait   CancelFlowWait   `json:"wait,omitzero"`
}

// Validate implements [Validator].
func (a CancelFlowArgs) Validate() error { return firstError(a.Policy.Validate(), a.Wait.Validate()) }

// CancelFlowResultKind is the outcome of cancelling a flow.
type CancelFlowResultKind string

// The outcomes of cancelling a flow; CancelFlowArgs itself leads to the first one only.
const (
	CancelFlowCancelled          CancelFlowResultKind = "cancelled"
	CancelFlowScheduled          CancelFlowResultKind = "cancellation_scheduled"
	CancelFlowPartiallyCancelled CancelFlowResultKind = "partially_cancelled"
)

// CancelFlowResult has the texts of the ids of the members that this call cancelled.
type CancelFlowResult struct {
	Outcome                  CancelFlowResultKind
	CancellationPolicy       CancelFlowPolicy
	MemberCount              uint32 // of cancellation_scheduled
	MemberExecutionIDs       []string
	FailedMemberExecutionIDs []string // of partially_cancelled
}
