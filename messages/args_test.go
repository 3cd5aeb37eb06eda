package messages_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestMessage_Methods(t *testing.T) {
	mutations := map[string]messages.Mutation{
		"create_execution":          messages.CreateExecutionArgs{},
		"claim":                     messages.ClaimArgs{},
		"claim_next":                messages.ClaimNextArgs{},
		"claim_wait":                messages.ClaimWaitArgs{},
		"renew":                     messages.RenewArgs{},
		"progress":                  messages.ProgressArgs{},
		"complete":                  messages.CompleteArgs{},
		"fail":                      messages.FailArgs{},
		"cancel":                    messages.CancelArgs{},
		"cancel_execution":          messages.CancelExecutionArgs{},
		"change_priority":           messages.ChangePriorityArgs{},
		"replay_execution":          messages.ReplayExecutionArgs{},
		"revoke_lease":              messages.RevokeLeaseArgs{},
		"create_flow":               messages.CreateFlowArgs{},
		"add_execution_to_flow":     messages.AddExecutionToFlowArgs{},
		"stage_dependency_edge":     messages.StageDependencyEdgeArgs{},
		"apply_dependency_to_child": messages.ApplyDependencyToChildArgs{},
		"cancel_flow":               messages.CancelFlowArgs{},
		"cancel_flow_header":        messages.CancelFlowHeaderArgs{},
		"project_flow_summary":      messages.ProjectFlowSummaryArgs{},
		"ack_cancel_member":         messages.AckCancelMemberArgs{},

		"set_edge_group_policy":          messages.SetEdgeGroupPolicyArgs{},
		"resolve_dependency":             messages.ResolveDependencyArgs{},
		"cascade_completion":             messages.CompletionPayload{},
		"drain_sibling_cancel_group":     messages.DrainSiblingCancelGroupArgs{},
		"reconcile_sibling_cancel_group": messages.ReconcileSiblingCancelGroupArgs{},
		"submit_flow":                    messages.SubmitFlowArgs{},
		"batch":                          messages.BatchArgs{},

		"append_frame":              messages.AppendFrameArgs{},
		"promote_delayed":           messages.PromoteDelayedArgs{},
		"expire_execution":          messages.ExpireExecutionArgs{},
		"mark_lease_expired_if_due": messages.MarkLeaseExpiredIfDueArgs{},
		"trim_retention":            messages.TrimRetentionArgs{},
	}
	reads := map[string]messages.Message{
		"cancel_flow_request":        messages.CancelFlowRequestArgs{}, // It is several mutations.
		"describe_execution":         messages.DescribeExecutionArgs{},
		"describe_flow":              messages.DescribeFlowArgs{},
		"list_flows":                 messages.ListFlowsArgs{},
		"list_edges":                 messages.ListEdgesArgs{},
		"describe_edge":              messages.DescribeEdgeArgs{},
		"resolve_execution_flow_id":  messages.ResolveExecutionFlowIDArgs{},
		"read_execution_state":       messages.ReadExecutionStateArgs{},
		"get_execution_result":       messages.GetExecutionResultArgs{},
		"list_executions":            messages.ListExecutionsArgs{},
		"evaluate_flow_eligibility":  messages.EvaluateFlowEligibilityArgs{},
		"read_stream":                messages.ReadStreamArgs{},
		"tail_stream":                messages.TailStreamArgs{},
		"read_summary":               messages.ReadSummaryArgs{},
		"ping":                       messages.PingArgs{},
		"server_time_ms":             messages.ServerTimeMsArgs{},
		"wait_for_flow_cancellation": messages.WaitForFlowCancellationArgs{},
		"wait_cascade_idle":          messages.WaitCascadeIdleArgs{},
		"subscribe_completion":       messages.SubscribeCompletionArgs{},
		"subscribe_lease_history":    messages.SubscribeLeaseHistoryArgs{},
		"start_scanners":             messages.StartScannersArgs{},
		"stop_scanners":              messages.StopScannersArgs{},
		"list_expired_leases":        messages.ListExpiredLeasesArgs{},
		"run_scanner_tick":           messages.RunScannerTickArgs{},
		"shutdown_prepare":           messages.ShutdownPrepareArgs{},
	}
	for method, mutation := range mutations {
		require.Equal(t, method, mutation.Method())
		require.Implements(t, (*messages.Validator)(nil), mutation)
	}
	for method, read := range reads {
		require.Equal(t, method, read.Method())
		require.Implements(t, (*messages.Validator)(nil), read)
		_, isMutation := read.(messages.Mutation)
		require.False(t, isMutation, method)
	}
}

