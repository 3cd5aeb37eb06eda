package messages

// ProjectFlowSummaryArgs recomputes the summary of one flow from the states of its members; the reply is a bool: whether
// the flow has members, and so a summary.
type ProjectFlowSummaryArgs struct {
	FlowID FlowID      `json:"flow_id"`
	Now    TimestampMs `json:"now,omitempty"` // 0: the engine's clock
}

// Validate implements [Validator].
func (ProjectFlowSummaryArgs) Validate() error { return nil }
