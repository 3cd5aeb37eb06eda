package messages_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestResults_JSON(t *testing.T) {
	id := executionID(t, idA)
	requireRoundTrip(t,
		messages.CreateExecutionResult{
			Outcome: messages.CreateCreated, ExecutionID: id, PublicState: messages.PublicWaiting,
		},
		`{"Created":{"execution_id":"`+idA+`","public_state":"waiting"}}`)
	requireRoundTrip(t, messages.CreateExecutionResult{Outcome: messages.CreateDuplicate, ExecutionID: id},
		`{"Duplicate":{"execution_id":"`+idA+`"}}`)
	requireRoundTrip(t,
		messages.CancelExecutionResult{
			Outcome: messages.CancelExecutionCancelled, ExecutionID: id, PublicState: messages.PublicCancelled,
		},
		`{"Cancelled":{"execution_id":"`+idA+`","public_state":"cancelled"}}`)
	requireRoundTrip(t,
		messages.FailOutcome{Outcome: messages.FailRetryScheduled, DelayUntil: 5, NextAttemptIndex: 1},
		`{"RetryScheduled":{"delay_until":5,"next_attempt_index":1}}`)
	requireRoundTrip(t, messages.FailOutcome{Outcome: messages.FailTerminalFailed}, `"TerminalFailed"`)
	requireRoundTrip(t, messages.GetExecutionResultReply{}, `{"found":false}`)
	requireRoundTrip(t, messages.GetExecutionResultReply{Result: []byte{}, Found: true}, `{"found":true,"result":[]}`)
	requireRoundTrip(t, messages.LeaseRenewal{ExpiresAt: 7, LeaseEpoch: 2}, `{"expires_at":7,"lease_epoch":2}`)
	requireRoundTrip(t, messages.ListExecutionsResult{Executions: []messages.ExecutionID{id}, NextCursor: &id},
		`{"executions":["`+idA+`"],"next_cursor":"`+idA+`"}`)
	requireRoundTrip(t, messages.ClaimReply{}, `{}`)
}

func TestOperatorResults_JSON(t *testing.T) {
	requireRoundTrip(t, messages.ChangePriorityResult{ExecutionID: executionID(t, idA)},
		`{"Changed":{"execution_id":"`+idA+`"}}`)
	requireRoundTrip(t, messages.ReplayExecutionResult{PublicState: messages.PublicWaitingChildren},
		`{"Replayed":{"public_state":"waiting_children"}}`)
	requireRoundTrip(t,
		messages.RevokeLeaseResult{Outcome: messages.RevokeLeaseRevoked, LeaseID: uuid(t, uuidB), LeaseEpoch: 8},
		`{"Revoked":{"lease_id":"`+uuidB+`","lease_epoch":"8"}}`)
	requireRoundTrip(t,
		messages.RevokeLeaseResult{
			Outcome: messages.RevokeLeaseAlreadySatisfied, Reason: messages.RevokeNoActiveLease,
		},
		`{"AlreadySatisfied":{"reason":"no_active_lease"}}`)
}

func TestClaimNextResult_JSON(t *testing.T) {
	requireRoundTrip(t, messages.ClaimNextResult{Outcome: messages.ClaimNextNoWork}, `"NoWork"`)
	task := &messages.ClaimedTask{
		Handle: messages.Handle{
			Backend: messages.BackendSqlite, Kind: messages.HandleReclaimed, Opaque: "\x02",
		},
		ExecutionID: executionID(t, idA), LaneID: "default", Namespace: "tenant", ExecutionKind: "k",
		InputPayload: []byte{}, Priority: 3, AttemptIndex: 1, AttemptID: uuid(t, uuidB), LeaseID: uuid(t, uuidC),
		LeaseEpoch: 2, LeaseExpiresAt: 9, LeaseReclaimCount: 1,
	}
	requireRoundTrip(t, messages.ClaimNextResult{Outcome: messages.ClaimNextClaimed, Task: task}, `{"Claimed":{"task":{
		"handle": {"backend": "Sqlite", "kind": "Reclaimed", "opaque": [2]}, "execution_id": "`+idA+`",
		"lane_id": "default", "namespace": "tenant", "execution_kind": "k", "input_payload": [], "priority": 3,
		"attempt_index": 1, "attempt_id": "`+uuidB+`", "lease_id": "`+uuidC+`", "lease_epoch": 2,
		"lease_expires_at": 9, "lease_reclaim_count": 1
	}}}`)
	require.Equal(t, idA+" attempt 1 in lane default", task.String())
}

