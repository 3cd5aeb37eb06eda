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
