package reader_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// completion is the completion event of execution n, which ended at the time n.
func completion(n int) row {
	return row{
		"event_id":        n,
		"partition_key":   0,
		"execution_id":    uuid(n),
		"outcome":         "success",
		"occurred_at_ms":  n,
		"committed_at_ms": n,
	}
}

// leaseEvent is the lease event n, of execution n at the time n.
func leaseEvent(n int, kind string) row {
	return row{
		"event_id":       n,
		"execution_id":   executionID(0, n).String()[len("{fp:0}:"):],
		"event_type":     kind,
		"occurred_at_ms": n,
		"partition_key":  0,
	}
}

func TestSpec02_S34_CompletionPages(t *testing.T) {
	f := newFixture(t)
	for n := 1; n <= 7; n++ {
		if n == 4 {
			continue // Ids may have holes.
		}
		f.insert(t, "ff_completion_event", completion(n).with(row{"namespace": "n", "instance_tag": "i-42"}))
	}

	var ids []messages.EventID
	after := messages.EventID(0)
	for {
		page, err := f.CompletionPage(t.Context(), after, 2)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		require.Len(t, page, 2)
		for _, event := range page {
			require.Equal(t, "i-42", *event.InstanceTag)
			ids = append(ids, event.EventID)
		}
		after, _, err = page[len(page)-1].Cursor.Position(messages.FamilyCompletion)
		require.NoError(t, err)
	}
	require.Equal(t, []messages.EventID{1, 2, 3, 5, 6, 7}, ids)
}

func TestReader_CompletionPage_Event(t *testing.T) {
	f := newFixture(t)
	f.insert(t, "ff_completion_event", completion(1).with(row{
		"partition_key": 7, "flow_id": flowID[:], "outcome": "failure", "namespace": "tenant", "instance_tag": "",
	}))
	f.insert(t, "ff_completion_event", completion(2).with(row{"outcome": "elsewhere"}))

	page, err := f.CompletionPage(t.Context(), 0, 10)
	require.NoError(t, err)
	namespace, tag, flow := "tenant", "", flowID
	require.Equal(t, []messages.CompletionEvent{
		{
			EventID:     1,
			Cursor:      messages.CursorAfter(1),
			ExecutionID: executionID(7, 1),
			FlowID:      &flow,
			Outcome:     messages.CompletionFailed,
			RawOutcome:  "failure",
			At:          1,
			Namespace:   &namespace,
			InstanceTag: &tag,
		},
		{
			EventID:     2,
			Cursor:      messages.CursorAfter(2),
			ExecutionID: executionID(0, 2),
			Outcome:     "elsewhere",
			RawOutcome:  "elsewhere",
			At:          2,
		},
	}, page)

	for _, limit := range []int{0, -1} {
		page, err = f.CompletionPage(t.Context(), 0, limit)
		require.NoError(t, err)
		require.Empty(t, page)
	}
}

func TestReader_LeaseHistoryPage_Event(t *testing.T) {
	f := newFixture(t)
	f.insert(t, "ff_lease_event", leaseEvent(1, "acquired").with(row{
		"partition_key": 7, "lease_id": leaseID.String(), "worker_instance_id": "w-1", "namespace": "n",
		"instance_tag": "i", "revoked_by": "ignored", "attempt_index": 0, "lease_epoch": 1,
	}))
	f.insert(t, "ff_lease_event", leaseEvent(2, "revoked").with(row{"revoked_by": "complete"}))
	f.insert(t, "ff_lease_event", leaseEvent(3, "revoked"))
	for n, kind := range []string{"renewed", "expired", "reclaimed"} {
		f.insert(t, "ff_lease_event", leaseEvent(4+n, kind))
	}

	page, err := f.LeaseHistoryPage(t.Context(), 0, 10)
	require.NoError(t, err)
	namespace, tag, lease, worker := "n", "i", leaseID, messages.WorkerInstanceID("w-1")
	event := func(n int, kind messages.LeaseEventType, revokedBy string) messages.LeaseHistoryEvent {
		return messages.LeaseHistoryEvent{
			EventID:     messages.EventID(n),
			Cursor:      messages.CursorAfter(messages.EventID(n)),
			Kind:        kind,
			ExecutionID: executionID(0, n),
			RevokedBy:   revokedBy,
			At:          messages.TimestampMs(n),
		}
	}
	acquired := event(1, messages.LeaseAcquired, "")
	acquired.ExecutionID = executionID(7, 1)
	acquired.LeaseID, acquired.WorkerInstanceID = &lease, &worker
	acquired.Namespace, acquired.InstanceTag = &namespace, &tag
	require.Equal(t, []messages.LeaseHistoryEvent{
		acquired,
		event(2, messages.LeaseRevoked, messages.RevokedByComplete),
		event(3, messages.LeaseRevoked, messages.RevokedByOperator),
		event(4, messages.LeaseRenewed, ""),
		event(5, messages.LeaseExpired, ""),
		event(6, messages.LeaseReclaimed, ""),
	}, page)
}

