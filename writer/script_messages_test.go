package writer_test

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// What a script sends: messages of every kind, about the executions, flows, edges and leases that it has seen, and once in
// a while about others.

// message is the next message of the tape, nil when it is about something that is not there.
func (s *script) message() messages.Mutation {
	switch s.tape.next(40) {
	case 35:
		return messages.SetExecutionTagArgs{ExecutionID: s.known(s.created), Key: "a.b", Value: s.kind()}
	case 36:
		return messages.SetFlowTagArgs{FlowID: s.flow(), Key: "a.b", Value: s.kind()}
	case 37:
		return messages.PromoteDelayedArgs{ExecutionID: s.known(s.created)}
	case 38:
		return messages.ExpireExecutionArgs{
			ExecutionID: s.known(s.created),
			Phase:       []messages.ExpirePhase{messages.ExpireAttemptTimeout, messages.ExpireExecutionDeadline}[s.tape.next(2)],
		}
	case 39:
		return messages.MarkLeaseExpiredIfDueArgs{ExecutionID: s.known(s.created)}
	case 0, 1, 2, 21, 23:
		return s.create()
	case 3, 4, 5:
		return s.claimNext()
	case 6, 22:
		return messages.ClaimWaitArgs{ClaimNextArgs: s.claimNext()}
	case 7:
		return messages.ClaimArgs{LaneID: s.lane(), Capabilities: s.capabilities(), Policy: messages.ClaimPolicy{
			WorkerID: "w", WorkerInstanceID: "w-0", LeaseTTL: s.ttl(),
		}}
	case 8, 9, 10, 11, 12:
		if len(s.handles) > 0 {
			// The latest handles are the likeliest to be good.
			return s.held(s.handles[len(s.handles)-1-min(s.tape.next(6), len(s.handles)-1)])
		}
	case 13:
		cancel := messages.CancelExecutionArgs{ExecutionID: s.known(s.created), Reason: "enough"}
		if s.tape.flip(2) {
			cancel.Source = messages.SourceOperatorOverride
		}
		return cancel
	case 14:
		return messages.CreateFlowArgs{FlowID: s.flow(), FlowKind: "dag", Namespace: "default"}
	case 15, 16, 24:
		return messages.AddExecutionToFlowArgs{FlowID: s.flow(), ExecutionID: s.known(s.created)}
	case 17, 18, 25:
		return s.stage(s.flow())
	case 19, 26, 27:
		if len(s.edges) > 0 {
			return s.edges[len(s.edges)-1-min(s.tape.next(4), len(s.edges)-1)]
		}
	case 20:
		policies := []messages.CancelFlowPolicy{messages.CancelFlowOnly, messages.CancelPending, messages.CancelAll}
		cancel := messages.CancelFlowArgs{FlowID: s.flow(), Policy: policies[s.tape.next(len(policies))]}
		if s.tape.flip(2) {
			cancel.FlowID = graph(s.graphs)
		}
		if s.tape.flip(2) {
			return messages.CancelFlowHeaderArgs{FlowID: cancel.FlowID, Reason: "enough", CancellationPolicy: cancel.Policy}
		}
		return cancel
	case 28:
		return messages.ChangePriorityArgs{ExecutionID: s.known(s.created), NewPriority: int32(s.tape.next(3))}
	case 29, 30:
		return messages.ReplayExecutionArgs{ExecutionID: s.known(s.created)}
	case 31:
		return messages.RevokeLeaseArgs{ExecutionID: s.known(s.created), Reason: "enough"}
	case 32:
		if len(s.edges) > 0 {
			edge := s.edges[len(s.edges)-1-min(s.tape.next(4), len(s.edges)-1)]
			if s.tape.flip(3) {
				return messages.CompletionPayload{ExecutionID: edge.UpstreamExecutionID}
			}
			if s.tape.flip(3) {
				return s.resolve(edge)
			}
			if s.tape.flip(2) {
				return messages.ReconcileSiblingCancelGroupArgs{
					FlowID: edge.FlowID, DownstreamExecutionID: edge.DownstreamExecutionID,
				}
			}
			return messages.DrainSiblingCancelGroupArgs{FlowID: edge.FlowID, DownstreamExecutionID: edge.DownstreamExecutionID}
		}
	case 33:
		return messages.SetEdgeGroupPolicyArgs{
			FlowID: s.flow(), DownstreamExecutionID: s.known(s.created), Policy: s.policy(3),
		}
	case 34:
		ack := messages.AckCancelMemberArgs{FlowID: s.flow(), ExecutionID: s.known(s.created)}
		if s.tape.flip(2) {
			ack.FlowID = graph(s.graphs)
		}
		return ack
	}
	return nil
}

