package ffsqlite_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Bad input to the calls of workers, to flows, to reads and to subscriptions. What may not be created is in
// validation_test.go.

func TestSpec01_S17_Workers(t *testing.T) {
	e := open(t)
	e.created()
	var refusals []refusal
	for field, set := range map[string]func(*messages.ClaimNextArgs, string){
		"worker_id":          func(a *messages.ClaimNextArgs, s string) { a.WorkerID = messages.WorkerID(s) },
		"worker_instance_id": func(a *messages.ClaimNextArgs, s string) { a.WorkerInstanceID = messages.WorkerInstanceID(s) },
	} {
		for text, rule := range map[string]string{
			"": "must not be empty", long(257): "exceeds 256 bytes (got 257)", notUTF8: "must be valid UTF-8",
			"a b": "must not contain whitespace or control characters", "a\n": "must not contain whitespace or control characters",
		} {
			next := claimNextArgs()
			set(&next, text)
			detail := field + ": " + rule
			refusals = append(refusals,
				refusal{detail + ", claim", func() error {
					claim := claimArgs()
					claim.Policy.WorkerID, claim.Policy.WorkerInstanceID = next.WorkerID, next.WorkerInstanceID
					_, err := e.Claim(t.Context(), claim)
					return err
				}, messages.ErrInvalidInput, detail},
				refusal{detail + ", claim next", func() error {
					_, err := e.ClaimNext(t.Context(), next)
					return err
				}, messages.ErrInvalidInput, detail},
				refusal{detail + ", claim wait", func() error {
					_, err := e.ClaimWait(t.Context(), messages.ClaimWaitArgs{ClaimNextArgs: next})
					return err
				}, messages.ErrInvalidInput, detail})
		}
	}
	requireRefusals(t, e, refusals)

	next := claimNextArgs()
	next.WorkerID, next.WorkerInstanceID = messages.WorkerID(long(256)), messages.WorkerInstanceID(long(256))
	result, err := e.ClaimNext(t.Context(), next)
	require.NoError(t, err)
	require.Equal(t, messages.ClaimNextClaimed, result.Outcome)
}

func TestValidation_Claims(t *testing.T) {
	e := open(t)
	e.created()
	refused := func(detail string, change func(*messages.ClaimWaitArgs)) refusal {
		return refusal{detail, func() error {
			wait := messages.ClaimWaitArgs{ClaimNextArgs: claimNextArgs()}
			change(&wait)
			_, err := e.ClaimWait(t.Context(), wait)
			return err
		}, messages.ErrInvalidInput, detail}
	}
	many := make([]messages.LaneID, 65)
	requireRefusals(t, e, []refusal{
		refused("lanes: must not be empty", func(a *messages.ClaimWaitArgs) { a.Lanes = nil }),
		refused("lanes: more than 64 (65)", func(a *messages.ClaimWaitArgs) { a.Lanes = many }),
		refused(`lanes: "a" is named twice`, func(a *messages.ClaimWaitArgs) { a.Lanes = []messages.LaneID{"a", "b", "a"} }),
		refused("lane_id contains non-ASCII-printable byte at index 0", func(a *messages.ClaimWaitArgs) { a.Lanes[0] = "\tlane" }),
		refused("lease_ttl_ms: must be > 0", func(a *messages.ClaimWaitArgs) { a.LeaseTTL = 0 }),
		refused("max_wait_ms: must not be negative", func(a *messages.ClaimWaitArgs) { a.MaxWait = -1 }),
		refused("attempt_timeout_ms: must not be negative", func(a *messages.ClaimWaitArgs) { a.AttemptTimeout = -1 }),
		refused("kinds: exceeds 256 bytes (got 257)", func(a *messages.ClaimWaitArgs) { a.Kinds = []string{long(257)} }),
		refused("namespace: exceeds 256 bytes (got 257)",
			func(a *messages.ClaimWaitArgs) { a.Namespace = messages.Namespace(long(257)) }),
		invalid("claim without a lease", "lease_ttl_ms: must be > 0", func() error {
			claim := claimArgs()
			claim.Policy.LeaseTTL = -time.Second
			_, err := e.Claim(t.Context(), claim)
			return err
		}),
		invalid("claim with a negative wait", "max_wait_ms: must not be negative", func() error {
			claim := claimArgs()
			claim.Policy.MaxWait = -1
			_, err := e.Claim(t.Context(), claim)
			return err
		}),
	})
	next := claimNextArgsIn("a lane that nobody knows")
	result, err := e.ClaimNext(t.Context(), next)
	require.NoError(t, err)
	require.Equal(t, messages.ClaimNextNoWork, result.Outcome)
}

