package ffsqlite_test

import (
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/flowfabric/ffsqlite/messages"
)

// agree compares what can be read of flows, and of the executions that the last step was to change.
func (w *walk) agree(r *rapid.T) {
	w.settle()
	w.hears(r)
	for _, x := range w.model.twins {
		if w.seen[x.id] != *x {
			w.agreeOnExecution(r, x)
			w.seen[x.id] = *x
		}
	}
	for _, f := range w.model.flows {
		w.agreeOnFlow(r, f)
	}
}

// agreesAtLast compares all that can be read.
func (w *walk) agreesAtLast(r *rapid.T) {
	clear(w.seen)
	w.agree(r)
	ctx := w.t.Context()
	for of, s := range w.model.streams {
		w.agreeOnStream(r, of, s)
	}
	executions, err := w.ListExecutions(ctx, messages.ListExecutionsArgs{Limit: 1000})
	require.NoError(r, err)
	require.Len(r, executions.Executions, len(w.model.twins))
	flows, err := w.ListFlows(ctx, messages.ListFlowsArgs{Limit: 1000})
	require.NoError(r, err)
	require.Len(r, flows.Flows, len(w.model.flows))
}

func (w *walk) agreeOnExecution(r *rapid.T, x *twin) {
	ctx := w.t.Context()
	got, err := w.DescribeExecution(ctx, x.id)
	require.NoError(r, err)
	require.NotNil(r, got)
	require.Equal(r, x.state, got.PublicState, "%s", x.id)
	require.Equal(r, uint32(x.attempts), got.TotalAttemptCount, "%s", x.id)
	require.Equal(r, x.last.held && !x.last.lapsed, got.CurrentLease != nil, "%s", x.id)
	if got.CurrentLease != nil {
		require.Equal(r, x.last.expires, got.CurrentLease.ExpiresAt, "%s", x.id)
		require.Equal(r, messages.LeaseEpoch(x.last.epoch), got.CurrentLease.LeaseEpoch, "%s", x.id)
	}
	require.Equal(r, !x.flow.IsZero(), got.FlowID != nil, "%s", x.id)
	if got.FlowID != nil {
		require.Equal(r, x.flow, *got.FlowID, "%s", x.id)
	}
	reason := messages.BlockingReason("")
	if got.BlockingReason != nil {
		reason = *got.BlockingReason
	}
	require.Equal(r, x.reason(), reason, "%s", x.id)
	w.agreeOnInfo(r, x)
	context, err := w.ReadExecutionContext(ctx, x.id)
	require.NoError(r, err)
	require.Equal(r, x.payload, string(context.InputPayload), "%s", x.id)
	requireSameMap(r, w.model.tagsOf(x.id.String()), context.Tags)
	result, found, err := w.GetExecutionResult(ctx, x.id)
	require.NoError(r, err)
	require.Equal(r, x.result != nil, found, "%s", x.id)
	if found {
		require.Equal(r, *x.result, string(result), "%s", x.id)
	}
	eligible, err := w.EvaluateFlowEligibility(ctx, messages.EvaluateFlowEligibilityArgs{ExecutionID: x.id})
	require.NoError(r, err)
	require.Equal(r, w.model.eligibility(x), eligible.Status, "%s", x.id)
	require.Equal(r, x.ends, w.completions(x.id), "%s", x.id)
	require.Equal(r, x.leases, w.leaseEvents(x.id), "%s", x.id)
}

func (w *walk) agreeOnInfo(r *rapid.T, x *twin) {
	info, err := w.ReadExecutionInfo(w.t.Context(), x.id)
	require.NoError(r, err)
	require.Equal(r, x.state, info.PublicState, "%s", x.id)
	require.Equal(r, x.priority, info.Priority, "%s", x.id)
	require.Equal(r, messages.AttemptIndex(x.next), info.CurrentAttemptIndex, "%s", x.id)
	outcome := messages.OutcomeNone
	if x.over() {
		outcome = messages.TerminalOutcome(outcomes[x.state])
	}
	require.Equal(r, outcome, info.StateVector.TerminalOutcome, "%s", x.id)
	require.Equal(r, x.started != 0, info.StartedAt != nil, "%s", x.id)
	if info.StartedAt != nil {
		require.Equal(r, x.started, *info.StartedAt, "%s", x.id)
	}
}

