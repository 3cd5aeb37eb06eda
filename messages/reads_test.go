package messages_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestReads_NeedAnExecution(t *testing.T) {
	id := executionID(t, idA)
	for _, build := range []func(messages.ExecutionID) messages.Validator{
		func(id messages.ExecutionID) messages.Validator {
			return messages.ReadExecutionInfoArgs{ExecutionID: id}
		},
		func(id messages.ExecutionID) messages.Validator {
			return messages.ReadExecutionContextArgs{ExecutionID: id}
		},
		func(id messages.ExecutionID) messages.Validator {
			return messages.ReadCurrentAttemptIndexArgs{ExecutionID: id}
		},
		func(id messages.ExecutionID) messages.Validator {
			return messages.ReadTotalAttemptCountArgs{ExecutionID: id}
		},
		func(id messages.ExecutionID) messages.Validator {
			return messages.GetExecutionNamespaceArgs{ExecutionID: id}
		},
		func(id messages.ExecutionID) messages.Validator {
			return messages.GetExecutionTagArgs{ExecutionID: id, Key: "a.b"}
		},
		func(id messages.ExecutionID) messages.Validator {
			return messages.SetExecutionTagArgs{ExecutionID: id, Key: "a.b"}
		},
		func(id messages.ExecutionID) messages.Validator {
			return messages.ReadExecCoreFieldsArgs{ExecutionID: id, Fields: []string{"lane_id"}}
		},
	} {
		require.NoError(t, build(id).Validate())
		requireInvalid(t, build(messages.ExecutionID{}).Validate(), messages.CodeInvalidInput,
			"execution_id: must not be empty")
	}
}

func TestReadExecCoreFieldsArgs_Validate(t *testing.T) {
	type args = messages.ReadExecCoreFieldsArgs
	fine := func() args {
		return args{
			ExecutionID: executionID(t, idA), Partition: &messages.Partition{Family: messages.PartitionFlow, Index: 24},
			Fields: []string{"lane_id"},
		}
	}
	requireDetails(t, fine, []invalid[args]{
		{"partition: does not match execution_id (arg=3, id=24)", func(a *args) { a.Partition.Index = 3 }},
	})
	require.NoError(t, args{Partition: &messages.Partition{Index: 3}}.Validate(), "no field, no check")
}

func TestListArgs_Validate(t *testing.T) {
	type lanes = messages.ListLanesArgs
	requireDetails(t, func() lanes { return lanes{Cursor: pointer(messages.LaneID("a"))} }, []invalid[lanes]{
		{"lane_id is empty", func(a *lanes) { *a.Cursor = "" }},
	})
	require.NoError(t, lanes{Limit: -1}.Validate())

	type suspended = messages.ListSuspendedArgs
	fine := func() suspended {
		return suspended{Partition: "{fp:1}", Cursor: &messages.SuspendedCursor{ExecutionID: executionID(t, idA)}}
	}
	requireDetails(t, fine, []invalid[suspended]{
		{"partition_key: partition key must be wrapped in '{...}'", func(a *suspended) { a.Partition = "fp:1" }},
		{"cursor: must not be empty", func(a *suspended) { a.Cursor.ExecutionID = messages.ExecutionID{} }},
	})
	require.NoError(t, suspended{}.Validate())
}

func TestReads_JSON(t *testing.T) {
	id, flow := executionID(t, idA), messages.FlowID(uuid(t, uuidB))
	requireRoundTrip(t, messages.ReadExecCoreFieldsArgs{ExecutionID: id}, `{"execution_id":"`+idA+`"}`)
	requireRoundTrip(t,
		messages.ReadExecCoreFieldsArgs{
			ExecutionID: id, Partition: &messages.Partition{Family: messages.PartitionExecution, Index: 24},
			Fields: []string{"a"},
		},
		`{"execution_id":"`+idA+`","partition":{"family":"execution","index":24},"fields":["a"]}`)
	requireRoundTrip(t, messages.SetExecutionTagArgs{ExecutionID: id, Key: "a.b", Value: ""},
		`{"execution_id":"`+idA+`","key":"a.b","value":""}`)
	requireRoundTrip(t, messages.SetFlowTagArgs{FlowID: flow, Key: "a.b", Value: "c"},
		`{"flow_id":"`+uuidB+`","key":"a.b","value":"c"}`)
	requireRoundTrip(t, messages.GetFlowTagArgs{FlowID: flow, Key: "a.b"}, `{"flow_id":"`+uuidB+`","key":"a.b"}`)
	requireRoundTrip(t, messages.ListLanesArgs{Limit: 2}, `{"limit":2}`)
	requireRoundTrip(t, messages.ListLanesArgs{Cursor: pointer(messages.LaneID("a")), Limit: 2}, `{"cursor":"a","limit":2}`)
	requireRoundTrip(t, messages.ListLanesResult{Lanes: []messages.LaneID{"a"}, NextCursor: pointer(messages.LaneID("a"))},
		`{"lanes":["a"],"next_cursor":"a"}`)
	requireRoundTrip(t, messages.ListSuspendedArgs{Limit: 2}, `{"limit":2}`)
	cursor := messages.SuspendedCursor{SuspendedAt: 5, ExecutionID: id}
	const cursorJSON = `{"suspended_at":5,"execution_id":"` + idA + `"}`
	requireRoundTrip(t, messages.ListSuspendedArgs{Partition: "{fp:1}", Cursor: &cursor, Limit: 2},
		`{"partition":"{fp:1}","cursor":`+cursorJSON+`,"limit":2}`)
	requireRoundTrip(t,
		messages.ListSuspendedResult{
			Entries:    []messages.SuspendedExecution{{ExecutionID: id, SuspendedAt: 5, Reason: "timer"}},
			NextCursor: &cursor,
		},
		`{"entries":[{"execution_id":"`+idA+`","suspended_at":5,"reason":"timer"}],"next_cursor":`+cursorJSON+`}`)

	requireRoundTrip(t,
		messages.ExecutionContext{InputPayload: []byte{1}, ExecutionKind: "k", Tags: map[string]string{"a.b": "c"}},
		`{"input_payload":[1],"execution_kind":"k","tags":{"a.b":"c"}}`)
	require.Error(t, new(messages.ExecutionContext).UnmarshalJSON([]byte(`{"input_payload":7}`)))
}

