package messages

import (
	"encoding/json"
	"time"
)

type resumePolicyFields ResumePolicy

type resumePolicyJSON struct {
	resumePolicyFields
	ResumeDelay millis `json:"resume_delay_ms,omitempty"`
}

// MarshalJSON writes all fields; the zero value is written as the policy that it stands for.
func (p ResumePolicy) MarshalJSON() ([]byte, error) {
	if p == (ResumePolicy{}) {
		p = NormalResumePolicy()
	}
	return json.Marshal(resumePolicyJSON{resumePolicyFields(p), millis(p.ResumeDelay)})
}

// UnmarshalJSON reads a policy; a missing field is that of [NormalResumePolicy].
func (p *ResumePolicy) UnmarshalJSON(text []byte) error {
	wire := resumePolicyJSON{resumePolicyFields: resumePolicyFields(NormalResumePolicy())}
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*p = ResumePolicy(wire.resumePolicyFields)
	p.ResumeDelay = time.Duration(wire.ResumeDelay)
	return nil
}

type waitpointBindingJSON struct {
	WaitpointID  WaitpointID `json:"waitpoint_id"`
	WaitpointKey string      `json:"waitpoint_key,omitempty"` // of a fresh one
}

// MarshalJSON writes {"Fresh":{…}} or {"UsePending":{…}}.
func (b WaitpointBinding) MarshalJSON() ([]byte, error) {
	if b.UsePending {
		return json.Marshal(map[string]waitpointBindingJSON{"UsePending": {b.WaitpointID, ""}})
	}
	return json.Marshal(map[string]waitpointBindingJSON{"Fresh": {b.WaitpointID, b.WaitpointKey}})
}

// UnmarshalJSON reads either form.
func (b *WaitpointBinding) UnmarshalJSON(text []byte) error {
	var wire struct{ Fresh, UsePending *waitpointBindingJSON }
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	switch {
	case wire.Fresh != nil && wire.UsePending == nil:
		*b = WaitpointBinding{WaitpointID: wire.Fresh.WaitpointID, WaitpointKey: wire.Fresh.WaitpointKey}
	case wire.UsePending != nil && wire.Fresh == nil:
		*b = WaitpointBinding{UsePending: true, WaitpointID: wire.UsePending.WaitpointID}
	default:
		return InvalidField("waitpoints", "want one of Fresh and UsePending")
	}
	return nil
}

type suspendFields SuspendArgs

// UnmarshalJSON reads the arguments; what may be left out has its default.
func (a *SuspendArgs) UnmarshalJSON(text []byte) error {
	fields := suspendFields{
		ResumePolicy:    NormalResumePolicy(),
		RequestedBy:     RequestedByWorker,
		TimeoutBehavior: TimeoutFail,
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	*a = SuspendArgs(fields)
	return nil
}

type suspendOutcomeJSON struct {
	Details SuspendDetails `json:"details"`
	Handle  *Handle        `json:"handle,omitempty"`
}

// MarshalJSON writes {"Suspended":{…}} or {"AlreadySatisfied":{…}}.
func (o SuspendOutcome) MarshalJSON() ([]byte, error) {
	return marshalOutcome(o.Outcome, suspendOutcomeJSON{o.Details, o.Handle})
}

// UnmarshalJSON reads either form.
func (o *SuspendOutcome) UnmarshalJSON(text []byte) error {
	var fields suspendOutcomeJSON
	if err := unmarshalOutcome(text, &o.Outcome, &fields); err != nil {
		return err
	}
	o.Details, o.Handle = fields.Details, fields.Handle
	return nil
}
