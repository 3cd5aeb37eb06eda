package messages

// The errors below are for errors.Is: each matches every [*Error] of its kind, its entity or its code. A kind, and
// NotFound with an entity, come first.
var (
	ErrNotFound           error = &Error{Kind: KindNotFound}
	ErrValidation         error = &Error{Kind: KindValidation}
	ErrContention         error = &Error{Kind: KindContention}
	ErrConflict           error = &Error{Kind: KindConflict}
	ErrState              error = &Error{Kind: KindState}
	ErrBug                error = &Error{Kind: KindBug}
	ErrTransport          error = &Error{Kind: KindTransport}
	ErrUnavailable        error = &Error{Kind: KindUnavailable}
	ErrResourceExhausted  error = &Error{Kind: KindResourceExhausted}
	ErrTimeout            error = &Error{Kind: KindTimeout}
	ErrStreamDisconnected error = &Error{Kind: KindStreamDisconnected}
	ErrStreamBackpressure error = &Error{Kind: KindStreamBackpressure}

	ErrExecutionNotFound   error = &Error{Kind: KindNotFound, Entity: "execution"}
	ErrFlowNotFound        error = &Error{Kind: KindNotFound, Entity: "flow"}
	ErrAttemptNotFound     error = &Error{Kind: KindNotFound, Entity: "attempt"}
	ErrEdgeNotFound        error = &Error{Kind: KindNotFound, Entity: "edge"}
	ErrBudgetNotFound      error = &Error{Kind: KindNotFound, Entity: "budget"}
	ErrQuotaPolicyNotFound error = &Error{Kind: KindNotFound, Entity: "quota_policy"}
	ErrStreamNotFound      error = &Error{Kind: KindNotFound, Entity: "stream"}
	ErrWaitpointNotFound   error = &Error{Kind: KindNotFound, Entity: "waitpoint"}
	ErrSuspensionNotFound  error = &Error{Kind: KindNotFound, Entity: "suspension"}
	ErrWorkerNotFound      error = &Error{Kind: KindNotFound, Entity: "worker"}
)

// The sentinels of the codes of kind Validation.
var (
	ErrInvalidInput                 error = &Error{Kind: KindValidation, Code: CodeInvalidInput}
	ErrCapabilityMismatch           error = &Error{Kind: KindValidation, Code: CodeCapabilityMismatch}
	ErrInvalidCapabilities          error = &Error{Kind: KindValidation, Code: CodeInvalidCapabilities}
	ErrInvalidPolicyJSON            error = &Error{Kind: KindValidation, Code: CodeInvalidPolicyJSON}
	ErrPayloadTooLarge              error = &Error{Kind: KindValidation, Code: CodePayloadTooLarge}
	ErrSignalLimitExceeded          error = &Error{Kind: KindValidation, Code: CodeSignalLimitExceeded}
	ErrInvalidWaitpointKey          error = &Error{Kind: KindValidation, Code: CodeInvalidWaitpointKey}
	ErrInvalidToken                 error = &Error{Kind: KindValidation, Code: CodeInvalidToken}
	ErrWaitpointNotTokenBound       error = &Error{Kind: KindValidation, Code: CodeWaitpointNotTokenBound}
	ErrRetentionLimitExceeded       error = &Error{Kind: KindValidation, Code: CodeRetentionLimitExceeded}
	ErrInvalidLeaseForSuspend       error = &Error{Kind: KindValidation, Code: CodeInvalidLeaseForSuspend}
	ErrInvalidDependency            error = &Error{Kind: KindValidation, Code: CodeInvalidDependency}
	ErrInvalidWaitpointForExecution error = &Error{Kind: KindValidation, Code: CodeInvalidWaitpointForExecution}
	ErrInvalidBlockingReason        error = &Error{Kind: KindValidation, Code: CodeInvalidBlockingReason}
	ErrInvalidOffset                error = &Error{Kind: KindValidation, Code: CodeInvalidOffset}
	ErrUnauthorized                 error = &Error{Kind: KindValidation, Code: CodeUnauthorized}
	ErrInvalidBudgetScope           error = &Error{Kind: KindValidation, Code: CodeInvalidBudgetScope}
	ErrBudgetOverrideNotAllowed     error = &Error{Kind: KindValidation, Code: CodeBudgetOverrideNotAllowed}
	ErrInvalidQuotaSpec             error = &Error{Kind: KindValidation, Code: CodeInvalidQuotaSpec}
	ErrInvalidKid                   error = &Error{Kind: KindValidation, Code: CodeInvalidKid}
	ErrInvalidSecretHex             error = &Error{Kind: KindValidation, Code: CodeInvalidSecretHex}
	ErrInvalidGraceMs               error = &Error{Kind: KindValidation, Code: CodeInvalidGraceMs}
	ErrInvalidTagKey                error = &Error{Kind: KindValidation, Code: CodeInvalidTagKey}
	ErrInvalidFrameType             error = &Error{Kind: KindValidation, Code: CodeInvalidFrameType}
	ErrCorruption                   error = &Error{Kind: KindValidation, Code: CodeCorruption}
	ErrHandleFromOtherBackend       error = &Error{Kind: KindValidation, Code: CodeHandleFromOtherBackend}
)

