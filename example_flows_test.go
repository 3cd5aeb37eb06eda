package ffsqlite_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// The programs of docs/flows.md. TestDocuments compares the two.

// opened is an engine in memory.
func opened(ctx context.Context) *ffsqlite.Backend {
	backend, err := ffsqlite.Open(ctx, ":memory:", ffsqlite.WithoutDevModeGuard(), quiet())
	if err != nil {
		log.Fatal(err)
	}
	return backend
}

// member is an execution that the flow will have.
func member(flow messages.FlowID, kind string) messages.CreateExecutionArgs {
	id := messages.NewExecutionIDForFlow(flow, messages.PartitionConfig{})
	return messages.CreateExecutionArgs{ExecutionID: id, Namespace: "shop", LaneID: "images", ExecutionKind: kind}
}

// edge makes down wait for up. A ref hands the result of up to down.
func edge(up, down messages.CreateExecutionArgs, ref string) messages.SubmitFlowEdge {
	return messages.SubmitFlowEdge{
		EdgeID:                messages.NewEdgeID(),
		UpstreamExecutionID:   up.ExecutionID,
		DownstreamExecutionID: down.ExecutionID,
		DataPassingRef:        ref,
	}
}

// workAll is a worker that runs one execution after the other until nothing is claimable. A handler that fails ends its
// execution. What an end leads to is awaited, so that the outputs are always the same.
func workAll(ctx context.Context, backend *ffsqlite.Backend, handler func(*messages.ClaimedTask) ([]byte, error)) {
	for {
		if err := backend.WaitCascadeIdle(ctx); err != nil {
			log.Fatal(err)
		}
		claimed, err := backend.ClaimNext(ctx, messages.ClaimNextArgs{
			Lanes: []messages.LaneID{"images"}, WorkerID: "w", WorkerInstanceID: "w-1", LeaseTTL: time.Minute,
		})
		if err != nil {
			log.Fatal(err)
		}
		task := claimed.Task
		if task == nil {
			return
		}
		if result, failed := handler(task); failed == nil {
			err = backend.Complete(ctx, task.Handle, result)
		} else {
			_, err = backend.Fail(ctx, messages.FailArgs{Handle: task.Handle, Class: messages.FailurePermanent})
		}
		if err != nil {
			log.Fatal(err)
		}
	}
}

// printing is a handler that tells what ran, and with which input.
func printing(task *messages.ClaimedTask) ([]byte, error) {
	fmt.Printf("%s(%s)\n", task.ExecutionKind, task.InputPayload)
	return []byte("result of " + task.ExecutionKind), nil
}

