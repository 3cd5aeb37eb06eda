package messages

import (
	"encoding/json"
	"math"
)

// EdgePolicyKind says how many dependencies an execution waits for.
type EdgePolicyKind string

// The kinds. The zero value means AllOf.
const (
	AllOf  EdgePolicyKind = "all_of"
	AnyOf  EdgePolicyKind = "any_of"
	Quorum EdgePolicyKind = "quorum"
)

// OnSatisfied says what becomes of the dependencies that are still running when enough of them have succeeded.
type OnSatisfied string

// The choices.
const (
	CancelRemaining OnSatisfied = "cancel_remaining"
	LetRun          OnSatisfied = "let_run"
)

// EdgeDependencyPolicy says when the dependencies of an execution are met. The zero value is all_of.
type EdgeDependencyPolicy struct {
	Kind        EdgePolicyKind
	K           uint32      // of quorum
	OnSatisfied OnSatisfied // of any_of and quorum; "" is cancel_remaining
}

// Normalised fills in the defaults and drops what the kind does not have, so that equal policies compare equal.
func (p EdgeDependencyPolicy) Normalised() EdgeDependencyPolicy {
	if p.Kind != AnyOf && p.Kind != Quorum {
		return EdgeDependencyPolicy{Kind: AllOf}
	}
	if p.Kind == AnyOf {
		p.K = 0
	}
	if p.OnSatisfied == "" {
		p.OnSatisfied = CancelRemaining
	}
	return p
}

type edgePolicyJSON struct {
	Kind        EdgePolicyKind `json:"kind"`
	K           *uint32        `json:"k,omitempty"`
	OnSatisfied OnSatisfied    `json:"on_satisfied,omitempty"`
}

// MarshalJSON writes the fields that the kind has.
func (p EdgeDependencyPolicy) MarshalJSON() ([]byte, error) {
	p = p.Normalised()
	wire := edgePolicyJSON{Kind: p.Kind, OnSatisfied: p.OnSatisfied}
	if p.Kind == Quorum {
		wire.K = &p.K
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads a policy and checks it as Validate does.
func (p *EdgeDependencyPolicy) UnmarshalJSON(text []byte) error {
	var wire edgePolicyJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*p = EdgeDependencyPolicy{Kind: wire.Kind, OnSatisfied: wire.OnSatisfied}
	if wire.K != nil {
		p.K = *wire.K
	}
	if err := p.Validate(); err != nil {
		return err
	}
	*p = p.Normalised()
	return nil
}

// DecodeEdgeDependencyPolicy reads a stored policy leniently: an unknown kind, or text that does not parse, is all_of;
// an unknown choice is cancel_remaining; a quorum without a number is one of 1, and none is above 2^31-1.
func DecodeEdgeDependencyPolicy(text []byte) EdgeDependencyPolicy {
	var stored edgePolicyJSON
	if json.Unmarshal(text, &stored) != nil || stored.Kind != AnyOf && stored.Kind != Quorum {
		return EdgeDependencyPolicy{Kind: AllOf}
	}
	p := EdgeDependencyPolicy{Kind: stored.Kind, OnSatisfied: CancelRemaining}
	if stored.OnSatisfied == LetRun {
		p.OnSatisfied = LetRun
	}
	if p.Kind == Quorum {
		p.K = 1
		if stored.K != nil {
			p.K = min(max(1, *stored.K), math.MaxInt32)
		}
	}
	return p
}

// Validate returns what is wrong with the policy: an unknown kind or choice, or a quorum of none or of more than 2^31-1.
func (p EdgeDependencyPolicy) Validate() *Error {
	switch p.Kind {
	case AllOf, "":
		return nil
	case Quorum:
		if p.K == 0 {
			return InvalidField("quorum_k", "must be >= 1")
		}
		if p.K > math.MaxInt32 {
			return InvalidField("quorum_k", "must be <= 2147483647")
		}
	case AnyOf:
	default:
		return InvalidField("policy", "unknown kind %s", string(p.Kind))
	}
	switch p.OnSatisfied {
	case CancelRemaining, LetRun, "":
		return nil
	}
	return InvalidField("on_satisfied", "must be cancel_remaining or let_run")
}

// EdgeGroupState is whether the dependencies of an execution are met.
type EdgeGroupState string

// The group states.
const (
	EdgeGroupPending    EdgeGroupState = "pending"
	EdgeGroupSatisfied  EdgeGroupState = "satisfied"
	EdgeGroupImpossible EdgeGroupState = "impossible"
	EdgeGroupCancelled  EdgeGroupState = "cancelled"
)

// DependencyCounts is how the dependencies of an execution stand. Running also counts those that are staged only.
type DependencyCounts struct {
	Satisfied, Failed, Skipped, Running uint32
}

// Evaluate decides whether the dependencies are met (satisfied), can no longer be met (impossible), or neither.
func (p EdgeDependencyPolicy) Evaluate(counts DependencyCounts) EdgeGroupState {
	satisfied := uint64(counts.Satisfied)
	bad := uint64(counts.Failed) + uint64(counts.Skipped)
	total := satisfied + bad + uint64(counts.Running)
	met, impossible := total > 0 && satisfied == total, bad > 0
	switch p.Kind {
	case AnyOf:
		met, impossible = satisfied >= 1, total > 0 && bad == total
	case Quorum:
		met, impossible = satisfied >= uint64(p.K), total-bad < uint64(p.K)
	case AllOf:
	}
	switch {
	case met:
		return EdgeGroupSatisfied
	case impossible:
		return EdgeGroupImpossible
	}
	return EdgeGroupPending
}
