package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/flowfabric/ffsqlite/messages"
)

// The ways of building a flow that the scenario compares.
const (
	bySubmitFlow = "SubmitFlow"
	byBatch      = "one Batch"
	byCalls      = "single calls"
)

// inbound is how many members most members depend on.
const inbound = 2

// callsPerMember is what a member costs in single calls: create it, add it, stage and apply its edges.
const callsPerMember = 2 + 2*inbound

func submitSides(options) ([]Side, error) {
	var sides []Side
	for _, way := range []string{bySubmitFlow, byBatch, byCalls} {
		sides = append(sides, Side{Name: way, Engine: ours})
	}
	return sides, nil
}

// submit measures one caller that builds one flow; a job is a member.
func submit(ctx context.Context, c *cell) ([]Result, error) {
	c.spec.Callers = 1
	e := &ffsqliteEngine{}
	if err := c.open(ctx, e, 0, 1, nil); err != nil {
		return nil, err
	}
	defer e.Close()
	if err := c.build(ctx, e, dag(warmUp)); err != nil {
		return nil, fmt.Errorf("warm up: %w", err)
	}
	flow := dag(int(c.spec.Jobs))
	r := c.result("build")
	stopProfile, err := c.profile()
	if err != nil {
		return nil, err
	}
	meter := startMeter()
	begin := time.Now()
	err = c.build(ctx, e, flow)
	took := time.Since(begin)
	stopProfile()
	if err != nil {
		return nil, err
	}
	r.Cost = meter.stop(c.spec.Jobs, callsPerMember)
	c.finish(&r, c.spec.Jobs, c.spec.Jobs, took)
	if err := checkBuilt(ctx, e, flow); err != nil {
		return nil, err
	}
	return c.describe(ctx, e, []Result{r})
}

// dag is a flow of n members, each of which depends on earlier ones.
func dag(n int) messages.SubmitFlowArgs {
	random := rand.New(rand.NewPCG(uint64(n), 0))
	flow := messages.SubmitFlowArgs{FlowID: messages.NewFlowID(), FlowKind: "dag", Namespace: benchNamespace}
	for i := range n {
		flow.Executions = append(flow.Executions, messages.CreateExecutionArgs{
			ExecutionID:   messages.NewExecutionIDForFlow(flow.FlowID, messages.PartitionConfig{}),
			LaneID:        benchLane,
			ExecutionKind: benchKind,
			InputPayload:  fmt.Append(nil, payloadBase+i),
		})
		for range min(i, inbound) {
			flow.Edges = append(flow.Edges, messages.SubmitFlowEdge{
				EdgeID:                messages.NewEdgeID(),
				UpstreamExecutionID:   flow.Executions[random.IntN(i)].ExecutionID,
				DownstreamExecutionID: flow.Executions[i].ExecutionID,
			})
		}
	}
	return flow
}

// build makes the flow in the way of the cell's side.
func (c *cell) build(ctx context.Context, e *ffsqliteEngine, flow messages.SubmitFlowArgs) error {
	switch c.spec.Side.Name {
	case bySubmitFlow:
		_, err := e.backend.SubmitFlow(ctx, flow)
		return err
	case byBatch:
		_, err := e.backend.Batch(ctx, singleCalls(flow)...)
		return err
	case byCalls:
		return e.buildByCalls(ctx, flow)
	}
	return fmt.Errorf("submit: no such side: %s", c.spec.Side.Name)
}

// singleCalls are the calls that build the flow, in the order of the members and then of the edges.
func singleCalls(flow messages.SubmitFlowArgs) []messages.Message {
	calls := []messages.Message{flow.Flow()}
	for i := range flow.Executions {
		member := flow.Execution(i)
		calls = append(calls, member, messages.AddExecutionToFlowArgs{FlowID: flow.FlowID, ExecutionID: member.ExecutionID})
	}
	for i := range flow.Edges {
		edge := flow.Edge(i)
		edge.ExpectedGraphRevision = uint64(len(flow.Executions) + i)
		calls = append(calls, edge, messages.ApplyDependencyToChildArgs{
			FlowID: flow.FlowID, EdgeID: edge.EdgeID,
			UpstreamExecutionID: edge.UpstreamExecutionID, DownstreamExecutionID: edge.DownstreamExecutionID,
		})
	}
	return calls
}

// buildByCalls makes one call after the other, each of which is on disk before the next.
func (e *ffsqliteEngine) buildByCalls(ctx context.Context, flow messages.SubmitFlowArgs) error {
	for _, call := range singleCalls(flow) {
		var err error
		switch args := call.(type) {
		case messages.CreateFlowArgs:
			_, err = e.backend.CreateFlow(ctx, args)
		case messages.CreateExecutionArgs:
			_, err = e.backend.CreateExecution(ctx, args)
		case messages.AddExecutionToFlowArgs:
			_, err = e.backend.AddExecutionToFlow(ctx, args)
		case messages.StageDependencyEdgeArgs:
			_, err = e.backend.StageDependencyEdge(ctx, args)
		case messages.ApplyDependencyToChildArgs:
			_, err = e.backend.ApplyDependencyToChild(ctx, args)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkBuilt asks whether the whole flow is there.
func checkBuilt(ctx context.Context, e *ffsqliteEngine, flow messages.SubmitFlowArgs) error {
	built, err := e.backend.DescribeFlow(ctx, flow.FlowID)
	if err != nil {
		return err
	}
	nodes, edges := len(flow.Executions), len(flow.Edges)
	if built == nil || int(built.NodeCount) != nodes || int(built.EdgeCount) != edges ||
		built.GraphRevision != uint64(nodes+edges) {
		return fmt.Errorf("submit: the flow is not what was asked for: %+v", built)
	}
	return nil
}
