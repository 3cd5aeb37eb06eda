package messages

type createFlowResultJSON struct {
	FlowID FlowID `json:"flow_id"`
}

// MarshalJSON writes {"Created":{…}} or {"AlreadySatisfied":{…}}.
func (r CreateFlowResult) MarshalJSON() ([]byte, error) {
	return marshalOutcome(r.Outcome, createFlowResultJSON{r.FlowID})
}

// UnmarshalJSON reads either form.
func (r *CreateFlowResult) UnmarshalJSON(text []byte) error {
	var fields createFlowResultJSON
	if err := unmarshalOutcome(text, &r.Outcome, &fields); err != nil {
		return err
	}
	r.FlowID = fields.FlowID
	return nil
}

// addExecutionToFlowResultJSON has the count under another name for each outcome.
type addExecutionToFlowResultJSON struct {
	ExecutionID  ExecutionID `json:"execution_id"`
	NewNodeCount *uint32     `json:"new_node_count,omitempty"`
	NodeCount    *uint32     `json:"node_count,omitempty"`
}

// MarshalJSON writes {"Added":{…}} or {"AlreadyMember":{…}}.
func (r AddExecutionToFlowResult) MarshalJSON() ([]byte, error) {
	fields := addExecutionToFlowResultJSON{ExecutionID: r.ExecutionID}
	if r.Outcome == AddAdded {
		fields.NewNodeCount = &r.NodeCount
	} else {
		fields.NodeCount = &r.NodeCount
	}
	return marshalOutcome(r.Outcome, fields)
}

// UnmarshalJSON reads either form.
func (r *AddExecutionToFlowResult) UnmarshalJSON(text []byte) error {
	var fields addExecutionToFlowResultJSON
	if err := unmarshalOutcome(text, &r.Outcome, &fields); err != nil {
		return err
	}
	r.ExecutionID, r.NodeCount = fields.ExecutionID, 0
	for _, count := range []*uint32{fields.NewNodeCount, fields.NodeCount} {
		if count != nil {
			r.NodeCount = *count
		}
	}
	return nil
}

const stageDependencyEdgeStaged = "staged"

type stageDependencyEdgeResultFields StageDependencyEdgeResult

// MarshalJSON writes {"Staged":{…}}.
func (r StageDependencyEdgeResult) MarshalJSON() ([]byte, error) {
	return marshalOutcome(stageDependencyEdgeStaged, stageDependencyEdgeResultFields(r))
}

// UnmarshalJSON reads that form.
func (r *StageDependencyEdgeResult) UnmarshalJSON(text []byte) error {
	var outcome string
	return unmarshalOutcome(text, &outcome, (*stageDependencyEdgeResultFields)(r))
}

type applyDependencyToChildResultJSON struct {
	UnsatisfiedCount uint32 `json:"unsatisfied_count"`
}

// MarshalJSON writes {"Applied":{…}} or "AlreadyApplied".
func (r ApplyDependencyToChildResult) MarshalJSON() ([]byte, error) {
	if r.Outcome != ApplyApplied {
		return marshalOutcome(r.Outcome, nil)
	}
	return marshalOutcome(r.Outcome, applyDependencyToChildResultJSON{r.UnsatisfiedCount})
}

// UnmarshalJSON reads either form.
func (r *ApplyDependencyToChildResult) UnmarshalJSON(text []byte) error {
	var fields applyDependencyToChildResultJSON
	if err := unmarshalOutcome(text, &r.Outcome, &fields); err != nil {
		return err
	}
	r.UnsatisfiedCount = fields.UnsatisfiedCount
	return nil
}

type cancelFlowResultJSON struct {
	CancellationPolicy       CancelFlowPolicy `json:"cancellation_policy"`
	MemberCount              *uint32          `json:"member_count,omitempty"`
	MemberExecutionIDs       []string         `json:"member_execution_ids"`
	FailedMemberExecutionIDs []string         `json:"failed_member_execution_ids,omitempty"`
}