// invalid is one way to spoil arguments that are fine, with the detail that it leads to.
type invalid[A messages.Validator] struct {
	detail string
	spoil  func(*A)
}

// requireDetails expects each case to be refused as invalid_input.
func requireDetails[A messages.Validator](t *testing.T, fine func() A, cases []invalid[A]) {
	t.Helper()
	require.NoError(t, fine().Validate())
	for _, test := range cases {
		args := fine()
		test.spoil(&args)
		requireInvalid(t, args.Validate(), messages.CodeInvalidInput, test.detail)
	}
}

func TestCreateExecutionArgs_Validate(t *testing.T) {
	type args = messages.CreateExecutionArgs
	long := strings.Repeat("k", 257)
	requireDetails(t, func() args { return createArgs(t) }, []invalid[args]{
		{"execution_id: must not be empty", func(a *args) { a.ExecutionID = messages.ExecutionID{} }},
		{"namespace: must not be empty", func(a *args) { a.Namespace = "" }},
		{"lane_id is empty", func(a *args) { a.LaneID = "" }},
		{"execution_kind: exceeds 256 bytes (got 257)", func(a *args) { a.ExecutionKind = long }},
		{"execution_kind: must not contain control characters", func(a *args) { a.ExecutionKind = "a\n" }},
		{"payload_encoding: must be valid UTF-8", func(a *args) { a.PayloadEncoding = "\xff" }},
		{"creator_identity: must be valid UTF-8", func(a *args) { a.CreatorIdentity = "\xff" }},
		{"idempotency_key: must be valid UTF-8", func(a *args) { a.IdempotencyKey = "\xff" }},
		{"tags: must be valid UTF-8", func(a *args) { a.Tags = map[string]string{"a.b": "\xff"} }},
		{
			"dedup_window_ms: must not be negative",
			func(a *args) { a.Policy = &messages.ExecutionPolicy{DedupWindow: -1} },
		},
	})
}

func TestSpec01_S15_PartitionMustMatch(t *testing.T) {
	args := createArgs(t)
	for _, partition := range []uint16{0, 24} {
		args.PartitionID = partition
		require.NoError(t, args.Validate())
	}
	args.PartitionID = 3
	requireInvalid(t, args.Validate(), messages.CodeInvalidInput,
		"partition_id: does not match execution_id (id=24, arg=3)")
}

func TestCreateExecutionArgs_FirstBadTagIsReported(t *testing.T) {
	args := createArgs(t)
	args.Tags = map[string]string{"z": "", "a": "", "m.ok": "", "q": ""}
	require.ErrorContains(t, args.Validate(), `invalid tag key: "a"`)
}

func TestClaimArgs_Validate(t *testing.T) {
	type args = messages.ClaimArgs
	fine := func() args {
		return args{LaneID: "default", Policy: messages.ClaimPolicy{
			WorkerID: "pool", WorkerInstanceID: "pool-1", LeaseTTL: time.Nanosecond,
		}}
	}
	requireDetails(t, fine, []invalid[args]{
		{"lane_id exceeds 64 bytes (got 65)", func(a *args) { a.LaneID = messages.LaneID(strings.Repeat("a", 65)) }},
		{"worker_id: must not be empty", func(a *args) { a.Policy.WorkerID = "" }},
		{"worker_instance_id: must not be empty", func(a *args) { a.Policy.WorkerInstanceID = "" }},
		{"lease_ttl_ms: must be > 0", func(a *args) { a.Policy.LeaseTTL = 0 }},
		{"lease_ttl_ms: must be > 0", func(a *args) { a.Policy.LeaseTTL = -time.Second }},
		{"max_wait_ms: must not be negative", func(a *args) { a.Policy.MaxWait = -1 }},
	})
	spoilt := fine()
	spoilt.Capabilities = messages.CapabilitySet{"a,b"}
	require.ErrorIs(t, spoilt.Validate(), messages.ErrInvalidCapabilities)
}