func (s *script) resolve(edge messages.ApplyDependencyToChildArgs) messages.Mutation {
	return messages.ResolveDependencyArgs{
		FlowID: edge.FlowID, EdgeID: edge.EdgeID, UpstreamExecutionID: edge.UpstreamExecutionID,
		DownstreamExecutionID: edge.DownstreamExecutionID, UpstreamOutcome: []messages.CompletionOutcome{
			messages.CompletionSuccess, messages.CompletionSkipped, messages.CompletionExpired,
		}[s.tape.next(3)],
	}
}

// policy is one for a group of about n edges.
func (s *script) policy(n int) messages.EdgeDependencyPolicy {
	policy := messages.EdgeDependencyPolicy{Kind: []messages.EdgePolicyKind{
		messages.AllOf, messages.AnyOf, messages.Quorum,
	}[s.tape.next(3)], K: uint32(1 + s.tape.next(n))}
	if s.tape.flip(2) {
		policy.OnSatisfied = messages.LetRun
	}
	return policy
}

// held is a message of the holder of a lease.
func (s *script) held(handle messages.Handle) messages.Mutation {
	switch s.tape.next(20) {
	case 10, 11, 12:
		return s.fenced(handle)
	case 13:
		return messages.DelayArgs{Handle: handle, DelayUntil: s.now + messages.TimestampMs(s.tape.next(20)*100)}
	case 14:
		return messages.WaitChildrenArgs{Handle: handle}
	case 15, 16, 17, 18, 19:
		return messages.AppendFrameArgs{Handle: handle, Frame: s.frame()}
	case 0:
		return messages.RenewArgs{Handle: handle}
	case 1:
		percent := uint8(s.tape.next(100))
		return messages.ProgressArgs{Handle: handle, Percent: &percent}
	case 2, 3:
		return messages.CompleteArgs{Handle: handle, Payload: []byte("done")}
	case 4, 7, 8, 9:
		return messages.CompleteArgs{Handle: handle}
	case 6:
		return messages.FailArgs{
			Handle: handle, Class: messages.FailurePermanent, Reason: messages.FailureReason{Message: "no"},
		}
	case 5:
		return messages.FailArgs{Handle: handle, Reason: messages.FailureReason{Message: "again"}}
	default:
		return messages.CancelArgs{Handle: handle, Reason: "enough"}
	}
}

// fenced is a message of the holder of a lease that names it by its fence, or of an operator.
func (s *script) fenced(handle messages.Handle) messages.Mutation {
	s.t.Helper()
	payload, err := messages.OpenHandle(handle)
	require.NoError(s.t, err)
	fence := &messages.LeaseFence{
		LeaseID: payload.LeaseID, LeaseEpoch: payload.LeaseEpoch, AttemptID: payload.AttemptID,
	}
	if s.tape.flip(3) {
		fence = nil
	}
	switch s.tape.next(3) {
	case 0:
		return messages.RenewLeaseArgs{
			ExecutionID: payload.ExecutionID, AttemptIndex: payload.AttemptIndex, Fence: fence, LeaseTTL: s.ttl(),
		}
	case 1:
		return messages.CompleteExecutionArgs{
			ExecutionID: payload.ExecutionID, AttemptIndex: payload.AttemptIndex, Fence: fence, Now: 1,
		}
	}
	return messages.FailExecutionArgs{
		ExecutionID: payload.ExecutionID, AttemptIndex: payload.AttemptIndex, Fence: fence,
		RetryPolicyJSON: `{"max_retries":2}`, NextAttemptPolicyJSON: `{}`,
	}
}

