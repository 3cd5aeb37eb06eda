package messages

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"
)

// ParseExecutionPolicy reads the text of a policy as UnmarshalJSON does; text that is no JSON object is refused with
// Validation, invalid_policy_json and the detail "malformed".
func ParseExecutionPolicy(text []byte) (*ExecutionPolicy, error) {
	if !json.Valid(text) || !isObject(text) {
		return nil, ValidationError(CodeInvalidPolicyJSON, "malformed")
	}
	policy := new(ExecutionPolicy)
	if err := json.Unmarshal(text, policy); err != nil {
		return nil, err
	}
	return policy, nil
}

func isObject(text []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) }

func isNull(text []byte) bool { return bytes.Equal(text, []byte("null")) }

// The wire types below replace each duration by a number of milliseconds.

type executionPolicyFields ExecutionPolicy

type executionPolicyJSON struct {
	executionPolicyFields
	DedupWindow millis `json:"dedup_window_ms,omitempty"`
}

// MarshalJSON leaves out what is unset.
func (p ExecutionPolicy) MarshalJSON() ([]byte, error) {
	return json.Marshal(executionPolicyJSON{executionPolicyFields(p), millis(p.DedupWindow)})
}

// UnmarshalJSON reads a policy; a missing field has its default, see [NewExecutionPolicy]. Unknown fields are ignored.
// It refuses a malformed field with Validation, invalid_policy_json or, among the required capabilities,
// invalid_capabilities.
func (p *ExecutionPolicy) UnmarshalJSON(text []byte) error {
	if isNull(text) {
		return nil
	}
	wire := executionPolicyJSON{executionPolicyFields: executionPolicyFields(*NewExecutionPolicy())}
	if err := json.Unmarshal(text, &wire); err != nil {
		return asPolicyError(err)
	}
	*p = ExecutionPolicy(wire.executionPolicyFields)
	p.DedupWindow = time.Duration(wire.DedupWindow)
	return nil
}

// asPolicyError keeps an error that says precisely what is wrong with a policy.
func asPolicyError(err error) error {
	var precise *Error
	if errors.As(err, &precise) {
		return precise
	}
	return ValidationError(CodeInvalidPolicyJSON, err.Error())
}

type retryPolicyFields RetryPolicy

// UnmarshalJSON reads a policy; a missing field has its default, see [NewRetryPolicy].
func (p *RetryPolicy) UnmarshalJSON(text []byte) error {
	fields := retryPolicyFields(*NewRetryPolicy())
	if err := json.Unmarshal(text, &fields); err != nil {
		return asPolicyError(err)
	}
	*p = RetryPolicy(fields)
	return nil
}

type fixedBackoffJSON struct {
	Type  BackoffType `json:"type"`
	Delay *millis     `json:"delay_ms"`
}

type exponentialBackoffJSON struct {
	Type         BackoffType `json:"type"`
	InitialDelay *millis     `json:"initial_delay_ms"`
	MaxDelay     *millis     `json:"max_delay_ms"`
	Multiplier   *float64    `json:"multiplier"`
	Jitter       bool        `json:"jitter"`
}

// MarshalJSON writes the fields that the type has.
func (b BackoffStrategy) MarshalJSON() ([]byte, error) {
	switch b.Type {
	case BackoffFixed:
		return json.Marshal(fixedBackoffJSON{b.Type, (*millis)(&b.FixedDelay)})
	case BackoffExponential:
		return json.Marshal(exponentialBackoffJSON{
			b.Type, (*millis)(&b.InitialDelay), (*millis)(&b.MaxDelay), &b.Multiplier, b.Jitter,
		})
	}
	return json.Marshal(map[string]BackoffType{"type": b.Type})
}

// UnmarshalJSON reads a strategy. The numbers of its type are required; of an unknown type only the name is kept.
func (b *BackoffStrategy) UnmarshalJSON(text []byte) error {
	if isNull(text) {
		return nil
	}
	var wire struct {
		exponentialBackoffJSON
		Delay *millis `json:"delay_ms"`
	}
	if err := json.Unmarshal(text, &wire); err != nil {
		return asPolicyError(err)
	}
	switch wire.Type {
	case BackoffFixed:
		if wire.Delay == nil {
			return ValidationError(CodeInvalidPolicyJSON, "backoff: missing field `delay_ms`")
		}
		*b = FixedBackoff(time.Duration(*wire.Delay))
	case BackoffExponential:
		return b.setExponential(wire.exponentialBackoffJSON)
	default:
		*b = BackoffStrategy{Type: wire.Type}
	}
	return nil
}

func (b *BackoffStrategy) setExponential(wire exponentialBackoffJSON) error {
	missing := ""
	switch {
	case wire.InitialDelay == nil:
		missing = "initial_delay_ms"
	case wire.MaxDelay == nil:
		missing = "max_delay_ms"
	case wire.Multiplier == nil:
		missing = "multiplier"
	}
	if missing != "" {
		return ValidationErrorf(CodeInvalidPolicyJSON, "backoff: missing field `%s`", missing)
	}
	*b = BackoffStrategy{
		Type:         wire.Type,
		InitialDelay: time.Duration(*wire.InitialDelay),
		MaxDelay:     time.Duration(*wire.MaxDelay),
		Multiplier:   *wire.Multiplier,
		Jitter:       wire.Jitter,
	}
	return nil
}

type timeoutPolicyFields TimeoutPolicy

