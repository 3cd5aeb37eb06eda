package ffsqlite_test

import (
	"slices"

	"github.com/flowfabric/ffsqlite/messages"
)

// The arguments of operations on flows.

// mostFlows is how many flows the drawn calls work on, so that they meet in each.
const mostFlows = 3

// flowID is a flow that exists, mostly.
func (d *drawer) flowID() messages.FlowID {
	if len(d.flows) == 0 || d.rarely("unknown flow", 15) {
		return messages.FlowID{6: 0x40, 8: 0x80, 9: 0xff}
	}
	return d.flows[d.choose("flow", len(d.flows))].id
}

// someFlow is one that exists, mostly an open one.
func (d *drawer) someFlow() *flowTwin {
	if len(d.flows) == 0 {
		d.skip("no flow")
	}
	open := slices.DeleteFunc(slices.Clone(d.flows), func(f *flowTwin) bool { return f.closed != nil })
	if len(open) > 0 && !d.rarely("any flow", 4) {
		return open[d.choose("open flow", len(open))]
	}
	return d.flows[d.choose("flow", len(d.flows))]
}

// freshFlowID is a flow that does not exist, until there are enough.
func (d *drawer) freshFlowID() messages.FlowID {
	if len(d.flows) >= mostFlows || len(d.flows) > 0 && d.rarely("once more", 4) {
		return d.someFlow().id
	}
	return messages.FlowID(d.mint())
}

func (d *drawer) createFlow() messages.CreateFlowArgs {
	a := messages.CreateFlowArgs{FlowID: d.freshFlowID(), FlowKind: one(d, "kind", "dag", ""), Namespace: namespace}
	if d.rarely("no namespace", 15) {
		a.Namespace = ""
	}
	return a
}

func (d *drawer) addToFlow() messages.AddExecutionToFlowArgs {
	return messages.AddExecutionToFlowArgs{FlowID: d.flowID(), ExecutionID: d.any()}
}

// memberOf is mostly a member of the flow.
func (d *drawer) memberOf(f *flowTwin) messages.ExecutionID {
	members := d.membersOf(f)
	if len(members) == 0 || d.rarely("no member", 15) {
		return d.any()
	}
	return members[d.choose("member", len(members))].id
}

// released is mostly a member that was free to run and whose claim may still be put off.
func (d *drawer) released(f *flowTwin) messages.ExecutionID {
	released := slices.DeleteFunc(d.membersOf(f), func(x *twin) bool {
		g := f.groups[x.id]
		return x.state != messages.PublicWaiting || g == nil || g.state != messages.EdgeGroupSatisfied
	})
	if len(released) > 0 && d.rarely("released", 2) {
		return released[d.choose("member", len(released))].id
	}
	return d.memberOf(f)
}

// unended is mostly a member that has not ended.
func (d *drawer) unended(f *flowTwin) messages.ExecutionID {
	members := slices.DeleteFunc(d.membersOf(f), (*twin).over)
	if len(members) > 0 && !d.rarely("any member", 3) {
		return members[d.choose("member", len(members))].id
	}
	return d.memberOf(f)
}

func (d *drawer) stage() messages.StageDependencyEdgeArgs {
	f := d.someFlow()
	a := messages.StageDependencyEdgeArgs{
		FlowID: f.id, EdgeID: d.edgeID(f, len(f.edges)), ExpectedGraphRevision: f.revision,
		UpstreamExecutionID: d.unended(f), DownstreamExecutionID: d.released(f), DataPassingRef: one(d, "ref", "", "r"),
	}
	if d.rarely("old revision", 15) {
		a.ExpectedGraphRevision++
	}
	if len(f.edges) > 0 && d.rarely("edge again", 15) {
		a.EdgeID = f.edges[0].id
	}
	return a
}

// edgeID is that of the n-th edge. They grow, so that the order of their ids is the one in which they were staged.
func (d *drawer) edgeID(f *flowTwin, n int) messages.EdgeID {
	id := messages.EdgeID(f.id)
	id[0], id[1], id[2] = 1, byte(n>>8), byte(n)
	return id
}

