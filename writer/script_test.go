package writer_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// tape is a random or fuzzed sequence of decisions.
type tape []byte

// next returns a number below n, 0 when the tape has run out.
func (t *tape) next(n int) int {
	if len(*t) == 0 {
		return 0
	}
	b := (*t)[0]
	*t = (*t)[1:]
	return int(b) % n
}

// flip is true one time in n.
func (t *tape) flip(n int) bool { return t.next(n) == n-1 }

// script plays a tape on a machine: the bytes become messages about a handful of executions and flows, valid and
// invalid ones, in batches. Two scripts with one tape send the same messages, whatever ids their machines draw.
type script struct {
	*machine

	tape   tape
	single bool // every message is a batch of its own, which is rolled back when the message fails
	failed bool // the last message did

	handles []messages.Handle // of claims that were committed
	claimed []messages.Handle // since then
	waiters []*waiter
	settled int                        // the waiters whose wait was committed
	coming  []func() messages.Mutation // before the tape goes on
	graphs  byte
	created []messages.ExecutionID
	members map[messages.FlowID][]messages.ExecutionID
	edges   []messages.ApplyDependencyToChildArgs // that were staged
	answers []func() string                       // of the messages since the last commit
	told    []string                              // to callers, since then
	log     []string                              // what callers were told
}

// play sends everything on the tape and calls committed after each commit.
func (s *script) play(committed func()) {
	s.t.Helper()
	for len(s.tape) > 0 {
		s.begin()
		for n := 1 + s.tape.next(12); n > 0 && len(s.tape) > 0; n-- {
			s.now += messages.TimestampMs([]int{0, 1, 7, 250}[s.tape.next(4)])
			s.send()
			switch {
			case s.single && s.failed:
				require.NoError(s.t, s.Rollback())
				s.hear()
				s.begin()
			case s.single:
				s.commit()
				s.begin()
			}
		}
		s.commit()
		s.learn()
		committed()
	}
}

func (s *script) begin() {
	s.t.Helper()
	require.NoError(s.t, s.Begin())
}

func (s *script) commit() {
	s.t.Helper()
	_, err := s.Commit()
	require.NoError(s.t, err)
	s.hear()
	for _, served := range s.Served() {
		w := slices.Index(s.waiters, served.Waiter.(*waiter))
		s.told = append(s.told, fmt.Sprintf("waiter %d: %s", w, s.answer(served.Reply, served.Err)))
	}
}

// hear collects what the callers of the batch are told.
func (s *script) hear() {
	for _, answer := range s.answers {
		s.told = append(s.told, answer())
	}
	s.answers = nil
}

// learn makes what was claimed known to the messages that follow, as it is known to callers only after the commit.
func (s *script) learn() {
	slices.Sort(s.told)
	s.log = append(s.log, s.told...)
	slices.SortFunc(s.claimed, func(a, b messages.Handle) int { return strings.Compare(s.holder(a), s.holder(b)) })
	s.handles = append(s.handles, s.claimed...)
	s.told, s.claimed = nil, nil
	s.settled = len(s.waiters)
}

// answer is what a caller was told, without the ids that were drawn for it.
func (s *script) answer(reply messages.Reply, err error) string {
	if err != nil {
		return undrawn(err.Error())
	}
	switch r := reply.(type) {
	case messages.ClaimReply:
		if r.Handle == nil {
			return "nothing"
		}
		s.claimed = append(s.claimed, *r.Handle)
		return s.holder(*r.Handle)
	case messages.ClaimNextResult:
		if r.Task == nil {
			return "nothing"
		}
		s.claimed = append(s.claimed, r.Task.Handle)
		return s.holder(r.Task.Handle)
	case []messages.Reply:
		answers := make([]string, len(r))
		for i := range r {
			answers[i] = s.answer(r[i], nil)
		}
		return strings.Join(answers, ", ")
	case messages.AppendFrameOutcome:
		version := uint64(0)
		if r.SummaryVersion != nil {
			version = *r.SummaryVersion
		}
		return fmt.Sprint(r.StreamID, r.FrameCount, version)
	}
	encoded, err := json.Marshal(reply)
	require.NoError(s.t, err)
	return undrawn(string(encoded))
}

func (s *script) holder(handle messages.Handle) string {
	s.t.Helper()
	payload, err := messages.OpenHandle(handle)
	require.NoError(s.t, err)
	return fmt.Sprint(handle.Kind, payload.ExecutionID, payload.AttemptIndex, payload.LeaseEpoch, payload.LeaseTTL)
}

// send takes one step, and the cascade that follows from it.
func (s *script) send() {
	s.t.Helper()
	s.failed = false
	if len(s.coming) == 0 && s.tape.flip(12) {
		s.build()
	}
	if len(s.coming) > 0 {
		next := s.coming[0]
		s.coming = s.coming[1:]
		s.deliver(next())
	} else {
		s.decide()
	}
	for s.HasHops() {
		s.Hop(s.now)
	}
}

