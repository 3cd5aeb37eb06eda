package ffsqlite_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every piece of Go in these documents is a piece of an example that runs.
func TestDocuments(t *testing.T) {
	for path, program := range map[string]string{
		"docs/executions.md": "example_executions_test.go",
		"docs/flows.md":      "example_flows_test.go",
	} {
		document, err := os.ReadFile(path)
		require.NoError(t, err)
		examples, err := os.ReadFile(program)
		require.NoError(t, err)
		pieces := strings.Split(string(document), "```go\n")[1:]
		require.NotEmpty(t, pieces)
		for _, piece := range pieces {
			code, _, found := strings.Cut(piece, "```\n")
			require.True(t, found)
			code = "\t" + strings.ReplaceAll(strings.TrimSuffix(code, "\n"), "\n", "\n\t") + "\n"
			require.Contains(t, string(examples), strings.ReplaceAll(code, "\n\t\n", "\n\n"), path)
		}
	}
}
