package ffsqlite_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Fail, retries and backoff: 03 §3.8 and §6.3, with their scenarios.

func (e *engine) failed(args messages.FailArgs) messages.FailOutcome {
	e.t.Helper()
	outcome, err := e.Fail(e.t.Context(), args)
	require.NoError(e.t, err)
	return outcome
}

func TestSpec03_S49_ATransientFailureIsRetried(t *testing.T) {
	for _, class := range []messages.FailureClass{
		messages.FailureTransient, messages.FailureInfraCrash, "", "a_class_of_tomorrow",
	} {
		t.Run(string(class), func(t *testing.T) {
			e := open(t)
			id := e.seeded()
			handle := e.claimed()
			now := e.now()
			outcome := e.failed(messages.FailArgs{
				Handle: handle, Class: class, Reason: messages.FailureReason{Message: "boom", Detail: []byte("why")},
			})
			require.Equal(t, messages.FailOutcome{
				Outcome: messages.FailRetryScheduled, DelayUntil: now, NextAttemptIndex: 1,
			}, outcome)

			require.Equal(t, retryVector, e.vector(id))
			require.Equal(t, "1", e.column(id, "attempt_index"))
			require.Equal(t, "NULL", e.column(id, "terminal_at_ms"))
			require.Equal(t, fmt.Sprintf("1 NULL retry %d", now), e.attemptVector(id, 0))
			text := class.String()
			require.Equal(t, "boom "+text+" why", e.attempt(id, 0, `(raw_fields ->> '$.failure_reason') || ' ' ||
				(raw_fields ->> '$.failure_category') || ' ' || (raw_fields ->> '$.failure_detail')`))
			for key, want := range map[string]string{
				"retry_count": "1", "last_failure_message": "boom", "failure_reason": "boom", "failure_category": text,
				"pending_retry_reason": "boom", "pending_previous_attempt_index": "0", "current_attempt_id": "",
				"current_lease_id": "", "current_worker_id": "", "current_worker_instance_id": "", "blocking_detail": "",
				"delay_until": "NULL", "terminal_outcome": "NULL",
			} {
				require.Equal(t, want, e.raw(id, key), key)
			}
			require.Empty(t, e.completions(id))
			require.Equal(t, "acquired revoked", e.leaseEvents(id))
			require.Equal(t, "fail", e.sql.Text("SELECT revoked_by FROM ff_lease_event WHERE event_type = 'revoked'"))

			next := e.claimed()
			require.Equal(t, messages.HandleFresh, next.Kind)
			held := payloadOf(t, next)
			require.Equal(t, messages.AttemptIndex(1), held.AttemptIndex)
			require.Equal(t, messages.LeaseEpoch(2), held.LeaseEpoch)
			require.NotEqual(t, payloadOf(t, handle).AttemptID, held.AttemptID)
			require.Equal(t, "retry", e.attempt(id, 1, "raw_fields ->> '$.attempt_type'"))
			require.Equal(t, "2", e.raw(id, "total_attempt_count"))
			require.Empty(t, e.raw(id, "pending_retry_reason"))
			require.Empty(t, e.raw(id, "pending_previous_attempt_index"))
			require.Equal(t, fmt.Sprintf("1 NULL retry %d", now), e.attemptVector(id, 0), "history stays")
		})
	}
}

func TestSpec03_S50_APermanentFailureEndsTheExecution(t *testing.T) {
	for _, class := range []messages.FailureClass{
		messages.FailurePermanent, messages.FailureTimeout, messages.FailureCancelled,
	} {
		t.Run(string(class), func(t *testing.T) {
			e := open(t)
			id := e.seeded()
			outcome := e.failed(messages.FailArgs{
				Handle: e.claimed(), Class: class, Reason: messages.FailureReason{Message: "boom", Detail: []byte{0xff, 0xfe}},
			})
			require.Equal(t, messages.FailOutcome{Outcome: messages.FailTerminalFailed}, outcome)
			require.Equal(t, failedVector, e.vector(id))
			require.Equal(t, fmt.Sprintf("1 NULL failed %d", e.now()), e.attemptVector(id, 0))
			require.Equal(t, "//4=", e.attempt(id, 0, "raw_fields ->> '$.failure_detail_b64'"))
			for key, want := range map[string]string{
				"terminal_outcome": "failed", "last_failure_message": "boom", "failure_reason": "boom",
				"failure_category": string(class), "retry_count": "NULL",
			} {
				require.Equal(t, want, e.raw(id, key), key)
			}
			require.Equal(t, "failed", e.completions(id))
			require.Equal(t, "acquired revoked", e.leaseEvents(id))
			_, found, err := e.GetExecutionResult(t.Context(), id)
			require.NoError(t, err)
			require.False(t, found)
		})
	}
}

