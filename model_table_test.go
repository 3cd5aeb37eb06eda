package ffsqlite_test

import (
	"context"
	"errors"
	"testing/synctest"

	"github.com/flowfabric/ffsqlite/messages"
)

// The table of operations.

func executionOperations() []operation {
	return []operation{
		op(2, (*drawer).create, func(m *model, a messages.CreateExecutionArgs) (messages.CreateExecutionResult, error) {
			result, _, err := m.create(a)
			return result, err
		}, (*engine).CreateExecution),
		claimOperation(4, (*drawer).claim, func(m *model, a messages.ClaimArgs) (*ticket, error) {
			if a.Policy.LeaseTTL <= 0 {
				return nil, messages.ErrInvalidInput
			}
			return m.claim(a.LaneID, messages.TimestampMs(a.Policy.LeaseTTL.Milliseconds())), nil
		}, func(e *engine, ctx context.Context, a messages.ClaimArgs) (messages.Reply, error) {
			handle, err := e.Claim(ctx, a)
			return messages.ClaimReply{Handle: handle}, err
		}),
		claimOperation(5, (*drawer).claimNext, (*model).claimNext,
			func(e *engine, ctx context.Context, a messages.ClaimNextArgs) (messages.Reply, error) {
				return e.ClaimNext(ctx, a)
			}),
		claimOperation(1, (*drawer).claimWait, func(m *model, a messages.ClaimWaitArgs) (*ticket, error) {
			return m.claimNext(a.ClaimNextArgs)
		}, (*engine).claimWaitOrLeave).single(),

		op(2, func(d *drawer) messages.RenewArgs { return messages.RenewArgs{Handle: d.handle()} },
			func(m *model, a messages.RenewArgs) (messages.LeaseRenewal, error) {
				return m.renew(m.holder(a.Handle))
			},
			func(e *engine, ctx context.Context, a messages.RenewArgs) (messages.LeaseRenewal, error) {
				return e.Renew(ctx, a.Handle)
			}),
		op(2, (*drawer).renewLease, (*model).renewLease, (*engine).RenewLease),
		silent(1, (*drawer).progress, func(m *model, a messages.ProgressArgs) error {
			return m.progress(m.holder(a.Handle), a.Percent)
		}, (*engine).Progress),
		silent(8, (*drawer).complete, func(m *model, a messages.CompleteArgs) error {
			return m.complete(m.holder(a.Handle), a.Payload)
		}, func(e *engine, ctx context.Context, a messages.CompleteArgs) error {
			return e.Complete(ctx, a.Handle, a.Payload)
		}),
		op(5, (*drawer).fail, (*model).failOnce, (*engine).Fail).told(agreeOnFailures),
		op(2, (*drawer).completeExecution, (*model).completeExecution, (*engine).CompleteExecution),
		op(2, (*drawer).failExecution, (*model).failExecution, (*engine).FailExecution),
		silent(1, func(d *drawer) messages.CancelArgs { return messages.CancelArgs{Handle: d.handle(), Reason: "enough"} },
			func(m *model, a messages.CancelArgs) error { return m.cancelHeld(m.holder(a.Handle)) },
			func(e *engine, ctx context.Context, a messages.CancelArgs) error {
				return e.Cancel(ctx, a.Handle, a.Reason)
			}),
		silent(3, (*drawer).delay, func(m *model, a messages.DelayArgs) error {
			return m.park(m.holder(a.Handle), messages.PublicDelayed, a.DelayUntil)
		}, func(e *engine, ctx context.Context, a messages.DelayArgs) error {
			return e.Delay(ctx, a.Handle, a.DelayUntil)
		}),
		silent(3, (*drawer).waitChildren,
			func(m *model, a messages.WaitChildrenArgs) error { return m.waitChildren(m.holder(a.Handle)) },
			func(e *engine, ctx context.Context, a messages.WaitChildrenArgs) error {
				return e.WaitChildren(ctx, a.Handle)
			}),
		op(4, (*drawer).appendFrame, func(m *model, a messages.AppendFrameArgs) (messages.AppendFrameOutcome, error) {
			return m.appendFrame(m.holder(a.Handle), a.Frame)
		}, func(e *engine, ctx context.Context, a messages.AppendFrameArgs) (messages.AppendFrameOutcome, error) {
			return e.AppendFrame(ctx, a.Handle, a.Frame)
		}),

		op(2, (*drawer).cancelExecution, func(m *model, a messages.CancelExecutionArgs) (messages.CancelExecutionResult, error) {
			return messages.CancelExecutionResult{
				Outcome: messages.CancelExecutionCancelled, ExecutionID: a.ExecutionID, PublicState: messages.PublicCancelled,
			}, m.cancelExecution(a)
		}, (*engine).CancelExecution),
		op(3, (*drawer).revokeLease, (*model).revokeLease, (*engine).RevokeLease).told(agreeOnRevocations),
		op(6, (*drawer).replayExecution, (*model).replayExecution, (*engine).ReplayExecution),
		op(2, (*drawer).changePriority, func(m *model, a messages.ChangePriorityArgs) (messages.ChangePriorityResult, error) {
			return messages.ChangePriorityResult{ExecutionID: a.ExecutionID}, m.changePriority(a.ExecutionID, a.NewPriority)
		}, (*engine).ChangePriority),
		op(2, (*drawer).promoteDelayed, (*model).promoteDelayed, (*engine).PromoteDelayed),
		op(3, (*drawer).expireExecution, (*model).expireExecution, (*engine).ExpireExecution).told(agreeOnExpiries),
		op(1, func(d *drawer) messages.MarkLeaseExpiredIfDueArgs {
			return messages.MarkLeaseExpiredIfDueArgs{ExecutionID: d.any()}
		}, (*model).markLeaseExpired,
			func(e *engine, ctx context.Context, a messages.MarkLeaseExpiredIfDueArgs) (messages.MarkLeaseExpiredIfDueResult, error) {
				return e.MarkLeaseExpiredIfDue(ctx, a.ExecutionID)
			}),
		silent(2, (*drawer).setExecutionTag, (*model).setExecutionTag, (*engine).SetExecutionTag),
	}
}