func TestClaimNextArgs_Validate(t *testing.T) {
	type args = messages.ClaimNextArgs
	requireDetails(t, claimNextArgs, []invalid[args]{
		{"lanes: must not be empty", func(a *args) { a.Lanes = nil }},
		{"lanes: more than 64 (65)", func(a *args) { a.Lanes = make([]messages.LaneID, 65) }},
		{"lane_id is empty", func(a *args) { a.Lanes = []messages.LaneID{"a", ""} }},
		{`lanes: "a" is named twice`, func(a *args) { a.Lanes = []messages.LaneID{"a", "b", "a"} }},
		{"worker_id: must not be empty", func(a *args) { a.WorkerID = "" }},
		{"worker_instance_id: must not be empty", func(a *args) { a.WorkerInstanceID = "" }},
		{"lease_ttl_ms: must be > 0", func(a *args) { a.LeaseTTL = 0 }},
		{"kinds: must not contain control characters", func(a *args) { a.Kinds = []string{"a", "b\n"} }},
		{"namespace: must not contain control characters", func(a *args) { a.Namespace = "a\n" }},
		{"attempt_timeout_ms: must not be negative", func(a *args) { a.AttemptTimeout = -1 }},
	})
	wait := messages.ClaimWaitArgs{ClaimNextArgs: claimNextArgs()}
	require.NoError(t, wait.Validate())
	wait.MaxWait = -1
	requireInvalid(t, wait.Validate(), messages.CodeInvalidInput, "max_wait_ms: must not be negative")
	wait.Lanes = nil
	requireInvalid(t, wait.Validate(), messages.CodeInvalidInput, "lanes: must not be empty")
}

func TestHandleArgs_Validate(t *testing.T) {
	good, foreign, suspended := handle(t), handle(t), handle(t)
	foreign.Backend = messages.BackendPostgres
	suspended.Kind = messages.HandleSuspended
	for name, build := range map[string]func(messages.Handle) messages.Validator{
		"renew":         func(h messages.Handle) messages.Validator { return messages.RenewArgs{Handle: h} },
		"progress":      func(h messages.Handle) messages.Validator { return messages.ProgressArgs{Handle: h} },
		"complete":      func(h messages.Handle) messages.Validator { return messages.CompleteArgs{Handle: h} },
		"fail":          func(h messages.Handle) messages.Validator { return messages.FailArgs{Handle: h} },
		"cancel":        func(h messages.Handle) messages.Validator { return messages.CancelArgs{Handle: h} },
		"delay":         func(h messages.Handle) messages.Validator { return messages.DelayArgs{Handle: h} },
		"wait_children": func(h messages.Handle) messages.Validator { return messages.WaitChildrenArgs{Handle: h} },

		"append": func(h messages.Handle) messages.Validator { return messages.AppendFrameArgs{Handle: h} },
	} {
		require.NoError(t, build(good).Validate(), name)
		require.ErrorIs(t, build(foreign).Validate(), messages.ErrHandleFromOtherBackend, name)
		require.ErrorIs(t, build(suspended).Validate(), messages.ErrLeaseConflict, name)
		require.ErrorIs(t, build(messages.Handle{Backend: messages.BackendSqlite}).Validate(),
			messages.ErrCorruption, name)
	}

	payload := referencePayload(t)
	payload.LeaseTTL = 0
	good.Opaque = messages.EncodeHandle(messages.BackendSqlite, payload)
	requireInvalid(t, messages.RenewArgs{Handle: good}.Validate(), messages.CodeInvalidInput, "lease_ttl_ms: must be > 0")

	good = handle(t)
	progress := messages.ProgressArgs{Handle: good, Percent: pointer(uint8(100)), Message: pointer("")}
	require.NoError(t, progress.Validate())
	progress.Percent = pointer(uint8(101))
	requireInvalid(t, progress.Validate(), messages.CodeInvalidInput, "percent: must be in 0..=100")
	progress = messages.ProgressArgs{Handle: good, Message: pointer("\xff")}
	requireInvalid(t, progress.Validate(), messages.CodeInvalidInput, "message: must be valid UTF-8")
	fail := messages.FailArgs{Handle: good, Reason: messages.FailureReason{Message: "\xff"}}
	requireInvalid(t, fail.Validate(), messages.CodeInvalidInput, "reason.message: must be valid UTF-8")
	cancel := messages.CancelArgs{Handle: good, Reason: "\xff"}
	requireInvalid(t, cancel.Validate(), messages.CodeInvalidInput, "reason: must be valid UTF-8")
}

