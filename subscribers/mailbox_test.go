package subscribers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// popAll empties a hand.
func popAll(h *hand[int]) (values []int) {
	for value := h.pop(); value != nil; value = h.pop() {
		values = append(values, *value)
	}
	return values
}

func TestMailbox(t *testing.T) {
	t.Run("holds a bounded number of events", func(t *testing.T) {
		var m mailbox[int]
		require.True(t, m.put(make([]int, SubscriberBuffer-1)))
		require.False(t, m.put(make([]int, 2)))
		require.True(t, m.put(make([]int, 1)))
		require.False(t, m.pick(new(int)))
	})

	t.Run("is taken in order and filled again", func(t *testing.T) {
		var m mailbox[int]
		var h hand[int]
		for round := range 5 {
			require.True(t, m.put([]int{round, 1}))
			require.True(t, m.put([]int{2}))
			h.take(&m)
			require.Equal(t, 3, h.events)
			require.Zero(t, m.events)
			require.Equal(t, []int{round, 1, 2}, popAll(&h))
			require.Zero(t, h.events)
		}
	})

	t.Run("shares batches and copies picks", func(t *testing.T) {
		var m mailbox[int]
		var h hand[int]
		shared := []int{1, 2}
		m.put(shared)
		h.take(&m)
		require.Same(t, &shared[0], h.pop())
		popAll(&h)

		m.pick(&shared[1])
		h.take(&m)
		require.NotSame(t, &shared[1], h.pop())
		popAll(&h)
		h.load(shared)
		require.Equal(t, shared, popAll(&h))
		m.pick(&shared[0])
		h.take(&m)
		require.Equal(t, []int{1}, popAll(&h))
		require.Equal(t, []int{1, 2}, shared, "what is shared is never cleared")
	})

	t.Run("allocates nothing while the loop keeps up", func(t *testing.T) {
		var m mailbox[int]
		var h hand[int]
		batch := make([]int, 10)
		round := func() {
			m.put(batch)
			h.take(&m)
			for h.pop() != nil {
				continue
			}
			m.pick(&batch[0])
			h.take(&m)
			for h.pop() != nil {
				continue
			}
		}
		require.Zero(t, testing.AllocsPerRun(100, round))
	})

	t.Run("gives large buffers back when it is trimmed", func(t *testing.T) {
		var m mailbox[int]
		var h hand[int]
		for range 2 {
			for range SubscriberBuffer / 2 {
				m.pick(new(int))
				m.put(make([]int, 1))
			}
			h.take(&m)
			popAll(&h)
		}
		m.trim()
		h.trim()
		require.LessOrEqual(t, cap(m.picked)+cap(h.picked), 2*keptEvents)
		require.LessOrEqual(t, cap(m.batches)+cap(h.batches), 2*keptBatches)
	})
}
