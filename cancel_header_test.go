package ffsqlite_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Cancelling a flow in two steps: 04 §8.2 and §8.3 with their scenarios.

func (g *graph) headerArgs(reason string, policy messages.CancelFlowPolicy) messages.CancelFlowHeaderArgs {
	return messages.CancelFlowHeaderArgs{FlowID: g.flow, Reason: reason, CancellationPolicy: policy}
}

func (g *graph) header(reason string, policy messages.CancelFlowPolicy) messages.CancelFlowHeaderResult {
	g.t.Helper()
	result, err := g.CancelFlowHeader(g.t.Context(), g.headerArgs(reason, policy))
	require.NoError(g.t, err)
	return result
}

// backlog is the stored backlog of the flow, and its members.
func (g *graph) backlog() (rows [][]string, members []string) {
	g.t.Helper()
	rows = g.sql.Rows(`SELECT requested_at_ms, requester, reason, grace_until_ms, cancellation_policy, status
		FROM ff_cancel_backlog WHERE flow_id = ?`, g.flow)
	for _, row := range g.sql.Rows("SELECT execution_id FROM ff_cancel_backlog_member WHERE flow_id = ? ORDER BY 1", g.flow) {
		members = append(members, row[0])
	}
	return rows, members
}

func (g *graph) requireNoBacklog() {
	g.t.Helper()
	rows, members := g.backlog()
	require.Empty(g.t, rows)
	require.Empty(g.t, members)
}

// texts are the wire ids in the order of the UUIDs.
func texts(ids []messages.ExecutionID) []string {
	ids = slices.SortedFunc(slices.Values(ids), func(a, b messages.ExecutionID) int {
		x, y := a.UUID(), b.UUID()
		return bytes.Compare(x[:], y[:])
	})
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return texts
}

func TestSpec04_S61_DescribeACancelledFlow(t *testing.T) {
	g := open(t).newFlow()
	before, err := g.DescribeFlow(t.Context(), g.flow)
	require.NoError(t, err)
	require.Zero(t, before.GraphRevision)
	require.Zero(t, before.NodeCount)
	require.Zero(t, before.EdgeCount)
	require.Nil(t, before.CancelReason)
	require.Nil(t, before.CancellationPolicy)

	g.header("operator_requested", messages.CancelAll)
	flow, err := g.DescribeFlow(t.Context(), g.flow)
	require.NoError(t, err)
	require.Equal(t, messages.FlowCancelled, flow.PublicFlowState)
	require.Equal(t, g.now(), *flow.CancelledAt)
	require.Equal(t, "operator_requested", *flow.CancelReason)
	require.Equal(t, "cancel_all", *flow.CancellationPolicy)
	require.GreaterOrEqual(t, flow.LastMutationAt, flow.CreatedAt)
}

func TestSpec04_S73_TheHeaderCancelsAndRemembers(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	var handles []messages.Handle
	for range m {
		handles = append(handles, g.claimed())
	}
	args := g.headerArgs("op-shutdown", messages.CancelAll)
	args.Now = g.now() + 5000
	result, err := g.CancelFlowHeader(t.Context(), args)
	require.NoError(t, err)
	require.Equal(t, messages.CancelFlowHeaderResult{
		Outcome: messages.CancelHeaderCancelled, CancellationPolicy: messages.CancelAll, MemberExecutionIDs: texts(m),
	}, result)

	rows, members := g.backlog()
	require.Equal(t, [][]string{{
		fmt.Sprint(args.Now), "", "op-shutdown", fmt.Sprint(args.Now + 30_000), "cancel_all", "pending",
	}}, rows)
	require.Equal(t, texts(m), members)
	for i, id := range m {
		require.Equal(t, cancelledVector, g.vector(id))
		require.Equal(t, fmt.Sprintf("op-shutdown cancel_flow_header %d", args.Now),
			g.column(id, "cancellation_reason || ' ' || cancelled_by || ' ' || terminal_at_ms"))
		require.Equal(t, fmt.Sprintf("2 NULL cancelled %d", args.Now), g.attemptVector(id, 0))
		require.Equal(t, "acquired revoked", g.leaseEvents(id))
		require.Equal(t, "cancelled", g.completions(id))
		require.ErrorIs(t, g.Complete(t.Context(), handles[i], nil), messages.ErrLeaseConflict)
	}
	require.Equal(t, "revoked flow_cancel test-worker-instance 0 1", g.lastLeaseEvent())
	require.Equal(t, [][]string{{fmt.Sprint(args.Now), fmt.Sprint(g.now())}},
		g.sql.Rows("SELECT DISTINCT occurred_at_ms, committed_at_ms FROM ff_completion_event"))
	require.Equal(t, fmt.Sprint("cancelled ", args.Now), g.sql.Text("SELECT public_flow_state || ' ' || terminal_at_ms FROM ff_flow_core"))
	require.Equal(t, [][]string{{
		"flow_cancel_requested",
		`{"cancellation_policy":"cancel_all","flow_id":"` + g.flow.String() + `","member_count":3,"reason":"op-shutdown"}`,
	}}, g.operatorEvents(g.flow))
	require.Equal(t, [][]string{{"default", "NULL", fmt.Sprint(args.Now), "0"}},
		g.sql.Rows("SELECT namespace, instance_tag, occurred_at_ms, partition_key FROM ff_operator_event"))
}

