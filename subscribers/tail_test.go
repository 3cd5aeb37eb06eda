package subscribers

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// newTail is a tail of plain ids that begins after from.
func newTail(from messages.EventID) *tail[messages.EventID] {
	return &tail[messages.EventID]{
		id:   func(id *messages.EventID) messages.EventID { return *id },
		from: from,
	}
}

// appendIDs adds one batch with the ids from first to last, in steps.
func appendIDs(t *tail[messages.EventID], first, last, step messages.EventID) {
	var batch []messages.EventID
	for id := first; id <= last; id += step {
		batch = append(batch, id)
	}
	t.append(batch)
}

func TestTail(t *testing.T) {
	t.Run("finds what follows a position", func(t *testing.T) {
		last := newTail(10)
		appendIDs(last, 11, 13, 1)
		appendIDs(last, 20, 40, 10)
		tests := []struct {
			after messages.EventID
			want  []messages.EventID
		}{
			{10, []messages.EventID{11, 12}},
			{12, []messages.EventID{13}},
			{13, []messages.EventID{20, 30}},
			{25, []messages.EventID{30, 40}},
			{40, nil},
			{99, nil},
		}
		for _, test := range tests {
			page, covered := last.after(test.after, 2)
			require.True(t, covered)
			require.Equal(t, test.want, page)
		}
		_, covered := last.after(9, 2)
		require.False(t, covered)
	})

	t.Run("keeps whole batches of at least its size", func(t *testing.T) {
		last := newTail(0)
		for id := messages.EventID(1); id <= 3*TailEvents; id += 3 {
			appendIDs(last, id, id+2, 1)
			require.Less(t, last.events, TailEvents+3)
			require.Equal(t, int(id+2-last.from), last.events)
			require.LessOrEqual(t, len(last.batches), 2*TailEvents/3+3)
		}
		require.GreaterOrEqual(t, last.events, TailEvents)

		page, covered := last.after(last.from, 2)
		require.True(t, covered)
		require.Equal(t, []messages.EventID{last.from + 1, last.from + 2}, page)
	})

	t.Run("keeps a batch that is larger than the tail", func(t *testing.T) {
		last := newTail(0)
		appendIDs(last, 1, 1, 1)
		appendIDs(last, 2, 2*TailEvents, 1)
		require.Equal(t, messages.EventID(1), last.from)
		appendIDs(last, 2*TailEvents+1, 2*TailEvents+1, 1)
		require.Equal(t, messages.EventID(1), last.from)
		appendIDs(last, 2*TailEvents+2, 4*TailEvents, 1)
		require.Equal(t, messages.EventID(2*TailEvents+1), last.from)
	})
}
