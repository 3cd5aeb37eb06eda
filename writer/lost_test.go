package writer_test

import (
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/writer"
)

// inBothModes runs a test on a batch that is open and runs its steps as at first, and on one that runs again, carefully.
// The executions from 3 on are free.
func inBothModes(t *testing.T, newMachine func(testing.TB) *machine, test func(*machine)) {
	t.Helper()
	for _, careful := range []bool{false, true} {
		name := map[bool]string{false: "at first", true: "carefully"}[careful]
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.must(create(2))
			broken := m.claimed()
			require.NoError(t, m.conn.Exec(corrupt))
			require.NoError(t, m.Begin())
			if careful {
				require.ErrorIs(t, m.Apply(m.now, messages.CompleteArgs{Handle: broken}).Err, messages.ErrTransport)
			}
			test(m)
		})
	}
}

// newFaulty is a machine with a page cache of nearly nothing, so that a batch is written before it commits.
func newFaulty(t testing.TB) *machine {
	t.Helper()
	files := fftest.NewFaultyVFS(t)
	m := newMachineAt(t, "file:"+filepath.ToSlash(filepath.Join(t.TempDir(), "faulty.db"))+"?vfs="+files.Name())
	require.NoError(t, m.conn.Exec("PRAGMA cache_size = 8"))
	m.files = files
	return m
}

func large(n byte) messages.CreateExecutionArgs {
	args := create(n)
	args.InputPayload = make([]byte, 1<<20)
	return args
}

func TestLost_AFailedWriteInTheMiddleFailsTheWholeBatch(t *testing.T) {
	for name, fault := range map[string]struct {
		inject fftest.Fault
		cause  error
	}{
		"disk full": {fftest.DiskFull(), sqlite3.FULL},
		"I/O error": {fftest.IOError(), sqlite3.IOERR_WRITE},
	} {
		t.Run(name, func(t *testing.T) {
			inBothModes(t, newFaulty, func(m *machine) {
				before := fftest.OpenSQL(m.t, m.source).Dump()
				first := m.Apply(m.now, create(3))
				require.NoError(m.t, first.Err)
				m.files.Inject(fault.inject)
				second := m.Apply(m.now, large(4))
				require.ErrorIs(m.t, second.Err, fault.cause)
				require.ErrorIs(m.t, m.Lost(), fault.cause)
				m.files.Inject(nil)
				third := m.Apply(m.now, create(5))
				_, err := m.Commit()
				require.ErrorIs(m.t, err, messages.ErrTransport)

				for _, answer := range []error{first.Err, second.Err, third.Err, err} {
					require.ErrorIs(m.t, answer, messages.ErrTransport)
					require.ErrorIs(m.t, answer, fault.cause)
				}
				require.Nil(m.t, first.Reply)
				require.Equal(m.t, before, fftest.OpenSQL(m.t, m.source).Dump(), "nothing is stored")
				m.must(create(3))
				m.must(large(4))
				require.Equal(m.t, []string{"3"}, m.query("SELECT count(*) FROM ff_exec_core"))
			})
		})
	}
}

// readsFail applies a message whose pages have left the cache, returns its answer, and makes reads fail from then on.
func (m *machine) readsFail(cause error) *writer.Answer {
	m.t.Helper()
	first := m.Apply(m.now, create(3))
	require.NoError(m.t, first.Err)
	require.NoError(m.t, m.Apply(m.now, large(4)).Err, "it drives the other pages out of the cache")
	m.files.Inject(func(o fftest.Operation) error {
		if o.Kind == fftest.OpRead {
			return cause
		}
		return nil
	})
	return first
}

