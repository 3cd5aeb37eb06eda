package messages_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec01_S40_DefaultPolicy(t *testing.T) {
	require.Equal(t, *messages.NewExecutionPolicy(), decoded[messages.ExecutionPolicy](t, `{}`))
	require.Equal(t,
		messages.ExecutionPolicy{MaxReplayCount: 10, MaxSignalsPerExecution: 10000},
		decoded[messages.ExecutionPolicy](t, `{"retry_policy":null,"priority":null,"unknown":1}`))
	requireRoundTrip(t, *messages.NewExecutionPolicy(),
		`{"priority":0,"max_replay_count":10,"max_signals_per_execution":10000}`)
	requireRoundTrip(t, messages.ExecutionPolicy{},
		`{"priority":0,"max_replay_count":0,"max_signals_per_execution":0}`)
}

func TestSpec01_S41_DefaultsOfMembers(t *testing.T) {
	timeouts := decoded[messages.TimeoutPolicy](t, `{"attempt_timeout_ms":30000}`)
	require.Equal(t, messages.TimeoutPolicy{AttemptTimeout: 30 * time.Second}, timeouts)

	retries := decoded[messages.RetryPolicy](t, `{"max_retries":5}`)
	require.Equal(t, messages.RetryPolicy{
		MaxRetries: 5,
		Backoff: messages.BackoffStrategy{
			Type:         messages.BackoffExponential,
			InitialDelay: time.Second,
			MaxDelay:     time.Minute,
			Multiplier:   2,
		},
	}, retries)
	require.Equal(t, *messages.NewRetryPolicy(), decoded[messages.RetryPolicy](t, `{}`))
	require.Equal(t, uint32(3), messages.NewRetryPolicy().MaxRetries)
	require.Equal(t, *messages.NewStreamPolicy(), decoded[messages.StreamPolicy](t, `{}`))
	require.Equal(t, *messages.NewSuspensionPolicy(), decoded[messages.SuspensionPolicy](t, `{}`))
}

func TestSpec01_S42_Backoff(t *testing.T) {
	requireRoundTrip(t, messages.FixedBackoff(500*time.Millisecond), `{"type":"fixed","delay_ms":500}`)
	requireRoundTrip(t, messages.ExponentialBackoff(),
		`{"type":"exponential","initial_delay_ms":1000,"max_delay_ms":60000,"multiplier":2.0,"jitter":false}`)
	requireRoundTrip(t, messages.BackoffStrategy{Type: "fibonacci"}, `{"type":"fibonacci"}`)
	for text, detail := range map[string]string{
		`{"type":"fixed"}`:       "backoff: missing field `delay_ms`",
		`{"type":"exponential"}`: "backoff: missing field `initial_delay_ms`",
		`{"type":"exponential","initial_delay_ms":1,"multiplier":2}`: "backoff: missing field `max_delay_ms`",
		`{"type":"exponential","initial_delay_ms":1,"max_delay_ms":2,"jitter":true}`: "backoff: missing field " +
			"`multiplier`",
	} {
		var backoff messages.BackoffStrategy
		requireInvalid(t, json.Unmarshal([]byte(text), &backoff), messages.CodeInvalidPolicyJSON, detail)
	}
}

func TestSpec01_S43_Delays(t *testing.T) {
	policy := *messages.NewRetryPolicy()
	for n, ms := range []int64{1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000} {
		require.Equal(t, ms, policy.Delay(uint32(n)).Milliseconds())
	}
	require.Equal(t, time.Minute, policy.Delay(math.MaxUint32))
	policy.Backoff = messages.FixedBackoff(500 * time.Millisecond)
	for n := range uint32(8) {
		require.Equal(t, 500*time.Millisecond, policy.Delay(n))
	}
	policy.Backoff = messages.BackoffStrategy{Type: "unknown"}
	require.Equal(t, time.Second, policy.Delay(7))
}

func TestRetryPolicy_DelayAtTheEdges(t *testing.T) {
	exponential := messages.ExponentialBackoff()
	exponential.Multiplier = 1.5
	exponential.InitialDelay = 3 * time.Millisecond
	require.Equal(t, 6*time.Millisecond, exponential.Delay(2)) // 6.75
	exponential.Multiplier = -2
	require.Zero(t, exponential.Delay(1))
	exponential.Multiplier = math.NaN()
	require.Zero(t, exponential.Delay(1))
	exponential = messages.BackoffStrategy{
		Type: messages.BackoffExponential, MaxDelay: math.MaxInt64, InitialDelay: time.Second, Multiplier: 10,
	}
	require.Equal(t, time.Duration(math.MaxInt64).Truncate(time.Millisecond), exponential.Delay(1000))
}

