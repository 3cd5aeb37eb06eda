package messages_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// tokens returns n different tokens in order.
func tokens(n int) []string {
	set := make([]string, n)
	for i := range set {
		set[i] = fmt.Sprintf("t%03d", i)
	}
	return set
}

func TestSpec01_S59_Matching(t *testing.T) {
	for _, test := range []struct {
		required string
		worker   messages.CapabilitySet
		missing  []string
	}{
		{"", nil, nil},
		{",,,", nil, nil},
		{",,,", messages.CapabilitySet{"gpu"}, nil},
		{"gpu", messages.CapabilitySet{"gpu", "cuda"}, nil},
		{"gpu,cuda", messages.CapabilitySet{"gpu"}, []string{"cuda"}},
		{"GPU", messages.CapabilitySet{"gpu"}, []string{"GPU"}},
		{"c,b,a", nil, []string{"a", "b", "c"}},
	} {
		required := messages.CapabilityRequirementFromCSV(test.required)
		require.Equal(t, required, messages.NewCapabilityRequirement(strings.Split(test.required, ",")...))
		require.Equal(t, test.missing, messages.Missing(required, test.worker), test.required)
		require.Equal(t, test.missing == nil, required.MetBy(test.worker), test.required)
	}
	require.Equal(t, "a,b", messages.NewCapabilityRequirement("b", "", "a", "b").CSV())
	require.Empty(t, messages.CapabilityRequirementFromCSV(",,,"))
}

func TestSpec01_S60_WorkerTokens(t *testing.T) {
	for token, text := range map[string]string{
		"":           "capability token must not be empty",
		"a,b":        `capability token may not contain ',' (CSV delimiter): "a,b"`,
		"a b":        `capability token must not contain whitespace or control characters: "a b"`,
		"a\x01":      `capability token must not contain whitespace or control characters: "a\x01"`,
		"a\u2003b":   `capability token must not contain whitespace or control characters: "a\u2003b"`,
		"two, words": `capability token may not contain ',' (CSV delimiter): "two, words"`,
	} {
		requireInvalid(t, messages.CapabilitySet{"zz", token}.Validate(), messages.CodeInvalidCapabilities, text)
	}
	requireInvalid(t, messages.CapabilitySet{"\xff"}.Validate(), messages.CodeInvalidInput,
		"capabilities: must be valid UTF-8")
	requireInvalid(t, messages.CapabilitySet{"b b", "a,a"}.Validate(), messages.CodeInvalidCapabilities,
		`capability token may not contain ',' (CSV delimiter): "a,a"`)

	require.Nil(t, messages.CapabilitySet(nil).Validate())
	require.Nil(t, messages.CapabilitySet{"gpü"}.Validate())
	require.Nil(t, messages.CapabilitySet(tokens(256)).Validate())
	require.Nil(t, messages.CapabilitySet(append(tokens(256), "t000")).Validate())
	requireInvalid(t, messages.CapabilitySet(tokens(257)).Validate(), messages.CodeInvalidCapabilities,
		"capability set exceeds CAPS_MAX_TOKENS (256): 257")

	half := strings.Repeat("b", 2048)
	require.Nil(t, messages.CapabilitySet{half, half[1:]}.Validate())
	requireInvalid(t, messages.CapabilitySet{half, half + "b"}.Validate(), messages.CodeInvalidCapabilities,
		"capability CSV exceeds CAPS_MAX_BYTES (4096): 4098")
	require.Nil(t, messages.CapabilitySet{half, half}.Validate())
	require.Nil(t, messages.CapabilitySet{strings.Repeat("a", 4096)}.Validate())
	requireInvalid(t, messages.CapabilitySet{strings.Repeat("a", 4097)}.Validate(), messages.CodeInvalidCapabilities,
		"capability CSV exceeds CAPS_MAX_BYTES (4096): 4097")
}

func TestCapabilitySet_Sorted(t *testing.T) {
	given := messages.CapabilitySet{"gpu", "cuda", "gpu"}
	require.Equal(t, []string{"cuda", "gpu"}, given.Sorted())
	require.Equal(t, messages.CapabilitySet{"gpu", "cuda", "gpu"}, given)
}
