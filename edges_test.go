package ffsqlite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec04_S14_SelfEdgesAndStrangersAreRefused(t *testing.T) {
	g := open(t).newFlow()
	id := g.member()
	_, err := g.StageDependencyEdge(t.Context(), g.stageArgs(id, id))
	require.ErrorIs(t, err, messages.ErrSelfReferencingEdge)
	require.ErrorContains(t, err, "self_referencing_edge")
	_, err = g.StageDependencyEdge(t.Context(), g.stageArgs(id, g.created()))
	require.ErrorIs(t, err, messages.ErrExecutionNotInFlow)
	require.ErrorContains(t, err, "execution_not_in_flow")
	require.Equal(t, int64(1), g.sql.Int("SELECT graph_revision FROM ff_flow_core"))
}

func TestSpec04_S15_CyclesAreRefusedWithoutALimit(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	g.stage(m[0], m[1])
	g.stage(m[1], m[2])
	_, err := g.StageDependencyEdge(t.Context(), g.stageArgs(m[2], m[0]))
	require.ErrorIs(t, err, messages.ErrCycleDetected)
	flow, err := g.DescribeFlow(t.Context(), g.flow)
	require.NoError(t, err)
	require.Equal(t, uint64(5), flow.GraphRevision)
	require.Equal(t, uint32(2), flow.EdgeCount)

	long := g.newFlow()
	chain := long.members(1500)
	for i := range len(chain) - 1 {
		long.stage(chain[i], chain[i+1])
	}
	_, err = long.StageDependencyEdge(t.Context(), long.stageArgs(chain[1499], chain[0]))
	require.ErrorIs(t, err, messages.ErrCycleDetected)
}

func TestSpec04_S16_ADuplicateEdgeCarriesTheStoredOne(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	staged := g.stage(m[0], m[1], "artifact://hash-abc")
	again := staged
	again.ExpectedGraphRevision = g.revision
	_, err := g.StageDependencyEdge(t.Context(), again)
	require.ErrorIs(t, err, messages.ErrDependencyAlreadyExists)
	require.ErrorContains(t, err, "dependency_already_exists:edge_id="+staged.EdgeID.String())
	var typed *messages.Error
	require.ErrorAs(t, err, &typed)
	ref := "artifact://hash-abc"
	require.Equal(t, &messages.EdgeSnapshot{
		EdgeID: staged.EdgeID, FlowID: g.flow, UpstreamExecutionID: m[0], DownstreamExecutionID: m[1],
		DependencyKind: "success_only", SatisfactionCondition: "all_required", DataPassingRef: &ref, EdgeState: "pending",
		CreatedAt: g.now(), CreatedBy: "engine", DepState: "none",
	}, typed.Existing)
	require.Equal(t, int64(3), g.sql.Int("SELECT graph_revision FROM ff_flow_core"))

	g.stage(m[0], m[1])
	require.Equal(t, int64(2), g.sql.Int("SELECT count(*) FROM ff_edge"))
}

func TestSpec04_S17_ALiveFlowOfAnyStateTakesEdges(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	g.sql.Exec("UPDATE ff_flow_core SET public_flow_state = 'running'")
	g.stage(m[0], m[1])
}

func TestSpec04_S18_ApplyChecksTheEdge(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	staged := g.stage(m[0], m[1])
	apply := messages.ApplyDependencyToChildArgs{
		FlowID: g.flow, EdgeID: messages.NewEdgeID(), UpstreamExecutionID: m[0], DownstreamExecutionID: m[1],
	}
	_, err := g.ApplyDependencyToChild(t.Context(), apply)
	require.ErrorIs(t, err, messages.ErrEdgeNotFound)
	require.ErrorContains(t, err, "edge_not_found")
	apply.EdgeID, apply.DownstreamExecutionID = staged.EdgeID, m[2]
	_, err = g.ApplyDependencyToChild(t.Context(), apply)
	require.ErrorIs(t, err, messages.ErrInvalidDependency)
	require.Equal(t, int64(0), g.sql.Int("SELECT count(*) FROM ff_edge_group"))
}
