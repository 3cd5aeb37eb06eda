package writer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// TestCascadeCompletion_Descends drives a chain of 60 edges from its head, with the queue held.
func TestCascadeCompletion_Descends(t *testing.T) {
	m := newMachine(t)
	m.chain(61)
	m.commitWith(messages.FailArgs{Handle: m.claimed(), Class: messages.FailurePermanent}, 0)
	require.NoError(t, m.Begin())
	answer := m.Apply(m.now, messages.CompletionPayload{ExecutionID: create(0).ExecutionID})
	require.NoError(t, answer.Err)
	require.Equal(t, messages.CascadeOutcome{Resolved: 51, CascadedChildren: 50, Synchronous: true}, answer.Reply)
	_, err := m.Commit()
	require.NoError(t, err)
	require.Equal(t, []string{"failed 1", "skipped 51", "waiting_children 9"}, m.query(publicStates))

	require.NoError(t, m.Recover(m.now)) // What is deeper is left to the queue.
	require.Equal(t, []string{"failed 1", "skipped 60"}, m.query(publicStates))
	require.Len(t, m.query("SELECT event_id FROM ff_completion_event WHERE outcome = 'skipped'"), 60)
	require.Empty(t, m.query("SELECT event_id FROM ff_completion_event WHERE dispatched_at_ms IS NULL"))
	require.Equal(t, messages.CascadeOutcome{Synchronous: true}, m.must(messages.CompletionPayload{ExecutionID: create(0).ExecutionID}))
}

// TestCascadeCompletion_TellsEveryChild has more children than one hop resolves.
func TestCascadeCompletion_TellsEveryChild(t *testing.T) {
	m := newMachine(t)
	m.fanOut(150)
	m.commitWith(messages.CompleteArgs{Handle: m.claimed()}, 0)
	require.NoError(t, m.Begin())
	answer := m.Apply(m.now, messages.CompletionPayload{ExecutionID: create(0).ExecutionID})
	_, err := m.Commit()
	require.NoError(t, err)
	require.NoError(t, answer.Err)
	require.Equal(t, messages.CascadeOutcome{Resolved: 150, Synchronous: true}, answer.Reply)
	require.Equal(t, []string{"completed 1", "waiting 150"}, m.query(publicStates))
	require.NoError(t, m.Recover(m.now))
	require.Equal(t, []string{"completed 1", "waiting 150"}, m.query(publicStates))
}
