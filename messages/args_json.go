package messages

import (
	"encoding/json"
	"time"
)

// The wire types below replace durations by numbers of milliseconds and bytes by arrays of numbers.

type createExecutionFields CreateExecutionArgs

type createExecutionJSON struct {
	createExecutionFields
	InputPayload ByteArray `json:"input_payload,omitzero"`
}

// MarshalJSON leaves out what is unset.
func (a CreateExecutionArgs) MarshalJSON() ([]byte, error) {
	return json.Marshal(createExecutionJSON{createExecutionFields(a), a.InputPayload})
}

// UnmarshalJSON reads the arguments.
func (a *CreateExecutionArgs) UnmarshalJSON(text []byte) error {
	var wire createExecutionJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*a = CreateExecutionArgs(wire.createExecutionFields)
	a.InputPayload = wire.InputPayload
	return nil
}

type completeFields CompleteArgs

type completeJSON struct {
	completeFields
	Payload ByteArray `json:"payload,omitzero"`
}

// MarshalJSON leaves out what is unset.
func (a CompleteArgs) MarshalJSON() ([]byte, error) {
	return json.Marshal(completeJSON{completeFields(a), a.Payload})
}

// UnmarshalJSON reads the arguments.
func (a *CompleteArgs) UnmarshalJSON(text []byte) error {
	var wire completeJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*a = CompleteArgs(wire.completeFields)
	a.Payload = wire.Payload
	return nil
}

type failureReasonFields FailureReason

type failureReasonJSON struct {
	failureReasonFields
	Detail ByteArray `json:"detail,omitzero"`
}

// MarshalJSON leaves out what is unset.
func (r FailureReason) MarshalJSON() ([]byte, error) {
	return json.Marshal(failureReasonJSON{failureReasonFields(r), r.Detail})
}

// UnmarshalJSON reads a reason.
func (r *FailureReason) UnmarshalJSON(text []byte) error {
	var wire failureReasonJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*r = FailureReason(wire.failureReasonFields)
	r.Detail = wire.Detail
	return nil
}

type cancelExecutionFields CancelExecutionArgs

// UnmarshalJSON reads the arguments; a missing source is operator_override.
func (a *CancelExecutionArgs) UnmarshalJSON(text []byte) error {
	fields := cancelExecutionFields{Source: SourceOperatorOverride}
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	*a = CancelExecutionArgs(fields)
	return nil
}

type claimPolicyFields ClaimPolicy

type claimPolicyJSON struct {
	claimPolicyFields
	LeaseTTL millis `json:"lease_ttl_ms"`
	MaxWait  millis `json:"max_wait_ms,omitempty"`
}

// MarshalJSON leaves out what is unset.
func (p ClaimPolicy) MarshalJSON() ([]byte, error) {
	return json.Marshal(claimPolicyJSON{claimPolicyFields(p), millis(p.LeaseTTL), millis(p.MaxWait)})
}

// UnmarshalJSON reads a policy.
func (p *ClaimPolicy) UnmarshalJSON(text []byte) error {
	var wire claimPolicyJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*p = ClaimPolicy(wire.claimPolicyFields)
	p.LeaseTTL, p.MaxWait = time.Duration(wire.LeaseTTL), time.Duration(wire.MaxWait)
	return nil
}

type claimNextFields ClaimNextArgs

type claimNextJSON struct {
	claimNextFields
	LeaseTTL       millis `json:"lease_ttl_ms"`
	AttemptTimeout millis `json:"attempt_timeout_ms,omitempty"`
}

func (a ClaimNextArgs) wire() claimNextJSON {
	return claimNextJSON{claimNextFields(a), millis(a.LeaseTTL), millis(a.AttemptTimeout)}
}

func (w claimNextJSON) args() ClaimNextArgs {
	a := ClaimNextArgs(w.claimNextFields)
	a.LeaseTTL, a.AttemptTimeout = time.Duration(w.LeaseTTL), time.Duration(w.AttemptTimeout)
	return a
}

// MarshalJSON leaves out what is unset.
func (a ClaimNextArgs) MarshalJSON() ([]byte, error) { return json.Marshal(a.wire()) }

// UnmarshalJSON reads the arguments.
func (a *ClaimNextArgs) UnmarshalJSON(text []byte) error {
	var wire claimNextJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*a = wire.args()
	return nil
}

type claimWaitJSON struct {
	claimNextJSON
	MaxWait millis `json:"max_wait_ms,omitempty"`
}

// MarshalJSON leaves out what is unset.
func (a ClaimWaitArgs) MarshalJSON() ([]byte, error) {
	return json.Marshal(claimWaitJSON{a.wire(), millis(a.MaxWait)})
}

// UnmarshalJSON reads the arguments.
func (a *ClaimWaitArgs) UnmarshalJSON(text []byte) error {
	var wire claimWaitJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*a = ClaimWaitArgs{ClaimNextArgs: wire.args(), MaxWait: time.Duration(wire.MaxWait)}
	return nil
}
