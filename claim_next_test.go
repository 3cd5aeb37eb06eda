package ffsqlite_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// ClaimNext: 06 §1.13 and its scenarios.

// claimedNext claims the next execution of the arguments, which must be there.
func (e *engine) claimedNext(args messages.ClaimNextArgs) *messages.ClaimedTask {
	e.t.Helper()
	next, err := e.ClaimNext(e.t.Context(), args)
	require.NoError(e.t, err)
	require.Equal(e.t, messages.ClaimNextClaimed, next.Outcome)
	return next.Task
}

func (e *engine) noWork(args messages.ClaimNextArgs) {
	e.t.Helper()
	next, err := e.ClaimNext(e.t.Context(), args)
	require.NoError(e.t, err)
	require.Equal(e.t, messages.ClaimNextResult{Outcome: messages.ClaimNextNoWork}, next)
}

func TestSpec06_S118_ATTLBelowAMillisecondIsOne(t *testing.T) {
	e := open(t)
	id := e.created()
	args := claimNextArgs()
	args.LeaseTTL = 500 * time.Microsecond
	require.Equal(t, e.now()+1, e.claimedNext(args).LeaseExpiresAt)
	require.Equal(t, fmt.Sprint(e.now()+1), e.attempt(id, 0, "lease_expires_at_ms"))
	args.LeaseTTL = 0
	_, err := e.ClaimNext(t.Context(), args)
	requireInvalid(t, err, "lease_ttl_ms: must be > 0")
}

func TestSpec06_S119_LanesInTheGivenOrder(t *testing.T) {
	e := open(t)
	args := claimNextArgs()
	args.Lanes = []messages.LaneID{"a", "b"}
	e.noWork(args)
	for table, rows := range e.stored() {
		require.Empty(t, rows, table)
	}

	inB := e.created(inLane("b"), withPriority(9))
	require.Equal(t, inB, e.claimedNext(args).ExecutionID)
	inB, inA := e.created(inLane("b"), withPriority(9)), e.created(inLane("a"))
	require.Equal(t, inA, e.claimedNext(args).ExecutionID)
	require.Equal(t, inB, e.claimedNext(args).ExecutionID)
	e.noWork(args)
	require.Equal(t, int64(0), e.grants())
}

func TestSpec06_S119_LanesAreValidated(t *testing.T) {
	e := open(t)
	many := make([]messages.LaneID, 65)
	for i := range many {
		many[i] = messages.LaneID(fmt.Sprint(i))
	}
	for detail, lanes := range map[string][]messages.LaneID{
		"lanes: must not be empty":          {},
		"lanes: more than 64 (65)":          many,
		`lanes: "a" is named twice`:         {"a", "b", "a"},
		"lane_id is empty":                  {"a", ""},
		"lane_id exceeds 64 bytes (got 65)": {messages.LaneID(strings.Repeat("x", 65))},
	} {
		args := claimNextArgs()
		args.Lanes = lanes
		_, err := e.ClaimNext(t.Context(), args)
		requireInvalid(t, err, detail)
	}
	args := claimNextArgs()
	args.Lanes = many[:64]
	e.noWork(args)
}

func TestSpec06_S120_FreshAndResumedByAgeThenReclaimed(t *testing.T) {
	e := open(t)
	args := claimNextArgs()
	args.LeaseTTL = 100 * time.Millisecond
	lost := e.created(createdAt(100))
	lostTask := e.claimedNext(args)
	args.LeaseTTL = time.Hour
	resumed := e.created(createdAt(600))
	resumedTask := e.claimedNext(args)
	e.interrupt(resumed, 0)
	fresh := e.created(createdAt(500), ofKind("mail"), withPriority(0), func(a *messages.CreateExecutionArgs) {
		a.Namespace, a.PayloadEncoding, a.Tags = "tenant", "json", map[string]string{"app.x": "y"}
	})
	e.clock.Advance(100 * time.Millisecond)

	task := e.claimedNext(args)
	require.Equal(t, &messages.ClaimedTask{
		Handle: task.Handle, ExecutionID: fresh, LaneID: lane, Namespace: "tenant", ExecutionKind: "mail",
		InputPayload: []byte("hello"), PayloadEncoding: "json", Tags: map[string]string{"app.x": "y"}, Priority: 0,
		AttemptIndex: 0, AttemptID: task.AttemptID, LeaseID: task.LeaseID, LeaseEpoch: 1,
		LeaseExpiresAt: e.now() + messages.TimestampMs(time.Hour.Milliseconds()), LeaseReclaimCount: 0,
	}, task)
	require.Equal(t, messages.HandleFresh, task.Handle.Kind)
	held := payloadOf(t, task.Handle)
	require.Equal(t, held.AttemptID, task.AttemptID)
	require.Equal(t, held.LeaseID, task.LeaseID)
	require.NoError(t, e.Complete(t.Context(), task.Handle, nil))

	task = e.claimedNext(args)
	require.Equal(t, resumed, task.ExecutionID)
	require.Equal(t, messages.HandleResumed, task.Handle.Kind)
	require.Equal(t, resumedTask.AttemptID, task.AttemptID)
	require.NotEqual(t, resumedTask.LeaseID, task.LeaseID)
	require.Equal(t, messages.LeaseEpoch(2), task.LeaseEpoch)
	require.Equal(t, messages.AttemptIndex(0), task.AttemptIndex)
	require.Equal(t, "1", e.raw(resumed, "total_attempt_count"))
	require.NoError(t, e.Complete(t.Context(), task.Handle, nil))

	task = e.claimedNext(args)
	require.Equal(t, lost, task.ExecutionID)
	require.Equal(t, messages.HandleReclaimed, task.Handle.Kind)
	require.NotEqual(t, lostTask.AttemptID, task.AttemptID)
	require.Equal(t, messages.AttemptIndex(1), task.AttemptIndex)
	require.Equal(t, uint32(1), task.LeaseReclaimCount)
	require.NoError(t, e.Complete(t.Context(), task.Handle, nil))
	e.noWork(args)
}

