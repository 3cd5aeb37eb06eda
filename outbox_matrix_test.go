package ffsqlite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// TestSpec04_OutboxMatrix makes each call of 04 §11 on two members, of which the first is claimed, and expects the rows of
// the matrix: completion, lease and operator events, in the order in which they were written.
func TestSpec04_OutboxMatrix(t *testing.T) {
	for _, test := range []struct {
		name       string
		call       func(g *graph, m []messages.ExecutionID) error
		completion []string
		lease      []string
		operator   []string
	}{
		{"set edge group policy", func(g *graph, m []messages.ExecutionID) error {
			_, err := g.SetEdgeGroupPolicy(t.Context(), messages.SetEdgeGroupPolicyArgs{
				FlowID: g.flow, DownstreamExecutionID: m[1],
			})
			return err
		}, nil, nil, nil},
		{"build a graph", func(g *graph, m []messages.ExecutionID) error {
			g.edge(m[0], m[1])
			return nil
		}, nil, nil, nil},
		{"apply to a child that is skipped", func(g *graph, m []messages.ExecutionID) error {
			failed := g.member(withPriority(1))
			g.sql.Exec("UPDATE ff_exec_core SET lifecycle_phase = 'terminal', public_state = 'failed' WHERE execution_id = ?",
				failed.UUID())
			g.edge(failed, m[0])
			return nil
		}, []string{"skipped"}, []string{"revoked"}, nil},
		{"cancel flow", func(g *graph, _ []messages.ExecutionID) error {
			_, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{FlowID: g.flow, Policy: messages.CancelAll})
			return err
		}, []string{"cancelled", "cancelled"}, []string{"revoked", "revoked"}, nil},
		{"cancel flow header", func(g *graph, _ []messages.ExecutionID) error {
			g.header("stop", messages.CancelAll)
			return nil
		}, []string{"cancelled", "cancelled"}, []string{"revoked"}, []string{"flow_cancel_requested"}},
		{"acknowledge", func(g *graph, m []messages.ExecutionID) error {
			return g.AckCancelMember(t.Context(), g.flow, m[0])
		}, nil, nil, nil},
		{"project", func(g *graph, _ []messages.ExecutionID) error { g.projected(); return nil }, nil, nil, nil},
		{"cancel a running execution", func(g *graph, m []messages.ExecutionID) error {
			g.cancelled(messages.CancelExecutionArgs{ExecutionID: m[0]})
			return nil
		}, []string{"cancelled"}, []string{"revoked"}, nil},
		{"cancel a waiting execution", func(g *graph, m []messages.ExecutionID) error {
			g.cancelled(messages.CancelExecutionArgs{ExecutionID: m[1]})
			return nil
		}, []string{"cancelled"}, nil, nil},
		{"revoke", func(g *graph, m []messages.ExecutionID) error {
			g.revoked(messages.RevokeLeaseArgs{ExecutionID: m[0]})
			return nil
		}, nil, []string{"revoked"}, nil},
		{"change priority", func(g *graph, m []messages.ExecutionID) error {
			g.prioritised(m[1], 1)
			return nil
		}, nil, nil, []string{"priority_changed"}},
		{"replay", func(g *graph, m []messages.ExecutionID) error {
			g.patch(m[1], "lifecycle_phase = 'terminal', public_state = 'completed'")
			g.replayed(m[1])
			return nil
		}, nil, nil, []string{"replayed"}},
		{"read", func(g *graph, m []messages.ExecutionID) error {
			g.listed(messages.Incoming(m[1]))
			_, err := g.DescribeFlow(t.Context(), g.flow)
			return err
		}, nil, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := open(t)
			g := e.newFlow()
			m := g.members(2)
			claimed, _ := g.claimedExecution()
			require.Equal(t, m[0], claimed)
			g.sql.Exec("DELETE FROM ff_lease_event")
			require.NoError(t, test.call(g, m))
			g.idle()
			for query, want := range map[string][]string{
				"SELECT outcome, namespace FROM ff_completion_event ORDER BY event_id":  test.completion,
				"SELECT event_type, namespace FROM ff_lease_event ORDER BY event_id":    test.lease,
				"SELECT event_type, namespace FROM ff_operator_event ORDER BY event_id": test.operator,
			} {
				var got []string
				for _, row := range g.sql.Rows(query) {
					got = append(got, row[0])
					require.Equal(t, "default", row[1], "filters need it")
				}
				require.Equal(t, want, got, query)
			}
		})
	}
}
