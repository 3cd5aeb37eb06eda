package ffsqlite_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Reading flows and edges: 04 §7 and its scenarios.

func (g *graph) listed(direction messages.EdgeDirection) []messages.EdgeSnapshot {
	g.t.Helper()
	edges, err := g.ListEdges(g.t.Context(), g.flow, direction)
	require.NoError(g.t, err)
	require.NotNil(g.t, edges)
	return edges
}

func (g *graph) describedEdge(id messages.EdgeID) *messages.EdgeSnapshot {
	g.t.Helper()
	edge, err := g.DescribeEdge(g.t.Context(), g.flow, id)
	require.NoError(g.t, err)
	return edge
}

func TestSpec04_S63_ListFlowsPages(t *testing.T) {
	e := open(t)
	list := func(args messages.ListFlowsArgs) messages.ListFlowsResult {
		page, err := e.ListFlows(t.Context(), args)
		require.NoError(t, err)
		return page
	}
	require.Equal(t, messages.ListFlowsResult{}, list(messages.ListFlowsArgs{Limit: 2}))

	var all []messages.FlowSummary
	for range 5 {
		all = append(all, messages.FlowSummary{
			FlowID: e.newFlow().flow, CreatedAt: e.now(), Status: messages.FlowStatusActive,
		})
		e.clock.Advance(time.Millisecond)
	}
	slices.SortFunc(all, func(a, b messages.FlowSummary) int { return bytes.Compare(a.FlowID[:], b.FlowID[:]) })
	_, err := e.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: all[3].FlowID, Policy: messages.CancelAll})
	require.NoError(t, err)
	all[3].Status = messages.FlowStatusCancelled

	var pages [][]messages.FlowSummary
	args := messages.ListFlowsArgs{Partition: "{fp:0}", Limit: 2}
	for {
		page := list(args)
		pages = append(pages, page.Flows)
		if args.Cursor = page.NextCursor; args.Cursor == nil {
			break
		}
		require.Equal(t, page.Flows[len(page.Flows)-1].FlowID, *args.Cursor)
	}
	require.Equal(t, [][]messages.FlowSummary{all[:2], all[2:4], all[4:]}, pages)

	require.Equal(t, messages.ListFlowsResult{Flows: all}, list(messages.ListFlowsArgs{Limit: 5}))
	require.Equal(t, messages.ListFlowsResult{}, list(messages.ListFlowsArgs{}))
	for _, elsewhere := range []messages.PartitionKey{"{fp:1}", "{b:0}", "{q:3}"} {
		require.Equal(t, messages.ListFlowsResult{}, list(messages.ListFlowsArgs{Partition: elsewhere, Limit: 5}))
	}
	_, err = e.ListFlows(t.Context(), messages.ListFlowsArgs{Partition: "fp:0", Limit: 5})
	requireInvalid(t, err, "partition_key: partition key must be wrapped in '{...}'")
	_, err = e.ListFlows(t.Context(), messages.ListFlowsArgs{Limit: -1})
	requireInvalid(t, err, "limit: must not be negative")
}

func TestSpec04_S64_Edges(t *testing.T) {
	g := open(t).newFlow()
	up, mid, other := g.member(), g.member(), messages.NewExecutionID(7, messages.NewFlowID())
	_, err := g.CreateExecution(t.Context(), args(other))
	require.NoError(t, err)
	require.NoError(t, g.add(other))
	staged := g.stage(up, mid)
	g.clock.Advance(time.Second)
	g.edge(up, other)

	outgoing := g.listed(messages.Outgoing(up))
	require.Len(t, outgoing, 2)
	require.True(t, slices.IsSortedFunc(outgoing, func(a, b messages.EdgeSnapshot) int {
		return bytes.Compare(a.EdgeID[:], b.EdgeID[:])
	}))
	require.Len(t, g.listed(messages.Incoming(mid)), 1)
	require.Empty(t, g.listed(messages.Outgoing(mid)))
	require.Empty(t, g.listed(messages.Incoming(g.created())), "a node that is alone")
	require.Equal(t, other, g.listed(messages.Incoming(other))[0].DownstreamExecutionID, "with its partition")
	unknown := &graph{engine: g.engine, flow: messages.NewFlowID()}
	require.Empty(t, unknown.listed(messages.Outgoing(up)))
	require.Nil(t, unknown.describedEdge(staged.EdgeID))
	require.Nil(t, g.describedEdge(messages.NewEdgeID()))

	want := messages.EdgeSnapshot{
		EdgeID: staged.EdgeID, FlowID: g.flow, UpstreamExecutionID: up, DownstreamExecutionID: mid,
		DependencyKind: "success_only", SatisfactionCondition: "all_required", EdgeState: messages.EdgePending,
		CreatedAt: g.now() - 1000, CreatedBy: "engine", DepState: "none",
	}
	require.Equal(t, &want, g.describedEdge(staged.EdgeID))
	g.apply(staged)
	want.EdgeState, want.DepState = messages.EdgeApplied, "unsatisfied"
	require.Equal(t, &want, g.describedEdge(staged.EdgeID))
	g.drive(up, false)
	want.DepState, want.ResolvedOutcome = "impossible", "failed"
	require.Equal(t, &want, g.describedEdge(staged.EdgeID))
	require.Equal(t, []messages.EdgeSnapshot{want}, g.listed(messages.Incoming(mid)))
}