func TestFlowResults_JSON(t *testing.T) {
	id := executionID(t, idA)
	flow := messages.FlowID(uuid(t, uuidB))
	requireRoundTrip(t, messages.CreateFlowResult{Outcome: messages.CreateFlowCreated, FlowID: flow},
		`{"Created":{"flow_id":"`+uuidB+`"}}`)
	requireRoundTrip(t, messages.CreateFlowResult{Outcome: messages.CreateFlowAlreadySatisfied, FlowID: flow},
		`{"AlreadySatisfied":{"flow_id":"`+uuidB+`"}}`)
	requireRoundTrip(t,
		messages.AddExecutionToFlowResult{Outcome: messages.AddAdded, ExecutionID: id, NodeCount: 1},
		`{"Added":{"execution_id":"`+idA+`","new_node_count":1}}`)
	requireRoundTrip(t,
		messages.AddExecutionToFlowResult{Outcome: messages.AddAlreadyMember, ExecutionID: id, NodeCount: 1},
		`{"AlreadyMember":{"execution_id":"`+idA+`","node_count":1}}`)
	requireRoundTrip(t, messages.StageDependencyEdgeResult{EdgeID: uuid(t, uuidC), NewGraphRevision: 4},
		`{"Staged":{"edge_id":"`+uuidC+`","new_graph_revision":4}}`)
	requireRoundTrip(t, messages.ApplyDependencyToChildResult{Outcome: messages.ApplyApplied, UnsatisfiedCount: 1},
		`{"Applied":{"unsatisfied_count":1}}`)
	requireRoundTrip(t, messages.ApplyDependencyToChildResult{Outcome: messages.ApplyAlreadyApplied},
		`"AlreadyApplied"`)
	requireRoundTrip(t,
		messages.CancelFlowResult{
			Outcome: messages.CancelFlowCancelled, CancellationPolicy: messages.CancelAll,
			MemberExecutionIDs: []string{},
		},
		`{"Cancelled":{"cancellation_policy":"cancel_all","member_execution_ids":[]}}`)
	requireRoundTrip(t,
		messages.CancelFlowResult{
			Outcome: messages.CancelFlowScheduled, CancellationPolicy: messages.CancelAll, MemberCount: 1,
			MemberExecutionIDs: []string{idA},
		},
		`{"CancellationScheduled":{"cancellation_policy":"cancel_all","member_count":1,"member_execution_ids":["`+idA+`"]}}`)
	requireRoundTrip(t,
		messages.CancelFlowResult{
			Outcome: messages.CancelFlowPartiallyCancelled, CancellationPolicy: messages.CancelAll,
			MemberExecutionIDs: []string{idA}, FailedMemberExecutionIDs: []string{idA},
		},
		`{"PartiallyCancelled":{"cancellation_policy":"cancel_all","member_execution_ids":["`+idA+
			`"],"failed_member_execution_ids":["`+idA+`"]}}`)
}

func TestResults_MalformedJSON(t *testing.T) {
	for _, into := range []any{
		new(messages.CreateExecutionResult), new(messages.CancelExecutionResult), new(messages.FailOutcome),
		new(messages.ClaimNextResult), new(messages.CreateFlowResult), new(messages.AddExecutionToFlowResult),
		new(messages.StageDependencyEdgeResult), new(messages.ApplyDependencyToChildResult),
		new(messages.CancelFlowResult), new(messages.ChangePriorityResult), new(messages.ReplayExecutionResult),
		new(messages.RevokeLeaseResult), new(messages.CancelFlowHeaderResult),
		new(messages.SetEdgeGroupPolicyResult), new(messages.DrainSiblingCancelGroupResult),
		new(messages.ResolveDependencyOutcome), new(messages.SubmitFlowResult),
	} {
		for _, text := range []string{`7`, `{}`, `{"A":{},"B":{}}`, `{"Created":7}`} {
			require.Error(t, json.Unmarshal([]byte(text), into), "%T %s", into, text)
		}
	}
}

