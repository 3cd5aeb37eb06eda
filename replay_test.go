package ffsqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Putting ended executions back to work: 04 §9.3 and its scenarios.

const (
	replayedVector        = "runnable unowned eligible_now waiting pending_replay_attempt waiting_for_worker"
	replayedBlockedVector = "runnable unowned blocked_by_dependencies waiting_children pending_replay_attempt waiting_for_children"
)

func (e *engine) replayed(id messages.ExecutionID) messages.PublicState {
	e.t.Helper()
	result, err := e.ReplayExecution(e.t.Context(), messages.ReplayExecutionArgs{ExecutionID: id})
	require.NoError(e.t, err)
	return result.PublicState
}

// edgeState is the resolution of the edge between two members.
func (g *graph) edgeState(upstream, downstream messages.ExecutionID) string {
	g.t.Helper()
	return g.sql.Text(`SELECT dep_state || ' ' || coalesce(resolved_outcome, 'NULL') || ' ' || coalesce(resolved_at_ms, 'NULL')
		FROM ff_edge WHERE upstream_eid = ? AND downstream_eid = ?`, upstream.UUID(), downstream.UUID())
}

func TestSpec04_S86_ReplayOfACompletedExecution(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	e.sql.Exec("UPDATE ff_attempt SET lease_epoch = 3")
	handle = forged(t, handle, func(p *messages.HandlePayload) { p.LeaseEpoch = 3 })
	require.NoError(t, e.Complete(t.Context(), handle, []byte("result")))
	started := e.attempt(id, 0, "started_at_ms")

	e.clock.Advance(time.Second)
	require.Equal(t, messages.PublicWaiting, e.replayed(id))
	require.Equal(t, replayedVector, e.vector(id))
	require.Equal(t, "NULL NULL NULL 0", e.column(id,
		"coalesce(terminal_at_ms, 'NULL') || ' ' || coalesce(cancelled_by, 'NULL') || ' ' || coalesce(result, 'NULL') || ' ' || attempt_index"))
	require.Equal(t, "integer 1", e.column(id,
		"json_type(raw_fields, '$.replay_count') || ' ' || (raw_fields ->> '$.replay_count')"))
	require.Equal(t, "NULL", e.raw(id, "terminal_outcome"))
	require.Equal(t, fmt.Sprint(e.now()), e.raw(id, "last_mutation_at"))
	require.Equal(t, int64(1), e.attempts(id))
	require.Equal(t, "4 NULL NULL NULL", e.attemptVector(id, 0))
	require.Equal(t, "NULL NULL "+started, e.attempt(id, 0,
		"coalesce(worker_id, 'NULL') || ' ' || coalesce(worker_instance_id, 'NULL') || ' ' || started_at_ms"))
	require.Equal(t, [][]string{{"replayed", `{"branch":"normal"}`}}, e.operatorEvents(id.UUID()))
	_, found, err := e.GetExecutionResult(t.Context(), id)
	require.NoError(t, err)
	require.False(t, found)
	require.Equal(t, "success", e.completions(id), "the former end stays in the outbox")

	for call, err := range e.leaseBound(handle) {
		require.ErrorIs(t, err, messages.ErrLeaseConflict, call)
	}
	again := e.claimed()
	require.Equal(t, messages.HandleFresh, again.Kind)
	held := payloadOf(t, again)
	require.Equal(t, messages.AttemptIndex(0), held.AttemptIndex)
	require.Equal(t, messages.LeaseEpoch(5), held.LeaseEpoch)
	require.NotEqual(t, payloadOf(t, handle).AttemptID, held.AttemptID)
	require.Equal(t, "replay", e.attempt(id, 0, "raw_fields ->> '$.attempt_type'"))
	require.NoError(t, e.Complete(t.Context(), again, nil))
	require.Equal(t, "success success", e.completions(id))
}

func TestSpec04_S86_AReplayIsOfferedToAWaitingWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created()
		e.drive(id, true)
		waiting := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		waiting.parked(t)
		e.replayed(id)
		waiting.got(t, id)
	})
}

func TestSpec04_S86_AnAttemptBeforeTheNextStaysAsItEnded(t *testing.T) {
	e := open(t)
	id := e.created()
	e.failed(messages.FailArgs{Handle: e.claimed()})
	e.cancelled(messages.CancelExecutionArgs{ExecutionID: id})
	before := e.attemptVector(id, 0)
	e.replayed(id)
	require.Equal(t, before, e.attemptVector(id, 0))
	held := payloadOf(t, e.claimed())
	require.Equal(t, messages.AttemptIndex(1), held.AttemptIndex)
	require.Equal(t, messages.LeaseEpoch(2), held.LeaseEpoch)
}

