package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowfabric/ffsqlite/messages"
)

const (
	// otherLane is where the callers work that have nothing to do with the flow.
	otherLane = messages.LaneID("other")
	// quietTime is how long they are watched before the fan-out.
	quietTime = 3 * time.Second
	// childrenPerBatch are built by one message, of at most 10,000 calls.
	childrenPerBatch = 2000

	fanOutBar = 20
)

func fanOutSides(o options) ([]Side, error) {
	n := o.jobsOr(manyChildren)
	return []Side{{Name: fmt.Sprintf("fan-out of %d", n), Engine: ours}}, nil
}

// fanOut measures what callers notice who create, claim and complete executions of their own while the children of one
// execution are released. A job is a child.
func fanOut(ctx context.Context, c *cell) ([]Result, error) {
	e := &ffsqliteEngine{}
	if err := c.open(ctx, e, 0, 1, nil); err != nil {
		return nil, err
	}
	defer e.Close()
	root, err := e.buildFanOut(ctx, int(c.spec.Jobs))
	if err != nil {
		return nil, err
	}
	claimed, err := e.backend.ClaimNext(ctx, e.claimNextArgs(0))
	if err != nil {
		return nil, err
	}
	if claimed.Task == nil || claimed.Task.ExecutionID != root {
		return nil, fmt.Errorf("fan-out: the root was not offered: %+v", claimed)
	}
	without, during := c.result(phaseWithout), c.result(phaseDuring)
	if err := c.watchOthers(ctx, e, &without, func() error { time.Sleep(quietTime); return nil }); err != nil {
		return nil, err
	}
	release := c.result("release")
	meter := startMeter()
	err = c.watchOthers(ctx, e, &during, func() error {
		begin := time.Now()
		if err := e.backend.Complete(ctx, claimed.Task.Handle, nil); err != nil {
			return err
		}
		err := e.backend.WaitCascadeIdle(ctx)
		c.finish(&release, c.spec.Jobs, c.spec.Jobs, time.Since(begin))
		return err
	})
	if err != nil {
		return nil, err
	}
	release.Cost = meter.stop(c.spec.Jobs, 1)
	if release.Done, err = e.seen.number(releasedSQL); err != nil {
		return nil, err
	}
	return c.describe(ctx, e, []Result{without, during, release})
}

// The phases of the other callers.
const (
	phaseWithout = "other calls, without the fan-out"
	phaseDuring  = "other calls, during the fan-out"
)

const releasedSQL = `
SELECT count(*) FROM ff_exec_core WHERE flow_id IS NOT NULL AND eligibility_state = 'eligible_now'`

// buildFanOut makes a flow in which n executions depend on one, and returns that one.
func (e *ffsqliteEngine) buildFanOut(ctx context.Context, n int) (root messages.ExecutionID, err error) {
	flow := messages.NewFlowID()
	member := func() messages.CreateExecutionArgs {
		return messages.CreateExecutionArgs{
			ExecutionID: messages.NewExecutionIDForFlow(flow, messages.PartitionConfig{}), Namespace: benchNamespace,
			LaneID: benchLane, ExecutionKind: benchKind, InputPayload: fmt.Append(nil, payloadBase),
		}
	}
	first := member()
	_, err = e.backend.SubmitFlow(ctx, messages.SubmitFlowArgs{
		FlowID: flow, FlowKind: "fan-out", Namespace: benchNamespace, Executions: []messages.CreateExecutionArgs{first},
	})
	revision := uint64(1)
	for built := 0; built < n && err == nil; {
		var calls []messages.Message
		for ; built < n && len(calls) < 4*childrenPerBatch; built++ {
			child, edge := member(), messages.NewEdgeID()
			calls = append(calls, child,
				messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: child.ExecutionID},
				messages.StageDependencyEdgeArgs{
					FlowID: flow, EdgeID: edge, UpstreamExecutionID: first.ExecutionID,
					DownstreamExecutionID: child.ExecutionID, ExpectedGraphRevision: revision + 1,
				},
				messages.ApplyDependencyToChildArgs{
					FlowID: flow, EdgeID: edge, UpstreamExecutionID: first.ExecutionID, DownstreamExecutionID: child.ExecutionID,
				})
			revision += 2
		}
		_, err = e.backend.Batch(ctx, calls...)
	}
	return first.ExecutionID, err
}

// watchOthers has the callers work until do returns, and takes the time of each of their calls.
func (c *cell) watchOthers(ctx context.Context, e *ffsqliteEngine, r *Result, do func() error) error {
	var stop atomic.Bool
	var callers sync.WaitGroup
	samples := make([][]float64, c.spec.Callers)
	for n := range samples {
		callers.Go(func() {
			for !stop.Load() && ctx.Err() == nil {
				if err := e.otherJob(ctx, n, &samples[n]); err != nil {
					c.failed(err)
				}
			}
		})
	}
	begin := time.Now()
	err := do()
	r.Seconds = time.Since(begin).Seconds()
	stop.Store(true)
	callers.Wait()
	for _, calls := range samples {
		r.Completed = append(r.Completed, calls...)
	}
	r.Jobs, r.Done = int64(len(r.Completed)), int64(len(r.Completed))
	c.account(r)
	return err
}

// otherJob creates, claims and completes one execution.
func (e *ffsqliteEngine) otherJob(ctx context.Context, caller int, calls *[]float64) error {
	timed := func(call func() error) error {
		begin := time.Now()
		err := call()
		*calls = append(*calls, micros(time.Since(begin)))
		return err
	}
	err := timed(func() error {
		_, err := e.backend.CreateExecution(ctx, messages.CreateExecutionArgs{
			ExecutionID: messages.NewSoloExecutionID(otherLane, messages.PartitionConfig{}), Namespace: benchNamespace,
			LaneID: otherLane, ExecutionKind: benchKind,
		})
		return err
	})
	if err != nil {
		return err
	}
	var task *messages.ClaimedTask
	err = timed(func() error {
		next := e.claimNextArgs(caller)
		next.Lanes = []messages.LaneID{otherLane}
		result, err := e.backend.ClaimNext(ctx, next)
		task = result.Task
		return err
	})
	if err != nil || task == nil {
		return err
	}
	return timed(func() error { return e.backend.Complete(ctx, task.Handle, nil) })
}

// fanOutNote compares the two phases of each repetition with the bar.
func fanOutNote(text *strings.Builder, results []Result) {
	quiet := map[int]float64{}
	for _, r := range results {
		if r.Phase == phaseWithout {
			quiet[r.Rep] = percentile(r.Completed, 50)
		}
	}
	var ratios []float64
	for _, r := range results {
		if r.Phase == phaseDuring {
			ratios = append(ratios, percentile(r.Completed, 99)/quiet[r.Rep])
		}
	}
	fmt.Fprintf(text, "\np99 during the fan-out / p50 without it: %s; it must not exceed %d.\n", spread(ratios, number), fanOutBar)
}
