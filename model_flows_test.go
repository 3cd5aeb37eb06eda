package ffsqlite_test

import (
	"slices"

	"github.com/flowfabric/ffsqlite/messages"
)

// flowTwin is one flow.
type flowTwin struct {
	id        messages.FlowID
	kind      string
	namespace messages.Namespace
	created   messages.TimestampMs
	changed   messages.TimestampMs
	revision  uint64
	members   uint32
	edges     []*edgeTwin                         // in the order in which they were staged
	groups    map[messages.ExecutionID]*groupTwin // by the execution that waits
	closed    *closing
}

// edgeTwin says that one member depends on another.
type edgeTwin struct {
	id       messages.EdgeID
	up, down messages.ExecutionID
	ref      string
	state    edgeState
	outcome  string // that settled it
	reset    int    // ends up to this one do not count
}

// edgeState is the word that is stored.
type edgeState string

const (
	edgeStaged     edgeState = "none"
	edgeOpen       edgeState = "unsatisfied"
	edgeSatisfied  edgeState = "satisfied"
	edgeImpossible edgeState = "impossible"
)

func (f *flowTwin) clone() *flowTwin {
	c := *f
	c.edges = slices.Clone(f.edges)
	for i, e := range c.edges {
		c.edges[i] = new(*e)
	}
	c.groups = map[messages.ExecutionID]*groupTwin{}
	for id, g := range f.groups {
		c.groups[id] = new(*g)
	}
	if f.closed != nil {
		c.closed = new(*f.closed)
	}
	return &c
}

func (m *model) flow(id messages.FlowID) *flowTwin {
	i := slices.IndexFunc(m.flows, func(f *flowTwin) bool { return f.id == id })
	if i < 0 {
		return nil
	}
	return m.flows[i]
}

// openFlow is a flow whose graph may change.
func (m *model) openFlow(id messages.FlowID) (*flowTwin, error) {
	f := m.flow(id)
	switch {
	case f == nil:
		return nil, messages.ErrFlowNotFound
	case f.closed != nil:
		return nil, messages.ErrFlowAlreadyTerminal
	}
	return f, nil
}

// membersOf are the members of a flow in the order of their ids.
func (m *model) membersOf(f *flowTwin) (members []*twin) {
	for _, x := range m.twins {
		if x.flow == f.id {
			members = append(members, x)
		}
	}
	slices.SortFunc(members, func(a, b *twin) int { return compareIDs(a.id, b.id) })
	return members
}

func (m *model) createFlow(args messages.CreateFlowArgs) (result messages.CreateFlowResult, err error) {
	if args.FlowID.IsZero() || args.Namespace == "" {
		return result, messages.ErrInvalidInput
	}
	if m.flow(args.FlowID) != nil {
		return messages.CreateFlowResult{Outcome: messages.CreateFlowAlreadySatisfied, FlowID: args.FlowID}, nil
	}
	m.flows = append(m.flows, &flowTwin{
		id: args.FlowID, kind: args.FlowKind, namespace: args.Namespace, created: m.now, changed: m.now,
		groups: map[messages.ExecutionID]*groupTwin{},
	})
	return messages.CreateFlowResult{Outcome: messages.CreateFlowCreated, FlowID: args.FlowID}, nil
}

func (m *model) addToFlow(args messages.AddExecutionToFlowArgs) (result messages.AddExecutionToFlowResult, err error) {
	f, err := m.openFlow(args.FlowID)
	if err != nil {
		return result, err
	}
	x := m.find(args.ExecutionID)
	switch {
	case x == nil:
		return result, messages.ErrExecutionNotFound
	case x.flow == f.id:
		return messages.AddExecutionToFlowResult{
			Outcome: messages.AddAlreadyMember, ExecutionID: x.id, NodeCount: f.members,
		}, nil
	case !x.flow.IsZero():
		return result, messages.ErrExecutionAlreadyInFlow
	}
	x.flow = f.id
	f.members++
	f.revise(m.now)
	return messages.AddExecutionToFlowResult{Outcome: messages.AddAdded, ExecutionID: x.id, NodeCount: f.members}, nil
}

func (f *flowTwin) revise(now messages.TimestampMs) {
	f.revision++
	f.changed = now
}

