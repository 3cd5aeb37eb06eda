package ffsqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// The net below the cascade: 04 §4.4, and 02 scenario 69.

// leftBehind does something whose cascade fails as often as it is tried, and then would not fail any more.
func (e *engine) leftBehind(do func()) {
	e.t.Helper()
	e.sql.Exec(`CREATE TRIGGER refuse BEFORE UPDATE OF resolved_at_ms ON ff_edge BEGIN SELECT RAISE(ABORT, 'refused'); END`)
	do()
	idle := e.idleLater()
	for len(idle) == 0 {
		e.clock.Advance(5 * time.Millisecond)
		require.NoError(e.t, e.Ping(e.t.Context()))
	}
	require.NoError(e.t, <-idle)
	e.sql.Exec("DROP TRIGGER refuse")
}

// idleLater gets the answer of WaitCascadeIdle.
func (e *engine) idleLater() <-chan error {
	idle := make(chan error, 1)
	go func() { idle <- e.WaitCascadeIdle(e.t.Context()) }()
	return idle
}

// finished claims the next execution and ends it, without waiting for the cascade.
func (e *engine) finished(id messages.ExecutionID, success bool) {
	e.t.Helper()
	claimed, handle := e.claimedExecution()
	require.Equal(e.t, id, claimed)
	if success {
		require.NoError(e.t, e.Complete(e.t.Context(), handle, nil))
		return
	}
	_, err := e.Fail(e.t.Context(), messages.FailArgs{Handle: handle, Class: messages.FailurePermanent})
	require.NoError(e.t, err)
}

// committed is when the only completion was committed that has not been dispatched.
func (e *engine) committed() messages.TimestampMs {
	e.t.Helper()
	require.Equal(e.t, int64(1), e.undispatched())
	return messages.TimestampMs(e.sql.Int("SELECT committed_at_ms FROM ff_completion_event WHERE dispatched_at_ms IS NULL"))
}

func (e *engine) undispatched() int64 {
	e.t.Helper()
	return e.sql.Int("SELECT count(*) FROM ff_completion_event WHERE dispatched_at_ms IS NULL")
}

func (e *engine) reconciled(now messages.TimestampMs) messages.ScanReport {
	e.t.Helper()
	report := e.tick(messages.ScannerDependencyReconciler, now)
	e.idle()
	return report
}

func reconciled(n uint32) messages.ScanReport {
	return messages.ScanReport{Processed: n, Actions: map[string]uint32{"reconciled": n}}
}

func TestSpec04_S29_AHopIsTriedAgainLaterAndThenLeft(t *testing.T) {
	t.Parallel()
	g := open(t, ffsqlite.WithoutScanners()).newFlow()
	m := g.members(2)
	g.edge(m[0], m[1])
	g.leftBehind(func() { g.finished(m[0], true) })
	require.Equal(t, blockedVector, g.vector(m[1]))
	late := g.committed() + 1001
	require.Equal(t, reconciled(1), g.reconciled(late))
	require.Equal(t, releasedVector, g.vector(m[1]))
	require.Zero(t, g.undispatched())
	require.Zero(t, g.reconciled(late), "a second pass has nothing to look at")
	g.consistent()
}

func TestSpec04_S29_TheThirdAttemptSucceeds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := open(t, ffsqlite.WithoutScanners()).newFlow()
		m := g.members(2)
		g.edge(m[0], m[1])
		third := g.now() + 15
		g.sql.Exec(fmt.Sprintf(`CREATE TRIGGER refuse BEFORE UPDATE OF resolved_at_ms ON ff_edge
			WHEN NEW.resolved_at_ms < %d BEGIN SELECT RAISE(ABORT, 'refused'); END`, third))
		g.finished(m[0], true)
		idle := calling(func() error { return g.WaitCascadeIdle(t.Context()) })
		for _, pause := range []time.Duration{4 * time.Millisecond, time.Millisecond, 9 * time.Millisecond, time.Millisecond} {
			unanswered(t, idle)
			require.Equal(t, blockedVector, g.vector(m[1]))
			g.clock.Advance(pause)
		}
		require.NoError(t, <-idle)
		require.Equal(t, releasedVector, g.vector(m[1]))
		require.Zero(t, g.undispatched())
		require.Equal(t, int64(third), g.sql.Int("SELECT resolved_at_ms FROM ff_edge"))
	})
}

