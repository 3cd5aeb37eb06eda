package messages

import "encoding/json"

type resolveDependencyOutcomeJSON struct {
	GroupState   EdgeGroupState `json:"group_state"`
	ChildSkipped bool           `json:"child_skipped"`
	DataInjected bool           `json:"data_injected"`
}

// MarshalJSON writes {"Satisfied":{…}}, {"Impossible":{…}} or {"AlreadyResolved":{…}}.
func (r ResolveDependencyOutcome) MarshalJSON() ([]byte, error) {
	return marshalOutcome(r.Outcome, resolveDependencyOutcomeJSON{r.GroupState, r.ChildSkipped, r.DataInjected})
}

// UnmarshalJSON reads any of them.
func (r *ResolveDependencyOutcome) UnmarshalJSON(text []byte) error {
	var fields resolveDependencyOutcomeJSON
	if err := unmarshalOutcome(text, &r.Outcome, &fields); err != nil {
		return err
	}
	r.GroupState, r.ChildSkipped, r.DataInjected = fields.GroupState, fields.ChildSkipped, fields.DataInjected
	return nil
}

type completionPayloadFields CompletionPayload

type completionPayloadJSON struct {
	completionPayloadFields
	PayloadBytes ByteArray `json:"payload_bytes,omitzero"`
}

// MarshalJSON leaves out what is unset.
func (p CompletionPayload) MarshalJSON() ([]byte, error) {
	return json.Marshal(completionPayloadJSON{completionPayloadFields(p), p.PayloadBytes})
}

// UnmarshalJSON reads a payload.
func (p *CompletionPayload) UnmarshalJSON(text []byte) error {
	var wire completionPayloadJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*p = CompletionPayload(wire.completionPayloadFields)
	p.PayloadBytes = wire.PayloadBytes
	return nil
}
