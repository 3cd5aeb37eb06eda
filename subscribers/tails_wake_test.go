package subscribers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/subscribers"
)

// woken are the names of the tails that have been woken since the last time.
func woken(tails map[string]*subscribers.Tail) (names []string) {
	for name, tail := range tails {
		select {
		case <-tail.Woken():
			names = append(names, name)
		default:
		}
	}
	return names
}

func TestTails_AChangeWakesThoseItConcerns(t *testing.T) {
	var all subscribers.Tails
	one, other := messages.NewExecutionID(0, [16]byte{1}), messages.NewExecutionID(0, [16]byte{2})
	tails := map[string]*subscribers.Tail{
		"one":       all.Join(one, 0, messages.TailAll),
		"one again": all.Join(one, 0, messages.TailAll),
		"kept":      all.Join(one, 0, messages.TailExcludeBestEffort),
		"next":      all.Join(one, 1, messages.TailAll),
		"other":     all.Join(other, 0, messages.TailAll),
	}
	wake := func(changes ...messages.StreamChange) []string {
		all.Wake(&messages.Committed{Streams: changes})
		return woken(tails)
	}
	require.Empty(t, woken(tails))
	require.ElementsMatch(t, []string{"one", "one again", "kept"}, wake(messages.StreamChange{ExecutionID: one}))
	require.ElementsMatch(t, []string{"one", "one again"},
		wake(messages.StreamChange{Kind: messages.StreamAppendedLive, ExecutionID: one}))
	require.ElementsMatch(t, []string{"next"}, wake(messages.StreamChange{ExecutionID: one, AttemptIndex: 1}))
	require.ElementsMatch(t, []string{"one", "one again", "kept", "next"},
		wake(messages.StreamChange{Kind: messages.StreamMayEnd, ExecutionID: one}))
	require.ElementsMatch(t, []string{"other", "next"},
		wake(messages.StreamChange{ExecutionID: other}, messages.StreamChange{ExecutionID: one, AttemptIndex: 1},
			messages.StreamChange{ExecutionID: one, AttemptIndex: 1}), "once, however often it is named")
	require.Empty(t, wake(messages.StreamChange{ExecutionID: messages.NewExecutionID(0, [16]byte{3})}))

	all.Wake(&messages.Committed{Foreign: true})
	require.Len(t, woken(tails), len(tails))
	all.WakeAll()
	require.Len(t, woken(tails), len(tails))

	all.Leave(one, tails["one"])
	require.ElementsMatch(t, []string{"one again", "kept"}, wake(messages.StreamChange{ExecutionID: one}))
	for _, name := range []string{"one again", "kept", "next"} {
		all.Leave(one, tails[name])
	}
	all.Leave(other, tails["other"])
	require.Empty(t, wake(messages.StreamChange{ExecutionID: one}, messages.StreamChange{ExecutionID: other}))
}
