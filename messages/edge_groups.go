package messages

// SetEdgeGroupPolicyArgs chooses how the dependencies of an execution combine. It must come before its first edge is
// staged; the execution need not exist yet.
type SetEdgeGroupPolicyArgs struct {
	FlowID                FlowID               `json:"flow_id"`
	DownstreamExecutionID ExecutionID          `json:"downstream_execution_id"`
	Policy                EdgeDependencyPolicy `json:"policy"`
}

// Validate implements [Validator].
func (a SetEdgeGroupPolicyArgs) Validate() error {
	return firstError(a.Policy.Validate(), validateExecutionID("downstream_execution_id", a.DownstreamExecutionID))
}

// SetEdgeGroupPolicyResultKind is the outcome of setting a policy.
type SetEdgeGroupPolicyResultKind string

// The outcomes of setting a policy.
const (
	SetPolicySet        SetEdgeGroupPolicyResultKind = "set"
	SetPolicyAlreadySet SetEdgeGroupPolicyResultKind = "already_set" // the stored policy is the same
)

// SetEdgeGroupPolicyResult tells whether the policy is new.
type SetEdgeGroupPolicyResult struct {
	Outcome SetEdgeGroupPolicyResultKind
}

// DrainSiblingCancelGroupArgs names a group whose remaining upstreams are to be cancelled.
type DrainSiblingCancelGroupArgs struct {
	FlowID                FlowID      `json:"flow_id"`
	DownstreamExecutionID ExecutionID `json:"downstream_execution_id"`
}

// Validate implements [Validator].
func (a DrainSiblingCancelGroupArgs) Validate() error {
	return firstError(validateExecutionID("downstream_execution_id", a.DownstreamExecutionID))
}

// DrainSiblingCancelGroupResultKind is the outcome of draining a group.
type DrainSiblingCancelGroupResultKind string

// The outcomes of draining a group.
const (
	DrainDrained          DrainSiblingCancelGroupResultKind = "drained"
	DrainDrainedSansGroup DrainSiblingCancelGroupResultKind = "drained_sans_group" // the group's row is gone
	DrainAlreadyDrained   DrainSiblingCancelGroupResultKind = "already_drained"
)

// DrainSiblingCancelGroupResult counts the members by what became of them. Cancelled are those that this call ended.
type DrainSiblingCancelGroupResult struct {
	Outcome         DrainSiblingCancelGroupResultKind
	Cancelled       int
	AlreadyTerminal int
	NotFound        int
}

// ReconcileSiblingCancelGroupArgs names a group whose bookkeeping is to be put right.
type ReconcileSiblingCancelGroupArgs struct {
	FlowID                FlowID      `json:"flow_id"`
	DownstreamExecutionID ExecutionID `json:"downstream_execution_id"`
}

// Validate implements [Validator].
func (a ReconcileSiblingCancelGroupArgs) Validate() error {
	return firstError(validateExecutionID("downstream_execution_id", a.DownstreamExecutionID))
}

// SiblingCancelReconcileAction is what reconciling a group did.
type SiblingCancelReconcileAction string

// The actions.
const (
	ReconcileSremmedStale   SiblingCancelReconcileAction = "sremmed_stale"   // nothing was to be cancelled
	ReconcileCompletedDrain SiblingCancelReconcileAction = "completed_drain" // everything was cancelled already
	ReconcileNoOp           SiblingCancelReconcileAction = "no_op"           // the drain has work to do, or there is no group
)