func TestSpec04_S87_ReplayOfASkippedMember(t *testing.T) {
	g := open(t).newFlow()
	id := g.created()
	g.drive(id, true)
	g.patch(id, fmt.Sprintf("flow_id = x'%x'", g.flow[:]))
	g.patchAttempt(id, 0, "outcome = 'skipped'")
	g.sql.Exec(`INSERT INTO ff_edge (partition_key, flow_id, edge_id, upstream_eid, downstream_eid, policy)
		VALUES (0, ?1, randomblob(16), randomblob(16), ?2, '{}')`, g.flow, id.UUID())
	g.sql.Exec(`INSERT INTO ff_edge_group (partition_key, flow_id, downstream_eid, policy, k_target, success_count, fail_count,
		skip_count, running_count) VALUES (0, ?1, ?2, '{"kind":"all_of"}', 1, 3, 5, 7, 2)`, g.flow, id.UUID())
	require.Equal(t, messages.PublicWaitingChildren, g.replayed(id))
	require.Equal(t, "3 0 0 0 pending", g.group(id))
	require.Equal(t, [][]string{{"replayed", `{"branch":"skipped_flow_member","groups_reset":1}`}}, g.operatorEvents(id.UUID()))
}

func TestSpec04_S88_OnlyWhatHasEndedIsReplayed(t *testing.T) {
	e := open(t)
	runnable, created, active := e.seeded(), e.created(inLane("other")), e.created(withPriority(1))
	e.claimed()
	before := e.stored()
	for _, id := range []messages.ExecutionID{runnable, created, active} {
		_, err := e.ReplayExecution(t.Context(), messages.ReplayExecutionArgs{ExecutionID: id})
		require.ErrorIs(t, err, messages.ErrExecutionNotTerminal)
	}
	_, err := e.ReplayExecution(t.Context(), messages.ReplayExecutionArgs{ExecutionID: newID()})
	require.ErrorIs(t, err, messages.ErrExecutionNotFound)
	require.Equal(t, before, e.stored())

	twice := e.created(withPriority(2))
	e.drive(twice, false)
	e.replayed(twice)
	_, err = e.ReplayExecution(t.Context(), messages.ReplayExecutionArgs{ExecutionID: twice})
	require.ErrorIs(t, err, messages.ErrExecutionNotTerminal, "the second of two")
}

func TestSpec04_S89_TheChildIsReplayedBeforeItsUpstream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "replayed.db")
	g := openAt(t, path).newFlow()
	m := g.members(2)
	a, b := m[0], m[1]
	g.edge(a, b, "result")
	g.drive(a, false)
	require.Equal(t, messages.PublicSkipped, g.state(b))
	require.Equal(t, "impossible failed", g.edgeState(a, b)[:len("impossible failed")])

	require.Equal(t, messages.PublicWaitingChildren, g.replayed(b))
	require.Equal(t, replayedBlockedVector, g.vector(b))
	require.Equal(t, "unsatisfied NULL NULL", g.edgeState(a, b))
	require.Equal(t, g.sql.Int("SELECT max(event_id) FROM ff_completion_event"), g.sql.Int("SELECT reset_event_id FROM ff_edge"))
	require.Equal(t, "0 0 0 1 pending", g.group(b))
	require.Equal(t, [][]string{{"replayed", `{"branch":"skipped_flow_member","groups_reset":1}`}}, g.operatorEvents(b.UUID()))
	g.nothingToClaim()

	// A later pass over the former end, as after a crash, leaves it alone.
	g.sql.Exec("UPDATE ff_completion_event SET dispatched_at_ms = NULL")
	require.NoError(t, g.Close())
	again := openAt(t, path)
	again.idle()
	require.Equal(t, replayedBlockedVector, again.vector(b))
	require.Equal(t, int64(0), again.sql.Int("SELECT count(*) FROM ff_completion_event WHERE dispatched_at_ms IS NULL"))
}

