package messages

// LifecyclePhase is the main dimension of the state of an execution.
type LifecyclePhase string

// The phases. Submitted and runnable are one phase to every rule: a submitted execution has not been touched yet.
const (
	PhaseSubmitted LifecyclePhase = "submitted"
	PhaseRunnable  LifecyclePhase = "runnable"
	PhaseActive    LifecyclePhase = "active"
	PhaseSuspended LifecyclePhase = "suspended"
	PhaseTerminal  LifecyclePhase = "terminal"
)

// OwnershipState says whether a worker holds the execution.
type OwnershipState string

// The ownership states.
const (
	OwnershipUnowned                 OwnershipState = "unowned"
	OwnershipLeased                  OwnershipState = "leased"
	OwnershipLeaseExpiredReclaimable OwnershipState = "lease_expired_reclaimable"
	OwnershipLeaseRevoked            OwnershipState = "lease_revoked"
)

// EligibilityState says whether an execution that nobody holds may be claimed.
type EligibilityState string

// The eligibility states.
const (
	EligibleNow              EligibilityState = "eligible_now"
	NotEligibleUntilTime     EligibilityState = "not_eligible_until_time"
	BlockedByDependencies    EligibilityState = "blocked_by_dependencies"
	BlockedByBudget          EligibilityState = "blocked_by_budget"
	BlockedByQuota           EligibilityState = "blocked_by_quota"
	BlockedByRoute           EligibilityState = "blocked_by_route"
	BlockedByLaneState       EligibilityState = "blocked_by_lane_state"
	BlockedByOperator        EligibilityState = "blocked_by_operator"
	EligibilityNotApplicable EligibilityState = "not_applicable"
)

// BlockingReason says what an execution waits for.
type BlockingReason string

// The blocking reasons. ReasonNone is stored as NULL.
const (
	ReasonNone                    BlockingReason = "none"
	ReasonWaitingForWorker        BlockingReason = "waiting_for_worker"
	ReasonWaitingForRetryBackoff  BlockingReason = "waiting_for_retry_backoff"
	ReasonWaitingForResumeDelay   BlockingReason = "waiting_for_resume_delay"
	ReasonWaitingForDelay         BlockingReason = "waiting_for_delay"
	ReasonWaitingForSignal        BlockingReason = "waiting_for_signal"
	ReasonWaitingForApproval      BlockingReason = "waiting_for_approval"
	ReasonWaitingForCallback      BlockingReason = "waiting_for_callback"
	ReasonWaitingForToolResult    BlockingReason = "waiting_for_tool_result"
	ReasonWaitingForChildren      BlockingReason = "waiting_for_children"
	ReasonWaitingForBudget        BlockingReason = "waiting_for_budget"
	ReasonWaitingForQuota         BlockingReason = "waiting_for_quota"
	ReasonWaitingForCapableWorker BlockingReason = "waiting_for_capable_worker"
	ReasonWaitingForLocalityMatch BlockingReason = "waiting_for_locality_match"
	ReasonPausedByOperator        BlockingReason = "paused_by_operator"
	ReasonPausedByPolicy          BlockingReason = "paused_by_policy"
	ReasonPausedByFlowCancel      BlockingReason = "paused_by_flow_cancel"
)

// TerminalOutcome says how an execution ended.
type TerminalOutcome string

// The outcomes. OutcomeNone is that of an execution that has not ended.
const (
	OutcomeNone      TerminalOutcome = "none"
	OutcomeSuccess   TerminalOutcome = "success"
	OutcomeFailed    TerminalOutcome = "failed"
	OutcomeCancelled TerminalOutcome = "cancelled"
	OutcomeExpired   TerminalOutcome = "expired"
	OutcomeSkipped   TerminalOutcome = "skipped"
)

// AttemptState is the state of the current attempt as the execution sees it.
type AttemptState string