func TestSpec01_S44_EdgePolicyJSON(t *testing.T) {
	requireRoundTrip(t,
		messages.EdgeDependencyPolicy{Kind: messages.AnyOf, OnSatisfied: messages.LetRun},
		`{"kind":"any_of","on_satisfied":"let_run"}`)
	requireRoundTrip(t,
		messages.EdgeDependencyPolicy{Kind: messages.Quorum, K: 2, OnSatisfied: messages.CancelRemaining},
		`{"kind":"quorum","k":2,"on_satisfied":"cancel_remaining"}`)
	requireRoundTrip(t, messages.EdgeDependencyPolicy{Kind: messages.AllOf}, `{"kind":"all_of"}`)
	for policy, text := range map[messages.EdgeDependencyPolicy]string{
		{}:                            `{"kind":"all_of"}`,
		{Kind: messages.AnyOf}:        `{"kind":"any_of","on_satisfied":"cancel_remaining"}`,
		{Kind: messages.Quorum, K: 2}: `{"kind":"quorum","k":2,"on_satisfied":"cancel_remaining"}`,
		{Kind: messages.AllOf, K: 2, OnSatisfied: messages.LetRun}: `{"kind":"all_of"}`,
	} {
		wire, err := json.Marshal(policy)
		require.NoError(t, err)
		require.JSONEq(t, text, string(wire))
		var back messages.EdgeDependencyPolicy
		require.NoError(t, json.Unmarshal(wire, &back))
		require.Equal(t, policy.Normalised(), back)
	}

	for text, detail := range map[string]string{
		`{"kind":"quorum","k":0,"on_satisfied":"let_run"}`: "quorum_k: must be >= 1",
		`{"kind":"quorum","on_satisfied":"let_run"}`:       "quorum_k: must be >= 1",
		`{"kind":"quorum","k":2147483648}`:                 "quorum_k: must be <= 2147483647",
		`{"kind":"some"}`:                                  "policy: unknown kind some",
		`{"kind":"any_of","on_satisfied":"wait"}`:          "on_satisfied: must be cancel_remaining or let_run",
	} {
		var policy messages.EdgeDependencyPolicy
		requireInvalid(t, json.Unmarshal([]byte(text), &policy), messages.CodeInvalidInput, detail)
	}
}

func TestDecodeEdgeDependencyPolicy(t *testing.T) {
	allOf := messages.EdgeDependencyPolicy{Kind: messages.AllOf}
	for text, want := range map[string]messages.EdgeDependencyPolicy{
		`{"kind":"all_of"}`: allOf,
		`{"kind":"odd"}`:    allOf,
		`{}`:                allOf,
		`[1]`:               allOf,
		``:                  allOf,
		`{"kind":"any_of"}`: {Kind: messages.AnyOf, OnSatisfied: messages.CancelRemaining},
		`{"kind":"any_of","on_satisfied":"let_run"}`: {Kind: messages.AnyOf, OnSatisfied: messages.LetRun},
		`{"kind":"quorum","k":0}`:                    {Kind: messages.Quorum, K: 1, OnSatisfied: messages.CancelRemaining},
		`{"kind":"quorum","k":3}`:                    {Kind: messages.Quorum, K: 3, OnSatisfied: messages.CancelRemaining},
		`{"kind":"quorum"}`:                          {Kind: messages.Quorum, K: 1, OnSatisfied: messages.CancelRemaining},
	} {
		require.Equal(t, want, messages.DecodeEdgeDependencyPolicy([]byte(text)), text)
	}
}

func TestSpec01_S45_EdgeEvaluation(t *testing.T) {
	allOf := messages.EdgeDependencyPolicy{}
	anyOf := messages.EdgeDependencyPolicy{Kind: messages.AnyOf, OnSatisfied: messages.LetRun}
	quorum := func(k uint32) messages.EdgeDependencyPolicy {
		return messages.EdgeDependencyPolicy{Kind: messages.Quorum, K: k, OnSatisfied: messages.LetRun}
	}
	type counts = messages.DependencyCounts
	for _, test := range []struct {
		name   string
		policy messages.EdgeDependencyPolicy
		counts counts
		want   messages.EdgeGroupState
	}{
		{"all_of, one runs", allOf, counts{Satisfied: 2, Running: 1}, messages.EdgeGroupPending},
		{"all_of, all ok", allOf, counts{Satisfied: 3}, messages.EdgeGroupSatisfied},
		{"all_of, one skipped", allOf, counts{Satisfied: 1, Skipped: 1, Running: 1}, messages.EdgeGroupImpossible},
		{"all_of, one failed", allOf, counts{Satisfied: 2, Failed: 1}, messages.EdgeGroupImpossible},
		{"all_of, none", allOf, counts{}, messages.EdgeGroupPending},
		{"any_of, one ok", anyOf, counts{Satisfied: 1, Running: 2}, messages.EdgeGroupSatisfied},
		{"any_of, all failed", anyOf, counts{Failed: 3}, messages.EdgeGroupImpossible},
		{"any_of, one runs", anyOf, counts{Failed: 2, Running: 1}, messages.EdgeGroupPending},
		{"any_of, none", anyOf, counts{}, messages.EdgeGroupPending},
		{"quorum, two failed", quorum(2), counts{Failed: 2, Running: 1}, messages.EdgeGroupImpossible},
		{"quorum, two ok", quorum(2), counts{Satisfied: 2, Failed: 1}, messages.EdgeGroupSatisfied},
		{"quorum, open", quorum(2), counts{Satisfied: 1, Failed: 1, Running: 1}, messages.EdgeGroupPending},
		{"quorum above the number", quorum(4), counts{Satisfied: 1, Running: 2}, messages.EdgeGroupImpossible},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, test.policy.Evaluate(test.counts))
		})
	}
}

