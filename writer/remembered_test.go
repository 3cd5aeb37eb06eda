package writer_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/writer"
)

// TestRemembered_EveryStatementThatChangesThem keeps the list of statements that change rows which the writer may
// remember. A new one has to forget them, or to leave alone what is remembered of them, and then stands here with why.
func TestRemembered_EveryStatementThatChangesThem(t *testing.T) {
	t.Parallel()
	known := map[string]string{
		"storeExecutionSQL":  "forgets",
		"storeAttemptSQL":    "forgets",
		"joinFlowSQL":        "the row is stored after it",
		"storePrioritySQL":   "the row is stored after it, and has no lease",
		"passResultSQL":      "payloads are not remembered",
		"clearResultSQL":     "the execution has ended, and has no lease",
		"deleteExecutionSQL": "the execution has ended, and has no lease",
		"deleteAttemptsSQL":  "the execution has ended, and has no lease",
	}
	changes := regexp.MustCompile(`(?i)(update|delete from|replace into)\s+(ff_exec_core|ff_attempt|ff_lane_registry)\b` +
		`|insert into\s+(ff_suspension_current|ff_waitpoint_pending|ff_claim_grant)\b`)
	var found []string
	for name, sql := range statementNames(t) {
		if changes.MatchString(sql) {
			found = append(found, name)
			require.Contains(t, known, name)
		}
	}
	require.Len(t, found, len(known), "%v", slices.Sorted(slices.Values(found)))
}

// TestRemembered_LeavesAHolderNothingToRead asserts it of everything that a worker does with its lease.
func TestRemembered_LeavesAHolderNothingToRead(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.must(create(1))
	handle := m.claimed()
	m.must(messages.RenewArgs{Handle: handle})
	m.must(messages.ProgressArgs{Handle: handle, Message: new(string)})
	m.must(messages.AppendFrameArgs{Handle: handle, Frame: messages.Frame{FrameType: "stdout", Bytes: []byte("x")}})
	m.must(messages.CompleteArgs{Handle: handle})
	names := statementNames(t)
	for _, name := range []string{"loadExecutionSQL", "loadExecutionRowSQL", "glanceSQL"} {
		require.Contains(t, names, name)
		require.NotContains(t, m.Prepared(), names[name])
	}
}

// TestRemembered_IsAsGoodAsTheRows completes after every kind of change that somebody else could make.
func TestRemembered_IsAsGoodAsTheRows(t *testing.T) {
	t.Parallel()
	t.Run("another connection changes the attempt", func(t *testing.T) {
		t.Parallel()
		m := newMachine(t)
		m.must(create(1))
		handle := m.claimed()
		fftest.OpenSQL(t, m.source).Exec(`UPDATE ff_attempt SET lease_epoch = 9`)
		_, err := m.apply(messages.CompleteArgs{Handle: handle})
		require.ErrorIs(t, err, messages.ErrLeaseConflict)
	})
	t.Run("another connection forgets the lane", func(t *testing.T) {
		t.Parallel()
		m := newMachine(t)
		m.must(create(1))
		sql := fftest.OpenSQL(t, m.source)
		sql.Exec(`DELETE FROM ff_lane_registry`)
		m.must(create(2))
		require.EqualValues(t, 1, sql.Int(`SELECT count(*) FROM ff_lane_registry`))
	})
	t.Run("another connection stores a grant", func(t *testing.T) {
		t.Parallel()
		m := newMachine(t)
		m.must(create(1))
		m.must(messages.CompleteArgs{Handle: m.claimed()})
		m.must(create(2))
		handle := m.claimed()
		sql := fftest.OpenSQL(t, m.source)
		sql.Exec(`INSERT INTO ff_claim_grant (partition_key, grant_id, execution_id, kind, worker_id, worker_instance_id,
                                              grant_ttl_ms, issued_at_ms, expires_at_ms)
                  SELECT partition_key, x'00', execution_id, 'claim', 'w', 'w-1', 1, 1, 2
                    FROM ff_exec_core
                   WHERE lifecycle_phase = 'active'`)
		m.must(messages.CompleteArgs{Handle: handle})
		require.Zero(t, sql.Int(`SELECT count(*) FROM ff_claim_grant`))
	})
	t.Run("the batch of the claim is rolled back", func(t *testing.T) {
		t.Parallel()
		m := newMachine(t)
		m.must(create(1))
		require.NoError(t, m.Begin())
		handle := taken(t, m.Apply(m.now, claimNext()))
		require.NoError(t, m.Rollback())
		_, err := m.apply(messages.CompleteArgs{Handle: handle})
		require.ErrorIs(t, err, messages.ErrNotFound)
	})
	t.Run("more leases than are remembered", func(t *testing.T) {
		t.Parallel()
		m := newMachine(t)
		const leases = 5000
		handles := make([]messages.Handle, 0, leases)
		require.NoError(t, m.Begin())
		for range leases {
			job := create(0)
			job.ExecutionID = messages.NewSoloExecutionID("default", messages.PartitionConfig{})
			require.NoError(t, m.Apply(m.now, job).Err)
			handles = append(handles, taken(t, m.Apply(m.now, claimNext())))
		}
		for _, handle := range handles {
			require.NoError(t, m.Apply(m.now, messages.CompleteArgs{Handle: handle}).Err)
		}
		_, err := m.Commit()
		require.NoError(t, err)
	})
}

// taken is what a claim in an open batch has got.
func taken(t *testing.T, answer *writer.Answer) messages.Handle {
	t.Helper()
	require.NoError(t, answer.Err)
	result, ok := answer.Reply.(messages.ClaimNextResult)
	require.True(t, ok)
	return result.Task.Handle
}