func TestSpec01_S85_FenceIsAllOrNothing(t *testing.T) {
	args := messages.CancelExecutionArgs{ExecutionID: executionID(t, "{fp:0}:"+uuidA)}
	require.NoError(t, args.Validate())
	args.LeaseID = uuid(t, uuidB)
	requireInvalid(t, args.Validate(), messages.CodeInvalidInput, "partial_fence_triple")
	args.LeaseEpoch = pointer(messages.LeaseEpoch(1))
	requireInvalid(t, args.Validate(), messages.CodeInvalidInput, "partial_fence_triple")
	args.AttemptID = uuid(t, uuidC)
	require.NoError(t, args.Validate())
	args.LeaseEpoch = pointer(messages.LeaseEpoch(math.MaxUint64))
	requireInvalid(t, args.Validate(), messages.CodeInvalidInput,
		"lease_epoch: exceeds i64::MAX (18446744073709551615)")
	args.ExecutionID = messages.ExecutionID{}
	requireInvalid(t, args.Validate(), messages.CodeInvalidInput, "execution_id: must not be empty")
}

func TestFailureClass(t *testing.T) {
	for class, retryable := range map[messages.FailureClass]bool{
		messages.FailureTransient: true, messages.FailureInfraCrash: true, "": true, "of tomorrow": true,
		messages.FailurePermanent: false, messages.FailureTimeout: false, messages.FailureCancelled: false,
	} {
		require.Equal(t, retryable, class.Retryable(), class)
	}
	require.Equal(t, "transient", messages.FailureClass("").String())
	require.Equal(t, "permanent", messages.FailurePermanent.String())
}

