package ffsqlite_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// Reading executions: 03 §9 and its scenarios, as far as the methods are there.

func (e *engine) described(id messages.ExecutionID) *messages.ExecutionSnapshot {
	e.t.Helper()
	snapshot, err := e.DescribeExecution(e.t.Context(), id)
	require.NoError(e.t, err)
	require.NotNil(e.t, snapshot)
	return snapshot
}

func TestSpec03_S84_ReadExecutionState(t *testing.T) {
	e := open(t)
	id := e.created()
	require.Equal(t, messages.PublicWaiting, e.state(id))
	e.claimed()
	require.Equal(t, messages.PublicActive, e.state(id))
	e.patch(id, "public_state = 'running'")
	require.Equal(t, messages.PublicActive, e.state(id))
}

func TestSpec03_S84_AnUnknownExecutionIsNil(t *testing.T) {
	e := open(t)
	known := e.created()
	for _, id := range []messages.ExecutionID{newID(), messages.NewExecutionID(1, known.UUID())} {
		state, err := e.ReadExecutionState(t.Context(), id)
		require.NoError(t, err)
		require.Nil(t, state)
		snapshot, err := e.DescribeExecution(t.Context(), id)
		require.NoError(t, err)
		require.Nil(t, snapshot)
		result, found, err := e.GetExecutionResult(t.Context(), id)
		require.NoError(t, err)
		require.False(t, found)
		require.Nil(t, result)
	}
}

func TestSpec03_S85_UnreadableRowsAreCorruption(t *testing.T) {
	e := open(t)
	id := e.created()
	e.patch(id, "public_state = 'bogus'")
	_, err := e.ReadExecutionState(t.Context(), id)
	require.ErrorIs(t, err, messages.ErrCorruption)
	require.ErrorContains(t, err, "exec_core: public_state: 'bogus' is not a known value")
	_, err = e.DescribeExecution(t.Context(), id)
	require.ErrorContains(t, err, "exec_core: public_state: 'bogus' is not a known value")

	e.patch(id, "public_state = 'waiting', raw_fields = '{'")
	require.Equal(t, messages.PublicWaiting, e.state(id))
	_, err = e.DescribeExecution(t.Context(), id)
	require.ErrorIs(t, err, messages.ErrCorruption)
	require.ErrorContains(t, err, "exec_core: raw_fields not valid JSON: ")
}

func TestSpec03_S86_LiteralsOfOtherProgramsAreNormalised(t *testing.T) {
	e := open(t)
	id := e.seeded()
	require.Equal(t, messages.PublicWaiting, e.state(id))
	require.Equal(t, messages.PublicWaiting, e.described(id).PublicState)
}

func TestSpec03_S87_DescribeFreshAndDelayed(t *testing.T) {
	e := open(t)
	tags := map[string]string{"cairn.task_id": "abc"}
	id := e.created(createdAt(1000), func(a *messages.CreateExecutionArgs) { a.Tags = tags })
	reason := messages.ReasonWaitingForWorker
	require.Equal(t, &messages.ExecutionSnapshot{
		ExecutionID: id, LaneID: lane, Namespace: namespace, PublicState: messages.PublicWaiting,
		BlockingReason: &reason, CreatedAt: 1000, LastMutationAt: 1000, Tags: tags,
	}, e.described(id))

	delayed := e.described(e.created(func(a *messages.CreateExecutionArgs) { a.DelayUntil = e.now() + 1 }))
	require.Equal(t, messages.ReasonWaitingForDelay, *delayed.BlockingReason)
	require.Contains(t, *delayed.BlockingDetail, "delayed until ")
}

func TestSpec03_S87_DescribeFollowsTheLease(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	held := payloadOf(t, handle)
	claimedAt := e.now()
	snapshot := e.described(id)
	require.Nil(t, snapshot.BlockingReason)
	require.Equal(t, uint32(1), snapshot.TotalAttemptCount)
	require.Equal(t, &messages.AttemptSummary{AttemptID: held.AttemptID, AttemptIndex: 0}, snapshot.CurrentAttempt)
	require.Equal(t, &messages.LeaseSummary{
		LeaseEpoch: 1, WorkerInstanceID: "test-worker-instance", ExpiresAt: claimedAt + 30_000, LeaseID: held.LeaseID,
		AttemptIndex: 0, LastHeartbeatAt: &claimedAt,
	}, snapshot.CurrentLease)

	e.clock.Advance(2 * time.Second)
	_, err := e.Renew(t.Context(), handle)
	require.NoError(t, err)
	renewed := e.described(id)
	require.Equal(t, claimedAt+2000, *renewed.CurrentLease.LastHeartbeatAt)
	require.Equal(t, claimedAt+32_000, renewed.CurrentLease.ExpiresAt)
	require.Equal(t, claimedAt+2000, renewed.LastMutationAt)

	require.NoError(t, e.Complete(t.Context(), handle, nil))
	ended := e.described(id)
	require.Equal(t, messages.PublicCompleted, ended.PublicState)
	require.Equal(t, snapshot.CurrentAttempt, ended.CurrentAttempt)
	require.Nil(t, ended.CurrentLease)
}

func TestSpec03_S87_DescribeAMemberAndASuspendedExecution(t *testing.T) {
	e := open(t)
	flow := e.newFlow()
	require.Equal(t, flow.flow, *e.described(flow.member()).FlowID)

	waitpoint := messages.NewWaitpointID()
	suspended := e.created()
	e.patch(suspended, `lifecycle_phase = 'suspended', public_state = 'suspended', blocking_reason = 'waiting_for_signal',
		raw_fields = json_set(raw_fields, '$.current_waitpoint_id', '`+waitpoint.String()+`')`)
	require.Equal(t, waitpoint, *e.described(suspended).CurrentWaitpoint)
}

