package messages_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// declared finds the receivers of a method in the source of the package.
func declared(t *testing.T, method string) (found [][]string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		found = append(found, regexp.MustCompile(`(?m)^func \((\w+)\) `+method).FindAllStringSubmatch(string(source), -1)...)
	}
	return found
}

// TestBatchArgs_TakesEveryMutation reads a batch of each mutation that there is.
func TestBatchArgs_TakesEveryMutation(t *testing.T) {
	methods := map[string]string{}
	for _, m := range declared(t, `Method\(\) string \{ return "(\w+)" \}`) {
		methods[m[1]] = m[2]
	}
	mutations := declared(t, `isMutation\(\)`)
	require.GreaterOrEqual(t, len(mutations), 17)
	for _, m := range mutations {
		var batch messages.BatchArgs
		err := json.Unmarshal([]byte(`{"messages":[{"method":"`+methods[m[1]]+`","args":{}}]}`), &batch)
		switch m[1] {
		case "BatchArgs", "ClaimWaitArgs":
			requireInvalid(t, err, messages.CodeInvalidInput, "messages[0]: not a mutation")
		default:
			require.NoError(t, err, "%s is missing in the table of batches", m[1])
			require.Equal(t, methods[m[1]], batch.Messages[0].Method())
		}
	}
}

func TestBatchArgs_JSON(t *testing.T) {
	flow := messages.FlowID(uuid(t, uuidB))
	create := createArgs(t)
	create.InputPayload = []byte{1, 2}
	next := claimNextArgs()
	next.LeaseTTL = time.Second
	requireRoundTrip(t,
		messages.BatchArgs{Messages: []messages.Message{
			create, messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: create.ExecutionID}, next,
		}},
		`{"messages":[
			{"method":"create_execution","args":{"execution_id":"`+idA+`","namespace":"tenant","lane_id":"default",
				"input_payload":[1,2],"creator_identity":""}},
			{"method":"add_execution_to_flow","args":{"flow_id":"`+uuidB+`","execution_id":"`+idA+`"}},
			{"method":"claim_next","args":{"lanes":["default","urgent"],"worker_id":"pool","worker_instance_id":"pool-1",
				"worker_capabilities":["gpu","cuda"],"lease_ttl_ms":1000}}
		]}`)
	for _, text := range []string{
		`7`, `{"messages":[{"method":"ping","args":{}}]}`, `{"messages":[{"method":"create_execution","args":7}]}`,
		`{"messages":[{"method":"create_execution"}]}`, `{"messages":[{"args":{}}]}`,
	} {
		require.Error(t, json.Unmarshal([]byte(text), new(messages.BatchArgs)), text)
	}
}

func TestSubmitFlowArgs_JSON(t *testing.T) {
	member, other := createArgs(t), createArgs(t)
	other.ExecutionID, other.Namespace = executionID(t, idC), ""
	args := messages.SubmitFlowArgs{
		FlowID: uuid(t, uuidB), FlowKind: "dag", Namespace: "tenant",
		Executions: []messages.CreateExecutionArgs{member, other}, Now: 5,
		Policies: []messages.SubmitFlowPolicy{{
			DownstreamExecutionID: other.ExecutionID,
			Policy:                messages.EdgeDependencyPolicy{Kind: messages.AnyOf, OnSatisfied: messages.LetRun},
		}},
		Edges: []messages.SubmitFlowEdge{
			{UpstreamExecutionID: member.ExecutionID, DownstreamExecutionID: other.ExecutionID},
			{
				EdgeID: uuid(t, uuidC), UpstreamExecutionID: member.ExecutionID, DownstreamExecutionID: other.ExecutionID,
				DependencyKind: "success_only", DataPassingRef: "result",
			},
		},
	}
	ends := `"upstream_execution_id":"` + idA + `","downstream_execution_id":"` + idC + `"`
	requireRoundTrip(t, args, `{"flow_id":"`+uuidB+`","flow_kind":"dag","namespace":"tenant","now":5,
		"executions":[{"execution_id":"`+idA+`","namespace":"tenant","lane_id":"default","creator_identity":""},
			{"execution_id":"`+idC+`","namespace":"","lane_id":"default","creator_identity":""}],
		"policies":[{"downstream_execution_id":"`+idC+`","policy":{"kind":"any_of","on_satisfied":"let_run"}}],
		"edges":[{`+ends+`},{"edge_id":"`+uuidC+`",`+ends+`,"dependency_kind":"success_only","data_passing_ref":"result"}]}`)
	require.NoError(t, args.Validate())
	require.Equal(t, member.Namespace, args.Execution(1).Namespace)
	require.Equal(t, messages.TimestampMs(5), args.Execution(1).Now)

	result := messages.SubmitFlowResult{
		Outcome: messages.SubmitFlowCreated, FlowID: uuid(t, uuidB), GraphRevision: 3,
		ExecutionIDs: []messages.ExecutionID{member.ExecutionID}, EdgeIDs: []messages.EdgeID{},
	}
	const fields = `{"flow_id":"` + uuidB + `","graph_revision":3,"execution_ids":["` + idA + `"],"edge_ids":[]}`
	requireRoundTrip(t, result, `{"Created":`+fields+`}`)
	result.Outcome = messages.SubmitFlowAlreadySatisfied
	requireRoundTrip(t, result, `{"AlreadySatisfied":`+fields+`}`)
}

