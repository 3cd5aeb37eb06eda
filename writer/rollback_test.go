package writer_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/writer"
)

// A connection that is interrupted for good executes nothing any more, ROLLBACK included.
func TestCommit_ThatCanNeitherCommitNorRollBack(t *testing.T) {
	m := newMachine(t)
	m.must(create(1))
	require.NoError(t, m.Begin())
	require.NoError(t, m.Apply(m.now, create(2)).Err)
	ended, end := context.WithCancel(t.Context())
	end()
	before := m.conn.SetInterrupt(ended)
	_, err := m.Commit()
	var stuck *writer.RollbackError
	require.ErrorAs(t, err, &stuck)
	require.ErrorContains(t, err, "rollback: ")

	m.conn.SetInterrupt(before)
	require.NoError(t, m.Rollback(), "the batch is still open")
	require.Equal(t, []string{"1"}, m.query("SELECT count(*) FROM ff_exec_core"))
}