func TestFlowArgs_Validate(t *testing.T) {
	flow := messages.FlowID(uuid(t, uuidB))
	up, down := executionID(t, "{fp:0}:"+uuidA), executionID(t, "{fp:0}:"+uuidC)

	type create = messages.CreateFlowArgs
	requireDetails(t, func() create { return create{FlowID: flow, Namespace: "tenant"} }, []invalid[create]{
		{"flow_id: must not be empty", func(a *create) { a.FlowID = messages.FlowID{} }},
		{"flow_kind: must not contain control characters", func(a *create) { a.FlowKind = "\x00" }},
		{"namespace: must not be empty", func(a *create) { a.Namespace = "" }},
	})

	type add = messages.AddExecutionToFlowArgs
	requireDetails(t, func() add { return add{ExecutionID: up} }, []invalid[add]{
		{"execution_id: must not be empty", func(a *add) { a.ExecutionID = messages.ExecutionID{} }},
	})

	type stage = messages.StageDependencyEdgeArgs
	fine := func() stage { return stage{FlowID: flow, UpstreamExecutionID: up, DownstreamExecutionID: down} }
	requireDetails(t, fine, []invalid[stage]{
		{
			"upstream_execution_id: must not be empty",
			func(a *stage) { a.UpstreamExecutionID = messages.ExecutionID{} },
		},
		{
			"downstream_execution_id: must not be empty",
			func(a *stage) { a.DownstreamExecutionID = messages.ExecutionID{} },
		},
		{"dependency_kind: must be valid UTF-8", func(a *stage) { a.DependencyKind = "\xff" }},
		{"data_passing_ref: must be valid UTF-8", func(a *stage) { a.DataPassingRef = "\xff" }},
		{
			"expected_graph_revision: exceeds i64::MAX (9223372036854775808)",
			func(a *stage) { a.ExpectedGraphRevision = 1 << 63 },
		},
	})
	self := fine()
	self.DownstreamExecutionID = up
	require.ErrorIs(t, self.Validate(), messages.ErrSelfReferencingEdge)
	require.ErrorIs(t, stage{}.Validate(), messages.ErrSelfReferencingEdge)

	type apply = messages.ApplyDependencyToChildArgs
	requireDetails(t, func() apply { return apply{UpstreamExecutionID: up, DownstreamExecutionID: down} }, []invalid[apply]{
		{
			"downstream_execution_id: must not be empty",
			func(a *apply) { a.DownstreamExecutionID = messages.ExecutionID{} },
		},
		{
			"upstream_execution_id: must not be empty",
			func(a *apply) { a.UpstreamExecutionID = messages.ExecutionID{} },
		},
	})
}

func TestDependencyArgs_Validate(t *testing.T) {
	up, down := executionID(t, "{fp:0}:"+uuidA), executionID(t, "{fp:0}:"+uuidC)
	type resolve = messages.ResolveDependencyArgs
	fine := func() resolve {
		return resolve{UpstreamExecutionID: up, DownstreamExecutionID: down, UpstreamOutcome: messages.CompletionExpired}
	}
	requireDetails(t, fine, []invalid[resolve]{
		{"downstream_execution_id: must not be empty", func(a *resolve) { a.DownstreamExecutionID = messages.ExecutionID{} }},
		{"upstream_execution_id: must not be empty", func(a *resolve) { a.UpstreamExecutionID = messages.ExecutionID{} }},
		{"upstream_outcome: unknown (resumable)", func(a *resolve) { a.UpstreamOutcome = messages.CompletionResumable }},
		{"upstream_outcome: unknown (failure)", func(a *resolve) { a.UpstreamOutcome = "failure" }},
		{"upstream_outcome: unknown ()", func(a *resolve) { a.UpstreamOutcome = "" }},
	})
	for _, args := range []messages.Validator{
		messages.CompletionPayload{ExecutionID: up}, messages.EvaluateFlowEligibilityArgs{ExecutionID: up},
	} {
		require.NoError(t, args.Validate())
	}
	for _, args := range []messages.Validator{messages.CompletionPayload{}, messages.EvaluateFlowEligibilityArgs{}} {
		requireInvalid(t, args.Validate(), messages.CodeInvalidInput, "execution_id: must not be empty")
	}
}

func TestGroupArgs_Validate(t *testing.T) {
	down := executionID(t, "{fp:0}:"+uuidC)
	type set = messages.SetEdgeGroupPolicyArgs
	requireDetails(t, func() set { return set{DownstreamExecutionID: down} }, []invalid[set]{
		{"downstream_execution_id: must not be empty", func(a *set) { a.DownstreamExecutionID = messages.ExecutionID{} }},
		{"quorum_k: must be >= 1", func(a *set) { *a = set{Policy: messages.EdgeDependencyPolicy{Kind: messages.Quorum}} }},
	})
	for _, args := range []messages.Validator{
		messages.DrainSiblingCancelGroupArgs{DownstreamExecutionID: down},
		messages.ReconcileSiblingCancelGroupArgs{DownstreamExecutionID: down},
	} {
		require.NoError(t, args.Validate())
	}
	for _, args := range []messages.Validator{
		messages.DrainSiblingCancelGroupArgs{}, messages.ReconcileSiblingCancelGroupArgs{},
	} {
		requireInvalid(t, args.Validate(), messages.CodeInvalidInput, "downstream_execution_id: must not be empty")
	}
}

