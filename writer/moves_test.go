package writer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/writer"
)

// diagram is the state diagram of docs/executions.md.
func diagram() string {
	var text strings.Builder
	text.WriteString("```mermaid\nstateDiagram-v2\n    live: any state but an end\n    ended: any end\n")
	labels := map[string]string{"nowhere": "[*]"}
	for _, m := range writer.Moves() {
		from, to := m.From, m.To
		if label := labels[from]; label != "" {
			from = label
		}
		text.WriteString("    " + from + " --> " + to + ": " + m.By + "\n")
	}
	text.WriteString("```\n")
	return text.String()
}

func TestMoves_TheDiagramShowsThem(t *testing.T) {
	path := filepath.Join("..", "docs", "executions.md")
	document, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(document), "```mermaid\n")
	require.True(t, found)
	_, after, found := strings.Cut(rest, "```\n")
	require.True(t, found)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(before+diagram()+after), 0o600))
		return
	}
	require.Equal(t, before+diagram()+after, string(document), "go test ./writer -run Moves -update writes it anew")
}

var states = []messages.PublicState{
	messages.PublicWaiting, messages.PublicDelayed, messages.PublicRateLimited, messages.PublicWaitingChildren,
	messages.PublicActive, messages.PublicSuspended, messages.PublicResumable, messages.PublicCompleted,
	messages.PublicFailed, messages.PublicCancelled, messages.PublicExpired, messages.PublicSkipped,
}

func TestMoves_Legal(t *testing.T) {
	got := map[messages.PublicState]string{}
	for _, from := range states {
		for _, to := range states {
			if from != to && writer.Legal(from, to) {
				got[from] += " " + string(to)
			}
		}
		require.True(t, writer.Legal(from, from), "a renewal, a note, another claim")
		require.True(t, writer.Legal("", from), "what cannot be read forbids nothing")
	}
	const replays = " waiting waiting_children"
	const ends = " cancelled expired skipped"
	require.Equal(t, map[messages.PublicState]string{
		messages.PublicWaiting:         " rate_limited waiting_children active" + ends,
		messages.PublicDelayed:         " waiting waiting_children" + ends,
		messages.PublicRateLimited:     " waiting waiting_children" + ends,
		messages.PublicWaitingChildren: " waiting delayed" + ends,
		messages.PublicActive:          " waiting delayed waiting_children suspended completed failed" + ends,
		messages.PublicSuspended:       " waiting delayed resumable failed" + ends,
		messages.PublicResumable:       " rate_limited waiting_children active" + ends,
		messages.PublicCompleted:       replays,
		messages.PublicFailed:          replays,
		messages.PublicCancelled:       replays,
		messages.PublicExpired:         replays,
		messages.PublicSkipped:         replays,
	}, got)
	require.False(t, writer.Legal("nowhere", messages.PublicCompleted))
	require.False(t, writer.Legal("nowhere", messages.PublicCancelled))
}

func TestMoves_StoringRefusesAllOthers(t *testing.T) {
	m := newMachine(t)
	m.must(create(1))
	id := create(1).ExecutionID
	require.NoError(t, m.Begin())
	for _, state := range [][3]string{
		{"terminal", "not_applicable", "completed"},
		{"suspended", "not_applicable", "suspended"},
		{"runnable", "not_eligible_until_time", "delayed"},
	} {
		err := m.Misplace(id, state[0], state[1], state[2])
		require.ErrorIs(t, err, messages.ErrBug)
		require.ErrorContains(t, err, "execution "+id.String()+" may not go from waiting to "+state[2])
	}
	require.NoError(t, m.Rollback())

	fftest.OpenSQL(t, m.source).Exec("UPDATE ff_exec_core SET lifecycle_phase = 'mine'")
	require.NoError(t, m.Begin())
	require.NoError(t, m.Misplace(id, "terminal", "not_applicable", "completed"), "what it was cannot be read")
	require.NoError(t, m.Rollback())
}
