package ffsqlite_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// The calls that name a lease by its fence: 03 §5.2, §6.2, §6.4.

// fenceOf is the fence of the lease that the handle is for.
func fenceOf(t testing.TB, handle messages.Handle) *messages.LeaseFence {
	t.Helper()
	p := payloadOf(t, handle)
	return &messages.LeaseFence{LeaseID: p.LeaseID, LeaseEpoch: p.LeaseEpoch, AttemptID: p.AttemptID}
}

// fencedCalls are the three calls for the lease of a handle, each with the changes that a test makes to its fence.
type fencedCalls struct {
	e     *engine
	id    messages.ExecutionID
	index messages.AttemptIndex
	fence *messages.LeaseFence
}

func (e *engine) fenced(handle messages.Handle) fencedCalls {
	e.t.Helper()
	p := payloadOf(e.t, handle)
	return fencedCalls{e: e, id: p.ExecutionID, index: p.AttemptIndex, fence: fenceOf(e.t, handle)}
}

// leased are the calls for an execution of the fixture L.
func (e *engine) leased() fencedCalls {
	e.t.Helper()
	_, handle := e.seededLease()
	return e.fenced(handle)
}

func (c fencedCalls) with(change func(*messages.LeaseFence)) fencedCalls {
	fence := *c.fence
	change(&fence)
	c.fence = &fence
	return c
}

func (c fencedCalls) unfenced() fencedCalls {
	c.fence = nil
	return c
}

func (c fencedCalls) attempt(index messages.AttemptIndex) fencedCalls {
	c.index = index
	return c
}

func (c fencedCalls) renew() (messages.RenewLeaseResult, error) {
	return c.e.RenewLease(c.e.t.Context(), messages.RenewLeaseArgs{
		ExecutionID: c.id, AttemptIndex: c.index, Fence: c.fence, LeaseTTL: 90 * time.Second,
	})
}

func (c fencedCalls) complete(change ...func(*messages.CompleteExecutionArgs)) error {
	args := messages.CompleteExecutionArgs{
		ExecutionID: c.id, AttemptIndex: c.index, Fence: c.fence, Source: messages.SourceLeaseHolder,
		ResultPayload: []byte("ok"),
	}
	for _, change := range change {
		change(&args)
	}
	result, err := c.e.CompleteExecution(c.e.t.Context(), args)
	if err == nil {
		want := messages.CompleteExecutionResult{
			Outcome: messages.CompleteExecutionCompleted, ExecutionID: c.id, PublicState: messages.PublicCompleted,
		}
		require.Equal(c.e.t, want, result)
	}
	return err
}

func (c fencedCalls) fail(policy string, change ...func(*messages.FailExecutionArgs)) (messages.FailExecutionResult, error) {
	args := messages.FailExecutionArgs{
		ExecutionID: c.id, AttemptIndex: c.index, Fence: c.fence, Source: messages.SourceLeaseHolder,
		FailureReason: "boom", FailureCategory: "rate_limit", RetryPolicyJSON: policy,
	}
	for _, change := range change {
		change(&args)
	}
	return c.e.FailExecution(c.e.t.Context(), args)
}

// each calls all three.
func (c fencedCalls) each(check func(method string, err error)) {
	_, err := c.renew()
	check("renew_lease", err)
	check("complete_execution", c.complete())
	_, err = c.fail("")
	check("fail_execution", err)
}

// refused expects that all three fail so, and that nothing is written.
func (c fencedCalls) refused(target error) {
	c.e.t.Helper()
	before := c.e.stored()
	c.each(func(method string, err error) { require.ErrorIs(c.e.t, err, target, method) })
	require.Equal(c.e.t, before, c.e.stored())
}

func TestSpec03_S39_RenewLease(t *testing.T) {
	t.Parallel()
	e := open(t)
	c := e.leased()
	before := e.now() + 60_000
	e.clock.Advance(time.Second)
	result, err := c.renew()
	require.NoError(t, err)
	require.Equal(t, messages.RenewLeaseResult{Outcome: messages.RenewLeaseRenewed, ExpiresAt: e.now() + 90_000}, result)
	require.Greater(t, result.ExpiresAt, before)
	require.Equal(t, "1 1700000091000 NULL NULL", e.attemptVector(c.id, 0))
	require.Equal(t, "1700000001000", e.attempt(c.id, 0, "raw_fields ->> '$.lease_renewed_at_ms'"))
	require.Equal(t, "renewed", e.leaseEvents(c.id))

	result, err = c.renew()
	require.NoError(t, err, "each call renews again")
	require.Equal(t, e.now()+90_000, result.ExpiresAt)
	require.Equal(t, "renewed renewed", e.leaseEvents(c.id))
}

