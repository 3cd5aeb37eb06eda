package reader_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestReader_Ping(t *testing.T) {
	require.NoError(t, newFixture(t).Ping(t.Context()))
}

func TestReader_Read_NotARead(t *testing.T) {
	_, err := newFixture(t).Read(t.Context(), messages.CreateFlowArgs{})
	require.ErrorIs(t, err, messages.ErrBug)
	require.ErrorContains(t, err, "create_flow")
}

// An ended context ends every read with the context's error.
func TestReader_EndedContext(t *testing.T) {
	f := newFixture(t)
	f.insert(t, "ff_exec_core", fresh(1))
	f.insert(t, "ff_completion_event", completion(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	id := executionID(0, 1)
	for _, message := range []messages.Message{
		messages.DescribeExecutionArgs{ExecutionID: id},
		messages.DescribeFlowArgs{FlowID: flowID},
		messages.ReadExecutionStateArgs{ExecutionID: id},
		messages.GetExecutionResultArgs{ExecutionID: id},
		messages.ListExecutionsArgs{Limit: 1},
	} {
		_, err := f.Read(ctx, message)
		require.ErrorIs(t, err, context.Canceled, message.Method())
	}
	_, err := f.CompletionPage(ctx, 0, 1)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, f.Ping(ctx), context.Canceled)

	require.Equal(t, messages.PublicWaiting, *state(t, f, id), "the connection is as good as before")
}

// A read sees what was committed before it began, and nothing that is not committed.
func TestReader_SeesCommitted(t *testing.T) {
	f := newFixture(t)
	id := executionID(0, 1)
	f.exec(t, "BEGIN IMMEDIATE")
	f.insert(t, "ff_exec_core", fresh(1))
	require.Nil(t, state(t, f, id))
	f.exec(t, "COMMIT")
	require.Equal(t, messages.PublicWaiting, *state(t, f, id))
}