func flowOperations() []operation {
	return []operation{
		op(1, (*drawer).createFlow, (*model).createFlow, (*engine).CreateFlow),
		op(3, (*drawer).addToFlow, (*model).addToFlow, (*engine).AddExecutionToFlow),
		op(6, (*drawer).stage, (*model).stage, (*engine).StageDependencyEdge),
		op(6, (*drawer).apply, (*model).apply, (*engine).ApplyDependencyToChild),
		op(3, (*drawer).setPolicy, (*model).setPolicy, (*engine).SetEdgeGroupPolicy),
		op(2, (*drawer).submit, (*model).submit, (*engine).SubmitFlow),
		op(4, (*drawer).resolve, (*model).resolveByHand, (*engine).ResolveDependency),
		op(1, func(d *drawer) messages.CompletionPayload { return messages.CompletionPayload{ExecutionID: d.any()} },
			(*model).cascadeByHand, (*engine).CascadeCompletion),
		op(1, func(d *drawer) messages.DrainSiblingCancelGroupArgs {
			flow, id := d.group()
			return messages.DrainSiblingCancelGroupArgs{FlowID: flow, DownstreamExecutionID: id}
		}, (*model).drainByHand,
			func(e *engine, ctx context.Context, a messages.DrainSiblingCancelGroupArgs) (messages.DrainSiblingCancelGroupResult, error) {
				return e.DrainSiblingCancelGroup(ctx, a.FlowID, a.DownstreamExecutionID)
			}),
		op(1, func(d *drawer) messages.ReconcileSiblingCancelGroupArgs {
			flow, id := d.group()
			return messages.ReconcileSiblingCancelGroupArgs{FlowID: flow, DownstreamExecutionID: id}
		}, (*model).reconcileSiblings,
			func(e *engine, ctx context.Context, a messages.ReconcileSiblingCancelGroupArgs) (messages.SiblingCancelReconcileAction, error) {
				return e.ReconcileSiblingCancelGroup(ctx, a.FlowID, a.DownstreamExecutionID)
			}),
		op(1, (*drawer).cancelFlow, (*model).cancelFlow, (*engine).CancelFlow),
		op(1, (*drawer).cancelHeader, (*model).cancelHeader, (*engine).CancelFlowHeader),
		op(1, (*drawer).cancelRequest, (*model).request, (*engine).CancelFlowRequest).single(),
		silent(2, (*drawer).acknowledge, (*model).acknowledge, func(e *engine, ctx context.Context, a messages.AckCancelMemberArgs) error {
			return e.AckCancelMember(ctx, a.FlowID, a.ExecutionID)
		}),
		op(1, func(d *drawer) messages.ProjectFlowSummaryArgs {
			return messages.ProjectFlowSummaryArgs{FlowID: d.flowID()}
		},
			func(m *model, a messages.ProjectFlowSummaryArgs) (bool, error) {
				f := m.flow(a.FlowID)
				return f != nil && f.members > 0, nil
			}, func(e *engine, ctx context.Context, a messages.ProjectFlowSummaryArgs) (bool, error) {
				return e.ProjectFlowSummary(ctx, a.FlowID, a.Now)
			}),
		silent(1, (*drawer).setFlowTag, (*model).setFlowTag, (*engine).SetFlowTag),
	}
}

