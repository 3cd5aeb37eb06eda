package ffsqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/flowfabric/ffsqlite/messages"
)

// play is one random flow on the engine beside its dag.
type play struct {
	*graph

	rapid  *rapid.T
	lane   messages.LaneID
	ids    []messages.ExecutionID
	dag    dag
	late   []lateEdge
	active map[int]messages.Handle // the members that run
}

// lateEdge is an edge that is applied only later.
type lateEdge struct {
	staged messages.StageDependencyEdgeArgs
	child  *node
	at     int // its place among the child's upstreams
}

// TestGroups_AnyFlowDoesWhatItsPoliciesSay builds random graphs with random policies, ends their members in random order
// with random outcomes, cancels some and applies some edges late. After every step each member must be where the policies
// put it, having ended once or not at all, and the counters of its group must be those of its edges.
func TestGroups_AnyFlowDoesWhatItsPoliciesSay(t *testing.T) {
	t.Parallel()
	e := open(t)
	flows := 0
	rapid.Check(t, func(rt *rapid.T) {
		flows++
		p := &play{graph: e.newFlow(), rapid: rt, lane: messages.LaneID(fmt.Sprint("flow-", flows)), active: map[int]messages.Handle{}}
		p.build()
		p.settle("built")
		for range 3 * len(p.ids) {
			p.settle(p.step())
		}
		p.drain()
		p.consistent()
	})
}

func (p *play) draw(label string, n int) int { return rapid.IntRange(0, n-1).Draw(p.rapid, label) }

func (p *play) flip(label string, n int) bool { return p.draw(label, n) == n-1 }

// build makes the members in topological order, each with its policy and its edges. The first edge of a member is applied
// at once, so that it is gated; the others perhaps late. All are staged before anything runs.
func (p *play) build() {
	for i := range 2 + p.draw("more members", 9) {
		p.ids = append(p.ids, p.member(inLane(p.lane)))
		p.dag.members = append(p.dag.members, &node{})
		p.connect(i)
	}
}

func (p *play) connect(i int) {
	m := p.dag.members[i]
	var ups []int
	for up := range i {
		if p.flip("edge", 2) {
			ups = append(ups, up)
		}
	}
	if len(ups) > 0 && p.flip("parallel edge", 6) {
		ups = append(ups, ups[0])
	}
	m.policy = p.drawPolicy(len(ups))
	if len(ups) > 0 || p.flip("policy without edges", 4) {
		_, err := p.policy(p.ids[i], m.policy)
		require.NoError(p.rapid, err)
	}
	for n, up := range ups {
		staged := p.stage(p.ids[up], p.ids[i])
		m.upstreams = append(m.upstreams, upstream{of: p.dag.members[up], applied: n == 0 || !p.flip("late", 4)})
		if !m.upstreams[n].applied {
			p.late = append(p.late, lateEdge{staged, m, n})
			continue
		}
		p.apply(staged)
	}
}

// drawPolicy is one for a group of n edges; a quorum may be one too large.
func (p *play) drawPolicy(n int) messages.EdgeDependencyPolicy {
	then := []messages.OnSatisfied{messages.CancelRemaining, messages.LetRun}[p.draw("then", 2)]
	return []messages.EdgeDependencyPolicy{
		{Kind: messages.AllOf}, anyOf(then), quorum(uint32(1+p.draw("k", n+1)), then),
	}[p.draw("policy", 3)]
}

// step does one random thing and says what.
func (p *play) step() string {
	switch p.draw("step", 6) {
	case 0:
		return p.cancelOne()
	case 1:
		return p.applyLate()
	case 2, 3:
		return p.claimOne()
	default:
		return p.endOne()
	}
}

func (p *play) cancelOne() string {
	if !p.flip("cancel", 3) {
		return "nothing"
	}
	i := p.draw("whom", len(p.ids))
	if p.dag.members[i].state.IsTerminal() {
		return "nothing"
	}
	_, err := p.CancelExecution(p.t.Context(), messages.CancelExecutionArgs{ExecutionID: p.ids[i]})
	require.NoError(p.rapid, err)
	p.dag.members[i].byHand = true
	return fmt.Sprint("cancelled ", i)
}

