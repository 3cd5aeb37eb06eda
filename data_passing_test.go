package ffsqlite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec04_S37_S38_S39_DataPassing(t *testing.T) {
	payload := func(g *graph, id messages.ExecutionID) string { return g.column(id, "payload") }
	for name, c := range map[string]struct {
		ref    string
		result []byte
		want   string
	}{
		"the result replaces the payload":          {"result", []byte(`{"status":"ok"}`), `{"status":"ok"}`},
		"an empty ref keeps the payload":           {"", []byte(`{"status":"ok"}`), "hello"},
		"a completion without payload keeps it":    {"result", nil, "hello"},
		"an empty result replaces it all the same": {"result", []byte{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := open(t).newFlow()
			m := g.members(2)
			g.edge(m[0], m[1], c.ref)
			require.NoError(t, g.Complete(t.Context(), g.claimed(), c.result))
			g.idle()
			require.Equal(t, releasedVector, g.vector(m[1]))
			require.Equal(t, c.want, payload(g, m[1]))
		})
	}
	t.Run("a cancelled child keeps its payload", func(t *testing.T) {
		g := open(t).newFlow()
		m := g.members(2)
		g.edge(m[0], m[1], "result")
		_, err := g.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: m[1]})
		require.NoError(t, err)
		require.NoError(t, g.Complete(t.Context(), g.claimed(), []byte("x")))
		g.idle()
		require.Equal(t, "hello", payload(g, m[1]))
	})
}

func TestSpec04_S40_TheLastSatisfiedRefWins(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	g.edge(m[0], m[2], "a")
	g.edge(m[1], m[2], "b")
	first, second := g.claimed(), g.claimed()
	require.NoError(t, g.Complete(t.Context(), second, []byte("second")))
	require.NoError(t, g.Complete(t.Context(), first, []byte("first")))
	g.idle()
	require.Equal(t, "first", g.column(m[2], "payload"))
}
