package messages

type submitFlowResultJSON struct {
	FlowID        FlowID        `json:"flow_id"`
	GraphRevision uint64        `json:"graph_revision"`
	ExecutionIDs  []ExecutionID `json:"execution_ids"`
	EdgeIDs       []EdgeID      `json:"edge_ids"`
}

// MarshalJSON writes {"Created":{…}} or {"AlreadySatisfied":{…}}.
func (r SubmitFlowResult) MarshalJSON() ([]byte, error) {
	return marshalOutcome(r.Outcome, submitFlowResultJSON{
		r.FlowID, r.GraphRevision, append([]ExecutionID{}, r.ExecutionIDs...), append([]EdgeID{}, r.EdgeIDs...),
	})
}

// UnmarshalJSON reads either form.
func (r *SubmitFlowResult) UnmarshalJSON(text []byte) error {
	var fields submitFlowResultJSON
	if err := unmarshalOutcome(text, &r.Outcome, &fields); err != nil {
		return err
	}
	r.FlowID, r.GraphRevision = fields.FlowID, fields.GraphRevision
	r.ExecutionIDs, r.EdgeIDs = fields.ExecutionIDs, fields.EdgeIDs
	return nil
}
