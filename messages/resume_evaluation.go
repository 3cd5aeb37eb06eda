package messages

import "slices"

// AcceptedSignal is what a condition looks at in a signal that its suspension has accepted.
type AcceptedSignal struct {
	WaitpointKey   string
	SignalID       SignalID
	Name           string
	SourceType     string
	SourceIdentity string
}

// matches reports whether the matcher selects signals of this name; a nil one selects all.
func (m *SignalMatcher) matches(name string) bool { return m == nil || m.Wildcard || m.Name == name }

// Met decides whether the signals, all that the suspension has accepted, meet the condition. It looks at the keys of
// waitpoints, not at their ids. A signal may count for several parts of the condition; more signals never unmeet it.
func (c ResumeCondition) Met(signals []AcceptedSignal) bool {
	switch c.Kind {
	case ConditionSingle:
		return slices.ContainsFunc(signals, func(s AcceptedSignal) bool {
			return s.WaitpointKey == c.WaitpointKey && c.Matcher.matches(s.Name)
		})
	case ConditionAllOf:
		for _, member := range c.Members {
			if !member.Met(signals) {
				return false
			}
		}
		return len(c.Members) > 0
	case ConditionCount:
		return c.counted(signals) >= uint64(c.N)
	case ConditionOperatorOnly, ConditionTimeoutOnly:
	}
	return false
}

// source is what tells sources apart; two signals without one have the same.
type source struct{ kind, identity string }

// counted is how many different ones there are among the signals that match.
func (c ResumeCondition) counted(signals []AcceptedSignal) uint64 {
	different := map[any]bool{}
	for _, s := range signals {
		if !slices.Contains(c.Waitpoints, s.WaitpointKey) || !c.Matcher.matches(s.Name) {
			continue
		}
		switch c.CountKind {
		case DistinctWaitpoints:
			different[s.WaitpointKey] = true
		case DistinctSignals:
			different[s.SignalID] = true
		case DistinctSources:
			different[source{s.SourceType, s.SourceIdentity}] = true
		}
	}
	return uint64(len(different))
}

// RequiredSignalNames returns the names of the signals that a waitpoint waits for, depth first, each where it comes
// first; none means any signal. A condition that no signal meets names [SignalNameOperatorOnly] or
// [SignalNameTimeoutOnly], for every waitpoint.
func (c ResumeCondition) RequiredSignalNames(key string) []string {
	var names []string
	c.walk(func(node ResumeCondition) bool {
		if name := node.requiredName(key); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
		return true
	})
	return names
}

// requiredName is the name that this node adds, "" for none.
func (c ResumeCondition) requiredName(key string) string {
	switch c.Kind {
	case ConditionOperatorOnly:
		return SignalNameOperatorOnly
	case ConditionTimeoutOnly:
		return SignalNameTimeoutOnly
	case ConditionSingle:
		if c.WaitpointKey == key && c.Matcher != nil && !c.Matcher.Wildcard {
			return c.Matcher.Name
		}
	case ConditionCount:
		if slices.Contains(c.Waitpoints, key) && c.Matcher != nil && !c.Matcher.Wildcard {
			return c.Matcher.Name
		}
	case ConditionAllOf:
	}
	return ""
}
