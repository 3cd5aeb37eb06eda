package reader

import "github.com/flowfabric/ffsqlite/messages"

// Statement is a statement of this package under the name of its golden plan.
type Statement struct {
	Name string
	SQL  string
}

// Statements returns every statement of this package, and the list of executions with each of its conditions.
func Statements() ([]Statement, error) {
	statements := []Statement{
		{"completion page", completionPageSQL},
		{"describe edge", describeEdgeSQL},
		{"describe execution", describeExecutionSQL},
		{"describe flow", describeFlowSQL},
		{"get execution result", getExecutionResultSQL},
		{"high water", highWaterSQL},
		{"highest completion", highestCompletionSQL},
		{"highest instance tag", highestInstanceTagSQL},
		{"highest lease", highestLeaseSQL},
		{"highest signal", highestSignalSQL},
		{"lease history page", leaseHistoryPageSQL},
		{"list edges: incoming", listIncomingEdgesSQL},
		{"list edges: outgoing", listOutgoingEdgesSQL},
		{"list flows", listFlowsSQL},
		{"list lanes", listLanesSQL},
		{"list suspended", listSuspendedSQL},
		{"list suspended in a partition", listSuspendedInPartitionSQL},
		{"ping", pingSQL},
		{"read current attempt", readCurrentAttemptSQL},
		{"read current attempt index", readCurrentAttemptIndexSQL},
		{"read edge groups", readEdgeGroupsSQL},
		{"read eligibility", readEligibilitySQL},
		{"read exec core fields", readExecCoreFieldsSQL},
		{"read execution context", readExecutionContextSQL},
		{"read execution document", readExecutionDocumentSQL},
		{"read execution info", readExecutionInfoSQL},
		{"read execution state", readExecutionStateSQL},
		{"resolve execution flow id", resolveExecutionFlowIDSQL},
		{"read group", readGroupSQL},
		{"read inbound", readInboundSQL},
		{"read outcome", readOutcomeSQL},
		{"read flow document", readFlowDocumentSQL},
		{"read frames", readFramesSQL},
		{"read stream attempt", readStreamAttemptSQL},
		{"read stream execution", readStreamExecutionSQL},
		{"read summary", readSummarySQL},
	}
	tags := map[string]string{"a.b": "c"}
	flow := messages.FlowID{1}
	for _, list := range []struct {
		name string
		args messages.ListExecutionsArgs
	}{
		{"all", messages.ListExecutionsArgs{}},
		{"of a partition", messages.ListExecutionsArgs{Partition: "{fp:1}"}},
		{"of a lane", messages.ListExecutionsArgs{Filter: messages.ExecutionFilter{LaneID: "l"}}},
		{"in a state", messages.ListExecutionsArgs{Filter: messages.ExecutionFilter{PublicState: "active"}}},
		{"of a flow", messages.ListExecutionsArgs{Filter: messages.ExecutionFilter{FlowID: flow}}},
		{"in a namespace", messages.ListExecutionsArgs{Filter: messages.ExecutionFilter{Namespace: "n"}}},
		{"of a kind", messages.ListExecutionsArgs{Filter: messages.ExecutionFilter{ExecutionKind: "k"}}},
		{"with tags", messages.ListExecutionsArgs{Filter: messages.ExecutionFilter{Tags: tags}}},
		{"of a flow in a partition", messages.ListExecutionsArgs{
			Partition: "{fp:1}", Filter: messages.ExecutionFilter{FlowID: flow},
		}},
		{"with every condition", messages.ListExecutionsArgs{
			Partition: "{fp:1}",
			Filter: messages.ExecutionFilter{
				Namespace: "n", LaneID: "l", PublicState: "active", ExecutionKind: "k", FlowID: flow, Tags: tags,
			},
		}},
	} {
		query, err := listingOf(list.args)
		if err != nil {
			return nil, err
		}
		statements = append(statements, Statement{"list executions: " + list.name, query.sql})
	}
	return statements, nil
}
