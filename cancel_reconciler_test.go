package ffsqlite_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// What the engine does about cancelled members that nobody acknowledges: 04 §8.5 and 02 §8.7 with their scenarios.

const grace = 30 * time.Second

func TestSpec04_S78_AnUnacknowledgedBacklogEndsAfterItsGrace(t *testing.T) {
	g := open(t, ffsqlite.WithoutScanners()).newFlow()
	m := g.members(3)
	g.header("stop", messages.CancelAll)
	// One was put back to work meanwhile, one has ended otherwise.
	g.replayed(m[0])
	g.replayed(m[1])
	g.drive(m[0], true)

	due := g.now() + messages.TimestampMs(grace.Milliseconds())
	before := g.sql.Dump()
	require.Equal(t, messages.ScanReport{}, g.tick(messages.ScannerCancelReconciler, due-1))
	require.Equal(t, before, g.sql.Dump())

	require.Equal(t, messages.ScanReport{Processed: 3}, g.tick(messages.ScannerCancelReconciler, due))
	g.requireNoBacklog()
	require.Equal(t, messages.PublicCompleted, g.state(m[0]))
	require.Equal(t, messages.PublicCancelled, g.state(m[1]))
	require.Equal(t, fmt.Sprintf("stop operator_override %d", due),
		g.column(m[1], "cancellation_reason || ' ' || cancelled_by || ' ' || terminal_at_ms"))
	require.Equal(t, "cancelled", g.completions(m[2]), "it was cancelled by the header")
	require.Equal(t, messages.ScanReport{}, g.tick(messages.ScannerCancelReconciler, due))
}

func TestSpec02_S72_TheBacklogDrainsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t).newFlow()
		m := g.members(2)
		g.header("stop", messages.CancelAll)
		g.advance(grace - time.Millisecond)
		require.NoError(t, g.AckCancelMember(t.Context(), g.flow, m[0]))
		rows, members := g.backlog()
		require.Len(t, rows, 1)
		require.Equal(t, []string{m[1].String()}, members)
		g.advance(time.Millisecond)
		g.requireNoBacklog()
	})
}

func TestSpec04_S78_TheBacklogOfAFlowThatIsGone(t *testing.T) {
	g := open(t, ffsqlite.WithoutScanners()).newFlow()
	other := g.newFlow()
	m, kept := g.members(2), other.members(1)
	g.header("stop", messages.CancelAll)
	other.header("stop", messages.CancelAll)
	g.replayed(m[0])
	g.sql.Exec("DELETE FROM ff_flow_core WHERE flow_id = ?", g.flow)
	g.sql.Exec("UPDATE ff_cancel_backlog SET grace_until_ms = grace_until_ms + 1 WHERE flow_id = ?", other.flow)
	due := g.now() + messages.TimestampMs(grace.Milliseconds())
	require.Equal(t, messages.ScanReport{Processed: 1}, g.tick(messages.ScannerCancelReconciler, due))
	g.requireNoBacklog()
	require.Equal(t, messages.PublicWaiting, g.state(m[0]), "nobody asks for its cancellation any more")
	_, members := other.backlog()
	require.Equal(t, texts(kept), members)
}

func TestSpec04_S78_BacklogsOfOtherPrograms(t *testing.T) {
	g := open(t, ffsqlite.WithoutScanners()).newFlow()
	empty := g.newFlow()
	m := g.members(2)
	insert := "INSERT INTO ff_cancel_backlog (partition_key, flow_id, requested_at_ms, cancellation_policy) VALUES (0, ?1, ?2, 'cancel_all')"
	g.sql.Exec(insert, g.flow, g.now())
	g.sql.Exec(insert, empty.flow, g.now())
	for _, member := range []string{"nonsense", newID().String(), m[0].String()} {
		g.sql.Exec("INSERT INTO ff_cancel_backlog_member VALUES (0, ?1, ?2)", g.flow, member)
	}
	due := g.now() + messages.TimestampMs(grace.Milliseconds())
	require.Equal(t, messages.ScanReport{}, g.tick(messages.ScannerCancelReconciler, due-1))
	require.Equal(t, messages.ScanReport{Processed: 3, Errors: 1}, g.tick(messages.ScannerCancelReconciler, due))
	g.requireNoBacklog()
	empty.requireNoBacklog()
	require.Equal(t, "flow_cancelled", g.column(m[0], "cancellation_reason"), "the flow names no reason")
	require.Equal(t, messages.PublicWaiting, g.state(m[1]))
}