func (p *play) applyLate() string {
	if len(p.late) == 0 {
		return "nothing"
	}
	n := p.draw("late edge", len(p.late))
	edge := p.late[n]
	p.late = append(p.late[:n], p.late[n+1:]...)
	p.apply(edge.staged)
	edge.child.upstreams[edge.at].applied = true
	return "applied a late edge"
}

func (p *play) claimOne() string {
	next := claimNextArgs()
	next.Lanes = []messages.LaneID{p.lane}
	result, err := p.ClaimNext(p.t.Context(), next)
	require.NoError(p.rapid, err)
	if result.Task == nil {
		for i, m := range p.dag.members {
			require.NotEqual(p.rapid, messages.PublicWaiting, m.state, "member %d was not offered", i)
		}
		return "found nothing to claim"
	}
	for i, id := range p.ids {
		if id == result.Task.ExecutionID {
			require.Equal(p.rapid, messages.PublicWaiting, p.dag.members[i].state)
			p.active[i] = result.Task.Handle
			return fmt.Sprint("claimed ", i)
		}
	}
	return "claimed a stranger"
}

// endOne completes or fails one of the members that run, unless its lease has been taken away.
func (p *play) endOne() string {
	var running []int
	for i := range p.ids {
		if _, held := p.active[i]; held {
			running = append(running, i)
		}
	}
	if len(running) == 0 {
		return "nothing"
	}
	i := running[p.draw("which", len(running))]
	handle, taken := p.active[i], p.dag.members[i].state != messages.PublicActive
	delete(p.active, i)
	success := !p.flip("fails", 3)
	var err error
	if success {
		err = p.Complete(p.t.Context(), handle, nil)
	} else {
		_, err = p.Fail(p.t.Context(), messages.FailArgs{Handle: handle, Class: messages.FailurePermanent})
	}
	if taken {
		require.Error(p.rapid, err, "member %d had lost its lease", i)
	} else {
		require.NoError(p.rapid, err)
	}
	return fmt.Sprint("ended ", i, " with success: ", success)
}

// drain lets everything run to its end: what then waits, waits for an edge that nobody applies.
func (p *play) drain() {
	for len(p.late) > 0 {
		p.settle(p.applyLate())
	}
	for range 2 * len(p.ids) {
		p.settle(p.claimOne())
		p.settle(p.endOne())
	}
	for i, m := range p.dag.members {
		require.True(p.rapid, m.state.IsTerminal(), "member %d is %s at the end", i, m.state)
	}
}

// settle waits for the cascade, looks at everything and has the dag judge it.
func (p *play) settle(after string) {
	p.idle()
	p.clock.Advance(time.Millisecond)
	rows := p.sql.Rows(`
		SELECT public_state, coalesce(cancelled_by, ''), coalesce(cancellation_reason, ''),
		       (SELECT count(*) FROM ff_completion_event AS c WHERE c.execution_id = e.execution_id),
		       coalesce(success_count || ' ' || fail_count || ' ' || skip_count || ' ' || running_count || ' ' || group_state, ''),
		       coalesce(satisfied_at_ms, '')
		  FROM ff_exec_core AS e
		  LEFT JOIN ff_edge_group AS g
		    ON g.partition_key = 0 AND g.flow_id = e.flow_id AND g.downstream_eid = e.execution_id
		 WHERE e.flow_id = ?1
		 ORDER BY e.rowid`, p.flow[:])
	require.Len(p.rapid, rows, len(p.ids))
	for i, row := range rows {
		seen := observed{state: messages.PublicState(row[0]), group: row[4], met: row[5]}
		seen.cancelled.by, seen.cancelled.reason = row[1], row[2]
		_, err := fmt.Sscan(row[3], &seen.ends)
		require.NoError(p.rapid, err)
		p.dag.members[i].see(seen)
	}
	require.Empty(p.rapid, p.dag.check(), "after: %s", after)
}
