package reader_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec03_S91_ListExecutions(t *testing.T) {
	t.Run("15 in pages of 5", func(t *testing.T) {
		f := newFixture(t)
		var want []messages.ExecutionID
		for n := range 15 {
			partition := uint16(255 - n) // The order is that of the UUIDs, whatever the partition.
			want = append(want, executionID(partition, n))
		}
		for n := range 15 {
			n = (n * 7) % 15
			f.insert(t, "ff_exec_core", fresh(n).with(row{"partition_key": 255 - n}))
		}

		var got []messages.ExecutionID
		var cursor *messages.ExecutionID
		for range 3 {
			page := list(t, f, messages.ListExecutionsArgs{Cursor: cursor, Limit: 5})
			require.Len(t, page.Executions, 5)
			got = append(got, page.Executions...)
			cursor = page.NextCursor
		}
		require.Nil(t, cursor)
		require.Equal(t, want, got)
	})

	f := newFixture(t)
	for n, partition := range []int{0, 3, 3} {
		f.insert(t, "ff_exec_core", fresh(n).with(row{"partition_key": partition}))
	}

	t.Run("a page that is not full has no cursor", func(t *testing.T) {
		require.Equal(t, messages.ListExecutionsResult{
			Executions: []messages.ExecutionID{executionID(0, 0), executionID(3, 1), executionID(3, 2)},
		}, list(t, f, messages.ListExecutionsArgs{Limit: 10}))
	})

	t.Run("no limit is an empty page", func(t *testing.T) {
		for _, limit := range []int{0, -1} {
			require.Equal(t, messages.ListExecutionsResult{}, list(t, f, messages.ListExecutionsArgs{Limit: limit}))
		}
	})

	t.Run("the execution of the cursor need not exist", func(t *testing.T) {
		cursor := messages.NewExecutionID(200, [16]byte(append(uuid(1)[:15:15], 0)))
		page := list(t, f, messages.ListExecutionsArgs{Cursor: &cursor, Limit: 1})
		next := executionID(3, 1)
		require.Equal(t, messages.ListExecutionsResult{
			Executions: []messages.ExecutionID{next}, NextCursor: &next,
		}, page)
	})

	t.Run("a partition key", func(t *testing.T) {
		for key, want := range map[messages.PartitionKey][]messages.ExecutionID{
			"{fp:3}":     {executionID(3, 1), executionID(3, 2)},
			"{fp:4}":     nil,
			"{fp:65535}": nil,
			"{b:3}":      nil,
			"{q:0}":      nil,
		} {
			page := list(t, f, messages.ListExecutionsArgs{Partition: key, Limit: 10})
			require.Equal(t, messages.ListExecutionsResult{Executions: want}, page, key)
		}
	})

	t.Run("a malformed partition key", func(t *testing.T) {
		_, err := f.Read(t.Context(), messages.ListExecutionsArgs{Partition: "fp:0", Limit: 10})
		require.ErrorIs(t, err, messages.ErrInvalidInput)
		require.ErrorContains(t, err, "partition_key: partition key must be wrapped in '{...}'")
	})
}

func TestSpec03_S91_ListExecutionsAtMost1000(t *testing.T) {
	f := newFixture(t)
	f.exec(t, "SAVEPOINT seed")
	for n := range 1001 {
		f.insert(t, "ff_exec_core", fixtureR(n))
	}
	f.exec(t, "RELEASE seed")
	page := list(t, f, messages.ListExecutionsArgs{Limit: 5000})
	require.Len(t, page.Executions, 1000)
	require.Equal(t, executionID(0, 999), *page.NextCursor)
}

