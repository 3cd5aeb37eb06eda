package messages

import (
	"encoding/json"
	"time"
)

// reasonJSON is the one field of an already_satisfied.
type reasonJSON struct {
	Reason string `json:"reason"`
}

// marshalReason writes the outcome with its reason, or alone when it has none.
func marshalReason[K ~string](outcome K, reason string) ([]byte, error) {
	if reason == "" {
		return marshalOutcome(outcome, nil)
	}
	return marshalOutcome(outcome, reasonJSON{reason})
}

func unmarshalReason[K ~string](text []byte, outcome *K, reason *string) error {
	var fields reasonJSON
	err := unmarshalOutcome(text, outcome, &fields)
	*reason = fields.Reason
	return err
}

// MarshalJSON writes "Promoted" or {"AlreadySatisfied":{"reason":…}}.
func (r PromoteDelayedResult) MarshalJSON() ([]byte, error) {
	return marshalReason(r.Outcome, r.Reason)
}

// UnmarshalJSON reads either form.
func (r *PromoteDelayedResult) UnmarshalJSON(text []byte) error {
	return unmarshalReason(text, &r.Outcome, &r.Reason)
}

// MarshalJSON writes "MarkedExpired" or {"AlreadySatisfied":{"reason":…}}.
func (r MarkLeaseExpiredIfDueResult) MarshalJSON() ([]byte, error) {
	return marshalReason(r.Outcome, r.Reason)
}

// UnmarshalJSON reads either form.
func (r *MarkLeaseExpiredIfDueResult) UnmarshalJSON(text []byte) error {
	return unmarshalReason(text, &r.Outcome, &r.Reason)
}

type expireExecutionResultJSON struct {
	FromPhase        string        `json:"from_phase,omitempty"`
	NextAttemptIndex *AttemptIndex `json:"next_attempt_index,omitempty"`
	Reason           string        `json:"reason,omitempty"`
}

// MarshalJSON writes {"Expired":{…}}, {"RetryScheduled":{…}} or {"AlreadySatisfied":{…}}.
func (r ExpireExecutionResult) MarshalJSON() ([]byte, error) {
	fields := expireExecutionResultJSON{FromPhase: r.FromPhase, Reason: r.Reason}
	if r.Outcome == ExpireRetryScheduled {
		fields.NextAttemptIndex = &r.NextAttemptIndex
	}
	return marshalOutcome(r.Outcome, fields)
}

// UnmarshalJSON reads any of the forms.
func (r *ExpireExecutionResult) UnmarshalJSON(text []byte) error {
	var fields expireExecutionResultJSON
	if err := unmarshalOutcome(text, &r.Outcome, &fields); err != nil {
		return err
	}
	r.FromPhase, r.Reason = fields.FromPhase, fields.Reason
	if fields.NextAttemptIndex != nil {
		r.NextAttemptIndex = *fields.NextAttemptIndex
	}
	return nil
}

type trimRetentionFields TrimRetentionArgs

type trimRetentionJSON struct {
	trimRetentionFields
	Retention millis `json:"retention_ms"`
}

// MarshalJSON leaves out what is unset.
func (a TrimRetentionArgs) MarshalJSON() ([]byte, error) {
	return json.Marshal(trimRetentionJSON{trimRetentionFields(a), millis(a.Retention)})
}

// UnmarshalJSON reads the arguments.
func (a *TrimRetentionArgs) UnmarshalJSON(text []byte) error {
	var wire trimRetentionJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*a = TrimRetentionArgs(wire.trimRetentionFields)
	a.Retention = time.Duration(wire.Retention)
	return nil
}