func TestSpec03_S39_S45_S55_TheFence(t *testing.T) {
	t.Parallel()
	e := open(t)
	c := e.leased()
	before := e.stored()
	c.unfenced().each(func(method string, err error) {
		requireInvalid(t, err, "fence_required")
	})
	require.Equal(t, before, e.stored())
	c.with(func(f *messages.LeaseFence) { f.LeaseEpoch += 5 }).refused(messages.ErrStaleLease)
	c.with(func(f *messages.LeaseFence) { f.AttemptID = messages.NewAttemptID() }).refused(messages.ErrStaleLease)
	c.attempt(7).refused(messages.ErrAttemptNotFound)

	unknown := c
	unknown.id = newID()
	_, err := unknown.renew()
	require.ErrorIs(t, err, messages.ErrAttemptNotFound)
	require.ErrorIs(t, unknown.complete(), messages.ErrExecutionNotFound)
	_, err = unknown.fail("")
	require.ErrorIs(t, err, messages.ErrAttemptNotFound)
}

func TestSpec03_S39_S45_S55_TheLease(t *testing.T) {
	t.Parallel()
	e := open(t)
	c := e.leased()
	e.patchAttempt(c.id, 0, "lease_expires_at_ms = 1700000000000")
	c.each(func(method string, err error) { require.ErrorIs(t, err, messages.ErrLeaseExpired, method) })
	require.ErrorIs(t, c.complete(func(a *messages.CompleteExecutionArgs) { a.Now = 1 }), messages.ErrLeaseExpired,
		"the engine's clock decides")
	require.ErrorIs(t, c.unfenced().complete(func(a *messages.CompleteExecutionArgs) { a.Source = "" }),
		messages.ErrLeaseExpired, "for an operator, too")
	require.Equal(t, "1 1700000000000 NULL NULL", e.attemptVector(c.id, 0))
	require.Equal(t, "active", e.column(c.id, "lifecycle_phase"))
	require.Empty(t, e.completions(c.id))

	c = e.leased()
	e.patchAttempt(c.id, 0, "lease_expires_at_ms = NULL")
	_, err := c.renew()
	require.ErrorIs(t, err, messages.ErrLeaseExpired, "there is none to renew")
	require.NoError(t, c.complete(), "one without an end has not run out")
}

func TestSpec03_S39_S45_S55_ThePhase(t *testing.T) {
	t.Parallel()
	e := open(t)
	c := e.leased()
	e.patch(c.id, "lifecycle_phase = 'terminal'")
	c.refused(messages.ErrExecutionNotActive)
	c.each(func(_ string, err error) {
		requireNotActive(t, err, messages.NotActiveInfo{
			TerminalOutcome: "none", LeaseEpoch: "1", LifecyclePhase: "terminal", AttemptID: c.fence.AttemptID.String(),
		})
	})
	e.patch(c.id, "ownership_state = 'lease_revoked'")
	c.refused(messages.ErrLeaseRevoked)
}

// TestSpec03_FencedLeaseIDs is check 3 of 03 §5.2: the ids that a claim has stored must be those of the fence.
func TestSpec03_FencedLeaseIDs(t *testing.T) {
	t.Parallel()
	e := open(t)
	e.created()
	first := e.fenced(e.claimed())
	first.with(func(f *messages.LeaseFence) { f.LeaseID = messages.NewLeaseID() }).refused(messages.ErrStaleLease)
	first.with(func(f *messages.LeaseFence) { f.AttemptID = messages.NewAttemptID() }).refused(messages.ErrStaleLease)

	outcome, err := first.fail(`{"max_retries":1,"backoff":{"type":"fixed","delay_ms":0}}`)
	require.NoError(t, err)
	require.Equal(t, e.now(), outcome.DelayUntil, "at once")
	second := e.fenced(e.claimed())
	first.refused(messages.ErrStaleLease)
	second.attempt(0).refused(messages.ErrStaleLease)
	_, err = second.renew()
	require.NoError(t, err)
	require.NoError(t, second.complete())
}

