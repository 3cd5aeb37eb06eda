package messages

// Message is the arguments of one operation. The set is closed, so a switch over it can be checked for completeness.
//
//sumtype:decl
type Message interface {
	// Method returns the name of the operation in snake_case, as the upstream contract spells it.
	Method() string
	isMessage()
}

// Mutation is a message that the writer applies.
type Mutation interface {
	Message
	isMutation()
}

// Validator is implemented by every [Message]. Validate makes all checks that need no database, in the order of the
// specification, and returns an [*Error], or nil when the arguments are fine.
type Validator interface {
	Validate() error
}

// Reply is the result of a message: the result type that its operation names, or nil.
type Reply any

// firstOf returns the first error that is not nil.
func firstOf(errs ...*Error) *Error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// firstError is firstOf as an error: a nil pointer must not become a non-nil interface.
func firstError(errs ...*Error) error {
	if err := firstOf(errs...); err != nil {
		return err
	}
	return nil
}

// The names of the operations.

// Method returns "create_execution".
func (CreateExecutionArgs) Method() string { return "create_execution" }

// Method returns "claim".
func (ClaimArgs) Method() string { return "claim" }

// Method returns "claim_next".
func (ClaimNextArgs) Method() string { return "claim_next" }

// Method returns "claim_wait".
func (ClaimWaitArgs) Method() string { return "claim_wait" }

// Method returns "renew".
func (RenewArgs) Method() string { return "renew" }

// Method returns "progress".
func (ProgressArgs) Method() string { return "progress" }

// Method returns "complete".
func (CompleteArgs) Method() string { return "complete" }

// Method returns "fail".
func (FailArgs) Method() string { return "fail" }

// Method returns "cancel".
func (CancelArgs) Method() string { return "cancel" }

// Method returns "cancel_execution".
func (CancelExecutionArgs) Method() string { return "cancel_execution" }

// Method returns "change_priority".
func (ChangePriorityArgs) Method() string { return "change_priority" }

// Method returns "replay_execution".
func (ReplayExecutionArgs) Method() string { return "replay_execution" }

// Method returns "revoke_lease".
func (RevokeLeaseArgs) Method() string { return "revoke_lease" }

// Method returns "create_flow".
func (CreateFlowArgs) Method() string { return "create_flow" }

// Method returns "add_execution_to_flow".
func (AddExecutionToFlowArgs) Method() string { return "add_execution_to_flow" }

// Method returns "stage_dependency_edge".
func (StageDependencyEdgeArgs) Method() string { return "stage_dependency_edge" }

// Method returns "apply_dependency_to_child".
func (ApplyDependencyToChildArgs) Method() string { return "apply_dependency_to_child" }

// Method returns "set_edge_group_policy".
func (SetEdgeGroupPolicyArgs) Method() string { return "set_edge_group_policy" }

// Method returns "resolve_dependency".
func (ResolveDependencyArgs) Method() string { return "resolve_dependency" }

// Method returns "cascade_completion".
func (CompletionPayload) Method() string { return "cascade_completion" }

// Method returns "evaluate_flow_eligibility".
func (EvaluateFlowEligibilityArgs) Method() string { return "evaluate_flow_eligibility" }

// Method returns "drain_sibling_cancel_group".
func (DrainSiblingCancelGroupArgs) Method() string { return "drain_sibling_cancel_group" }

// Method returns "reconcile_sibling_cancel_group".
func (ReconcileSiblingCancelGroupArgs) Method() string { return "reconcile_sibling_cancel_group" }

// Method returns "cancel_flow".
func (CancelFlowArgs) Method() string { return "cancel_flow" }

// Method returns "cancel_flow_header".
func (CancelFlowHeaderArgs) Method() string { return "cancel_flow_header" }

// Method returns "ack_cancel_member".
func (AckCancelMemberArgs) Method() string { return "ack_cancel_member" }

// Method returns "cancel_flow_request".
func (CancelFlowRequestArgs) Method() string { return "cancel_flow_request" }

// Method returns "project_flow_summary".
func (ProjectFlowSummaryArgs) Method() string { return "project_flow_summary" }

// Method returns "describe_execution".
func (DescribeExecutionArgs) Method() string { return "describe_execution" }

// Method returns "describe_flow".
func (DescribeFlowArgs) Method() string { return "describe_flow" }

// Method returns "list_flows".
func (ListFlowsArgs) Method() string { return "list_flows" }

// Method returns "list_edges".
func (ListEdgesArgs) Method() string { return "list_edges" }

// Method returns "describe_edge".
func (DescribeEdgeArgs) Method() string { return "describe_edge" }

// Method returns "resolve_execution_flow_id".
func (ResolveExecutionFlowIDArgs) Method() string { return "resolve_execution_flow_id" }

// Method returns "read_execution_state".
func (ReadExecutionStateArgs) Method() string { return "read_execution_state" }