func TestSnapshots_JSON(t *testing.T) {
	requireRoundTrip(t,
		messages.ExecutionSnapshot{
			ExecutionID: executionID(t, idA), FlowID: pointer(messages.FlowID(uuid(t, uuidB))), LaneID: "default",
			Namespace: "tenant", PublicState: messages.PublicActive, BlockingDetail: pointer("x"),
			BlockingReason: pointer(messages.ReasonWaitingForWorker),
			CurrentAttempt: &messages.AttemptSummary{AttemptID: uuid(t, uuidB), AttemptIndex: 1},
			CurrentLease: &messages.LeaseSummary{
				LeaseEpoch: 2, WorkerInstanceID: "w-1", ExpiresAt: 3, LeaseID: uuid(t, uuidC), AttemptIndex: 1,
				LastHeartbeatAt: pointer(messages.TimestampMs(2)),
			},
			CurrentWaitpoint: pointer(messages.WaitpointID(uuid(t, uuidC))),
			CreatedAt:        1, LastMutationAt: 2, TotalAttemptCount: 2, Tags: map[string]string{"a.b": "c"},
		},
		`{"execution_id":"`+idA+`","flow_id":"`+uuidB+`","lane_id":"default","namespace":"tenant","public_state":"active",
			"blocking_reason":"waiting_for_worker","blocking_detail":"x",
			"current_attempt":{"attempt_id":"`+uuidB+`","attempt_index":1},
			"current_lease":{"lease_epoch":2,"worker_instance_id":"w-1","expires_at":3,"lease_id":"`+uuidC+`",
				"attempt_index":1,"last_heartbeat_at":2},
			"current_waitpoint":"`+uuidC+`","created_at":1,"last_mutation_at":2,"total_attempt_count":2,
			"tags":{"a.b":"c"}}`)
	requireRoundTrip(t,
		messages.FlowSnapshot{
			FlowID: uuid(t, uuidB), Namespace: "tenant", PublicFlowState: messages.FlowCancelled, GraphRevision: 5,
			NodeCount: 3, EdgeCount: 2, CreatedAt: 1, LastMutationAt: 2, CancelledAt: pointer(messages.TimestampMs(2)),
			CancellationPolicy: pointer("cancel_all"),
			EdgeGroups: []messages.EdgeGroupSnapshot{{
				DownstreamExecutionID: executionID(t, idC), Policy: messages.EdgeDependencyPolicy{Kind: messages.AllOf},
				TotalDeps: 2, SatisfiedCount: 1, RunningCount: 1, GroupState: messages.EdgeGroupPending,
			}},
		},
		`{"flow_id":"`+uuidB+`","flow_kind":"","namespace":"tenant","public_flow_state":"cancelled","graph_revision":5,
			"node_count":3,"edge_count":2,"created_at":1,"last_mutation_at":2,"cancelled_at":2,
			"cancellation_policy":"cancel_all","edge_groups":[{"downstream_execution_id":"`+idC+`",
			"policy":{"kind":"all_of"},"total_deps":2,"satisfied_count":1,"failed_count":0,"skipped_count":0,
			"running_count":1,"group_state":"pending"}]}`)
	requireRoundTrip(t,
		messages.EdgeSnapshot{
			EdgeID: uuid(t, uuidC), FlowID: uuid(t, uuidB), UpstreamExecutionID: executionID(t, idA),
			DownstreamExecutionID: executionID(t, idC), DependencyKind: messages.DependencySuccessOnly,
			SatisfactionCondition: "all_required", EdgeState: messages.EdgePending, CreatedAt: 1, CreatedBy: "engine",
		},
		`{"edge_id":"`+uuidC+`","flow_id":"`+uuidB+`","upstream_execution_id":"`+idA+`","downstream_execution_id":"`+idC+
			`","dependency_kind":"success_only","satisfaction_condition":"all_required","edge_state":"pending",
			"created_at":1,"created_by":"engine"}`)
}

func TestCancelFlowHeaderResult_JSON(t *testing.T) {
	requireRoundTrip(t,
		messages.CancelFlowHeaderResult{
			Outcome: messages.CancelHeaderCancelled, CancellationPolicy: messages.CancelAll,
			MemberExecutionIDs: []string{idA},
		},
		`{"Cancelled":{"cancellation_policy":"cancel_all","member_execution_ids":["`+idA+`"]}}`)
	requireRoundTrip(t,
		messages.CancelFlowHeaderResult{
			Outcome: messages.CancelHeaderAlreadyTerminal, StoredCancellationPolicy: pointer("flow_only"),
			StoredCancelReason: pointer(""), MemberExecutionIDs: []string{},
		},
		`{"AlreadyTerminal":{"stored_cancellation_policy":"flow_only","stored_cancel_reason":"",
			"member_execution_ids":[]}}`)
}

func TestFlowLists_JSON(t *testing.T) {
	flow := messages.FlowID(uuid(t, uuidB))
	requireRoundTrip(t,
		messages.ListFlowsResult{
			Flows:      []messages.FlowSummary{{FlowID: flow, CreatedAt: 1, Status: messages.FlowStatusActive}},
			NextCursor: &flow,
		},
		`{"flows":[{"flow_id":"`+uuidB+`","created_at":1,"status":"active"}],"next_cursor":"`+uuidB+`"}`)
}

func TestBackend_JSON(t *testing.T) {
	version := messages.BackendVersion{Major: 0, Minor: 15, Patch: 0}
	capabilities := messages.Capabilities{
		Identity: messages.BackendIdentity{Family: "sqlite", Version: version, RFC017Stage: "Phase-4"},
		Supports: messages.Supports{Prepare: true},
	}
	encoded, err := json.Marshal(capabilities)
	require.NoError(t, err)
	var read struct {
		Identity json.RawMessage `json:"identity"`
		Supports map[string]bool `json:"supports"`
	}
	require.NoError(t, json.Unmarshal(encoded, &read))
	require.JSONEq(t, `{"family":"sqlite","version":{"major":0,"minor":15,"patch":0},"rfc017_stage":"Phase-4"}`,
		string(read.Identity))
	require.Len(t, read.Supports, 34)
	require.True(t, read.Supports["prepare"])

	require.Positive(t, messages.BackendVersion{Major: 1}.Compare(version))
	require.Negative(t, version.Compare(messages.BackendVersion{Minor: 15, Patch: 1}))
	require.Zero(t, version.Compare(version))
}
