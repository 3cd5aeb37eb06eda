package ffsqlite_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/messages"
)

// The programs of docs/executions.md. TestDocuments compares the two.

// timed is an engine in memory with a clock that the program sets.
func timed(ctx context.Context) (*ffsqlite.Backend, *clock.Manual) {
	backendClock := clock.NewManual(epoch)
	backend, err := ffsqlite.Open(ctx, ":memory:", ffsqlite.WithoutDevModeGuard(), quiet(), ffsqlite.WithClock(backendClock))
	if err != nil {
		log.Fatal(err)
	}
	return backend, backendClock
}

// job creates an execution, with a policy or without.
func job(ctx context.Context, backend *ffsqlite.Backend, policy *messages.ExecutionPolicy) messages.ExecutionID {
	id := messages.NewSoloExecutionID("mail", messages.PartitionConfig{})
	_, err := backend.CreateExecution(ctx, messages.CreateExecutionArgs{
		ExecutionID: id, Namespace: "shop", LaneID: "mail", InputPayload: []byte("order 7"), Policy: policy,
	})
	if err != nil {
		log.Fatal(err)
	}
	return id
}

// claim takes the next execution for a minute.
func claim(ctx context.Context, backend *ffsqlite.Backend) *messages.ClaimedTask {
	claimed, err := backend.ClaimNext(ctx, messages.ClaimNextArgs{
		Lanes: []messages.LaneID{"mail"}, WorkerID: "mailer", WorkerInstanceID: "mailer-1", LeaseTTL: time.Minute,
	})
	if err != nil {
		log.Fatal(err)
	}
	return claimed.Task
}

func ExampleBackend_CreateExecution() {
	ctx := context.Background()
	backend := opened(ctx)
	defer backend.Close()

	id := messages.NewSoloExecutionID("mail", messages.PartitionConfig{})
	created, err := backend.CreateExecution(ctx, messages.CreateExecutionArgs{
		ExecutionID: id, Namespace: "shop", LaneID: "mail", ExecutionKind: "invoice",
		InputPayload:   []byte("order 7"),
		IdempotencyKey: "invoice-7", // a second create with this key answers the first one's id
		Tags:           map[string]string{"shop.customer": "42"},
	})
	if err != nil {
		log.Fatal(err)
	}
	again, err := backend.CreateExecution(ctx, messages.CreateExecutionArgs{
		ExecutionID: messages.NewSoloExecutionID("mail", messages.PartitionConfig{}), Namespace: "shop", LaneID: "mail",
		IdempotencyKey: "invoice-7",
	})
	fmt.Println(created.Outcome, created.PublicState)
	fmt.Println(again.Outcome, again.ExecutionID == id, err)

	// Output:
	// created waiting
	// duplicate true <nil>
}

func ExampleBackend_Complete() {
	ctx := context.Background()
	backend, backendClock := timed(ctx)
	defer backend.Close()
	job(ctx, backend, nil)

	first := claim(ctx, backend)
	backendClock.Advance(2 * time.Minute) // the worker is stuck, its lease of a minute runs out
	second := claim(ctx, backend)         // and another one takes over
	fmt.Println("attempt", second.AttemptIndex, "epoch", second.LeaseEpoch, second.Handle.Kind)

	err := backend.Complete(ctx, first.Handle, []byte("late"))
	fmt.Println("late:", errors.Is(err, messages.ErrLeaseConflict))
	fmt.Println("in time:", backend.Complete(ctx, second.Handle, []byte("sent")))

	// Output:
	// attempt 1 epoch 2 Reclaimed
	// late: true
	// in time: <nil>
}

func ExampleBackend_CompleteExecution() {
	ctx := context.Background()
	backend := opened(ctx)
	defer backend.Close()
	job(ctx, backend, nil)
	task := claim(ctx, backend)

	fence := &messages.LeaseFence{LeaseID: task.LeaseID, LeaseEpoch: task.LeaseEpoch, AttemptID: task.AttemptID}
	complete := messages.CompleteExecutionArgs{
		ExecutionID: task.ExecutionID, AttemptIndex: task.AttemptIndex, Fence: fence, Source: messages.SourceLeaseHolder,
		ResultPayload: []byte("sent"),
	}
	_, err := backend.CompleteExecution(ctx, complete)
	fmt.Println("first:", err)

	_, err = backend.CompleteExecution(ctx, complete)
	var lost *messages.Error
	if errors.As(err, &lost) && lost.NotActive != nil {
		fmt.Println("again:", lost.NotActive.TerminalOutcome, "by us:", lost.NotActive.AttemptID == task.AttemptID.String())
	}

	// Output:
	// first: <nil>
	// again: success by us: true
}

func ExampleBackend_Fail() {
	ctx := context.Background()
	backend, backendClock := timed(ctx)
	defer backend.Close()

	policy := messages.NewExecutionPolicy()
	policy.RetryPolicy = &messages.RetryPolicy{
		MaxRetries:          5,
		Backoff:             messages.FixedBackoff(10 * time.Second),
		RetryableCategories: []string{"smtp_busy"}, // of the failure's detail; empty: all
	}
	id := job(ctx, backend, policy)

	for _, detail := range []string{"smtp_busy", "no_such_user"} {
		outcome, err := backend.Fail(ctx, messages.FailArgs{
			Handle: claim(ctx, backend).Handle,
			Reason: messages.FailureReason{Message: "not sent", Detail: []byte(detail)},
			Class:  messages.FailureTransient,
		})
		if err != nil {
			log.Fatal(err)
		}
		state, err := backend.ReadExecutionState(ctx, id)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(detail, outcome.Outcome, *state)
		backendClock.Advance(10 * time.Second)
	}

	// Output:
	// smtp_busy retry_scheduled delayed
	// no_such_user terminal_failed failed
}

func ExampleBackend_Delay() {
	ctx := context.Background()
	backend, backendClock := timed(ctx)
	defer backend.Close()
	job(ctx, backend, nil)
	task := claim(ctx, backend)

	err := backend.Delay(ctx, task.Handle, messages.TimestampOf(backendClock.Now().Add(time.Hour)))
	fmt.Println("parked:", err)

	backendClock.Advance(time.Hour)
	again := claim(ctx, backend)
	fmt.Println(again.Handle.Kind, "attempt", again.AttemptIndex, "the same:", again.AttemptID == task.AttemptID)

	// Output:
	// parked: <nil>
	// Resumed attempt 0 the same: true
}
