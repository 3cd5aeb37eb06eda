package reader_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

var flowID = messages.FlowIDFromUUID([16]byte(uuid(700)))

// freshFlow is a flow as CreateFlow stores it at time 1000.
func freshFlow() row {
	return row{
		"partition_key":     0,
		"flow_id":           flowID[:],
		"public_flow_state": "open",
		"created_at_ms":     1000,
		"raw_fields": `{"flow_kind":"etl","namespace":"tenant","node_count":0,"edge_count":0,
			"last_mutation_at_ms":1000}`,
	}
}

func TestSpec04_S61_DescribeFlow(t *testing.T) {
	f := newFixture(t)
	require.Nil(t, describeFlow(t, f, flowID), "unknown")

	f.insert(t, "ff_flow_core", freshFlow())
	want := messages.FlowSnapshot{
		FlowID:          flowID,
		FlowKind:        "etl",
		Namespace:       "tenant",
		PublicFlowState: messages.FlowOpen,
		CreatedAt:       1000,
		LastMutationAt:  1000,
		Tags:            map[string]string{},
	}
	require.Equal(t, &want, describeFlow(t, f, flowID))

	f.exec(t, `UPDATE ff_flow_core
	              SET public_flow_state = 'cancelled', terminal_at_ms = 5000, graph_revision = 5,
	                  raw_fields = json_set(raw_fields, '$.cancel_reason', 'operator_requested',
	                    '$.cancellation_policy', 'cancel_all', '$.last_mutation_at_ms', 5000)`)
	cancelledAt, reason, policy := messages.TimestampMs(5000), "operator_requested", "cancel_all"
	want.PublicFlowState = messages.FlowCancelled
	want.GraphRevision = 5
	want.LastMutationAt = 5000
	want.CancelledAt = &cancelledAt
	want.CancelReason = &reason
	want.CancellationPolicy = &policy
	require.Equal(t, &want, describeFlow(t, f, flowID))
}

func TestSpec04_S62_FlowTags(t *testing.T) {
	f := newFixture(t)
	f.insert(t, "ff_flow_core", freshFlow().with(row{"raw_fields": `{
		"cairn.task_id":"abc", "cairn.project":"p", "flow_kind":"etl", "Cairn.x":"no", "1cairn.x":"no", ".x":"no",
		"cairn-x.y":"no", "cairn.number":7}`}))
	require.Equal(t, map[string]string{"cairn.task_id": "abc", "cairn.project": "p"},
		describeFlow(t, f, flowID).Tags)
}

func TestReader_DescribeFlow_Defaults(t *testing.T) {
	f := newFixture(t)
	f.insert(t, "ff_flow_core", freshFlow().with(row{"raw_fields": `{}`, "public_flow_state": "elsewhere"}))
	require.Equal(t, &messages.FlowSnapshot{
		FlowID:          flowID,
		Namespace:       "default",
		PublicFlowState: "elsewhere",
		CreatedAt:       1000,
		LastMutationAt:  1000,
		Tags:            map[string]string{},
	}, describeFlow(t, f, flowID))

	f.exec(t, `UPDATE ff_flow_core SET raw_fields = '{"node_count":"3","edge_count":-2,"last_mutation_at_ms":"x"}'`)
	got := describeFlow(t, f, flowID)
	require.Equal(t, uint32(3), got.NodeCount)
	require.Equal(t, uint32(0), got.EdgeCount)
	require.Equal(t, messages.TimestampMs(1000), got.LastMutationAt)
}