func TestSpec03_S51_HowManyRetries(t *testing.T) {
	e := open(t)
	for _, c := range []struct {
		change  []func(*messages.CreateExecutionArgs)
		retries int
	}{
		{retries: 3},
		{change: []func(*messages.CreateExecutionArgs){requiring()}, retries: 3},
		{change: []func(*messages.CreateExecutionArgs){retrying(messages.RetryPolicy{})}},
		{
			change: []func(*messages.CreateExecutionArgs){
				retrying(messages.RetryPolicy{MaxRetries: 1, Backoff: messages.FixedBackoff(0)}),
			},
			retries: 1,
		},
	} {
		id := e.created(c.change...)
		for i := range c.retries {
			outcome := e.failed(messages.FailArgs{Handle: e.claimed()})
			require.Equal(t, messages.FailOutcome{
				Outcome: messages.FailRetryScheduled, DelayUntil: e.now(), NextAttemptIndex: messages.AttemptIndex(i + 1),
			}, outcome)
		}
		outcome := e.failed(messages.FailArgs{Handle: e.claimed()})
		require.Equal(t, messages.FailTerminalFailed, outcome.Outcome)
		require.Equal(t, failedVector, e.vector(id))
		require.Equal(t, "failed", e.completions(id))
	}
}

func TestSpec03_S52_ExponentialBackoff(t *testing.T) {
	e := open(t)
	id := e.created(retrying(messages.RetryPolicy{MaxRetries: 4, Backoff: messages.BackoffStrategy{
		Type: messages.BackoffExponential, InitialDelay: time.Second, Multiplier: 2, MaxDelay: 3 * time.Second,
	}}))
	for i, delay := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second} {
		outcome := e.failed(messages.FailArgs{Handle: e.claimed(), Reason: messages.FailureReason{Message: "boom"}})
		due := e.now() + messages.TimestampMs(delay.Milliseconds())
		require.Equal(t, messages.FailOutcome{
			Outcome: messages.FailRetryScheduled, DelayUntil: due, NextAttemptIndex: messages.AttemptIndex(i + 1),
		}, outcome)
		require.Equal(t, backoffVector, e.vector(id))
		require.Equal(t, fmt.Sprint(due), e.raw(id, "delay_until"))
		require.Equal(t, fmt.Sprintf("retry backoff until %d (attempt %d failed: boom)", due, i),
			e.raw(id, "blocking_detail"))

		e.clock.Advance(delay - time.Millisecond)
		e.nothingToClaim()
		e.clock.Advance(time.Millisecond)
	}
	require.Equal(t, messages.FailTerminalFailed, e.failed(messages.FailArgs{Handle: e.claimed()}).Outcome)
}

func TestSpec03_S52_JitterDrawsFromTheUpperHalf(t *testing.T) {
	e := open(t)
	drawn := map[messages.TimestampMs]bool{}
	for range 50 {
		e.created(retrying(messages.RetryPolicy{MaxRetries: 1, Backoff: messages.BackoffStrategy{
			Type: messages.BackoffExponential, InitialDelay: time.Hour, MaxDelay: time.Hour, Multiplier: 1, Jitter: true,
		}}))
		delay := e.failed(messages.FailArgs{Handle: e.claimed()}).DelayUntil - e.now()
		require.GreaterOrEqual(t, delay, messages.TimestampMs(1_800_000))
		require.LessOrEqual(t, delay, messages.TimestampMs(3_600_000))
		drawn[delay] = true
	}
	require.Greater(t, len(drawn), 1)
}

func TestSpec03_S53_RetryableCategories(t *testing.T) {
	e := open(t)
	limited := retrying(messages.RetryPolicy{
		MaxRetries: 1, Backoff: messages.FixedBackoff(0), RetryableCategories: []string{"rate_limit", "infra_crash"},
	})
	for _, c := range []struct {
		name   string
		class  messages.FailureClass
		detail []byte
		want   messages.FailOutcomeKind
	}{
		{"a listed detail", messages.FailureTransient, []byte("rate_limit"), messages.FailRetryScheduled},
		{"another detail", messages.FailureTransient, []byte("other"), messages.FailTerminalFailed},
		{"a permanent failure", messages.FailurePermanent, []byte("rate_limit"), messages.FailTerminalFailed},
		{"a listed class", messages.FailureInfraCrash, nil, messages.FailRetryScheduled},
		{"another class", messages.FailureTransient, nil, messages.FailTerminalFailed},
		{"the class counts if the detail is no text", messages.FailureInfraCrash, []byte{0xff}, messages.FailRetryScheduled},
		{"the detail counts before the class", messages.FailureInfraCrash, []byte("other"), messages.FailTerminalFailed},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := e.created(limited)
			outcome := e.failed(messages.FailArgs{
				Handle: e.claimed(), Class: c.class, Reason: messages.FailureReason{Detail: c.detail},
			})
			require.Equal(t, c.want, outcome.Outcome)
			if c.want == messages.FailRetryScheduled {
				e.cancelled(messages.CancelExecutionArgs{ExecutionID: id}) // Out of the way of the next.
			}
		})
	}
}

