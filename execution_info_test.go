package ffsqlite_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Reading the whole state of an execution and single parts of it: 03 §9.4 to §9.8.

func (e *engine) info(id messages.ExecutionID) *messages.ExecutionInfo {
	e.t.Helper()
	info, err := e.ReadExecutionInfo(e.t.Context(), id)
	require.NoError(e.t, err)
	require.NotNil(e.t, info)
	return info
}

func TestSpec03_S84_Info(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created(createdAt(1000), withPriority(7))
	vector := messages.StateVector{
		LifecyclePhase: messages.PhaseSubmitted, OwnershipState: messages.OwnershipUnowned,
		EligibilityState: messages.EligibleNow, BlockingReason: messages.ReasonWaitingForWorker,
		TerminalOutcome: messages.OutcomeNone, AttemptState: messages.AttemptStatePendingFirst,
		PublicState: messages.PublicWaiting,
	}
	require.Equal(t, &messages.ExecutionInfo{
		ExecutionID: id, Namespace: namespace, LaneID: lane, Priority: 7, ExecutionKind: "op", StateVector: vector,
		PublicState: messages.PublicWaiting, CreatedAt: 1000,
	}, e.info(id))

	handle := e.claimed()
	claimedAt := e.now()
	info := e.info(id)
	require.Equal(t, &claimedAt, info.StartedAt)
	require.Nil(t, info.CompletedAt)
	require.Equal(t, messages.AttemptIndex(0), info.CurrentAttemptIndex)
	require.Equal(t, messages.StateVector{
		LifecyclePhase: messages.PhaseActive, OwnershipState: messages.OwnershipLeased,
		EligibilityState: messages.EligibilityNotApplicable, BlockingReason: messages.ReasonNone,
		TerminalOutcome: messages.OutcomeNone, AttemptState: messages.AttemptStateRunning,
		PublicState: messages.PublicActive,
	}, info.StateVector)
	e.patch(id, "public_state = 'running'")
	require.Equal(t, messages.PublicActive, e.info(id).PublicState)

	e.failed(messages.FailArgs{Handle: handle})
	require.Equal(t, messages.AttemptIndex(1), e.info(id).CurrentAttemptIndex, "the next")
	e.clock.Advance(5)
	require.NoError(t, e.Complete(t.Context(), e.claimed(), nil))
	endedAt := e.now()
	info = e.info(id)
	require.Equal(t, &claimedAt, info.StartedAt, "the first claim ever")
	require.Equal(t, &endedAt, info.CompletedAt)
	require.Equal(t, messages.OutcomeSuccess, info.StateVector.TerminalOutcome)
	require.True(t, info.StateVector.IsConsistent())
}

func TestSpec03_S84_InfoOfAMemberAndADelayed(t *testing.T) {
	t.Parallel()
	g := open(t).newFlow()
	id := g.member(func(a *messages.CreateExecutionArgs) { a.DelayUntil = g.now() + 5 })
	info := g.info(id)
	require.Equal(t, &g.flow, info.FlowID)
	require.Equal(t, messages.ReasonWaitingForDelay, info.StateVector.BlockingReason)
	require.Equal(t, "delayed until 1700000000005", info.BlockingDetail)
}

func TestSpec03_S84_NothingIsKnownOfAnUnknownExecution(t *testing.T) {
	t.Parallel()
	e := open(t)
	known := e.created(func(a *messages.CreateExecutionArgs) { a.Tags = map[string]string{"a.b": "c"} })
	for _, id := range []messages.ExecutionID{newID(), messages.NewExecutionID(1, known.UUID())} {
		info, err := e.ReadExecutionInfo(t.Context(), id)
		require.NoError(t, err)
		require.Nil(t, info)
		tag, err := e.GetExecutionTag(t.Context(), id, "a.b")
		require.NoError(t, err)
		require.Nil(t, tag)
		namespace, err := e.GetExecutionNamespace(t.Context(), id)
		require.NoError(t, err)
		require.Nil(t, namespace)
	}
}

