package ffsqlite_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// tale is what happens to one execution or one flow, call by call. No two tales share a row, so each can be looked at
// by itself, whatever the others do meanwhile.
type tale struct {
	e      *engine
	random *rand.Rand
	lane   messages.LaneID

	calls  []func() error
	tokens []string   // what its rows have in them, and the rows of no other tale
	states [][]string // its rows after n calls, and after what these calls have set off
}

// newTale draws one of the tales.
func newTale(e *engine, random *rand.Rand, n int) *tale {
	tale := &tale{e: e, random: random, lane: messages.LaneID(fmt.Sprintf("tale-%d", n)), states: [][]string{nil}}
	tale.tokens = append(tale.tokens, "'"+string(tale.lane)+"'")
	switch random.IntN(4) {
	case 0:
		tale.ofAFlow()
	case 1:
		tale.ofAnExecution()
	default:
		tale.ofOperations()
	}
	return tale
}

func (a *tale) then(call func() error) { a.calls = append(a.calls, call) }

// uuid draws an identifier whose rows will belong to the tale.
func (a *tale) uuid() (id [16]byte) {
	binary.BigEndian.PutUint64(id[:8], a.random.Uint64())
	binary.BigEndian.PutUint64(id[8:], a.random.Uint64())
	a.tokens = append(a.tokens, fmt.Sprintf("%X", id), messages.FlowID(id).String())
	return id
}

func (a *tale) ofAnExecution() {
	id := messages.NewExecutionID(0, a.uuid())
	payload := []byte(strings.Repeat("x", a.random.IntN(6000)))
	create := args(id, inLane(a.lane), retrying(*messages.NewRetryPolicy()), withTag("cairn.instance_id", "i-1"))
	create.InputPayload = payload
	a.then(func() error {
		_, err := a.e.CreateExecution(a.e.t.Context(), create)
		return err
	})
	if a.random.IntN(5) == 0 {
		a.then(a.cancelling(id))
		return
	}
	handle := a.claimed()
	if a.random.IntN(2) == 0 {
		a.then(func() error {
			_, err := a.e.Renew(a.e.t.Context(), *handle)
			return err
		})
	}
	if a.random.IntN(3) == 0 {
		a.then(func() error { return a.e.setTag(id, "cairn.instance_id", "i-2") })
	}
	a.ended(id, handle)
}

// claimed claims what the lane has.
func (a *tale) claimed() *messages.Handle {
	handle := new(messages.Handle)
	claim := claimNextArgs()
	claim.Lanes, claim.LeaseTTL = []messages.LaneID{a.lane}, time.Hour
	a.then(func() error {
		result, err := a.e.ClaimNext(a.e.t.Context(), claim)
		if err == nil {
			*handle = result.Task.Handle
		}
		return err
	})
	return handle
}

// ended ends what was claimed, in one way or another, or parks it.
func (a *tale) ended(id messages.ExecutionID, handle *messages.Handle) {
	ctx := a.e.t.Context()
	switch a.random.IntN(9) {
	case 0:
		a.then(a.failing(handle, messages.FailureTransient))
	case 1:
		a.then(a.failing(handle, messages.FailurePermanent))
	case 2:
		a.then(func() error { return a.e.Cancel(ctx, *handle, "enough") })
	case 3:
		a.then(a.cancelling(id))
	case 4:
		a.then(func() error {
			_, err := a.e.CompleteExecution(ctx, messages.CompleteExecutionArgs{ExecutionID: id, ResultPayload: []byte("done")})
			return err
		})
	case 5:
		a.then(func() error {
			_, err := a.e.FailExecution(ctx, messages.FailExecutionArgs{ExecutionID: id, RetryPolicyJSON: `{"max_retries":1}`})
			return err
		})
	case 6:
		a.then(func() error { return a.e.Delay(ctx, *handle, a.e.now()+3_600_000) })
	case 7:
		a.then(func() error { return a.e.WaitChildren(ctx, *handle) })
	default:
		a.then(func() error { return a.e.Complete(ctx, *handle, []byte("done")) })
	}
}

func (a *tale) failing(handle *messages.Handle, class messages.FailureClass) func() error {
	return func() error {
		_, err := a.e.Fail(a.e.t.Context(), messages.FailArgs{Handle: *handle, Class: class})
		return err
	}
}

