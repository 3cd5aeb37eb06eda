package messages_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

const (
	idA = "{fp:24}:" + uuidA
	idC = "{fp:0}:" + uuidC
)

func TestSpec01_S81_RequiredFieldsOnly(t *testing.T) {
	up, down := executionID(t, idA), executionID(t, idC)
	requireRoundTrip(t, createArgs(t),
		`{"execution_id":"`+idA+`","namespace":"tenant","lane_id":"default","creator_identity":""}`)
	requireRoundTrip(t,
		messages.ClaimArgs{LaneID: "a", Policy: messages.ClaimPolicy{
			WorkerID: "w", WorkerInstanceID: "w-1", LeaseTTL: time.Second,
		}},
		`{"lane_id":"a","policy":{"worker_id":"w","worker_instance_id":"w-1","lease_ttl_ms":1000}}`)
	next := messages.ClaimNextArgs{
		Lanes: []messages.LaneID{"a"}, WorkerID: "w", WorkerInstanceID: "w-1", LeaseTTL: time.Second,
	}
	const nextJSON = `"lanes":["a"],"worker_id":"w","worker_instance_id":"w-1","lease_ttl_ms":1000`
	requireRoundTrip(t, next, `{`+nextJSON+`}`)
	requireRoundTrip(t, messages.ClaimWaitArgs{ClaimNextArgs: next}, `{`+nextJSON+`}`)
	requireRoundTrip(t, messages.CreateFlowArgs{FlowID: uuid(t, uuidB), Namespace: "tenant"},
		`{"flow_id":"`+uuidB+`","flow_kind":"","namespace":"tenant"}`)
	requireRoundTrip(t, messages.AddExecutionToFlowArgs{FlowID: uuid(t, uuidB), ExecutionID: up},
		`{"flow_id":"`+uuidB+`","execution_id":"`+idA+`"}`)
	requireRoundTrip(t, messages.CancelFlowArgs{FlowID: uuid(t, uuidB), Policy: messages.CancelAll},
		`{"flow_id":"`+uuidB+`","policy":"cancel_all"}`)
	requireRoundTrip(t, messages.ListExecutionsArgs{Limit: 5}, `{"limit":5}`)
	requireRoundTrip(t, messages.SubscribeCompletionArgs{}, `{}`)

	cancel := decoded[messages.CancelExecutionArgs](t, `{"execution_id":"`+idA+`","reason":"r","lease_id":null}`)
	require.Equal(t, messages.CancelExecutionArgs{
		ExecutionID: up, Reason: "r", Source: messages.SourceOperatorOverride,
	}, cancel)
	requireRoundTrip(t, cancel, `{"execution_id":"`+idA+`","reason":"r","source":"operator_override"}`)

	edge := `"flow_id":"` + uuidB + `","edge_id":"` + uuidC + `","upstream_execution_id":"` + idA +
		`","downstream_execution_id":"` + idC + `"`
	stage := decoded[messages.StageDependencyEdgeArgs](t, `{`+edge+`,"expected_graph_revision":3}`)
	require.Equal(t, messages.StageDependencyEdgeArgs{
		FlowID: uuid(t, uuidB), EdgeID: uuid(t, uuidC), UpstreamExecutionID: up, DownstreamExecutionID: down,
		DependencyKind: "success_only", ExpectedGraphRevision: 3,
	}, stage)
	requireRoundTrip(t, stage, `{`+edge+`,"expected_graph_revision":3,"dependency_kind":"success_only"}`)
	apply := decoded[messages.ApplyDependencyToChildArgs](t, `{`+edge+`,"graph_revision":3}`)
	require.Equal(t, messages.DependencySuccessOnly, apply.DependencyKind)
	requireRoundTrip(t, apply, `{`+edge+`,"graph_revision":3,"dependency_kind":"success_only"}`)
}

