package ffsqlite_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every piece of Go in docs/flows.md is a piece of an example that runs.
func TestFlowsDocument(t *testing.T) {
	document, err := os.ReadFile("docs/flows.md")
	require.NoError(t, err)
	examples, err := os.ReadFile("example_flows_test.go")
	require.NoError(t, err)
	pieces := strings.Split(string(document), "```go\n")[1:]
	require.NotEmpty(t, pieces)
	for _, piece := range pieces {
		code, _, found := strings.Cut(piece, "```\n")
		require.True(t, found)
		require.Contains(t, string(examples), "\t"+strings.ReplaceAll(strings.TrimSuffix(code, "\n"), "\n", "\n\t")+"\n")
	}
}