// edgeOf is one of the edges of a flow, mostly one in the state.
func (d *drawer) edgeOf(f *flowTwin, state edgeState) edgeTwin {
	wanted := slices.DeleteFunc(slices.Clone(f.edges), func(e *edgeTwin) bool { return e.state != state })
	if len(wanted) > 0 && !d.rarely("any edge", 4) {
		return *wanted[d.choose("edge", len(wanted))]
	}
	if len(f.edges) == 0 || d.rarely("no edge", 15) {
		return edgeTwin{id: d.edgeID(f, 1000), up: d.any(), down: d.any()}
	}
	e := *f.edges[len(f.edges)-1-d.choose("edge", len(f.edges))]
	if d.rarely("other end", 15) {
		e.up = d.any()
	}
	return e
}

func (d *drawer) apply() messages.ApplyDependencyToChildArgs {
	f := d.someFlow()
	e := d.edgeOf(f, edgeStaged)
	return messages.ApplyDependencyToChildArgs{
		FlowID: f.id, EdgeID: e.id, UpstreamExecutionID: e.up, DownstreamExecutionID: e.down, DataPassingRef: one(d, "ref", "", "r"),
	}
}

func (d *drawer) resolve() messages.ResolveDependencyArgs {
	f := d.someFlow()
	e := d.edgeOf(f, edgeOpen)
	return messages.ResolveDependencyArgs{
		FlowID: f.id, EdgeID: e.id, UpstreamExecutionID: e.up, DownstreamExecutionID: e.down,
		UpstreamOutcome: one(d, "outcome", messages.CompletionSuccess, messages.CompletionFailed, messages.CompletionSkipped,
			messages.CompletionCancelled, messages.CompletionExpired, messages.CompletionResumable),
	}
}

func (d *drawer) setPolicy() messages.SetEdgeGroupPolicyArgs {
	f := d.someFlow()
	return messages.SetEdgeGroupPolicyArgs{FlowID: f.id, DownstreamExecutionID: d.memberOf(f), Policy: d.edgePolicy()}
}

func (d *drawer) edgePolicy() messages.EdgeDependencyPolicy {
	then := one(d, "then", messages.CancelRemaining, messages.LetRun, "")
	if !d.timed {
		then = messages.LetRun
	}
	return one(d, "policy", messages.EdgeDependencyPolicy{Kind: messages.AllOf}, messages.EdgeDependencyPolicy{},
		anyOf(then), quorum(1, then), quorum(2, then), quorum(3, then), anyOf(then), quorum(2, then),
		quorum(0, then), messages.EdgeDependencyPolicy{Kind: "most_of"}, anyOf("shrug"))
}

// group is one whose siblings may have to be cancelled.
func (d *drawer) group() (messages.FlowID, messages.ExecutionID) {
	f := d.someFlow()
	return f.id, d.memberOf(f)
}

func (d *drawer) closingPolicy() messages.CancelFlowPolicy {
	return one(d, "policy", messages.CancelFlowOnly, messages.CancelPending, messages.CancelAll, "cancel_some")
}

func (d *drawer) cancelFlow() messages.CancelFlowArgs {
	return messages.CancelFlowArgs{FlowID: d.flowID(), Policy: d.closingPolicy()}
}

func (d *drawer) cancelHeader() messages.CancelFlowHeaderArgs {
	return messages.CancelFlowHeaderArgs{FlowID: d.flowID(), Reason: "enough", CancellationPolicy: d.closingPolicy()}
}

func (d *drawer) cancelRequest() messages.CancelFlowRequestArgs {
	return messages.CancelFlowRequestArgs{
		FlowID: d.flowID(), Reason: "enough", CancellationPolicy: d.closingPolicy(), Wait: d.rarely("wait", 2),
	}
}