func TestArgs_AllFields(t *testing.T) {
	create := createArgs(t)
	create.ExecutionKind, create.PayloadEncoding, create.IdempotencyKey = "k", "json", "once"
	create.InputPayload = []byte{1, 0, 255}
	create.Priority, create.CreatorIdentity, create.PartitionID = -5, "me", 24
	create.Tags = map[string]string{"a.b": "c"}
	create.Policy = messages.NewExecutionPolicy()
	create.DelayUntil, create.ExecutionDeadlineAt, create.Now = 1, 2, 3
	requireRoundTrip(t, create, `{
		"execution_id": "`+idA+`", "namespace": "tenant", "lane_id": "default", "execution_kind": "k",
		"input_payload": [1, 0, 255], "payload_encoding": "json", "priority": -5, "creator_identity": "me",
		"idempotency_key": "once", "tags": {"a.b": "c"},
		"policy": {"priority": 0, "max_replay_count": 10, "max_signals_per_execution": 10000},
		"delay_until": 1, "execution_deadline_at": 2, "partition_id": 24, "now": 3
	}`)
	require.Equal(t, []byte{1, 0, 255},
		decoded[messages.CreateExecutionArgs](t, `{"execution_id":"`+idA+`","lane_id":"a","input_payload":"AQD/"}`).InputPayload)

	next := claimNextArgs()
	next.Kinds, next.Namespace, next.AttemptTimeout = []string{"k"}, "tenant", time.Minute
	requireRoundTrip(t, messages.ClaimWaitArgs{ClaimNextArgs: next, MaxWait: 1500 * time.Millisecond}, `{
		"lanes": ["default", "urgent"], "worker_id": "pool", "worker_instance_id": "pool-1",
		"worker_capabilities": ["gpu", "cuda"], "lease_ttl_ms": 30000, "kinds": ["k"], "namespace": "tenant",
		"attempt_timeout_ms": 60000, "max_wait_ms": 1500
	}`)
	requireRoundTrip(t, messages.ClaimPolicy{MaxWait: time.Second},
		`{"worker_id":"","worker_instance_id":"","lease_ttl_ms":0,"max_wait_ms":1000}`)

	held := messages.Handle{Backend: messages.BackendSqlite, Kind: messages.HandleFresh, Opaque: "\x02"}
	const heldJSON = `"handle":{"backend":"Sqlite","kind":"Fresh","opaque":[2]}`
	requireRoundTrip(t, messages.RenewArgs{Handle: held}, `{`+heldJSON+`}`)
	requireRoundTrip(t,
		messages.ProgressArgs{Handle: held, Percent: pointer(uint8(0)), Message: pointer("")},
		`{`+heldJSON+`,"percent":0,"message":""}`)
	requireRoundTrip(t, messages.CompleteArgs{Handle: held}, `{`+heldJSON+`}`)
	requireRoundTrip(t, messages.CompleteArgs{Handle: held, Payload: []byte{}}, `{`+heldJSON+`,"payload":[]}`)
	requireRoundTrip(t,
		messages.FailArgs{
			Handle: held, Class: messages.FailurePermanent,
			Reason: messages.FailureReason{Message: "m", Detail: []byte{7}},
		},
		`{`+heldJSON+`,"class":"permanent","reason":{"message":"m","detail":[7]}}`)
	requireRoundTrip(t, messages.CancelArgs{Handle: held, Reason: "r"}, `{`+heldJSON+`,"reason":"r"}`)
	requireRoundTrip(t, messages.DelayArgs{Handle: held, DelayUntil: 9}, `{`+heldJSON+`,"delay_until":9}`)
	requireRoundTrip(t, messages.WaitChildrenArgs{Handle: held}, `{`+heldJSON+`}`)

	requireRoundTrip(t,
		messages.CancelExecutionArgs{
			ExecutionID: executionID(t, idA), Source: "billing_job", LeaseID: uuid(t, uuidB),
			LeaseEpoch: pointer(messages.LeaseEpoch(0)), AttemptID: uuid(t, uuidC), Now: 9,
		},
		`{"execution_id":"`+idA+`","reason":"","source":"billing_job","lease_id":"`+uuidB+
			`","lease_epoch":0,"attempt_id":"`+uuidC+`","now":9}`)
	requireRoundTrip(t,
		messages.ChangePriorityArgs{ExecutionID: executionID(t, idA), NewPriority: -5, LaneID: "l", Now: 9},
		`{"execution_id":"`+idA+`","new_priority":-5,"lane_id":"l","now":9}`)
	requireRoundTrip(t, messages.ReplayExecutionArgs{ExecutionID: executionID(t, idA)}, `{"execution_id":"`+idA+`"}`)
	requireRoundTrip(t,
		messages.RevokeLeaseArgs{
			ExecutionID: executionID(t, idA), ExpectedLeaseID: uuid(t, uuidB), WorkerInstanceID: "w-1", Reason: "r",
		},
		`{"execution_id":"`+idA+`","expected_lease_id":"`+uuidB+`","worker_instance_id":"w-1","reason":"r"}`)
	requireRoundTrip(t, messages.RevokeLeaseArgs{ExecutionID: executionID(t, idA)},
		`{"execution_id":"`+idA+`","reason":""}`)
	flow := messages.FlowID(uuid(t, uuidB))
	requireRoundTrip(t,
		messages.CancelFlowArgs{FlowID: flow, Policy: messages.CancelFlowOnly, Wait: messages.WaitTimeout(0)},
		`{"flow_id":"`+uuidB+`","policy":"cancel_flow_only","wait":{"kind":"wait_timeout","timeout_ms":0}}`)
	requireRoundTrip(t,
		messages.CancelFlowHeaderArgs{FlowID: flow, Reason: "r", CancellationPolicy: messages.CancelAll, Now: 9},
		`{"flow_id":"`+uuidB+`","reason":"r","cancellation_policy":"cancel_all","now":9}`)
	requireRoundTrip(t,
		messages.CancelFlowRequestArgs{
			FlowID: flow, Reason: "r", CancellationPolicy: messages.CancelAll, Wait: true, Now: 9,
		},
		`{"flow_id":"`+uuidB+`","reason":"r","cancellation_policy":"cancel_all","wait":true,"now":9}`)
	requireRoundTrip(t, messages.AckCancelMemberArgs{FlowID: flow, ExecutionID: executionID(t, idA)},
		`{"flow_id":"`+uuidB+`","execution_id":"`+idA+`"}`)
	requireRoundTrip(t, messages.ProjectFlowSummaryArgs{FlowID: flow, Now: 9}, `{"flow_id":"`+uuidB+`","now":9}`)
	requireRoundTrip(t, messages.WaitIndefinite(), `{"kind":"wait_indefinite"}`)
	requireRoundTrip(t, messages.ListFlowsArgs{Partition: "{fp:0}", Cursor: &flow, Limit: 2},
		`{"partition":"{fp:0}","cursor":"`+uuidB+`","limit":2}`)
	requireRoundTrip(t, messages.ListEdgesArgs{FlowID: flow, Direction: messages.Outgoing(executionID(t, idA))},
		`{"flow_id":"`+uuidB+`","direction":{"outgoing":true,"node":"`+idA+`"}}`)
	requireRoundTrip(t, messages.DescribeEdgeArgs{FlowID: flow, EdgeID: uuid(t, uuidC)},
		`{"flow_id":"`+uuidB+`","edge_id":"`+uuidC+`"}`)
	requireRoundTrip(t, messages.ResolveExecutionFlowIDArgs{ExecutionID: executionID(t, idA)},
		`{"execution_id":"`+idA+`"}`)
	requireRoundTrip(t, messages.WaitForFlowCancellationArgs{FlowID: flow, Deadline: time.Second},
		`{"flow_id":"`+uuidB+`","deadline_ms":1000}`)
	requireRoundTrip(t,
		messages.ListExecutionsArgs{
			Partition: "{fp:1}", Cursor: pointer(executionID(t, idC)), Limit: 1,
			Filter: messages.ExecutionFilter{
				Namespace: "n", LaneID: "l", PublicState: messages.PublicActive, ExecutionKind: "k", FlowID: flow,
				Tags: map[string]string{"a.b": "c"},
			},
		},
		`{"partition":"{fp:1}","cursor":"`+idC+`","limit":1,"filter":{"namespace":"n","lane_id":"l",
			"public_state":"active","execution_kind":"k","flow_id":"`+uuidB+`","tags":{"a.b":"c"}}}`)
}