func TestExecutionPolicy_JSON(t *testing.T) {
	policy := messages.ExecutionPolicy{
		Priority:         7,
		DelayUntil:       1_700_000_000_000,
		RetryPolicy:      &messages.RetryPolicy{MaxRetries: 1, Backoff: messages.FixedBackoff(0), RetryableCategories: []string{"io"}},
		TimeoutPolicy:    &messages.TimeoutPolicy{ExecutionDeadline: time.Hour, MaxReclaimCount: pointer(uint32(0))},
		MaxReclaimCount:  pointer(uint32(2)),
		SuspensionPolicy: &messages.SuspensionPolicy{DefaultTimeout: time.Second, TimeoutBehavior: messages.TimeoutEscalate},
		FallbackPolicy: &messages.FallbackPolicy{Tiers: []messages.FallbackTier{
			{Provider: "p", Model: "m"}, {Provider: "q", Model: "n", Timeout: time.Second},
		}},
		MaxReplayCount: 1,
		BudgetIDs:      []messages.BudgetID{uuid(t, uuidB)},
		QuotaPolicyID:  uuid(t, uuidC),
		RoutingRequirements: &messages.RoutingRequirements{
			RequiredCapabilities: []string{"cuda", "gpu"}, PreferredLocality: "eu", IsolationLevel: "vm",
		},
		DedupWindow:            time.Minute,
		StreamPolicy:           &messages.StreamPolicy{DurabilityMode: "buffered", RetentionMaxlen: 5, RetentionTTL: time.Second},
		MaxSignalsPerExecution: 3,
	}
	requireRoundTrip(t, policy, `{
		"priority": 7,
		"delay_until": 1700000000000,
		"retry_policy": {"max_retries": 1, "backoff": {"type": "fixed", "delay_ms": 0}, "retryable_categories": ["io"]},
		"timeout_policy": {"execution_deadline_ms": 3600000, "max_reclaim_count": 0},
		"max_reclaim_count": 2,
		"suspension_policy": {"default_timeout_ms": 1000, "timeout_behavior": "escalate"},
		"fallback_policy": {"tiers": [{"provider": "p", "model": "m"}, {"provider": "q", "model": "n", "timeout_ms": 1000}]},
		"max_replay_count": 1,
		"budget_ids": ["`+uuidB+`"],
		"quota_policy_id": "`+uuidC+`",
		"routing_requirements": {"required_capabilities": ["cuda", "gpu"], "preferred_locality": "eu", "isolation_level": "vm"},
		"dedup_window_ms": 60000,
		"stream_policy": {"durability_mode": "buffered", "retention_maxlen": 5, "retention_ttl_ms": 1000},
		"max_signals_per_execution": 3
	}`)
}

func TestParseExecutionPolicy(t *testing.T) {
	for text, detail := range map[string]string{
		`{`:                               "malformed",
		``:                                "malformed",
		`null`:                            "malformed",
		`[]`:                              "malformed",
		`7`:                               "malformed",
		`{"routing_requirements":[]}`:     "routing_requirements:not_object",
		`{"routing_requirements":"gpu"}`:  "routing_requirements:not_object",
		`{"retry_policy":{"backoff":{}}}`: "",
	} {
		_, err := messages.ParseExecutionPolicy([]byte(text))
		if detail == "" {
			require.NoError(t, err)
			continue
		}
		requireInvalid(t, err, messages.CodeInvalidPolicyJSON, detail)
	}
	for _, text := range []string{
		`{"priority":"high"}`, `{"max_replay_count":-1}`, `{"dedup_window_ms":1.5}`, `{"budget_ids":[7]}`,
		`{"timeout_policy":{"attempt_timeout_ms":"1s"}}`, `{"stream_policy":{"retention_ttl_ms":[]}}`,
	} {
		_, err := messages.ParseExecutionPolicy([]byte(text))
		require.ErrorIs(t, err, messages.ErrInvalidPolicyJSON, text)
	}
	policy, err := messages.ParseExecutionPolicy([]byte(" \n{\"dedup_window_ms\":9223372036854775807}"))
	require.NoError(t, err)
	require.Equal(t, time.Duration(math.MaxInt64).Truncate(time.Millisecond), policy.DedupWindow)
}

