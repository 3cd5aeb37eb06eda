package reader_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec03_S84_State(t *testing.T) {
	f := newFixture(t)
	id := executionID(0, 1)
	f.insert(t, "ff_exec_core", fresh(1))
	require.Equal(t, messages.PublicWaiting, *state(t, f, id))

	f.exec(t, "UPDATE ff_exec_core SET public_state = 'active'")
	require.Equal(t, messages.PublicActive, *state(t, f, id))
	f.exec(t, "UPDATE ff_exec_core SET public_state = 'running'")
	require.Equal(t, messages.PublicActive, *state(t, f, id))

	t.Run("an unknown id reads as absent", func(t *testing.T) {
		for _, unknown := range []messages.ExecutionID{executionID(0, 2), executionID(7, 1)} {
			require.Nil(t, state(t, f, unknown))
			require.Nil(t, describe(t, f, unknown))
			require.Equal(t, messages.GetExecutionResultReply{},
				read[messages.GetExecutionResultReply](t, f, messages.GetExecutionResultArgs{ExecutionID: unknown}))
			tag, err := f.ExecutionTag(t.Context(), unknown, "cairn.task_id")
			require.NoError(t, err)
			require.Nil(t, tag)
		}
	})
}

func TestSpec03_S85_Corruption(t *testing.T) {
	f := newFixture(t)
	id := executionID(0, 1)
	f.insert(t, "ff_exec_core", fresh(1).with(row{"public_state": "bogus"}))

	_, err := f.Read(t.Context(), messages.ReadExecutionStateArgs{ExecutionID: id})
	requireCorruption(t, err, "exec_core: public_state: 'bogus' is not a known value")
	_, err = f.Read(t.Context(), messages.DescribeExecutionArgs{ExecutionID: id})
	requireCorruption(t, err, "exec_core: public_state: 'bogus' is not a known value")

	f.exec(t, "UPDATE ff_exec_core SET public_state = 'waiting', raw_fields = '{'")
	_, err = f.Read(t.Context(), messages.DescribeExecutionArgs{ExecutionID: id})
	requireCorruption(t, err, "exec_core: raw_fields not valid JSON: unexpected end of JSON input")
	_, err = f.ExecutionTag(t.Context(), id, "cairn.task_id")
	requireCorruption(t, err, "exec_core: raw_fields not valid JSON: unexpected end of JSON input")
	require.Equal(t, messages.PublicWaiting, *state(t, f, id), "a read that needs no document works")
}

func TestSpec03_S86_SeededLiterals(t *testing.T) {
	f := newFixture(t)
	id := executionID(0, 1)
	f.insert(t, "ff_exec_core", fixtureR(1))

	require.Equal(t, messages.PublicWaiting, *state(t, f, id))
	require.Equal(t, &messages.ExecutionSnapshot{
		ExecutionID:    id,
		LaneID:         "default",
		PublicState:    messages.PublicWaiting,
		CreatedAt:      1,
		LastMutationAt: 1,
		Tags:           map[string]string{},
	}, describe(t, f, id))
}

func TestSpec03_S87_DescribeFresh(t *testing.T) {
	f := newFixture(t)
	f.insert(t, "ff_exec_core", fresh(1))

	reason := messages.ReasonWaitingForWorker
	require.Equal(t, &messages.ExecutionSnapshot{
		ExecutionID:    executionID(0, 1),
		LaneID:         "default",
		Namespace:      "default",
		PublicState:    messages.PublicWaiting,
		BlockingReason: &reason,
		CreatedAt:      1000,
		LastMutationAt: 1000,
		Tags:           map[string]string{"cairn.task_id": "abc"},
	}, describe(t, f, executionID(0, 1)))
}

func TestSpec03_S87_DescribeDelayed(t *testing.T) {
	f := newFixture(t)
	f.insert(t, "ff_exec_core", fresh(1).with(row{
		"eligibility_state": "not_eligible_until_time",
		"public_state":      "delayed",
		"blocking_reason":   "waiting_for_delay",
		"raw_fields":        `{"blocking_detail":"delayed until 61000","delay_until":"61000"}`,
	}))

	got := describe(t, f, executionID(0, 1))
	require.Equal(t, messages.PublicDelayed, got.PublicState)
	require.Equal(t, messages.ReasonWaitingForDelay, *got.BlockingReason)
	require.Equal(t, "delayed until 61000", *got.BlockingDetail)
}