func TestSpec04_S78_WhatFailsIsKeptAndWhatCannotBeCancelledIsNot(t *testing.T) {
	g := open(t, ffsqlite.WithoutScanners()).newFlow()
	m := g.members(3)
	g.header("stop", messages.CancelAll)
	for _, id := range m {
		g.replayed(id)
	}
	g.patch(m[0], "raw_fields = '{'")
	g.sql.Exec(fmt.Sprintf(`CREATE TRIGGER refusal BEFORE INSERT ON ff_completion_event
		WHEN NEW.execution_id = x'%x' BEGIN SELECT RAISE(ABORT, 'refused'); END`, m[1].UUID()))
	due := g.now() + messages.TimestampMs(grace.Milliseconds())
	require.Equal(t, messages.ScanReport{Processed: 2, Errors: 1}, g.tick(messages.ScannerCancelReconciler, due))
	_, members := g.backlog()
	require.Equal(t, []string{m[1].String()}, members)
	require.Equal(t, messages.PublicWaiting, g.state(m[1]))
	require.Equal(t, messages.PublicCancelled, g.state(m[2]))

	g.sql.Exec("DROP TRIGGER refusal")
	require.Equal(t, messages.ScanReport{Processed: 1}, g.tick(messages.ScannerCancelReconciler, due))
	g.requireNoBacklog()
	require.Equal(t, messages.PublicCancelled, g.state(m[1]))
}

func TestSpec04_S78_ManyMembersInPortions(t *testing.T) {
	e := open(t, ffsqlite.WithoutScanners())
	big, small := e.newFlow(), e.newFlow()
	m := big.members(230)
	small.members(3)
	for _, g := range []*graph{big, small} {
		g.header("stop", messages.CancelAll)
	}
	e.replayed(m[17])
	e.sql.Exec(`CREATE TRIGGER refusal BEFORE INSERT ON ff_completion_event BEGIN SELECT RAISE(ABORT, 'refused'); END`)
	due := e.now() + messages.TimestampMs(grace.Milliseconds())
	require.Equal(t, messages.ScanReport{Processed: 232, Errors: 1}, e.tick(messages.ScannerCancelReconciler, due))
	small.requireNoBacklog()
	_, members := big.backlog()
	require.Equal(t, []string{m[17].String()}, members)
}

func TestSpec04_S78_TheFilterSelectsMembers(t *testing.T) {
	e := open(t, ffsqlite.WithScanners(messages.ScannerConfig{Filter: messages.ScannerFilter{Namespace: "tenant"}}))
	g := e.newFlow()
	mine := g.member(func(a *messages.CreateExecutionArgs) { a.Namespace = "tenant" })
	theirs, broken := g.member(), g.member()
	g.header("stop", messages.CancelAll)
	g.patch(broken, "raw_fields = '{'")
	due := e.now() + messages.TimestampMs(grace.Milliseconds())
	require.Equal(t, messages.ScanReport{Processed: 1, Skipped: 2}, e.tick(messages.ScannerCancelReconciler, due))
	_, members := g.backlog()
	require.NotContains(t, members, mine.String())
	require.Contains(t, members, theirs.String())
}

func TestSpec02_S78_SummariesAreProjectedByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := open(t).newFlow()
		empty := g.newFlow()
		m := g.members(2)
		g.drive(m[0], true)
		g.claimed()
		g.patch(m[1], "public_state = 'running'")
		require.Equal(t, "none", g.summary())
		g.advance(15 * time.Second)
		require.Equal(t, "running total=2 sampled=2 completed=1 active=1", g.summary())
		require.Equal(t, "none", empty.summary())
	})
}

func TestSpec02_S78_SettledFlowsAreSkipped(t *testing.T) {
	e := open(t, ffsqlite.WithoutScanners())
	settled, running := e.newFlow(), e.newFlow()
	id := settled.member()
	e.drive(id, true)
	running.member()
	require.Equal(t, messages.ScanReport{Processed: 2}, e.tick(messages.ScannerFlowProjector, 5000))
	require.Equal(t, messages.ScanReport{Processed: 1}, e.tick(messages.ScannerFlowProjector, 6000))
	updated := func(g *graph) int64 {
		return e.sql.Int("SELECT last_summary_update_at FROM ff_flow_summary WHERE flow_id = ?", g.flow)
	}
	require.Equal(t, int64(5000), updated(settled))
	require.Equal(t, int64(6000), updated(running))
	settled.replayed(id)
	require.Equal(t, messages.ScanReport{Processed: 2}, e.tick(messages.ScannerFlowProjector, 7000))
	require.Equal(t, "open total=1 sampled=1 waiting=1", settled.summary())
}