func TestGroupArgs_JSON(t *testing.T) {
	flow, down := messages.FlowID(uuid(t, uuidB)), executionID(t, idC)
	const group = `"flow_id":"` + uuidB + `","downstream_execution_id":"` + idC + `"`
	requireRoundTrip(t,
		messages.SetEdgeGroupPolicyArgs{
			FlowID: flow, DownstreamExecutionID: down,
			Policy: messages.EdgeDependencyPolicy{Kind: messages.Quorum, K: 2, OnSatisfied: messages.LetRun},
		},
		`{`+group+`,"policy":{"kind":"quorum","k":2,"on_satisfied":"let_run"}}`)
	requireRoundTrip(t, messages.DrainSiblingCancelGroupArgs{FlowID: flow, DownstreamExecutionID: down}, `{`+group+`}`)
	requireRoundTrip(t, messages.ReconcileSiblingCancelGroupArgs{FlowID: flow, DownstreamExecutionID: down}, `{`+group+`}`)

	requireRoundTrip(t, messages.SetEdgeGroupPolicyResult{Outcome: messages.SetPolicySet}, `"Set"`)
	requireRoundTrip(t, messages.SetEdgeGroupPolicyResult{Outcome: messages.SetPolicyAlreadySet}, `"AlreadySet"`)
	requireRoundTrip(t,
		messages.DrainSiblingCancelGroupResult{Outcome: messages.DrainDrained, Cancelled: 2, AlreadyTerminal: 1},
		`{"Drained":{"cancelled":2,"already_terminal":1,"not_found":0}}`)
	requireRoundTrip(t, messages.DrainSiblingCancelGroupResult{Outcome: messages.DrainDrainedSansGroup},
		`{"DrainedSansGroup":{"cancelled":0,"already_terminal":0,"not_found":0}}`)
	requireRoundTrip(t, messages.ReconcileCompletedDrain, `"completed_drain"`)
}

