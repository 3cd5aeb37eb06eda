package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/flowfabric/ffsqlite/messages"
)

// A linear flow is a chain of this many executions; the flows run side by side.
const (
	linearNodes   = 10
	linearWorkers = 16
)

func linearSides(options) ([]Side, error) {
	return []Side{{Name: fmt.Sprintf("chains of %d", linearNodes), Engine: ours}}, nil
}

// linear measures chains that are submitted at once and run by a few workers. A job is a flow; its sample is the time from
// its submission to the end of its last execution.
func linear(ctx context.Context, c *cell) ([]Result, error) {
	c.spec.Callers = linearWorkers
	flows := c.spec.Jobs
	e := &ffsqliteEngine{}
	if err := c.open(ctx, e, flows*linearNodes, linearWorkers, nil); err != nil {
		return nil, err
	}
	defer e.Close()
	ctx, e.stop = context.WithCancel(ctx)
	run := &linearRun{begun: make([]time.Time, flows), samples: make([]float64, flows)}
	run.left.Add(int(flows))
	for n := range linearWorkers {
		e.workers.Go(func() { run.work(ctx, c, e, n) })
	}
	meter := startMeter()
	begin := time.Now()
	for flow := range flows {
		go func() {
			run.begun[flow] = time.Now()
			if _, err := e.backend.SubmitFlow(ctx, chain(flow)); err != nil {
				c.failed(err)
			}
		}()
	}
	run.left.Wait()
	rate, latency := c.result("flows"), c.result("latency")
	rate.Cost = meter.stop(flows, 1+2*linearNodes)
	c.finish(&rate, flows, flows, time.Since(begin))
	latency.Jobs, latency.Done, latency.Completed = flows, flows, run.samples
	return c.describe(ctx, e, []Result{rate, latency})
}

// linearRun is what the submitters and the workers of a run share.
type linearRun struct {
	begun   []time.Time // By flow; written before the flow is submitted.
	samples []float64
	left    sync.WaitGroup
}

// work runs executions until the engine is closed.
func (run *linearRun) work(ctx context.Context, c *cell, e *ffsqliteEngine, n int) {
	args := messages.ClaimWaitArgs{ClaimNextArgs: e.claimNextArgs(n)}
	for {
		result, err := e.backend.ClaimWait(ctx, args)
		if err != nil || result.Task == nil {
			return
		}
		if err := e.finishTask(ctx, result.Task); err != nil {
			c.failed(err)
			continue
		}
		job, _ := jobOf(result.Task.InputPayload)
		if job%linearNodes == linearNodes-1 {
			run.samples[job/linearNodes] = micros(time.Since(run.begun[job/linearNodes]))
			run.left.Done()
		}
	}
}

// chain is the flow with that number, each execution of which depends on the one before it.
func chain(number int64) messages.SubmitFlowArgs {
	flow := messages.SubmitFlowArgs{FlowID: messages.NewFlowID(), FlowKind: "linear", Namespace: benchNamespace}
	for node := range int64(linearNodes) {
		flow.Executions = append(flow.Executions, messages.CreateExecutionArgs{
			ExecutionID: messages.NewExecutionIDForFlow(flow.FlowID, messages.PartitionConfig{}), LaneID: benchLane,
			ExecutionKind: benchKind, InputPayload: fmt.Append(nil, payloadBase+number*linearNodes+node),
		})
		if node > 0 {
			flow.Edges = append(flow.Edges, messages.SubmitFlowEdge{
				UpstreamExecutionID:   flow.Executions[node-1].ExecutionID,
				DownstreamExecutionID: flow.Executions[node].ExecutionID,
			})
		}
	}
	return flow
}

func linearNote(text *strings.Builder, _ []Result) {
	text.WriteString(`
For context, what FlowFabric published for 100 such flows and 16 workers on 16 cores (AMD EPYC 9R14): Valkey 0.4.0 7.93
flows/s, p50 358 ms, p99 12.4 s; Valkey 0.11 17.5 flows/s, p50 413 ms, p99 5.4 s; Postgres, without any work on
dependencies, 48.2 flows/s, p50 760 ms, p99 882 ms. Another machine, and not the same stack: no ratio is meant.
`)
}