type timeoutPolicyJSON struct {
	timeoutPolicyFields
	AttemptTimeout    millis `json:"attempt_timeout_ms,omitempty"`
	ExecutionDeadline millis `json:"execution_deadline_ms,omitempty"`
}

// MarshalJSON leaves out what is unset.
func (p TimeoutPolicy) MarshalJSON() ([]byte, error) {
	return json.Marshal(timeoutPolicyJSON{
		timeoutPolicyFields(p), millis(p.AttemptTimeout), millis(p.ExecutionDeadline),
	})
}

// UnmarshalJSON reads a policy.
func (p *TimeoutPolicy) UnmarshalJSON(text []byte) error {
	var wire timeoutPolicyJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return asPolicyError(err)
	}
	*p = TimeoutPolicy(wire.timeoutPolicyFields)
	p.AttemptTimeout, p.ExecutionDeadline = time.Duration(wire.AttemptTimeout), time.Duration(wire.ExecutionDeadline)
	return nil
}

type suspensionPolicyFields SuspensionPolicy

type suspensionPolicyJSON struct {
	suspensionPolicyFields
	DefaultTimeout millis `json:"default_timeout_ms,omitempty"`
}

// MarshalJSON leaves out what is unset.
func (p SuspensionPolicy) MarshalJSON() ([]byte, error) {
	return json.Marshal(suspensionPolicyJSON{suspensionPolicyFields(p), millis(p.DefaultTimeout)})
}

// UnmarshalJSON reads a policy; a missing behaviour is fail.
func (p *SuspensionPolicy) UnmarshalJSON(text []byte) error {
	wire := suspensionPolicyJSON{suspensionPolicyFields: suspensionPolicyFields(*NewSuspensionPolicy())}
	if err := json.Unmarshal(text, &wire); err != nil {
		return asPolicyError(err)
	}
	*p = SuspensionPolicy(wire.suspensionPolicyFields)
	p.DefaultTimeout = time.Duration(wire.DefaultTimeout)
	return nil
}

type fallbackTierFields FallbackTier

type fallbackTierJSON struct {
	fallbackTierFields
	Timeout millis `json:"timeout_ms,omitempty"`
}

// MarshalJSON leaves out what is unset.
func (t FallbackTier) MarshalJSON() ([]byte, error) {
	return json.Marshal(fallbackTierJSON{fallbackTierFields(t), millis(t.Timeout)})
}

// UnmarshalJSON reads a tier.
func (t *FallbackTier) UnmarshalJSON(text []byte) error {
	var wire fallbackTierJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return asPolicyError(err)
	}
	*t = FallbackTier(wire.fallbackTierFields)
	t.Timeout = time.Duration(wire.Timeout)
	return nil
}

type streamPolicyFields StreamPolicy

type streamPolicyJSON struct {
	streamPolicyFields
	RetentionTTL millis `json:"retention_ttl_ms,omitempty"`
}

// MarshalJSON leaves out what is unset.
func (p StreamPolicy) MarshalJSON() ([]byte, error) {
	return json.Marshal(streamPolicyJSON{streamPolicyFields(p), millis(p.RetentionTTL)})
}

// UnmarshalJSON reads a policy; a missing field has its default, see [NewStreamPolicy].
func (p *StreamPolicy) UnmarshalJSON(text []byte) error {
	wire := streamPolicyJSON{streamPolicyFields: streamPolicyFields(*NewStreamPolicy())}
	if err := json.Unmarshal(text, &wire); err != nil {
		return asPolicyError(err)
	}
	*p = StreamPolicy(wire.streamPolicyFields)
	p.RetentionTTL = time.Duration(wire.RetentionTTL)
	return nil
}

// UnmarshalJSON reads requirements. It refuses what is no object with invalid_policy_json, a malformed list of required
// capabilities with invalid_capabilities; the tokens themselves are checked by [ExecutionPolicy.Validate].
func (r *RoutingRequirements) UnmarshalJSON(text []byte) error {
	if isNull(text) {
		return nil
	}
	if !isObject(text) {
		return ValidationError(CodeInvalidPolicyJSON, "routing_requirements:not_object")
	}
	var wire struct {
		RequiredCapabilities json.RawMessage `json:"required_capabilities"`
		PreferredLocality    string          `json:"preferred_locality"`
		IsolationLevel       string          `json:"isolation_level"`
	}
	if err := json.Unmarshal(text, &wire); err != nil {
		return asPolicyError(err)
	}
	tokens, err := parseRequiredCapabilities(wire.RequiredCapabilities)
	if err != nil {
		return err
	}
	*r = RoutingRequirements{
		RequiredCapabilities: tokens,
		PreferredLocality:    wire.PreferredLocality,
		IsolationLevel:       wire.IsolationLevel,
	}
	return nil
}

func parseRequiredCapabilities(text json.RawMessage) ([]string, error) {
	if len(text) == 0 || isNull(text) {
		return nil, nil
	}
	var values []json.RawMessage
	if json.Unmarshal(text, &values) != nil {
		return nil, ValidationError(CodeInvalidCapabilities, "required:not_array")
	}
	tokens := make([]string, len(values))
	for i, value := range values {
		if isNull(value) || json.Unmarshal(value, &tokens[i]) != nil {
			return nil, ValidationError(CodeInvalidCapabilities, "required:non_string_token")
		}
	}
	return sortedSet(tokens), nil
}