// TestSpec01_S22_Handles gives every call that takes a handle one that is not this engine's, or not whole.
func TestSpec01_S22_Handles(t *testing.T) {
	e := open(t)
	e.created()
	handle := e.claimed()
	payload := payloadOf(t, handle)
	size := len(handle.Opaque)
	ours := func(opaque messages.HandleOpaque) messages.Handle {
		return messages.Handle{Backend: messages.BackendSqlite, Kind: messages.HandleFresh, Opaque: opaque}
	}
	foreign, suspended := handle, handle
	foreign.Backend, suspended.Kind = messages.BackendValkey, messages.HandleSuspended
	var refusals []refusal
	for _, c := range []struct {
		name   string
		handle messages.Handle
		target error
		detail string
	}{
		{"of another backend", foreign, messages.ErrHandleFromOtherBackend, "expected=Sqlite actual=Valkey"},
		{
			"of another backend inside", ours(messages.EncodeHandle(messages.BackendPostgres, payload)),
			messages.ErrHandleFromOtherBackend, "expected=Sqlite actual=Postgres (embedded tag)",
		},
		{"empty", ours(""), messages.ErrCorruption, "truncated handle: needed 1 bytes at offset 0, have 0"},
		{"cut", ours(handle.Opaque[:100]), messages.ErrCorruption, "truncated handle: needed 36 bytes at offset 98, have 2"},
		{
			"with a byte too many", ours(handle.Opaque + "x"),
			messages.ErrCorruption, fmt.Sprintf("trailing bytes in handle: pos=%d, len=%d", size, size+1),
		},
		{"of an unknown version", ours("\x02\xff\x01"), messages.ErrCorruption, "handle v2 wire-version byte 0xff not recognised"},
		{"of an unknown backend", ours("\x02\x01\xfe"), messages.ErrCorruption, "handle backend-tag byte 0xfe not recognised"},
		{
			"of an unknown format", ours("\xab"),
			messages.ErrCorruption, "handle v1 version byte 0xab not recognised (expected 0x1)",
		},
		{"suspended", suspended, messages.ErrLeaseConflict, ""},
	} {
		if errors.Is(c.target, messages.ErrCorruption) {
			c.detail = "handle_codec: " + c.detail
		}
		for method, call := range map[string]func() error{
			"renew":    func() error { _, err := e.Renew(t.Context(), c.handle); return err },
			"progress": func() error { return e.Progress(t.Context(), messages.ProgressArgs{Handle: c.handle}) },
			"complete": func() error { return e.Complete(t.Context(), c.handle, nil) },
			"fail":     func() error { _, err := e.Fail(t.Context(), messages.FailArgs{Handle: c.handle}); return err },
			"cancel":   func() error { return e.Cancel(t.Context(), c.handle, "") },
			"delay":    func() error { return e.Delay(t.Context(), c.handle, 0) },
			"wait":     func() error { return e.WaitChildren(t.Context(), c.handle) },
		} {
			refusals = append(refusals, refusal{c.name + ", " + method, call, c.target, c.detail})
		}
	}
	requireRefusals(t, e, refusals)
	require.NoError(t, e.Complete(t.Context(), handle, nil))
}

func TestValidation_RunningAndEnding(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	payload := payloadOf(t, handle)
	epochOf := payload.LeaseEpoch
	cancel := func(change func(*messages.CancelExecutionArgs)) func() error {
		return func() error {
			args := messages.CancelExecutionArgs{ExecutionID: id}
			change(&args)
			_, err := e.CancelExecution(t.Context(), args)
			return err
		}
	}
	progress := func(percent *uint8, message *string) func() error {
		return func() error {
			return e.Progress(t.Context(), messages.ProgressArgs{Handle: handle, Percent: percent, Message: message})
		}
	}
	requireRefusals(t, e, []refusal{
		invalid("too many percent", "percent: must be in 0..=100", progress(new(uint8(101)), nil)),
		invalid("a message that is no text", "message: must be valid UTF-8", progress(nil, new(notUTF8))),
		invalid("a failure that is no text", "reason.message: must be valid UTF-8", func() error {
			_, err := e.Fail(t.Context(), messages.FailArgs{Handle: handle, Reason: messages.FailureReason{Message: notUTF8}})
			return err
		}),
		invalid("a class that is no text", "class: must be valid UTF-8", func() error {
			_, err := e.Fail(t.Context(), messages.FailArgs{Handle: handle, Class: notUTF8})
			return err
		}),
		invalid("a reason that is no text", "reason: must be valid UTF-8",
			func() error { return e.Cancel(t.Context(), handle, notUTF8) }),
		invalid("nobody to cancel", "execution_id: must not be empty",
			cancel(func(a *messages.CancelExecutionArgs) { a.ExecutionID = messages.ExecutionID{} })),
		invalid("a source that is no text", "source: must be valid UTF-8",
			cancel(func(a *messages.CancelExecutionArgs) { a.Source = notUTF8 })),
		invalid("a third of a fence", "partial_fence_triple",
			cancel(func(a *messages.CancelExecutionArgs) { a.LeaseID = payload.LeaseID })),
		invalid("two thirds of a fence", "partial_fence_triple", cancel(func(a *messages.CancelExecutionArgs) {
			a.LeaseEpoch, a.AttemptID = &epochOf, payload.AttemptID
		})),
		invalid("an epoch that cannot be stored", "lease_epoch: exceeds i64::MAX (18446744073709551615)",
			cancel(func(a *messages.CancelExecutionArgs) {
				a.LeaseID, a.AttemptID, a.LeaseEpoch = payload.LeaseID, payload.AttemptID, new(messages.LeaseEpoch(math.MaxUint64))
			})),
	})
	require.NoError(t, e.Complete(t.Context(), handle, nil))
}

