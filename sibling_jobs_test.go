package ffsqlite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec02_S70_TheDispatcherDrainsPendingGroups(t *testing.T) {
	g := open(t, ffsqlite.WithoutScanners()).newFlow()
	upstreams, child := g.fanIn(2, quorum(2, messages.LetRun))
	g.claimAll(upstreams)
	g.flagged(child, 1, upstreams...)
	orphan := newID()
	g.sql.Exec("INSERT INTO ff_pending_cancel_groups VALUES (0, ?1, ?2, 1)", g.flow[:], orphan.UUID())
	require.Equal(t, messages.ScanReport{
		Processed: 2, Actions: map[string]uint32{"dispatched": 1, "orphaned": 1},
	}, g.tick(messages.ScannerEdgeCancelDispatcher, 0))
	for _, sibling := range upstreams {
		g.requireSiblingCancelled(sibling, "sibling_quorum_satisfied", "acquired revoked")
	}
	require.Equal(t, "0 [] sibling_quorum_satisfied 0", g.siblings(child))
	require.Zero(t, g.tick(messages.ScannerEdgeCancelDispatcher, 0).Processed)

	g.flagged(child, 0)
	report := g.tick(messages.ScannerEdgeCancelDispatcher, 0)
	require.Equal(t, messages.ScanReport{Actions: map[string]uint32{"skipped_for_reconciler": 1}}, report)
	require.Equal(t, int64(1), g.sql.Int("SELECT count(*) FROM ff_pending_cancel_groups"))
}

func TestSpec02_S71_TheReconcilerNeverCancels(t *testing.T) {
	g := open(t, ffsqlite.WithoutScanners()).newFlow()
	reconcile := func() messages.ScanReport { return g.tick(messages.ScannerEdgeCancelReconciler, 0) }
	upstreams, child := g.fanIn(2, quorum(2, messages.LetRun))
	g.claimAll(upstreams)
	g.flagged(child, 0, upstreams...)
	require.Equal(t, messages.ScanReport{Processed: 1, Actions: map[string]uint32{"sremmed_stale": 1}}, reconcile())
	require.Zero(t, g.sql.Int("SELECT count(*) FROM ff_pending_cancel_groups"))

	g.flagged(child, 1, upstreams...)
	before := g.siblings(child)
	require.Equal(t, messages.ScanReport{Actions: map[string]uint32{"no_op": 1}}, reconcile())
	require.Equal(t, before, g.siblings(child))
	for _, upstream := range upstreams {
		require.Equal(t, messages.PublicActive, g.state(upstream))
		_, err := g.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: upstream})
		require.NoError(t, err)
	}
	require.Equal(t, messages.ScanReport{Processed: 1, Actions: map[string]uint32{"completed_drain": 1}}, reconcile())
	require.Equal(t, "0 [] sibling_quorum_satisfied 0", g.siblings(child))
}

func TestSpec04_S34_AReplayedUpstreamCountsOnce(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	g.edge(m[0], m[1])
	g.drive(m[0], true)
	g.replayed(m[0])
	g.patch(m[0], "priority = 9")
	g.drive(m[0], true)
	require.Equal(t, "1 0 0 0 satisfied", g.group(m[1]))
	require.Equal(t, releasedVector, g.vector(m[1]))
}

func TestSpec04_S40_OnlyTheEdgeThatFiresAQuorumPassesData(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(4)
	_, err := g.policy(m[3], quorum(2, messages.LetRun))
	require.NoError(t, err)
	for _, upstream := range m[:3] {
		g.edge(upstream, m[3], "result")
	}
	handles := g.claimAll(m[:3])
	for i, want := range []string{"hello", "second", "second"} {
		require.NoError(t, g.Complete(t.Context(), handles[i], []byte([]string{"first", "second", "third"}[i])))
		g.idle()
		require.Equal(t, want, g.column(m[3], "payload"))
	}
}

func TestSpec04_S41_TheRefIsDescribedAsGiven(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	for downstream, ref := range map[messages.ExecutionID]string{m[1]: "artifact://hash-abc", m[2]: ""} {
		staged := g.stage(m[0], downstream, ref)
		edge, err := g.DescribeEdge(t.Context(), g.flow, staged.EdgeID)
		require.NoError(t, err)
		if ref == "" {
			require.Nil(t, edge.DataPassingRef)
		} else {
			require.Equal(t, ref, *edge.DataPassingRef)
		}
	}
}