func TestReader_LeaseHistoryPage_UnknownType(t *testing.T) {
	f := newFixture(t)
	for n := 1; n <= 10; n++ {
		kind := "frozen"
		if n%5 == 0 {
			kind = "renewed"
		}
		f.insert(t, "ff_lease_event", leaseEvent(n, kind))
	}

	page, err := f.LeaseHistoryPage(t.Context(), 0, 1)
	require.NoError(t, err)
	require.Len(t, page, 1, "the rows that are skipped take no place")
	require.Equal(t, messages.EventID(5), page[0].EventID)
	require.Contains(t, f.log.String(), `level=WARN msg="lease event of an unknown type skipped" event_id=4 event_type=frozen`)

	page, err = f.LeaseHistoryPage(t.Context(), 5, 10)
	require.NoError(t, err)
	require.Len(t, page, 1)
	page, err = f.LeaseHistoryPage(t.Context(), 10, 10)
	require.NoError(t, err)
	require.Empty(t, page)
}

func TestReader_CompletionPage_Corruption(t *testing.T) {
	tests := []struct {
		name   string
		bad    row
		detail string
	}{
		{"execution", row{"execution_id": []byte("x")}, "completion_event: execution_id: must be 16 bytes (got 1)"},
		{"flow", row{"flow_id": []byte{}}, "completion_event: flow_id: must be 16 bytes (got 0)"},
		{"partition", row{"partition_key": -1}, "completion_event: partition_key: must be in 0..=255 (got -1)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			for n := 1; n <= 4; n++ {
				event := completion(n)
				if n == 3 {
					event = event.with(tt.bad)
				}
				f.insert(t, "ff_completion_event", event)
			}

			page, err := f.CompletionPage(t.Context(), 0, 10)
			requireCorruption(t, err, tt.detail)
			requireCursor(t, err, 3)
			require.Len(t, page, 2, "the events before the row come with the error")

			page, err = f.CompletionPage(t.Context(), 0, 2)
			require.NoError(t, err, "the page ends before the row")
			require.Len(t, page, 2)

			page, err = f.CompletionPage(t.Context(), 2, 10)
			requireCursor(t, err, 3)
			require.Empty(t, page)

			page, err = f.CompletionPage(t.Context(), 3, 10)
			require.NoError(t, err)
			require.Len(t, page, 1, "the cursor of the error skips the row")
		})
	}
}

func TestReader_LeaseHistoryPage_Corruption(t *testing.T) {
	tests := []struct {
		name   string
		bad    row
		detail string
	}{
		{"execution", row{"execution_id": "{fp:0}:x"}, `lease_event: execution_id: "{fp:0}:x" is not a UUID`},
		{"lease", row{"lease_id": "x"}, `lease_event: lease_id: "x" is not a UUID`},
		{"partition", row{"partition_key": 256}, "lease_event: partition_key: must be in 0..=255 (got 256)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.insert(t, "ff_lease_event", leaseEvent(1, "acquired"))
			f.insert(t, "ff_lease_event", leaseEvent(2, "renewed").with(tt.bad))

			page, err := f.LeaseHistoryPage(t.Context(), 0, 10)
			requireCorruption(t, err, tt.detail)
			requireCursor(t, err, 2)
			require.Len(t, page, 1)
		})
	}
}

// requireCursor checks that the error resumes behind the event.
func requireCursor(tb testing.TB, err error, id messages.EventID) {
	tb.Helper()
	var e *messages.Error
	require.ErrorAs(tb, err, &e)
	require.Equal(tb, messages.CursorAfter(id), e.Cursor)
}

func TestReader_EventIDs(t *testing.T) {
	f := newFixture(t)
	families := []messages.Family{
		messages.FamilyCompletion, messages.FamilyLeaseHistory, messages.FamilySignalDelivery, messages.FamilyInstanceTags,
	}
	requireIDs := func(family messages.Family, highest, highWater messages.EventID) {
		t.Helper()
		got, err := f.HighestEventID(t.Context(), family)
		require.NoError(t, err)
		require.Equal(t, highest, got)
		got, err = f.HighWaterEventID(t.Context(), family)
		require.NoError(t, err)
		require.Equal(t, highWater, got)
	}
	for _, family := range families {
		requireIDs(family, 0, 0)
	}

	f.insert(t, "ff_completion_event", completion(3))
	f.insert(t, "ff_completion_event", completion(9))
	f.insert(t, "ff_lease_event", leaseEvent(5, "acquired"))
	requireIDs(messages.FamilyCompletion, 9, 9)
	requireIDs(messages.FamilyLeaseHistory, 5, 5)
	requireIDs(messages.FamilySignalDelivery, 0, 0)

	f.exec(t, "DELETE FROM ff_completion_event WHERE event_id = 9")
	requireIDs(messages.FamilyCompletion, 3, 9)
	f.exec(t, "DELETE FROM ff_completion_event")
	requireIDs(messages.FamilyCompletion, 0, 9)

	_, err := f.HighestEventID(t.Context(), "other")
	require.ErrorIs(t, err, messages.ErrBug)
	_, err = f.HighWaterEventID(t.Context(), "other")
	require.ErrorIs(t, err, messages.ErrBug)
}
