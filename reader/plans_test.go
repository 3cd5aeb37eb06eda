package reader_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/reader"
)

// TestReader_Plans keeps the plan of every statement. None scans a table or sorts; sqlite_sequence is as small as the
// schema, a subquery has what its own search found, and json_each walks one document.
func TestReader_Plans(t *testing.T) {
	f := newFixture(t)
	statements, err := reader.Statements()
	require.NoError(t, err)
	var got strings.Builder
	for _, statement := range statements {
		got.WriteString(statement.Name + "\n")
		for _, step := range plan(t, f, statement.SQL) {
			got.WriteString("  " + step + "\n")
			if strings.HasPrefix(step, "SCAN") {
				require.Regexp(t, `^SCAN (CONSTANT ROW|sqlite_sequence|\(subquery-\d+\)|(wanted|tag) VIRTUAL TABLE .*)$`, step, statement.Name)
			}
			require.NotContains(t, step, "TEMP B-TREE", statement.Name)
			require.NotContains(t, step, "AUTOMATIC", statement.Name)
		}
	}

	golden := filepath.Join("testdata", "plans.golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())
}

func plan(tb testing.TB, f *fixture, sql string) (steps []string) {
	tb.Helper()
	stmt, _, err := f.conn.Prepare("EXPLAIN QUERY PLAN " + sql)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, stmt.Close()) }()
	for stmt.Step() {
		steps = append(steps, stmt.ColumnText(3))
	}
	require.NoError(tb, stmt.Err())
	return steps
}