// The messages that say nothing but which execution they are about, and those that say nothing at all.
func TestShortReads_JSON(t *testing.T) {
	id := executionID(t, idA)
	const execution = `{"execution_id":"` + idA + `"}`
	requireRoundTrip(t, messages.DescribeExecutionArgs{ExecutionID: id}, execution)
	requireRoundTrip(t, messages.ReadExecutionStateArgs{ExecutionID: id}, execution)
	requireRoundTrip(t, messages.ReadExecutionInfoArgs{ExecutionID: id}, execution)
	requireRoundTrip(t, messages.ReadExecutionContextArgs{ExecutionID: id}, execution)
	requireRoundTrip(t, messages.ReadCurrentAttemptIndexArgs{ExecutionID: id}, execution)
	requireRoundTrip(t, messages.ReadTotalAttemptCountArgs{ExecutionID: id}, execution)
	requireRoundTrip(t, messages.GetExecutionResultArgs{ExecutionID: id}, execution)
	requireRoundTrip(t, messages.GetExecutionNamespaceArgs{ExecutionID: id}, execution)
	requireRoundTrip(t, messages.GetExecutionTagArgs{ExecutionID: id, Key: "a.b"}, `{"execution_id":"`+idA+`","key":"a.b"}`)
	requireRoundTrip(t, messages.DescribeFlowArgs{FlowID: uuid(t, uuidB)}, `{"flow_id":"`+uuidB+`"}`)
	requireRoundTrip(t, messages.PingArgs{}, `{}`)
	requireRoundTrip(t, messages.ServerTimeMsArgs{}, `{}`)
	requireRoundTrip(t, messages.WaitCascadeIdleArgs{}, `{}`)
}

// TestMessages_EachHasItsJSONTested finds a round trip for every message that there is.
func TestMessages_EachHasItsJSONTested(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	var tests strings.Builder
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, function := range strings.Split(string(source), "\nfunc ") {
			if strings.Contains(function, "requireRoundTrip(t,") {
				tests.WriteString(function)
			}
		}
	}
	for _, message := range declared(t, `isMessage\(\)`) {
		tested := regexp.MustCompile(`messages\.` + message[1] + `[{\]]`).MatchString(tests.String())
		require.True(t, tested, "no test reads the JSON of %s back", message[1])
	}
}

func TestExecutionInfo_JSON(t *testing.T) {
	info := messages.ExecutionInfo{
		ExecutionID: executionID(t, idA), Namespace: "tenant", LaneID: "default", Priority: -1, ExecutionKind: "k",
		StateVector: messages.StateVector{
			LifecyclePhase: messages.PhaseActive, OwnershipState: messages.OwnershipLeased,
			EligibilityState: messages.EligibilityNotApplicable, BlockingReason: messages.ReasonNone,
			TerminalOutcome: messages.OutcomeNone, AttemptState: messages.AttemptStateRunning,
			PublicState: messages.PublicActive,
		},
		PublicState: messages.PublicActive, CreatedAt: 1000, StartedAt: pointer(messages.TimestampMs(2000)),
		CurrentAttemptIndex: 1, FlowID: pointer(messages.FlowID(uuid(t, uuidB))),
	}
	requireRoundTrip(t, info, `{
		"execution_id": "`+idA+`", "namespace": "tenant", "lane_id": "default", "priority": -1, "execution_kind": "k",
		"state_vector": {
			"lifecycle_phase": "active", "ownership_state": "leased", "eligibility_state": "not_applicable",
			"blocking_reason": "none", "terminal_outcome": "none", "attempt_state": "running_attempt",
			"public_state": "active"
		},
		"public_state": "active", "created_at": "1000", "started_at": "2000", "current_attempt_index": 1,
		"flow_id": "`+uuidB+`", "blocking_detail": ""
	}`)
}
