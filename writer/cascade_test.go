package writer_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/writer"
)

// graphFlow is the flow of the graphs below.
var graphFlow = messages.FlowID{0: 0xf4, 6: 0x40, 8: 0x80}

// graph builds a flow of n executions and an edge for each pair.
func (m *machine) graph(n byte, edges ...[2]byte) {
	m.t.Helper()
	m.must(messages.CreateFlowArgs{FlowID: graphFlow, Namespace: "default"})
	for i := range n {
		m.must(create(i))
		m.must(messages.AddExecutionToFlowArgs{FlowID: graphFlow, ExecutionID: create(i).ExecutionID})
	}
	for i, ends := range edges {
		edge := messages.EdgeID{0: 0xed, 6: 0x40, 8: 0x80, 15: byte(i)}
		upstream, downstream := create(ends[0]).ExecutionID, create(ends[1]).ExecutionID
		m.must(messages.StageDependencyEdgeArgs{
			FlowID: graphFlow, EdgeID: edge, UpstreamExecutionID: upstream, DownstreamExecutionID: downstream,
			ExpectedGraphRevision: uint64(n) + uint64(i),
		})
		m.must(messages.ApplyDependencyToChildArgs{
			FlowID: graphFlow, EdgeID: edge, UpstreamExecutionID: upstream, DownstreamExecutionID: downstream,
		})
	}
}

// chain is a graph of n executions, each of which depends on the one before it.
func (m *machine) chain(n byte) {
	m.t.Helper()
	var edges [][2]byte
	for i := range n - 1 {
		edges = append(edges, [2]byte{i, i + 1})
	}
	m.graph(n, edges...)
}

// fanOut is a graph in which n executions depend on the first.
func (m *machine) fanOut(n byte) {
	m.t.Helper()
	var edges [][2]byte
	for i := range n {
		edges = append(edges, [2]byte{0, i + 1})
	}
	m.graph(n+1, edges...)
}

func TestSpec04_S27_ACrashBeforeTheHopIsRecovered(t *testing.T) {
	m := newMachine(t)
	m.chain(2)
	first := m.claimed()
	require.NoError(t, m.Begin())
	require.NoError(t, m.Apply(m.now, messages.CompleteArgs{Handle: first}).Err)
	_, err := m.Commit()
	require.NoError(t, err)
	require.Equal(t, []string{"blocked_by_dependencies"},
		m.query("SELECT eligibility_state FROM ff_exec_core WHERE lifecycle_phase = 'runnable'"))

	m.restart() // The process has died between the commit and the hop.
	require.True(t, m.HasHops())
	require.NoError(t, m.Recover(m.now))
	require.Equal(t, []string{"eligible_now"},
		m.query("SELECT eligibility_state FROM ff_exec_core WHERE lifecycle_phase = 'runnable'"))
	require.Empty(t, m.query("SELECT event_id FROM ff_completion_event WHERE dispatched_at_ms IS NULL"))
}

// refuseEdges makes every hop fail that resolves an edge, until allow is called.
func (m *machine) refuseEdges() (allow func()) {
	m.t.Helper()
	require.NoError(m.t, m.conn.Exec(`CREATE TRIGGER refuse BEFORE UPDATE OF resolved_at_ms ON ff_edge
		BEGIN SELECT RAISE(ABORT, 'refused'); END`))
	return func() {
		m.t.Helper()
		require.NoError(m.t, m.conn.Exec("DROP TRIGGER refuse"))
	}
}

// later runs what is due after some time, and the cascade of that.
func (m *machine) later(ms messages.TimestampMs) {
	m.t.Helper()
	m.now += ms
	require.NoError(m.t, m.Begin())
	for m.RunDue(m.now) {
	}
	for m.HasHops() {
		m.Hop(m.now)
	}
	_, err := m.Commit()
	require.NoError(m.t, err)
}

func (m *machine) publicStates() []string {
	m.t.Helper()
	return m.query("SELECT public_state FROM ff_exec_core ORDER BY execution_id")
}

