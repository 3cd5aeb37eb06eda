package ffsqlite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// Listing expired leases: 06 §2.3.

func (e *engine) expiredLeases(args messages.ListExpiredLeasesArgs) messages.ListExpiredLeasesResult {
	e.t.Helper()
	result, err := e.ListExpiredLeases(e.t.Context(), args)
	require.NoError(e.t, err)
	return result
}

func TestSpec06_S61_AnExpiredLeaseIsListedUntilItIsTakenOver(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	id := e.created()
	held := payloadOf(t, e.claimed())
	expires := e.now() + 30_000
	e.clock.Advance(30*time.Second - time.Millisecond)
	require.Empty(t, e.expiredLeases(messages.ListExpiredLeasesArgs{}).Entries)
	require.Len(t, e.expiredLeases(messages.ListExpiredLeasesArgs{AsOf: expires}).Entries, 1)
	e.clock.Advance(time.Millisecond)
	want := messages.ListExpiredLeasesResult{Entries: []messages.ExpiredLeaseInfo{{
		ExecutionID: id, LeaseID: held.LeaseID, LeaseEpoch: 1, WorkerInstanceID: "test-worker-instance", ExpiresAt: expires,
	}}}
	require.Equal(t, want, e.expiredLeases(messages.ListExpiredLeasesArgs{}))
	e.tick(messages.ScannerLeaseExpiry, 0)
	require.Equal(t, want, e.expiredLeases(messages.ListExpiredLeasesArgs{}), "marked, it is listed still")
	e.claimed()
	require.Empty(t, e.expiredLeases(messages.ListExpiredLeasesArgs{}).Entries)
}

func TestSpec06_S63_PagesOfEqualExpiry(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	for _, partition := range []uint16{2, 10, 10} {
		id := messages.NewExecutionID(partition, messages.NewFlowID())
		_, err := e.CreateExecution(t.Context(), args(id))
		require.NoError(t, err)
		e.claimed()
	}
	e.clock.Advance(time.Hour)
	all := e.expiredLeases(messages.ListExpiredLeasesArgs{}).Entries
	require.Len(t, all, 3)
	require.Equal(t, uint16(10), all[0].ExecutionID.PartitionIndex(), "in the order of the texts")
	var paged []messages.ExpiredLeaseInfo
	next := messages.ListExpiredLeasesArgs{Limit: 1}
	for range 3 {
		page := e.expiredLeases(next)
		paged = append(paged, page.Entries...)
		require.NotNil(t, page.Cursor)
		next.After = page.Cursor
	}
	require.Equal(t, all, paged)
	require.Equal(t, messages.ListExpiredLeasesResult{}, e.expiredLeases(next))
}

func TestSpec06_S64_TheNamespaceOfExpiredLeases(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	a := e.created(func(a *messages.CreateExecutionArgs) { a.Namespace = "a" })
	e.created(func(a *messages.CreateExecutionArgs) { a.Namespace = "b" })
	e.claimed()
	e.claimed()
	e.clock.Advance(time.Hour)
	require.Len(t, e.expiredLeases(messages.ListExpiredLeasesArgs{Limit: 20_000}).Entries, 2)
	only := e.expiredLeases(messages.ListExpiredLeasesArgs{Namespace: "a"}).Entries
	require.Len(t, only, 1)
	require.Equal(t, a, only[0].ExecutionID)
}

func TestListExpiredLeases_ALeaseWithoutAnID(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	id, _ := e.seededLease()
	e.clock.Advance(time.Hour)
	entries := e.expiredLeases(messages.ListExpiredLeasesArgs{}).Entries
	require.Len(t, entries, 1)
	want := messages.LeaseID(id.UUID())
	want[7] ^= 1 // the epoch
	require.Equal(t, want, entries[0].LeaseID)
}
