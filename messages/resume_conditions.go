package messages

import (
	"slices"
	"strconv"
)

// MaxCompositeDepth is how deep composite conditions may be nested.
const MaxCompositeDepth = 4

// ResumeConditionKind is the form of a condition.
type ResumeConditionKind string

// The forms. AllOf and Count are composite.
const (
	ConditionSingle       ResumeConditionKind = "Single"       // a signal that matches, on one waitpoint
	ConditionOperatorOnly ResumeConditionKind = "OperatorOnly" // no signal: an operator resumes
	ConditionTimeoutOnly  ResumeConditionKind = "TimeoutOnly"  // no signal: the timeout ends it
	ConditionAllOf        ResumeConditionKind = "AllOf"        // every member is met
	ConditionCount        ResumeConditionKind = "Count"        // so many signals that match, on any of the waitpoints
)

// ResumeCountKind is what a count tells apart.
type ResumeCountKind string

// What to count: keys of waitpoints, ids of signals, pairs of source type and source identity.
const (
	DistinctWaitpoints ResumeCountKind = "DistinctWaitpoints"
	DistinctSignals    ResumeCountKind = "DistinctSignals"
	DistinctSources    ResumeCountKind = "DistinctSources"
)

// SignalMatcher selects signals: all, or those with this very name. The empty name is not a wildcard.
type SignalMatcher struct {
	Wildcard bool
	Name     string
}

// AnySignal matches every signal.
func AnySignal() *SignalMatcher { return &SignalMatcher{Wildcard: true} }

// SignalNamed matches the signals of one name.
func SignalNamed(name string) *SignalMatcher { return &SignalMatcher{Name: name} }

// ResumeCondition decides when a suspended execution goes on. Make one with [SingleByName], [SingleAny],
// [OperatorOnly], [TimeoutOnly], [AllOfConditions], [AllOfWaitpoints] or [Count]; the fields that a kind does not use
// are zero. There is no "any of": that is a count of 1.
type ResumeCondition struct {
	Kind         ResumeConditionKind
	WaitpointKey string            // of Single
	Matcher      *SignalMatcher    // of Single and Count; nil: every signal
	Members      []ResumeCondition // of AllOf
	N            uint32            // of Count
	CountKind    ResumeCountKind   // of Count
	Waitpoints   []string          // of Count: the keys
}

// SingleByName waits for a signal of this name.
func SingleByName(key, name string) ResumeCondition {
	return ResumeCondition{Kind: ConditionSingle, WaitpointKey: key, Matcher: SignalNamed(name)}
}

// SingleAny waits for any signal.
func SingleAny(key string) ResumeCondition {
	return ResumeCondition{Kind: ConditionSingle, WaitpointKey: key, Matcher: AnySignal()}
}

// OperatorOnly waits for an operator.
func OperatorOnly() ResumeCondition { return ResumeCondition{Kind: ConditionOperatorOnly} }

// TimeoutOnly waits for the timeout of the suspension.
func TimeoutOnly() ResumeCondition { return ResumeCondition{Kind: ConditionTimeoutOnly} }

// AllOfConditions waits until every member is met.
func AllOfConditions(members ...ResumeCondition) ResumeCondition {
	return ResumeCondition{Kind: ConditionAllOf, Members: members}
}

// AllOfWaitpoints waits for any signal on each of the waitpoints.
func AllOfWaitpoints(keys ...string) ResumeCondition {
	members := make([]ResumeCondition, len(keys))
	for i, key := range keys {
		members[i] = SingleAny(key)
	}
	return AllOfConditions(members...)
}

// Count waits for n different ones among the signals on the waitpoints that match; a nil matcher matches all.
func Count(n uint32, kind ResumeCountKind, matcher *SignalMatcher, keys ...string) ResumeCondition {
	return ResumeCondition{Kind: ConditionCount, N: n, CountKind: kind, Matcher: matcher, Waitpoints: keys}
}

// ReferencedWaitpointKeys returns the keys that the condition names, depth first, each where it comes first.
func (c ResumeCondition) ReferencedWaitpointKeys() []string {
	var keys []string
	c.walk(func(node ResumeCondition) bool {
		named := node.Waitpoints
		if node.Kind == ConditionSingle {
			named = []string{node.WaitpointKey}
		}
		for _, key := range named {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
		return true
	})
	return keys
}

// walk visits the condition and what is in it, depth first, until visit returns false.
func (c ResumeCondition) walk(visit func(ResumeCondition) bool) bool {
	if !visit(c) {
		return false
	}
	for _, member := range c.Members {
		if !member.walk(visit) {
			return false
		}
	}
	return true
}

// hasEmptyName reports a matcher that no signal can meet, for no signal has an empty name.
func (c ResumeCondition) hasEmptyName() bool {
	return !c.walk(func(node ResumeCondition) bool {
		return node.Matcher == nil || node.Matcher.Wildcard || node.Matcher.Name != ""
	})
}

// ValidateComposite checks the structure: at most 4 levels of composites, none of them empty, and counts that can be
// reached. It returns the first fault, depth first, as Validation, invalid_input with its path; nil when there is none.
func (c ResumeCondition) ValidateComposite() *Error { return c.validateAt("", 1) }

func (c ResumeCondition) validateAt(path string, depth int) *Error {
	switch c.Kind {
	case ConditionAllOf:
		if err := validateDepth(path, depth); err != nil {
			return err
		}
		return c.validateMembers(path, depth)
	case ConditionCount:
		if err := validateDepth(path, depth); err != nil {
			return err
		}
		return c.validateCount(path)
	case ConditionSingle, ConditionOperatorOnly, ConditionTimeoutOnly:
		return nil
	}
	return InvalidField("resume_condition", "unknown kind %q at path %s", string(c.Kind), conditionPath(path))
}

func validateDepth(path string, depth int) *Error {
	if depth > MaxCompositeDepth {
		return conditionFault(path, "depth "+strconv.Itoa(depth)+" exceeds cap "+strconv.Itoa(MaxCompositeDepth))
	}
	return nil
}

func (c ResumeCondition) validateMembers(path string, depth int) *Error {
	if len(c.Members) == 0 {
		return conditionFault(path, "allof_empty_members")
	}
	for i, member := range c.Members {
		if err := member.validateAt(memberPath(path, i), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (c ResumeCondition) validateCount(path string) *Error {
	switch {
	case c.N == 0:
		return conditionFault(path, "count_n_zero")
	case len(c.Waitpoints) == 0:
		return conditionFault(path, "count_waitpoints_empty")
	}
	switch c.CountKind {
	case DistinctWaitpoints:
		if uint64(c.N) > uint64(len(c.Waitpoints)) {
			return ValidationErrorf(CodeInvalidInput, "count_exceeds_waitpoint_set: n=%d > waitpoints.len()=%d at path %s",
				c.N, len(c.Waitpoints), conditionPath(path))
		}
		return nil
	case DistinctSignals, DistinctSources:
		return nil
	}
	return InvalidField("resume_condition", "unknown count kind %q at path %s", string(c.CountKind), conditionPath(path))
}

func conditionFault(path, fault string) *Error {
	return ValidationError(CodeInvalidInput, fault+" at path "+conditionPath(path))
}

func conditionPath(path string) string {
	if path == "" {
		return "<root>"
	}
	return path
}

// memberPath is the path of a member, such as members[0].members[1].
func memberPath(path string, i int) string {
	member := "members[" + strconv.Itoa(i) + "]"
	if path == "" {
		return member
	}
	return path + "." + member
}