func (m *model) stage(args messages.StageDependencyEdgeArgs) (result messages.StageDependencyEdgeResult, err error) {
	if args.UpstreamExecutionID == args.DownstreamExecutionID {
		return result, messages.ErrSelfReferencingEdge
	}
	f, err := m.openFlow(args.FlowID)
	if err != nil {
		return result, err
	}
	if args.ExpectedGraphRevision != f.revision {
		return result, messages.ErrStaleGraphRevision
	}
	for _, id := range []messages.ExecutionID{args.UpstreamExecutionID, args.DownstreamExecutionID} {
		if x := m.find(id); x == nil || x.flow != f.id {
			return result, messages.ErrExecutionNotInFlow
		}
	}
	switch {
	case f.leads(args.DownstreamExecutionID, args.UpstreamExecutionID):
		return result, messages.ErrCycleDetected
	case f.edge(args.EdgeID) != nil:
		return result, messages.ErrDependencyAlreadyExists
	}
	f.edges = append(f.edges, &edgeTwin{
		id: args.EdgeID, up: args.UpstreamExecutionID, down: args.DownstreamExecutionID, ref: args.DataPassingRef,
		state: edgeStaged,
	})
	f.revise(m.now)
	return messages.StageDependencyEdgeResult{EdgeID: args.EdgeID, NewGraphRevision: f.revision}, nil
}

// leads says whether there is a way along the edges.
func (f *flowTwin) leads(from, to messages.ExecutionID) bool {
	return from == to || slices.ContainsFunc(f.edges, func(e *edgeTwin) bool { return e.up == from && f.leads(e.down, to) })
}

func (f *flowTwin) edge(id messages.EdgeID) *edgeTwin {
	for _, e := range f.edges {
		if e.id == id {
			return e
		}
	}
	return nil
}

// into are the edges that lead to a member.
func (f *flowTwin) into(id messages.ExecutionID) (edges []*edgeTwin) {
	for _, e := range f.edges {
		if e.down == id {
			edges = append(edges, e)
		}
	}
	return edges
}

func (m *model) apply(args messages.ApplyDependencyToChildArgs) (result messages.ApplyDependencyToChildResult, err error) {
	f := m.flow(args.FlowID)
	if f == nil || f.edge(args.EdgeID) == nil {
		return result, messages.ErrEdgeNotFound
	}
	e := f.edge(args.EdgeID)
	switch {
	case e.up != args.UpstreamExecutionID || e.down != args.DownstreamExecutionID:
		return result, messages.ErrInvalidDependency
	case e.state != edgeStaged:
		return messages.ApplyDependencyToChildResult{Outcome: messages.ApplyAlreadyApplied}, nil
	}
	if e.ref == "" {
		e.ref = args.DataPassingRef
	}
	m.count(f, e)
	return messages.ApplyDependencyToChildResult{
		Outcome: messages.ApplyApplied, UnsatisfiedCount: uint32(f.tally(e.down).running),
	}, nil
}

// count has a staged edge count.
func (m *model) count(f *flowTwin, e *edgeTwin) {
	e.state = edgeOpen
	g, child, upstream := f.group(e.down), m.find(e.down), m.find(e.up)
	if g.policy.Kind == messages.AllOf && g.state == messages.EdgeGroupSatisfied && child.parked() {
		g.state = messages.EdgeGroupPending
	}
	if upstream.over() {
		m.resolve(f, e, outcomes[upstream.state])
	}
	if g.state == messages.EdgeGroupPending && child.parked() {
		child.state = messages.PublicWaitingChildren
	}
}

// outcomes are how executions have ended, by their state.
var outcomes = map[messages.PublicState]string{
	messages.PublicCompleted: "success", messages.PublicFailed: "failed", messages.PublicCancelled: "cancelled",
	messages.PublicExpired: "expired", messages.PublicSkipped: "skipped",
}

func (m *model) setPolicy(args messages.SetEdgeGroupPolicyArgs) (result messages.SetEdgeGroupPolicyResult, err error) {
	policy, err := completePolicy(args.Policy)
	if err != nil {
		return result, err
	}
	f := m.flow(args.FlowID)
	switch {
	case f == nil:
		return result, messages.ErrFlowNotFound
	case len(f.into(args.DownstreamExecutionID)) > 0:
		return result, messages.ErrInvalidInput
	}
	if g, known := f.groups[args.DownstreamExecutionID]; known && g.policy == policy {
		return messages.SetEdgeGroupPolicyResult{Outcome: messages.SetPolicyAlreadySet}, nil
	}
	f.group(args.DownstreamExecutionID).policy = policy
	return messages.SetEdgeGroupPolicyResult{Outcome: messages.SetPolicySet}, nil
}

