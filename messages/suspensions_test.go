package messages_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

const suspendNow = messages.TimestampMs(1_700_000_000_000)

// suspendArgs returns arguments that are fine: one fresh waitpoint, and a condition on it.
func suspendArgs(tb testing.TB) messages.SuspendArgs {
	tb.Helper()
	return messages.SuspendArgs{
		SuspensionID:    uuid(tb, uuidA),
		Waitpoints:      []messages.WaitpointBinding{{WaitpointID: uuid(tb, uuidB), WaitpointKey: "k"}},
		ResumeCondition: messages.SingleAny("k"),
		ReasonCode:      messages.SuspendedForSignal,
	}
}

func TestSpec01_S49_SuspendIsValidated(t *testing.T) {
	type args = messages.SuspendArgs
	bind := func(a *args, key string) {
		a.Waitpoints = append(a.Waitpoints, messages.WaitpointBinding{
			WaitpointID: messages.NewWaitpointID(), WaitpointKey: key,
		})
	}
	require.NoError(t, suspendArgs(t).Validate(suspendNow))
	for name, test := range map[string]struct {
		detail string
		change func(*args)
	}{
		"no bindings": {
			"waitpoints_empty: suspend requires at least one waitpoint binding",
			func(a *args) { a.Waitpoints, a.ReasonCode = nil, "" },
		},
		"key mismatch": {
			"waitpoint_key_mismatch", func(a *args) { a.ResumeCondition = messages.SingleAny("K") },
		},
		"mismatch before empty": {
			"waitpoint_key_mismatch", func(a *args) { a.Waitpoints[0].WaitpointKey = "" },
		},
		"empty key": {
			"waitpoint_binding_empty_key at waitpoints[1]",
			func(a *args) { bind(a, ""); a.Waitpoints[1].WaitpointID = a.Waitpoints[0].WaitpointID },
		},
		"the same id": {
			"duplicate_waitpoint_binding at waitpoints[2]",
			func(a *args) {
				bind(a, "l")
				a.Waitpoints = append(a.Waitpoints, messages.WaitpointBinding{
					UsePending: true, WaitpointID: a.Waitpoints[0].WaitpointID,
				})
			},
		},
		"the same key": {
			"duplicate_waitpoint_binding at waitpoints[1]", func(a *args) { bind(a, "k") },
		},
		"timeout only": {
			"timeout_only_without_deadline", func(a *args) { a.ResumeCondition = messages.TimeoutOnly() },
		},
		"an empty name": {
			"resume_condition: empty signal name (use Wildcard instead)",
			func(a *args) { a.ResumeCondition = messages.SingleByName("k", "") },
		},
		"an empty name, deeper": {
			"resume_condition: empty signal name (use Wildcard instead)",
			func(a *args) {
				a.ResumeCondition = nested(6, messages.Count(0, "", messages.SignalNamed("")))
			},
		},
		"too late": {"timeout_at_in_past", func(a *args) { a.TimeoutAt = suspendNow - 600_001 }},
		"structure": {
			"allof_empty_members at path <root>", func(a *args) { a.ResumeCondition = messages.AllOfConditions() },
		},
		"reason":    {`reason_code: unknown reason ""`, func(a *args) { a.ReasonCode = "" }},
		"requester": {`requested_by: unknown requester "me"`, func(a *args) { a.RequestedBy = "me" }},
		"behavior":  {`timeout_behavior: unknown behavior "auto_resume"`, func(a *args) { a.TimeoutBehavior = "auto_resume" }},
		"target": {
			`resume_target: unknown target ""`, func(a *args) { a.ResumePolicy.ConsumeMatchedSignals = true },
		},
		"delay": {
			"resume_delay_ms: must not be negative",
			func(a *args) { a.ResumePolicy = messages.NormalResumePolicy(); a.ResumePolicy.ResumeDelay = -1 },
		},
		"a long key": {
			"waitpoint_key: exceeds 256 bytes (got 257)",
			func(a *args) { a.ResumeCondition = messages.OperatorOnly(); bind(a, strings.Repeat("k", 257)) },
		},
		"a control character": {
			"waitpoint_key: must not contain control characters", func(a *args) { bind(a, "a\n") },
		},
		"pointer":      {"continuation_metadata_pointer: must be valid UTF-8", func(a *args) { a.ContinuationMetadataPointer = "\xff" }},
		"a long once":  {"idempotency_key: exceeds 256 bytes (got 257)", func(a *args) { a.IdempotencyKey = messages.SuspendIdempotencyKey(strings.Repeat("k", 257)) }},
		"a wrong once": {"idempotency_key: must be valid UTF-8", func(a *args) { a.IdempotencyKey = "\xff" }},
	} {
		t.Run(name, func(t *testing.T) {
			a := suspendArgs(t)
			test.change(&a)
			requireInvalid(t, a.Validate(suspendNow), messages.CodeInvalidInput, test.detail)
		})
	}
	for name, change := range map[string]func(*args){
		"an unreferenced binding":  func(a *args) { bind(a, "other") },
		"ten minutes ago":          func(a *args) { a.TimeoutAt = suspendNow - 600_000 },
		"timeout only":             func(a *args) { a.ResumeCondition, a.TimeoutAt = messages.TimeoutOnly(), 1+suspendNow },
		"a pending primary":        func(a *args) { a.Waitpoints[0] = messages.WaitpointBinding{UsePending: true} },
		"256 bytes":                func(a *args) { a.IdempotencyKey = messages.SuspendIdempotencyKey(strings.Repeat("k", 256)) },
		"the policy in full":       func(a *args) { a.ResumePolicy = messages.NormalResumePolicy() },
		"a condition with members": func(a *args) { a.ResumeCondition = messages.AllOfWaitpoints("k", "l") },
	} {
		t.Run(name, func(t *testing.T) {
			a := suspendArgs(t)
			change(&a)
			require.NoError(t, a.Validate(suspendNow))
		})
	}
}

