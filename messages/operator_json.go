package messages

const changePriorityChanged = "changed"

type changePriorityResultFields ChangePriorityResult

// MarshalJSON writes {"Changed":{…}}.
func (r ChangePriorityResult) MarshalJSON() ([]byte, error) {
	return marshalOutcome(changePriorityChanged, changePriorityResultFields(r))
}

// UnmarshalJSON reads that form.
func (r *ChangePriorityResult) UnmarshalJSON(text []byte) error {
	var outcome string
	return unmarshalOutcome(text, &outcome, (*changePriorityResultFields)(r))
}

const replayExecutionReplayed = "replayed"

type replayExecutionResultFields ReplayExecutionResult

// MarshalJSON writes {"Replayed":{…}}.
func (r ReplayExecutionResult) MarshalJSON() ([]byte, error) {
	return marshalOutcome(replayExecutionReplayed, replayExecutionResultFields(r))
}

// UnmarshalJSON reads that form.
func (r *ReplayExecutionResult) UnmarshalJSON(text []byte) error {
	var outcome string
	return unmarshalOutcome(text, &outcome, (*replayExecutionResultFields)(r))
}

// revokeLeaseResultJSON has the epoch as a decimal string.
type revokeLeaseResultJSON struct {
	LeaseID    LeaseID    `json:"lease_id,omitzero"`
	LeaseEpoch LeaseEpoch `json:"lease_epoch,string,omitempty"`
	Reason     string     `json:"reason,omitempty"`
}

// MarshalJSON writes {"Revoked":{…}} or {"AlreadySatisfied":{…}}.
func (r RevokeLeaseResult) MarshalJSON() ([]byte, error) {
	return marshalOutcome(r.Outcome, revokeLeaseResultJSON{r.LeaseID, r.LeaseEpoch, r.Reason})
}

// UnmarshalJSON reads either form.
func (r *RevokeLeaseResult) UnmarshalJSON(text []byte) error {
	var fields revokeLeaseResultJSON
	if err := unmarshalOutcome(text, &r.Outcome, &fields); err != nil {
		return err
	}
	r.LeaseID, r.LeaseEpoch, r.Reason = fields.LeaseID, fields.LeaseEpoch, fields.Reason
	return nil
}