func TestSpec03_S54_FailIsRepeatable(t *testing.T) {
	repeated := func(t *testing.T, class messages.FailureClass, change ...func(*messages.CreateExecutionArgs)) {
		t.Helper()
		e := open(t)
		e.created(change...)
		args := messages.FailArgs{Handle: e.claimed(), Class: class}
		first := e.failed(args)
		before := e.stored()
		e.clock.Advance(time.Millisecond)
		require.Equal(t, first, e.failed(args))
		require.Equal(t, before, e.stored())
		if first.Outcome == messages.FailRetryScheduled {
			e.clock.Advance(time.Second)
			require.Equal(t, messages.AttemptIndex(1), payloadOf(t, e.claimed()).AttemptIndex)
			_, err := e.Fail(t.Context(), args)
			require.ErrorIs(t, err, messages.ErrLeaseConflict)
		}
	}
	t.Run("an immediate retry", func(t *testing.T) { repeated(t, messages.FailureTransient) })
	t.Run("a delayed retry", func(t *testing.T) {
		repeated(t, messages.FailureTransient, retrying(messages.RetryPolicy{
			MaxRetries: 1, Backoff: messages.FixedBackoff(time.Second),
		}))
	})
	t.Run("the end", func(t *testing.T) { repeated(t, messages.FailurePermanent) })
}

func TestSpec03_S54_FailAfterCompleteIsNoRepetition(t *testing.T) {
	e := open(t)
	e.created()
	handle := e.claimed()
	require.Equal(t, messages.FailTerminalFailed,
		e.failed(messages.FailArgs{Handle: handle, Class: messages.FailurePermanent}).Outcome)
	requireNotActive(t, e.Complete(t.Context(), handle, nil), messages.NotActiveInfo{
		TerminalOutcome: "failed", LeaseEpoch: "1", LifecyclePhase: "terminal",
		AttemptID: payloadOf(t, handle).AttemptID.String(),
	})
}

func TestSpec03_S56_RetryPoliciesAreReadLeniently(t *testing.T) {
	const never = math.MinInt64
	e := open(t)
	const centuries = math.MaxInt64 / int64(time.Millisecond)
	for _, c := range []struct {
		name    string
		policy  string // retry_policy as stored
		retries int    // retry_count before the failure
		delay   int64
	}{
		{"the last retry is used up", `{"max_retries": 3}`, 3, never},
		{"one is left", `{"max_retries": 3}`, 2, 1000},
		{"not an object", `"not a policy"`, 0, never},
		{"no number of retries", `{"backoff": {"type": "fixed"}}`, 0, never},
		{"a negative number of retries", `{"max_retries": -1}`, 0, never},
		{"a fraction of retries", `{"max_retries": 1.5}`, 0, never},
		{"retries as text", `{"max_retries": "3"}`, 0, never},
		{"no backoff", `{"max_retries": 100}`, 0, 1000},
		{"no type", `{"max_retries": 100, "backoff": {"delay_ms": 5}}`, 0, 1000},
		{"an unknown type", `{"max_retries": 100, "backoff": {"type": "fibonacci"}}`, 0, 1000},
		{"exponential without members", `{"max_retries": 100, "backoff": {"type": "exponential"}}`, 0, 1000},
		{"its tenth retry", `{"max_retries": 100, "backoff": {"type": "exponential"}}`, 10, 60_000},
		{"overflow", `{"max_retries": 100, "backoff": {"type": "exponential", "multiplier": 1e308}}`, 5, 60_000},
		{"a negative delay", `{"max_retries": 100, "backoff": {"type": "exponential", "initial_delay_ms": -5}}`, 1, 0},
		{
			"a fraction", `{"max_retries": 100, "backoff": {"type": "exponential", "multiplier": 1.5,
				"initial_delay_ms": 3}}`, 1, 4,
		},
		{"ill-typed members", `{"max_retries": 100, "backoff": {"type": "exponential", "initial_delay_ms": "5"}}`, 0, 1000},
		{"fixed without a delay", `{"max_retries": 100, "backoff": {"type": "fixed"}}`, 0, 1000},
		{"fixed for ever", `{"max_retries": 100, "backoff": {"type": "fixed", "delay_ms": 1e300}}`, 0, centuries},
		{
			"exponential for ever", `{"max_retries": 100, "backoff": {"type": "exponential", "max_delay_ms": 1e300,
				"multiplier": 1e100}}`, 3, centuries,
		},
		{"null", `null`, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := e.created()
			e.patch(id, fmt.Sprintf(`policy = '{"retry_policy": %s}',
				raw_fields = json_set(raw_fields, '$.retry_count', '%d')`, c.policy, c.retries))
			outcome := e.failed(messages.FailArgs{Handle: e.claimed()})
			if c.delay == never {
				require.Equal(t, messages.FailTerminalFailed, outcome.Outcome)
				return
			}
			require.Equal(t, messages.FailRetryScheduled, outcome.Outcome)
			require.Equal(t, c.delay, int64(outcome.DelayUntil-e.now()))
			require.Equal(t, fmt.Sprint(c.retries+1), e.raw(id, "retry_count"))
			e.cancelled(messages.CancelExecutionArgs{ExecutionID: id}) // Out of the way of the next.
		})
	}
}
