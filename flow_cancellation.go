package ffsqlite

import (
	"context"
	"time"

	"github.com/flowfabric/ffsqlite/messages"
)

// CancelFlow closes a flow and cancels the members that the policy selects, all in one commit; it answers the ids that
// this call cancelled. A flow that is unknown, or ended otherwise, gives an empty list. With a wait, it also waits until
// the flow reads as cancelled, which it normally does at once; the end of the context ends the wait, not the cancel.
func (b *Backend) CancelFlow(ctx context.Context, args messages.CancelFlowArgs) (messages.CancelFlowResult, error) {
	result, err := call[messages.CancelFlowResult](ctx, b, args)
	if err != nil || !args.Wait.Waits() {
		return result, err
	}
	return result, b.WaitForFlowCancellation(ctx, args.FlowID, args.Wait.Deadline())
}

// WaitForFlowCancellation returns when the flow is cancelled or unknown. It looks at once and then every 100 ms, and
// returns ErrTimeout once the deadline has passed.
func (b *Backend) WaitForFlowCancellation(ctx context.Context, id messages.FlowID, deadline time.Duration) error {
	return run(ctx, b, messages.WaitForFlowCancellationArgs{FlowID: id, Deadline: deadline})
}

// flowCancellationPoll is how often WaitForFlowCancellation looks.
const flowCancellationPoll = 100 * time.Millisecond

func (e *engine) waitForFlowCancellation(ctx context.Context, args messages.WaitForFlowCancellationArgs) error {
	for start := e.clock.Now(); ; {
		if fault := e.actors.Fault(); fault != nil {
			return fault
		}
		reply, err := e.reader.Read(ctx, messages.DescribeFlowArgs{FlowID: args.FlowID})
		if err != nil {
			return err
		}
		if flow, ok := reply.(*messages.FlowSnapshot); !ok || flow == nil || flow.PublicFlowState == messages.FlowCancelled {
			return nil
		}
		if e.clock.Since(start) >= args.Deadline {
			return messages.TimeoutError("cancel_flow", args.Deadline)
		}
		passed := make(chan struct{})
		timer := e.clock.AfterFunc(flowCancellationPoll, func() { close(passed) })
		select {
		case <-passed:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-e.actors.Closing():
			timer.Stop()
			return messages.UnavailableError(args.Method())
		}
	}
}

// CancelFlowHeader closes a flow and cancels the members that the policy selects, all in one commit, and remembers these
// members until AckCancelMember names each; after 30 seconds the engine acknowledges what is left by itself. The outcome is
// already_terminal for a flow that was closed before; ErrFlowNotFound says that there is none.
func (b *Backend) CancelFlowHeader(
	ctx context.Context, args messages.CancelFlowHeaderArgs,
) (messages.CancelFlowHeaderResult, error) {
	return call[messages.CancelFlowHeaderResult](ctx, b, args)
}

// AckCancelMember notes that a member of a flow that CancelFlowHeader closed is dealt with. It does nothing for a flow or
// a member that is not remembered.
func (b *Backend) AckCancelMember(ctx context.Context, flow messages.FlowID, member messages.ExecutionID) error {
	return run(ctx, b, messages.AckCancelMemberArgs{FlowID: flow, ExecutionID: member})
}
