package messages

import (
	"encoding/json"
	"time"
)

type renewLeaseFields RenewLeaseArgs

type renewLeaseJSON struct {
	renewLeaseFields
	LeaseTTL          millis `json:"lease_ttl_ms"`
	LeaseHistoryGrace millis `json:"lease_history_grace_ms,omitempty"`
}

// MarshalJSON leaves out what is unset.
func (a RenewLeaseArgs) MarshalJSON() ([]byte, error) {
	return json.Marshal(renewLeaseJSON{renewLeaseFields(a), millis(a.LeaseTTL), millis(a.LeaseHistoryGrace)})
}

// UnmarshalJSON reads the arguments; a missing grace is [DefaultLeaseHistoryGrace].
func (a *RenewLeaseArgs) UnmarshalJSON(text []byte) error {
	wire := renewLeaseJSON{LeaseHistoryGrace: millis(DefaultLeaseHistoryGrace)}
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*a = RenewLeaseArgs(wire.renewLeaseFields)
	a.LeaseTTL, a.LeaseHistoryGrace = time.Duration(wire.LeaseTTL), time.Duration(wire.LeaseHistoryGrace)
	return nil
}

type renewLeaseResultJSON struct {
	ExpiresAt TimestampMs `json:"expires_at"`
}

// MarshalJSON writes {"Renewed":{…}}.
func (r RenewLeaseResult) MarshalJSON() ([]byte, error) {
	return marshalOutcome(RenewLeaseRenewed, renewLeaseResultJSON{r.ExpiresAt})
}

// UnmarshalJSON reads that form.
func (r *RenewLeaseResult) UnmarshalJSON(text []byte) error {
	var fields renewLeaseResultJSON
	if err := unmarshalOutcome(text, &r.Outcome, &fields); err != nil {
		return err
	}
	r.ExpiresAt = fields.ExpiresAt
	return nil
}

type completeExecutionFields CompleteExecutionArgs

type completeExecutionJSON struct {
	completeExecutionFields
	ResultPayload ByteArray `json:"result_payload,omitzero"`
}

// MarshalJSON leaves out what is unset.
func (a CompleteExecutionArgs) MarshalJSON() ([]byte, error) {
	return json.Marshal(completeExecutionJSON{completeExecutionFields(a), a.ResultPayload})
}

// UnmarshalJSON reads the arguments; a missing source is operator_override.
func (a *CompleteExecutionArgs) UnmarshalJSON(text []byte) error {
	wire := completeExecutionJSON{completeExecutionFields: completeExecutionFields{Source: SourceOperatorOverride}}
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*a = CompleteExecutionArgs(wire.completeExecutionFields)
	a.ResultPayload = wire.ResultPayload
	return nil
}

// MarshalJSON writes {"Completed":{…}}.
func (r CompleteExecutionResult) MarshalJSON() ([]byte, error) {
	return marshalOutcome(CompleteExecutionCompleted, createExecutionResultJSON{r.ExecutionID, r.PublicState})
}

// UnmarshalJSON reads that form.
func (r *CompleteExecutionResult) UnmarshalJSON(text []byte) error {
	var fields createExecutionResultJSON
	if err := unmarshalOutcome(text, &r.Outcome, &fields); err != nil {
		return err
	}
	r.ExecutionID, r.PublicState = fields.ExecutionID, fields.PublicState
	return nil
}

type failExecutionFields FailExecutionArgs

// UnmarshalJSON reads the arguments; a missing source is operator_override.
func (a *FailExecutionArgs) UnmarshalJSON(text []byte) error {
	fields := failExecutionFields{Source: SourceOperatorOverride}
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	*a = FailExecutionArgs(fields)
	return nil
}