func TestSpec03_S85_InfoOfOtherLiterals(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	e.patch(id, "lifecycle_phase = 'cancelled'")
	info := e.info(id)
	require.Equal(t, messages.PhaseTerminal, info.StateVector.LifecyclePhase)
	require.Equal(t, messages.OutcomeCancelled, info.StateVector.TerminalOutcome)

	for column, stored := range map[string]string{
		"public_state": "waiting", "lifecycle_phase": "runnable", "ownership_state": "unowned",
		"eligibility_state": "eligible_now", "attempt_state": "pending", "blocking_reason": "none",
	} {
		e.patch(id, column+" = 'bogus'")
		_, err := e.ReadExecutionInfo(t.Context(), id)
		requireDetail(t, err, messages.ErrCorruption, "exec_core: "+column+": 'bogus' is not a known value")
		e.patch(id, column+" = '"+stored+"'")
	}
	e.patch(id, "raw_fields = '{'")
	for _, read := range []func() error{
		func() error { _, err := e.ReadExecutionInfo(t.Context(), id); return err },
		func() error { _, err := e.ReadExecutionContext(t.Context(), id); return err },
		func() error { _, err := e.ReadTotalAttemptCount(t.Context(), id); return err },
		func() error { _, err := e.GetExecutionTag(t.Context(), id, "a.b"); return err },
		func() error { _, err := e.GetExecutionNamespace(t.Context(), id); return err },
		func() error {
			return e.SetExecutionTag(t.Context(), messages.SetExecutionTagArgs{ExecutionID: id, Key: "a.b"})
		},
	} {
		err := read()
		require.ErrorIs(t, err, messages.ErrCorruption)
		require.ErrorContains(t, err, "exec_core: raw_fields not valid JSON: ")
	}
}

// TestSpec03_S85_TheOutcomeOfEndsOfOtherPrograms has ends that are told by one column or another, the first of which counts.
func TestSpec03_S85_TheOutcomeOfEndsOfOtherPrograms(t *testing.T) {
	t.Parallel()
	e := open(t)
	id, _ := e.seededLease()
	for _, test := range []struct {
		phase, public, stamped, attempt string
		want                            messages.TerminalOutcome
	}{
		{"active", "completed", `"success"`, "'success'", messages.OutcomeNone},
		{"terminal", "failed", `"skipped"`, "'success'", messages.OutcomeSkipped},
		{"terminal", "failed", `"failure"`, "NULL", messages.OutcomeFailed},
		{"cancelled", "completed", `"none"`, "'success'", messages.OutcomeCancelled},
		{"terminal", "cancelled", `null`, "'failure'", messages.OutcomeFailed},
		{"completed", "failed", `""`, "'completed'", messages.OutcomeSuccess},
		{"terminal", "expired", `""`, "'interrupted'", messages.OutcomeExpired},
		{"terminal", "completed", `""`, "NULL", messages.OutcomeSuccess},
		{"terminal", "waiting", `""`, "NULL", messages.OutcomeNone},
	} {
		e.patch(id, "lifecycle_phase = '"+test.phase+"', public_state = '"+test.public+
			`', raw_fields = '{"terminal_outcome": `+test.stamped+`}'`)
		e.patchAttempt(id, 0, "outcome = "+test.attempt)
		require.Equal(t, test.want, e.info(id).StateVector.TerminalOutcome, "%+v", test)
	}
	e.patch(id, `raw_fields = '{"terminal_outcome": "bogus"}'`)
	_, err := e.ReadExecutionInfo(t.Context(), id)
	requireDetail(t, err, messages.ErrCorruption, "exec_core: terminal_outcome: 'bogus' is not a known value")
}

func TestSpec03_S86_InfoOfASeededRow(t *testing.T) {
	t.Parallel()
	e := open(t)
	info := e.info(e.seeded())
	require.Equal(t, messages.PublicWaiting, info.PublicState)
	require.Equal(t, messages.AttemptStatePendingFirst, info.StateVector.AttemptState)
	require.Empty(t, info.Namespace)
}

func TestSpec03_S88_Context(t *testing.T) {
	t.Parallel()
	e := open(t)
	tags := map[string]string{"a.b": "c", "a.d": ""}
	id := e.created(func(a *messages.CreateExecutionArgs) { a.InputPayload, a.Tags = []byte{0, 255}, tags })
	read := func(id messages.ExecutionID) messages.ExecutionContext {
		t.Helper()
		context, err := e.ReadExecutionContext(t.Context(), id)
		require.NoError(t, err)
		return context
	}
	require.Equal(t, messages.ExecutionContext{InputPayload: []byte{0, 255}, ExecutionKind: "op", Tags: tags}, read(id))
	require.Equal(t, messages.ExecutionContext{InputPayload: []byte{}, Tags: map[string]string{}}, read(e.seeded()))
	e.patch(id, `raw_fields = '{"tags": {"a.b": 1, "a.c": "d", "a.e": null}}'`)
	require.Equal(t, map[string]string{"a.c": "d"}, read(id).Tags)
}

func TestSpec03_S10_ContextOfAnEmptyPayload(t *testing.T) {
	t.Parallel()
	e := open(t)
	for _, payload := range [][]byte{nil, {}} {
		id := e.created(func(a *messages.CreateExecutionArgs) { a.InputPayload = payload })
		context, err := e.ReadExecutionContext(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, []byte{}, context.InputPayload)
	}
}

