package ffsqlite

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/flowfabric/ffsqlite/messages"
)

const (
	// membersAtOnce is how many members of a flow are dealt with at the same time, so that they share commits.
	membersAtOnce = 16
	// maxStoredMembers is the most members that are told of a flow that was closed before.
	maxStoredMembers = 1000
)

// CancelFlowRequest cancels a flow as a server does that is asked to: CancelFlowHeader, then for cancel_all CancelExecution
// and AckCancelMember for each member. With Wait it returns when all members are dealt with, and names those that failed
// in the outcome partially_cancelled; without, it answers cancellation_scheduled and goes on in the background, which
// ShutdownPrepare and Close wait for. What fails, or is not reached, stays in the backlog, and the engine deals with it 30
// seconds later.
//
// A flow that was closed before is answered with what is stored of that, 1000 members at most. Interceptors see the
// request and each call that it is made of. ErrFlowNotFound says that there is no such flow.
func (b *Backend) CancelFlowRequest(
	ctx context.Context, args messages.CancelFlowRequestArgs,
) (messages.CancelFlowResult, error) {
	return call[messages.CancelFlowResult](ctx, b, args)
}

func (b *Backend) cancelFlowRequest(
	ctx context.Context, args messages.CancelFlowRequestArgs,
) (messages.CancelFlowResult, error) {
	header, err := ask[messages.CancelFlowHeaderResult](ctx, b.inner, args.Header())
	if err != nil {
		return messages.CancelFlowResult{}, err
	}
	result := messages.CancelFlowResult{
		Outcome:            messages.CancelFlowCancelled,
		CancellationPolicy: args.CancellationPolicy,
		MemberExecutionIDs: header.MemberExecutionIDs,
	}
	members := memberIDs(header.MemberExecutionIDs)
	switch {
	case header.Outcome == messages.CancelHeaderAlreadyTerminal:
		if stored := header.StoredCancellationPolicy; stored != nil {
			result.CancellationPolicy = messages.CancelFlowPolicy(*stored)
		}
		result.MemberExecutionIDs = members[:min(len(members), maxStoredMembers)]
	case len(members) == 0:
	case args.CancellationPolicy != messages.CancelAll:
		members.run(nil, func(id messages.ExecutionID) error { return b.acknowledge(ctx, args.FlowID, id) })
	case args.Wait:
		return b.cancelNow(ctx, args, members, result)
	default:
		b.cancelLater(ctx, args, members)
		result.Outcome = messages.CancelFlowScheduled
		result.MemberCount = uint32(len(members)) //nolint:gosec // Counts members.
	}
	return result, nil
}

func (b *Backend) cancelNow(
	ctx context.Context, args messages.CancelFlowRequestArgs, members memberIDs, result messages.CancelFlowResult,
) (messages.CancelFlowResult, error) {
	failed := members.run(nil, func(id messages.ExecutionID) error { return b.cancelMember(ctx, args, id) })
	if err := ctx.Err(); err != nil {
		return messages.CancelFlowResult{}, err
	}
	if len(failed) > 0 {
		result.Outcome, result.FailedMemberExecutionIDs = messages.CancelFlowPartiallyCancelled, failed
	}
	return result, nil
}

// cancelLater leaves everything to the backlog when the engine is being closed.
func (b *Backend) cancelLater(ctx context.Context, args messages.CancelFlowRequestArgs, members memberIDs) {
	ctx = context.WithoutCancel(ctx)
	b.engine.background.start(func(hurry <-chan struct{}) {
		members.run(hurry, func(id messages.ExecutionID) error { return b.cancelMember(ctx, args, id) })
	})
}

// cancelMember is both calls for one member. That the execution has ended, or is gone, is as good as cancelling it.
func (b *Backend) cancelMember(ctx context.Context, args messages.CancelFlowRequestArgs, id messages.ExecutionID) error {
	_, err := b.inner(ctx, messages.CancelExecutionArgs{
		ExecutionID: id, Reason: args.Reason, Source: messages.SourceOperatorOverride, Now: args.Now,
	})
	if err != nil && !messages.NothingToCancel(err) {
		return err
	}
	return b.acknowledge(ctx, args.FlowID, id)
}

func (b *Backend) acknowledge(ctx context.Context, flow messages.FlowID, id messages.ExecutionID) error {
	_, err := b.inner(ctx, messages.AckCancelMemberArgs{FlowID: flow, ExecutionID: id})
	return err
}

// memberIDs are the wire ids of members of a flow that each need a call or two.
type memberIDs []string

// run does something for every member, several at a time, and returns those that failed in the order of the list. When
// there is a hurry, no further member is begun.
func (members memberIDs) run(hurry <-chan struct{}, do func(messages.ExecutionID) error) (failed []string) {
	errs := make([]error, len(members))
	var begun atomic.Int64
	var workers sync.WaitGroup
	for range min(membersAtOnce, len(members)) {
		workers.Go(func() {
			for {
				i := int(begun.Add(1)) - 1
				if i >= len(members) || ended(hurry) {
					return
				}
				id, err := messages.ParseExecutionID(members[i])
				if err == nil {
					err = do(id)
				}
				errs[i] = err
			}
		})
	}
	workers.Wait()
	for i, err := range errs {
		if err != nil {
			failed = append(failed, members[i])
		}
	}
	return failed
}

func ended(signal <-chan struct{}) bool {
	select {
	case <-signal:
		return true
	default:
		return false
	}
}
