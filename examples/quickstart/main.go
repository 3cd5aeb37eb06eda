// Quickstart runs a small flow on a database file: two executions that may run at once, and a third that waits for both.
//
//	orders ────┐
//	           ├──▶ report
//	customers ─┘
//
// It prints every completion as it arrives, then how the executions ended, then what becomes of a cancelled one.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

const (
	namespace = "quickstart"
	lane      = "default"
)

// step is one execution, and a place for the instant at which the call that ended it returned.
type step struct {
	name  string
	id    messages.ExecutionID
	ended chan time.Time
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	folder, err := os.MkdirTemp("", "quickstart")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()

	backend, err := ffsqlite.Open(ctx, filepath.Join(folder, "quickstart.db"), ffsqlite.WithDevMode())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, backend.Close()) }()

	// The empty cursor is "from now on", so we subscribe before there is anything to miss.
	completions, err := backend.SubscribeCompletion(ctx, nil, messages.ScannerFilter{})
	if err != nil {
		return err
	}

	steps, err := createFlow(ctx, backend)
	if err != nil {
		return err
	}
	stopWorkers := startWorkers(ctx, backend, steps)
	err = printEvents(completions, steps)
	stopWorkers()
	if err != nil {
		return err
	}
	if err := printStates(ctx, backend, steps); err != nil {
		return err
	}

	unwanted, err := cancelOne(ctx, backend)
	if err != nil {
		return err
	}
	if err := printEvents(completions, unwanted); err != nil {
		return err
	}
	return printStates(ctx, backend, unwanted)
}

// createFlow makes three executions the members of a flow, and the last one depend on the other two. The workers start
// later, because an execution that nothing holds back yet may be claimed at once.
func createFlow(ctx context.Context, backend *ffsqlite.Backend) ([]step, error) {
	flow := messages.NewFlowID()
	_, err := backend.CreateFlow(ctx, messages.CreateFlowArgs{FlowID: flow, FlowKind: "report", Namespace: namespace})
	if err != nil {
		return nil, err
	}

	var steps []step
	for _, name := range []string{"orders", "customers", "report"} {
		step, err := createStep(ctx, backend, name, messages.NewExecutionIDForFlow(flow, messages.PartitionConfig{}))
		if err != nil {
			return nil, err
		}
		_, err = backend.AddExecutionToFlow(ctx, messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: step.id})
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}

	// The revision of the graph counts its changes; each new member was one. An edge names the revision that it expects.
	revision := uint64(len(steps))
	for _, upstream := range steps[:2] {
		staged, err := backend.StageDependencyEdge(ctx, messages.StageDependencyEdgeArgs{
			FlowID: flow, EdgeID: messages.NewEdgeID(), ExpectedGraphRevision: revision,
			UpstreamExecutionID: upstream.id, DownstreamExecutionID: steps[2].id,
		})
		if err != nil {
			return nil, err
		}
		revision = staged.NewGraphRevision
		_, err = backend.ApplyDependencyToChild(ctx, messages.ApplyDependencyToChildArgs{
			FlowID: flow, EdgeID: staged.EdgeID, GraphRevision: revision,
			UpstreamExecutionID: upstream.id, DownstreamExecutionID: steps[2].id,
		})
		if err != nil {
			return nil, err
		}
	}
	return steps, nil
}

func createStep(
	ctx context.Context, backend *ffsqlite.Backend, name string, id messages.ExecutionID,
) (step, error) {
	_, err := backend.CreateExecution(ctx, messages.CreateExecutionArgs{
		ExecutionID: id, Namespace: namespace, LaneID: lane, ExecutionKind: name,
	})
	return step{name: name, id: id, ended: make(chan time.Time, 1)}, err
}

// startWorkers starts two workers, and returns what stops them and waits for them.
func startWorkers(ctx context.Context, backend *ffsqlite.Backend, steps []step) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	for _, name := range []messages.WorkerInstanceID{"worker-1", "worker-2"} {
		workers.Go(func() {
			if err := work(ctx, backend, name, steps); !errors.Is(err, context.Canceled) {
				log.Fatalf("%s: %v", name, err)
			}
		})
	}
	return func() {
		cancel()
		workers.Wait()
	}
}

// work claims executions and completes them, until the context ends.
func work(ctx context.Context, backend *ffsqlite.Backend, name messages.WorkerInstanceID, steps []step) error {
	for {
		claimed, err := backend.ClaimWait(ctx, messages.ClaimWaitArgs{ClaimNextArgs: messages.ClaimNextArgs{
			Lanes: []messages.LaneID{lane}, WorkerID: "quickstart", WorkerInstanceID: name, LeaseTTL: time.Minute,
		}})
		if err != nil {
			return err
		}
		if err := backend.Complete(ctx, claimed.Task.Handle, []byte("made by "+name)); err != nil {
			return err
		}
		find(steps, claimed.Task.ExecutionID).ended <- time.Now()
	}
}

// cancelOne creates an execution on its own and cancels it before a worker claims it.
func cancelOne(ctx context.Context, backend *ffsqlite.Backend) ([]step, error) {
	id := messages.NewSoloExecutionID(lane, messages.PartitionConfig{})
	unwanted, err := createStep(ctx, backend, "unwanted", id)
	if err != nil {
		return nil, err
	}
	_, err = backend.CancelExecution(ctx, messages.CancelExecutionArgs{ExecutionID: id, Reason: "changed our mind"})
	unwanted.ended <- time.Now()
	return []step{unwanted}, err
}

// printEvents prints one completion for each step. An event may overtake the call that caused it; its time is then
// negative.
func printEvents(completions *ffsqlite.Subscription[messages.CompletionEvent], steps []step) error {
	missing := len(steps)
	for event, err := range completions.Events() {
		if err != nil {
			return err
		}
		arrived := time.Now()
		step := find(steps, event.ExecutionID)
		after := arrived.Sub(<-step.ended)
		fmt.Printf("event %d  %-9s  %-9s  %s  %+d µs after the call returned\n",
			event.EventID, event.Outcome, step.name, step.id, after.Microseconds())
		if missing--; missing == 0 {
			break
		}
	}
	return nil
}

// printStates prints how each execution stands and what it was completed with.
func printStates(ctx context.Context, backend *ffsqlite.Backend, steps []step) error {
	for _, step := range steps {
		state, err := backend.ReadExecutionState(ctx, step.id)
		if err != nil {
			return err
		}
		result, _, err := backend.GetExecutionResult(ctx, step.id)
		if err != nil {
			return err
		}
		fmt.Printf("state    %-9s  %-9s  %s\n", *state, step.name, result)
	}
	return nil
}

// find returns the step of an execution; the program creates no others.
func find(steps []step, id messages.ExecutionID) step {
	return steps[slices.IndexFunc(steps, func(s step) bool { return s.id == id })]
}