func TestSpec01_S61_RequiredCapabilities(t *testing.T) {
	for text, detail := range map[string]string{
		`"gpu"`:          "required:not_array",
		`{"gpu":true}`:   "required:not_array",
		`[1]`:            "required:non_string_token",
		`[null]`:         "required:non_string_token",
		`[""]`:           "required:empty_token",
		`["a,b"]`:        "required:comma_in_token",
		`["a b"]`:        "required:control_or_whitespace",
		`["a\u007f"]`:    "required:control_or_whitespace",
		`["a,b",""]`:     "required:empty_token",
		`["gp\u00fc"]`:   "",
		`["\u2003wide"]`: "",
		`null`:           "",
		`["gpu","gpu"]`:  "",
	} {
		policy, err := messages.ParseExecutionPolicy(
			[]byte(`{"routing_requirements":{"required_capabilities":` + text + `}}`))
		if err == nil {
			args := createArgs(t)
			args.Policy = policy
			err = args.Validate()
		}
		if detail == "" {
			require.NoError(t, err, text)
			continue
		}
		requireInvalid(t, err, messages.CodeInvalidCapabilities, detail)
	}
}

func TestCreateExecutionArgs_RequiredCapabilities(t *testing.T) {
	args := createArgs(t)
	require.Nil(t, args.RequiredCapabilities())
	require.NoError(t, args.Validate())
	args.Policy = messages.NewExecutionPolicy()
	require.Nil(t, args.RequiredCapabilities())

	given := []string{"gpu", "cuda", "gpu"}
	args.Policy.RoutingRequirements = &messages.RoutingRequirements{RequiredCapabilities: given}
	require.NoError(t, args.Validate())
	require.Equal(t, []string{"cuda", "gpu"}, args.RequiredCapabilities())
	require.Equal(t, []string{"gpu", "cuda", "gpu"}, given)

	args.Policy.RoutingRequirements.RequiredCapabilities = tokens(257)
	requireInvalid(t, args.Validate(), messages.CodeInvalidCapabilities, "required:too_many_tokens")
	args.Policy.RoutingRequirements.RequiredCapabilities = []string{strings.Repeat("a", 4097)}
	requireInvalid(t, args.Validate(), messages.CodeInvalidCapabilities, "required:too_many_bytes")
	args.Policy.RoutingRequirements.RequiredCapabilities = []string{strings.Repeat("a", 4096)}
	require.NoError(t, args.Validate())
}

func TestExecutionPolicy_Validate(t *testing.T) {
	for detail, policy := range map[string]messages.ExecutionPolicy{
		"dedup_window_ms: must not be negative": {DedupWindow: -1},
		"attempt_timeout_ms: must not be negative": {
			TimeoutPolicy: &messages.TimeoutPolicy{AttemptTimeout: -time.Second},
		},
		"execution_deadline_ms: must not be negative": {
			TimeoutPolicy: &messages.TimeoutPolicy{ExecutionDeadline: -time.Second},
		},
		"delay_ms: must not be negative": {
			RetryPolicy: &messages.RetryPolicy{Backoff: messages.FixedBackoff(-time.Second)},
		},
		"multiplier: must be finite": {
			RetryPolicy: &messages.RetryPolicy{Backoff: messages.BackoffStrategy{Multiplier: math.Inf(1)}},
		},
		"retryable_categories: must be valid UTF-8": {
			RetryPolicy: &messages.RetryPolicy{RetryableCategories: []string{"\xff"}},
		},
		"default_timeout_ms: must not be negative": {
			SuspensionPolicy: &messages.SuspensionPolicy{DefaultTimeout: -1},
		},
		"timeout_ms: must not be negative": {
			FallbackPolicy: &messages.FallbackPolicy{Tiers: []messages.FallbackTier{{Timeout: -1}}},
		},
		"retention_ttl_ms: must not be negative": {StreamPolicy: &messages.StreamPolicy{RetentionTTL: -1}},
		"preferred_locality: must be valid UTF-8": {
			RoutingRequirements: &messages.RoutingRequirements{PreferredLocality: "\xff"},
		},
		"required_capabilities: must be valid UTF-8": {
			RoutingRequirements: &messages.RoutingRequirements{RequiredCapabilities: []string{"\xff"}},
		},
	} {
		requireInvalid(t, policy.Validate(), messages.CodeInvalidInput, detail)
	}
	require.Nil(t, messages.NewExecutionPolicy().Validate())
}
