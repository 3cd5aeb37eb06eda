package messages

// PublicFlowState is the state of a flow. The set is open on read.
type PublicFlowState string

// The flow states; the last three are terminal.
const (
	FlowOpen      PublicFlowState = "open"
	FlowRunning   PublicFlowState = "running"
	FlowBlocked   PublicFlowState = "blocked"
	FlowCompleted PublicFlowState = "completed"
	FlowFailed    PublicFlowState = "failed"
	FlowCancelled PublicFlowState = "cancelled"
)

// flowTerminal is a literal of other writers that closes a flow.
const flowTerminal PublicFlowState = "terminal"

// IsTerminal reports whether the flow is closed: nothing may be added to it any more.
func (s PublicFlowState) IsTerminal() bool {
	switch s {
	case FlowCompleted, FlowFailed, FlowCancelled, flowTerminal:
		return true
	case FlowOpen, FlowRunning, FlowBlocked:
	}
	return false
}

// Status returns the state as lists show it.
func (s PublicFlowState) Status() FlowStatus {
	switch s {
	case FlowOpen, FlowRunning, FlowBlocked:
		return FlowStatusActive
	case FlowCompleted, FlowFailed, FlowCancelled:
		return FlowStatus(s)
	case flowTerminal:
	}
	return FlowStatusUnknown
}

// FlowStatus is the coarse state of a flow in lists.
type FlowStatus string

// The flow statuses.
const (
	FlowStatusActive    FlowStatus = "active"
	FlowStatusCompleted FlowStatus = "completed"
	FlowStatusFailed    FlowStatus = "failed"
	FlowStatusCancelled FlowStatus = "cancelled"
	FlowStatusUnknown   FlowStatus = "unknown"
)

// ProjectFlow sums up the states of a flow's members, given how many are in each. Without members there is nothing to
// sum up, and ok is false. Members in a state that is not known only keep the flow from being over.
func ProjectFlow(members map[PublicState]int) (state PublicFlowState, ok bool) {
	total, ended := 0, 0
	for state, n := range members {
		total += n
		if state.IsTerminal() {
			ended += n
		}
	}
	switch {
	case total == 0:
		return "", false
	case ended == total && members[PublicFailed]+members[PublicCancelled]+members[PublicExpired] > 0:
		return FlowFailed, true
	case ended == total:
		return FlowCompleted, true
	case members[PublicActive] > 0:
		return FlowRunning, true
	case members[PublicSuspended]+members[PublicDelayed]+members[PublicRateLimited]+members[PublicWaitingChildren] > 0:
		return FlowBlocked, true
	}
	return FlowOpen, true
}
