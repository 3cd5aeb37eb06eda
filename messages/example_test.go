package messages_test

import (
	"errors"
	"fmt"

	"github.com/flowfabric/ffsqlite/messages"
)

func ExampleParseExecutionID() {
	id, err := messages.ParseExecutionID("{fp:007}:550E8400-E29B-41D4-A716-446655440000")
	fmt.Println(id, id.PartitionIndex(), err)

	_, err = messages.ParseExecutionID("550e8400-e29b-41d4-a716-446655440000")
	fmt.Println(errors.Is(err, messages.ErrInvalidInput))
	// Output:
	// {fp:7}:550e8400-e29b-41d4-a716-446655440000 7 <nil>
	// true
}

func ExampleError() {
	var err error = messages.StateError(messages.CodeStaleLease, "")
	err = fmt.Errorf("renew the lease: %w", err)
	fmt.Println(errors.Is(err, messages.ErrState), errors.Is(err, messages.ErrStaleLease))

	var e *messages.Error
	if errors.As(err, &e) {
		fmt.Println(e.Class(), e)
	}
	// Output:
	// true true
	// terminal state: StaleLease
}

func ExampleNewExecutionPolicy() {
	policy := messages.NewExecutionPolicy()
	policy.RetryPolicy = messages.NewRetryPolicy()
	for n := range uint32(3) {
		fmt.Println(policy.RetryPolicy.Delay(n))
	}
	// Output:
	// 1s
	// 2s
	// 4s
}