// The sentinels of the codes of kind Contention.
var (
	ErrUseClaimResumedExecution        error = &Error{Kind: KindContention, Code: CodeUseClaimResumedExecution}
	ErrNotAResumedExecution            error = &Error{Kind: KindContention, Code: CodeNotAResumedExecution}
	ErrExecutionNotLeaseable           error = &Error{Kind: KindContention, Code: CodeExecutionNotLeaseable}
	ErrLeaseConflict                   error = &Error{Kind: KindContention, Code: CodeLeaseConflict}
	ErrInvalidClaimGrant               error = &Error{Kind: KindContention, Code: CodeInvalidClaimGrant}
	ErrClaimGrantExpired               error = &Error{Kind: KindContention, Code: CodeClaimGrantExpired}
	ErrNoEligibleExecution             error = &Error{Kind: KindContention, Code: CodeNoEligibleExecution}
	ErrContentionWaitpointNotFound     error = &Error{Kind: KindContention, Code: CodeWaitpointNotFound}
	ErrWaitpointPendingUseBufferScript error = &Error{Kind: KindContention, Code: CodeWaitpointPendingUseBufferScript}
	ErrStaleGraphRevision              error = &Error{Kind: KindContention, Code: CodeStaleGraphRevision}
	ErrExecutionNotActive              error = &Error{Kind: KindContention, Code: CodeExecutionNotActive}
	ErrExecutionNotEligible            error = &Error{Kind: KindContention, Code: CodeExecutionNotEligible}
	ErrExecutionNotInEligibleSet       error = &Error{Kind: KindContention, Code: CodeExecutionNotInEligibleSet}
	ErrExecutionNotReclaimable         error = &Error{Kind: KindContention, Code: CodeExecutionNotReclaimable}
	ErrNoActiveLease                   error = &Error{Kind: KindContention, Code: CodeNoActiveLease}
	ErrRateLimitExceeded               error = &Error{Kind: KindContention, Code: CodeRateLimitExceeded}
	ErrConcurrencyLimitExceeded        error = &Error{Kind: KindContention, Code: CodeConcurrencyLimitExceeded}
	ErrRetryExhausted                  error = &Error{Kind: KindContention, Code: CodeRetryExhausted}
)

// The sentinels of the codes of kind Conflict.
var (
	ErrDependencyAlreadyExists error = &Error{Kind: KindConflict, Code: CodeDependencyAlreadyExists}
	ErrCycleDetected           error = &Error{Kind: KindConflict, Code: CodeCycleDetected}
	ErrSelfReferencingEdge     error = &Error{Kind: KindConflict, Code: CodeSelfReferencingEdge}
	ErrExecutionAlreadyInFlow  error = &Error{Kind: KindConflict, Code: CodeExecutionAlreadyInFlow}
	ErrWaitpointAlreadyExists  error = &Error{Kind: KindConflict, Code: CodeWaitpointAlreadyExists}
	ErrBudgetAttachConflict    error = &Error{Kind: KindConflict, Code: CodeBudgetAttachConflict}
	ErrQuotaAttachConflict     error = &Error{Kind: KindConflict, Code: CodeQuotaAttachConflict}
	ErrRotationConflict        error = &Error{Kind: KindConflict, Code: CodeRotationConflict}
	ErrActiveAttemptExists     error = &Error{Kind: KindConflict, Code: CodeActiveAttemptExists}
)