func TestSpec03_S88_UnknownExecutions(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := newID()
	for method, read := range map[string]func() error{
		"read_execution_context":     func() error { _, err := e.ReadExecutionContext(t.Context(), id); return err },
		"read_current_attempt_index": func() error { _, err := e.ReadCurrentAttemptIndex(t.Context(), id); return err },
		"read_total_attempt_count":   func() error { _, err := e.ReadTotalAttemptCount(t.Context(), id); return err },
	} {
		requireDetail(t, read(), messages.ErrExecutionNotFound, method+": execution not found: "+id.String())
	}
}

func (e *engine) attemptIndex(id messages.ExecutionID) messages.AttemptIndex {
	e.t.Helper()
	index, err := e.ReadCurrentAttemptIndex(e.t.Context(), id)
	require.NoError(e.t, err)
	return index
}

func (e *engine) totalAttempts(id messages.ExecutionID) uint32 {
	e.t.Helper()
	total, err := e.ReadTotalAttemptCount(e.t.Context(), id)
	require.NoError(e.t, err)
	return total
}

func TestSpec03_S88_AttemptIndexAndCount(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	require.Equal(t, messages.AttemptIndex(0), e.attemptIndex(id))
	require.Equal(t, uint32(0), e.totalAttempts(id))
	e.failed(messages.FailArgs{Handle: e.claimed()})
	require.Equal(t, messages.AttemptIndex(1), e.attemptIndex(id), "the claim will create it")
	require.Equal(t, uint32(1), e.totalAttempts(id))
	e.claimed()
	require.Equal(t, messages.AttemptIndex(1), e.attemptIndex(id))
	require.Equal(t, uint32(2), e.totalAttempts(id))
}

// TestSpec03_S88_RowsOfOtherPrograms has rows whose index is that of the next attempt while one runs.
func TestSpec03_S88_RowsOfOtherPrograms(t *testing.T) {
	t.Parallel()
	e := open(t)
	id, _ := e.seededLease()
	e.patch(id, "attempt_index = 1")
	require.Equal(t, messages.AttemptIndex(0), e.attemptIndex(id), "the attempt that there is")
	e.patch(id, "lifecycle_phase = 'runnable'")
	require.Equal(t, messages.AttemptIndex(1), e.attemptIndex(id), "it does not run")
	e.patch(id, "attempt_state = 'attempt_interrupted'")
	require.Equal(t, messages.AttemptIndex(0), e.attemptIndex(id))
	e.patch(id, "attempt_index = -1, attempt_state = 'initial'")
	require.Equal(t, messages.AttemptIndex(0), e.attemptIndex(id))
	e.patch(id, "attempt_index = 4294967296")
	_, err := e.ReadCurrentAttemptIndex(t.Context(), id)
	requireDetail(t, err, messages.ErrCorruption, "exec_core: attempt_index: 4294967296 is out of range")
	_, err = e.ReadExecutionInfo(t.Context(), id)
	requireDetail(t, err, messages.ErrCorruption, "exec_core: attempt_index: 4294967296 is out of range")
	e.patch(id, "attempt_index = 0, priority = 2147483648")
	_, err = e.ReadExecutionInfo(t.Context(), id)
	requireDetail(t, err, messages.ErrCorruption, "exec_core: priority: 2147483648 is out of range")

	for stored, want := range map[string]uint32{`"3"`: 3, `4`: 4, `"-1"`: 0, `null`: 0, `"many"`: 0, `[1]`: 0} {
		e.patch(id, `raw_fields = '{"total_attempt_count": `+stored+`}'`)
		require.Equal(t, want, e.totalAttempts(id), stored)
	}
}

func (e *engine) fields(id messages.ExecutionID, fields ...string) map[string]*string {
	e.t.Helper()
	values, err := e.ReadExecCoreFields(e.t.Context(), messages.ReadExecCoreFieldsArgs{ExecutionID: id, Fields: fields})
	require.NoError(e.t, err)
	require.NotNil(e.t, values)
	return values
}

func TestSpec03_S89_ExecCoreFields(t *testing.T) {
	t.Parallel()
	g := open(t).newFlow()
	id := g.member(withPriority(5), requiring("b", "a"), createdAt(1000))
	require.Equal(t, map[string]*string{
		"lane_id": new("default"), "priority": new("5"), "flow_id": new(g.flow.String()),
		"required_capabilities": new("a,b"), "nope": nil,
	}, g.fields(id, "lane_id", "priority", "flow_id", "required_capabilities", "nope"))
	require.Equal(t, map[string]*string{"attempt_index": new("0"), "lane_id": new("default")},
		g.fields(id, "attempt_index", "lane_id", "attempt_index"))

	plain := g.created()
	require.Equal(t, map[string]*string{"flow_id": nil, "required_capabilities": nil},
		g.fields(plain, "flow_id", "required_capabilities"))
	require.Equal(t, map[string]*string{"lane_id": nil, "namespace": nil}, g.fields(newID(), "lane_id", "namespace"))
	require.Empty(t, g.fields(id))
}

