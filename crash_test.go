package ffsqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// crashChild names the database on which this process is to work until it is killed.
const crashChild = "FFSQLITE_CRASH_CHILD"

// TestTorture_AKillLosesNothingAcknowledged starts a process under load that prints each acknowledged result, kills it
// at a random moment, reopens the file and finds all of it.
func TestTorture_AKillLosesNothingAcknowledged(t *testing.T) {
	seed := uint64(time.Now().UnixNano()) //nolint:forbidigo // A seed, printed so that a run can be told.
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const roundsPerFile = 20
	for rounds := fftest.Rounds(20, 500); rounds > 0; rounds -= roundsPerFile {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("killed-%d.db", rounds))
		acknowledged := ledger{}
		for range roundsPerFile {
			acknowledged.add(killed(t, crashChild, path, 20+random.IntN(400)))
			acknowledged.check(t, path)
		}
		require.NotEmpty(t, acknowledged["completed"])
		require.NotEmpty(t, acknowledged["released"])
		require.NotEmpty(t, acknowledged["skipped"])
	}
}

// killed runs a child of the kind on the database, kills it after it has acknowledged n results, and returns all of them.
func killed(t *testing.T, kind, path string, n int) (lines []string) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), kind+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
		if len(lines) == n {
			require.NoError(t, child.Process.Kill())
		}
	}
	require.Error(t, child.Wait(), "the child must not end by itself")
	require.GreaterOrEqual(t, len(lines), n)
	return lines
}

// workUntilKilled is the child: a few producers and workers, some flows, everything printed when it is acknowledged.
func workUntilKilled(path string) {
	ctx := context.Background()
	b, err := ffsqlite.Open(ctx, path, ffsqlite.WithoutDevModeGuard(), quiet())
	if err != nil {
		fmt.Fprintln(os.Stderr, "open:", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	acknowledge := func(what string, id messages.ExecutionID, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			fmt.Fprintln(os.Stderr, what, id, err)
			os.Exit(1)
		}
		_, _ = io.WriteString(os.Stdout, what+" "+id.String()+"\n")
	}
	for range 4 {
		go func() {
			for {
				id := messages.NewSoloExecutionID(lane, messages.PartitionConfig{})
				_, err := b.CreateExecution(ctx, args(id))
				acknowledge("created", id, err)
			}
		}()
		go func() {
			for n := 0; ; n++ {
				result, err := b.ClaimWait(ctx, messages.ClaimWaitArgs{ClaimNextArgs: claimNextArgs()})
				if err != nil {
					acknowledge("claimed", messages.ExecutionID{}, err)
				}
				acknowledge("claimed", result.Task.ExecutionID, nil)
				end(ctx, b, n, result.Task, acknowledge)
			}
		}()
	}
	go func() {
		for {
			submitPair(ctx, b, acknowledge)
		}
	}()
	go func() {
		for n := 0; ; n++ {
			submitQuorum(ctx, b, 1+n%3, n%4 != 3, acknowledge)
			submitTree(ctx, b, acknowledge)
		}
	}()
	select {}
}

// end finishes a task in one of three ways.
func end(
	ctx context.Context, b *ffsqlite.Backend, n int, task *messages.ClaimedTask,
	acknowledge func(string, messages.ExecutionID, error),
) {
	switch n % 8 {
	case 3:
		_, err := b.Fail(ctx, messages.FailArgs{Handle: task.Handle, Class: messages.FailurePermanent})
		acknowledge("failed", task.ExecutionID, err)
	case 5:
		acknowledge("cancelled", task.ExecutionID, b.Cancel(ctx, task.Handle, "enough"))
	default:
		acknowledge("completed", task.ExecutionID, b.Complete(ctx, task.Handle, []byte(task.ExecutionID.String())))
	}
}

// submitPair builds a flow of two executions in a lane of its own, completes the first, and leaves the second released.
func submitPair(ctx context.Context, b *ffsqlite.Backend, acknowledge func(string, messages.ExecutionID, error)) {
	const pairs = messages.LaneID("pairs")
	flow := messages.NewFlowID()
	_, err := b.CreateFlow(ctx, messages.CreateFlowArgs{FlowID: flow, Namespace: namespace})
	must(err)
	kind := func(i int) string { return fmt.Sprintf("%d-%s", i, flow) } // So that no earlier process's pair is claimed.
	ids := [2]messages.ExecutionID{}
	for i := range ids {
		ids[i] = messages.NewExecutionIDForFlow(flow, messages.PartitionConfig{})
		_, err := b.CreateExecution(ctx, args(ids[i], func(a *messages.CreateExecutionArgs) {
			a.LaneID, a.ExecutionKind = pairs, kind(i)
		}))
		acknowledge("created", ids[i], err)
		_, err = b.AddExecutionToFlow(ctx, messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: ids[i]})
		must(err)
	}
	staged, err := b.StageDependencyEdge(ctx, messages.StageDependencyEdgeArgs{
		FlowID: flow, EdgeID: messages.NewEdgeID(), UpstreamExecutionID: ids[0], DownstreamExecutionID: ids[1],
		ExpectedGraphRevision: 2,
	})
	must(err)
	_, err = b.ApplyDependencyToChild(ctx, messages.ApplyDependencyToChildArgs{
		FlowID: flow, EdgeID: staged.EdgeID, UpstreamExecutionID: ids[0], DownstreamExecutionID: ids[1], GraphRevision: 3,
	})
	must(err)
	next := claimNextArgs()
	next.Lanes, next.Kinds = []messages.LaneID{pairs}, []string{kind(0)}
	result, err := b.ClaimNext(ctx, next)
	must(err)
	err = b.Complete(ctx, result.Task.Handle, []byte(result.Task.ExecutionID.String()))
	acknowledge("completed", result.Task.ExecutionID, err)
	acknowledge("released", ids[1], nil)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// ledger is what was acknowledged, by what it was.
type ledger map[string][]messages.ExecutionID

func (l ledger) add(lines []string) {
	for _, line := range lines {
		what, text, _ := strings.Cut(line, " ")
		if id, err := messages.ParseExecutionID(text); err == nil { // The last line may be cut short.
			l[what] = append(l[what], id)
		}
	}
}

// check reopens the database and looks for everything in the ledger, then for what must hold of every row.
func (l ledger) check(t *testing.T, path string) {
	t.Helper()
	e := openAt(t, path)
	defer func() { require.NoError(t, e.Close()) }()
	e.idle()
	fftest.Intact(t, e.sql)

	for what, public := range map[string]messages.PublicState{
		"completed": messages.PublicCompleted, "failed": messages.PublicFailed, "cancelled": messages.PublicCancelled,
		"skipped": messages.PublicSkipped,
	} {
		for _, id := range l[what] {
			require.Equal(t, public, e.state(id), "%s %s", what, id)
		}
	}
	for _, id := range l["completed"] {
		result, found, err := e.GetExecutionResult(t.Context(), id)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, id.String(), string(result))
	}
	for _, id := range append(l["created"], l["claimed"]...) {
		require.NotEmpty(t, e.state(id), "%s", id)
	}
	for _, id := range l["claimed"] {
		require.NotEqual(t, "0", e.raw(id, "total_attempt_count"))
	}
	for _, id := range l["released"] {
		require.NotEqual(t, messages.PublicWaitingChildren, e.state(id), "%s", id)
	}
	e.consistent()
}

// consistent asserts what holds of the rows of any database at rest.
func (e *engine) consistent() {
	e.t.Helper()
	fftest.Consistent(e.t, e.sql)
}
