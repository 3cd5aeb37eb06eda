package subscribers

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestIndex(t *testing.T) {
	x := newIndex[messages.CompletionEvent]()
	filters := []messages.ScannerFilter{
		{},
		messages.ScannerFilter{}.WithNamespace("tenant-a"),
		messages.ScannerFilter{}.WithInstanceTag(messages.InstanceTagKey, "i-1"),
		messages.ScannerFilter{}.WithInstanceTag("team", "x"),
		messages.ScannerFilter{}.WithInstanceTag(messages.InstanceTagKey, "i-1").WithNamespace("tenant-a"),
		messages.ScannerFilter{}.WithInstanceTag("team", "x").WithNamespace("tenant-a"),
	}
	var added []*Subscription[messages.CompletionEvent]
	for range 3 {
		for _, filter := range filters {
			s := &Subscription[messages.CompletionEvent]{filter: newFilter(filter)}
			added = append(added, s)
			x.add(s)
		}
	}
	require.Len(t, x.everything.subscriptions, 6)
	require.Len(t, x.instanceTag["i-1"].subscriptions, 6)
	require.Len(t, x.namespace["tenant-a"].subscriptions, 6)

	for i, s := range added {
		n := 0
		for range x.all {
			n++
		}
		require.Equal(t, len(added)-i, n)
		require.Equal(t, n, x.size)
		x.remove(s)
		x.remove(s)
	}
	require.Empty(t, x.everything.subscriptions)
	require.Empty(t, x.instanceTag, "a key without subscriptions is forgotten")
	require.Empty(t, x.namespace)
}