// claimOperation is one that gives a ticket, which the model keeps.
func claimOperation[A messages.Message](
	times int, draw func(*drawer) A, want func(*model, A) (*ticket, error),
	call func(*engine, context.Context, A) (messages.Reply, error),
) operation {
	return op(times, draw, func(m *model, args A) (messages.Reply, error) { return want(m, args) }, call).
		told(func(m *model, want any, got messages.Reply) bool { return agreeOnClaims(m, want.(*ticket), got) })
}

// claimWaitOrLeave does not wait for what nobody will bring.
func (e *engine) claimWaitOrLeave(ctx context.Context, args messages.ClaimWaitArgs) (messages.Reply, error) {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	var result messages.ClaimNextResult
	done := calling(func() (err error) {
		result, err = e.ClaimWait(ctx, args)
		return err
	})
	leave()
	synctest.Wait()
	if err := <-done; !errors.Is(err, context.Canceled) {
		return result, err
	}
	return messages.ClaimNextResult{}, nil
}

// agreeOnClaims has the model keep the ticket, with the handle that the engine has made.
func agreeOnClaims(m *model, want *ticket, reply messages.Reply) bool {
	got, expires, reclaims := granted(reply)
	if want == nil || got == nil {
		return want == nil && got == nil
	}
	payload, err := messages.OpenHandle(*got)
	if err != nil {
		return false
	}
	if expires != 0 && (expires != m.now+want.ttl || reclaims != want.reclaims) {
		return false
	}
	kept := *want
	kept.handle = *got
	m.tickets = append(m.tickets, &kept)
	return want.id == payload.ExecutionID && want.kind == got.Kind && want.index == int(payload.AttemptIndex) &&
		want.epoch == uint64(payload.LeaseEpoch)
}

// granted is what a claim got, and until when; 0: the answer does not say so.
func granted(reply messages.Reply) (handle *messages.Handle, expires messages.TimestampMs, reclaims uint32) {
	switch reply := reply.(type) {
	case messages.ClaimReply:
		return reply.Handle, 0, 0
	case messages.ClaimNextResult:
		if reply.Task != nil {
			return &reply.Task.Handle, reply.Task.LeaseExpiresAt, reply.Task.LeaseReclaimCount
		}
	}
	return nil, 0, 0
}

// failOnce is Fail; the time of a retry that is told again is left out.
func (m *model) failOnce(args messages.FailArgs) (messages.FailOutcome, error) {
	outcome, _, err := m.fail(m.holder(args.Handle), args.Class)
	return outcome, err
}

func agreeOnFailures(_ *model, want any, reply messages.Reply) bool {
	got := reply.(messages.FailOutcome)
	if want.(messages.FailOutcome).DelayUntil == 0 {
		got.DelayUntil = 0
	}
	return want == got
}

// agreeOnRevocations looks for the lease among the tickets. One that was claimed in the same batch has none yet.
func agreeOnRevocations(m *model, want any, reply messages.Reply) bool {
	got := reply.(messages.RevokeLeaseResult)
	for _, ticket := range m.tickets {
		if leaseOf(ticket) == got.LeaseID && uint64(got.LeaseEpoch) != ticket.epoch+1 {
			return false
		}
	}
	got.LeaseID = messages.LeaseID{}
	return want == got
}

// agreeOnExpiries takes an execution that has never run for one that was put back.
func agreeOnExpiries(_ *model, want any, reply messages.Reply) bool {
	got := reply.(messages.ExpireExecutionResult)
	if got.FromPhase == "submitted" {
		got.FromPhase = "runnable"
	}
	return want == got
}