func TestSpec02_S69_ALateCompletionIsDispatched(t *testing.T) {
	t.Parallel()
	for name, success := range map[string]bool{"success": true, "a chain of failures": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := open(t, ffsqlite.WithoutScanners()).newFlow()
			m := g.members(4)
			for i := range 3 {
				g.edge(m[i], m[i+1])
			}
			g.leftBehind(func() { g.finished(m[0], success) })
			committed := g.committed()
			require.Zero(t, g.reconciled(committed+1000), "not older than 1000 ms")
			require.Equal(t, blockedVector, g.vector(m[1]))
			require.Equal(t, int64(1), g.undispatched())

			require.Equal(t, reconciled(1), g.reconciled(committed+1001))
			require.Zero(t, g.undispatched())
			for i, id := range m[1:] {
				switch {
				case !success:
					require.Equal(t, messages.PublicSkipped, g.state(id), i)
					require.Equal(t, "skipped", g.completions(id))
				case i == 0:
					require.Equal(t, releasedVector, g.vector(id))
				default:
					require.Equal(t, blockedVector, g.vector(id))
				}
			}
			require.Zero(t, g.reconciled(committed+1001))
			g.consistent()
		})
	}
}

func TestSpec02_S69_ManyChildrenAndManyCompletions(t *testing.T) {
	t.Parallel()
	g := open(t, ffsqlite.WithoutScanners()).newFlow()
	upstreams := g.members(120)
	children := g.members(120)
	for i, upstream := range upstreams {
		g.edge(upstream, children[i])
		g.edge(upstreams[0], children[i])
	}
	handles := g.claimAll(upstreams)
	g.leftBehind(func() {
		for _, handle := range handles {
			require.NoError(t, g.Complete(t.Context(), handle, nil))
		}
	})
	require.Equal(t, int64(120), g.undispatched())
	require.Equal(t, reconciled(120), g.reconciled(g.now()+1001))
	require.Zero(t, g.undispatched())
	for _, child := range children {
		require.Equal(t, releasedVector, g.vector(child))
	}
}

// tenants are two flows whose members belong to different namespaces, with a completion left behind in each.
func tenants(t *testing.T) (e *engine, children []messages.ExecutionID) {
	t.Helper()
	e = open(t, ffsqlite.WithoutScanners())
	started, err := e.StartScanners(t.Context(), messages.ScannerConfig{
		Filter: messages.ScannerFilter{}.WithNamespace("tenant-a"),
	})
	require.NoError(t, err)
	require.True(t, started)
	e.leftBehind(func() {
		for _, tenant := range []messages.Namespace{"tenant-a", "tenant-b"} {
			of := func(a *messages.CreateExecutionArgs) { a.Namespace = tenant }
			g := e.newFlow()
			upstream, child := g.member(of), g.member(of)
			g.edge(upstream, child)
			e.finished(upstream, true)
			children = append(children, child)
		}
	})
	require.Equal(t, int64(2), e.undispatched())
	return e, children
}

func TestSpec04_S30_TheFilterSelectsCompletions(t *testing.T) {
	t.Parallel()
	e, children := tenants(t)
	require.Equal(t, messages.ScanReport{
		Processed: 1, Skipped: 1, Actions: map[string]uint32{"reconciled": 1, "filtered": 1},
	}, e.reconciled(e.now()+1001))
	require.Equal(t, releasedVector, e.vector(children[0]))
	require.Equal(t, blockedVector, e.vector(children[1]))
	require.Equal(t, "tenant-b", e.sql.Text("SELECT namespace FROM ff_completion_event WHERE dispatched_at_ms IS NULL"))
}

func TestSpec04_S30_ATagSelectsCompletions(t *testing.T) {
	t.Parallel()
	for _, key := range []string{messages.InstanceTagKey, "cairn.other"} {
		g := open(t, ffsqlite.WithoutScanners()).newFlow()
		_, err := g.StartScanners(t.Context(), messages.ScannerConfig{
			Filter: messages.ScannerFilter{}.WithInstanceTag(key, "i-1"),
		})
		require.NoError(t, err)
		var children []messages.ExecutionID
		g.leftBehind(func() {
			for _, value := range []string{"i-1", "i-2"} {
				upstream := g.member(func(a *messages.CreateExecutionArgs) { a.Tags = map[string]string{key: value} })
				children = append(children, g.member())
				g.edge(upstream, children[len(children)-1])
				g.patch(upstream, "priority = 1")
				g.finished(upstream, true)
			}
		})
		report := g.reconciled(g.now() + 1001)
		require.Equal(t, map[string]uint32{"reconciled": 1, "filtered": 1}, report.Actions, key)
		require.Equal(t, releasedVector, g.vector(children[0]))
		require.Equal(t, blockedVector, g.vector(children[1]))
	}
}

