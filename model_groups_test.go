package ffsqlite_test

import (
	"slices"

	"github.com/flowfabric/ffsqlite/messages"
)

// What the edges of a flow do when executions end.

// groupTwin is how the edges into one member combine.
type groupTwin struct {
	policy  messages.EdgeDependencyPolicy
	state   messages.EdgeGroupState
	pending bool // the siblings are to be cancelled
	flagged []messages.ExecutionID
}

// group is that of a member, which may not have one yet.
func (f *flowTwin) group(down messages.ExecutionID) *groupTwin {
	g, known := f.groups[down]
	if !known {
		g = &groupTwin{policy: messages.EdgeDependencyPolicy{Kind: messages.AllOf}, state: messages.EdgeGroupPending}
		f.groups[down] = g
	}
	return g
}

// edgeTally counts the edges into a member.
type edgeTally struct{ success, fail, skip, running, staged int }

func (t edgeTally) open() int { return t.running + t.staged }

func (f *flowTwin) tally(down messages.ExecutionID) (t edgeTally) {
	for _, e := range f.into(down) {
		switch {
		case e.state == edgeStaged:
			t.staged++
		case e.state == edgeOpen:
			t.running++
		case e.state == edgeSatisfied:
			t.success++
		case e.outcome == "skipped":
			t.skip++
		default:
			t.fail++
		}
	}
	return t
}

// verdict is what the policy makes of the edges into a member. Those that are staged may still succeed.
func (f *flowTwin) verdict(down messages.ExecutionID) messages.EdgeGroupState {
	policy, t := f.group(down).policy, f.tally(down)
	all := t.success + t.fail + t.skip + t.open()
	need := all
	switch policy.Kind {
	case messages.AnyOf:
		need = 1
	case messages.Quorum:
		need = int(policy.K)
	case messages.AllOf:
	}
	switch {
	case all > 0 && t.success >= need:
		return messages.EdgeGroupSatisfied
	case all > 0 && all-t.fail-t.skip < need:
		return messages.EdgeGroupImpossible
	}
	return messages.EdgeGroupPending
}

// holdsBack says that an edge into the member counts and is not satisfied, and neither is the group.
func (f *flowTwin) holdsBack(down messages.ExecutionID) bool {
	g, known := f.groups[down]
	t := f.tally(down)
	return known && g.state != messages.EdgeGroupSatisfied && t.running+t.fail+t.skip > 0
}

// hopTwin is what an end sets off, or, without one, a group whose siblings are to be cancelled.
type hopTwin struct {
	end     int // its place among all ends
	of      messages.ExecutionID
	flow    messages.FlowID
	outcome string
}

// cascade does all that the ends so far set off, oldest first.
func (m *model) cascade() {
	for len(m.hops) > 0 {
		next := m.hops[0]
		m.hops = m.hops[1:]
		if next.end == 0 {
			m.drain(next.flow, next.of)
		} else {
			m.dispatch(next)
		}
		m.serve()
	}
	m.hops = nil
}

// dispatch tells the dependants of an execution, in the order in which their edges were staged, how it has ended.
func (m *model) dispatch(h hopTwin) (resolved int) {
	f := m.flow(h.flow)
	for _, e := range f.edges {
		if e.up == h.of && e.state == edgeOpen && e.reset < h.end {
			m.resolve(f, e, h.outcome)
			resolved++
		}
	}
	return resolved
}

// resolve settles an edge.
func (m *model) resolve(f *flowTwin, e *edgeTwin, outcome string) (skipped, passed bool) {
	e.state, e.outcome = edgeImpossible, outcome
	if outcome == "success" {
		e.state = edgeSatisfied
	}
	return m.evaluate(f, e.down, e)
}

