package messages

// The functions below read what is stored in a state column. Besides the canonical texts they know the literals that
// the engine itself stores (attempt_state pending, lifecycle_phase cancelled) and those that other writers left. For
// any other text ok is false; [UnknownValueError] is the error to report then.

// NormalizePhase reads lifecycle_phase.
func NormalizePhase(raw string) (phase LifecyclePhase, ok bool) {
	switch raw {
	case "submitted":
		return PhaseSubmitted, true
	case "runnable", "pending", "eligible", "blocked":
		return PhaseRunnable, true
	case "active":
		return PhaseActive, true
	case "suspended":
		return PhaseSuspended, true
	case "terminal", "cancelled", "completed", "failed", "expired":
		return PhaseTerminal, true
	}
	return "", false
}

// NormalizeOwnership reads ownership_state.
func NormalizeOwnership(raw string) (state OwnershipState, ok bool) {
	switch state := OwnershipState(raw); state {
	case OwnershipUnowned, OwnershipLeased, OwnershipLeaseExpiredReclaimable, OwnershipLeaseRevoked:
		return state, true
	case "released":
		return OwnershipUnowned, true
	}
	return "", false
}

// NormalizeEligibility reads eligibility_state.
func NormalizeEligibility(raw string) (state EligibilityState, ok bool) {
	switch state := EligibilityState(raw); state {
	case EligibleNow, NotEligibleUntilTime, BlockedByDependencies, BlockedByBudget, BlockedByQuota, BlockedByRoute,
		BlockedByLaneState, BlockedByOperator, EligibilityNotApplicable:
		return state, true
	case "pending_claim":
		return EligibleNow, true
	case "cancelled":
		return EligibilityNotApplicable, true
	}
	return "", false
}

// NormalizeBlockingReason reads blocking_reason; "" stands for NULL.
func NormalizeBlockingReason(raw string) (reason BlockingReason, ok bool) {
	switch reason := BlockingReason(raw); reason {
	case "":
		return ReasonNone, true
	case ReasonNone, ReasonWaitingForWorker, ReasonWaitingForRetryBackoff, ReasonWaitingForResumeDelay,
		ReasonWaitingForDelay, ReasonWaitingForSignal, ReasonWaitingForApproval, ReasonWaitingForCallback,
		ReasonWaitingForToolResult, ReasonWaitingForChildren, ReasonWaitingForBudget, ReasonWaitingForQuota,
		ReasonWaitingForCapableWorker, ReasonWaitingForLocalityMatch, ReasonPausedByOperator, ReasonPausedByPolicy,
		ReasonPausedByFlowCancel:
		return reason, true
	}
	return "", false
}

// NormalizeTerminalOutcome reads the stamped terminal outcome; "" stands for a missing one.
func NormalizeTerminalOutcome(raw string) (outcome TerminalOutcome, ok bool) {
	switch outcome := TerminalOutcome(raw); outcome {
	case OutcomeNone, OutcomeSuccess, OutcomeFailed, OutcomeCancelled, OutcomeExpired, OutcomeSkipped:
		return outcome, true
	case "":
		return OutcomeNone, true
	case "failure":
		return OutcomeFailed, true
	case "completed":
		return OutcomeSuccess, true
	}
	return "", false
}

// NormalizeAttemptState reads attempt_state.
func NormalizeAttemptState(raw string) (state AttemptState, ok bool) {
	switch state := AttemptState(raw); state {
	case AttemptStateNone, AttemptStatePendingFirst, AttemptStateRunning, AttemptStateInterrupted,
		AttemptStatePendingRetry, AttemptStatePendingReplay, AttemptStateTerminal:
		return state, true
	case "pending", "pending_claim", "initial":
		return AttemptStatePendingFirst, true
	case "running":
		return AttemptStateRunning, true
	case "cancelled", "terminal_failed":
		return AttemptStateTerminal, true
	}
	return "", false
}

// NormalizePublicState reads public_state.
func NormalizePublicState(raw string) (state PublicState, ok bool) {
	switch state := PublicState(raw); state {
	case PublicWaiting, PublicDelayed, PublicRateLimited, PublicWaitingChildren, PublicActive, PublicSuspended,
		PublicResumable, PublicCompleted, PublicFailed, PublicCancelled, PublicExpired, PublicSkipped:
		return state, true
	case "running", "claimed":
		return PublicActive, true
	case "pending", "eligible":
		return PublicWaiting, true
	}
	return "", false
}

// NormalizeAttemptOutcome reads the outcome of an attempt; "" stands for NULL and stays "".
func NormalizeAttemptOutcome(raw string) (outcome AttemptOutcome, ok bool) {
	switch outcome := AttemptOutcome(raw); outcome {
	case "", AttemptOutcomeSuccess, AttemptOutcomeRetry, AttemptOutcomeFailed, AttemptOutcomeCancelled,
		AttemptOutcomeExpired, AttemptOutcomeSkipped, AttemptOutcomeSuspended, AttemptOutcomeInterrupted,
		AttemptOutcomeWaitingChildren, AttemptOutcomeInterruptedReclaimed, AttemptOutcomeLeaseExpired:
		return outcome, true
	case "failure":
		return AttemptOutcomeFailed, true
	case "completed":
		return AttemptOutcomeSuccess, true
	}
	return "", false
}

// UnknownValueError is the corruption of a state column of ff_exec_core that holds no known text.
func UnknownValueError(column, raw string) *Error {
	return CorruptionError("exec_core", "%s: '%s' is not a known value", column, raw)
}