// completePolicy says all that a policy leaves out.
func completePolicy(p messages.EdgeDependencyPolicy) (messages.EdgeDependencyPolicy, error) {
	switch {
	case p.Kind == "" || p.Kind == messages.AllOf:
		return messages.EdgeDependencyPolicy{Kind: messages.AllOf}, nil
	case p.Kind != messages.AnyOf && p.Kind != messages.Quorum, p.Kind == messages.Quorum && (p.K == 0 || p.K > 1<<31-1),
		p.OnSatisfied != "" && p.OnSatisfied != messages.CancelRemaining && p.OnSatisfied != messages.LetRun:
		return p, messages.ErrInvalidInput
	}
	if p.OnSatisfied == "" {
		p.OnSatisfied = messages.CancelRemaining
	}
	if p.Kind == messages.AnyOf {
		p.K = 0
	}
	return p, nil
}

// submit is SubmitFlow: the single calls one after the other, all or nothing. It changes the model even when it is
// refused.
func (m *model) submit(args messages.SubmitFlowArgs) (result messages.SubmitFlowResult, err error) {
	result = messages.SubmitFlowResult{Outcome: messages.SubmitFlowCreated, FlowID: args.FlowID, EdgeIDs: []messages.EdgeID{}}
	for _, x := range args.Executions {
		result.ExecutionIDs = append(result.ExecutionIDs, x.ExecutionID)
	}
	for _, e := range args.Edges {
		result.EdgeIDs = append(result.EdgeIDs, e.EdgeID)
	}
	var graph flowTwin
	for _, e := range args.Edges {
		if graph.leads(e.DownstreamExecutionID, e.UpstreamExecutionID) {
			return messages.SubmitFlowResult{}, messages.ErrCycleDetected
		}
		graph.edges = append(graph.edges, &edgeTwin{up: e.UpstreamExecutionID, down: e.DownstreamExecutionID})
	}
	if f := m.flow(args.FlowID); f != nil {
		if !m.repeats(f, args) {
			return messages.SubmitFlowResult{}, messages.ErrInvalidInput
		}
		result.Outcome, result.GraphRevision = messages.SubmitFlowAlreadySatisfied, f.revision
		return result, nil
	}
	if _, err := m.createFlow(messages.CreateFlowArgs{
		FlowID: args.FlowID, FlowKind: args.FlowKind, Namespace: args.Namespace,
	}); err != nil {
		return messages.SubmitFlowResult{}, err
	}
	if err := m.fill(m.flow(args.FlowID), args); err != nil {
		return messages.SubmitFlowResult{}, err
	}
	result.GraphRevision = m.flow(args.FlowID).revision
	return result, nil
}

// repeats says whether all that would be submitted is there.
func (m *model) repeats(f *flowTwin, args messages.SubmitFlowArgs) bool {
	for _, given := range args.Executions {
		if x := m.find(given.ExecutionID); x == nil || x.flow != f.id {
			return false
		}
	}
	for _, given := range args.Edges {
		e := f.edge(given.EdgeID)
		if e == nil || e.up != given.UpstreamExecutionID || e.down != given.DownstreamExecutionID {
			return false
		}
	}
	return true
}

func (m *model) fill(f *flowTwin, args messages.SubmitFlowArgs) error {
	for _, given := range args.Executions {
		if x := m.find(given.ExecutionID); x != nil && !x.flow.IsZero() && x.flow != f.id {
			return messages.ErrExecutionAlreadyInFlow
		}
		_, x, err := m.create(given)
		if err != nil || x == nil {
			return messages.ErrInvalidInput // It is there already.
		}
		if _, err := m.addToFlow(messages.AddExecutionToFlowArgs{FlowID: f.id, ExecutionID: x.id}); err != nil {
			return err
		}
	}
	for _, given := range args.Policies {
		_, err := m.setPolicy(messages.SetEdgeGroupPolicyArgs{
			FlowID: f.id, DownstreamExecutionID: given.DownstreamExecutionID, Policy: given.Policy,
		})
		if err != nil {
			return err
		}
	}
	for _, given := range args.Edges {
		_, err := m.stage(messages.StageDependencyEdgeArgs{
			FlowID: f.id, EdgeID: given.EdgeID, UpstreamExecutionID: given.UpstreamExecutionID,
			DownstreamExecutionID: given.DownstreamExecutionID, DataPassingRef: given.DataPassingRef,
			ExpectedGraphRevision: f.revision,
		})
		if err != nil {
			return err
		}
		m.count(f, f.edge(given.EdgeID))
	}
	return nil
}