func TestDependencyArgs_JSON(t *testing.T) {
	flow, up, down := messages.FlowID(uuid(t, uuidB)), executionID(t, idA), executionID(t, idC)
	const edge = `"flow_id":"` + uuidB + `","edge_id":"` + uuidC + `","upstream_execution_id":"` + idA +
		`","downstream_execution_id":"` + idC + `"`
	resolve := messages.ResolveDependencyArgs{
		FlowID: flow, EdgeID: uuid(t, uuidC), UpstreamExecutionID: up, DownstreamExecutionID: down,
		UpstreamOutcome: messages.CompletionSkipped,
	}
	requireRoundTrip(t, resolve, `{`+edge+`,"upstream_outcome":"skipped"}`)
	resolve.Partition = &messages.Partition{Family: messages.PartitionFlow, Index: 3}
	resolve.LaneID, resolve.CurrentAttemptIndex, resolve.Now = "default", 2, 7
	requireRoundTrip(t, resolve, `{`+edge+`,"upstream_outcome":"skipped","partition":{"family":"flow","index":3},
		"lane_id":"default","current_attempt_index":2,"now":7}`)

	requireRoundTrip(t, messages.CompletionPayload{ExecutionID: up}, `{"execution_id":"`+idA+`"}`)
	requireRoundTrip(t,
		messages.CompletionPayload{
			ExecutionID: up, Outcome: "success", PayloadBytes: []byte{1, 255}, ProducedAt: 5, FlowID: &flow,
		},
		`{"execution_id":"`+idA+`","outcome":"success","payload_bytes":[1,255],"produced_at":5,"flow_id":"`+uuidB+`"}`)
	requireRoundTrip(t, messages.EvaluateFlowEligibilityArgs{ExecutionID: up}, `{"execution_id":"`+idA+`"}`)

	requireRoundTrip(t,
		messages.ResolveDependencyOutcome{
			Outcome: messages.ResolveImpossible, GroupState: messages.EdgeGroupImpossible, ChildSkipped: true,
		},
		`{"Impossible":{"group_state":"impossible","child_skipped":true,"data_injected":false}}`)
	requireRoundTrip(t,
		messages.ResolveDependencyOutcome{Outcome: messages.ResolveAlreadyResolved, GroupState: messages.EdgeGroupPending},
		`{"AlreadyResolved":{"group_state":"pending","child_skipped":false,"data_injected":false}}`)
	requireRoundTrip(t, messages.CascadeOutcome{Resolved: 2, CascadedChildren: 1, Synchronous: true},
		`{"resolved":2,"cascaded_children":1,"synchronous":true}`)
	requireRoundTrip(t, messages.EvaluateFlowEligibilityResult{Status: messages.EligibilityEligible},
		`{"status":"eligible"}`)
}

func TestArgs_MalformedJSON(t *testing.T) {
	for _, test := range []struct {
		into any
		text string
	}{
		{new(messages.CreateExecutionArgs), `{"execution_id":"` + uuidA + `"}`},
		{new(messages.CreateExecutionArgs), `{"input_payload":[1,-1]}`},
		{new(messages.CreateExecutionArgs), `{"lane_id":"bad\nlane"}`},
		{new(messages.CreateExecutionArgs), `{"policy":{"retry_policy":7}}`},
		{new(messages.ClaimNextArgs), `{"lease_ttl_ms":"1s"}`},
		{new(messages.ClaimNextArgs), `{"lease_ttl_ms":9223372036854775808}`},
		{new(messages.ClaimWaitArgs), `{"max_wait_ms":1.5}`},
		{new(messages.CompleteArgs), `{"payload":{}}`},
		{new(messages.FailArgs), `{"reason":{"detail":[999]}}`},
		{new(messages.CancelExecutionArgs), `{"lease_epoch":-1}`},
		{new(messages.StageDependencyEdgeArgs), `{"edge_id":"x"}`},
		{new(messages.CancelFlowArgs), `{"wait":7}`},
		{new(messages.CompletionPayload), `{"payload_bytes":[256]}`},
	} {
		require.Error(t, json.Unmarshal([]byte(test.text), test.into), test.text)
	}
}