func TestReader_DescribeFlow_EdgeGroups(t *testing.T) {
	f := newFixture(t)
	f.insert(t, "ff_flow_core", freshFlow())
	f.insert(t, "ff_exec_core", fresh(2).with(row{"partition_key": 7}))
	group := row{"partition_key": 0, "flow_id": flowID[:], "policy": `{"kind":"all_of"}`}
	f.insert(t, "ff_edge_group", group.with(row{"downstream_eid": uuid(3), "policy": `{"kind":"quorum","k":2,"on_satisfied":"let_run"}`}))
	f.insert(t, "ff_edge_group", group.with(row{
		"downstream_eid": uuid(2), "success_count": 1, "fail_count": 2, "skip_count": 3, "running_count": 4,
		"group_state": "impossible",
	}))
	f.insert(t, "ff_edge_group", group.with(row{
		"downstream_eid": uuid(4), "success_count": -1, "running_count": 1 << 40, "policy": `{"kind":"any_of"}`,
	}))
	f.insert(t, "ff_edge_group", group.with(row{"downstream_eid": uuid(5), "policy": `{"kind":"quorum","on_satisfied":"x"}`}))
	f.insert(t, "ff_edge_group", group.with(row{"downstream_eid": uuid(6), "policy": `{"kind":"some_of"}`}))
	f.insert(t, "ff_edge_group", group.with(row{"downstream_eid": uuid(1), "flow_id": uuid(701)}))

	const most = 1<<32 - 1
	require.Equal(t, []messages.EdgeGroupSnapshot{
		{
			DownstreamExecutionID: executionID(7, 2),
			Policy:                messages.EdgeDependencyPolicy{Kind: messages.AllOf},
			TotalDeps:             10,
			SatisfiedCount:        1,
			FailedCount:           2,
			SkippedCount:          3,
			RunningCount:          4,
			GroupState:            messages.EdgeGroupImpossible,
		},
		{
			DownstreamExecutionID: executionID(0, 3),
			Policy:                messages.EdgeDependencyPolicy{Kind: messages.Quorum, K: 2, OnSatisfied: messages.LetRun},
			GroupState:            messages.EdgeGroupPending,
		},
		{
			DownstreamExecutionID: executionID(0, 4),
			Policy:                messages.EdgeDependencyPolicy{Kind: messages.AnyOf, OnSatisfied: messages.CancelRemaining},
			TotalDeps:             most,
			RunningCount:          most,
			GroupState:            messages.EdgeGroupPending,
		},
		{
			DownstreamExecutionID: executionID(0, 5),
			Policy:                messages.EdgeDependencyPolicy{Kind: messages.Quorum, K: 1, OnSatisfied: messages.CancelRemaining},
			GroupState:            messages.EdgeGroupPending,
		},
		{
			DownstreamExecutionID: executionID(0, 6),
			Policy:                messages.EdgeDependencyPolicy{Kind: messages.AllOf},
			GroupState:            messages.EdgeGroupPending,
		},
	}, describeFlow(t, f, flowID).EdgeGroups)
}

func TestReader_DescribeFlow_Corruption(t *testing.T) {
	tests := []struct {
		name   string
		flow   row
		group  row
		detail string
	}{
		{
			"document",
			row{"raw_fields": `{`},
			nil,
			"flow_core: raw_fields not valid JSON: unexpected end of JSON input",
		},
		{
			"no object",
			row{"raw_fields": `["node_count"]`},
			nil,
			"flow_core: raw_fields not valid JSON: array is not an object",
		},
		{"revision", row{"graph_revision": -1}, nil, "flow_core: graph_revision: -1 is out of range"},
		{"policy", nil, row{"policy": `"all_of"`}, "edge_group: policy not valid JSON: string is not an object"},
		{"member", nil, row{"downstream_eid": []byte("x")}, "edge_group: downstream_eid: must be 16 bytes (got 1)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.insert(t, "ff_flow_core", freshFlow().with(tt.flow))
			f.insert(t, "ff_edge_group", row{
				"partition_key": 0, "flow_id": flowID[:], "downstream_eid": uuid(1), "policy": `{}`,
			}.with(tt.group))
			_, err := f.Read(t.Context(), messages.DescribeFlowArgs{FlowID: flowID})
			requireCorruption(t, err, tt.detail)
		})
	}
}