func TestSpec03_S91_ListExecutionsPages(t *testing.T) {
	e := open(t)
	var all []messages.ExecutionID
	for range 15 {
		all = append(all, e.created())
	}
	slices.SortFunc(all, func(a, b messages.ExecutionID) int {
		x, y := a.UUID(), b.UUID()
		return bytes.Compare(x[:], y[:])
	})
	var pages [][]messages.ExecutionID
	var cursor *messages.ExecutionID
	for {
		page, err := e.ListExecutions(t.Context(), messages.ListExecutionsArgs{Cursor: cursor, Limit: 5})
		require.NoError(t, err)
		pages = append(pages, page.Executions)
		if cursor = page.NextCursor; cursor == nil {
			break
		}
		require.Equal(t, page.Executions[len(page.Executions)-1], *cursor)
	}
	require.Equal(t, [][]messages.ExecutionID{all[:5], all[5:10], all[10:]}, pages)

	for limit, want := range map[int][]messages.ExecutionID{-1: nil, 0: nil, 15: all, 20: all, 5000: all} {
		page, err := e.ListExecutions(t.Context(), messages.ListExecutionsArgs{Limit: limit})
		require.NoError(t, err)
		require.Equal(t, messages.ListExecutionsResult{Executions: want}, page, "limit %d", limit)
	}
}

func TestSpec03_S91_ListExecutionsCutsTheLimit(t *testing.T) {
	e := open(t)
	for range 1001 {
		e.seeded()
	}
	page, err := e.ListExecutions(t.Context(), messages.ListExecutionsArgs{Limit: 5000})
	require.NoError(t, err)
	require.Len(t, page.Executions, 1000)
	require.Equal(t, page.Executions[999], *page.NextCursor)
}

func TestSpec03_S91_ListExecutionsOfAPartitionAndAFilter(t *testing.T) {
	e := open(t)
	list := func(args messages.ListExecutionsArgs) []messages.ExecutionID {
		args.Limit = 10
		page, err := e.ListExecutions(t.Context(), args)
		require.NoError(t, err)
		require.Nil(t, page.NextCursor)
		return page.Executions
	}
	plain := e.created()
	third := messages.NewExecutionID(3, messages.NewFlowID())
	_, err := e.CreateExecution(t.Context(), args(third, inLane("other"), ofKind("mail"),
		func(a *messages.CreateExecutionArgs) {
			a.Namespace, a.Tags = "tenant", map[string]string{"app.a": "1", "app.b": "2"}
		}))
	require.NoError(t, err)
	flow := e.newFlow()
	member := flow.member()

	require.Equal(t, []messages.ExecutionID{third}, list(messages.ListExecutionsArgs{Partition: "{fp:3}"}))
	require.ElementsMatch(t, []messages.ExecutionID{plain, third, member}, list(messages.ListExecutionsArgs{}))
	for name, filter := range map[string]messages.ExecutionFilter{
		"lane":      {LaneID: "other"},
		"kind":      {ExecutionKind: "mail"},
		"namespace": {Namespace: "tenant"},
		"tags":      {Tags: map[string]string{"app.a": "1", "app.b": "2"}},
		"all":       {LaneID: "other", ExecutionKind: "mail", Namespace: "tenant", PublicState: messages.PublicWaiting},
	} {
		require.Equal(t, []messages.ExecutionID{third}, list(messages.ListExecutionsArgs{Filter: filter}), name)
	}
	require.Equal(t, []messages.ExecutionID{member},
		list(messages.ListExecutionsArgs{Filter: messages.ExecutionFilter{FlowID: flow.flow}}))
	require.Empty(t, list(messages.ListExecutionsArgs{
		Filter: messages.ExecutionFilter{Tags: map[string]string{"app.a": "1", "app.b": "3"}},
	}))
	require.Empty(t, list(messages.ListExecutionsArgs{
		Filter: messages.ExecutionFilter{PublicState: messages.PublicActive},
	}))

	_, err = e.ListExecutions(t.Context(), messages.ListExecutionsArgs{Partition: "fp:0", Limit: 1})
	require.ErrorIs(t, err, messages.ErrInvalidInput)
	require.ErrorContains(t, err, "partition_key: ")
}

// An attempt without an index cannot be stored, so that no read can meet one.
func TestSpec01_S83_WhatAnExecutionIsDecodedTo(t *testing.T) {
	e := open(t, ffsqlite.WithoutScanners())
	id := e.created(func(a *messages.CreateExecutionArgs) { a.Tags = map[string]string{"b.a": "2", "a.b": "1"} })
	require.Nil(t, e.described(id).CurrentLease)
	text, err := json.Marshal(e.described(id))
	require.NoError(t, err)
	require.Contains(t, string(text), `"tags":{"a.b":"1","b.a":"2"}`)

	e.claimed()
	require.NotNil(t, e.described(id).CurrentLease)
	for _, table := range []string{"ff_exec_core", "ff_attempt"} {
		require.Equal(t, int64(1),
			e.sql.Int(`SELECT "notnull" FROM pragma_table_info(?1) WHERE name = 'attempt_index'`, table))
	}
	e.patchAttempt(id, 0, "attempt_index = 4294967296")
	_, err = e.DescribeExecution(t.Context(), id)
	require.ErrorIs(t, err, messages.ErrCorruption)

	other := e.created()
	e.claimed()
	e.patchAttempt(other, 0, "worker_instance_id = NULL")
	_, err = e.DescribeExecution(t.Context(), other)
	requireDetail(t, err, messages.ErrCorruption, "attempt: worker_instance_id: missing on a lease")
}
