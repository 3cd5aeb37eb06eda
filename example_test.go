package ffsqlite_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// The program of the README. TestReadme compares the two.
func Example() {
	ctx := context.Background()
	backend, err := ffsqlite.Open(ctx, ":memory:", ffsqlite.WithDevMode()) // or a path: "app.db"
	if err != nil {
		log.Fatal(err)
	}
	defer backend.Close()

	id := messages.NewSoloExecutionID("mail", messages.PartitionConfig{})
	mail := messages.CreateExecutionArgs{ExecutionID: id, Namespace: "shop", LaneID: "mail", InputPayload: []byte("hello")}
	if _, err := backend.CreateExecution(ctx, mail); err != nil {
		log.Fatal(err)
	}

	worker := messages.ClaimNextArgs{WorkerID: "mailer", WorkerInstanceID: "mailer-1", LeaseTTL: time.Minute}
	worker.Lanes = []messages.LaneID{"mail"}
	claimed, err := backend.ClaimWait(ctx, messages.ClaimWaitArgs{ClaimNextArgs: worker})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("mailing %q\n", claimed.Task.InputPayload)
	if err := backend.Complete(ctx, claimed.Task.Handle, []byte("sent")); err != nil {
		log.Fatal(err)
	}
	result, _, err := backend.GetExecutionResult(ctx, id)
	fmt.Printf("%s %v\n", result, err)

	// Output:
	// mailing "hello"
	// sent <nil>
}
