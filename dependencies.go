package ffsqlite

import (
	"context"

	"github.com/flowfabric/ffsqlite/messages"
)

// SetEdgeGroupPolicy chooses how the dependencies of an execution combine: all of them, any, or a quorum, and whether the
// upstreams that are then left are cancelled or run on. Without it, all must succeed. It must come before the first edge
// to the execution is staged; afterwards it returns ErrInvalidInput, even for the same policy. The execution need not
// exist yet; ErrFlowNotFound says that the flow does not.
func (b *Backend) SetEdgeGroupPolicy(
	ctx context.Context, args messages.SetEdgeGroupPolicyArgs,
) (messages.SetEdgeGroupPolicyResult, error) {
	return call[messages.SetEdgeGroupPolicyResult](ctx, b, args)
}

// DrainSiblingCancelGroup cancels the upstreams that a group which has fired does not need any more. The engine does so
// by itself right after the group has fired, so this normally answers already_drained. At most 1024 are cancelled in the
// call; the rest follows.
func (b *Backend) DrainSiblingCancelGroup(
	ctx context.Context, flow messages.FlowID, downstream messages.ExecutionID,
) (messages.DrainSiblingCancelGroupResult, error) {
	return call[messages.DrainSiblingCancelGroupResult](ctx, b, messages.DrainSiblingCancelGroupArgs{
		FlowID: flow, DownstreamExecutionID: downstream,
	})
}

// ReconcileSiblingCancelGroup removes what says that siblings of a group are to be cancelled, if none is. It never cancels
// anything.
func (b *Backend) ReconcileSiblingCancelGroup(
	ctx context.Context, flow messages.FlowID, downstream messages.ExecutionID,
) (messages.SiblingCancelReconcileAction, error) {
	return call[messages.SiblingCancelReconcileAction](ctx, b, messages.ReconcileSiblingCancelGroupArgs{
		FlowID: flow, DownstreamExecutionID: downstream,
	})
}

// ResolveDependency settles one applied edge by hand, as if its upstream had ended with the given outcome; whether it has
// is not checked. The first resolution of an edge counts: another call answers already_resolved and changes nothing.
// ErrInvalidDependency says that there is no such applied edge between the two executions.
func (b *Backend) ResolveDependency(
	ctx context.Context, args messages.ResolveDependencyArgs,
) (messages.ResolveDependencyOutcome, error) {
	return call[messages.ResolveDependencyOutcome](ctx, b, args)
}

// CascadeCompletion tells the dependants of an ended execution before it returns, and those of the ones that are skipped
// by it, 50 levels deep. The engine does so by itself right after the execution has ended, so this normally finds nothing
// to do.
func (b *Backend) CascadeCompletion(
	ctx context.Context, payload messages.CompletionPayload,
) (messages.CascadeOutcome, error) {
	return call[messages.CascadeOutcome](ctx, b, payload)
}

// EvaluateFlowEligibility tells whether an execution may run now, or the first reason why not. An unknown execution is
// not_found, no error.
func (b *Backend) EvaluateFlowEligibility(
	ctx context.Context, args messages.EvaluateFlowEligibilityArgs,
) (messages.EvaluateFlowEligibilityResult, error) {
	return call[messages.EvaluateFlowEligibilityResult](ctx, b, args)
}
