package messages_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func fence(tb testing.TB) *messages.LeaseFence {
	tb.Helper()
	return &messages.LeaseFence{LeaseID: uuid(tb, uuidB), LeaseEpoch: 7, AttemptID: uuid(tb, uuidC)}
}

const fenceJSON = `"fence":{"lease_id":"` + uuidB + `","lease_epoch":7,"attempt_id":"` + uuidC + `"}`

func TestFencedArgs_Validate(t *testing.T) {
	id := executionID(t, idA)

	type renew = messages.RenewLeaseArgs
	requireDetails(t, func() renew { return renew{ExecutionID: id, Fence: fence(t), LeaseTTL: time.Second} }, []invalid[renew]{
		{"execution_id: must not be empty", func(a *renew) { a.ExecutionID = messages.ExecutionID{} }},
		{"fence_required", func(a *renew) { a.Fence = nil }},
		{"partial_fence_triple", func(a *renew) { a.Fence.LeaseID = messages.LeaseID{} }},
		{"partial_fence_triple", func(a *renew) { a.Fence.AttemptID = messages.AttemptID{} }},
		{
			"lease_epoch: exceeds i64::MAX (18446744073709551615)",
			func(a *renew) { a.Fence.LeaseEpoch = math.MaxUint64 },
		},
		{"lease_ttl_ms: must be > 0", func(a *renew) { a.LeaseTTL = 0 }},
		{"lease_history_grace_ms: must not be negative", func(a *renew) { a.LeaseHistoryGrace = -1 }},
	})

	type complete = messages.CompleteExecutionArgs
	requireDetails(t, func() complete { return complete{ExecutionID: id} }, []invalid[complete]{
		{"execution_id: must not be empty", func(a *complete) { a.ExecutionID = messages.ExecutionID{} }},
		{"partial_fence_triple", func(a *complete) { a.Fence = new(messages.LeaseFence) }},
		{"result_encoding: must be valid UTF-8", func(a *complete) { a.ResultEncoding = "\xff" }},
		{"source: must be valid UTF-8", func(a *complete) { a.Fence, a.Source = fence(t), "\xff" }},
	})

	type fail = messages.FailExecutionArgs
	fine := func() fail {
		return fail{ExecutionID: id, RetryPolicyJSON: "{not json", NextAttemptPolicyJSON: "{}"}
	}
	requireDetails(t, fine, []invalid[fail]{
		{"execution_id: must not be empty", func(a *fail) { a.ExecutionID = messages.ExecutionID{} }},
		{"failure_reason: must be valid UTF-8", func(a *fail) { a.FailureReason = "\xff" }},
		{"failure_category: must be valid UTF-8", func(a *fail) { a.FailureCategory = "\xff" }},
		{"next_attempt_policy_json: must be valid UTF-8", func(a *fail) { a.NextAttemptPolicyJSON = "\xff" }},
		{"source: must be valid UTF-8", func(a *fail) { a.Fence, a.Source = fence(t), "\xff" }},
	})
	for _, text := range []string{"{", "7", "[]", "null"} {
		args := fine()
		args.NextAttemptPolicyJSON = text
		requireInvalid(t, args.Validate(), messages.CodeInvalidPolicyJSON,
			"next_attempt_policy_json: must be a JSON object")
	}
}

func TestSpec01_S85_OnlyAnOperatorNeedsNoFence(t *testing.T) {
	id := executionID(t, idA)
	for source, refused := range map[messages.CancelSource]bool{
		"": false, messages.SourceOperatorOverride: false, messages.SourceLeaseHolder: true, "billing_job": true,
	} {
		for _, args := range []messages.Validator{
			messages.CompleteExecutionArgs{ExecutionID: id, Source: source},
			messages.FailExecutionArgs{ExecutionID: id, Source: source},
		} {
			if err := args.Validate(); refused {
				requireInvalid(t, err, messages.CodeInvalidInput, "fence_required")
			} else {
				require.NoError(t, err)
			}
		}
	}
}