func (a *tale) cancelling(id messages.ExecutionID) func() error {
	return func() error {
		_, err := a.e.CancelExecution(a.e.t.Context(), messages.CancelExecutionArgs{ExecutionID: id, Reason: "enough"})
		return err
	}
}

// ofAFlow has an execution on which two others depend; its end releases or skips them.
func (a *tale) ofAFlow() {
	ctx := a.e.t.Context()
	flow := messages.FlowID(a.uuid())
	a.then(func() error {
		_, err := a.e.CreateFlow(ctx, messages.CreateFlowArgs{FlowID: flow, Namespace: namespace})
		return err
	})
	var members [3]messages.ExecutionID
	for i := range members {
		members[i] = messages.NewExecutionID(0, a.uuid())
		create := args(members[i], inLane(a.lane), withPriority(int32(10-i)))
		a.then(func() error {
			_, err := a.e.CreateExecution(ctx, create)
			return err
		})
		a.then(func() error {
			_, err := a.e.AddExecutionToFlow(ctx, messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: create.ExecutionID})
			return err
		})
	}
	a.edge(flow, members[0], members[1], 3)
	a.edge(flow, members[0], members[2], 4)
	if a.random.IntN(4) == 0 {
		a.then(func() error {
			_, err := a.e.CancelFlow(ctx, messages.CancelFlowArgs{FlowID: flow, Policy: messages.CancelAll})
			return err
		})
		return
	}
	a.ended(members[0], a.claimed())
}

// edge stages and applies an edge at a revision of the flow.
func (a *tale) edge(flow messages.FlowID, upstream, downstream messages.ExecutionID, revision uint64) {
	edge := messages.EdgeID(a.uuid())
	a.then(func() error {
		_, err := a.e.StageDependencyEdge(a.e.t.Context(), messages.StageDependencyEdgeArgs{
			FlowID: flow, EdgeID: edge, UpstreamExecutionID: upstream, DownstreamExecutionID: downstream,
			ExpectedGraphRevision: revision,
		})
		return err
	})
	a.then(func() error {
		_, err := a.e.ApplyDependencyToChild(a.e.t.Context(), messages.ApplyDependencyToChildArgs{
			FlowID: flow, EdgeID: edge, UpstreamExecutionID: upstream, DownstreamExecutionID: downstream,
			GraphRevision: revision + 1,
		})
		return err
	})
}

// token is what a row can have in it to say whose it is: an identifier, as a blob or as text, or the name of a lane.
var token = regexp.MustCompile(`[0-9A-F]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|'tale-[0-9]+'`)

// keyLen is how much of a row has the columns of its key in it. Payloads are behind them.
const keyLen = 200

// rowsOf sorts the rows of the database by tale; those of none come last. Left out are the columns that an interrupted
// cascade may fill otherwise when it goes on: positions in an outbox, and the time of the machine.
func rowsOf(tales []*tale, e *engine) (rows map[*tale][]string, others []string) {
	owners := map[string]*tale{}
	for _, tale := range tales {
		for _, token := range tale.tokens {
			owners[token] = tale
		}
	}
	rows = map[*tale][]string{}
next:
	for _, row := range e.sql.Dump("event_id", "committed_at_ms", "resolved_event_id", "reset_event_id") {
		for _, found := range token.FindAllString(row[:min(len(row), keyLen)], -1) {
			if owner := owners[found]; owner != nil {
				rows[owner] = append(rows[owner], row)
				continue next
			}
		}
		others = append(others, row)
	}
	return rows, others
}

// isTold tells that there are no more calls to make.
func (a *tale) isTold() bool { return len(a.states) > len(a.calls) }

// next is the call to be made next.
func (a *tale) next() func() error { return a.calls[len(a.states)-1] }

// noteState keeps the rows after the next call, which must have changed them.
func (a *tale) noteState(rows []string) {
	require.NotEqual(a.e.t, a.states[len(a.states)-1], rows)
	a.states = append(a.states, rows)
}

// standsAt asserts that the rows are those after some number of calls, and returns it.
func (a *tale) standsAt(t testing.TB, rows []string) (calls int) {
	t.Helper()
	for n, state := range a.states {
		if slices.Equal(state, rows) {
			return n
		}
	}
	require.Fail(t, "a part of a call", "%s: %q", a.lane, rows)
	return 0
}