func TestSpec04_S41_TheRefOfAnEdge(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	with, without := g.stage(m[0], m[1], "artifact://hash-abc"), g.stage(m[0], m[1])
	require.Equal(t, "artifact://hash-abc", *g.describedEdge(with.EdgeID).DataPassingRef)
	require.Nil(t, g.describedEdge(without.EdgeID).DataPassingRef)
}

func TestSpec04_S16_TheExistingEdgeEqualsTheDescribedOne(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	staged := g.stage(m[0], m[1], "result")
	again := staged
	again.ExpectedGraphRevision = g.revision
	_, err := g.StageDependencyEdge(t.Context(), again)
	var typed *messages.Error
	require.ErrorAs(t, err, &typed)
	require.Equal(t, g.describedEdge(staged.EdgeID), typed.Existing)
}

func TestSpec04_S65_TheFlowOfAnExecution(t *testing.T) {
	g := open(t).newFlow()
	resolve := func(id messages.ExecutionID) *messages.FlowID {
		flow, err := g.ResolveExecutionFlowID(t.Context(), id)
		require.NoError(t, err)
		return flow
	}
	member := g.member()
	require.Equal(t, g.flow, *resolve(member))
	require.Nil(t, resolve(g.created()))
	require.Nil(t, resolve(newID()))
	require.Nil(t, resolve(messages.NewExecutionID(1, member.UUID())), "another id")

	g.patch(member, "flow_id = x'01'")
	_, err := g.ResolveExecutionFlowID(t.Context(), member)
	requireDetail(t, err, messages.ErrCorruption, "exec_core: flow_id: must be 16 bytes (got 1)")
}

func TestSpec04_S64_RecordsOfOtherPrograms(t *testing.T) {
	g := open(t).newFlow()
	edge := messages.NewEdgeID()
	up, down := newID(), newID()
	g.sql.Exec(`INSERT INTO ff_edge (partition_key, flow_id, edge_id, upstream_eid, downstream_eid, policy)
		VALUES (0, ?1, ?2, ?3, ?4, '{}')`, g.flow, edge, up.UUID(), down.UUID())
	require.Equal(t, &messages.EdgeSnapshot{
		EdgeID: edge, FlowID: g.flow, UpstreamExecutionID: up, DownstreamExecutionID: down,
		DependencyKind: "success_only", SatisfactionCondition: "all_required", EdgeState: messages.EdgePending,
		CreatedBy: "engine", DepState: "none",
	}, g.describedEdge(edge))

	g.sql.Exec("UPDATE ff_edge SET policy = '[]'")
	_, err := g.DescribeEdge(t.Context(), g.flow, edge)
	requireDetail(t, err, messages.ErrCorruption, "edge: policy not valid JSON: array is not an object")
	_, err = g.ListEdges(t.Context(), g.flow, messages.Outgoing(up))
	require.ErrorIs(t, err, messages.ErrCorruption)
}

func TestSpec04_S62_TagsOfAFlow(t *testing.T) {
	g := open(t).newFlow()
	g.sql.Exec(`UPDATE ff_flow_core SET raw_fields = json_set(raw_fields,
		'$."cairn.task_id"', 'abc', '$."cairn.project"', 'p', '$."Cairn.x"', 'no')`)
	flow, err := g.DescribeFlow(t.Context(), g.flow)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"cairn.task_id": "abc", "cairn.project": "p"}, flow.Tags)
}

func TestSpec01_S84_WhatAFlowIsDecodedTo(t *testing.T) {
	g := open(t).newFlow()
	document := func(text string) {
		g.sql.Exec("UPDATE ff_flow_core SET raw_fields = ?1 WHERE flow_id = ?2", text, [16]byte(g.flow))
	}
	document(`{"unknown": "member", "cairn.project": "p"}`)
	flow, err := g.DescribeFlow(t.Context(), g.flow)
	require.NoError(t, err)
	require.Equal(t, messages.Namespace("default"), flow.Namespace)
	require.Equal(t, map[string]string{"cairn.project": "p"}, flow.Tags)
	document(`["cairn.project"]`)
	_, err = g.DescribeFlow(t.Context(), g.flow)
	requireDetail(t, err, messages.ErrCorruption, "flow_core: raw_fields not valid JSON: array is not an object")
}
