package writer_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/internal/fftest"
)

// machines makes the names of memory databases unique.
var machines atomic.Int64

// FuzzWriter_Messages makes a message sequence of the bytes. After every commit the rows are consistent, and a writer
// that knows only the rows would go on with the same work.
func FuzzWriter_Messages(f *testing.F) {
	f.Add([]byte("a flow of two executions is created, claimed, completed"))
	f.Fuzz(func(t *testing.T, bytes []byte) {
		bytes = bytes[:min(len(bytes), 4096)]
		m := newMachineAt(t, fmt.Sprintf("file:/ffsqlite/fuzz-%d?vfs=mvcc", machines.Add(1)))
		sql := fftest.OpenSQL(t, m.source)
		s := &script{machine: m, tape: bytes}
		s.play(func() {
			fftest.Consistent(t, sql)
			m.remembers()
		})
		fftest.Intact(t, sql)
	})
}

// remembers asserts that the writer would do nothing later than one that knew only the rows.
func (m *machine) remembers() {
	m.t.Helper()
	stored := m.stored()
	if next := stored.NextDeadline(); next != 0 {
		require.NotZero(m.t, m.NextDeadline())
		require.LessOrEqual(m.t, m.NextDeadline(), next)
	}
	require.Equal(m.t, stored.HasHops(), m.HasHops())
	require.NoError(m.t, stored.Close())
}