func TestSpec03_S45_CompleteExecution(t *testing.T) {
	t.Parallel()
	e := open(t)
	c := e.leased()
	require.NoError(t, c.complete(func(a *messages.CompleteExecutionArgs) {
		a.Now, a.ResultEncoding = 77, "json"
	}))
	require.Equal(t, "terminal unowned not_applicable completed attempt_terminal NULL", e.vector(c.id))
	require.Equal(t, "success", e.completions(c.id))
	require.Equal(t, "revoked", e.leaseEvents(c.id))
	require.Equal(t, "1 NULL success 77", e.attemptVector(c.id, 0))
	require.Equal(t, "77", e.column(c.id, "terminal_at_ms"))
	require.Equal(t, "77", e.raw(c.id, "last_mutation_at"))
	require.Equal(t, "success", e.raw(c.id, "terminal_outcome"))
	require.Equal(t, "json", e.raw(c.id, "result_encoding"))
	result, found, err := e.GetExecutionResult(t.Context(), c.id)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "ok", string(result))

	event := e.sql.Rows("SELECT occurred_at_ms, committed_at_ms FROM ff_completion_event")
	require.Equal(t, [][]string{{"77", "1700000000000"}}, event)
}

func TestSpec03_S45_AnOperatorNeedsNoFence(t *testing.T) {
	t.Parallel()
	e := open(t)
	for _, source := range []messages.CancelSource{"", messages.SourceOperatorOverride} {
		c := e.leased()
		require.NoError(t, c.unfenced().complete(func(a *messages.CompleteExecutionArgs) { a.Source = source }))
		require.Equal(t, messages.PublicCompleted, e.state(c.id))
	}
	c := e.leased()
	operator := func(a *messages.CompleteExecutionArgs) { a.Source = messages.SourceOperatorOverride }
	stale := c.with(func(f *messages.LeaseFence) { f.LeaseEpoch += 7 })
	require.ErrorIs(t, stale.complete(operator), messages.ErrStaleLease, "but one that is given must be right")

	outcome, err := c.unfenced().fail("", func(a *messages.FailExecutionArgs) { a.Source = "" })
	require.NoError(t, err)
	require.Equal(t, messages.FailTerminalFailed, outcome.Outcome)
}

func TestSpec03_S46_ALostAnswerIsRecognised(t *testing.T) {
	t.Parallel()
	e := open(t)
	c := e.leased()
	require.NoError(t, c.complete())
	before := e.stored()
	requireNotActive(t, c.complete(), messages.NotActiveInfo{
		TerminalOutcome: "success", LeaseEpoch: "1", LifecyclePhase: "terminal", AttemptID: c.fence.AttemptID.String(),
	})
	require.Equal(t, before, e.stored())
}

func TestSpec03_S55_FailExecutionWithoutAPolicyEnds(t *testing.T) {
	t.Parallel()
	e := open(t)
	c := e.leased()
	outcome, err := c.fail("")
	require.NoError(t, err)
	require.Equal(t, messages.FailExecutionResult{Outcome: messages.FailTerminalFailed}, outcome)
	require.Equal(t, "terminal unowned not_applicable failed attempt_terminal NULL", e.vector(c.id))
	require.Equal(t, "failed", e.completions(c.id))
	require.Equal(t, "revoked", e.leaseEvents(c.id))
	require.Equal(t, "1 NULL failed 1700000000000", e.attemptVector(c.id, 0))
	require.Equal(t, "boom", e.raw(c.id, "failure_reason"))
	require.Equal(t, "boom", e.attempt(c.id, 0, "raw_fields ->> '$.failure_reason'"))
	require.Equal(t, "rate_limit", e.attempt(c.id, 0, "raw_fields ->> '$.failure_category'"))

	before := e.stored()
	_, err = c.fail("")
	requireNotActive(t, err, messages.NotActiveInfo{
		TerminalOutcome: "failed", LeaseEpoch: "1", LifecyclePhase: "terminal", AttemptID: c.fence.AttemptID.String(),
	})
	require.Equal(t, before, e.stored())
}