func (m *machine) undispatched() []string {
	m.t.Helper()
	return m.query("SELECT event_id FROM ff_completion_event WHERE dispatched_at_ms IS NULL")
}

func TestSpec04_S29_AFailingHopIsTriedAgainAfter5And10Ms(t *testing.T) {
	m := newMachine(t)
	m.chain(2)
	first := m.claimed()
	allow := m.refuseEdges()
	failed := m.now
	m.must(messages.CompleteArgs{Handle: first})
	require.False(t, m.HasHops())
	require.False(t, m.CascadeIdle(), "it rests")
	require.Equal(t, failed+5, m.NextDeadline())
	m.later(4)
	require.Equal(t, failed+5, m.NextDeadline(), "nothing was tried")
	m.later(1)
	require.Equal(t, failed+15, m.NextDeadline())
	allow()
	m.later(9)
	require.Equal(t, []string{"completed", "waiting_children"}, m.publicStates())
	m.later(1)
	require.Equal(t, []string{"completed", "waiting"}, m.publicStates())
	require.Empty(t, m.undispatched())
	require.True(t, m.CascadeIdle())
}

func TestSpec04_S29_AHopThatFailsThreeTimesIsLeftToTheReconciler(t *testing.T) {
	m := newMachine(t)
	m.graph(3, [2]byte{0, 1}, [2]byte{0, 2})
	first := m.claimed()
	allow := m.refuseEdges()
	committed := m.now
	m.must(messages.CompleteArgs{Handle: first})
	m.later(5)
	m.later(10)
	require.True(t, m.CascadeIdle(), "it is given up")
	m.later(100)
	require.Len(t, m.undispatched(), 1)
	require.Equal(t, []string{"completed", "waiting_children", "waiting_children"}, m.publicStates())
	allow()

	other := messages.CreateFlowArgs{FlowID: messages.FlowID{0: 0xf9, 6: 0x40, 8: 0x80}, Namespace: "default"}
	m.must(other)
	require.NoError(t, m.Begin())
	require.NoError(t, m.Rollback()) // The queue is read from the rows again.
	m.must(other)
	require.Len(t, m.undispatched(), 1, "no longer a matter of the queue")

	require.Zero(t, m.ticked(messages.ScannerDependencyReconciler, committed+1000))
	require.Equal(t, messages.ScanReport{Processed: 1, Actions: map[string]uint32{"reconciled": 1}},
		m.ticked(messages.ScannerDependencyReconciler, committed+1001))
	require.Equal(t, []string{"completed", "waiting", "waiting"}, m.publicStates())
	require.Empty(t, m.undispatched())
	require.Zero(t, m.ticked(messages.ScannerDependencyReconciler, committed+1001))
}

// ticked runs one tick of a job to its end, and the cascade of that.
func (m *machine) ticked(name messages.ScannerName, now messages.TimestampMs) messages.ScanReport {
	m.t.Helper()
	tick, err := writer.NewTick(name, now)
	require.NoError(m.t, err)
	for {
		require.NoError(m.t, m.Begin())
		m.RunTick(tick, m.now)
		for m.HasHops() {
			m.Hop(m.now)
		}
		_, err := m.Commit()
		require.NoError(m.t, err)
		if report, err, done := tick.Done(); done {
			require.NoError(m.t, err)
			return report
		}
	}
}

// reconcilesDependencies leaves a completion and an edge to the dependency reconciler.
func (m *machine) reconcilesDependencies() {
	m.t.Helper()
	require.NoError(m.t, m.conn.Exec(`UPDATE ff_edge SET dep_state = 'unsatisfied';
		UPDATE ff_completion_event SET dispatched_at_ms = NULL`))
	m.ticked(messages.ScannerDependencyReconciler, m.now+1001)
	require.NoError(m.t, m.conn.Exec("UPDATE ff_edge SET dep_state = 'unsatisfied'"))
	m.ticked(messages.ScannerDependencyReconciler, m.now+1001)
	require.NoError(m.t, m.Recover(m.now))
}

