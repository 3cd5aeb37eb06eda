package ffsqlite_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The README's program is the one that the Example runs.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	example, err := os.ReadFile("example_test.go")
	require.NoError(t, err)

	want := between(t, string(example), "func Example() {\n", "\n\n\t// Output:")
	got := between(t, string(readme), "func main() {\n", "\n}\n```")
	require.Equal(t, want, got)
	require.Equal(t,
		between(t, string(example), "import (\n", "\n)\n"),
		between(t, string(readme), "import (\n", "\n)\n"))
}

// between returns what stands between the first begin in text and the first end after it.
func between(t *testing.T, text, begin, end string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, begin)
	require.True(t, found, "no %q", begin)
	middle, _, found := strings.Cut(rest, end)
	require.True(t, found, "no %q", end)
	return middle
}
