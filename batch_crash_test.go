package ffsqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// relayChild names the database on which this process is to hand executions on until it is killed.
const relayChild = "FFSQLITE_RELAY_CHILD"

// relayUntilKilled runs relays: in each, an execution is completed and its successor, whose id it holds, created in one
// batch.
func relayUntilKilled(path string) {
	ctx := context.Background()
	b, err := ffsqlite.Open(ctx, path, ffsqlite.WithoutDevModeGuard(), quiet())
	must(err)
	for range 8 {
		go func() {
			next := claimNextArgs()
			next.Kinds = []string{newID().String()} // No earlier process's.
			leg := func(id, successor messages.ExecutionID) messages.CreateExecutionArgs {
				return args(id, ofKind(next.Kinds[0]), func(a *messages.CreateExecutionArgs) {
					a.InputPayload = []byte(messages.FlowID(successor.UUID()).String())
				})
			}
			successor := newID()
			_, err := b.CreateExecution(ctx, leg(newID(), successor))
			must(err)
			for {
				claimed, err := b.ClaimNext(ctx, next)
				must(err)
				after := newID()
				_, err = b.Batch(ctx, messages.CompleteArgs{Handle: claimed.Task.Handle}, leg(successor, after))
				must(err)
				fmt.Println("completed", claimed.Task.ExecutionID)
				successor = after
			}
		}()
	}
	select {}
}

func TestSpec04_S102_AKillLeavesAllOfABatchOrNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano()) //nolint:forbidigo // A seed, printed so that a run can be told.
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "relay.db")
	for range fftest.Rounds(6, 100) {
		acknowledged := ledger{}
		acknowledged.add(killed(t, relayChild, path, 20+random.IntN(400)))
		require.NotEmpty(t, acknowledged["completed"])
		e := openAt(t, path)
		for _, id := range acknowledged["completed"] {
			require.Equal(t, messages.PublicCompleted, e.state(id))
		}
		require.Equal(t, int64(0), e.sql.Int(`
			SELECT count(*)
			  FROM ff_exec_core AS leg
			 WHERE (public_state = 'completed')
			    <> EXISTS (SELECT 1
			                 FROM ff_exec_core AS successor
			                WHERE successor.execution_id = unhex(replace(CAST(leg.payload AS TEXT), '-', '')))`))
		e.consistent()
		require.NoError(t, e.Close())
	}
}
