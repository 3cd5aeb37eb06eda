package ffsqlite_test

import (
	"fmt"

	"github.com/flowfabric/ffsqlite/messages"
)

// dag is what the policies of edge groups demand, told without the engine: it looks at where all members of a flow have
// come to and says what is wrong with it. It knows nothing of events, hops or their order.
type dag struct {
	members []*node
}

// node is one member of a dag.
type node struct {
	policy    messages.EdgeDependencyPolicy
	upstreams []upstream // none: it waits for nothing

	byHand   bool   // an operator cancelled it
	firstMet string // when the group was first seen to be satisfied
	observed
}

// upstream is one edge that leads to a member.
type upstream struct {
	of      *node
	applied bool
}

// observed is what the engine shows of a member.
type observed struct {
	state     messages.PublicState
	cancelled struct{ by, reason string }
	ends      int    // completion events
	group     string // successes, failures, skips, running edges and state; "": none
	met       string // when the group was satisfied; "": it is not
}

// tally counts the edges of a member by how they stand.
type tally struct{ success, fail, skip, running, staged int }

func (m *node) tally() (t tally) {
	for _, u := range m.upstreams {
		switch {
		case !u.applied:
			t.staged++
		case u.of.state == messages.PublicCompleted:
			t.success++
		case u.of.state == messages.PublicSkipped:
			t.skip++
		case u.of.state.IsTerminal():
			t.fail++
		default:
			t.running++
		}
	}
	return t
}

// verdict asks the future: the dependencies are met when there are successes enough, and cannot be met when there would
// not be enough even if all that is open succeeded. Nobody asks before something has ended.
func (m *node) verdict() messages.EdgeGroupState {
	t := m.tally()
	need := len(m.upstreams)
	switch m.policy.Kind {
	case messages.AnyOf:
		need = 1
	case messages.Quorum:
		need = int(m.policy.K)
	case messages.AllOf:
	}
	open := t.running + t.staged
	switch {
	case t.success+t.fail+t.skip == 0:
		return messages.EdgeGroupPending
	case t.success >= need:
		return messages.EdgeGroupSatisfied
	case t.success+open < need:
		return messages.EdgeGroupImpossible
	}
	return messages.EdgeGroupPending
}

// cancelsRest reports whether the member has its verdict, and has what it then does not need cancelled.
func (m *node) cancelsRest() bool {
	return m.policy.Kind != messages.AllOf && m.policy.OnSatisfied == messages.CancelRemaining &&
		m.verdict() != messages.EdgeGroupPending
}

// see notes what the engine shows.
func (m *node) see(seen observed) {
	m.observed = seen
	if m.firstMet == "" {
		m.firstMet = seen.met
	}
}

// check returns everything that is wrong.
func (d dag) check() (wrong []string) {
	for i, m := range d.members {
		for _, complaint := range d.complaints(m) {
			wrong = append(wrong, fmt.Sprintf("member %d (%+v): %s", i, m.observed, complaint))
		}
	}
	return wrong
}

func (d dag) complaints(m *node) (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if want := map[bool]int{true: 1}[m.state.IsTerminal()]; m.ends != want {
		complain("%d completion events", m.ends)
	}
	if m.state == messages.PublicCancelled {
		if !d.mayBeCancelled(m) {
			complain("cancelled by %q for %q", m.cancelled.by, m.cancelled.reason)
		}
	} else if !m.fits() {
		complain("verdict %s of %+v", m.verdict(), m.tally())
	}
	if t := m.tally(); len(m.upstreams) > 0 {
		want := fmt.Sprintf("%d %d %d %d %s", t.success, t.fail, t.skip, t.running, m.verdict())
		if m.group != want {
			complain("want the group %s", want)
		}
	}
	if m.met != m.firstMet {
		complain("satisfied a second time")
	}
	if m.cancelsRest() {
		for _, u := range m.upstreams {
			if !u.of.state.IsTerminal() {
				complain("an upstream that it does not need is %s", u.of.state)
			}
		}
	}
	return wrong
}

// fits reports whether a member that is not cancelled is where its verdict puts it.
func (m *node) fits() bool {
	verdict := messages.EdgeGroupSatisfied
	if len(m.upstreams) > 0 {
		verdict = m.verdict()
	}
	switch m.state {
	case messages.PublicWaitingChildren:
		return verdict == messages.EdgeGroupPending
	case messages.PublicSkipped:
		return verdict == messages.EdgeGroupImpossible
	case messages.PublicWaiting, messages.PublicActive, messages.PublicCompleted, messages.PublicFailed:
		return verdict == messages.EdgeGroupSatisfied
	case messages.PublicDelayed, messages.PublicRateLimited, messages.PublicSuspended, messages.PublicResumable,
		messages.PublicCancelled, messages.PublicExpired:
	}
	return false
}

// mayBeCancelled reports whether an operator did it, or a member that has its verdict and says why.
func (d dag) mayBeCancelled(m *node) bool {
	if m.byHand {
		return true
	}
	for _, child := range d.members {
		for _, u := range child.upstreams {
			if u.of == m && child.cancelsRest() && m.cancelled.by == "engine" &&
				m.cancelled.reason == "sibling_quorum_"+string(child.verdict()) {
				return true
			}
		}
	}
	return false
}