func TestSpec04_S73_AReasonIsEscaped(t *testing.T) {
	g := open(t).newFlow()
	g.header("\"quoted\"\n<b> ü", messages.CancelFlowOnly)
	var details map[string]any
	require.NoError(t, json.Unmarshal([]byte(g.operatorEvents(g.flow)[0][1]), &details))
	require.Equal(t, "\"quoted\"\n<b> ü", details["reason"])
}

func TestSpec04_S73_WithoutALeaseNoneIsRevoked(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	g.claimed()
	g.patchAttempt(m[0], 0, "lease_expires_at_ms = NULL, outcome = 'retry'")
	g.edge(m[0], m[1])
	g.header("enough", messages.CancelAll)
	g.idle()
	require.Equal(t, "acquired", g.leaseEvents(m[0]))
	require.Equal(t, "NULL", g.attempt(m[0], 0, "outcome"))
	require.Empty(t, g.leaseEvents(m[1]))
	require.Equal(t, "cancelled", g.completions(m[1]), "it is not skipped as well")
}

func TestSpec04_S73_CancelPendingLeavesWhatRuns(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	g.claimed()
	g.patch(m[1], "lifecycle_phase = 'suspended', public_state = 'suspended', eligibility_state = 'not_applicable'")
	result := g.header("enough", messages.CancelPending)
	require.Equal(t, []string{m[2].String()}, result.MemberExecutionIDs)
	require.Equal(t, messages.CancelPending, result.CancellationPolicy)
	require.Equal(t, messages.PublicActive, g.state(m[0]))
	require.Equal(t, messages.PublicSuspended, g.state(m[1]))
	rows, members := g.backlog()
	require.Equal(t, "cancel_pending", rows[0][4])
	require.Equal(t, result.MemberExecutionIDs, members)
}

func TestSpec04_S74_AFlowThatWasClosedBefore(t *testing.T) {
	g := open(t).newFlow()
	g.sql.Exec(`UPDATE ff_flow_core SET public_flow_state = 'cancelled',
		raw_fields = json_set(raw_fields, '$.cancellation_policy', 'flow_only', '$.cancel_reason', 'prior')`)
	before := g.sql.Dump()
	require.Equal(t, messages.CancelFlowHeaderResult{
		Outcome:                  messages.CancelHeaderAlreadyTerminal,
		StoredCancellationPolicy: new("flow_only"), StoredCancelReason: new("prior"), MemberExecutionIDs: []string{},
	}, g.header("retry", messages.CancelAll))

	unknown := &graph{engine: g.engine, flow: messages.NewFlowID()}
	_, err := g.CancelFlowHeader(t.Context(), unknown.headerArgs("retry", messages.CancelAll))
	require.ErrorIs(t, err, messages.ErrFlowNotFound)
	require.Equal(t, before, g.sql.Dump())
}

func TestSpec04_S74_ASecondHeader(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(3)
	g.drive(m[0], true)
	g.header("first", messages.CancelAll)
	again := func() messages.CancelFlowHeaderResult {
		before := g.sql.Dump()
		result := g.header("second", messages.CancelFlowOnly)
		require.Equal(t, before, g.sql.Dump())
		return result
	}
	require.Equal(t, messages.CancelFlowHeaderResult{
		Outcome:                  messages.CancelHeaderAlreadyTerminal,
		StoredCancellationPolicy: new("cancel_all"), StoredCancelReason: new("first"),
		MemberExecutionIDs: texts(m[1:]),
	}, again(), "the members of the backlog")
	for _, id := range m {
		require.NoError(t, g.AckCancelMember(t.Context(), g.flow, id))
	}
	require.Equal(t, texts(m), again().MemberExecutionIDs, "all members")

	flow := g.newFlow()
	_, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: flow.flow, Policy: messages.CancelPending})
	require.NoError(t, err)
	require.Equal(t, messages.CancelFlowHeaderResult{
		Outcome: messages.CancelHeaderAlreadyTerminal, StoredCancellationPolicy: new("cancel_pending"),
		MemberExecutionIDs: []string{},
	}, flow.header("second", messages.CancelAll), "no reason was stored")
}

