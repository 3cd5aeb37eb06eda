package messages_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec01_S38_FlowProjection(t *testing.T) {
	type states []messages.PublicState
	for _, test := range []struct {
		members states
		want    messages.PublicFlowState
	}{
		{states{messages.PublicCompleted, messages.PublicSkipped}, messages.FlowCompleted},
		{states{messages.PublicSkipped, messages.PublicSkipped}, messages.FlowCompleted},
		{states{messages.PublicCompleted, messages.PublicExpired}, messages.FlowFailed},
		{states{messages.PublicCompleted, messages.PublicFailed}, messages.FlowFailed},
		{states{messages.PublicSkipped, messages.PublicCancelled}, messages.FlowFailed},
		{states{messages.PublicActive, messages.PublicSuspended}, messages.FlowRunning},
		{states{messages.PublicActive, messages.PublicFailed}, messages.FlowRunning},
		{states{messages.PublicWaiting, messages.PublicDelayed}, messages.FlowBlocked},
		{states{messages.PublicSuspended}, messages.FlowBlocked},
		{states{messages.PublicRateLimited, messages.PublicFailed}, messages.FlowBlocked},
		{states{messages.PublicWaitingChildren, messages.PublicResumable}, messages.FlowBlocked},
		{states{messages.PublicWaiting}, messages.FlowOpen},
		{states{messages.PublicResumable}, messages.FlowOpen},
		{states{messages.PublicWaiting, messages.PublicFailed}, messages.FlowOpen},
		{states{"imported", messages.PublicCompleted}, messages.FlowOpen},
		{states{"imported", messages.PublicActive}, messages.FlowRunning},
	} {
		counts := map[messages.PublicState]int{messages.PublicCancelled: 0}
		for _, state := range test.members {
			counts[state]++
		}
		got, ok := messages.ProjectFlow(counts)
		require.True(t, ok)
		require.Equal(t, test.want, got, "%v", test.members)
	}
	for _, none := range []map[messages.PublicState]int{nil, {messages.PublicActive: 0}} {
		_, ok := messages.ProjectFlow(none)
		require.False(t, ok)
	}
}
