package writer

import (
	"fmt"

	"github.com/flowfabric/ffsqlite/messages"
)

// dispatch runs the operation of a message. The messages are validated before they get here.
func (w *Writer) dispatch(now messages.TimestampMs, m messages.Mutation) (messages.Reply, error) {
	switch args := m.(type) {
	case messages.CreateExecutionArgs:
		return w.createExecution(now, args)
	case messages.ClaimArgs:
		return w.claim(now, args)
	case messages.ClaimNextArgs:
		return w.claimNext(now, args)
	case messages.ClaimWaitArgs:
		return w.claimNext(now, args.ClaimNextArgs)
	case messages.RenewArgs:
		return w.renew(now, args)
	case messages.RenewLeaseArgs:
		return w.renewLease(now, args)
	case messages.ProgressArgs:
		return nil, w.progress(now, args)
	case messages.CompleteArgs:
		return nil, w.complete(now, args)
	case messages.CompleteExecutionArgs:
		return w.completeExecution(now, args)
	case messages.AppendFrameArgs:
		return w.appendFrame(now, args)
	case messages.FailArgs:
		return w.fail(now, args)
	case messages.FailExecutionArgs:
		return w.failExecution(now, args)
	case messages.CancelArgs:
		return nil, w.cancelByWorker(now, args)
	case messages.DelayArgs:
		return nil, w.delay(now, args)
	case messages.WaitChildrenArgs:
		return nil, w.waitChildren(now, args)
	case messages.CancelExecutionArgs:
		return w.cancelExecution(now, args)
	case messages.SetExecutionTagArgs:
		return nil, w.setExecutionTag(now, args)
	case messages.SetFlowTagArgs:
		return nil, w.setFlowTag(now, args)
	case messages.CreateFlowArgs:
		return w.createFlow(now, args)
	case messages.AddExecutionToFlowArgs:
		return w.addExecutionToFlow(now, args)
	case messages.StageDependencyEdgeArgs:
		return w.stageDependencyEdge(now, args)
	case messages.ApplyDependencyToChildArgs:
		return w.applyDependencyToChild(now, args)
	case messages.SetEdgeGroupPolicyArgs:
		return w.setEdgeGroupPolicy(args)
	case messages.DrainSiblingCancelGroupArgs:
		return w.drainSiblingCancelGroup(now, args)
	case messages.ReconcileSiblingCancelGroupArgs:
		return w.reconcileSiblingCancelGroup(args)
	case messages.ResolveDependencyArgs:
		return w.resolveDependency(now, args)
	case messages.CompletionPayload:
		return w.cascadeCompletion(now, args)
	case messages.CancelFlowArgs:
		return w.cancelFlow(now, args)
	case messages.CancelFlowHeaderArgs:
		return w.cancelFlowHeader(now, args)
	case messages.AckCancelMemberArgs:
		return nil, w.ackCancelMember(args)
	case messages.ProjectFlowSummaryArgs:
		return w.projectFlowSummary(now, args)
	case messages.ChangePriorityArgs:
		return w.changePriority(now, args)
	case messages.ReplayExecutionArgs:
		return w.replayExecution(now, args)
	case messages.RevokeLeaseArgs:
		return w.revokeLease(now, args)
	case messages.SubmitFlowArgs:
		return w.submitFlow(now, args)
	case messages.BatchArgs:
		return w.applyTogether(now, args)
	case messages.PromoteDelayedArgs:
		return w.promoteDelayed(now, args)
	case messages.ExpireExecutionArgs:
		return w.expireExecution(now, args)
	case messages.MarkLeaseExpiredIfDueArgs:
		return w.markLeaseExpired(now, args)
	case messages.TrimRetentionArgs:
		return w.trimRetention(now, args)
	default:
		return nil, messages.BugError(fmt.Sprintf("no operation for %s", m.Method()))
	}
}
