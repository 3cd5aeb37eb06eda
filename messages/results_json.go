package messages

import (
	"encoding/json"
	"strings"
	"unicode"
)

// A result with several shapes is an object with the name of its outcome outermost, {"Created":{…}}, or only that name
// when the outcome has no fields.

// marshalOutcome writes the fields under the name of the outcome; nil fields are none.
func marshalOutcome[K ~string](outcome K, fields any) ([]byte, error) {
	if fields == nil {
		return json.Marshal(outcomeName(string(outcome)))
	}
	return json.Marshal(map[string]any{outcomeName(string(outcome)): fields})
}

// unmarshalOutcome is the inverse. Which outcomes exist is for the caller to check.
func unmarshalOutcome[K ~string](text []byte, outcome *K, fields any) error {
	var name string
	if json.Unmarshal(text, &name) == nil {
		*outcome = K(outcomeText(name))
		return nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return err
	}
	if len(object) != 1 {
		return InvalidField("outcome", "want one variant, got %d", len(object))
	}
	for name, value := range object {
		*outcome = K(outcomeText(name))
		return json.Unmarshal(value, fields)
	}
	return nil
}

// outcomeName turns retry_scheduled into RetryScheduled.
func outcomeName(text string) string {
	var name strings.Builder
	for word := range strings.SplitSeq(text, "_") {
		if word != "" {
			name.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return name.String()
}

// outcomeText turns RetryScheduled into retry_scheduled.
func outcomeText(name string) string {
	var text strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			text.WriteByte('_')
		}
		text.WriteRune(unicode.ToLower(r))
	}
	return text.String()
}

type createExecutionResultJSON struct {
	ExecutionID ExecutionID `json:"execution_id"`
	PublicState PublicState `json:"public_state,omitempty"`
}

// MarshalJSON writes {"Created":{…}} or {"Duplicate":{…}}.
func (r CreateExecutionResult) MarshalJSON() ([]byte, error) {
	return marshalOutcome(r.Outcome, createExecutionResultJSON{r.ExecutionID, r.PublicState})
}

// UnmarshalJSON reads either form.
func (r *CreateExecutionResult) UnmarshalJSON(text []byte) error {
	var fields createExecutionResultJSON
	if err := unmarshalOutcome(text, &r.Outcome, &fields); err != nil {
		return err
	}
	r.ExecutionID, r.PublicState = fields.ExecutionID, fields.PublicState
	return nil
}

// MarshalJSON writes {"Cancelled":{…}}.
func (r CancelExecutionResult) MarshalJSON() ([]byte, error) {
	return marshalOutcome(CancelExecutionCancelled, createExecutionResultJSON{r.ExecutionID, r.PublicState})
}

// UnmarshalJSON reads that form.
func (r *CancelExecutionResult) UnmarshalJSON(text []byte) error {
	var fields createExecutionResultJSON
	if err := unmarshalOutcome(text, &r.Outcome, &fields); err != nil {
		return err
	}
	r.ExecutionID, r.PublicState = fields.ExecutionID, fields.PublicState
	return nil
}

type failOutcomeJSON struct {
	DelayUntil       TimestampMs  `json:"delay_until"`
	NextAttemptIndex AttemptIndex `json:"next_attempt_index"`
}

// MarshalJSON writes {"RetryScheduled":{…}} or "TerminalFailed".
func (o FailOutcome) MarshalJSON() ([]byte, error) {
	if o.Outcome != FailRetryScheduled {
		return marshalOutcome(o.Outcome, nil)
	}
	return marshalOutcome(o.Outcome, failOutcomeJSON{o.DelayUntil, o.NextAttemptIndex})
}

// UnmarshalJSON reads either form.
func (o *FailOutcome) UnmarshalJSON(text []byte) error {
	var fields failOutcomeJSON
	if err := unmarshalOutcome(text, &o.Outcome, &fields); err != nil {
		return err
	}
	o.DelayUntil, o.NextAttemptIndex = fields.DelayUntil, fields.NextAttemptIndex
	return nil
}

type claimNextResultJSON struct {
	Task *ClaimedTask `json:"task"`
}

// MarshalJSON writes {"Claimed":{"task":…}} or "NoWork".
func (r ClaimNextResult) MarshalJSON() ([]byte, error) {
	if r.Task == nil {
		return marshalOutcome(r.Outcome, nil)
	}
	return marshalOutcome(r.Outcome, claimNextResultJSON{r.Task})
}

// UnmarshalJSON reads either form.
func (r *ClaimNextResult) UnmarshalJSON(text []byte) error {
	var fields claimNextResultJSON
	if err := unmarshalOutcome(text, &r.Outcome, &fields); err != nil {
		return err
	}
	r.Task = fields.Task
	return nil
}

type claimedTaskFields ClaimedTask

type claimedTaskJSON struct {
	claimedTaskFields
	InputPayload ByteArray `json:"input_payload"`
}

// MarshalJSON leaves out what is unset.
func (t ClaimedTask) MarshalJSON() ([]byte, error) {
	return json.Marshal(claimedTaskJSON{claimedTaskFields(t), append(ByteArray{}, t.InputPayload...)})
}

// UnmarshalJSON reads a task.
func (t *ClaimedTask) UnmarshalJSON(text []byte) error {
	var wire claimedTaskJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*t = ClaimedTask(wire.claimedTaskFields)
	t.InputPayload = wire.InputPayload
	return nil
}

type executionResultJSON struct {
	Result ByteArray `json:"result,omitzero"`
	Found  bool      `json:"found"`
}

// MarshalJSON writes the result as an array of numbers.
func (r GetExecutionResultReply) MarshalJSON() ([]byte, error) {
	return json.Marshal(executionResultJSON{r.Result, r.Found})
}

// UnmarshalJSON reads a reply.
func (r *GetExecutionResultReply) UnmarshalJSON(text []byte) error {
	var wire executionResultJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*r = GetExecutionResultReply{Result: wire.Result, Found: wire.Found}
	return nil
}
