package messages

// ResolveDependencyArgs settles one applied edge by hand with an outcome of its upstream.
type ResolveDependencyArgs struct {
	FlowID                FlowID            `json:"flow_id"`
	DownstreamExecutionID ExecutionID       `json:"downstream_execution_id"`
	UpstreamExecutionID   ExecutionID       `json:"upstream_execution_id"`
	EdgeID                EdgeID            `json:"edge_id"`
	UpstreamOutcome       CompletionOutcome `json:"upstream_outcome"`                // any but resumable
	Partition             *Partition        `json:"partition,omitempty"`             // ignored
	LaneID                LaneID            `json:"lane_id,omitzero"`                // ignored
	CurrentAttemptIndex   AttemptIndex      `json:"current_attempt_index,omitempty"` // ignored
	Now                   TimestampMs       `json:"now,omitempty"`                   // 0: the engine's clock
}

// Validate implements [Validator].
func (a ResolveDependencyArgs) Validate() error {
	err := firstOf(
		validateExecutionID("downstream_execution_id", a.DownstreamExecutionID),
		validateExecutionID("upstream_execution_id", a.UpstreamExecutionID),
	)
	if err != nil {
		return err
	}
	switch a.UpstreamOutcome {
	case CompletionSuccess, CompletionFailed, CompletionCancelled, CompletionExpired, CompletionSkipped:
		return nil
	case CompletionResumable:
	}
	return InvalidField("upstream_outcome", "unknown (%s)", string(a.UpstreamOutcome))
}

// ResolveDependencyOutcomeKind is what became of an edge.
type ResolveDependencyOutcomeKind string

// The outcomes of resolving an edge.
const (
	ResolveSatisfied       ResolveDependencyOutcomeKind = "satisfied"
	ResolveImpossible      ResolveDependencyOutcomeKind = "impossible"
	ResolveAlreadyResolved ResolveDependencyOutcomeKind = "already_resolved" // the first resolution counts
)

// ResolveDependencyOutcome tells what became of the edge, of its group and of the child. An edge that was resolved before
// sets only GroupState.
type ResolveDependencyOutcome struct {
	Outcome      ResolveDependencyOutcomeKind
	GroupState   EdgeGroupState // after the call
	ChildSkipped bool
	DataInjected bool // the upstream's result became the child's input
}

// CompletionPayload names an execution whose end is to reach its dependants now. The engine reads everything but the id
// from its rows.
type CompletionPayload struct {
	ExecutionID  ExecutionID `json:"execution_id"`
	Outcome      string      `json:"outcome,omitempty"`       // ignored
	PayloadBytes []byte      `json:"payload_bytes,omitempty"` // ignored
	ProducedAt   TimestampMs `json:"produced_at,omitempty"`   // ignored
	FlowID       *FlowID     `json:"flow_id,omitempty"`       // ignored
}

// Validate implements [Validator].
func (p CompletionPayload) Validate() error {
	return firstError(validateExecutionID("execution_id", p.ExecutionID))
}

// CascadeOutcome counts what a cascade did.
type CascadeOutcome struct {
	Resolved         int  `json:"resolved"`          // edges
	CascadedChildren int  `json:"cascaded_children"` // skipped descendants whose own dependants were told, too
	Synchronous      bool `json:"synchronous"`       // always true
}

// EvaluateFlowEligibilityArgs asks whether an execution may run now.
type EvaluateFlowEligibilityArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
}

// Validate implements [Validator].
func (a EvaluateFlowEligibilityArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// FlowEligibility is whether an execution may run, or the first reason why not.
type FlowEligibility string

// The verdicts, in the order in which they are looked for.
const (
	EligibilityNotFound       FlowEligibility = "not_found"
	EligibilityNotRunnable    FlowEligibility = "not_runnable" // it runs, is suspended or has ended
	EligibilityOwned          FlowEligibility = "owned"
	EligibilityTerminal       FlowEligibility = "terminal"
	EligibilityImpossible     FlowEligibility = "impossible" // its dependencies can no longer be met
	EligibilityBlockedByEdges FlowEligibility = "blocked_by_dependencies"
	EligibilityEligible       FlowEligibility = "eligible"
)

// EvaluateFlowEligibilityResult is a verdict on one snapshot of the database.
type EvaluateFlowEligibilityResult struct {
	Status FlowEligibility `json:"status"`
}