func TestCancelFlowArgs_Validate(t *testing.T) {
	type cancel = messages.CancelFlowArgs
	requireDetails(t, func() cancel { return cancel{Policy: messages.CancelAll} }, []invalid[cancel]{
		{"cancellation_policy: everything", func(a *cancel) { a.Policy = "everything" }},
		{"cancellation_policy: ", func(a *cancel) { a.Policy = "" }},
		{"timeout_ms: must not be negative", func(a *cancel) { a.Wait = messages.WaitTimeout(-1) }},
		{`wait: unknown kind "x"`, func(a *cancel) { a.Wait.Kind = "x" }},
	})
	for _, test := range []struct {
		wait     messages.CancelFlowWait
		waits    bool
		deadline time.Duration
	}{
		{messages.NoWait(), false, 0},
		{messages.WaitTimeout(0), true, 0},
		{messages.WaitTimeout(time.Second), true, time.Second},
		{messages.WaitIndefinite(), true, 300 * time.Second},
	} {
		require.NoError(t, cancel{Policy: messages.CancelPending, Wait: test.wait}.Validate())
		require.Equal(t, test.waits, test.wait.Waits())
		require.Equal(t, test.deadline, test.wait.Deadline())
	}
}

func TestCancelFlowHeaderArgs_Validate(t *testing.T) {
	type header = messages.CancelFlowHeaderArgs
	requireDetails(t, func() header { return header{CancellationPolicy: messages.CancelPending} }, []invalid[header]{
		{"reason: must be valid UTF-8", func(a *header) { a.Reason = "\xff" }},
		{"cancellation_policy: everything", func(a *header) { a.CancellationPolicy = "everything" }},
	})
	type request = messages.CancelFlowRequestArgs
	requireDetails(t, func() request { return request{CancellationPolicy: messages.CancelAll} }, []invalid[request]{
		{"reason: must be valid UTF-8", func(a *request) { a.Reason = "\xff" }},
		{"cancellation_policy: ", func(a *request) { a.CancellationPolicy = "" }},
	})
	ack := messages.AckCancelMemberArgs{ExecutionID: executionID(t, "{fp:0}:"+uuidA)}
	require.NoError(t, ack.Validate())
	ack.ExecutionID = messages.ExecutionID{}
	requireInvalid(t, ack.Validate(), messages.CodeInvalidInput, "execution_id: must not be empty")
}

func TestOperatorArgs_Validate(t *testing.T) {
	id := executionID(t, "{fp:0}:"+uuidA)
	for _, args := range []messages.Validator{messages.ChangePriorityArgs{}, messages.ReplayExecutionArgs{}} {
		requireInvalid(t, args.Validate(), messages.CodeInvalidInput, "execution_id: must not be empty")
	}
	require.NoError(t, messages.ChangePriorityArgs{ExecutionID: id, NewPriority: -1}.Validate())
	require.NoError(t, messages.ReplayExecutionArgs{ExecutionID: id}.Validate())

	type revoke = messages.RevokeLeaseArgs
	requireDetails(t, func() revoke { return revoke{ExecutionID: id} }, []invalid[revoke]{
		{"execution_id: must not be empty", func(a *revoke) { a.ExecutionID = messages.ExecutionID{} }},
		{"worker_instance_id: must be valid UTF-8", func(a *revoke) { a.WorkerInstanceID = "\xff" }},
		{"reason: must be valid UTF-8", func(a *revoke) { a.Reason = "\xff" }},
	})
}

