package ffsqlite_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec04_S67_CancelFlowClearsTheOutcomeOfAnIdleAttempt(t *testing.T) {
	g := open(t).newFlow()
	id := g.member()
	uuid := id.UUID()
	g.sql.Exec(`INSERT INTO ff_attempt (partition_key, execution_id, attempt_index, lease_epoch, outcome)
		VALUES (0, ?, 0, 1, 'retry')`, uuid[:])
	_, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: messages.CancelAll})
	require.NoError(t, err)
	require.Equal(t, "NULL", g.attempt(id, 0, "outcome"))
}

func TestSpec04_S68_CancelFlowTakesLeases(t *testing.T) {
	g := open(t).newFlow()
	id := g.member()
	handle := g.claimed()
	g.sql.Exec("UPDATE ff_attempt SET lease_epoch = 4")
	handle = forged(t, handle, func(p *messages.HandlePayload) { p.LeaseEpoch = 4 })
	_, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: messages.CancelAll})
	require.NoError(t, err)
	require.Equal(t, "unowned", g.column(id, "ownership_state"))
	require.Equal(t, "NULL NULL 5", g.attempt(id, 0,
		"coalesce(worker_instance_id, 'NULL') || ' ' || coalesce(lease_expires_at_ms, 'NULL') || ' ' || lease_epoch"))
	before := g.stored()
	require.ErrorIs(t, g.Complete(t.Context(), handle, nil), messages.ErrLeaseConflict)
	require.Equal(t, before, g.stored())
	require.Equal(t, messages.PublicCancelled, g.state(id))
}

func TestSpec04_S69_PoliciesOnlyWiden(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	g.edge(m[0], m[1])
	cancel := func(policy messages.CancelFlowPolicy) []string {
		result, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: policy})
		require.NoError(t, err)
		require.Equal(t, policy, result.CancellationPolicy)
		return result.MemberExecutionIDs
	}
	stored := func() string { return g.sql.Text("SELECT raw_fields ->> '$.cancellation_policy' FROM ff_flow_core") }

	require.Empty(t, cancel(messages.CancelFlowOnly))
	require.Equal(t, blockedVector, g.vector(m[1]))
	g.drive(m[0], true)
	require.Equal(t, releasedVector, g.vector(m[1]))
	require.Equal(t, []string{m[1].String()}, cancel(messages.CancelAll))
	require.Equal(t, "cancel_all", stored())
	require.Empty(t, cancel(messages.CancelFlowOnly))
	require.Equal(t, "cancel_all", stored())
}

func TestSpec04_S70_CancelPendingLeavesWhatRuns(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(4)
	claimed, _ := g.claimedExecution()
	require.Equal(t, m[0], claimed)
	g.patch(m[1], "lifecycle_phase = 'suspended', public_state = 'suspended', eligibility_state = 'not_applicable'")
	g.edge(m[2], m[3])
	result, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: messages.CancelPending})
	require.NoError(t, err)
	require.Equal(t, messages.CancelPending, result.CancellationPolicy)
	require.Equal(t, texts(m[2:]), result.MemberExecutionIDs)
	require.Equal(t, messages.PublicCancelled, g.state(m[2]))
	require.Equal(t, messages.PublicCancelled, g.state(m[3]))
	require.Equal(t, messages.PublicActive, g.state(m[0]))
	require.Equal(t, messages.PublicSuspended, g.state(m[1]))
	require.Equal(t, int64(0), g.sql.Int("SELECT count(*) FROM ff_pending_cancel_groups"))
}

func TestSpec04_S71_CancelAllSkipsWhatEnded(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	g.drive(m[0], true)
	ended := func() [][]string {
		return g.sql.Rows(`SELECT e.*, a.* FROM ff_exec_core AS e JOIN ff_attempt AS a USING (execution_id)
			WHERE execution_id = ?`, m[0].UUID())
	}
	before := ended()
	result, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: messages.CancelAll})
	require.NoError(t, err)
	require.Equal(t, []string{m[1].String()}, result.MemberExecutionIDs)
	require.Equal(t, before, ended())
	require.Equal(t, "success", g.completions(m[0]))

	unknown, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: messages.NewFlowID(), Policy: messages.CancelAll})
	require.NoError(t, err)
	require.Equal(t, messages.CancelFlowCancelled, unknown.Outcome)
	require.Empty(t, unknown.MemberExecutionIDs)
	_, err = g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: "everything"})
	require.ErrorIs(t, err, messages.ErrInvalidInput)
}

func TestSpec04_S72_WaitingForACancellation(t *testing.T) {
	g := open(t).newFlow()
	waited := make(chan error, 1)
	go func() { waited <- g.WaitForFlowCancellation(t.Context(), g.flow, time.Millisecond) }()
	for len(waited) == 0 { // The waiting goroutine sets its timer on the manual clock.
		g.clock.Advance(100 * time.Millisecond)
		require.NoError(t, g.Ping(t.Context()))
	}
	err := <-waited
	require.ErrorIs(t, err, messages.ErrTimeout)
	require.ErrorContains(t, err, "cancel_flow")

	for _, wait := range []messages.CancelFlowWait{
		messages.WaitTimeout(500 * time.Millisecond), messages.WaitTimeout(0), messages.WaitIndefinite(),
	} {
		result, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{
			FlowID: g.flow, Policy: messages.CancelAll, Wait: wait,
		})
		require.NoError(t, err)
		require.Equal(t, messages.CancelFlowCancelled, result.Outcome)
	}
	require.NoError(t, g.WaitForFlowCancellation(t.Context(), g.flow, 0))
}