func TestSubmitFlowArgs_Policies(t *testing.T) {
	fine := func() messages.SubmitFlowArgs {
		return messages.SubmitFlowArgs{
			FlowID: uuid(t, uuidB), Namespace: "tenant", Executions: []messages.CreateExecutionArgs{createArgs(t)},
			Policies: []messages.SubmitFlowPolicy{{DownstreamExecutionID: executionID(t, idA)}},
		}
	}
	type submit = messages.SubmitFlowArgs
	requireDetails(t, fine, []invalid[submit]{
		{
			"policies[1]: downstream_execution_id: has two policies (" + idA + ")",
			func(a *submit) { a.Policies = append(a.Policies, a.Policies[0]) },
		},
		{
			"policies[0]: quorum_k: must be >= 1",
			func(a *submit) { a.Policies[0].Policy.Kind = messages.Quorum },
		},
	})
	stranger := fine()
	stranger.Policies[0].DownstreamExecutionID = executionID(t, idC)
	require.ErrorIs(t, stranger.Validate(), messages.ErrExecutionNotInFlow)
	require.ErrorContains(t, stranger.Validate(), "policies[0]: execution_not_in_flow")
}

func TestSubmitFlowArgs_TheEdgeThatClosesACycleIsNamed(t *testing.T) {
	ids := make([]messages.ExecutionID, 6)
	args := messages.SubmitFlowArgs{FlowID: uuid(t, uuidB), Namespace: "tenant"}
	for i := range ids {
		ids[i] = messages.NewExecutionID(0, messages.NewFlowID())
		args.Executions = append(args.Executions, messages.CreateExecutionArgs{ExecutionID: ids[i], LaneID: "default"})
	}
	for _, test := range []struct {
		arcs  [][2]int
		names string // "" is no cycle
	}{
		{[][2]int{{0, 1}, {1, 2}, {0, 2}, {0, 1}, {5, 3}}, ""},
		{[][2]int{{0, 1}, {1, 0}}, "edges[1]: "},
		{[][2]int{{2, 0}, {0, 1}, {1, 2}, {2, 1}}, "edges[2]: "},
		{[][2]int{{4, 5}, {3, 4}, {0, 1}, {5, 3}, {1, 0}}, "edges[3]: "},
		{[][2]int{{1, 0}, {2, 1}, {3, 2}, {4, 3}, {5, 4}, {0, 5}, {0, 4}}, "edges[5]: "},
	} {
		args.Edges = nil
		for _, a := range test.arcs {
			args.Edges = append(args.Edges, messages.SubmitFlowEdge{
				EdgeID: messages.NewEdgeID(), UpstreamExecutionID: ids[a[0]], DownstreamExecutionID: ids[a[1]],
			})
		}
		err := args.Validate()
		if test.names == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, messages.ErrCycleDetected)
		require.ErrorContains(t, err, test.names)
	}
}