// The sentinels of the codes of kind State.
var (
	ErrStaleLease                     error = &Error{Kind: KindState, Code: CodeStaleLease}
	ErrLeaseExpired                   error = &Error{Kind: KindState, Code: CodeLeaseExpired}
	ErrLeaseRevoked                   error = &Error{Kind: KindState, Code: CodeLeaseRevoked}
	ErrExecutionNotSuspended          error = &Error{Kind: KindState, Code: CodeExecutionNotSuspended}
	ErrAlreadySuspended               error = &Error{Kind: KindState, Code: CodeAlreadySuspended}
	ErrWaitpointClosed                error = &Error{Kind: KindState, Code: CodeWaitpointClosed}
	ErrTargetNotSignalable            error = &Error{Kind: KindState, Code: CodeTargetNotSignalable}
	ErrDuplicateSignal                error = &Error{Kind: KindState, Code: CodeDuplicateSignal}
	ErrResumeConditionNotMet          error = &Error{Kind: KindState, Code: CodeResumeConditionNotMet}
	ErrWaitpointNotPending            error = &Error{Kind: KindState, Code: CodeWaitpointNotPending}
	ErrPendingWaitpointExpired        error = &Error{Kind: KindState, Code: CodePendingWaitpointExpired}
	ErrWaitpointNotOpen               error = &Error{Kind: KindState, Code: CodeWaitpointNotOpen}
	ErrExecutionNotTerminal           error = &Error{Kind: KindState, Code: CodeExecutionNotTerminal}
	ErrMaxReplaysExhausted            error = &Error{Kind: KindState, Code: CodeMaxReplaysExhausted}
	ErrStreamClosed                   error = &Error{Kind: KindState, Code: CodeStreamClosed}
	ErrStaleOwnerCannotAppend         error = &Error{Kind: KindState, Code: CodeStaleOwnerCannotAppend}
	ErrGrantAlreadyExists             error = &Error{Kind: KindState, Code: CodeGrantAlreadyExists}
	ErrExecutionNotInFlow             error = &Error{Kind: KindState, Code: CodeExecutionNotInFlow}
	ErrFlowAlreadyTerminal            error = &Error{Kind: KindState, Code: CodeFlowAlreadyTerminal}
	ErrDepsNotSatisfied               error = &Error{Kind: KindState, Code: CodeDepsNotSatisfied}
	ErrNotBlockedByDeps               error = &Error{Kind: KindState, Code: CodeNotBlockedByDeps}
	ErrNotRunnable                    error = &Error{Kind: KindState, Code: CodeNotRunnable}
	ErrTerminal                       error = &Error{Kind: KindState, Code: CodeTerminal}
	ErrBudgetExceeded                 error = &Error{Kind: KindState, Code: CodeBudgetExceeded}
	ErrBudgetSoftExceeded             error = &Error{Kind: KindState, Code: CodeBudgetSoftExceeded}
	ErrOkAlreadyApplied               error = &Error{Kind: KindState, Code: CodeOkAlreadyApplied}
	ErrAttemptNotStarted              error = &Error{Kind: KindState, Code: CodeAttemptNotStarted}
	ErrAttemptAlreadyTerminal         error = &Error{Kind: KindState, Code: CodeAttemptAlreadyTerminal}
	ErrExecutionNotEligibleForAttempt error = &Error{Kind: KindState, Code: CodeExecutionNotEligibleForAttempt}
	ErrReplayNotAllowed               error = &Error{Kind: KindState, Code: CodeReplayNotAllowed}
	ErrMaxRetriesExhausted            error = &Error{Kind: KindState, Code: CodeMaxRetriesExhausted}
	ErrStreamAlreadyClosed            error = &Error{Kind: KindState, Code: CodeStreamAlreadyClosed}
	ErrAlreadySatisfied               error = &Error{Kind: KindState, Code: CodeAlreadySatisfied}
)

// ErrAttemptNotInCreatedState is the sentinel of the one code of kind Bug.
var ErrAttemptNotInCreatedState error = &Error{Kind: KindBug, Code: CodeAttemptNotInCreatedState}
