package ffsqlite_test

import (
	"cmp"
	"slices"
	"strings"

	"github.com/flowfabric/ffsqlite/messages"
)

// How flows are cancelled.

// closing is what is known of the cancellation of a flow.
type closing struct {
	at      messages.TimestampMs
	policy  messages.CancelFlowPolicy
	reason  *string
	backlog []messages.ExecutionID // that nobody has acknowledged
	grace   messages.TimestampMs   // how long there is for that
}

// width orders the policies; 0: there is no such policy.
var width = map[messages.CancelFlowPolicy]int{messages.CancelFlowOnly: 1, messages.CancelPending: 2, messages.CancelAll: 3}

// selected are the members that a policy cancels.
func (m *model) selected(f *flowTwin, policy messages.CancelFlowPolicy) (members []*twin) {
	for _, x := range m.membersOf(f) {
		if policy == messages.CancelAll && !x.over() || policy == messages.CancelPending && x.parked() {
			members = append(members, x)
		}
	}
	return members
}

func (m *model) cancelFlow(args messages.CancelFlowArgs) (result messages.CancelFlowResult, err error) {
	if width[args.Policy] == 0 {
		return result, messages.ErrInvalidInput
	}
	result = messages.CancelFlowResult{
		Outcome: messages.CancelFlowCancelled, CancellationPolicy: args.Policy, MemberExecutionIDs: []string{},
	}
	f := m.flow(args.FlowID)
	if f == nil {
		return result, nil
	}
	if f.closed == nil {
		f.closed = &closing{at: m.now}
	}
	if width[args.Policy] > width[f.closed.policy] {
		f.closed.policy = args.Policy
	}
	f.changed = m.now
	for _, x := range m.selected(f, args.Policy) {
		result.MemberExecutionIDs = append(result.MemberExecutionIDs, x.id.String())
		if !x.last.held {
			x.tell("revoked") // Pinned: whether there was a lease or not.
		}
		m.cancel(x)
	}
	return result, nil
}

func (m *model) cancelHeader(args messages.CancelFlowHeaderArgs) (result messages.CancelFlowHeaderResult, err error) {
	if width[args.CancellationPolicy] == 0 {
		return result, messages.ErrInvalidInput
	}
	f := m.flow(args.FlowID)
	switch {
	case f == nil:
		return result, messages.ErrFlowNotFound
	case f.closed != nil:
		return m.closedBefore(f), nil
	}
	f.closed = &closing{at: m.now, policy: args.CancellationPolicy, reason: &args.Reason, grace: m.now + 30_000}
	f.changed = m.now
	result = messages.CancelFlowHeaderResult{
		Outcome: messages.CancelHeaderCancelled, CancellationPolicy: args.CancellationPolicy, MemberExecutionIDs: []string{},
	}
	for _, x := range m.selected(f, args.CancellationPolicy) {
		result.MemberExecutionIDs = append(result.MemberExecutionIDs, x.id.String())
		f.closed.backlog = append(f.closed.backlog, x.id)
		m.cancel(x)
	}
	return result, nil
}

// closedBefore is what a second cancellation is told: who is not acknowledged, or all when there is nobody.
func (m *model) closedBefore(f *flowTwin) messages.CancelFlowHeaderResult {
	result := messages.CancelFlowHeaderResult{
		Outcome: messages.CancelHeaderAlreadyTerminal, StoredCancellationPolicy: new(string(f.closed.policy)),
		StoredCancelReason: f.closed.reason, MemberExecutionIDs: []string{},
	}
	for _, id := range f.closed.backlog {
		result.MemberExecutionIDs = append(result.MemberExecutionIDs, id.String())
	}
	slices.SortFunc(result.MemberExecutionIDs, strings.Compare)
	if len(f.closed.backlog) == 0 {
		for _, x := range m.membersOf(f) {
			result.MemberExecutionIDs = append(result.MemberExecutionIDs, x.id.String())
		}
	}
	return result
}

func (m *model) acknowledge(args messages.AckCancelMemberArgs) error {
	if f := m.flow(args.FlowID); f != nil && f.closed != nil {
		f.closed.backlog = slices.DeleteFunc(slices.Clone(f.closed.backlog), func(id messages.ExecutionID) bool {
			return id == args.ExecutionID
		})
	}
	return nil
}

// reconcileCancels deals with what nobody has acknowledged in time. A member that was replayed is cancelled once more.
func (m *model) reconcileCancels() {
	var late []*flowTwin
	for _, f := range m.flows {
		if f.closed != nil && f.closed.grace <= m.now {
			late = append(late, f)
		}
	}
	slices.SortStableFunc(late, func(a, b *flowTwin) int { return cmp.Compare(a.closed.grace, b.closed.grace) })
	for _, f := range late {
		for _, id := range f.closed.backlog {
			if x := m.find(id); !x.over() {
				m.cancel(x)
			}
		}
		f.closed.backlog = nil
	}
}

// request is CancelFlowRequest, after which all members are dealt with.
func (m *model) request(args messages.CancelFlowRequestArgs) (result messages.CancelFlowResult, err error) {
	header, err := m.cancelHeader(args.Header())
	if err != nil {
		return result, err
	}
	result = messages.CancelFlowResult{
		Outcome: messages.CancelFlowCancelled, CancellationPolicy: args.CancellationPolicy,
		MemberExecutionIDs: header.MemberExecutionIDs,
	}
	if header.Outcome == messages.CancelHeaderAlreadyTerminal {
		result.CancellationPolicy = messages.CancelFlowPolicy(*header.StoredCancellationPolicy)
		return result, nil
	}
	m.flow(args.FlowID).closed.backlog = nil
	if n := len(header.MemberExecutionIDs); args.CancellationPolicy == messages.CancelAll && !args.Wait && n > 0 {
		result.Outcome, result.MemberCount = messages.CancelFlowScheduled, uint32(n)
	}
	return result, nil
}