const (
	fixedBackoff = `{"max_retries":3,"backoff":{"type":"fixed","delay_ms":500}}`
	nextPolicy   = `{"timeout_policy":{"attempt_timeout_ms":1234}}`
)

func TestSpec03_S55_S57_FailExecutionSchedulesARetry(t *testing.T) {
	t.Parallel()
	e := open(t)
	c := e.leased()
	outcome, err := c.fail(fixedBackoff, func(a *messages.FailExecutionArgs) { a.NextAttemptPolicyJSON = nextPolicy })
	require.NoError(t, err)
	require.Equal(t, messages.FailExecutionResult{
		Outcome: messages.FailRetryScheduled, DelayUntil: e.now() + 500, NextAttemptIndex: 1,
	}, outcome)
	require.Equal(t,
		"runnable unowned not_eligible_until_time delayed pending_retry_attempt waiting_for_retry_backoff", e.vector(c.id))
	require.Equal(t, "1", e.column(c.id, "attempt_index"))
	require.Equal(t, "1", e.raw(c.id, "retry_count"))
	require.Equal(t, "0", e.raw(c.id, "pending_previous_attempt_index"))
	require.Equal(t, nextPolicy, e.raw(c.id, "next_attempt_policy"))
	require.Equal(t, "1 NULL retry 1700000000000", e.attemptVector(c.id, 0))
	require.Empty(t, e.completions(c.id))
	require.Equal(t, "revoked", e.leaseEvents(c.id))

	before := e.stored()
	_, err = c.fail(fixedBackoff)
	requireNotActive(t, err, messages.NotActiveInfo{TerminalOutcome: "none", LeaseEpoch: "1", LifecyclePhase: "runnable"})
	require.Equal(t, before, e.stored())

	e.clock.Advance(499 * time.Millisecond)
	e.nothingToClaim()
	e.clock.Advance(time.Millisecond)
	id, handle := e.claimedExecution()
	require.Equal(t, c.id, id)
	require.Equal(t, messages.HandleFresh, handle.Kind)
	require.Equal(t, messages.AttemptIndex(1), payloadOf(t, handle).AttemptIndex)
	require.Equal(t, messages.LeaseEpoch(2), payloadOf(t, handle).LeaseEpoch)
	require.Equal(t, "retry", e.attempt(id, 1, "raw_fields ->> '$.attempt_type'"))
	require.Equal(t, nextPolicy, e.attempt(id, 1, "policy"))
	require.Equal(t, "NULL", e.raw(id, "next_attempt_policy"), "used up")
	require.Equal(t, "1234", e.attempt(id, 1, "attempt_timeout_at_ms - started_at_ms"))
}

func TestSpec03_S56_TheRetryPolicyOfTheCaller(t *testing.T) {
	t.Parallel()
	e := open(t)
	for _, c := range []struct {
		retries, policy string
		delay           messages.TimestampMs // -1: the end
	}{
		{"3", `{"max_retries":3}`, -1},
		{"0", `{not json`, -1},
		{"0", "\xff", -1},
		{"0", `null`, -1},
		{"0", `{"max_retries":-1}`, -1},
		{"0", `{"max_retries":"3"}`, -1},
		{"2", `{"max_retries":3}`, 1000},
		{"x", `{"max_retries":1,"backoff":{}}`, 1000},
		{"0", `{"max_retries":1,"backoff":{"type":"exponential"}}`, 1000},
		{"10", `{"max_retries":11,"backoff":{"type":"exponential"}}`, 60_000},
		{"5", `{"max_retries":11,"backoff":{"type":"exponential","multiplier":1e308}}`, 60_000},
		{"0", `{"max_retries":1,"backoff":{"type":"fixed"}}`, 1000},
		{"0", `{"max_retries":1,"backoff":{"type":"fixed","delay_ms":0}}`, 0},
		{"0", `{"max_retries":1,"retryable_categories":["rate_limit"]}`, 1000},
		{"0", `{"max_retries":1,"retryable_categories":["timeout"]}`, -1},
	} {
		t.Run(c.retries+" "+c.policy, func(t *testing.T) {
			leased := e.leased()
			e.patch(leased.id, `raw_fields = json_set(raw_fields, '$.retry_count', '`+c.retries+`')`)
			outcome, err := leased.fail(c.policy)
			require.NoError(t, err)
			want := messages.FailExecutionResult{Outcome: messages.FailTerminalFailed}
			if c.delay >= 0 {
				want = messages.FailExecutionResult{
					Outcome: messages.FailRetryScheduled, DelayUntil: e.now() + c.delay, NextAttemptIndex: 1,
				}
			}
			require.Equal(t, want, outcome)
		})
	}
}