func TestSpec04_S89_TheUpstreamIsReplayedAfterTheChild(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	a, b := m[0], m[1]
	g.edge(a, b, "result")
	g.drive(a, false)
	g.replayed(b)
	require.Equal(t, messages.PublicWaiting, g.replayed(a))
	require.Equal(t, replayedBlockedVector, g.vector(b))
	claimed, handle := g.claimedExecution()
	require.Equal(t, a, claimed)
	require.NoError(t, g.Complete(t.Context(), handle, []byte("second run")))
	g.idle()
	require.Equal(t, replayedVector, g.vector(b))
	require.Equal(t, "second run", g.column(b, "payload"))
	require.Equal(t, "1 0 0 0 satisfied", g.group(b))
	g.drive(b, true)
}

func TestSpec04_S90_TheUpstreamIsReplayedFirst(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	a, b := m[0], m[1]
	g.edge(a, b, "result")
	g.drive(a, false)
	g.replayed(a)
	_, handle := g.claimedExecution()
	require.NoError(t, g.Complete(t.Context(), handle, []byte("second run")))
	g.idle()
	require.Equal(t, messages.PublicSkipped, g.state(b), "an upstream's replay changes nothing downstream")

	require.Equal(t, messages.PublicWaiting, g.replayed(b))
	require.Equal(t, replayedVector, g.vector(b))
	next, err := g.ClaimNext(t.Context(), claimNextArgs())
	require.NoError(t, err)
	require.Equal(t, b, next.Task.ExecutionID)
	require.Equal(t, "second run", string(next.Task.InputPayload))
	require.Equal(t, "1 0 0 0 satisfied", g.group(b))
	require.Equal(t, fmt.Sprintf("satisfied success %d", g.now()), g.edgeState(a, b))
}

func TestSpec04_S91_EveryUpstreamIsWaitedForAgain(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	a, c, b := m[0], m[1], m[2]
	g.edge(a, b)
	g.edge(c, b)
	g.drive(a, false)
	g.drive(c, false)
	require.Equal(t, messages.PublicSkipped, g.state(b))
	require.Equal(t, messages.PublicWaitingChildren, g.replayed(b))
	require.Equal(t, "0 0 0 2 pending", g.group(b))
	g.replayed(a)
	g.replayed(c)
	g.drive(a, true)
	require.Equal(t, replayedBlockedVector, g.vector(b))
	g.drive(c, true)
	require.Equal(t, replayedVector, g.vector(b))
}

func TestSpec04_S92_AQuorumIsArmedAgain(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(4)
	child := m[3]
	for _, upstream := range m[:3] {
		g.edge(upstream, child)
	}
	g.sql.Exec(`UPDATE ff_edge_group SET policy = '{"k":2,"kind":"quorum","on_satisfied":"let_run"}'`)
	g.drive(m[0], true)
	g.drive(m[1], false)
	g.drive(m[2], false)
	require.Equal(t, messages.PublicSkipped, g.state(child))
	require.Equal(t, "1 2 0 0 impossible", g.group(child))
	g.sql.Exec("UPDATE ff_edge_group SET cancel_siblings_pending_flag = 1, cancel_siblings_pending_members = '[1]'")
	g.sql.Exec("INSERT INTO ff_pending_cancel_groups SELECT 0, flow_id, downstream_eid, 1 FROM ff_edge_group")

	require.Equal(t, messages.PublicWaitingChildren, g.replayed(child))
	require.Equal(t, "1 0 0 2 pending", g.group(child))
	require.Equal(t, "0 []", g.sql.Text("SELECT cancel_siblings_pending_flag || ' ' || cancel_siblings_pending_members FROM ff_edge_group"))
	require.Equal(t, int64(0), g.sql.Int("SELECT count(*) FROM ff_pending_cancel_groups"))
	g.replayed(m[1])
	g.drive(m[1], true)
	require.Equal(t, replayedVector, g.vector(child))
	require.Equal(t, "2 0 0 1 satisfied", g.group(child))
}

func TestSpec04_S93_ReplayOfCancelledExecutions(t *testing.T) {
	g := open(t).newFlow()
	alone := g.created()
	g.cancelled(messages.CancelExecutionArgs{ExecutionID: alone, Reason: "enough"})
	require.Equal(t, messages.PublicWaiting, g.replayed(alone))
	require.Equal(t, "NULL", g.column(alone, "cancellation_reason"))
	g.drive(alone, true)

	m := g.members(2)
	g.edge(m[0], m[1])
	g.cancelled(messages.CancelExecutionArgs{ExecutionID: m[1]})
	require.Equal(t, messages.PublicWaitingChildren, g.replayed(m[1]))
	require.Equal(t, replayedBlockedVector, g.vector(m[1]))
	require.Equal(t, [][]string{{"replayed", `{"branch":"blocked_flow_member","groups_reset":1}`}}, g.operatorEvents(m[1].UUID()))
	g.drive(m[0], true)
	require.Equal(t, replayedVector, g.vector(m[1]))
	g.drive(m[1], false)
	require.Equal(t, messages.PublicWaiting, g.replayed(m[1]), "its dependencies are met")
}

