package ffsqlite_test

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// The operations that name a term by its fence, and those of the clock that can be asked for by hand.

// fenced says whether the attempt, and the fence if there is one, are those of the current term.
func (m *model) fenced(x *twin, index messages.AttemptIndex, fence *messages.LeaseFence) error {
	switch {
	case x == nil || int(index) > x.last.index:
		return messages.ErrAttemptNotFound
	case int(index) != x.last.index:
		return messages.ErrStaleLease
	case fence == nil:
		return nil
	case uint64(fence.LeaseEpoch) != x.last.epoch || m.termOf(x.id, fence.LeaseID) != x.last.taken:
		return messages.ErrStaleLease
	}
	return nil
}

// termOf tells with which epoch the term of a lease began; 0: it is not of this execution.
func (m *model) termOf(id messages.ExecutionID, lease messages.LeaseID) uint64 {
	for _, t := range m.tickets {
		if t.id == id && leaseOf(t) == lease {
			return t.epoch
		}
	}
	return 0
}

// leaseOf is the lease that a worker was told.
func leaseOf(t *ticket) messages.LeaseID {
	payload, err := messages.OpenHandle(t.handle)
	if err != nil {
		panic(err)
	}
	return payload.LeaseID
}

func (m *model) renewLease(args messages.RenewLeaseArgs) (result messages.RenewLeaseResult, err error) {
	if args.Fence == nil || args.LeaseTTL <= 0 {
		return result, messages.ErrInvalidInput
	}
	x := m.find(args.ExecutionID)
	if err := m.fenced(x, args.AttemptIndex, args.Fence); err != nil {
		return result, err
	}
	if err := x.running(m.now); err != nil {
		return result, err
	}
	x.last.expires = m.now + messages.TimestampMs(args.LeaseTTL.Milliseconds())
	x.tell("renewed")
	return messages.RenewLeaseResult{Outcome: messages.RenewLeaseRenewed, ExpiresAt: x.last.expires}, nil
}

func (m *model) completeExecution(args messages.CompleteExecutionArgs) (result messages.CompleteExecutionResult, err error) {
	x := m.find(args.ExecutionID)
	switch {
	case args.Fence == nil && args.Source != "" && args.Source != messages.SourceOperatorOverride:
		return result, messages.ErrInvalidInput
	case x == nil:
		return result, messages.ErrExecutionNotFound
	case x.state != messages.PublicActive:
		return result, messages.ErrExecutionNotActive
	}
	if err := m.fenced(x, args.AttemptIndex, args.Fence); err != nil {
		return result, err
	}
	if err := x.running(m.now); err != nil {
		return result, err
	}
	m.succeed(x, args.ResultPayload)
	return messages.CompleteExecutionResult{
		Outcome: messages.CompleteExecutionCompleted, ExecutionID: x.id, PublicState: messages.PublicCompleted,
	}, nil
}

// retryPolicies are the policies that callers of FailExecution bring, with what they say.
var retryPolicies = map[string]struct {
	retries uint32
	backoff messages.TimestampMs
}{
	"":           {},
	"unreadable": {},
	`{"max_retries":1,"backoff":{"type":"fixed","delay_ms":0}}`:    {1, 0},
	`{"max_retries":2,"backoff":{"type":"fixed","delay_ms":1500}}`: {2, 1500},
}

func (m *model) failExecution(args messages.FailExecutionArgs) (result messages.FailOutcome, err error) {
	if args.Fence == nil && args.Source != "" && args.Source != messages.SourceOperatorOverride {
		return result, messages.ErrInvalidInput
	}
	x := m.find(args.ExecutionID)
	if err := m.fenced(x, args.AttemptIndex, args.Fence); err != nil {
		return result, err
	}
	if err := x.running(m.now); err != nil {
		return result, err
	}
	policy := retryPolicies[args.RetryPolicyJSON]
	return m.failed(x, x.retries < policy.retries, policy.backoff), nil
}

func (m *model) promoteDelayed(args messages.PromoteDelayedArgs) (messages.PromoteDelayedResult, error) {
	x, when := m.find(args.ExecutionID), max(args.Now, m.now)
	already := func(reason string) (messages.PromoteDelayedResult, error) {
		return messages.PromoteDelayedResult{Outcome: messages.PromoteAlreadySatisfied, Reason: reason}, nil
	}
	switch {
	case x == nil:
		return already("not_found_cleaned")
	case !x.parked():
		return already("not_runnable_cleaned")
	case x.state != messages.PublicDelayed:
		return already("not_delayed_cleaned")
	case x.due > when:
		return already("not_yet_due")
	}
	x.promote(when)
	return messages.PromoteDelayedResult{Outcome: messages.PromotePromoted}, nil
}

func (m *model) expireExecution(args messages.ExpireExecutionArgs) (result messages.ExpireExecutionResult, err error) {
	x, when := m.find(args.ExecutionID), max(args.Now, m.now)
	ofAttempt := args.Phase == messages.ExpireAttemptTimeout
	already := func(reason string) (messages.ExpireExecutionResult, error) {
		return messages.ExpireExecutionResult{Outcome: messages.ExpireAlreadySatisfied, Reason: reason}, nil
	}
	if !ofAttempt && args.Phase != messages.ExpireExecutionDeadline {
		return result, messages.ErrInvalidInput
	}
	if x == nil {
		return already("not_found_cleaned")
	}
	past := func(at messages.TimestampMs) bool { return at != 0 && at <= when }
	switch {
	case x.over():
		return already("already_terminal")
	case ofAttempt && x.state != messages.PublicActive:
		return already("not_active")
	case ofAttempt && !past(x.last.timeout) || !ofAttempt && !past(x.deadline):
		return already("not_yet_due")
	}
	phase := "runnable"
	if x.state == messages.PublicActive {
		phase = "active"
	}
	if past(x.deadline) {
		m.expire(x)
	} else {
		m.timeOut(x)
	}
	if !x.over() {
		return messages.ExpireExecutionResult{
			Outcome: messages.ExpireRetryScheduled, NextAttemptIndex: messages.AttemptIndex(x.next),
		}, nil
	}
	return messages.ExpireExecutionResult{Outcome: messages.ExpireExpired, FromPhase: phase}, nil
}

// markLeaseExpired finds nothing to do: the clock has marked what was due.
func (m *model) markLeaseExpired(args messages.MarkLeaseExpiredIfDueArgs) (messages.MarkLeaseExpiredIfDueResult, error) {
	x, reason := m.find(args.ExecutionID), "not_yet_expired"
	switch {
	case x == nil:
		reason = "execution_not_found"
	case x.state != messages.PublicActive:
		reason = "not_active"
	case x.last.lapsed:
		reason = "already_expired"
	}
	return messages.MarkLeaseExpiredIfDueResult{Outcome: messages.MarkAlreadySatisfied, Reason: reason}, nil
}
