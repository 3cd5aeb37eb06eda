package ffsqlite_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Summaries of flows: 04 §7.6 and its scenario.

// flowOf is a flow whose members are in these public states, set by hand.
func flowOf(e *engine, states ...string) *graph {
	e.t.Helper()
	g := e.newFlow()
	for _, state := range states {
		g.patch(g.member(), "public_state = '"+state+"'")
	}
	return g
}

func (g *graph) projected() bool {
	g.t.Helper()
	written, err := g.ProjectFlowSummary(g.t.Context(), g.flow, 0)
	require.NoError(g.t, err)
	return written
}

// summary is the stored roll-up: the state and every count that is not zero.
func (g *graph) summary() string {
	g.t.Helper()
	columns := []string{
		"total_members", "sampled_members", "members_completed", "members_failed", "members_cancelled", "members_expired",
		"members_skipped", "members_active", "members_suspended", "members_waiting", "members_delayed",
		"members_rate_limited", "members_waiting_children",
	}
	rows := g.sql.Rows("SELECT public_flow_state, "+strings.Join(columns, ", ")+" FROM ff_flow_summary WHERE flow_id = ?", g.flow)
	if len(rows) == 0 {
		return "none"
	}
	text := rows[0][0]
	for i, column := range columns {
		if n := rows[0][i+1]; n != "0" {
			text += " " + strings.TrimPrefix(strings.TrimSuffix(column, "_members"), "members_") + "=" + n
		}
	}
	return text
}

func TestSpec04_S66_Projection(t *testing.T) {
	for _, test := range []struct {
		states []string
		want   string
	}{
		{nil, "none"},
		{[]string{"completed", "completed", "skipped"}, "completed total=3 sampled=3 completed=2 skipped=1"},
		{[]string{"completed", "cancelled"}, "failed total=2 sampled=2 completed=1 cancelled=1"},
		{[]string{"completed", "expired"}, "failed total=2 sampled=2 completed=1 expired=1"},
		{[]string{"failed", "active"}, "running total=2 sampled=2 failed=1 active=1"},
		{[]string{"active", "suspended"}, "running total=2 sampled=2 active=1 suspended=1"},
		{[]string{"running", "claimed"}, "running total=2 sampled=2 active=2"},
		{[]string{"completed", "waiting_children"}, "blocked total=2 sampled=2 completed=1 waiting_children=1"},
		{[]string{"waiting", "delayed"}, "blocked total=2 sampled=2 waiting=1 delayed=1"},
		{[]string{"waiting", "rate_limited"}, "blocked total=2 sampled=2 waiting=1 rate_limited=1"},
		{[]string{"waiting", "pending", "eligible", "resumable"}, "open total=4 sampled=4 waiting=4"},
		{[]string{"completed", "of tomorrow"}, "open total=2 sampled=2 completed=1"},
	} {
		t.Run(fmt.Sprint(test.states), func(t *testing.T) {
			g := flowOf(open(t), test.states...)
			before := g.sql.Rows("SELECT * FROM ff_flow_core")
			require.Equal(t, test.states != nil, g.projected())
			require.Equal(t, test.want, g.summary())
			require.Equal(t, before, g.sql.Rows("SELECT * FROM ff_flow_core"))
		})
	}
}

func TestSpec04_S66_TheProjectionFollowsTheMembers(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	g.edge(m[0], m[1])
	require.True(t, g.projected())
	require.Equal(t, "blocked total=2 sampled=2 waiting=1 waiting_children=1", g.summary())
	require.Equal(t, int64(g.now()), g.sql.Int("SELECT last_summary_update_at FROM ff_flow_summary"))

	_, handle := g.claimedExecution()
	written, err := g.ProjectFlowSummary(t.Context(), g.flow, 5000)
	require.NoError(t, err)
	require.True(t, written)
	require.Equal(t, "running total=2 sampled=2 active=1 waiting_children=1", g.summary())
	require.Equal(t, int64(5000), g.sql.Int("SELECT last_summary_update_at FROM ff_flow_summary"))

	require.NoError(t, g.Complete(t.Context(), handle, nil))
	g.idle()
	g.drive(m[1], true)
	events := g.stored()
	require.True(t, g.projected())
	require.Equal(t, events, g.stored(), "it writes no event")
	require.Equal(t, "completed total=2 sampled=2 completed=2", g.summary())

	unknown := &graph{engine: g.engine, flow: messages.NewFlowID()}
	require.False(t, unknown.projected())
	require.Equal(t, "none", unknown.summary())
}

func TestSpec04_S66_AReplayAndANewMemberMakeTheSummaryDueAnew(t *testing.T) {
	g := open(t).newFlow()
	id := g.member()
	g.drive(id, true)
	g.projected()
	g.replayed(id)
	require.Equal(t, "none", g.summary())
	g.projected()
	require.Equal(t, "open total=1 sampled=1 waiting=1", g.summary())
	g.member()
	require.Equal(t, "none", g.summary())
}

func TestSpec01_S38_TheStateOfAFlowFromItsMembers(t *testing.T) {
	e := open(t)
	for states, want := range map[string]string{
		"completed skipped": "completed", "completed expired": "failed", "active suspended": "running",
		"waiting delayed": "blocked", "waiting": "open",
	} {
		g := flowOf(e, strings.Fields(states)...)
		require.True(t, g.projected(), states)
		require.Equal(t, want, strings.Fields(g.summary())[0], states)
	}
	g := flowOf(e)
	require.False(t, g.projected())
	require.Equal(t, "none", g.summary())
}