func ExampleBackend_SubmitFlow() {
	ctx := context.Background()
	backend := opened(ctx)
	defer backend.Close()

	flow := messages.NewFlowID()
	fetch, resize, publish := member(flow, "fetch"), member(flow, "resize"), member(flow, "publish")
	result, err := backend.SubmitFlow(ctx, messages.SubmitFlowArgs{
		FlowID: flow, FlowKind: "thumbnail", Namespace: "shop",
		Executions: []messages.CreateExecutionArgs{publish, resize, fetch},
		Edges: []messages.SubmitFlowEdge{
			edge(fetch, resize, "picture"), // resize gets what fetch has returned
			edge(resize, publish, ""),      // publish only waits
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(result.Outcome, "at revision", result.GraphRevision)
	workAll(ctx, backend, printing)

	// Output:
	// created at revision 5
	// fetch()
	// resize(result of fetch)
	// publish()
}

func ExampleBackend_StageDependencyEdge() {
	ctx := context.Background()
	backend := opened(ctx)
	defer backend.Close()

	flow := messages.NewFlowID()
	if _, err := backend.CreateFlow(ctx, messages.CreateFlowArgs{FlowID: flow, FlowKind: "thumbnail", Namespace: "shop"}); err != nil {
		log.Fatal(err)
	}
	fetch, resize := member(flow, "fetch"), member(flow, "resize")
	for _, m := range []messages.CreateExecutionArgs{fetch, resize} {
		if _, err := backend.CreateExecution(ctx, m); err != nil {
			log.Fatal(err)
		}
		join := messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: m.ExecutionID}
		if _, err := backend.AddExecutionToFlow(ctx, join); err != nil {
			log.Fatal(err)
		}
	}
	staged, err := backend.StageDependencyEdge(ctx, messages.StageDependencyEdgeArgs{
		FlowID: flow, EdgeID: messages.NewEdgeID(),
		UpstreamExecutionID: fetch.ExecutionID, DownstreamExecutionID: resize.ExecutionID,
		ExpectedGraphRevision: 2, // two members have been added
	})
	if err != nil {
		log.Fatal(err)
	}
	applied, err := backend.ApplyDependencyToChild(ctx, messages.ApplyDependencyToChildArgs{
		FlowID: flow, EdgeID: staged.EdgeID,
		UpstreamExecutionID: fetch.ExecutionID, DownstreamExecutionID: resize.ExecutionID,
	})
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println("revision", staged.NewGraphRevision, "waits for", applied.UnsatisfiedCount)

	// Output:
	// revision 3 waits for 1
}

func ExampleBackend_Batch() {
	ctx := context.Background()
	backend := opened(ctx)
	defer backend.Close()
	first := member(messages.FlowID{1}, "count")
	if _, err := backend.CreateExecution(ctx, first); err != nil {
		log.Fatal(err)
	}
	claimed, err := backend.ClaimNext(ctx, messages.ClaimNextArgs{
		Lanes: []messages.LaneID{"images"}, WorkerID: "w", WorkerInstanceID: "w-1", LeaseTTL: time.Minute,
	})
	if err != nil {
		log.Fatal(err)
	}
	task, next := claimed.Task, member(messages.FlowID{1}, "report")

	replies, err := backend.Batch(ctx,
		messages.CompleteArgs{Handle: task.Handle, Payload: []byte("42")},
		next, // a CreateExecutionArgs
	)
	if err != nil {
		log.Fatal(err) // neither of the two has happened
	}
	created, ok := replies[1].(messages.CreateExecutionResult)

	fmt.Println(len(replies), ok, created.Outcome)

	// Output:
	// 2 true created
}

func ExampleBackend_SubmitFlow_quorum() {
	ctx := context.Background()
	backend := opened(ctx)
	defer backend.Close()

	flow := messages.NewFlowID()
	a, b, c := member(flow, "ask a"), member(flow, "ask b"), member(flow, "ask c")
	answer := member(flow, "answer")
	_, err := backend.SubmitFlow(ctx, messages.SubmitFlowArgs{
		FlowID: flow, FlowKind: "poll", Namespace: "shop",
		Executions: []messages.CreateExecutionArgs{a, b, c, answer},
		Policies: []messages.SubmitFlowPolicy{{
			DownstreamExecutionID: answer.ExecutionID,
			Policy: messages.EdgeDependencyPolicy{
				Kind: messages.Quorum, K: 2, OnSatisfied: messages.CancelRemaining,
			},
		}},
		Edges: []messages.SubmitFlowEdge{edge(a, answer, ""), edge(b, answer, ""), edge(c, answer, "")},
	})
	if err != nil {
		log.Fatal(err)
	}

	asked, answered := 0, 0
	workAll(ctx, backend, func(task *messages.ClaimedTask) ([]byte, error) {
		if task.ExecutionKind == "answer" {
			answered++
		} else {
			asked++
		}
		return nil, nil
	})
	fmt.Println(asked, "asked,", answered, "answered")

	// Output:
	// 2 asked, 1 answered
}

func ExampleBackend_CancelFlow() {
	ctx := context.Background()
	backend := opened(ctx)
	defer backend.Close()
	flow := messages.NewFlowID()
	if _, err := backend.SubmitFlow(ctx, messages.SubmitFlowArgs{
		FlowID: flow, Namespace: "shop",
		Executions: []messages.CreateExecutionArgs{member(flow, "fetch"), member(flow, "resize")},
	}); err != nil {
		log.Fatal(err)
	}

	cancelled, err := backend.CancelFlow(ctx, messages.CancelFlowArgs{FlowID: flow, Policy: messages.CancelAll})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(cancelled.MemberExecutionIDs), "members cancelled")

	// Output:
	// 2 members cancelled
}

func ExampleBackend_ReplayExecution() {
	ctx := context.Background()
	backend := opened(ctx)
	defer backend.Close()
	flow := messages.NewFlowID()
	fetch, resize := member(flow, "fetch"), member(flow, "resize")
	if _, err := backend.SubmitFlow(ctx, messages.SubmitFlowArgs{
		FlowID: flow, Namespace: "shop", Executions: []messages.CreateExecutionArgs{fetch, resize},
		Edges: []messages.SubmitFlowEdge{edge(fetch, resize, "")},
	}); err != nil {
		log.Fatal(err)
	}
	workAll(ctx, backend, func(*messages.ClaimedTask) ([]byte, error) { return nil, errors.New("no network") })

	for _, m := range []messages.CreateExecutionArgs{fetch, resize} { // the other order does as well
		replayed, err := backend.ReplayExecution(ctx, messages.ReplayExecutionArgs{ExecutionID: m.ExecutionID})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.ExecutionKind, "is", replayed.PublicState)
	}

	workAll(ctx, backend, printing)

	// Output:
	// fetch is waiting
	// resize is waiting_children
	// fetch()
	// resize()
}
