package writer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// waiter is the caller behind a waiting claim, as strict as the one of the engine.
type waiter struct {
	taken   bool
	leaving bool // it wants an answer and does not wait on
	gone    bool // it left before it was taken
}

func (w *waiter) Take() bool {
	if w.taken || w.gone {
		return false
	}
	w.taken = true
	return true
}

func (w *waiter) PutBack() bool {
	if !w.taken || w.leaving {
		return false
	}
	w.taken = false
	return true
}

// waits makes a claim wait for work, in a batch of its own.
func (m *machine) waits(w *waiter) messages.ClaimWaitArgs {
	m.t.Helper()
	wait := messages.ClaimWaitArgs{ClaimNextArgs: claimNext()}
	require.NoError(m.t, m.Begin())
	require.NoError(m.t, m.Apply(m.now, wait).Err)
	m.Wait(w, wait)
	m.commits()
	return wait
}

func (m *machine) commits() {
	m.t.Helper()
	_, err := m.Commit()
	require.NoError(m.t, err)
}

// claimedBy is the execution that a served claim has got.
func (m *machine) claimedBy(w *waiter) messages.ExecutionID {
	m.t.Helper()
	for _, served := range m.Served() {
		if served.Waiter == w {
			require.NoError(m.t, served.Err)
			return served.Reply.(messages.ClaimNextResult).Task.ExecutionID
		}
	}
	require.Fail(m.t, "the claim was not served")
	return messages.ExecutionID{}
}

// breaks makes the open batch run again.
func (m *machine) breaks(broken messages.Handle) {
	m.t.Helper()
	require.ErrorIs(m.t, m.Apply(m.now, messages.CompleteArgs{Handle: broken}).Err, messages.ErrTransport)
}

// broken is the handle of an execution whose completion fails after its first write.
func (m *machine) broken() messages.Handle {
	m.t.Helper()
	m.must(create(2))
	handle := m.claimed()
	require.NoError(m.t, m.conn.Exec(corrupt))
	return handle
}

func TestWaiting_AClaimThatBeganToWaitInABatchIsNotServedByWhatCameBefore(t *testing.T) {
	m := newMachine(t)
	broken := m.broken()
	wait := messages.ClaimWaitArgs{ClaimNextArgs: claimNext()}
	late := &waiter{}

	require.NoError(t, m.Begin())
	require.NoError(t, m.Apply(m.now, create(1)).Err)
	early := m.Apply(m.now, claimNext())
	require.NoError(t, m.Apply(m.now, wait).Err)
	m.Wait(late, wait)
	m.breaks(broken)
	m.commits()

	require.Equal(t, create(1).ExecutionID, early.Reply.(messages.ClaimNextResult).Task.ExecutionID)
	require.Empty(t, m.Served())
	require.False(t, late.taken)
	m.must(create(3))
	require.Equal(t, create(3).ExecutionID, m.claimedBy(late))
}

func TestWaiting_AClaimThatEndedSomethingDoesSoAgain(t *testing.T) {
	m := newMachine(t)
	policy := messages.NewExecutionPolicy()
	none := uint32(0)
	policy.MaxReclaimCount = &none
	lost := create(1)
	lost.Policy = policy
	m.must(lost)
	m.claimed()
	m.now += 60_000
	broken := m.broken()
	wait := messages.ClaimWaitArgs{ClaimNextArgs: claimNext()}

	require.NoError(t, m.Begin())
	require.NoError(t, m.Apply(m.now, wait).Err)
	m.Wait(&waiter{}, wait)
	m.breaks(broken)
	m.commits()

	require.Equal(t, 1, m.WaitingClaims())
	require.Equal(t, []string{"failed", "active"}, m.query("SELECT public_state FROM ff_exec_core ORDER BY execution_id"))
}

func TestWaiting_AClaimOfALeavingCaller(t *testing.T) {
	t.Run("is answered when its batch fails", func(t *testing.T) {
		m := newMachine(t)
		stays, leaves := &waiter{}, &waiter{}
		m.waits(stays)
		m.waits(leaves)
		require.NoError(t, m.Begin())
		require.NoError(t, m.Apply(m.now, create(1)).Err)
		require.NoError(t, m.Apply(m.now, create(3)).Err)
		leaves.leaving = true
		require.NoError(t, m.Rollback())

		require.Len(t, m.Served(), 1)
		require.Equal(t, leaves, m.Served()[0].Waiter)
		require.Nil(t, m.Served()[0].Reply)
		require.Equal(t, 1, m.WaitingClaims())
		require.False(t, stays.taken)
		m.must(create(1))
		require.Equal(t, create(1).ExecutionID, m.claimedBy(stays))
	})
	t.Run("is answered when only the first run served it", func(t *testing.T) {
		m := newMachine(t)
		broken := m.broken()
		w := &waiter{}
		m.waits(w)
		refused := create(1)
		refused.Tags = map[string]string{"a.b": "c"}
		require.NoError(t, m.conn.Exec(`
			CREATE TRIGGER refuse_tag BEFORE INSERT ON ff_instance_tag_event BEGIN SELECT RAISE(ABORT, 'refused'); END`))
		require.NoError(t, m.Begin())
		w.leaving = true
		require.Error(t, m.Apply(m.now, refused).Err, "it was claimed before its tag was refused")
		m.breaks(broken)
		m.commits()

		require.Len(t, m.Served(), 1)
		require.NoError(t, m.Served()[0].Err)
		require.Nil(t, m.Served()[0].Reply.(messages.ClaimNextResult).Task)
		require.Zero(t, m.WaitingClaims())
		require.Equal(t, []string{"1"}, m.query("SELECT count(*) FROM ff_exec_core"))
	})
}