func (s *script) create() messages.CreateExecutionArgs {
	args := messages.CreateExecutionArgs{
		ExecutionID: s.execution(), Namespace: "default", LaneID: s.lane(), ExecutionKind: s.kind(),
		Priority: int32(s.tape.next(3)), InputPayload: []byte("input"),
	}
	if s.tape.flip(4) {
		args.IdempotencyKey = fmt.Sprint("key-", s.tape.next(3))
	}
	if s.tape.flip(4) {
		args.DelayUntil = s.now + messages.TimestampMs(s.tape.next(100)*100)
	}
	if s.tape.flip(4) {
		args.Tags = map[string]string{"cairn.instance_id": "i-1", "a.b": "c"}
	}
	if s.tape.flip(3) {
		args.Policy = messages.NewExecutionPolicy()
		args.Policy.RoutingRequirements = &messages.RoutingRequirements{RequiredCapabilities: s.capabilities()}
		reclaims := uint32(s.tape.next(3))
		args.Policy.MaxReclaimCount = &reclaims
		args.Policy.StreamPolicy = &messages.StreamPolicy{RetentionMaxlen: 2}
		args.Policy.RetryPolicy = &messages.RetryPolicy{
			MaxRetries: uint32(s.tape.next(3)), Backoff: messages.FixedBackoff(time.Duration(s.tape.next(3)) * time.Second),
		}
		args.Policy.TimeoutPolicy = &messages.TimeoutPolicy{AttemptTimeout: time.Duration(s.tape.next(3)) * 5 * time.Second}
	}
	if s.tape.flip(8) {
		args.ExecutionDeadlineAt = s.now + messages.TimestampMs(s.tape.next(200)*100)
	}
	return args
}

func (s *script) claimNext() messages.ClaimNextArgs {
	args := messages.ClaimNextArgs{
		Lanes: []messages.LaneID{s.lane()}, WorkerID: "w", WorkerInstanceID: "w-1", LeaseTTL: s.ttl(),
		WorkerCapabilities: s.capabilities(),
	}
	if s.tape.flip(3) {
		args.Lanes = []messages.LaneID{"l0", "l1"}
	}
	if s.tape.flip(4) {
		args.Kinds = []string{s.kind()}
	}
	return args
}

// stage is an edge that nearly always expects the right revision.
func (s *script) stage(flow messages.FlowID) messages.StageDependencyEdgeArgs {
	stage := messages.StageDependencyEdgeArgs{
		FlowID: flow, UpstreamExecutionID: s.known(s.members[flow]), DownstreamExecutionID: s.known(s.members[flow]),
		EdgeID: messages.EdgeID{0: 0xed, 6: 0x40, 8: 0x80, 15: byte(s.tape.next(20))},
	}
	if s.tape.flip(2) {
		stage.DataPassingRef = "result"
	}
	for _, revision := range s.query(fmt.Sprintf("SELECT graph_revision FROM ff_flow_core WHERE flow_id = x'%x'", flow[:])) {
		_, err := fmt.Sscan(revision, &stage.ExpectedGraphRevision)
		require.NoError(s.t, err)
	}
	if s.tape.flip(8) {
		stage.ExpectedGraphRevision++
	}
	return stage
}

func (s *script) execution() messages.ExecutionID {
	return messages.NewExecutionID(0, [16]byte{0: 0xec, 6: 0x40, 8: 0x80, 15: byte(s.tape.next(40))})
}

// known is an execution of the list, or once in a while any other.
func (s *script) known(ids []messages.ExecutionID) messages.ExecutionID {
	if len(ids) == 0 || s.tape.flip(16) {
		return s.execution()
	}
	return ids[len(ids)-1-min(s.tape.next(6), len(ids)-1)]
}

func (s *script) flow() messages.FlowID {
	return messages.FlowID{0: 0xf1, 6: 0x40, 8: 0x80, 15: byte(s.tape.next(2))}
}

func (s *script) lane() messages.LaneID { return messages.LaneID(fmt.Sprint("l", s.tape.next(2))) }

func (s *script) kind() string { return fmt.Sprint("kind-", s.tape.next(2)) }

func (s *script) ttl() time.Duration { return time.Duration(1+s.tape.next(40)) * time.Second }

func (s *script) capabilities() messages.CapabilitySet {
	return []messages.CapabilitySet{{"x", "y"}, {"x"}, nil}[s.tape.next(3)]
}