func TestSpec04_S74_TwoHeadersAtOnce(t *testing.T) {
	g := open(t).newFlow()
	g.members(2)
	outcomes := make(chan messages.CancelFlowHeaderResultKind, 2)
	for range 2 {
		go func() {
			result, err := g.CancelFlowHeader(context.WithoutCancel(t.Context()), g.headerArgs("", messages.CancelAll))
			if err == nil {
				outcomes <- result.Outcome
			}
		}()
	}
	require.ElementsMatch(t,
		[]messages.CancelFlowHeaderResultKind{messages.CancelHeaderCancelled, messages.CancelHeaderAlreadyTerminal},
		[]messages.CancelFlowHeaderResultKind{<-outcomes, <-outcomes})
	require.Len(t, g.operatorEvents(g.flow), 1)
}

func TestSpec04_S75_AcknowledgingMembers(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	g.header("enough", messages.CancelAll)
	before := g.sql.Int("SELECT count(*) FROM ff_operator_event")
	require.NoError(t, g.AckCancelMember(t.Context(), messages.NewFlowID(), m[0]))
	require.NoError(t, g.AckCancelMember(t.Context(), g.flow, newID()))
	require.NoError(t, g.AckCancelMember(t.Context(), g.flow, messages.NewExecutionID(1, m[0].UUID())), "another id")
	_, members := g.backlog()
	require.Len(t, members, 2)

	require.NoError(t, g.AckCancelMember(t.Context(), g.flow, m[0]))
	rows, members := g.backlog()
	require.Len(t, rows, 1)
	require.Equal(t, []string{m[1].String()}, members)
	require.NoError(t, g.AckCancelMember(t.Context(), g.flow, m[0]))
	require.NoError(t, g.AckCancelMember(t.Context(), g.flow, m[1]))
	g.requireNoBacklog()
	require.NoError(t, g.AckCancelMember(t.Context(), g.flow, m[1]))
	require.Equal(t, before, g.sql.Int("SELECT count(*) FROM ff_operator_event"))
}

func TestSpec04_S76_NothingToRemember(t *testing.T) {
	e := open(t)
	only, empty := e.newFlow(), e.newFlow()
	m := only.members(2)
	only.edge(m[0], m[1])
	require.Equal(t, messages.CancelFlowHeaderResult{
		Outcome: messages.CancelHeaderCancelled, CancellationPolicy: messages.CancelFlowOnly, MemberExecutionIDs: []string{},
	}, only.header("enough", messages.CancelFlowOnly))
	only.requireNoBacklog()
	require.Equal(t, blockedVector, only.vector(m[1]))
	only.drive(m[0], true)
	require.Equal(t, releasedVector, only.vector(m[1]), "members go on")

	empty.header("enough", messages.CancelAll)
	empty.requireNoBacklog()
	for _, g := range []*graph{only, empty} {
		require.Len(t, g.operatorEvents(g.flow), 1)
	}
	require.Contains(t, empty.operatorEvents(empty.flow)[0][1], `"member_count":0`)

	before := e.sql.Dump()
	_, err := e.CancelFlowHeader(t.Context(), e.newFlow().headerArgs("", "cancel_only_flow"))
	requireInvalid(t, err, "cancellation_policy: cancel_only_flow")
	require.Len(t, e.sql.Dump(), len(before)+1, "the new flow alone")
}

func TestSpec04_S79_TheTimeOfACancelAndItsCommit(t *testing.T) {
	e := open(t)
	id := e.created()
	e.cancelled(messages.CancelExecutionArgs{ExecutionID: id, Now: 5000})
	require.Equal(t, [][]string{{"5000", fmt.Sprint(e.now())}},
		e.sql.Rows("SELECT occurred_at_ms, committed_at_ms FROM ff_completion_event"))
}
