package messages_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func FuzzParseExecutionPolicy(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"retry_policy":{"max_retries":5,"backoff":{"type":"fixed","delay_ms":500}},"dedup_window_ms":1}`))
	f.Add([]byte(`{"routing_requirements":{"required_capabilities":["gpu","cuda"]},"timeout_policy":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		policy, err := messages.ParseExecutionPolicy(text)
		if err != nil {
			require.ErrorIs(t, err, messages.ErrValidation)
			return
		}
		if policy.Validate() != nil {
			return // such as a negative duration, which the JSON may cut
		}
		encoded, err := json.Marshal(policy)
		require.NoError(t, err)
		back, err := messages.ParseExecutionPolicy(encoded)
		require.NoError(t, err, "%s", encoded)
		require.Nil(t, back.Validate())
		again, err := json.Marshal(back)
		require.NoError(t, err)
		require.Equal(t, string(encoded), string(again))
	})
}

func FuzzEdgeDependencyPolicy(f *testing.F) {
	f.Add([]byte(`{"kind":"all_of"}`), uint32(3), uint32(0), uint32(0), uint32(0))
	f.Add([]byte(`{"kind":"any_of","on_satisfied":"let_run"}`), uint32(1), uint32(2), uint32(0), uint32(0))
	f.Add([]byte(`{"kind":"quorum","k":2,"on_satisfied":"cancel_remaining"}`),
		uint32(1), uint32(1), uint32(1), uint32(4_294_967_295))
	f.Fuzz(func(t *testing.T, text []byte, satisfied, failed, skipped, running uint32) {
		lenient := messages.DecodeEdgeDependencyPolicy(text)
		require.Nil(t, lenient.Validate())
		var strict messages.EdgeDependencyPolicy
		if json.Unmarshal(text, &strict) == nil {
			require.Nil(t, strict.Validate())
			encoded, err := json.Marshal(strict)
			require.NoError(t, err)
			require.Equal(t, messages.DecodeEdgeDependencyPolicy(encoded), decodedPolicy(t, encoded))
		}
		counts := messages.DependencyCounts{Satisfied: satisfied, Failed: failed, Skipped: skipped, Running: running}
		if running == 0 && satisfied+failed+skipped > 0 {
			require.NotEqual(t, messages.EdgeGroupPending, lenient.Evaluate(counts), "nothing runs, so it is decided")
		}
	})
}

func decodedPolicy(t *testing.T, text []byte) messages.EdgeDependencyPolicy {
	t.Helper()
	return decoded[messages.EdgeDependencyPolicy](t, string(text))
}

func FuzzParsePartitionKey(f *testing.F) {
	for _, seed := range []string{"{fp:7}", "{b:3}", "{q:31}", "{fp:007}", "{fp:65536}", "fp:0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		partition, err := messages.ParsePartitionKey(text)
		if err != nil {
			var precise *messages.PartitionKeyError
			require.ErrorAs(t, err, &precise)
			require.ErrorIs(t, err, messages.ErrInvalidInput)
			return
		}
		back, err := messages.ParsePartitionKey(string(messages.PartitionKeyOf(partition)))
		require.NoError(t, err)
		require.Equal(t, partition, back)
	})
}
