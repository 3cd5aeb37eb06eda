package messages

import (
	"encoding/json"
)

// A condition is an object with the name of its form outermost; the two without fields are that name only.

type singleJSON struct {
	WaitpointKey string         `json:"waitpoint_key"`
	Matcher      *SignalMatcher `json:"matcher"`
}

type allOfJSON struct {
	Kind    ResumeConditionKind `json:"kind"`
	Members []ResumeCondition   `json:"members"`
}

type countJSON struct {
	Kind       ResumeConditionKind `json:"kind"`
	N          uint32              `json:"n"`
	CountKind  ResumeCountKind     `json:"count_kind"`
	Waitpoints []string            `json:"waitpoints"`
	Matcher    *SignalMatcher      `json:"matcher,omitempty"`
}

// MarshalJSON writes {"Single":{…}}, {"Composite":{"kind":…}}, "OperatorOnly" or "TimeoutOnly".
func (c ResumeCondition) MarshalJSON() ([]byte, error) {
	switch c.Kind {
	case ConditionSingle:
		matcher := c.Matcher
		if matcher == nil {
			matcher = AnySignal()
		}
		return json.Marshal(map[string]singleJSON{"Single": {c.WaitpointKey, matcher}})
	case ConditionAllOf:
		return json.Marshal(map[string]allOfJSON{"Composite": {c.Kind, append([]ResumeCondition{}, c.Members...)}})
	case ConditionCount:
		return json.Marshal(map[string]countJSON{"Composite": {
			c.Kind, c.N, c.CountKind, append([]string{}, c.Waitpoints...), c.Matcher,
		}})
	case ConditionOperatorOnly, ConditionTimeoutOnly:
	}
	return json.Marshal(string(c.Kind))
}

// UnmarshalJSON reads a condition. It refuses an unknown form, and composites nested deeper than they may be.
func (c *ResumeCondition) UnmarshalJSON(text []byte) error {
	condition, err := decodeCondition(text, "", 1)
	if err != nil {
		return err
	}
	*c = condition
	return nil
}

// decodeCondition stops at the depth that validation allows, so that a deep text costs no more than a flat one.
func decodeCondition(text []byte, path string, depth int) (ResumeCondition, error) {
	var name string
	if json.Unmarshal(text, &name) == nil {
		return decodeBareCondition(name)
	}
	var form struct {
		Single    *singleJSON
		Composite json.RawMessage
	}
	if err := json.Unmarshal(text, &form); err != nil {
		return ResumeCondition{}, err
	}
	switch {
	case form.Single != nil && form.Composite == nil:
		return decodeSingle(*form.Single)
	case form.Composite != nil && form.Single == nil:
		return decodeComposite(form.Composite, path, depth)
	}
	return ResumeCondition{}, InvalidField("resume_condition", "want one of Single and Composite at path %s", conditionPath(path))
}

func decodeBareCondition(name string) (ResumeCondition, error) {
	switch kind := ResumeConditionKind(name); kind {
	case ConditionOperatorOnly, ConditionTimeoutOnly:
		return ResumeCondition{Kind: kind}, nil
	case ConditionSingle, ConditionAllOf, ConditionCount:
	}
	return ResumeCondition{}, InvalidField("resume_condition", "unknown kind %q", name)
}

func decodeSingle(wire singleJSON) (ResumeCondition, error) {
	if wire.Matcher == nil {
		return ResumeCondition{}, InvalidField("resume_condition", "missing field `matcher`")
	}
	return ResumeCondition{Kind: ConditionSingle, WaitpointKey: wire.WaitpointKey, Matcher: wire.Matcher}, nil
}

func decodeComposite(text []byte, path string, depth int) (ResumeCondition, error) {
	if err := validateDepth(path, depth); err != nil {
		return ResumeCondition{}, err
	}
	var wire struct {
		countJSON
		Members []json.RawMessage `json:"members"`
	}
	if err := json.Unmarshal(text, &wire); err != nil {
		return ResumeCondition{}, err
	}
	switch wire.Kind {
	case ConditionAllOf:
		return decodeMembers(wire.Members, path, depth)
	case ConditionCount:
		return Count(wire.N, wire.CountKind, wire.Matcher, wire.Waitpoints...), nil
	case ConditionSingle, ConditionOperatorOnly, ConditionTimeoutOnly:
	}
	return ResumeCondition{}, InvalidField("resume_condition", "unknown kind %q", string(wire.Kind))
}

func decodeMembers(texts []json.RawMessage, path string, depth int) (ResumeCondition, error) {
	members := make([]ResumeCondition, len(texts))
	for i, text := range texts {
		member, err := decodeCondition(text, memberPath(path, i), depth+1)
		if err != nil {
			return ResumeCondition{}, err
		}
		members[i] = member
	}
	return AllOfConditions(members...), nil
}

type byNameJSON struct {
	ByName *string
}

// MarshalJSON writes "Wildcard" or {"ByName":…}.
func (m SignalMatcher) MarshalJSON() ([]byte, error) {
	if m.Wildcard {
		return []byte(`"Wildcard"`), nil
	}
	return json.Marshal(byNameJSON{&m.Name})
}

// UnmarshalJSON reads either form.
func (m *SignalMatcher) UnmarshalJSON(text []byte) error {
	var name string
	if json.Unmarshal(text, &name) == nil && name == "Wildcard" {
		*m = SignalMatcher{Wildcard: true}
		return nil
	}
	var wire byNameJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	if wire.ByName == nil {
		return InvalidField("matcher", "want \"Wildcard\" or {\"ByName\":…}")
	}
	*m = SignalMatcher{Name: *wire.ByName}
	return nil
}
