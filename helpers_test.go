package ffsqlite_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashChild); path != "" {
		workUntilKilled(path)
	}
	if path := os.Getenv(relayChild); path != "" {
		relayUntilKilled(path)
	}
	if value := os.Getenv(soakChild); value != "" {
		soakUntilKilled(value)
	}
	goleak.VerifyTestMain(m)
}

const (
	lane      = messages.LaneID("default")
	namespace = messages.Namespace("default")
)

// epoch is where the manual clocks of the tests begin.
var epoch = time.UnixMilli(1_700_000_000_000)

// bench is an engine on a memory database, its clock, and plain SQL on the same rows.
type engine struct {
	*ffsqlite.Backend

	t     testing.TB
	clock *clock.Manual
	sql   *fftest.SQL
}

// open starts an engine on a memory database with a manual clock.
func open(t testing.TB, opts ...ffsqlite.Option) *engine {
	t.Helper()
	return openAt(t, ":memory:", opts...)
}

func openAt(t testing.TB, location string, opts ...ffsqlite.Option) *engine {
	t.Helper()
	manual := clock.NewManual(epoch)
	opts = append([]ffsqlite.Option{ffsqlite.WithoutDevModeGuard(), ffsqlite.WithClock(manual), quiet()}, opts...)
	b, err := ffsqlite.Open(t.Context(), location, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return &engine{Backend: b, t: t, clock: manual, sql: fftest.OpenSQL(t, b.DataSource())}
}

func quiet() ffsqlite.Option {
	return ffsqlite.WithLogger(slog.New(slog.DiscardHandler))
}

// now is the engine's clock.
func (e *engine) now() messages.TimestampMs { return messages.TimestampMs(e.clock.Now().UnixMilli()) }

// newID is an id in partition 0, as the founding test uses them.
func newID() messages.ExecutionID { return messages.NewExecutionID(0, messages.NewFlowID()) }

// args are those of an ordinary execution.
func args(id messages.ExecutionID, change ...func(*messages.CreateExecutionArgs)) messages.CreateExecutionArgs {
	a := messages.CreateExecutionArgs{
		ExecutionID: id, Namespace: namespace, LaneID: lane, ExecutionKind: "op", InputPayload: []byte("hello"),
	}
	for _, c := range change {
		c(&a)
	}
	return a
}

// created creates an ordinary execution.
func (e *engine) created(change ...func(*messages.CreateExecutionArgs)) messages.ExecutionID {
	e.t.Helper()
	id := newID()
	result, err := e.CreateExecution(e.t.Context(), args(id, change...))
	require.NoError(e.t, err)
	require.Equal(e.t, messages.CreateCreated, result.Outcome)
	return id
}

func claimArgs(capabilities ...string) messages.ClaimArgs {
	return messages.ClaimArgs{LaneID: lane, Capabilities: capabilities, Policy: messages.ClaimPolicy{
		WorkerID: "test-worker", WorkerInstanceID: "test-worker-instance", LeaseTTL: 30 * time.Second,
	}}
}

func claimNextArgs() messages.ClaimNextArgs {
	return messages.ClaimNextArgs{
		Lanes: []messages.LaneID{lane}, WorkerID: "test-worker", WorkerInstanceID: "test-worker-instance",
		LeaseTTL: 30 * time.Second,
	}
}

// claimed claims the next execution of the lane, which must be there.
func (e *engine) claimed() messages.Handle {
	e.t.Helper()
	handle, err := e.Claim(e.t.Context(), claimArgs())
	require.NoError(e.t, err)
	require.NotNil(e.t, handle, "nothing to claim")
	return *handle
}

// claimedExecution claims the next execution of the lane and tells which it is.
func (e *engine) claimedExecution() (messages.ExecutionID, messages.Handle) {
	e.t.Helper()
	handle := e.claimed()
	return payloadOf(e.t, handle).ExecutionID, handle
}

func payloadOf(t testing.TB, handle messages.Handle) messages.HandlePayload {
	t.Helper()
	payload, err := messages.OpenHandle(handle)
	require.NoError(t, err)
	return payload
}

// nothingToClaim asserts that the lane has no work.
func (e *engine) nothingToClaim(capabilities ...string) {
	e.t.Helper()
	handle, err := e.Claim(e.t.Context(), claimArgs(capabilities...))
	require.NoError(e.t, err)
	require.Nil(e.t, handle)
}

// drive claims exactly this execution and completes it, or fails it for good.
func (e *engine) drive(id messages.ExecutionID, success bool) {
	e.t.Helper()
	claimed, handle := e.claimedExecution()
	require.Equal(e.t, id, claimed)
	if success {
		require.NoError(e.t, e.Complete(e.t.Context(), handle, nil))
	} else {
		outcome, err := e.Fail(e.t.Context(), messages.FailArgs{Handle: handle, Class: messages.FailurePermanent})
		require.NoError(e.t, err)
		require.Equal(e.t, messages.FailTerminalFailed, outcome.Outcome)
	}
	e.idle()
}

func (e *engine) idle() {
	e.t.Helper()
	require.NoError(e.t, e.WaitCascadeIdle(e.t.Context()))
}

// column reads one column of the execution's row as text; NULL is "NULL".
func (e *engine) column(id messages.ExecutionID, expression string) string {
	e.t.Helper()
	uuid := id.UUID()
	return e.sql.Text("SELECT coalesce(CAST("+expression+" AS TEXT), 'NULL') FROM ff_exec_core WHERE execution_id = ?", uuid[:])
}

// vector is the state vector of the row: phase, ownership, eligibility, public state, attempt state, blocking reason.
func (e *engine) vector(id messages.ExecutionID) string {
	e.t.Helper()
	return e.column(id, strings.Join([]string{
		"lifecycle_phase", "ownership_state", "eligibility_state", "public_state", "attempt_state",
		"coalesce(blocking_reason, 'NULL')",
	}, " || ' ' || "))
}

// raw reads a member of raw_fields as text.
func (e *engine) raw(id messages.ExecutionID, key string) string {
	e.t.Helper()
	return e.column(id, fmt.Sprintf("raw_fields ->> '$.%s'", key))
}

// attempt reads one column of one attempt row.
func (e *engine) attempt(id messages.ExecutionID, index int, expression string) string {
	e.t.Helper()
	uuid := id.UUID()
	return e.sql.Text("SELECT coalesce(CAST("+expression+
		" AS TEXT), 'NULL') FROM ff_attempt WHERE execution_id = ? AND attempt_index = ?", uuid[:], index)
}

// leaseEvents are the event types of the execution's lease history.
func (e *engine) leaseEvents(id messages.ExecutionID) string {
	e.t.Helper()
	return e.sql.Text("SELECT coalesce(group_concat(event_type, ' ' ORDER BY event_id), '') FROM ff_lease_event WHERE execution_id = ?",
		messages.FlowID(id.UUID()).String())
}

// completions are the outcomes of the execution's completion events.
func (e *engine) completions(id messages.ExecutionID) string {
	e.t.Helper()
	uuid := id.UUID()
	return e.sql.Text("SELECT coalesce(group_concat(outcome, ' ' ORDER BY event_id), '') FROM ff_completion_event WHERE execution_id = ?", uuid[:])
}

// patch runs plain SQL on the execution's row, as users' programs and tests do.
func (e *engine) patch(id messages.ExecutionID, assignments string) {
	e.t.Helper()
	uuid := id.UUID()
	e.sql.Exec("UPDATE ff_exec_core SET "+assignments+" WHERE execution_id = ?", uuid[:])
}

// state reads the public state through the API.
func (e *engine) state(id messages.ExecutionID) messages.PublicState {
	e.t.Helper()
	state, err := e.ReadExecutionState(context.WithoutCancel(e.t.Context()), id)
	require.NoError(e.t, err)
	require.NotNil(e.t, state)
	return *state
}