func TestSpec01_S35_TheStoredPhaseOfACancelledExecution(t *testing.T) {
	e := open(t)
	id := e.created()
	e.cancelled(messages.CancelExecutionArgs{ExecutionID: id})
	require.Equal(t, "cancelled", e.column(id, "lifecycle_phase"))
	require.Equal(t, "cancelled", e.raw(id, "terminal_outcome"))
	require.Equal(t, messages.PublicCancelled, e.state(id))
	require.Equal(t, messages.PublicWaiting, e.replayed(id))
}

func TestSpec04_S94_TheCapOfReplays(t *testing.T) {
	e := open(t)
	capped := e.created(withPolicy(func(p *messages.ExecutionPolicy) { p.MaxReplayCount = 1 }))
	e.drive(capped, true)
	e.replayed(capped)
	e.drive(capped, true)
	plain := e.created()
	e.drive(plain, true)
	e.patch(plain, "raw_fields = json_set(raw_fields, '$.replay_count', 10)")
	before := e.stored()
	for _, id := range []messages.ExecutionID{capped, plain} {
		_, err := e.ReplayExecution(t.Context(), messages.ReplayExecutionArgs{ExecutionID: id})
		require.ErrorIs(t, err, messages.ErrMaxReplaysExhausted)
	}
	require.Equal(t, before, e.stored())
	e.patch(plain, "raw_fields = json_set(raw_fields, '$.replay_count', 9)")
	e.replayed(plain)
}

func TestSpec04_S95_TheFirstClaimIsRemembered(t *testing.T) {
	e := open(t)
	id := e.created()
	require.Equal(t, "NULL", e.column(id, "started_at_ms"))
	e.claimed()
	first := fmt.Sprint(e.now())
	require.Equal(t, first, e.column(id, "started_at_ms"))
	e.clock.Advance(30 * time.Second)
	handle := e.claimed()
	require.Equal(t, messages.HandleReclaimed, handle.Kind)
	require.Equal(t, first, e.column(id, "started_at_ms"))
	require.NoError(t, e.Complete(t.Context(), handle, nil))
	e.replayed(id)
	require.Equal(t, first, e.column(id, "started_at_ms"))
	e.clock.Advance(time.Second)
	e.claimed()
	require.Equal(t, first, e.column(id, "started_at_ms"))
}

func TestSpec04_S96_OperatorEventsCarryTheScopeOfTheirExecution(t *testing.T) {
	e := open(t)
	id := e.created(func(a *messages.CreateExecutionArgs) { a.Tags = map[string]string{"cairn.instance_id": "i-1"} })
	e.prioritised(id, 1)
	e.drive(id, true)
	e.replayed(id)
	require.Equal(t, [][]string{{"default", "i-1"}, {"default", "i-1"}},
		e.sql.Rows("SELECT namespace, instance_tag FROM ff_operator_event"))
	require.Equal(t, [][]string{{"default", "i-1"}}, e.sql.Rows("SELECT namespace, instance_tag FROM ff_completion_event"))
}

func TestSpec04_S34_ASecondSuccessCountsNothing(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	g.edge(m[0], m[1], "result")
	g.drive(m[0], true)
	require.Equal(t, "1 0 0 0 satisfied", g.group(m[1]))
	edge := g.edgeState(m[0], m[1])
	g.clock.Advance(time.Second)

	g.replayed(m[0])
	require.Equal(t, releasedVector, g.vector(m[1]))
	claimed, handle := g.claimedExecution()
	require.Equal(t, m[0], claimed)
	require.NoError(t, g.Complete(t.Context(), handle, []byte("second run")))
	g.idle()
	require.Equal(t, "success success", g.completions(m[0]))
	require.Equal(t, "1 0 0 0 satisfied", g.group(m[1]))
	require.Equal(t, edge, g.edgeState(m[0], m[1]))
	require.Equal(t, releasedVector, g.vector(m[1]))
	require.Equal(t, "hello", g.column(m[1], "payload"), "the first result was none")
	require.Equal(t, int64(0), g.sql.Int("SELECT count(*) FROM ff_completion_event WHERE dispatched_at_ms IS NULL"))
}
