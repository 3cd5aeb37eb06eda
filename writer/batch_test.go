package writer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// corrupt makes the completion of an execution fail after its first write: the completion event is refused.
const corrupt = `
CREATE TRIGGER refuse BEFORE INSERT ON ff_completion_event WHEN NEW.execution_id = x'00000000000040008000000000000002'
BEGIN SELECT RAISE(ABORT, 'refused'); END`

func TestBatch_AMessageThatFailsAfterItWroteFailsAlone(t *testing.T) {
	m := newMachine(t)
	handles := make([]messages.Handle, 0, 3)
	for n := range byte(3) {
		m.must(create(n + 1))
		handles = append(handles, m.claimed())
	}
	require.NoError(t, m.conn.Exec(corrupt))

	require.NoError(t, m.Begin())
	first := m.Apply(m.now, messages.CompleteArgs{Handle: handles[0], Payload: []byte("one")})
	second := m.Apply(m.now, messages.CompleteArgs{Handle: handles[1], Payload: []byte("two")})
	third := m.Apply(m.now, messages.CompleteArgs{Handle: handles[2], Payload: []byte("three")})
	fourth := m.Apply(m.now, create(4))
	committed, err := m.Commit()
	require.NoError(t, err)

	require.NoError(t, first.Err)
	require.ErrorIs(t, second.Err, messages.ErrTransport)
	require.NoError(t, third.Err)
	require.NoError(t, fourth.Err)
	require.Equal(t, []string{"completed", "active", "completed", "waiting"},
		m.query("SELECT public_state FROM ff_exec_core ORDER BY execution_id"))
	require.Equal(t, []string{"1", "2"}, m.query("SELECT event_id FROM ff_completion_event"))
	require.Len(t, committed.Completions, 2, "events of the messages that stand, once each")
	require.Equal(t, []string{"acquired", "acquired", "acquired", "revoked", "revoked"},
		m.query("SELECT event_type FROM ff_lease_event ORDER BY event_id"))
}

// Two jobs that fail for a row each, in a batch that runs carefully and in which a claim has done what was due, must not
// make each other due again and again.
func TestBatch_JobsThatFailEndNevertheless(t *testing.T) {
	m := newMachine(t)
	slow := create(1)
	slow.Policy = messages.NewExecutionPolicy()
	slow.Policy.TimeoutPolicy = &messages.TimeoutPolicy{AttemptTimeout: time.Second}
	m.must(slow)
	m.claimed()
	mortal := create(2)
	mortal.ExecutionDeadlineAt = m.now + 1000
	m.must(mortal)
	delayed := create(3)
	delayed.DelayUntil = m.now + 500
	m.must(delayed)
	require.NoError(t, m.conn.Exec(`
		CREATE TRIGGER refuse BEFORE INSERT ON ff_completion_event BEGIN SELECT RAISE(ABORT, 'refused'); END`))

	require.NoError(t, m.Begin())
	m.now += 600
	require.NoError(t, m.Apply(m.now, claimNext()).Err)
	m.now += 1000
	for runs := 1; m.RunDue(m.now); runs++ {
		require.Less(t, runs, 10)
	}
	_, err := m.Commit()
	require.NoError(t, err)
	require.Equal(t, []string{"active", "active", "waiting"}, m.query("SELECT public_state FROM ff_exec_core ORDER BY execution_id"))
}

func TestBatch_AnInvalidMessageLeavesTheOthersAlone(t *testing.T) {
	// 02 scenario 25.
	m := newMachine(t)
	require.NoError(t, m.Begin())
	for n := range byte(100) {
		if n == 49 {
			require.ErrorIs(t, m.Apply(m.now, messages.AddExecutionToFlowArgs{
				FlowID: messages.NewFlowID(), ExecutionID: create(1).ExecutionID,
			}).Err, messages.ErrFlowNotFound)
			continue
		}
		require.NoError(t, m.Apply(m.now, create(n+1)).Err)
	}
	_, err := m.Commit()
	require.NoError(t, err)
	require.Equal(t, []string{"99"}, m.query("SELECT count(*) FROM ff_exec_core"))
}

func TestBatch_RollbackLeavesNothing(t *testing.T) {
	m := newMachine(t)
	m.must(create(1))
	handle := m.claimed()
	before := m.NextDeadline()

	require.NoError(t, m.Begin())
	require.NoError(t, m.Apply(m.now, messages.CompleteArgs{Handle: handle}).Err)
	delayed := create(2)
	delayed.DelayUntil = m.now + 1
	require.NoError(t, m.Apply(m.now, delayed).Err)
	require.Equal(t, m.now+1, m.NextDeadline())
	require.NoError(t, m.Rollback())

	require.Equal(t, before, m.NextDeadline())
	require.Equal(t, []string{"active"}, m.query("SELECT public_state FROM ff_exec_core"))
	require.Empty(t, m.query("SELECT event_id FROM ff_completion_event"))
	m.must(messages.CompleteArgs{Handle: handle})
}

func TestBatch_AWaitingClaimIsServedOnceWhenTheBatchRunsAgain(t *testing.T) {
	m := newMachine(t)
	m.must(create(2))
	broken := m.claimed()
	require.NoError(t, m.conn.Exec(corrupt))
	wait := messages.ClaimWaitArgs{ClaimNextArgs: claimNext()}
	caller := &waiter{}

	require.NoError(t, m.Begin())
	require.NoError(t, m.Apply(m.now, wait).Err)
	m.Wait(caller, wait)
	require.NoError(t, m.Apply(m.now, create(1)).Err)
	require.Error(t, m.Apply(m.now, messages.CompleteArgs{Handle: broken}).Err)
	require.NoError(t, m.Apply(m.now, create(3)).Err)
	_, err := m.Commit()
	require.NoError(t, err)

	require.Len(t, m.Served(), 1)
	served, ok := m.Served()[0].Reply.(messages.ClaimNextResult)
	require.True(t, ok)
	require.Equal(t, create(1).ExecutionID, served.Task.ExecutionID)
	require.Equal(t, []byte{1}, served.Task.InputPayload)
	require.Zero(t, m.WaitingClaims())
	require.Equal(t, []string{"active", "active", "waiting"},
		m.query("SELECT public_state FROM ff_exec_core ORDER BY execution_id"))
	require.NoError(t, m.conn.Exec("DROP TRIGGER refuse"))
	m.must(messages.CompleteArgs{Handle: served.Task.Handle})
}

func TestBatch_AWaitingClaimWaitsOnWhenTheBatchIsRolledBack(t *testing.T) {
	m := newMachine(t)
	wait := messages.ClaimWaitArgs{ClaimNextArgs: claimNext()}
	require.NoError(t, m.Begin())
	m.Apply(m.now, wait)
	m.Wait(&waiter{}, wait)
	_, err := m.Commit()
	require.NoError(t, err)

	require.NoError(t, m.Begin())
	require.NoError(t, m.Apply(m.now, create(1)).Err)
	require.Len(t, m.Served(), 1)
	require.NoError(t, m.Rollback())
	require.Equal(t, 1, m.WaitingClaims())

	m.must(create(1))
	require.Len(t, m.Served(), 1)
	require.Zero(t, m.WaitingClaims())
}