func TestLost_AFailedReadFailsTheWholeBatch(t *testing.T) {
	inBothModes(t, newFaulty, func(m *machine) {
		first := m.readsFail(sqlite3.IOERR_READ)
		require.ErrorIs(m.t, m.Apply(m.now, messages.CreateFlowArgs{Namespace: "default"}).Err, sqlite3.IOERR_READ)
		_, err := m.Commit()
		require.ErrorIs(m.t, err, sqlite3.IOERR_READ)
		require.ErrorIs(m.t, first.Err, sqlite3.IOERR_READ)
		require.True(m.t, m.HasHops(), "unknown until they can be read")
		require.ErrorIs(m.t, m.Begin(), messages.ErrTransport)
		require.True(m.t, m.conn.GetAutocommit(), "a batch that did not begin leaves no transaction")

		m.files.Inject(nil)
		m.must(create(3))
		require.False(m.t, m.HasHops())
		require.Equal(m.t, []string{"2"}, m.query("SELECT count(*) FROM ff_exec_core"))
	})
}

func TestLost_DamageFailsTheWholeBatch(t *testing.T) {
	inBothModes(t, newFaulty, func(m *machine) {
		first := m.readsFail(sqlite3.CORRUPT)
		require.True(m.t, database.IsFatal(m.Apply(m.now, messages.CreateFlowArgs{Namespace: "default"}).Err))
		require.False(m.t, m.conn.GetAutocommit(), "SQLite would go on")
		m.files.Inject(nil)
		require.ErrorIs(m.t, m.Apply(m.now, create(5)).Err, sqlite3.CORRUPT)
		_, err := m.Commit()
		require.True(m.t, database.IsFatal(err))
		require.ErrorIs(m.t, first.Err, sqlite3.CORRUPT)
		require.Equal(m.t, []string{"1"}, m.query("SELECT count(*) FROM ff_exec_core"))
	})
}

func TestLost_APanicFailsAlone(t *testing.T) {
	// 02 scenario 30.
	inBothModes(t, newMachine, func(m *machine) {
		claim := messages.ClaimNextArgs{
			Lanes: []messages.LaneID{"delayed"}, WorkerID: "w", WorkerInstanceID: "w-1", LeaseTTL: claimNext().LeaseTTL,
		}
		delayed := create(3)
		delayed.LaneID, delayed.DelayUntil = "delayed", m.now+1
		require.NoError(m.t, m.Apply(m.now, delayed).Err)
		m.now++
		m.ids.broken = true
		panicked := m.Apply(m.now, claim) // It promotes the execution before it panics.
		m.ids.broken = false
		require.ErrorIs(m.t, panicked.Err, messages.ErrBug)
		require.Nil(m.t, panicked.Reply)
		require.NoError(m.t, m.Lost())
		other := m.Apply(m.now, create(4))
		_, err := m.Commit()
		require.NoError(m.t, err)

		require.NoError(m.t, other.Err)
		require.ErrorIs(m.t, panicked.Err, messages.ErrBug)
		require.Equal(m.t, []string{"active", "delayed", "waiting"},
			m.query("SELECT public_state FROM ff_exec_core ORDER BY execution_id"))
		reply, ok := m.must(claim).(messages.ClaimNextResult)
		require.True(m.t, ok)
		require.Equal(m.t, delayed.ExecutionID, reply.Task.ExecutionID)
	})
}

func TestLost_APanicOfAWaitingClaimFailsItAlone(t *testing.T) {
	inBothModes(t, newMachine, func(m *machine) {
		wait := messages.ClaimWaitArgs{ClaimNextArgs: claimNext()}
		first, second := &waiter{}, &waiter{}
		for _, w := range []*waiter{first, second} {
			require.NoError(m.t, m.Apply(m.now, wait).Err)
			m.Wait(w, wait)
		}
		m.ids.broken = true
		created := m.Apply(m.now, create(3))
		m.ids.broken = false
		require.NoError(m.t, created.Err)
		again := m.Apply(m.now, create(4))
		_, err := m.Commit()
		require.NoError(m.t, err)

		require.NoError(m.t, created.Err)
		require.NoError(m.t, again.Err)
		require.Len(m.t, m.Served(), 2, "both callers hear of it, for both claims were tried")
		for _, served := range m.Served() {
			require.ErrorIs(m.t, served.Err, messages.ErrBug)
		}
		require.Equal(m.t, []string{"active", "waiting", "waiting"},
			m.query("SELECT public_state FROM ff_exec_core ORDER BY execution_id"))
	})
}
