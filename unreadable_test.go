package ffsqlite_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// A row that cannot be read is nobody's to run, and stands in nobody's way.

func TestUnreadable_TheHeadOfALane(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`[]`, `7`, `"text"`, `null`, `{`} {
		t.Run(raw, func(t *testing.T) {
			e := open(t)
			first, second := e.created(withPriority(9)), e.created(withPriority(8))
			third := e.created()
			for _, id := range []messages.ExecutionID{first, second} {
				e.patch(id, "raw_fields = '"+raw+"'")
			}
			require.Equal(t, third, payloadOf(t, e.claimed()).ExecutionID)
			e.nothingToClaim()
			_, err := e.DescribeExecution(t.Context(), first)
			require.ErrorIs(t, err, messages.ErrCorruption)
			_, err = e.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: first})
			require.ErrorIs(t, err, messages.ErrCorruption)
		})
	}
}

func TestUnreadable_AnInterruptedAttempt(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`[]`, `{`, `{"attempt_id": "no uuid"}`} {
		t.Run(raw, func(t *testing.T) {
			e := open(t)
			id := e.created(withPriority(9))
			e.claimed()
			e.interrupt(id, 0)
			e.patchAttempt(id, 0, "raw_fields = '"+raw+"'")
			other := e.created()
			require.Equal(t, other, payloadOf(t, e.claimed()).ExecutionID)
			e.nothingToClaim()
			require.Equal(t, "attempt_interrupted", e.column(id, "attempt_state"), "nothing was written")

			e.patchAttempt(id, 0, "raw_fields = '{}'")
			require.Equal(t, id, payloadOf(t, e.claimed()).ExecutionID, "mended, it is claimable")
		})
	}
}

func TestUnreadable_ALostAttempt(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	e.claimed()
	e.patch(id, "ownership_state = 'lease_expired_reclaimable'")
	e.patchAttempt(id, 0, "raw_fields = '[]'")
	other := e.created(withPriority(-1))
	require.Equal(t, other, payloadOf(t, e.claimed()).ExecutionID)
	e.nothingToClaim()
}

func TestUnreadable_AWaitingClaimGoesOnWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created()
		e.claimed()
		e.interrupt(id, 0)
		e.patchAttempt(id, 0, "raw_fields = '[]'")
		e.patch(id, "eligibility_state = 'not_eligible_until_time'")
		waiting := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		e.advance(time.Minute)
		require.Equal(t, "eligible_now", e.column(id, "eligibility_state"), "it is promoted all the same")
		other := e.created()
		waiting.got(t, other)
	})
}