func TestValidation_Operators(t *testing.T) {
	e := open(t)
	id := e.created()
	var nobody messages.ExecutionID
	revoke := func(args messages.RevokeLeaseArgs) func() error {
		return func() error { _, err := e.RevokeLease(t.Context(), args); return err }
	}
	requireRefusals(t, e, []refusal{
		invalid("the priority of nobody", "execution_id: must not be empty", func() error {
			_, err := e.ChangePriority(t.Context(), messages.ChangePriorityArgs{ExecutionID: nobody})
			return err
		}),
		invalid("replay nobody", "execution_id: must not be empty", func() error {
			_, err := e.ReplayExecution(t.Context(), messages.ReplayExecutionArgs{ExecutionID: nobody})
			return err
		}),
		invalid("the lease of nobody", "execution_id: must not be empty", revoke(messages.RevokeLeaseArgs{})),
		invalid("a worker that is no text", "worker_instance_id: must be valid UTF-8",
			revoke(messages.RevokeLeaseArgs{ExecutionID: id, WorkerInstanceID: notUTF8})),
		invalid("a reason that is no text", "reason: must be valid UTF-8",
			revoke(messages.RevokeLeaseArgs{ExecutionID: id, Reason: notUTF8})),
	})
}

func TestValidation_Flows(t *testing.T) {
	g := open(t).newFlow()
	upstream, downstream := g.member(), g.member()
	create := func(change func(*messages.CreateFlowArgs)) func() error {
		return func() error {
			args := messages.CreateFlowArgs{FlowID: messages.NewFlowID(), Namespace: namespace}
			change(&args)
			_, err := g.CreateFlow(t.Context(), args)
			return err
		}
	}
	stage := func(change func(*messages.StageDependencyEdgeArgs)) func() error {
		return func() error {
			args := g.stageArgs(upstream, downstream)
			change(&args)
			_, err := g.StageDependencyEdge(t.Context(), args)
			return err
		}
	}
	cancel := func(policy messages.CancelFlowPolicy, wait messages.CancelFlowWait) func() error {
		return func() error {
			_, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: policy, Wait: wait})
			return err
		}
	}
	var nobody messages.ExecutionID
	requireRefusals(t, g.engine, []refusal{
		invalid("no flow", "flow_id: must not be empty",
			create(func(a *messages.CreateFlowArgs) { a.FlowID = messages.FlowID{} })),
		invalid("a long kind", "flow_kind: exceeds 256 bytes (got 257)",
			create(func(a *messages.CreateFlowArgs) { a.FlowKind = long(257) })),
		invalid("no namespace", "namespace: must not be empty",
			create(func(a *messages.CreateFlowArgs) { a.Namespace = "" })),
		invalid("no member", "execution_id: must not be empty", func() error { return g.add(nobody) }),
		invalid("an edge from nowhere", "upstream_execution_id: must not be empty",
			stage(func(a *messages.StageDependencyEdgeArgs) { a.UpstreamExecutionID = nobody })),
		invalid("an edge to nowhere", "downstream_execution_id: must not be empty",
			stage(func(a *messages.StageDependencyEdgeArgs) { a.DownstreamExecutionID = nobody })),
		{
			"an edge to itself", stage(func(a *messages.StageDependencyEdgeArgs) { a.DownstreamExecutionID = upstream }),
			messages.ErrSelfReferencingEdge, "self_referencing_edge",
		},
		invalid("a revision that cannot be stored", "expected_graph_revision: exceeds i64::MAX (18446744073709551615)",
			stage(func(a *messages.StageDependencyEdgeArgs) { a.ExpectedGraphRevision = math.MaxUint64 })),
		invalid("a reference that is no text", "data_passing_ref: must be valid UTF-8",
			stage(func(a *messages.StageDependencyEdgeArgs) { a.DataPassingRef = notUTF8 })),
		invalid("an edge that is applied to nobody", "downstream_execution_id: must not be empty", func() error {
			_, err := g.ApplyDependencyToChild(t.Context(), messages.ApplyDependencyToChildArgs{FlowID: g.flow})
			return err
		}),
		invalid("an unknown policy", "cancellation_policy: cancel_some", cancel("cancel_some", messages.NoWait())),
		invalid("a negative wait", "timeout_ms: must not be negative",
			cancel(messages.CancelAll, messages.WaitTimeout(-1))),
		invalid("an unknown wait", `wait: unknown kind "for_ever"`,
			cancel(messages.CancelAll, messages.CancelFlowWait{Kind: "for_ever"})),
		invalid("a reason that is no text", "reason: must be valid UTF-8", func() error {
			_, err := g.CancelFlowHeader(t.Context(), g.headerArgs(notUTF8, messages.CancelAll))
			return err
		}),
		invalid("a policy of no name", "cancellation_policy: ", func() error {
			_, err := g.CancelFlowHeader(t.Context(), g.headerArgs("", ""))
			return err
		}),
		invalid("a request with an unknown policy", "cancellation_policy: all", func() error {
			_, err := g.CancelFlowRequest(t.Context(), g.requestArgs("all", true))
			return err
		}),
		invalid("acknowledge nobody", "execution_id: must not be empty",
			func() error { return g.AckCancelMember(t.Context(), g.flow, nobody) }),
		invalid("a negative deadline", "deadline_ms: must not be negative",
			func() error { return g.WaitForFlowCancellation(t.Context(), g.flow, -1) }),
	})
}