func TestReader_ListExecutions_Filter(t *testing.T) {
	f := newFixture(t)
	f.insert(t, "ff_exec_core", fresh(1))
	f.insert(t, "ff_exec_core", fresh(2).with(row{"lane_id": "other", "flow_id": flowID[:], "partition_key": 3}))
	f.insert(t, "ff_exec_core", fixtureR(3).with(row{"flow_id": flowID[:]}))
	f.insert(t, "ff_exec_core", claimed(4).with(row{"public_state": "running"}))
	f.insert(t, "ff_exec_core", claimed(5).with(row{"public_state": "claimed"}))
	f.insert(t, "ff_exec_core", fixtureR(6).with(row{"public_state": "eligible", "raw_fields": `{
		"namespace":"tenant","execution_kind":"op","tags":{"a.b":"1","a.c":"é<\"&","a.n":1,"a\"b":"quoted"}}`}))
	f.insert(t, "ff_exec_core", claimed(7))
	f.insert(t, "ff_exec_core", fixtureR(8).with(row{"public_state": "completed", "raw_fields": `{"tags":[1],"namespace":7}`}))

	tests := []struct {
		name   string
		filter messages.ExecutionFilter
		want   []int
	}{
		{"none", messages.ExecutionFilter{}, []int{1, 2, 3, 4, 5, 6, 7, 8}},
		{"namespace", messages.ExecutionFilter{Namespace: "tenant"}, []int{6}},
		{"namespace is text", messages.ExecutionFilter{Namespace: "7"}, nil},
		{"lane", messages.ExecutionFilter{LaneID: "other"}, []int{2}},
		{"state, with the literals that read as active", messages.ExecutionFilter{PublicState: "active"}, []int{4, 5, 7}},
		{"state, with the literals that read as waiting", messages.ExecutionFilter{PublicState: "waiting"}, []int{1, 2, 3, 6}},
		{"state that no row has", messages.ExecutionFilter{PublicState: "running"}, nil},
		{"kind", messages.ExecutionFilter{ExecutionKind: "op"}, []int{1, 2, 6}},
		{"flow", messages.ExecutionFilter{FlowID: flowID}, []int{2, 3}},
		{"flow without members", messages.ExecutionFilter{FlowID: messages.FlowID{1}}, nil},
		{"tag", messages.ExecutionFilter{Tags: map[string]string{"a.b": "1"}}, []int{6}},
		{"tags", messages.ExecutionFilter{Tags: map[string]string{"a.b": "1", "a.c": `é<"&`}}, []int{6}},
		{"one tag differs", messages.ExecutionFilter{Tags: map[string]string{"a.b": "1", "a.c": "x"}}, nil},
		{"one tag is missing", messages.ExecutionFilter{Tags: map[string]string{"a.b": "1", "a.d": ""}}, nil},
		{"a tag is text", messages.ExecutionFilter{Tags: map[string]string{"a.n": "1"}}, nil},
		{"a key that is no path", messages.ExecutionFilter{Tags: map[string]string{`a"b`: "quoted"}}, []int{6}},
		{
			"everything",
			messages.ExecutionFilter{
				Namespace: "default", LaneID: "other", PublicState: "waiting", ExecutionKind: "op", FlowID: flowID,
				Tags: map[string]string{"cairn.task_id": "abc"},
			},
			[]int{2},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var want []messages.ExecutionID
			for _, n := range tt.want {
				partition := uint16(0)
				if n == 2 {
					partition = 3
				}
				want = append(want, executionID(partition, n))
			}
			require.Equal(t, messages.ListExecutionsResult{Executions: want},
				list(t, f, messages.ListExecutionsArgs{Limit: 100, Filter: tt.filter}))
		})
	}

	t.Run("pages of a filter", func(t *testing.T) {
		page := list(t, f, messages.ListExecutionsArgs{Limit: 2, Filter: messages.ExecutionFilter{PublicState: "active"}})
		require.Equal(t, []messages.ExecutionID{executionID(0, 4), executionID(0, 5)}, page.Executions)
		page = list(t, f, messages.ListExecutionsArgs{
			Limit: 2, Cursor: page.NextCursor, Filter: messages.ExecutionFilter{PublicState: "active"},
		})
		require.Equal(t, messages.ListExecutionsResult{Executions: []messages.ExecutionID{executionID(0, 7)}}, page)
	})
}

// What the condition on the state has as literals is what the vocabulary normalises.
func TestReader_ListExecutions_PublicStateLiterals(t *testing.T) {
	f := newFixture(t)
	stored := []string{
		"waiting", "delayed", "rate_limited", "waiting_children", "active", "suspended", "resumable", "completed",
		"failed", "cancelled", "expired", "skipped", "running", "claimed", "pending", "eligible",
	}
	for n, literal := range stored {
		f.insert(t, "ff_exec_core", fixtureR(n).with(row{"public_state": literal}))
	}
	for n, literal := range stored {
		state, ok := messages.NormalizePublicState(literal)
		require.True(t, ok)
		require.Contains(t, list(t, f, messages.ListExecutionsArgs{
			Limit: 100, Filter: messages.ExecutionFilter{PublicState: state},
		}).Executions, executionID(0, n), literal)
	}
}

func TestReader_ListExecutions_Corruption(t *testing.T) {
	f := newFixture(t)
	f.insert(t, "ff_exec_core", fresh(1))
	f.insert(t, "ff_exec_core", fresh(2).with(row{"raw_fields": `{`}))

	require.Len(t, list(t, f, messages.ListExecutionsArgs{Limit: 10}).Executions, 2,
		"a list that needs no document works")
	for _, filter := range []messages.ExecutionFilter{
		{Namespace: "default"}, {ExecutionKind: "op"}, {Tags: map[string]string{"cairn.task_id": "abc"}},
	} {
		_, err := f.Read(t.Context(), messages.ListExecutionsArgs{Limit: 10, Filter: filter})
		requireCorruption(t, err, "exec_core: raw_fields not valid JSON: unexpected end of JSON input")
	}

	deep := `{"a":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`
	f.exec(t, "UPDATE ff_exec_core SET raw_fields = ? WHERE raw_fields = '{'", deep)
	_, err := f.Read(t.Context(), messages.ListExecutionsArgs{Limit: 10, Filter: messages.ExecutionFilter{ExecutionKind: "op"}})
	requireCorruption(t, err, "exec_core: raw_fields not valid JSON: SQLite cannot read it")
	f.exec(t, "UPDATE ff_exec_core SET raw_fields = '{' WHERE raw_fields = ?", deep)

	f.exec(t, "UPDATE ff_exec_core SET partition_key = 256 WHERE raw_fields = '{'")
	_, err = f.Read(t.Context(), messages.ListExecutionsArgs{Limit: 10})
	requireCorruption(t, err, "exec_core: partition_key: must be in 0..=255 (got 256)")
	f.exec(t, "UPDATE ff_exec_core SET execution_id = x'ff' WHERE raw_fields = '{'")
	_, err = f.Read(t.Context(), messages.ListExecutionsArgs{Limit: 10})
	requireCorruption(t, err, "exec_core: execution_id: must be 16 bytes (got 1)")
}