// evaluate has a group fire, once; an edge was settled or, in one that begins anew, none.
func (m *model) evaluate(f *flowTwin, down messages.ExecutionID, e *edgeTwin) (skipped, passed bool) {
	g, child := f.group(down), m.find(down)
	if g.policy.Kind == messages.AllOf {
		passed = m.pass(e)
	}
	if g.state == messages.EdgeGroupPending {
		g.state = f.verdict(down)
	} else {
		return false, passed
	}
	switch g.state {
	case messages.EdgeGroupPending, messages.EdgeGroupCancelled:
		return false, passed
	case messages.EdgeGroupSatisfied:
		passed = passed || g.policy.Kind != messages.AllOf && m.pass(e)
		m.release(child)
	case messages.EdgeGroupImpossible:
		skipped = !child.over()
		m.drop(child)
	}
	if g.policy.OnSatisfied == messages.CancelRemaining {
		m.flag(f, down, e)
	}
	return skipped, passed
}

// pass makes the result of the upstream the input of the execution that waits for it.
func (m *model) pass(e *edgeTwin) bool {
	if e == nil || e.state != edgeSatisfied || e.ref == "" {
		return false
	}
	child, upstream := m.find(e.down), m.find(e.up)
	if !child.parked() || upstream.result == nil {
		return false
	}
	child.payload = *upstream.result
	return true
}

func (m *model) release(x *twin) {
	if x.state != messages.PublicWaitingChildren {
		return
	}
	x.state, x.backingOff = messages.PublicDelayed, false
	x.promote(m.now)
}

// drop ends an execution that has nothing to wait for any more, even one that runs.
func (m *model) drop(x *twin) {
	if x.over() {
		return
	}
	outcome := x.last.outcome
	if x.revokeHeld() {
		outcome = "skipped"
	}
	m.end(x, messages.PublicSkipped, "skipped", outcome)
}

// flag has the upstreams of a group cancelled that have not ended, but for that of the edge.
func (m *model) flag(f *flowTwin, down messages.ExecutionID, e *edgeTwin) {
	var siblings []messages.ExecutionID
	for _, other := range f.into(down) {
		if !m.find(other.up).over() && (e == nil || other.up != e.up) {
			siblings = append(siblings, other.up)
		}
	}
	if len(siblings) == 0 {
		return
	}
	slices.SortFunc(siblings, compareIDs)
	g := f.group(down)
	g.pending, g.flagged = true, slices.Compact(siblings)
	m.hops = append(m.hops, hopTwin{of: down, flow: f.id})
}

// drain cancels the siblings of a group.
func (m *model) drain(flow messages.FlowID, down messages.ExecutionID) (result messages.DrainSiblingCancelGroupResult) {
	g := m.groupOf(flow, down)
	if g == nil || !g.pending {
		return messages.DrainSiblingCancelGroupResult{Outcome: messages.DrainAlreadyDrained}
	}
	result.Outcome = messages.DrainDrained
	for _, id := range g.flagged {
		if x := m.find(id); x.over() {
			result.AlreadyTerminal++
		} else {
			m.cancel(x)
			result.Cancelled++
		}
	}
	g.pending, g.flagged = false, nil
	return result
}

// groupOf is nil when there is none.
func (m *model) groupOf(flow messages.FlowID, down messages.ExecutionID) *groupTwin {
	f := m.flow(flow)
	if f == nil {
		return nil
	}
	return f.groups[down]
}

func (m *model) drainByHand(
	args messages.DrainSiblingCancelGroupArgs,
) (messages.DrainSiblingCancelGroupResult, error) {
	return m.drain(args.FlowID, args.DownstreamExecutionID), nil
}

func (m *model) reconcileSiblings(
	args messages.ReconcileSiblingCancelGroupArgs,
) (messages.SiblingCancelReconcileAction, error) {
	g := m.groupOf(args.FlowID, args.DownstreamExecutionID)
	if g == nil || !g.pending {
		return messages.ReconcileNoOp, nil
	}
	for _, id := range g.flagged {
		if !m.find(id).over() {
			return messages.ReconcileNoOp, nil
		}
	}
	g.pending, g.flagged = false, nil
	return messages.ReconcileCompletedDrain, nil
}

