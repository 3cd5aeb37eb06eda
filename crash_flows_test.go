package ffsqlite_test

import (
	"context"
	"fmt"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// What the killed process of crash_test.go does with flows whose ends go far: groups that fire early and cancel the rest,
// and chains that are skipped to their end.

// crashFlow is a flow in a lane of its own. Only its own process claims its members.
type crashFlow struct {
	backend     *ffsqlite.Backend
	acknowledge func(string, messages.ExecutionID, error)
	args        messages.SubmitFlowArgs
}

const crashFlows = messages.LaneID("flows")

// newCrashFlow is a flow of n members whose kinds are their numbers, so that each can be claimed by itself.
func newCrashFlow(
	b *ffsqlite.Backend, n int, acknowledge func(string, messages.ExecutionID, error),
) *crashFlow {
	f := &crashFlow{b, acknowledge, messages.SubmitFlowArgs{FlowID: messages.NewFlowID(), Namespace: namespace}}
	for i := range n {
		id := messages.NewExecutionIDForFlow(f.args.FlowID, messages.PartitionConfig{})
		f.args.Executions = append(f.args.Executions, args(id, inLane(crashFlows), ofKind(f.kind(i))))
	}
	return f
}

func (f *crashFlow) kind(i int) string { return fmt.Sprintf("%d-%s", i, f.args.FlowID) }

func (f *crashFlow) id(i int) messages.ExecutionID { return f.args.Executions[i].ExecutionID }

func (f *crashFlow) edge(upstream, downstream int) {
	f.args.Edges = append(f.args.Edges, messages.SubmitFlowEdge{
		UpstreamExecutionID: f.id(upstream), DownstreamExecutionID: f.id(downstream),
	})
}

func (f *crashFlow) submit(ctx context.Context) {
	_, err := f.backend.SubmitFlow(ctx, f.args)
	for i := range f.args.Executions {
		f.acknowledge("created", f.id(i), err)
	}
}

// end claims one member and completes it, or fails it for good.
func (f *crashFlow) end(ctx context.Context, i int, success bool) {
	next := claimNextArgs()
	next.Lanes, next.Kinds = []messages.LaneID{crashFlows}, []string{f.kind(i)}
	result, err := f.backend.ClaimNext(ctx, next)
	must(err)
	if success {
		f.acknowledge("completed", f.id(i), f.backend.Complete(ctx, result.Task.Handle, []byte(f.id(i).String())))
		return
	}
	_, err = f.backend.Fail(ctx, messages.FailArgs{Handle: result.Task.Handle, Class: messages.FailurePermanent})
	f.acknowledge("failed", f.id(i), err)
}

// submitQuorum has a group of eight upstreams fire with the k-th success, or become impossible with failures: the child is
// released or skipped, and the upstreams that are left are cancelled.
func submitQuorum(ctx context.Context, b *ffsqlite.Backend, k int, success bool, acknowledge func(string, messages.ExecutionID, error)) {
	const upstreams = 8
	f := newCrashFlow(b, upstreams+1, acknowledge)
	for i := range upstreams {
		f.edge(i, upstreams)
	}
	policy := messages.EdgeDependencyPolicy{Kind: messages.AnyOf}
	if k > 1 {
		policy = messages.EdgeDependencyPolicy{Kind: messages.Quorum, K: uint32(k)}
	}
	f.args.Policies = []messages.SubmitFlowPolicy{{DownstreamExecutionID: f.id(upstreams), Policy: policy}}
	f.submit(ctx)
	ends := k
	if !success {
		ends = upstreams - k + 1
	}
	for i := range ends {
		f.end(ctx, i, success)
	}
	if success {
		acknowledge("released", f.id(upstreams), nil)
	} else {
		acknowledge("skipped", f.id(upstreams), nil)
	}
	for i := ends; i < upstreams; i++ {
		acknowledge("cancelled", f.id(i), nil)
	}
}

// submitTree fails the root of a tree: all below it is skipped, level by level.
func submitTree(ctx context.Context, b *ffsqlite.Backend, acknowledge func(string, messages.ExecutionID, error)) {
	const members = 31
	f := newCrashFlow(b, members, acknowledge)
	for i := 1; i < members; i++ {
		f.edge((i-1)/2, i)
	}
	f.submit(ctx)
	f.end(ctx, 0, false)
	for i := 1; i < members; i++ {
		acknowledge("skipped", f.id(i), nil)
	}
}