func (s *script) decide() {
	s.t.Helper()
	switch s.tape.next(24) {
	case 0:
		s.now += messages.TimestampMs(s.tape.next(40)) * 500
		for s.RunDue(s.now) {
		}
	case 1:
		if s.settled > 0 {
			w := s.waiters[s.tape.next(s.settled)]
			if !w.taken {
				w.gone = true
				s.Forget(w)
			}
		}
	case 2:
		s.deliver(s.submit())
	case 3, 4, 5:
		s.deliver(s.together())
	default:
		s.deliver(s.message())
	}
}

// graph is the flow of the nth graph.
func graph(n byte) messages.FlowID { return messages.FlowID{0: 0xf2, 6: 0x40, 8: 0x80, 15: n} }

// build has a small graph of new executions come next.
func (s *script) build() {
	s.graphs++
	flow := graph(s.graphs)
	s.coming = append(s.coming, func() messages.Mutation { return messages.CreateFlowArgs{FlowID: flow, Namespace: "default"} })
	members := make([]messages.ExecutionID, 2+s.tape.next(3))
	for i := range members {
		members[i] = messages.NewExecutionID(0, [16]byte{0: 0xe2, 6: 0x40, 8: 0x80, 14: s.graphs, 15: byte(i)})
		s.coming = append(s.coming, func() messages.Mutation {
			args := s.create()
			args.ExecutionID, args.LaneID = members[i], "l0"
			return args
		}, func() messages.Mutation {
			return messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: members[i]}
		})
	}
	for _, member := range members[1:] {
		if s.tape.flip(2) {
			policy := s.policy(len(members))
			s.coming = append(s.coming, func() messages.Mutation {
				return messages.SetEdgeGroupPolicyArgs{FlowID: flow, DownstreamExecutionID: member, Policy: policy}
			})
		}
	}
	backwards := s.tape.flip(2)
	for n := 1; n < len(members); n++ {
		down := n
		if backwards {
			down = len(members) - n
		}
		for up := range down {
			if s.tape.flip(3) {
				continue
			}
			s.coming = append(s.coming, func() messages.Mutation {
				stage := s.stage(flow)
				stage.UpstreamExecutionID, stage.DownstreamExecutionID = members[up], members[down]
				stage.EdgeID[14] = byte(8*down + up + 1)
				return stage
			}, func() messages.Mutation {
				if len(s.edges) == 0 {
					return nil
				}
				return s.edges[len(s.edges)-1]
			})
		}
	}
}

// deliver applies a message that passes its own checks, as only those reach the writer.
func (s *script) deliver(m messages.Mutation) {
	if v, ok := m.(messages.Validator); m == nil || ok && v.Validate() != nil {
		return
	}
	answer := s.Apply(s.now, m)
	s.failed = answer.Err != nil
	if wait, ok := m.(messages.ClaimWaitArgs); ok && answer.Err == nil {
		if answer.Reply.(messages.ClaimNextResult).Task == nil {
			w := &waiter{}
			s.waiters = append(s.waiters, w)
			s.Wait(w, wait)
			return
		}
	}
	if answer.Err == nil {
		s.note(m)
	}
	s.answers = append(s.answers, func() string { return m.Method() + ": " + s.answer(answer.Reply, answer.Err) })
}

// note remembers what later messages can be about.
func (s *script) note(m messages.Mutation) {
	switch args := m.(type) {
	case messages.CreateExecutionArgs:
		s.created = append(s.created, args.ExecutionID)
	case messages.CreateFlowArgs:
		if s.members == nil {
			s.members = map[messages.FlowID][]messages.ExecutionID{}
		}
	case messages.AddExecutionToFlowArgs:
		s.members[args.FlowID] = append(s.members[args.FlowID], args.ExecutionID)
	case messages.SubmitFlowArgs:
		for i := range args.Executions {
			s.created = append(s.created, args.Executions[i].ExecutionID)
		}
	case messages.BatchArgs:
		for _, m := range args.Messages {
			s.note(m.(messages.Mutation))
		}
	case messages.StageDependencyEdgeArgs:
		s.edges = append(s.edges, messages.ApplyDependencyToChildArgs{
			FlowID: args.FlowID, EdgeID: args.EdgeID, UpstreamExecutionID: args.UpstreamExecutionID,
			DownstreamExecutionID: args.DownstreamExecutionID,
		})
	}
}

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

// drawnID is an id of a counter, as text or as a quoted blob.
var drawnID = regexp.MustCompile(fmt.Sprintf(`(?i)%02x0{6}-?0{4}-?40{3}-?80{2}[0-9a-f]-?[0-9a-f]{12}`, drawn))

// undrawn numbers the drawn ids of a text from the first on, so that it compares with one for which others were drawn.
func undrawn(text string) string {
	numbers := map[string]int{}
	return drawnID.ReplaceAllStringFunc(text, func(id string) string {
		id = strings.ToLower(strings.ReplaceAll(id, "-", ""))
		if _, known := numbers[id]; !known {
			numbers[id] = len(numbers) + 1
		}
		return fmt.Sprint("drawn-", numbers[id])
	})
}