func TestSpec01_S49_EveryKeyNeedsABinding(t *testing.T) {
	a := suspendArgs(t)
	a.ResumeCondition = messages.AllOfWaitpoints("k", "c", "d")
	require.NoError(t, a.ValidateBound([]string{"k"}), "one binding is exempt")
	a.Waitpoints = append(a.Waitpoints, messages.NewFreshBinding())
	require.NoError(t, a.ValidateBound([]string{"d", "c", "k", "e"}))
	requireInvalid(t, a.ValidateBound([]string{"k", "d"}), messages.CodeInvalidInput,
		"referenced_waitpoint_key_missing_binding: c")
}

func TestNewFreshBinding(t *testing.T) {
	binding := messages.NewFreshBinding()
	require.False(t, binding.UsePending)
	require.Equal(t, "wpk:"+binding.WaitpointID.String(), binding.WaitpointKey)
	require.NotEqual(t, binding, messages.NewFreshBinding())
}

func TestSuspendArgs_DedupTTL(t *testing.T) {
	for timeout, want := range map[messages.TimestampMs]time.Duration{
		0:                        7 * 24 * time.Hour,
		suspendNow:               time.Minute,
		suspendNow - 1:           time.Minute,
		suspendNow + 1000:        61 * time.Second,
		suspendNow + 604_740_000: 7 * 24 * time.Hour,
		suspendNow + 604_739_999: 7*24*time.Hour - time.Millisecond,
		1 << 62:                  7 * 24 * time.Hour,
	} {
		require.Equal(t, want, messages.SuspendArgs{TimeoutAt: timeout}.DedupTTL(suspendNow))
	}
}

func TestSuspensionReasons(t *testing.T) {
	for reason, want := range map[messages.SuspensionReasonCode]messages.BlockingReason{
		messages.SuspendedForSignal:         messages.ReasonWaitingForSignal,
		messages.SuspendedForApproval:       messages.ReasonWaitingForApproval,
		messages.SuspendedForCallback:       messages.ReasonWaitingForCallback,
		messages.SuspendedForToolResult:     messages.ReasonWaitingForToolResult,
		messages.SuspendedForOperatorReview: messages.ReasonPausedByOperator,
		messages.SuspendedByPolicy:          messages.ReasonPausedByPolicy,
		messages.SuspendedByBudget:          messages.ReasonWaitingForBudget,
		messages.SuspendedAtStepBoundary:    messages.ReasonWaitingForSignal,
		messages.SuspendedManually:          messages.ReasonPausedByOperator,
		"imported":                          messages.ReasonWaitingForSignal,
	} {
		require.Equal(t, want, reason.BlockingReason())
	}
	for raw, want := range map[string]messages.TimeoutBehavior{
		"fail": messages.TimeoutFail, "cancel": messages.TimeoutCancel, "expire": messages.TimeoutExpire,
		"auto_resume_with_timeout_signal": messages.TimeoutAutoResume, "auto_resume": messages.TimeoutAutoResume,
		"escalate": messages.TimeoutEscalate, "": messages.TimeoutFail, "x": messages.TimeoutFail,
	} {
		require.Equal(t, want, messages.DecodeTimeoutBehavior(raw))
	}
}