// acknowledge is mostly for a member that is waited for.
func (d *drawer) acknowledge() messages.AckCancelMemberArgs {
	for _, f := range d.flows {
		if f.closed != nil && len(f.closed.backlog) > 0 && !d.rarely("another", 4) {
			return messages.AckCancelMemberArgs{FlowID: f.id, ExecutionID: one(d, "member", f.closed.backlog...)}
		}
	}
	return messages.AckCancelMemberArgs{FlowID: d.flowID(), ExecutionID: d.any()}
}

func (d *drawer) setFlowTag() messages.SetFlowTagArgs {
	return messages.SetFlowTagArgs{FlowID: d.flowID(), Key: d.tag(), Value: one(d, "value", "", "v", "w")}
}

// submit is a whole flow, or one that is there already.
func (d *drawer) submit() messages.SubmitFlowArgs {
	a := messages.SubmitFlowArgs{FlowID: d.freshFlowID(), Namespace: namespace}
	if f := d.flow(a.FlowID); f != nil && len(d.membersOf(f)) > 0 && d.rarely("repeat", 2) {
		return d.resubmit(f)
	}
	for range 2 + d.choose("members", 5) {
		a.Executions = append(a.Executions, d.execution())
	}
	d.connect(&a)
	d.spoil(&a)
	return a
}

// connect draws edges from members to later ones, and policies.
func (d *drawer) connect(a *messages.SubmitFlowArgs) {
	f := &flowTwin{id: a.FlowID}
	for down := range a.Executions {
		id := a.Executions[down].ExecutionID
		for up := range down {
			if d.rarely("edge", 2) {
				a.Edges = append(a.Edges, messages.SubmitFlowEdge{
					EdgeID: d.edgeID(f, len(a.Edges)), UpstreamExecutionID: a.Executions[up].ExecutionID, DownstreamExecutionID: id,
					DataPassingRef: one(d, "ref", "", "r"),
				})
			}
		}
		if down > 0 && d.rarely("policy", 2) {
			a.Policies = append(a.Policies, messages.SubmitFlowPolicy{DownstreamExecutionID: id, Policy: d.goodEdgePolicy()})
		}
	}
}

func (d *drawer) goodEdgePolicy() messages.EdgeDependencyPolicy {
	policy := d.edgePolicy()
	if _, err := completePolicy(policy); err != nil {
		return anyOf(messages.LetRun)
	}
	return policy
}

// spoil makes a fault, once in a while.
func (d *drawer) spoil(a *messages.SubmitFlowArgs) {
	switch d.choose("fault", 12) {
	case 11:
		a.Executions[len(a.Executions)-1].ExecutionID = d.known()
		a.Edges, a.Policies = nil, nil
		unkeyed(a)
	case 10:
		unkeyed(a)
		if n := len(a.Edges); n > 0 {
			first := a.Edges[0]
			a.Edges = append(a.Edges, messages.SubmitFlowEdge{
				EdgeID: d.edgeID(&flowTwin{id: a.FlowID}, n), UpstreamExecutionID: first.DownstreamExecutionID,
				DownstreamExecutionID: first.UpstreamExecutionID,
			})
		}
	case 9:
		a.Namespace = ""
	}
}

// unkeyed leaves out what may be a fault, too.
func unkeyed(a *messages.SubmitFlowArgs) {
	for i := range a.Executions {
		a.Executions[i].IdempotencyKey = ""
	}
}

// resubmit is the flow as it is.
func (d *drawer) resubmit(f *flowTwin) messages.SubmitFlowArgs {
	a := messages.SubmitFlowArgs{FlowID: f.id, Namespace: namespace}
	for _, x := range d.membersOf(f) {
		a.Executions = append(a.Executions, args(x.id))
	}
	for _, e := range f.edges {
		a.Edges = append(a.Edges, messages.SubmitFlowEdge{
			EdgeID: e.id, UpstreamExecutionID: e.up, DownstreamExecutionID: e.down,
		})
	}
	return a
}