func TestValidation_ReadsAndSubscriptions(t *testing.T) {
	e := open(t)
	list := func(args messages.ListExecutionsArgs) func() error {
		return func() error { _, err := e.ListExecutions(t.Context(), args); return err }
	}
	subscribe := func(filter messages.ScannerFilter) func() error {
		return func() error { _, err := e.SubscribeCompletion(t.Context(), nil, filter); return err }
	}
	var nobody messages.ExecutionID
	requireRefusals(t, e, []refusal{
		invalid("describe nobody", "execution_id: must not be empty",
			func() error { _, err := e.DescribeExecution(t.Context(), nobody); return err }),
		invalid("the state of nobody", "execution_id: must not be empty",
			func() error { _, err := e.ReadExecutionState(t.Context(), nobody); return err }),
		invalid("the result of nobody", "execution_id: must not be empty",
			func() error { _, _, err := e.GetExecutionResult(t.Context(), nobody); return err }),
		invalid("the flow of nobody", "execution_id: must not be empty",
			func() error { _, err := e.ResolveExecutionFlowID(t.Context(), nobody); return err }),
		invalid("the edges of nobody", "node: must not be empty",
			func() error {
				_, err := e.ListEdges(t.Context(), messages.NewFlowID(), messages.Incoming(nobody))
				return err
			}),
		invalid("fewer flows than none", "limit: must not be negative",
			func() error { _, err := e.ListFlows(t.Context(), messages.ListFlowsArgs{Limit: -1}); return err }),
		invalid("a cursor at nobody", "cursor: must not be empty",
			list(messages.ListExecutionsArgs{Cursor: &nobody})),
		invalid("a filter that is no text", "lane_id: must be valid UTF-8",
			list(messages.ListExecutionsArgs{Filter: messages.ExecutionFilter{LaneID: notUTF8}})),
		invalid("subscribe to what is no text", "namespace: must be valid UTF-8",
			subscribe(messages.ScannerFilter{}.WithNamespace(notUTF8))),
		invalid("subscribe to a tag that is no text", "instance_tag.value: must be valid UTF-8",
			subscribe(messages.ScannerFilter{}.WithInstanceTag("app.team", notUTF8))),
	})
	err := list(messages.ListExecutionsArgs{Partition: "fp:0"})()
	require.ErrorIs(t, err, messages.ErrInvalidInput)
	require.ErrorContains(t, err, "partition_key: ")
}
