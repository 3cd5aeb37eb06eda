package messages

// The bounds of a [SubmitFlowArgs].
const (
	SubmitFlowMaxExecutions = 10_000
	SubmitFlowMaxEdges      = 50_000
)

// SubmitFlowArgs creates a flow with its members, policies and applied edges in one message, all or nothing.
type SubmitFlowArgs struct {
	FlowID    FlowID    `json:"flow_id"`
	FlowKind  string    `json:"flow_kind"`
	Namespace Namespace `json:"namespace"`
	// Executions are the members. One without namespace has the flow's, one without time the call's.
	Executions []CreateExecutionArgs `json:"executions"`
	Policies   []SubmitFlowPolicy    `json:"policies,omitempty"`
	Edges      []SubmitFlowEdge      `json:"edges,omitempty"`
	Now        TimestampMs           `json:"now,omitempty"` // 0: the engine's clock
}

// Method returns "submit_flow".
func (SubmitFlowArgs) Method() string { return "submit_flow" }

func (SubmitFlowArgs) isMessage() {}

func (SubmitFlowArgs) isMutation() {}

// SubmitFlowPolicy says how the edges into one member combine; without one, all of them are required.
type SubmitFlowPolicy struct {
	DownstreamExecutionID ExecutionID          `json:"downstream_execution_id"`
	Policy                EdgeDependencyPolicy `json:"policy"`
}

// SubmitFlowEdge says that one member depends on another. A call whose edges have no ids cannot be repeated.
type SubmitFlowEdge struct {
	EdgeID                EdgeID      `json:"edge_id,omitzero"` // zero: drawn by the engine
	UpstreamExecutionID   ExecutionID `json:"upstream_execution_id"`
	DownstreamExecutionID ExecutionID `json:"downstream_execution_id"`
	DependencyKind        string      `json:"dependency_kind,omitempty"` // "": success_only
	DataPassingRef        string      `json:"data_passing_ref,omitempty"`
}

// Flow is the single call that creates the flow itself.
func (a SubmitFlowArgs) Flow() CreateFlowArgs {
	return CreateFlowArgs{FlowID: a.FlowID, FlowKind: a.FlowKind, Namespace: a.Namespace, Now: a.Now}
}

// Execution is the single call that creates the member at index i.
func (a SubmitFlowArgs) Execution(i int) CreateExecutionArgs {
	member := a.Executions[i]
	if member.Namespace == "" {
		member.Namespace = a.Namespace
	}
	if member.Now == 0 {
		member.Now = a.Now
	}
	return member
}

// Edge is the single call that stages the edge at index i, but for the revision that it expects.
func (a SubmitFlowArgs) Edge(i int) StageDependencyEdgeArgs {
	edge := a.Edges[i]
	return StageDependencyEdgeArgs{
		FlowID: a.FlowID, EdgeID: edge.EdgeID, UpstreamExecutionID: edge.UpstreamExecutionID,
		DownstreamExecutionID: edge.DownstreamExecutionID, DependencyKind: edge.DependencyKind,
		DataPassingRef: edge.DataPassingRef, Now: a.Now,
	}
}

// Members are the indexes of the members by their ids.
func (a SubmitFlowArgs) Members() map[ExecutionID]int {
	members := make(map[ExecutionID]int, len(a.Executions))
	for i := range a.Executions {
		members[a.Executions[i].ExecutionID] = i
	}
	return members
}

// Validate implements [Validator]. It checks the graph, too, in time that is linear in its size.
func (a SubmitFlowArgs) Validate() error {
	err := firstOf(
		validateCount("executions", len(a.Executions), 1, SubmitFlowMaxExecutions),
		validateCount("edges", len(a.Edges), 0, SubmitFlowMaxEdges),
	)
	if err != nil {
		return err
	}
	if err := a.Flow().Validate(); err != nil {
		return err
	}
	if err := a.validateExecutions(); err != nil {
		return err
	}
	members := a.Members()
	if err := a.validatePolicies(members); err != nil {
		return err
	}
	return a.validateEdges(members)
}

// validateExecutions checks every member, and that no two would be one execution.
func (a SubmitFlowArgs) validateExecutions() error {
	type key struct {
		namespace Namespace
		key       string
	}
	uuids := make(map[[16]byte]ExecutionID, len(a.Executions))
	keys := map[key]ExecutionID{}
	for i := range a.Executions {
		member := a.Execution(i)
		if err := member.Validate(); err != nil {
			return AtElement(err, "executions", i)
		}
		uuid, used := member.ExecutionID.UUID(), key{member.Namespace, member.IdempotencyKey}
		switch same, known := uuids[uuid]; {
		case known && same == member.ExecutionID:
			return AtElement(InvalidField("execution_id", "already exists"), "executions", i)
		case known:
			return AtElement(InvalidField("execution_id", "uuid already used by %s", same), "executions", i)
		}
		if same, known := keys[used]; known && used.key != "" {
			return AtElement(InvalidField("idempotency_key", "already used by %s", same), "executions", i)
		}
		uuids[uuid], keys[used] = member.ExecutionID, member.ExecutionID
	}
	return nil
}

func (a SubmitFlowArgs) validatePolicies(members map[ExecutionID]int) error {
	seen := make(map[ExecutionID]bool, len(a.Policies))
	for i, p := range a.Policies {
		err := p.Policy.Validate()
		switch _, known := members[p.DownstreamExecutionID]; {
		case err != nil:
		case !known:
			err = StateError(CodeExecutionNotInFlow, "execution_not_in_flow")
		case seen[p.DownstreamExecutionID]:
			err = InvalidField("downstream_execution_id", "has two policies (%s)", p.DownstreamExecutionID)
		}
		if err != nil {
			return AtElement(err, "policies", i)
		}
		seen[p.DownstreamExecutionID] = true
	}
	return nil
}

// validateEdges checks every edge by itself, and then that the graph has no cycle.
func (a SubmitFlowArgs) validateEdges(members map[ExecutionID]int) error {
	seen := make(map[EdgeID]bool, len(a.Edges))
	graph := make([]arc, len(a.Edges))
	for i := range a.Edges {
		edge := a.Edge(i)
		if err := edge.Validate(); err != nil {
			return AtElement(err, "edges", i)
		}
		from, known := members[edge.UpstreamExecutionID]
		to, also := members[edge.DownstreamExecutionID]
		switch {
		case !known || !also:
			return AtElement(StateError(CodeExecutionNotInFlow, "execution_not_in_flow"), "edges", i)
		case seen[edge.EdgeID]:
			return AtElement(
				ConflictError(CodeDependencyAlreadyExists, "dependency_already_exists:edge_id="+edge.EdgeID.String()), "edges", i)
		}
		seen[edge.EdgeID] = !edge.EdgeID.IsZero()
		graph[i] = arc{from, to}
	}
	if i := closesCycle(len(a.Executions), graph); i >= 0 {
		return AtElement(ConflictError(CodeCycleDetected, "edge_id="+a.Edges[i].EdgeID.String()), "edges", i)
	}
	return nil
}

// SubmitFlowResultKind is the outcome of submitting a flow.
type SubmitFlowResultKind string

// The outcomes of submitting a flow.
const (
	SubmitFlowCreated          SubmitFlowResultKind = "created"
	SubmitFlowAlreadySatisfied SubmitFlowResultKind = "already_satisfied"
)

// SubmitFlowResult has the ids in the order of the arguments, those that were drawn included.
type SubmitFlowResult struct {
	Outcome       SubmitFlowResultKind
	FlowID        FlowID
	GraphRevision uint64
	ExecutionIDs  []ExecutionID
	EdgeIDs       []EdgeID
}