func requireSameMap(r *rapid.T, want, got map[string]string) {
	if len(want) > 0 || len(got) > 0 {
		require.Equal(r, want, got)
	}
}

func (w *walk) agreeOnFlow(r *rapid.T, f *flowTwin) {
	ctx := w.t.Context()
	got, err := w.DescribeFlow(ctx, f.id)
	require.NoError(r, err)
	require.NotNil(r, got)
	requireSameMap(r, w.model.tagsOf(f.id.String()), got.Tags)
	got.Tags = nil
	require.Equal(r, f.snapshot(), *got)
	for down := range f.groups {
		edges, err := w.ListEdges(ctx, f.id, messages.Incoming(down))
		require.NoError(r, err)
		require.Equal(r, described(f.into(down)), describedSnapshots(edges), "into %s", down)
	}
	if f.closed != nil { // To close it once more only tells how it was closed.
		closed, err := w.CancelFlowHeader(ctx, messages.CancelFlowHeaderArgs{FlowID: f.id, CancellationPolicy: messages.CancelAll})
		require.NoError(r, err)
		require.Equal(r, w.model.closedBefore(f), closed)
	}
}

// snapshot is the flow as a reader is told.
func (f *flowTwin) snapshot() messages.FlowSnapshot {
	s := messages.FlowSnapshot{
		FlowID: f.id, FlowKind: f.kind, Namespace: f.namespace, PublicFlowState: messages.FlowOpen,
		GraphRevision: f.revision, NodeCount: f.members, EdgeCount: uint32(len(f.edges)), CreatedAt: f.created,
		LastMutationAt: f.changed,
	}
	if f.closed != nil {
		s.PublicFlowState, s.CancelledAt = messages.FlowCancelled, &f.closed.at
		s.CancellationPolicy, s.CancelReason = new(string(f.closed.policy)), f.closed.reason
	}
	for down, g := range f.groups {
		t := f.tally(down)
		s.EdgeGroups = append(s.EdgeGroups, messages.EdgeGroupSnapshot{
			DownstreamExecutionID: down, Policy: g.policy, TotalDeps: uint32(t.success + t.fail + t.skip + t.running),
			SatisfiedCount: uint32(t.success), FailedCount: uint32(t.fail), SkippedCount: uint32(t.skip),
			RunningCount: uint32(t.running), GroupState: g.state,
		})
	}
	slices.SortFunc(s.EdgeGroups, func(a, b messages.EdgeGroupSnapshot) int {
		return compareIDs(a.DownstreamExecutionID, b.DownstreamExecutionID)
	})
	return s
}

// described are the edges as text.
func described(edges []*edgeTwin) (texts []string) {
	for _, e := range edges {
		texts = append(texts, strings.Join([]string{e.id.String(), e.up.String(), string(e.state), e.outcome, e.ref}, " "))
	}
	return texts
}

func describedSnapshots(edges []messages.EdgeSnapshot) (texts []string) {
	for _, e := range edges {
		ref := ""
		if e.DataPassingRef != nil {
			ref = *e.DataPassingRef
		}
		texts = append(texts, strings.Join([]string{
			e.EdgeID.String(), e.UpstreamExecutionID.String(), e.DepState, e.ResolvedOutcome, ref,
		}, " "))
	}
	return texts
}

func (w *walk) agreeOnStream(r *rapid.T, of streamOf, s streamTwin) {
	ctx, attempt := w.t.Context(), messages.AttemptIndex(of.attempt)
	got, err := w.ReadStream(ctx, messages.ReadStreamArgs{
		ExecutionID: of.id, AttemptIndex: attempt, From: messages.StreamStart, To: messages.StreamEnd, Count: 10_000,
	})
	require.NoError(r, err)
	require.Len(r, got.Frames, int(s.frames))
	require.Equal(r, s.last(), got.Frames[len(got.Frames)-1].ID)
	summary, err := w.ReadSummary(ctx, of.id, attempt)
	require.NoError(r, err)
	require.Equal(r, s.version > 0, summary != nil)
	if summary != nil {
		require.Equal(r, s.version, summary.Version)
		require.JSONEq(r, s.summary, string(summary.DocumentJSON))
	}
}