func TestValidation_Fenced(t *testing.T) {
	t.Parallel()
	e := open(t)
	c := e.leased()
	_, err := c.renew()
	require.NoError(t, err)
	renew := func(change func(*messages.RenewLeaseArgs)) func() error {
		return func() error {
			args := messages.RenewLeaseArgs{ExecutionID: c.id, Fence: c.fence, LeaseTTL: time.Second}
			change(&args)
			_, err := e.RenewLease(t.Context(), args)
			return err
		}
	}
	complete := func(change func(*messages.CompleteExecutionArgs)) func() error {
		return func() error { return c.complete(change) }
	}
	fail := func(change func(*messages.FailExecutionArgs)) func() error {
		return func() error {
			_, err := c.fail(fixedBackoff, change)
			return err
		}
	}
	nobody := c
	nobody.id = messages.ExecutionID{}
	var refusals []refusal
	nobody.each(func(method string, err error) {
		refusals = append(refusals, invalid(method+" of nobody", "execution_id: must not be empty", func() error { return err }))
	})
	for name, change := range map[string]func(*messages.LeaseFence){
		"no lease":   func(f *messages.LeaseFence) { f.LeaseID = messages.LeaseID{} },
		"no attempt": func(f *messages.LeaseFence) { f.AttemptID = messages.AttemptID{} },
	} {
		c.with(change).each(func(method string, err error) {
			refusals = append(refusals, invalid(method+", "+name, "partial_fence_triple", func() error { return err }))
		})
	}
	c.with(func(f *messages.LeaseFence) { f.LeaseEpoch = math.MaxUint64 }).each(func(method string, err error) {
		refusals = append(refusals, invalid(method+", an epoch that cannot be stored",
			"lease_epoch: exceeds i64::MAX (18446744073709551615)", func() error { return err }))
	})
	requireRefusals(t, e, append(refusals,
		invalid("no ttl", "lease_ttl_ms: must be > 0", renew(func(a *messages.RenewLeaseArgs) { a.LeaseTTL = 0 })),
		invalid("negative ttl", "lease_ttl_ms: must be > 0", renew(func(a *messages.RenewLeaseArgs) { a.LeaseTTL = -1 })),
		invalid("negative grace", "lease_history_grace_ms: must not be negative",
			renew(func(a *messages.RenewLeaseArgs) { a.LeaseHistoryGrace = -1 })),
		invalid("an encoding that is no text", "result_encoding: must be valid UTF-8",
			complete(func(a *messages.CompleteExecutionArgs) { a.ResultEncoding = notUTF8 })),
		invalid("a source that is no text", "source: must be valid UTF-8",
			complete(func(a *messages.CompleteExecutionArgs) { a.Source = notUTF8 })),
		invalid("a reason that is no text", "failure_reason: must be valid UTF-8",
			fail(func(a *messages.FailExecutionArgs) { a.FailureReason = notUTF8 })),
		invalid("a category that is no text", "failure_category: must be valid UTF-8",
			fail(func(a *messages.FailExecutionArgs) { a.FailureCategory = notUTF8 })),
		invalid("a failing source that is no text", "source: must be valid UTF-8",
			fail(func(a *messages.FailExecutionArgs) { a.Source = notUTF8 })),
		invalid("a policy that is no text", "next_attempt_policy_json: must be valid UTF-8",
			fail(func(a *messages.FailExecutionArgs) { a.NextAttemptPolicyJSON = notUTF8 })),
		refusal{
			"a policy that is no object", fail(func(a *messages.FailExecutionArgs) { a.NextAttemptPolicyJSON = "[]" }),
			messages.ErrInvalidPolicyJSON, "next_attempt_policy_json: must be a JSON object",
		},
	))
	require.NoError(t, c.complete())
}