func TestSpec06_S122_KindsAndNamespaceAreFilters(t *testing.T) {
	e := open(t)
	a := e.created(ofKind("a"), withPriority(9))
	b := e.created(ofKind("b"))
	args := claimNextArgs()
	args.Kinds = []string{"c", "b"}
	require.Equal(t, b, e.claimedNext(args).ExecutionID)
	e.noWork(args)
	require.Equal(t, "eligible_now", e.column(a, "eligibility_state"))
	args.Kinds = nil
	args.Namespace = "tenant"
	e.noWork(args)
	require.Equal(t, "eligible_now", e.column(a, "eligibility_state"))
	tenants := e.created(func(a *messages.CreateExecutionArgs) { a.Namespace = "tenant" })
	require.Equal(t, tenants, e.claimedNext(args).ExecutionID)
	args.Namespace = namespace
	require.Equal(t, a, e.claimedNext(args).ExecutionID)
}

func TestSpec06_S122_Capabilities(t *testing.T) {
	e := open(t)
	claim := func(capabilities ...string) messages.ClaimNextArgs {
		args := claimNextArgs()
		args.WorkerCapabilities = capabilities
		return args
	}
	first := e.created(requiring("gpu"))
	e.noWork(claim("GPU"))
	e.noWork(claim("cpu"))
	require.Equal(t, first, e.claimedNext(claim("gpu", "cuda")).ExecutionID)
	second := e.created(requiring("gpu"))
	require.Equal(t, second, e.claimedNext(claim("gpu", "gpu")).ExecutionID)
	require.Equal(t, e.created(), e.claimedNext(claim()).ExecutionID)

	routed := e.created(requiring("gpu"))
	e.patch(routed, "eligibility_state = 'blocked_by_route', blocking_reason = 'waiting_for_capable_worker'")
	e.noWork(claim("cpu"))
	require.Equal(t, routed, e.claimedNext(claim("gpu")).ExecutionID)

	for range 300 {
		e.created(requiring("gpu"), withPriority(1))
	}
	last := e.created()
	require.Equal(t, last, e.claimedNext(claim("cpu")).ExecutionID)
	e.noWork(claim("cpu"))
}

func TestSpec06_S122_CapabilitiesAreValidated(t *testing.T) {
	e := open(t)
	many := make([]string, 257)
	for i := range many {
		many[i] = fmt.Sprintf("c%03d", i)
	}
	half := strings.Repeat("x", 2048)
	for _, c := range []struct {
		tokens []string
		detail string // "": accepted
	}{
		{[]string{"a,b"}, `capability token may not contain ',' (CSV delimiter): "a,b"`},
		{[]string{""}, "capability token must not be empty"},
		{[]string{"gpu x"}, `capability token must not contain whitespace or control characters: "gpu x"`},
		{[]string{"gpu\n"}, `capability token must not contain whitespace or control characters: "gpu\n"`},
		{many, "capability set exceeds CAPS_MAX_TOKENS (256): 257"},
		{[]string{half, "y" + half[2:] + "z"}, "capability CSV exceeds CAPS_MAX_BYTES (4096): 4097"},
		{[]string{half, "y" + half[2:]}, ""},
		{many[:256], ""},
		{append(many[:256:256], many[0]), ""},
	} {
		args := claimNextArgs()
		args.WorkerCapabilities = c.tokens
		if c.detail == "" {
			e.noWork(args)
			continue
		}
		_, err := e.ClaimNext(t.Context(), args)
		requireDetail(t, err, messages.ErrInvalidCapabilities, c.detail)
	}
}

func TestClaimNext_TextsComeBackAsTheyWere(t *testing.T) {
	const odd = "\"quoted\" \\ / \u2028 <&> 東京 \U0001F600 \t\n\x01 é"
	e := open(t)
	tags := map[string]string{"app.odd": odd, "app.empty": "", "app.a": "1"}
	id := e.created(ofKind(`a "kind" \ 東京`), func(a *messages.CreateExecutionArgs) {
		a.Namespace, a.PayloadEncoding, a.CreatorIdentity, a.Tags = `a "name" \ 東京`, odd, odd, tags
	})
	args := claimNextArgs()
	args.Kinds, args.Namespace = []string{`a "kind" \ 東京`}, `a "name" \ 東京`
	task := e.claimedNext(args)
	require.Equal(t, tags, task.Tags)
	require.Equal(t, args.Kinds[0], task.ExecutionKind)
	require.Equal(t, args.Namespace, task.Namespace)
	require.Equal(t, odd, task.PayloadEncoding)

	require.NoError(t, e.Progress(t.Context(), messages.ProgressArgs{Handle: task.Handle, Message: new(odd)}))
	require.Equal(t, odd, e.raw(id, "progress_message"))
	e.failed(messages.FailArgs{Handle: task.Handle, Reason: messages.FailureReason{Message: odd, Detail: []byte(odd)}})
	require.Equal(t, odd, e.raw(id, "failure_reason"))
	require.Equal(t, odd, e.attempt(id, 0, "raw_fields ->> '$.failure_detail'"))
	require.Equal(t, odd, e.raw(id, "creator_identity"))
	require.Equal(t, tags, e.described(id).Tags)
}