// missed takes back what the cascade did for the only edge of the child: it waits although its upstream has ended.
func (g *graph) missed(child messages.ExecutionID) {
	g.t.Helper()
	g.sql.Exec(`UPDATE ff_edge SET dep_state = 'unsatisfied', resolved_at_ms = NULL, resolved_outcome = NULL,
		resolved_event_id = NULL WHERE downstream_eid = ?`, child.UUID())
	g.sql.Exec(`UPDATE ff_edge_group SET success_count = 0, fail_count = 0, running_count = 1, group_state = 'pending',
		satisfied_at_ms = NULL WHERE downstream_eid = ?`, child.UUID())
	g.patch(child, `lifecycle_phase = 'runnable', eligibility_state = 'blocked_by_dependencies',
		public_state = 'waiting_children', blocking_reason = 'waiting_for_children'`)
	require.Equal(g.t, blockedVector, g.vector(child))
}

func TestSpec04_4_4_AnEdgeThatWaitsForWhatHasEnded(t *testing.T) {
	t.Parallel()
	g := open(t, ffsqlite.WithoutScanners()).newFlow()
	m := g.members(3)
	g.edge(m[0], m[1])
	g.edge(m[2], m[1])
	g.drive(m[0], true)
	require.Zero(t, g.reconciled(0), "an upstream that has not ended is waited for")
	require.Equal(t, "1 0 0 1 pending", g.group(m[1]))
	g.drive(m[2], true)
	g.sql.Exec("DELETE FROM ff_edge WHERE upstream_eid = ?", m[2].UUID())

	g.missed(m[1])
	g.sql.Exec("UPDATE ff_completion_event SET dispatched_at_ms = NULL, committed_at_ms = ? WHERE execution_id = ?",
		g.now(), m[0].UUID())
	require.Zero(t, g.reconciled(0), "its completion is still to be dispatched")
	g.sql.Exec("UPDATE ff_completion_event SET dispatched_at_ms = 1")
	require.Equal(t, reconciled(1), g.reconciled(0))
	require.Equal(t, releasedVector, g.vector(m[1]))
	require.Equal(t, "satisfied success 1", g.sql.Text(
		"SELECT dep_state || ' ' || resolved_outcome || ' ' || resolved_event_id FROM ff_edge"))
	require.Zero(t, g.reconciled(0))

	g.missed(m[1])
	g.sql.Exec("DELETE FROM ff_completion_event")
	g.patch(m[0], "lifecycle_phase = 'failed', public_state = 'failed', raw_fields = '{}'")
	require.Equal(t, reconciled(1), g.reconciled(0), "the row alone tells of the end")
	require.Equal(t, messages.PublicSkipped, g.state(m[1]))
	require.Equal(t, "impossible failed 0", g.sql.Text(
		"SELECT dep_state || ' ' || resolved_outcome || ' ' || resolved_event_id FROM ff_edge"))
}

func TestSpec04_4_4_TheSecondPassLooksAtEveryEdge(t *testing.T) {
	t.Parallel()
	g := open(t, ffsqlite.WithoutScanners()).newFlow()
	upstreams, children := g.members(6), g.members(120)
	for _, child := range children {
		for _, upstream := range upstreams {
			g.edge(upstream, child)
		}
	}
	for _, upstream := range upstreams[:3] {
		g.drive(upstream, true)
	}
	g.sql.Exec("UPDATE ff_edge SET dep_state = 'unsatisfied', resolved_outcome = NULL")
	g.sql.Exec("UPDATE ff_edge_group SET success_count = 0, running_count = 6")
	require.Equal(t, reconciled(3*120), g.reconciled(0))
	for _, child := range children {
		require.Equal(t, "3 0 0 3 pending", g.group(child))
	}
	require.Zero(t, g.reconciled(0))
	g.consistent()
}

