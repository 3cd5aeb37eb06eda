package messages

// Kind is the first word on an error: what sort of thing went wrong.
type Kind string

// The kinds.
const (
	KindNotFound           Kind = "not_found"
	KindValidation         Kind = "validation"
	KindContention         Kind = "contention"
	KindConflict           Kind = "conflict"
	KindState              Kind = "state"
	KindBug                Kind = "bug"
	KindTransport          Kind = "transport"
	KindUnavailable        Kind = "unavailable"
	KindResourceExhausted  Kind = "resource_exhausted"
	KindTimeout            Kind = "timeout"
	KindStreamDisconnected Kind = "stream_disconnected"
	KindStreamBackpressure Kind = "stream_backpressure"
)

// Code is the sub-kind of an error.
type Code string

// The codes of kind Validation: an argument is malformed, or stored data cannot be read.
const (
	CodeInvalidInput                 Code = "invalid_input"
	CodeCapabilityMismatch           Code = "capability_mismatch"
	CodeInvalidCapabilities          Code = "invalid_capabilities"
	CodeInvalidPolicyJSON            Code = "invalid_policy_json"
	CodePayloadTooLarge              Code = "payload_too_large"
	CodeSignalLimitExceeded          Code = "signal_limit_exceeded"
	CodeInvalidWaitpointKey          Code = "invalid_waitpoint_key"
	CodeInvalidToken                 Code = "invalid_token"
	CodeWaitpointNotTokenBound       Code = "waitpoint_not_token_bound"
	CodeRetentionLimitExceeded       Code = "retention_limit_exceeded"
	CodeInvalidLeaseForSuspend       Code = "invalid_lease_for_suspend"
	CodeInvalidDependency            Code = "invalid_dependency"
	CodeInvalidWaitpointForExecution Code = "invalid_waitpoint_for_execution"
	CodeInvalidBlockingReason        Code = "invalid_blocking_reason"
	CodeInvalidOffset                Code = "invalid_offset"
	CodeUnauthorized                 Code = "unauthorized"
	CodeInvalidBudgetScope           Code = "invalid_budget_scope"
	CodeBudgetOverrideNotAllowed     Code = "budget_override_not_allowed"
	CodeInvalidQuotaSpec             Code = "invalid_quota_spec"
	CodeInvalidKid                   Code = "invalid_kid"
	CodeInvalidSecretHex             Code = "invalid_secret_hex"
	CodeInvalidGraceMs               Code = "invalid_grace_ms"
	CodeInvalidTagKey                Code = "invalid_tag_key"
	CodeInvalidFrameType             Code = "invalid_frame_type"
	CodeCorruption                   Code = "corruption"
	CodeHandleFromOtherBackend       Code = "handle_from_other_backend"
)

// The codes of kind Contention: somebody else was faster, or the moment is wrong.
const (
	CodeUseClaimResumedExecution        Code = "use_claim_resumed_execution"
	CodeNotAResumedExecution            Code = "not_a_resumed_execution"
	CodeExecutionNotLeaseable           Code = "execution_not_leaseable"
	CodeLeaseConflict                   Code = "lease_conflict"
	CodeInvalidClaimGrant               Code = "invalid_claim_grant"
	CodeClaimGrantExpired               Code = "claim_grant_expired"
	CodeNoEligibleExecution             Code = "no_eligible_execution"
	CodeWaitpointNotFound               Code = "waitpoint_not_found"
	CodeWaitpointPendingUseBufferScript Code = "waitpoint_pending_use_buffer_script"
	CodeStaleGraphRevision              Code = "stale_graph_revision"
	CodeExecutionNotActive              Code = "execution_not_active"
	CodeExecutionNotEligible            Code = "execution_not_eligible"
	CodeExecutionNotInEligibleSet       Code = "execution_not_in_eligible_set"
	CodeExecutionNotReclaimable         Code = "execution_not_reclaimable"
	CodeNoActiveLease                   Code = "no_active_lease"
	CodeRateLimitExceeded               Code = "rate_limit_exceeded"
	CodeConcurrencyLimitExceeded        Code = "concurrency_limit_exceeded"
	CodeRetryExhausted                  Code = "retry_exhausted"
)

// The codes of kind Conflict: what exists contradicts the call.
const (
	CodeDependencyAlreadyExists Code = "dependency_already_exists"
	CodeCycleDetected           Code = "cycle_detected"
	CodeSelfReferencingEdge     Code = "self_referencing_edge"
	CodeExecutionAlreadyInFlow  Code = "execution_already_in_flow"
	CodeWaitpointAlreadyExists  Code = "waitpoint_already_exists"
	CodeBudgetAttachConflict    Code = "budget_attach_conflict"
	CodeQuotaAttachConflict     Code = "quota_attach_conflict"
	CodeRotationConflict        Code = "rotation_conflict"
	CodeActiveAttemptExists     Code = "active_attempt_exists"
)

// The codes of kind State: the call does not fit the state of the entity.
const (
	CodeStaleLease                     Code = "stale_lease"
	CodeLeaseExpired                   Code = "lease_expired"
	CodeLeaseRevoked                   Code = "lease_revoked"
	CodeExecutionNotSuspended          Code = "execution_not_suspended"
	CodeAlreadySuspended               Code = "already_suspended"
	CodeWaitpointClosed                Code = "waitpoint_closed"
	CodeTargetNotSignalable            Code = "target_not_signalable"
	CodeDuplicateSignal                Code = "duplicate_signal"
	CodeResumeConditionNotMet          Code = "resume_condition_not_met"
	CodeWaitpointNotPending            Code = "waitpoint_not_pending"
	CodePendingWaitpointExpired        Code = "pending_waitpoint_expired"
	CodeWaitpointNotOpen               Code = "waitpoint_not_open"
	CodeExecutionNotTerminal           Code = "execution_not_terminal"
	CodeMaxReplaysExhausted            Code = "max_replays_exhausted"
	CodeStreamClosed                   Code = "stream_closed"
	CodeStaleOwnerCannotAppend         Code = "stale_owner_cannot_append"
	CodeGrantAlreadyExists             Code = "grant_already_exists"
	CodeExecutionNotInFlow             Code = "execution_not_in_flow"
	CodeFlowAlreadyTerminal            Code = "flow_already_terminal"
	CodeDepsNotSatisfied               Code = "deps_not_satisfied"
	CodeNotBlockedByDeps               Code = "not_blocked_by_deps"
	CodeNotRunnable                    Code = "not_runnable"
	CodeTerminal                       Code = "terminal"
	CodeBudgetExceeded                 Code = "budget_exceeded"
	CodeBudgetSoftExceeded             Code = "budget_soft_exceeded"
	CodeOkAlreadyApplied               Code = "ok_already_applied"
	CodeAttemptNotStarted              Code = "attempt_not_started"
	CodeAttemptAlreadyTerminal         Code = "attempt_already_terminal"
	CodeExecutionNotEligibleForAttempt Code = "execution_not_eligible_for_attempt"
	CodeReplayNotAllowed               Code = "replay_not_allowed"
	CodeMaxRetriesExhausted            Code = "max_retries_exhausted"
	CodeStreamAlreadyClosed            Code = "stream_already_closed"
	CodeAlreadySatisfied               Code = "already_satisfied"
)

// CodeAttemptNotInCreatedState is the one code of kind Bug.
const CodeAttemptNotInCreatedState Code = "attempt_not_in_created_state"
