package messages_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestOutcomeOfEnded(t *testing.T) {
	for _, test := range []struct {
		stamped, phase, public, attempt string
		want                            messages.CompletionOutcome
	}{
		{"success", "cancelled", "failed", "failed", messages.CompletionSuccess},
		{"failure", "terminal", "completed", "", messages.CompletionFailed},
		{"completed", "terminal", "failed", "", messages.CompletionSuccess},
		{"none", "cancelled", "completed", "success", messages.CompletionCancelled},
		{"", "terminal", "cancelled", "success", messages.CompletionCancelled},
		{"", "terminal", "completed", "failed", messages.CompletionSuccess},
		{"", "terminal", "failed", "success", messages.CompletionFailed},
		{"", "terminal", "expired", "success", messages.CompletionExpired},
		{"", "terminal", "skipped", "success", messages.CompletionSkipped},
		{"", "terminal", "running", "success", messages.CompletionSuccess},
		{"", "terminal", "running", "failure", messages.CompletionFailed},
		{"", "terminal", "running", "expired", messages.CompletionExpired},
		{"", "terminal", "running", "interrupted", messages.CompletionFailed},
		{"", "terminal", "running", "", messages.CompletionFailed},
	} {
		require.Equal(t, test.want, messages.OutcomeOfEnded(test.stamped, test.phase, test.public, test.attempt), "%+v", test)
	}
}