func TestSpec03_S87_DescribeClaimed(t *testing.T) {
	f := newFixture(t)
	id := executionID(0, 1)
	flow := messages.FlowIDFromUUID([16]byte(uuid(99)))
	f.insert(t, "ff_exec_core", claimed(1).with(row{"flow_id": uuid(99)}))
	f.insert(t, "ff_attempt", leased(1, 0))

	lease := messages.LeaseSummary{
		LeaseEpoch:       1,
		WorkerInstanceID: "test-worker-instance",
		ExpiresAt:        32000,
		LeaseID:          leaseID,
	}
	require.Equal(t, &messages.ExecutionSnapshot{
		ExecutionID:       id,
		FlowID:            &flow,
		LaneID:            "default",
		Namespace:         "default",
		PublicState:       messages.PublicActive,
		CurrentAttempt:    &messages.AttemptSummary{AttemptID: attemptID},
		CurrentLease:      &lease,
		CreatedAt:         1000,
		LastMutationAt:    2000,
		TotalAttemptCount: 1,
		Tags:              map[string]string{},
	}, describe(t, f, id))

	t.Run("a renewal moves the heartbeat", func(t *testing.T) {
		f.exec(t, "UPDATE ff_attempt SET raw_fields = json_set(raw_fields, '$.lease_renewed_at_ms', 2500)")
		heartbeat := messages.TimestampMs(2500)
		lease.LastHeartbeatAt = &heartbeat
		require.Equal(t, &lease, describe(t, f, id).CurrentLease)
	})

	t.Run("a lapsed lease is no lease", func(t *testing.T) {
		f.exec(t, "UPDATE ff_exec_core SET ownership_state = 'lease_expired_reclaimable'")
		got := describe(t, f, id)
		require.Nil(t, got.CurrentLease)
		require.NotNil(t, got.CurrentAttempt)
	})

	t.Run("after the end the attempt stays", func(t *testing.T) {
		f.exec(t, `UPDATE ff_exec_core
		              SET lifecycle_phase = 'terminal', ownership_state = 'unowned', public_state = 'completed'`)
		f.exec(t, "UPDATE ff_attempt SET lease_expires_at_ms = NULL, outcome = 'success'")
		got := describe(t, f, id)
		require.Equal(t, messages.PublicCompleted, got.PublicState)
		require.Equal(t, &messages.AttemptSummary{AttemptID: attemptID}, got.CurrentAttempt)
		require.Nil(t, got.CurrentLease)
	})
}

func TestSpec03_S87_DescribeSuspended(t *testing.T) {
	f := newFixture(t)
	waitpoint := messages.WaitpointIDFromUUID([16]byte(uuid(5)))
	f.insert(t, "ff_exec_core", fresh(1).with(row{
		"lifecycle_phase": "suspended",
		"public_state":    "suspended",
		"blocking_reason": "waiting_for_signal",
		"raw_fields":      `{"current_waitpoint_id":"` + waitpoint.String() + `"}`,
	}))

	got := describe(t, f, executionID(0, 1))
	require.Equal(t, messages.PublicSuspended, got.PublicState)
	require.Equal(t, &waitpoint, got.CurrentWaitpoint)
}

// The current attempt is the one with the greatest index, also where the execution's row names another.
func TestReader_DescribeExecution_CurrentAttempt(t *testing.T) {
	f := newFixture(t)
	f.insert(t, "ff_exec_core", claimed(1).with(row{"attempt_index": 1}))
	f.insert(t, "ff_exec_core", claimed(2))
	f.insert(t, "ff_attempt", leased(1, 0))
	f.insert(t, "ff_attempt", leased(1, 2).with(row{"raw_fields": `{}`}))
	f.insert(t, "ff_attempt", leased(2, 3))

	got := describe(t, f, executionID(0, 1))
	require.Equal(t, &messages.AttemptSummary{AttemptID: attemptID, AttemptIndex: 2}, got.CurrentAttempt,
		"the execution's row has the id that the attempt's lacks")
	require.Equal(t, &messages.LeaseSummary{
		LeaseEpoch:       3,
		WorkerInstanceID: "test-worker-instance",
		ExpiresAt:        32000,
		AttemptIndex:     2,
	}, got.CurrentLease)
}

func TestReader_DescribeExecution_Lenient(t *testing.T) {
	tests := []struct {
		name string
		raw  string
		want messages.ExecutionSnapshot
	}{
		{
			name: "numbers where strings are written",
			raw:  `{"last_mutation_at":1234,"total_attempt_count":3}`,
			want: messages.ExecutionSnapshot{LastMutationAt: 1234, TotalAttemptCount: 3},
		},
		{
			name: "nothing that can be read",
			raw:  `{"last_mutation_at":null,"total_attempt_count":"many","tags":[1],"current_waitpoint_id":""}`,
			want: messages.ExecutionSnapshot{LastMutationAt: 1000},
		},
		{
			name: "a negative count",
			raw:  `{"total_attempt_count":"-1","blocking_detail":"none"}`,
			want: messages.ExecutionSnapshot{LastMutationAt: 1000},
		},
		{
			name: "tags that are no strings",
			raw:  `{"tags":{"a.b":"c","a.n":1,"a.o":{},"a.e":""}}`,
			want: messages.ExecutionSnapshot{LastMutationAt: 1000, Tags: map[string]string{"a.b": "c", "a.e": ""}},
		},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.insert(t, "ff_exec_core", fresh(i).with(row{"raw_fields": tt.raw, "blocking_reason": ""}))
			want := tt.want
			want.ExecutionID = executionID(0, i)
			want.LaneID = "default"
			want.PublicState = messages.PublicWaiting
			want.CreatedAt = 1000
			if want.Tags == nil {
				want.Tags = map[string]string{}
			}
			require.Equal(t, &want, describe(t, f, want.ExecutionID))
		})
	}
}