func TestRecover_AHopThatFailsRests(t *testing.T) {
	m := newMachine(t)
	m.chain(2)
	m.commitWith(messages.CompleteArgs{Handle: m.claimed()}, 0)
	allow := m.refuseEdges()
	m.restart()
	require.NoError(t, m.Recover(m.now))
	require.Equal(t, m.now+5, m.NextDeadline())
	allow()
	m.later(5)
	require.Equal(t, []string{"completed", "waiting"}, m.publicStates())
}

func TestHop_ARolledBackBatchForgetsNoRest(t *testing.T) {
	m := newMachine(t)
	m.chain(2)
	first := m.claimed()
	allow := m.refuseEdges()
	m.must(messages.CompleteArgs{Handle: first})
	m.now += 5
	require.NoError(t, m.Begin())
	m.RunDue(m.now)
	m.Hop(m.now)
	require.NoError(t, m.Rollback()) // The second attempt has not been.
	m.must(messages.CreateFlowArgs{FlowID: messages.FlowID{0: 0xf9, 6: 0x40, 8: 0x80}, Namespace: "default"})
	require.Equal(t, m.now, m.NextDeadline(), "it rests until then, and is not read as new")
	allow()
	m.later(0)
	require.Equal(t, []string{"completed", "waiting"}, m.publicStates())
}

func TestSpec04_S28_ACrashAfterTheFirstHopOfAChainIsRecovered(t *testing.T) {
	m := newMachine(t)
	m.chain(3)
	handle := m.claimed()
	m.commitWith(messages.FailArgs{Handle: handle, Class: messages.FailurePermanent}, 1)
	require.Equal(t, []string{"failed", "skipped", "waiting_children"},
		m.query("SELECT public_state FROM ff_exec_core ORDER BY execution_id"))
	require.Len(t, m.query("SELECT event_id FROM ff_completion_event WHERE dispatched_at_ms IS NULL"), 1)

	m.restart()
	require.NoError(t, m.Recover(m.now))
	require.Equal(t, []string{"failed", "skipped", "skipped"},
		m.query("SELECT public_state FROM ff_exec_core ORDER BY execution_id"))
	require.Empty(t, m.query("SELECT event_id FROM ff_completion_event WHERE dispatched_at_ms IS NULL"))
}

func TestSpec04_S36_AWideFanOutTakesAsManyHopsAsItsSizeNeeds(t *testing.T) {
	const children, perHop = 600, 16
	m := newMachine(t)
	m.wideFanOut(children)
	m.commitWith(messages.CompleteArgs{Handle: m.claimed()}, 0)
	hops := 0
	for ; m.HasHops(); hops++ { // Each in a transaction of its own.
		require.Len(t, m.undispatched(), 1, "it is there until its last edge is resolved")
		require.NoError(t, m.Begin())
		m.Hop(m.now)
		_, err := m.Commit()
		require.NoError(t, err)
		require.Equal(t, []string{strconv.Itoa(min((hops+1)*perHop, children))},
			m.query("SELECT count(*) FROM ff_exec_core WHERE eligibility_state = 'eligible_now'"))
	}
	require.Equal(t, (children+perHop-1)/perHop, hops)
	require.Empty(t, m.undispatched())
}

// wideFanOut submits a flow in which n executions depend on the first.
func (m *machine) wideFanOut(n int) {
	m.t.Helper()
	member := func(i int) messages.ExecutionID {
		return messages.NewExecutionID(0, [16]byte{6: 0x40, 8: 0x80, 14: byte(i >> 8), 15: byte(i)})
	}
	args := messages.SubmitFlowArgs{FlowID: graphFlow, Namespace: "default"}
	for i := range n + 1 {
		x := create(0)
		x.ExecutionID = member(i)
		args.Executions = append(args.Executions, x)
		if i > 0 {
			args.Edges = append(args.Edges, messages.SubmitFlowEdge{
				UpstreamExecutionID: member(0), DownstreamExecutionID: member(i),
			})
		}
	}
	m.must(args)
}