// Method returns "get_execution_result".
func (GetExecutionResultArgs) Method() string { return "get_execution_result" }

// Method returns "list_executions".
func (ListExecutionsArgs) Method() string { return "list_executions" }

// Method returns "ping".
func (PingArgs) Method() string { return "ping" }

// Method returns "server_time_ms".
func (ServerTimeMsArgs) Method() string { return "server_time_ms" }

// Method returns "wait_for_flow_cancellation".
func (WaitForFlowCancellationArgs) Method() string { return "wait_for_flow_cancellation" }

// Method returns "wait_cascade_idle".
func (WaitCascadeIdleArgs) Method() string { return "wait_cascade_idle" }

// Method returns "subscribe_completion".
func (SubscribeCompletionArgs) Method() string { return "subscribe_completion" }

// Method returns "subscribe_lease_history".
func (SubscribeLeaseHistoryArgs) Method() string { return "subscribe_lease_history" }

func (CreateExecutionArgs) isMessage()             {}
func (ClaimArgs) isMessage()                       {}
func (ClaimNextArgs) isMessage()                   {}
func (ClaimWaitArgs) isMessage()                   {}
func (RenewArgs) isMessage()                       {}
func (ProgressArgs) isMessage()                    {}
func (CompleteArgs) isMessage()                    {}
func (FailArgs) isMessage()                        {}
func (CancelArgs) isMessage()                      {}
func (CancelExecutionArgs) isMessage()             {}
func (ChangePriorityArgs) isMessage()              {}
func (ReplayExecutionArgs) isMessage()             {}
func (RevokeLeaseArgs) isMessage()                 {}
func (CreateFlowArgs) isMessage()                  {}
func (AddExecutionToFlowArgs) isMessage()          {}
func (StageDependencyEdgeArgs) isMessage()         {}
func (ApplyDependencyToChildArgs) isMessage()      {}
func (SetEdgeGroupPolicyArgs) isMessage()          {}
func (ResolveDependencyArgs) isMessage()           {}
func (CompletionPayload) isMessage()               {}
func (EvaluateFlowEligibilityArgs) isMessage()     {}
func (DrainSiblingCancelGroupArgs) isMessage()     {}
func (ReconcileSiblingCancelGroupArgs) isMessage() {}
func (CancelFlowArgs) isMessage()                  {}
func (CancelFlowHeaderArgs) isMessage()            {}
func (AckCancelMemberArgs) isMessage()             {}
func (ProjectFlowSummaryArgs) isMessage()          {}
func (CancelFlowRequestArgs) isMessage()           {}
func (DescribeExecutionArgs) isMessage()           {}
func (DescribeFlowArgs) isMessage()                {}
func (ReadExecutionStateArgs) isMessage()          {}
func (GetExecutionResultArgs) isMessage()          {}
func (ListExecutionsArgs) isMessage()              {}
func (PingArgs) isMessage()                        {}
func (ServerTimeMsArgs) isMessage()                {}
func (WaitForFlowCancellationArgs) isMessage()     {}
func (WaitCascadeIdleArgs) isMessage()             {}
func (SubscribeCompletionArgs) isMessage()         {}
func (SubscribeLeaseHistoryArgs) isMessage()       {}
func (ListFlowsArgs) isMessage()                   {}
func (ListEdgesArgs) isMessage()                   {}
func (DescribeEdgeArgs) isMessage()                {}
func (ResolveExecutionFlowIDArgs) isMessage()      {}

func (CreateExecutionArgs) isMutation()             {}
func (ClaimArgs) isMutation()                       {}
func (ClaimNextArgs) isMutation()                   {}
func (ClaimWaitArgs) isMutation()                   {}
func (RenewArgs) isMutation()                       {}
func (ProgressArgs) isMutation()                    {}
func (CompleteArgs) isMutation()                    {}
func (FailArgs) isMutation()                        {}
func (CancelArgs) isMutation()                      {}
func (CancelExecutionArgs) isMutation()             {}
func (ChangePriorityArgs) isMutation()              {}
func (ReplayExecutionArgs) isMutation()             {}
func (RevokeLeaseArgs) isMutation()                 {}
func (CreateFlowArgs) isMutation()                  {}
func (AddExecutionToFlowArgs) isMutation()          {}
func (StageDependencyEdgeArgs) isMutation()         {}
func (ApplyDependencyToChildArgs) isMutation()      {}
func (SetEdgeGroupPolicyArgs) isMutation()          {}
func (ResolveDependencyArgs) isMutation()           {}
func (CompletionPayload) isMutation()               {}
func (DrainSiblingCancelGroupArgs) isMutation()     {}
func (ReconcileSiblingCancelGroupArgs) isMutation() {}
func (CancelFlowArgs) isMutation()                  {}
func (CancelFlowHeaderArgs) isMutation()            {}
func (AckCancelMemberArgs) isMutation()             {}
func (ProjectFlowSummaryArgs) isMutation()          {}