func (m *model) resolveByHand(args messages.ResolveDependencyArgs) (result messages.ResolveDependencyOutcome, err error) {
	if !slices.Contains([]messages.CompletionOutcome{
		messages.CompletionSuccess, messages.CompletionFailed, messages.CompletionCancelled, messages.CompletionExpired,
		messages.CompletionSkipped,
	}, args.UpstreamOutcome) {
		return result, messages.ErrInvalidInput
	}
	f := m.flow(args.FlowID)
	if f == nil || f.edge(args.EdgeID) == nil {
		return result, messages.ErrInvalidDependency
	}
	e := f.edge(args.EdgeID)
	if e.state == edgeStaged || e.up != args.UpstreamExecutionID || e.down != args.DownstreamExecutionID {
		return result, messages.ErrInvalidDependency
	}
	result.Outcome = messages.ResolveAlreadyResolved
	if e.state == edgeOpen {
		result.ChildSkipped, result.DataInjected = m.resolve(f, e, string(args.UpstreamOutcome))
		result.Outcome = messages.ResolveDependencyOutcomeKind(e.state)
	}
	result.GroupState = f.group(e.down).state
	return result, nil
}

// cascadeByHand is CascadeCompletion: what was set off by the ends of one execution is done at once, and level by level
// what that sets off.
func (m *model) cascadeByHand(args messages.CompletionPayload) (result messages.CascadeOutcome, err error) {
	result.Synchronous = true
	level := m.takeHops(func(h hopTwin) bool { return h.end != 0 && h.of == args.ExecutionID })
	for depth := 0; len(level) > 0; depth++ {
		if depth > 0 {
			result.CascadedChildren += len(level)
		}
		before := m.ends
		for _, h := range level {
			result.Resolved += m.dispatch(h)
		}
		level = m.takeHops(func(h hopTwin) bool { return h.end > before })
	}
	return result, nil
}

// takeHops removes the hops that are wanted.
func (m *model) takeHops(wanted func(hopTwin) bool) (taken []hopTwin) {
	var left []hopTwin
	for _, h := range m.hops {
		if wanted(h) {
			taken = append(taken, h)
		} else {
			left = append(left, h)
		}
	}
	m.hops = left
	return taken
}

// rearm has the edges into a replayed member count anew: those that were not satisfied wait for an end that is still to
// come, or are satisfied if their upstream has succeeded meanwhile.
func (m *model) rearm(f *flowTwin, down messages.ExecutionID) {
	g, known := f.groups[down]
	if !known || len(f.into(down)) == 0 {
		return
	}
	g.state, g.pending, g.flagged = messages.EdgeGroupPending, false, nil
	var reset []*edgeTwin
	for _, e := range f.into(down) {
		if e.state == edgeImpossible {
			e.state, e.outcome, e.reset = edgeOpen, "", m.ends
			reset = append(reset, e)
		}
	}
	for _, e := range reset {
		if m.find(e.up).state == messages.PublicCompleted {
			m.resolve(f, e, "success")
		}
	}
}

// eligibility is EvaluateFlowEligibility.
func (m *model) eligibility(x *twin) messages.FlowEligibility {
	if !x.parked() {
		return messages.EligibilityNotRunnable
	}
	f := m.flow(x.flow)
	if f == nil {
		return messages.EligibilityEligible
	}
	t := f.tally(x.id)
	if t.success+t.fail+t.skip+t.running == 0 || f.group(x.id).state == messages.EdgeGroupSatisfied {
		return messages.EligibilityEligible
	}
	switch f.verdict(x.id) {
	case messages.EdgeGroupSatisfied:
		return messages.EligibilityEligible
	case messages.EdgeGroupImpossible:
		return messages.EligibilityImpossible
	case messages.EdgeGroupPending, messages.EdgeGroupCancelled:
	}
	return messages.EligibilityBlockedByEdges
}