func TestSpec01_S81_Suspend(t *testing.T) {
	const required = `"suspension_id":"` + uuidA + `","waitpoints":[{"Fresh":{"waitpoint_id":"` + uuidB +
		`","waitpoint_key":"k"}}],"resume_condition":{"Single":{"waitpoint_key":"k","matcher":"Wildcard"}},` +
		`"reason_code":"waiting_for_signal"`
	requireRoundTripOf := func(a messages.SuspendArgs, text string) {
		encoded, err := json.Marshal(a)
		require.NoError(t, err)
		require.JSONEq(t, text, string(encoded))
		require.NotContains(t, string(encoded), "null")
	}
	requireRoundTripOf(suspendArgs(t), `{`+required+`}`)

	full := decoded[messages.SuspendArgs](t, `{`+required+`,"timeout_at":null}`)
	want := suspendArgs(t)
	want.ResumePolicy, want.RequestedBy, want.TimeoutBehavior =
		messages.NormalResumePolicy(), messages.RequestedByWorker, messages.TimeoutFail
	require.Equal(t, want, full)

	full.Waitpoints = append(full.Waitpoints, messages.WaitpointBinding{UsePending: true, WaitpointID: uuid(t, uuidC)})
	full.RequestedBy, full.TimeoutAt, full.TimeoutBehavior = messages.RequestedByOperator, 7, messages.TimeoutEscalate
	full.ContinuationMetadataPointer, full.IdempotencyKey, full.Now = "p", "once", 9
	full.ResumePolicy.ResumeDelay = 1500 * time.Millisecond
	requireRoundTrip(t, full, `{
		"suspension_id": "`+uuidA+`", "reason_code": "waiting_for_signal", "requested_by": "operator",
		"waitpoints": [{"Fresh": {"waitpoint_id": "`+uuidB+`", "waitpoint_key": "k"}},
			{"UsePending": {"waitpoint_id": "`+uuidC+`"}}],
		"resume_condition": {"Single": {"waitpoint_key": "k", "matcher": "Wildcard"}},
		"resume_policy": {"resume_target": "Runnable", "consume_matched_signals": true,
			"retain_signal_buffer_until_closed": false, "resume_delay_ms": 1500, "close_waitpoint_on_resume": true},
		"timeout_at": 7, "timeout_behavior": "escalate", "continuation_metadata_pointer": "p",
		"idempotency_key": "once", "now": 9
	}`)
	require.Equal(t, messages.NormalResumePolicy(), decoded[messages.ResumePolicy](t, `{}`))
	zero, err := json.Marshal(messages.ResumePolicy{})
	require.NoError(t, err)
	require.Equal(t, messages.NormalResumePolicy(), decoded[messages.ResumePolicy](t, string(zero)))

	for _, text := range []string{
		`{"waitpoints":[{}]}`, `{"waitpoints":["Fresh"]}`, `{"resume_condition":null}`, `{"resume_policy":7}`,
		`{"waitpoints":[{"Fresh":{},"UsePending":{}}]}`, `{"suspension_id":"x"}`,
		`{"resume_policy":{"resume_delay_ms":"1s"}}`,
	} {
		require.Error(t, json.Unmarshal([]byte(text), new(messages.SuspendArgs)), text)
	}
}

func TestSuspendOutcome_JSON(t *testing.T) {
	details := messages.SuspendDetails{
		SuspensionID: uuid(t, uuidA), WaitpointID: uuid(t, uuidB), WaitpointKey: "k", WaitpointToken: "kid:00",
	}
	const fields = `"suspension_id":"` + uuidA + `","waitpoint_id":"` + uuidB + `","waitpoint_key":"k","waitpoint_token":"kid:00"`
	requireRoundTrip(t, messages.SuspendOutcome{Outcome: messages.SuspendAlreadySatisfied, Details: details},
		`{"AlreadySatisfied":{"details":{`+fields+`}}}`)
	details.AdditionalWaitpoints = []messages.AdditionalWaitpoint{
		{WaitpointID: uuid(t, uuidC), WaitpointKey: "l", WaitpointToken: "kid:01"},
	}
	held := messages.Handle{Backend: messages.BackendSqlite, Kind: messages.HandleSuspended, Opaque: "\x02"}
	requireRoundTrip(t,
		messages.SuspendOutcome{Outcome: messages.SuspendSuspended, Details: details, Handle: &held},
		`{"Suspended":{"details":{`+fields+`,"additional_waitpoints":[{"waitpoint_id":"`+uuidC+
			`","waitpoint_key":"l","waitpoint_token":"kid:01"}]},"handle":{"backend":"Sqlite","kind":"Suspended","opaque":[2]}}}`)
}
