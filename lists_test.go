package ffsqlite_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Pages of lanes and of suspensions: 03 §9.11, §9.12. Those of executions are in reads_test.go.

// lanePages reads the lanes page by page.
func (e *engine) lanePages(limit int) (pages [][]messages.LaneID) {
	e.t.Helper()
	for cursor := (*messages.LaneID)(nil); ; {
		page, err := e.ListLanes(e.t.Context(), cursor, limit)
		require.NoError(e.t, err)
		pages = append(pages, page.Lanes)
		if cursor = page.NextCursor; cursor == nil {
			return pages
		}
		require.Equal(e.t, page.Lanes[len(page.Lanes)-1], *cursor)
	}
}

func TestSpec03_S92_ListLanes(t *testing.T) {
	t.Parallel()
	e := open(t)
	require.Equal(t, [][]messages.LaneID{nil}, e.lanePages(5), "none is known")
	for _, lane := range []messages.LaneID{"delta", "alpha", "echo", "bravo", "charlie"} {
		e.created(inLane(lane))
	}
	require.Equal(t, [][]messages.LaneID{{"alpha", "bravo"}, {"charlie", "delta"}, {"echo"}}, e.lanePages(2))
	all := []messages.LaneID{"alpha", "bravo", "charlie", "delta", "echo"}
	for _, limit := range []int{5, 6, math.MaxInt} {
		require.Equal(t, [][]messages.LaneID{all}, e.lanePages(limit))
	}
	for _, limit := range []int{0, -1, math.MinInt} {
		page, err := e.ListLanes(t.Context(), nil, limit)
		require.NoError(t, err)
		require.Equal(t, messages.ListLanesResult{}, page)
	}
	page, err := e.ListLanes(t.Context(), new(messages.LaneID("bz")), 9)
	require.NoError(t, err)
	require.Equal(t, messages.ListLanesResult{Lanes: all[2:]}, page, "the lane of a cursor need not exist")
}

func TestSpec03_S92_ALaneThatCannotBeRead(t *testing.T) {
	t.Parallel()
	e := open(t)
	e.created(inLane("a"))
	e.sql.Exec("INSERT INTO ff_lane_registry VALUES ('b' || char(9), 1, 'hand')")
	page, err := e.ListLanes(t.Context(), nil, 1)
	require.NoError(t, err)
	require.Equal(t, messages.LaneID("a"), *page.NextCursor)
	_, err = e.ListLanes(t.Context(), page.NextCursor, 1)
	requireDetail(t, err, messages.ErrCorruption, "lane_registry: lane_id contains non-ASCII-printable byte at index 1")
}

// suspended inserts an open suspension, as suspending does.
func (e *engine) suspended(id messages.ExecutionID, at messages.TimestampMs, reason string) messages.SuspendedExecution {
	e.t.Helper()
	e.sql.Exec(`INSERT INTO ff_suspension_current (partition_key, execution_id, suspension_id, suspended_at_ms, reason_code,
		condition) VALUES (?1, ?2, randomblob(16), ?3, nullif(?4, ''), '{}')`,
		int64(id.PartitionIndex()), id.UUID(), at, reason)
	return messages.SuspendedExecution{ExecutionID: id, SuspendedAt: at, Reason: reason}
}

func (e *engine) suspensions(args messages.ListSuspendedArgs) messages.ListSuspendedResult {
	e.t.Helper()
	page, err := e.ListSuspended(e.t.Context(), args)
	require.NoError(e.t, err)
	return page
}

func TestSpec03_S93_ListSuspended(t *testing.T) {
	t.Parallel()
	e := open(t)
	require.Equal(t, messages.ListSuspendedResult{}, e.suspensions(messages.ListSuspendedArgs{Limit: 2}))
	third := e.suspended(newID(), 3000, "children")
	first := e.suspended(newID(), 1000, "signal")
	second := e.suspended(newID(), 2000, "timer")
	page := e.suspensions(messages.ListSuspendedArgs{Limit: 2})
	require.Equal(t, messages.ListSuspendedResult{
		Entries:    []messages.SuspendedExecution{first, second},
		NextCursor: &messages.SuspendedCursor{SuspendedAt: 2000, ExecutionID: second.ExecutionID},
	}, page)
	last := messages.ListSuspendedResult{Entries: []messages.SuspendedExecution{third}}
	require.Equal(t, last, e.suspensions(messages.ListSuspendedArgs{Cursor: page.NextCursor, Limit: 2}))

	e.sql.Exec("DELETE FROM ff_suspension_current WHERE execution_id = ?1", second.ExecutionID.UUID())
	require.Equal(t, last, e.suspensions(messages.ListSuspendedArgs{Cursor: page.NextCursor, Limit: 2}),
		"the suspension of a cursor need not stand")

	e.sql.Exec("UPDATE ff_suspension_current SET closed_at_ms = 1 WHERE suspended_at_ms = 1000")
	require.Equal(t, last, e.suspensions(messages.ListSuspendedArgs{Limit: 2}), "one that was satisfied is not listed")
	for _, limit := range []int{0, -1} {
		require.Equal(t, messages.ListSuspendedResult{}, e.suspensions(messages.ListSuspendedArgs{Limit: limit}))
	}
}