// MarshalJSON writes {"Cancelled":{…}}, {"CancellationScheduled":{…}} or {"PartiallyCancelled":{…}}.
func (r CancelFlowResult) MarshalJSON() ([]byte, error) {
	fields := cancelFlowResultJSON{
		CancellationPolicy:       r.CancellationPolicy,
		MemberExecutionIDs:       append([]string{}, r.MemberExecutionIDs...),
		FailedMemberExecutionIDs: r.FailedMemberExecutionIDs,
	}
	if r.Outcome == CancelFlowScheduled {
		fields.MemberCount = &r.MemberCount
	}
	return marshalOutcome(r.Outcome, fields)
}

// UnmarshalJSON reads either form.
func (r *CancelFlowResult) UnmarshalJSON(text []byte) error {
	var fields cancelFlowResultJSON
	if err := unmarshalOutcome(text, &r.Outcome, &fields); err != nil {
		return err
	}
	r.CancellationPolicy = fields.CancellationPolicy
	r.MemberExecutionIDs = fields.MemberExecutionIDs
	r.FailedMemberExecutionIDs = fields.FailedMemberExecutionIDs
	r.MemberCount = 0
	if fields.MemberCount != nil {
		r.MemberCount = *fields.MemberCount
	}
	return nil
}

type cancelFlowHeaderResultJSON struct {
	CancellationPolicy       CancelFlowPolicy `json:"cancellation_policy,omitempty"`
	StoredCancellationPolicy *string          `json:"stored_cancellation_policy,omitempty"`
	StoredCancelReason       *string          `json:"stored_cancel_reason,omitempty"`
	MemberExecutionIDs       []string         `json:"member_execution_ids"`
}

// MarshalJSON writes {"Cancelled":{…}} or {"AlreadyTerminal":{…}}.
func (r CancelFlowHeaderResult) MarshalJSON() ([]byte, error) {
	return marshalOutcome(r.Outcome, cancelFlowHeaderResultJSON{
		CancellationPolicy:       r.CancellationPolicy,
		StoredCancellationPolicy: r.StoredCancellationPolicy,
		StoredCancelReason:       r.StoredCancelReason,
		MemberExecutionIDs:       append([]string{}, r.MemberExecutionIDs...),
	})
}

// UnmarshalJSON reads either form.
func (r *CancelFlowHeaderResult) UnmarshalJSON(text []byte) error {
	var fields cancelFlowHeaderResultJSON
	if err := unmarshalOutcome(text, &r.Outcome, &fields); err != nil {
		return err
	}
	r.CancellationPolicy, r.MemberExecutionIDs = fields.CancellationPolicy, fields.MemberExecutionIDs
	r.StoredCancellationPolicy, r.StoredCancelReason = fields.StoredCancellationPolicy, fields.StoredCancelReason
	return nil
}

// MarshalJSON writes "Set" or "AlreadySet".
func (r SetEdgeGroupPolicyResult) MarshalJSON() ([]byte, error) {
	return marshalOutcome(r.Outcome, nil)
}

// UnmarshalJSON reads either form.
func (r *SetEdgeGroupPolicyResult) UnmarshalJSON(text []byte) error {
	return unmarshalOutcome(text, &r.Outcome, &struct{}{})
}

type drainSiblingCancelGroupResultJSON struct {
	Cancelled       int `json:"cancelled"`
	AlreadyTerminal int `json:"already_terminal"`
	NotFound        int `json:"not_found"`
}

// MarshalJSON writes {"Drained":{…}}, {"DrainedSansGroup":{…}} or {"AlreadyDrained":{…}}.
func (r DrainSiblingCancelGroupResult) MarshalJSON() ([]byte, error) {
	return marshalOutcome(r.Outcome, drainSiblingCancelGroupResultJSON{r.Cancelled, r.AlreadyTerminal, r.NotFound})
}

// UnmarshalJSON reads any of them.
func (r *DrainSiblingCancelGroupResult) UnmarshalJSON(text []byte) error {
	var fields drainSiblingCancelGroupResultJSON
	if err := unmarshalOutcome(text, &r.Outcome, &fields); err != nil {
		return err
	}
	r.Cancelled, r.AlreadyTerminal, r.NotFound = fields.Cancelled, fields.AlreadyTerminal, fields.NotFound
	return nil
}
