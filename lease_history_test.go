package ffsqlite_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// What the lease history tells: 05 §H.4, 01 scenario 72.

// leasesFrom follows the lease history from a cursor until the end of the test.
func (e *engine) leasesFrom(
	cursor messages.OutboxCursor, filter messages.ScannerFilter,
) *ffsqlite.Subscription[messages.LeaseHistoryEvent] {
	e.t.Helper()
	sub, err := e.SubscribeLeaseHistory(e.t.Context(), cursor, filter)
	require.NoError(e.t, err)
	e.t.Cleanup(func() { require.NoError(e.t, sub.Close()) })
	return sub
}

func TestSpec05_S79_LeaseHistory(t *testing.T) {
	e := open(t)
	sub := e.leasesFrom(nil, everything)
	id := e.created()
	handle := e.claimed()
	claimedAt := e.now()
	e.clock.Advance(time.Second)
	_, err := e.Renew(t.Context(), handle)
	require.NoError(t, err)
	renewedAt := e.now()
	e.clock.Advance(time.Second)
	require.NoError(t, e.Complete(t.Context(), handle, nil))

	lease := payloadOf(t, handle).LeaseID
	worker := messages.WorkerInstanceID("test-worker-instance")
	want := messages.LeaseHistoryEvent{
		EventID: 1, Cursor: messages.CursorAfter(1), Kind: messages.LeaseAcquired, ExecutionID: id, LeaseID: &lease,
		WorkerInstanceID: &worker, At: claimedAt, Namespace: new(string(namespace)),
	}
	got := took(t, sub, 3)
	require.Equal(t, want, got[0])
	want.EventID, want.Cursor, want.Kind, want.At = 2, messages.CursorAfter(2), messages.LeaseRenewed, renewedAt
	require.Equal(t, want, got[1])
	want.EventID, want.Cursor, want.Kind, want.At = 3, messages.CursorAfter(3), messages.LeaseRevoked, e.now()
	want.RevokedBy = messages.RevokedByComplete
	require.Equal(t, want, got[2])
}

func TestSpec01_S72_WhoRevokedALease(t *testing.T) {
	e := open(t)
	sub := e.leasesFrom(nil, everything)
	end := map[string]func(messages.ExecutionID, messages.Handle) error{
		messages.RevokedByFail: func(_ messages.ExecutionID, handle messages.Handle) error {
			_, err := e.Fail(t.Context(), messages.FailArgs{Handle: handle})
			return err
		},
		messages.RevokedByCancel: func(_ messages.ExecutionID, handle messages.Handle) error {
			return e.Cancel(t.Context(), handle, "enough")
		},
		messages.RevokedByCancel + " by an operator": func(id messages.ExecutionID, _ messages.Handle) error {
			_, err := e.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: id})
			return err
		},
		messages.RevokedByFlowCancel: func(id messages.ExecutionID, _ messages.Handle) error {
			g := e.newFlow()
			if err := g.add(id); err != nil {
				return err
			}
			_, err := e.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: messages.CancelAll})
			return err
		},
	}
	for name, by := range map[string]string{
		messages.RevokedByFail: "fail", messages.RevokedByCancel: "cancel",
		messages.RevokedByCancel + " by an operator": "cancel", messages.RevokedByFlowCancel: "flow_cancel",
	} {
		t.Run(name, func(t *testing.T) {
			lane := messages.LaneID(name)
			id := e.created(inLane(lane))
			claim := claimArgs()
			claim.LaneID = lane
			handle, err := e.Claim(t.Context(), claim)
			require.NoError(t, err)
			require.NoError(t, end[name](id, *handle))
			got := took(t, sub, 2)[1]
			require.Equal(t, messages.LeaseRevoked, got.Kind)
			require.Equal(t, by, got.RevokedBy)
			require.Equal(t, id, got.ExecutionID)
			require.Equal(t, payloadOf(t, *handle).LeaseID, *got.LeaseID)
			require.Equal(t, "test-worker-instance", string(*got.WorkerInstanceID), "who held it")
		})
	}
}

func TestSpec05_LeaseEventsOfAnExpiryAndItsReclaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		sub := e.leasesFrom(nil, everything)
		id := e.created()
		lost := payloadOf(t, e.claimed())
		e.advance(30 * time.Second)
		claim := claimArgs()
		claim.Policy.WorkerInstanceID = "other-instance"
		handle, err := e.Claim(t.Context(), claim)
		require.NoError(t, err)

		got := took(t, sub, 3)
		require.Equal(t, messages.LeaseExpired, got[1].Kind)
		require.Equal(t, lost.LeaseID, *got[1].LeaseID)
		require.Equal(t, lost.WorkerInstanceID, *got[1].WorkerInstanceID, "the previous owner")
		require.Equal(t, messages.LeaseReclaimed, got[2].Kind)
		require.Equal(t, payloadOf(t, *handle).LeaseID, *got[2].LeaseID)
		require.Equal(t, "other-instance", string(*got[2].WorkerInstanceID), "the new owner")
		for _, event := range got {
			require.Equal(t, id, event.ExecutionID)
			require.Empty(t, event.RevokedBy)
		}
	})
}