// The attempt states of an execution.
const (
	AttemptStateNone          AttemptState = "none"
	AttemptStatePendingFirst  AttemptState = "pending_first_attempt"
	AttemptStateRunning       AttemptState = "running_attempt"
	AttemptStateInterrupted   AttemptState = "attempt_interrupted"
	AttemptStatePendingRetry  AttemptState = "pending_retry_attempt"
	AttemptStatePendingReplay AttemptState = "pending_replay_attempt"
	AttemptStateTerminal      AttemptState = "attempt_terminal"
)

// AttemptLifecycle is the state of one attempt by itself.
type AttemptLifecycle string

// The states of an attempt; the last four are terminal.
const (
	AttemptCreated              AttemptLifecycle = "created"
	AttemptStarted              AttemptLifecycle = "started"
	AttemptSuspended            AttemptLifecycle = "suspended"
	AttemptEndedSuccess         AttemptLifecycle = "ended_success"
	AttemptEndedFailure         AttemptLifecycle = "ended_failure"
	AttemptEndedCancelled       AttemptLifecycle = "ended_cancelled"
	AttemptInterruptedReclaimed AttemptLifecycle = "interrupted_reclaimed"
)

// IsTerminal reports whether the attempt is over.
func (s AttemptLifecycle) IsTerminal() bool {
	switch s {
	case AttemptEndedSuccess, AttemptEndedFailure, AttemptEndedCancelled, AttemptInterruptedReclaimed:
		return true
	case AttemptCreated, AttemptStarted, AttemptSuspended:
	}
	return false
}

// AttemptType says why an attempt was created.
type AttemptType string

// The attempt types.
const (
	AttemptInitial  AttemptType = "initial"
	AttemptRetry    AttemptType = "retry"
	AttemptReclaim  AttemptType = "reclaim"
	AttemptReplay   AttemptType = "replay"
	AttemptFallback AttemptType = "fallback"
)

// AttemptOutcome is what is stored of how an attempt ended; "" is NULL, a live or suspended attempt.
type AttemptOutcome string

// The stored attempt outcomes.
const (
	AttemptOutcomeSuccess              AttemptOutcome = "success"
	AttemptOutcomeRetry                AttemptOutcome = "retry"
	AttemptOutcomeFailed               AttemptOutcome = "failed"
	AttemptOutcomeCancelled            AttemptOutcome = "cancelled"
	AttemptOutcomeExpired              AttemptOutcome = "expired"
	AttemptOutcomeSkipped              AttemptOutcome = "skipped"
	AttemptOutcomeSuspended            AttemptOutcome = "attempt_interrupted"
	AttemptOutcomeInterrupted          AttemptOutcome = "interrupted"
	AttemptOutcomeWaitingChildren      AttemptOutcome = "waiting_children"
	AttemptOutcomeInterruptedReclaimed AttemptOutcome = "interrupted_reclaimed"
	AttemptOutcomeLeaseExpired         AttemptOutcome = "lease_expired_reclaimable"
)

// PublicState is the one word for the state of an execution.
type PublicState string

// The public states.
const (
	PublicWaiting         PublicState = "waiting"
	PublicDelayed         PublicState = "delayed"
	PublicRateLimited     PublicState = "rate_limited"
	PublicWaitingChildren PublicState = "waiting_children"
	PublicActive          PublicState = "active"
	PublicSuspended       PublicState = "suspended"
	PublicResumable       PublicState = "resumable"
	PublicCompleted       PublicState = "completed"
	PublicFailed          PublicState = "failed"
	PublicCancelled       PublicState = "cancelled"
	PublicExpired         PublicState = "expired"
	PublicSkipped         PublicState = "skipped"
)

// IsTerminal reports whether the execution has ended.
func (s PublicState) IsTerminal() bool {
	switch s {
	case PublicCompleted, PublicFailed, PublicCancelled, PublicExpired, PublicSkipped:
		return true
	case PublicWaiting, PublicDelayed, PublicRateLimited, PublicWaitingChildren, PublicActive, PublicSuspended,
		PublicResumable:
	}
	return false
}

// Priorities are clamped to this range; larger runs first.
const (
	MinPriority = 0
	MaxPriority = 9000
)