func TestReadArgs_Validate(t *testing.T) {
	id := executionID(t, "{fp:0}:"+uuidA)
	for _, args := range []messages.Validator{
		messages.DescribeExecutionArgs{ExecutionID: id},
		messages.ReadExecutionStateArgs{ExecutionID: id},
		messages.GetExecutionResultArgs{ExecutionID: id},
		messages.ReadSummaryArgs{ExecutionID: id},
		messages.DescribeFlowArgs{},
		messages.ListFlowsArgs{Partition: "{b:7}"},
		messages.ListEdgesArgs{Direction: messages.Outgoing(id)},
		messages.DescribeEdgeArgs{},
		messages.ResolveExecutionFlowIDArgs{ExecutionID: id},
		messages.PingArgs{},
		messages.ServerTimeMsArgs{},
		messages.WaitCascadeIdleArgs{},
		messages.WaitForFlowCancellationArgs{},
	} {
		require.NoError(t, args.Validate())
	}
	for _, args := range []messages.Validator{
		messages.DescribeExecutionArgs{},
		messages.ReadExecutionStateArgs{},
		messages.GetExecutionResultArgs{},
		messages.ResolveExecutionFlowIDArgs{},
		messages.ReadSummaryArgs{},
		messages.ReadStreamArgs{},
		messages.TailStreamArgs{},
	} {
		requireInvalid(t, args.Validate(), messages.CodeInvalidInput, "execution_id: must not be empty")
	}
	requireInvalid(t, messages.WaitForFlowCancellationArgs{Deadline: -1}.Validate(), messages.CodeInvalidInput,
		"deadline_ms: must not be negative")
	requireInvalid(t, messages.ListEdgesArgs{}.Validate(), messages.CodeInvalidInput, "node: must not be empty")
	requireInvalid(t, messages.ListFlowsArgs{Limit: -1}.Validate(), messages.CodeInvalidInput,
		"limit: must not be negative")
	requireInvalid(t, messages.ListFlowsArgs{Partition: "{x:0}"}.Validate(), messages.CodeInvalidInput,
		"partition_key: unknown partition family prefix 'x' (expected 'fp', 'b', 'q')")

	type list = messages.ListExecutionsArgs
	requireDetails(t, func() list { return list{Partition: "{fp:7}", Cursor: &id} }, []invalid[list]{
		{
			"partition_key: partition key must be wrapped in '{...}'",
			func(a *list) { a.Partition = "fp:7" },
		},
		{"cursor: must not be empty", func(a *list) { a.Cursor = new(messages.ExecutionID) }},
		{"namespace: must be valid UTF-8", func(a *list) { a.Filter.Namespace = "\xff" }},
		{"tags: must be valid UTF-8", func(a *list) { a.Filter.Tags = map[string]string{"a": "\xff"} }},
	})
}

func TestValidate_Allocations(t *testing.T) {
	create, claim := createArgs(t), claimNextArgs()
	create.ExecutionKind = "llm_call"
	create.Tags = map[string]string{"cairn.instance_id": "i-1", "app.user": "u"}
	create.Policy = messages.NewExecutionPolicy()
	create.Policy.RetryPolicy = messages.NewRetryPolicy()
	create.Policy.RoutingRequirements = &messages.RoutingRequirements{RequiredCapabilities: []string{"cuda", "gpu"}}
	complete := messages.CompleteArgs{Handle: handle(t), Payload: []byte("ok")}
	var err error
	require.Zero(t, testing.AllocsPerRun(100, func() { err = create.Validate() }))
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() { err = claim.Validate() }))
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() { err = complete.Validate() }))
	require.NoError(t, err)
}

func BenchmarkCreateExecutionArgs_Validate(b *testing.B) {
	args := createArgs(b)
	args.Tags = map[string]string{"cairn.instance_id": "i-1"}
	b.ReportAllocs()
	for b.Loop() {
		_ = args.Validate()
	}
}

func BenchmarkClaimNextArgs_Validate(b *testing.B) {
	args := claimNextArgs()
	b.ReportAllocs()
	for b.Loop() {
		_ = args.Validate()
	}
}