func TestReader_DescribeExecution_Corruption(t *testing.T) {
	tests := []struct {
		name      string
		execution row
		attempt   row
		detail    string
	}{
		{"phase", row{"lifecycle_phase": "x"}, nil, "exec_core: lifecycle_phase: 'x' is not a known value"},
		{"ownership", row{"ownership_state": "x"}, nil, "exec_core: ownership_state: 'x' is not a known value"},
		{"reason", row{"blocking_reason": "x"}, nil, "exec_core: blocking_reason: 'x' is not a known value"},
		{"flow", row{"flow_id": []byte{1}}, nil, "exec_core: flow_id: must be 16 bytes (got 1)"},
		{
			"document",
			row{"raw_fields": `null`},
			nil,
			"exec_core: raw_fields not valid JSON: null is not an object",
		},
		{
			"last mutation",
			row{"raw_fields": `{"last_mutation_at":"soon"}`},
			nil,
			`exec_core: last_mutation_at: "soon" is not a time`,
		},
		{
			"waitpoint",
			row{"raw_fields": `{"current_waitpoint_id":"x"}`},
			nil,
			`exec_core: current_waitpoint_id: "x" is not a UUID`,
		},
		{
			"attempt id",
			row{"raw_fields": `{"current_attempt_id":"x"}`},
			row{"raw_fields": `{}`},
			`exec_core: current_attempt_id: "x" is not a UUID`,
		},
		{
			"id of the attempt", nil,
			row{"raw_fields": `{"attempt_id":"x"}`},
			`attempt: attempt_id: "x" is not a UUID`,
		},
		{"lease id", nil, row{"raw_fields": `{"lease_id":7}`}, `attempt: lease_id: "7" is not a UUID`},
		{"attempt index", nil, row{"attempt_index": 1 << 32}, "attempt: attempt_index: 4294967296 is out of range"},
		{"worker", nil, row{"worker_instance_id": nil}, "attempt: worker_instance_id: missing on a lease"},
		{"epoch", nil, row{"lease_epoch": -1}, "attempt: lease_epoch: -1 is out of range"},
		{
			"document of the attempt", nil,
			row{"raw_fields": `[]`},
			"attempt: raw_fields not valid JSON: array is not an object",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.insert(t, "ff_exec_core", claimed(1).with(tt.execution))
			f.insert(t, "ff_attempt", leased(1, 0).with(tt.attempt))
			reply, err := f.Read(t.Context(), messages.DescribeExecutionArgs{ExecutionID: executionID(0, 1)})
			requireCorruption(t, err, tt.detail)
			require.Nil(t, reply)
		})
	}
}

func TestReader_GetExecutionResult(t *testing.T) {
	f := newFixture(t)
	f.insert(t, "ff_exec_core", fresh(1))
	f.insert(t, "ff_exec_core", fresh(2).with(row{"result": []byte{}}))
	f.insert(t, "ff_exec_core", fresh(3).with(row{"result": []byte{0, 0xff, 'x'}}))

	tests := []struct {
		name string
		n    int
		want messages.GetExecutionResultReply
	}{
		{"no result", 1, messages.GetExecutionResultReply{}},
		{"an empty result", 2, messages.GetExecutionResultReply{Result: []byte{}, Found: true}},
		{"any bytes", 3, messages.GetExecutionResultReply{Result: []byte{0, 0xff, 'x'}, Found: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, read[messages.GetExecutionResultReply](t, f,
				messages.GetExecutionResultArgs{ExecutionID: executionID(0, tt.n)}))
		})
	}
}

func TestReader_ExecutionTag(t *testing.T) {
	f := newFixture(t)
	f.insert(t, "ff_exec_core", fresh(1))
	f.insert(t, "ff_exec_core", fixtureR(2))

	tag, err := f.ExecutionTag(t.Context(), executionID(0, 1), "cairn.task_id")
	require.NoError(t, err)
	require.Equal(t, "abc", *tag)
	for _, n := range []int{1, 2} {
		tag, err = f.ExecutionTag(t.Context(), executionID(0, n), "cairn.other")
		require.NoError(t, err)
		require.Nil(t, tag)
	}
}
