package messages

// StateVector is the whole state of an execution, in canonical values.
type StateVector struct {
	LifecyclePhase   LifecyclePhase   `json:"lifecycle_phase"`
	OwnershipState   OwnershipState   `json:"ownership_state"`
	EligibilityState EligibilityState `json:"eligibility_state"`
	BlockingReason   BlockingReason   `json:"blocking_reason"`
	TerminalOutcome  TerminalOutcome  `json:"terminal_outcome"`
	AttemptState     AttemptState     `json:"attempt_state"`
	PublicState      PublicState      `json:"public_state"`
}

// DerivePublicState returns the public state that the other columns imply. Corrupt combinations have one, too: a
// terminal execution without an outcome is failed, a runnable one that is not_applicable waits.
func (v StateVector) DerivePublicState() PublicState {
	switch v.LifecyclePhase {
	case PhaseTerminal:
		return v.TerminalOutcome.PublicState()
	case PhaseSuspended:
		return PublicSuspended
	case PhaseActive:
		return PublicActive
	case PhaseSubmitted, PhaseRunnable:
	}
	switch v.EligibilityState {
	case NotEligibleUntilTime:
		return PublicDelayed
	case BlockedByDependencies:
		return PublicWaitingChildren
	case BlockedByBudget, BlockedByQuota:
		return PublicRateLimited
	case EligibleNow, BlockedByRoute, BlockedByLaneState, BlockedByOperator, EligibilityNotApplicable:
	}
	return PublicWaiting
}

// IsConsistent reports whether the public state is the derived one. An execution whose suspension was satisfied may
// also be stored as resumable.
func (v StateVector) IsConsistent() bool {
	return v.PublicState == v.DerivePublicState() || v.PublicState == PublicResumable && v.mayBeResumable()
}

func (v StateVector) mayBeResumable() bool {
	return (v.LifecyclePhase == PhaseRunnable || v.LifecyclePhase == PhaseSubmitted) &&
		v.OwnershipState == OwnershipUnowned &&
		v.EligibilityState == EligibleNow &&
		v.AttemptState == AttemptStateInterrupted
}

// PublicState returns the public state of an execution that ended so; none counts as failed, which makes a corrupt row
// visible.
func (o TerminalOutcome) PublicState() PublicState {
	switch o {
	case OutcomeSuccess:
		return PublicCompleted
	case OutcomeCancelled:
		return PublicCancelled
	case OutcomeExpired:
		return PublicExpired
	case OutcomeSkipped:
		return PublicSkipped
	case OutcomeFailed, OutcomeNone:
	}
	return PublicFailed
}
