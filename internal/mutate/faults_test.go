package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// TestFaults_CanBePlanted sees that the table keeps up with the source: `make mutate` itself takes minutes.
func TestFaults_CanBePlanted(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, len(faults), 20)
	words := map[string]bool{}
	for _, f := range faults {
		t.Run(f.what, func(t *testing.T) {
			require.False(t, words[f.what], "there are two of these")
			words[f.what] = true
			for _, e := range f.edits {
				require.NotEqual(t, e.old, e.new)
				text, err := e.changed(root)
				require.NoError(t, err)
				_, err = parser.ParseFile(token.NewFileSet(), e.file, text, parser.SkipObjectResolution)
				require.NoError(t, err)
			}
			require.Contains(t, reliability(t), "| "+f.what+" |", "run it and bring the table up to date")
			require.NotEmpty(t, f.by.tests)
			for _, name := range f.by.tests {
				require.Contains(t, testsOf(t, f.by.pkg), "\nfunc "+name+"(")
			}
		})
	}
}

// reliability is the page that has the table of the last run.
func reliability(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "reliability.md"))
	require.NoError(t, err)
	return string(text)
}

func TestReliability_NamesTestsThatExist(t *testing.T) {
	t.Parallel()
	all := testsOf(t, ".") + testsOf(t, "writer") + testsOf(t, "subscribers")
	for _, name := range regexp.MustCompile(`\bTest\w+`).FindAllString(reliability(t), -1) {
		if strings.HasSuffix(name, "_") { // All that begin so.
			require.Contains(t, all, "\nfunc "+name)
		} else {
			require.Contains(t, all, "\nfunc "+name+"(")
		}
	}
}

// testsOf is the text of the tests of a package.
func testsOf(t *testing.T, pkg string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	require.NoError(t, err)
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		all.Write(text)
	}
	return all.String()
}

func TestFaults_TextThatIsGone(t *testing.T) {
	t.Parallel()
	for _, old := range []string{"no such text", "package"} { // Package is there too often.
		_, err := edit{file: "internal/mutate/fault.go", old: old}.changed(root)
		require.ErrorContains(t, err, "not once")
	}
}