func TestWaiting_AnExecutionThatIsNotStoredIsGivenToNobody(t *testing.T) {
	m := newMachine(t)
	w := &waiter{}
	m.waits(w)
	refused := create(1)
	refused.Tags = map[string]string{"a.b": "c"}
	require.NoError(t, m.conn.Exec(`
		CREATE TRIGGER refuse_tag BEFORE INSERT ON ff_instance_tag_event BEGIN SELECT RAISE(ABORT, 'refused'); END`))
	_, err := m.apply(refused)
	require.ErrorIs(t, err, messages.ErrTransport)
	require.Empty(t, m.Served())
	require.False(t, w.taken)
	require.Empty(t, m.query("SELECT attempt_index FROM ff_attempt"))

	m.must(create(3))
	require.Equal(t, create(3).ExecutionID, m.claimedBy(w))
}

func TestWaiting_AnExecutionThatIsCreatedPastItsDeadlineIsGivenToNobody(t *testing.T) {
	m := newMachine(t)
	w := &waiter{}
	m.waits(w)
	late := create(1)
	late.ExecutionDeadlineAt = m.now
	m.must(late)
	require.Empty(t, m.Served())
	require.Equal(t, []string{"waiting"}, m.query("SELECT public_state FROM ff_exec_core"))
	late = create(2)
	late.ExecutionDeadlineAt = m.now + 1
	m.must(late)
	require.Equal(t, late.ExecutionID, m.claimedBy(w))
}

func TestWaiting_ForeignCommits(t *testing.T) {
	const reschedule = `
		UPDATE ff_exec_core SET raw_fields = json_set(raw_fields, '$.delay_until', '1700000000010')
		 WHERE eligibility_state = 'not_eligible_until_time'`
	setUp := func(t *testing.T) *machine {
		t.Helper()
		m := newMachine(t)
		delayed := create(1)
		delayed.DelayUntil = m.now + 1_000_000
		m.must(delayed)
		fftest.OpenSQL(t, m.source).Exec(reschedule)
		return m
	}
	t.Run("a deadline that one made earlier outlives a batch that failed", func(t *testing.T) {
		m := setUp(t)
		require.NoError(t, m.Begin())
		require.Equal(t, m.now+10, m.NextDeadline())
		require.NoError(t, m.Rollback())
		require.Equal(t, m.now+10, m.NextDeadline())
	})
	t.Run("a deadline that one made earlier outlives a batch that runs again", func(t *testing.T) {
		m := setUp(t)
		broken := m.broken()
		fftest.OpenSQL(t, m.source).Exec(reschedule)
		require.NoError(t, m.Begin())
		m.breaks(broken)
		m.commits()
		require.Equal(t, m.now+10, m.NextDeadline())
	})
	t.Run("are looked at until a look is committed", func(t *testing.T) {
		m := setUp(t)
		w := &waiter{}
		m.waits(w)
		fftest.OpenSQL(t, m.source).Exec("UPDATE ff_exec_core SET eligibility_state = 'eligible_now', public_state = 'waiting'")
		m.must(messages.CreateFlowArgs{FlowID: messages.NewFlowID(), Namespace: "default"})
		changed, err := m.ForeignCommits()
		require.NoError(t, err)
		require.True(t, changed, "a message that came between does not hide it")

		require.NoError(t, m.Begin())
		m.LookAgain(m.now)
		require.NoError(t, m.Rollback())
		changed, err = m.ForeignCommits()
		require.NoError(t, err)
		require.True(t, changed, "nor does a look that was not committed")

		require.NoError(t, m.Begin())
		m.LookAgain(m.now)
		m.commits()
		require.Equal(t, create(1).ExecutionID, m.claimedBy(w))
		changed, err = m.ForeignCommits()
		require.NoError(t, err)
		require.False(t, changed)
	})
}