func TestSpec04_4_4_TheFilterSelectsUpstreams(t *testing.T) {
	t.Parallel()
	g := open(t, ffsqlite.WithoutScanners()).newFlow()
	_, err := g.StartScanners(t.Context(), messages.ScannerConfig{Filter: messages.ScannerFilter{}.WithNamespace("tenant-a")})
	require.NoError(t, err)
	m := g.members(2)
	g.edge(m[0], m[1])
	g.drive(m[0], true)
	g.missed(m[1])
	require.Equal(t, messages.ScanReport{Skipped: 1, Actions: map[string]uint32{"filtered": 1}}, g.reconciled(0))
	require.Equal(t, blockedVector, g.vector(m[1]))
}

func TestSpec04_4_3_OpenSettlesEdgesThatTheCascadeMissed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "missed.db")
	g := openAt(t, path).newFlow()
	m := g.members(3)
	g.edge(m[0], m[1])
	g.edge(m[1], m[2])
	g.drive(m[0], false)
	g.missed(m[1])
	g.missed(m[2])
	g.patch(m[1], "raw_fields = json_remove(raw_fields, '$.terminal_outcome')")
	g.patch(m[2], "raw_fields = json_remove(raw_fields, '$.terminal_outcome')")
	g.sql.Exec("DELETE FROM ff_completion_event WHERE outcome = 'skipped'")
	require.NoError(t, g.Close())

	again := openAt(t, path, ffsqlite.WithoutScanners())
	require.Equal(t, messages.PublicSkipped, again.state(m[1]), "before the first call")
	require.Equal(t, messages.PublicSkipped, again.state(m[2]))
	require.Equal(t, "failed skipped skipped", again.sql.Text(
		"SELECT group_concat(outcome, ' ' ORDER BY event_id) FROM ff_completion_event"))
	require.Zero(t, again.undispatched())
}

func TestSpec04_S89_AReplayedChildIsNotSkippedByTheReconciler(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "replayed.db")
	g := openAt(t, path).newFlow()
	m := g.members(2)
	g.edge(m[0], m[1])
	g.drive(m[0], false)
	g.replayed(m[1])
	untouched := func(e *engine) {
		require.Equal(t, replayedBlockedVector, e.vector(m[1]))
		require.Equal(t, "unsatisfied", e.sql.Text("SELECT dep_state FROM ff_edge"))
		require.Equal(t, int64(1), e.sql.Int("SELECT running_count FROM ff_edge_group"))
	}
	require.Zero(t, g.reconciled(g.now()+60_000))
	untouched(g.engine)
	require.NoError(t, g.Close())
	again := openAt(t, path, ffsqlite.WithoutScanners())
	untouched(again)
	require.Zero(t, again.reconciled(again.now()+60_000))
	untouched(again)

	again.replayed(m[0])
	again.drive(m[0], true)
	require.Equal(t, replayedVector, again.vector(m[1]))
	require.Equal(t, "1 0 0 0", again.sql.Text(
		"SELECT success_count || ' ' || fail_count || ' ' || skip_count || ' ' || running_count FROM ff_edge_group"))
	require.Zero(t, again.reconciled(again.now()+60_000), "what is met counts once")
}

func TestSpec04_4_4_ItRunsByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := open(t).newFlow()
		m := g.members(2)
		g.edge(m[0], m[1])
		g.drive(m[0], true)
		g.missed(m[1])
		g.advance(15*time.Second - time.Millisecond)
		require.Equal(t, blockedVector, g.vector(m[1]))
		g.advance(time.Millisecond)
		require.Equal(t, releasedVector, g.vector(m[1]))
	})
}

func TestSpec04_S29_WhatIsGivenUpKeepsNoCloseWaiting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "resting.db")
	g := openAt(t, path).newFlow()
	m := g.members(2)
	g.edge(m[0], m[1])
	g.sql.Exec(`CREATE TRIGGER refuse BEFORE UPDATE OF resolved_at_ms ON ff_edge BEGIN SELECT RAISE(ABORT, 'refused'); END`)
	g.finished(m[0], true)
	idle := g.idleLater()
	require.NoError(t, g.Close(), "a hop that rests is left to the next Open")
	require.ErrorIs(t, <-idle, messages.ErrUnavailable)
	g.sql.Exec("DROP TRIGGER refuse")
	require.Equal(t, releasedVector, openAt(t, path).vector(m[1]))
}