func TestSpec03_S89_AliasesAndStoredText(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created(createdAt(1000))
	_, err := e.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: id, Reason: "enough", Now: 77})
	require.NoError(t, err)
	e.patch(id, "attempt_index = 3, public_state = 'bogus'")
	require.Equal(t, map[string]*string{
		"cancellation_reason": new("enough"), "cancel_reason": new("enough"), "cancelled_by": new("operator_override"),
		"attempt_index": new("3"), "current_attempt_index": new("3"),
		"terminal_at_ms": new("77"), "completed_at": new("77"),
		"created_at_ms": new("1000"), "started_at_ms": nil, "deadline_at_ms": nil, "lease_reclaim_count": new("0"),
		"lifecycle_phase": new("cancelled"), "ownership_state": new("unowned"), "eligibility_state": new("not_applicable"),
		"public_state": new("bogus"), "attempt_state": new("pending"), "blocking_reason": nil,
	}, e.fields(id, "cancellation_reason", "cancel_reason", "cancelled_by", "attempt_index", "current_attempt_index",
		"terminal_at_ms", "completed_at", "created_at_ms", "started_at_ms", "deadline_at_ms", "lease_reclaim_count",
		"lifecycle_phase", "ownership_state", "eligibility_state", "public_state", "attempt_state", "blocking_reason"))
}

func TestSpec03_S89_MembersOfTheDocument(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	require.Equal(t, map[string]*string{
		"namespace": new("default"), "total_attempt_count": new("0"), "tags": nil, "budget_ids": nil,
		"current_waitpoint_id": nil, "payload": nil,
	}, e.fields(id, "namespace", "total_attempt_count", "tags", "budget_ids", "current_waitpoint_id", "payload"))
	e.patch(id, `raw_fields = '{"n": 1.5, "t": true, "o": {}, "l": [], "z": null, "s": "a\"b", "": "nameless"}'`)
	require.Equal(t, map[string]*string{
		"n": new("1.5"), "t": new("true"), "o": nil, "l": nil, "z": nil, "s": new(`a"b`), "": new("nameless"),
	}, e.fields(id, "n", "t", "o", "l", "z", "s", ""))
	e.patch(id, "raw_fields = '{'")
	require.Equal(t, map[string]*string{"lane_id": new("default")}, e.fields(id, "lane_id"), "the document is not asked for")
	_, err := e.ReadExecCoreFields(t.Context(), messages.ReadExecCoreFieldsArgs{ExecutionID: id, Fields: []string{"n"}})
	require.ErrorIs(t, err, messages.ErrCorruption)
}

func TestSpec02_S45_ExecCoreFieldsOfAPartition(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	read := func(partition uint16, fields ...string) (map[string]*string, error) {
		return e.ReadExecCoreFields(t.Context(), messages.ReadExecCoreFieldsArgs{
			Partition: &messages.Partition{Family: messages.PartitionExecution, Index: partition}, ExecutionID: id, Fields: fields,
		})
	}
	_, err := read(3, "lane_id")
	requireInvalid(t, err, "partition: does not match execution_id (arg=3, id=0)")
	values, err := read(0, "lane_id")
	require.NoError(t, err)
	require.Equal(t, map[string]*string{"lane_id": new("default")}, values)
	values, err = read(3)
	require.NoError(t, err)
	require.Equal(t, map[string]*string{}, values, "nothing is checked")
	_, err = e.ReadExecCoreFields(t.Context(), messages.ReadExecCoreFieldsArgs{Fields: []string{"lane_id"}})
	requireInvalid(t, err, "execution_id: must not be empty")

	g := e.newFlow()
	member := g.member(requiring("gpu", "cuda"))
	require.Equal(t, map[string]*string{
		"lane_id": new("default"), "attempt_index": new("0"), "flow_id": new(g.flow.String()),
		"required_capabilities": new("cuda,gpu"), "nonsense": nil,
	}, e.fields(member, "lane_id", "attempt_index", "flow_id", "required_capabilities", "nonsense"))
	require.Equal(t, map[string]*string{"lane_id": nil, "attempt_index": nil, "flow_id": nil, "required_capabilities": nil},
		e.fields(newID(), "lane_id", "attempt_index", "flow_id", "required_capabilities"))
	e.clock.Advance(time.Second)
	e.drive(id, true)
	now := new(strconv.FormatInt(int64(e.now()), 10))
	require.Equal(t, map[string]*string{"completed_at": now, "terminal_at_ms": now}, e.fields(id, "completed_at", "terminal_at_ms"))
}