func TestSpec03_S93_EqualTimesGoByID(t *testing.T) {
	t.Parallel()
	e := open(t)
	var want []messages.SuspendedExecution
	for range 5 {
		want = append(want, e.suspended(newID(), 1000, ""))
	}
	slices.SortFunc(want, func(a, b messages.SuspendedExecution) int {
		x, y := a.ExecutionID.UUID(), b.ExecutionID.UUID()
		return bytes.Compare(x[:], y[:])
	})
	var got []messages.SuspendedExecution
	for cursor := (*messages.SuspendedCursor)(nil); ; {
		page := e.suspensions(messages.ListSuspendedArgs{Cursor: cursor, Limit: 2})
		got = append(got, page.Entries...)
		if cursor = page.NextCursor; cursor == nil {
			break
		}
	}
	require.Equal(t, want, got)
}

func TestSpec03_S93_ThePartitionAndTheLimit(t *testing.T) {
	t.Parallel()
	e := open(t)
	other := e.suspended(messages.NewExecutionID(3, messages.NewFlowID()), 1, "signal")
	for range 1001 {
		e.suspended(newID(), 2, "signal")
	}
	require.Equal(t, messages.ListSuspendedResult{Entries: []messages.SuspendedExecution{other}},
		e.suspensions(messages.ListSuspendedArgs{Partition: "{fp:3}", Limit: 5000}))
	page := e.suspensions(messages.ListSuspendedArgs{Limit: 5000})
	require.Len(t, page.Entries, 1000)
	page = e.suspensions(messages.ListSuspendedArgs{Limit: 5000, Cursor: page.NextCursor})
	require.Len(t, page.Entries, 2)
	require.Empty(t, e.suspensions(messages.ListSuspendedArgs{Partition: "{b:3}", Limit: 9}).Entries)

	_, err := e.ListSuspended(t.Context(), messages.ListSuspendedArgs{Partition: "fp:3", Limit: 9})
	requireInvalid(t, err, "partition_key: partition key must be wrapped in '{...}'")
	_, err = e.ListSuspended(t.Context(), messages.ListSuspendedArgs{Cursor: &messages.SuspendedCursor{}, Limit: 9})
	requireInvalid(t, err, "cursor: must not be empty")
	_, err = e.ListLanes(t.Context(), new(messages.LaneID("")), 9)
	requireInvalid(t, err, "lane_id is empty")
}

// pages counts the entries of the pages of a list, of at most so many each.
func pages[C any](t testing.TB, limit int, page func(cursor *C, limit int) (n int, next *C)) (lengths []int) {
	t.Helper()
	for cursor := (*C)(nil); ; {
		n, next := page(cursor, limit)
		lengths = append(lengths, n)
		if cursor = next; cursor == nil {
			return lengths
		}
		require.Less(t, len(lengths), 10)
	}
}

func TestSpec01_S86_NoLimitAndAnExactMultipleOfIt(t *testing.T) {
	t.Parallel()
	e := open(t)
	for _, lane := range []messages.LaneID{"a", "b", "c", "d"} {
		e.suspended(e.created(inLane(lane)), e.now(), "signal")
		e.newFlow()
	}
	for name, list := range map[string]func(limit int) []int{
		"executions": func(limit int) []int {
			return pages(t, limit, func(cursor *messages.ExecutionID, limit int) (int, *messages.ExecutionID) {
				page, err := e.ListExecutions(t.Context(), messages.ListExecutionsArgs{Cursor: cursor, Limit: limit})
				require.NoError(t, err)
				return len(page.Executions), page.NextCursor
			})
		},
		"lanes": func(limit int) []int {
			return pages(t, limit, func(cursor *messages.LaneID, limit int) (int, *messages.LaneID) {
				page, err := e.ListLanes(t.Context(), cursor, limit)
				require.NoError(t, err)
				return len(page.Lanes), page.NextCursor
			})
		},
		"suspended": func(limit int) []int {
			return pages(t, limit, func(cursor *messages.SuspendedCursor, limit int) (int, *messages.SuspendedCursor) {
				page, err := e.ListSuspended(t.Context(), messages.ListSuspendedArgs{Cursor: cursor, Limit: limit})
				require.NoError(t, err)
				return len(page.Entries), page.NextCursor
			})
		},
		"flows": func(limit int) []int {
			return pages(t, limit, func(cursor *messages.FlowID, limit int) (int, *messages.FlowID) {
				page, err := e.ListFlows(t.Context(), messages.ListFlowsArgs{Cursor: cursor, Limit: limit})
				require.NoError(t, err)
				return len(page.Flows), page.NextCursor
			})
		},
	} {
		require.Equal(t, []int{0}, list(0), name)
		require.Equal(t, []int{2, 2}, list(2), name)
		require.Equal(t, []int{4}, list(4), name)
	}
}
