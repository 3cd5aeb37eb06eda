package ffsqlite_test

import (
	"regexp"

	"github.com/flowfabric/ffsqlite/messages"
)

// What operators do to single executions.

func (m *model) cancelExecution(args messages.CancelExecutionArgs) error {
	x := m.find(args.ExecutionID)
	switch fenced := args.Source == messages.SourceLeaseHolder; {
	case x == nil:
		return messages.ErrExecutionNotFound
	case x.state == messages.PublicCancelled:
		return nil
	case x.over():
		return messages.ErrTerminal
	case fenced && x.last.held && args.LeaseEpoch == nil:
		return messages.ErrInvalidInput
	case fenced && x.last.held && uint64(*args.LeaseEpoch) != x.last.epoch:
		return messages.ErrStaleLease
	}
	m.cancel(x)
	return nil
}

// revokeLease is RevokeLease, but for the id of the lease, which the engine draws.
func (m *model) revokeLease(args messages.RevokeLeaseArgs) (result messages.RevokeLeaseResult, err error) {
	already := func(reason string) (messages.RevokeLeaseResult, error) {
		return messages.RevokeLeaseResult{Outcome: messages.RevokeLeaseAlreadySatisfied, Reason: reason}, nil
	}
	x := m.find(args.ExecutionID)
	switch {
	case x == nil:
		return result, messages.ErrExecutionNotFound
	case !x.last.held:
		return already("no_active_lease")
	case args.WorkerInstanceID != "" && args.WorkerInstanceID != "test-worker-instance":
		return already("different_worker_instance_id")
	case !args.ExpectedLeaseID.IsZero() && m.termOf(x.id, args.ExpectedLeaseID) != x.last.taken:
		return already("lease_id_mismatch")
	}
	x.revokeHeld()
	x.last.held, x.interrupted, x.state = false, true, messages.PublicWaiting
	return messages.RevokeLeaseResult{
		Outcome: messages.RevokeLeaseRevoked, LeaseEpoch: messages.LeaseEpoch(x.last.epoch),
	}, nil
}

// replayExecution is ReplayExecution. A member of a flow whose edges do not let it run waits for them again.
func (m *model) replayExecution(args messages.ReplayExecutionArgs) (result messages.ReplayExecutionResult, err error) {
	const mostReplays = 10
	x := m.find(args.ExecutionID)
	switch {
	case x == nil:
		return result, messages.ErrExecutionNotFound
	case !x.over():
		return result, messages.ErrExecutionNotTerminal
	case x.replays >= mostReplays:
		return result, messages.ErrMaxReplaysExhausted
	}
	f := m.flow(x.flow)
	blocked := f != nil && (x.state == messages.PublicSkipped || f.holdsBack(x.id))
	x.replays++
	x.state, x.result = messages.PublicWaiting, nil
	if x.last.index == x.next { // Else a retry was due, and stays the next attempt.
		x.last.outcome = ""
		x.last.epoch++
	}
	if blocked {
		x.state = messages.PublicWaitingChildren
		m.rearm(f, x.id)
	}
	return messages.ReplayExecutionResult{PublicState: x.state}, nil
}

func (m *model) changePriority(id messages.ExecutionID, priority int32) error {
	x := m.find(id)
	switch {
	case x == nil:
		return messages.ErrExecutionNotFound
	case x.state != messages.PublicWaiting && (x.state != messages.PublicDelayed || x.due > m.now):
		return messages.ErrExecutionNotEligible
	}
	x.priority = min(max(priority, 0), 9000)
	return nil
}

// tagged is a tag of an execution or of a flow, whose id is in its text.
type tagged struct{ id, name string }

var goodTag = regexp.MustCompile(`^[a-z][a-z0-9_]*\.[a-z0-9_][a-z0-9_.]*$`)

func (m *model) setExecutionTag(args messages.SetExecutionTagArgs) error {
	switch {
	case !goodTag.MatchString(args.Key):
		return messages.ErrInvalidTagKey
	case m.find(args.ExecutionID) == nil:
		return messages.ErrExecutionNotFound
	}
	m.tags[tagged{args.ExecutionID.String(), args.Key}] = args.Value
	return nil
}

func (m *model) setFlowTag(args messages.SetFlowTagArgs) error {
	f := m.flow(args.FlowID)
	switch {
	case !goodTag.MatchString(args.Key):
		return messages.ErrInvalidTagKey
	case f == nil:
		return messages.ErrFlowNotFound
	}
	m.tags[tagged{f.id.String(), args.Key}] = args.Value
	f.changed = m.now
	return nil
}

// tagsOf are all tags of an execution or a flow.
func (m *model) tagsOf(id string) map[string]string {
	tags := map[string]string{}
	for t, value := range m.tags {
		if t.id == id {
			tags[t.name] = value
		}
	}
	return tags
}