func TestSpec01_S81_FencedDefaults(t *testing.T) {
	renew := decoded[messages.RenewLeaseArgs](t,
		`{"execution_id":"`+idA+`","attempt_index":0,`+fenceJSON+`,"lease_ttl_ms":1000}`)
	require.Equal(t, messages.RenewLeaseArgs{
		ExecutionID: executionID(t, idA), Fence: fence(t), LeaseTTL: time.Second, LeaseHistoryGrace: time.Minute,
	}, renew)
	requireRoundTrip(t, renew, `{"execution_id":"`+idA+`","attempt_index":0,`+fenceJSON+
		`,"lease_ttl_ms":1000,"lease_history_grace_ms":60000}`)

	complete := decoded[messages.CompleteExecutionArgs](t, `{"execution_id":"`+idA+`","attempt_index":2}`)
	require.Equal(t, messages.CompleteExecutionArgs{
		ExecutionID: executionID(t, idA), AttemptIndex: 2, Source: messages.SourceOperatorOverride,
	}, complete)
	requireRoundTrip(t, complete, `{"execution_id":"`+idA+`","attempt_index":2,"source":"operator_override"}`)

	fail := decoded[messages.FailExecutionArgs](t, `{"execution_id":"`+idA+`","attempt_index":2}`)
	require.Equal(t, messages.FailExecutionArgs{
		ExecutionID: executionID(t, idA), AttemptIndex: 2, Source: messages.SourceOperatorOverride,
	}, fail)
	requireRoundTrip(t, fail, `{"execution_id":"`+idA+
		`","attempt_index":2,"failure_reason":"","failure_category":"","source":"operator_override"}`)
}

func TestFencedArgs_AllFields(t *testing.T) {
	id := executionID(t, idA)
	requireRoundTrip(t,
		messages.CompleteExecutionArgs{
			ExecutionID: id, Fence: fence(t), AttemptIndex: 1, ResultPayload: []byte{}, ResultEncoding: "json",
			Source: "billing_job", Now: 9,
		},
		`{"execution_id":"`+idA+`",`+fenceJSON+`,"attempt_index":1,"result_payload":[],"result_encoding":"json",
			"source":"billing_job","now":9}`)
	requireRoundTrip(t,
		messages.FailExecutionArgs{
			ExecutionID: id, Fence: fence(t), AttemptIndex: 1, FailureReason: "r", FailureCategory: "c",
			RetryPolicyJSON: "{}", NextAttemptPolicyJSON: "{}", Source: messages.SourceLeaseHolder,
		},
		`{"execution_id":"`+idA+`",`+fenceJSON+`,"attempt_index":1,"failure_reason":"r","failure_category":"c",
			"retry_policy_json":"{}","next_attempt_policy_json":"{}","source":"lease_holder"}`)
	requireRoundTrip(t, messages.RenewLeaseResult{Outcome: messages.RenewLeaseRenewed, ExpiresAt: 5},
		`{"Renewed":{"expires_at":5}}`)
	requireRoundTrip(t,
		messages.CompleteExecutionResult{
			Outcome: messages.CompleteExecutionCompleted, ExecutionID: id, PublicState: messages.PublicCompleted,
		},
		`{"Completed":{"execution_id":"`+idA+`","public_state":"completed"}}`)
	for text, into := range map[string]any{
		`{"lease_ttl_ms":"1s"}`:      new(messages.RenewLeaseArgs),
		`{"result_payload":{}}`:      new(messages.CompleteExecutionArgs),
		`{"attempt_index":-1}`:       new(messages.FailExecutionArgs),
		`{"Renewed":[]}`:             new(messages.RenewLeaseResult),
		`{"Completed":{},"More":{}}`: new(messages.CompleteExecutionResult),
	} {
		require.Error(t, json.Unmarshal([]byte(text), into), text)
	}
}
