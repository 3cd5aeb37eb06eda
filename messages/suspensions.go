package messages

import (
	"slices"
	"time"
)

// The texts that stand for "no signal" where the names of the awaited signals are listed. No signal may have such a
// name.
const (
	SignalNameOperatorOnly = "__operator_only__"
	SignalNameTimeoutOnly  = "__timeout_only__"
)

// suspendClockTolerance is how far in the past a timeout may lie, in milliseconds. Such a suspension is due at once.
const suspendClockTolerance = 600_000

// SuspensionReasonCode says why an execution is suspended.
type SuspensionReasonCode string

// The reasons.
const (
	SuspendedForSignal         SuspensionReasonCode = "waiting_for_signal"
	SuspendedForApproval       SuspensionReasonCode = "waiting_for_approval"
	SuspendedForCallback       SuspensionReasonCode = "waiting_for_callback"
	SuspendedForToolResult     SuspensionReasonCode = "waiting_for_tool_result"
	SuspendedForOperatorReview SuspensionReasonCode = "waiting_for_operator_review"
	SuspendedByPolicy          SuspensionReasonCode = "paused_by_policy"
	SuspendedByBudget          SuspensionReasonCode = "paused_by_budget"
	SuspendedAtStepBoundary    SuspensionReasonCode = "step_boundary"
	SuspendedManually          SuspensionReasonCode = "manual_pause"
)

// BlockingReason returns what an execution that is suspended so is waiting for. Texts of other programs count as
// waiting for a signal.
func (r SuspensionReasonCode) BlockingReason() BlockingReason {
	switch r {
	case SuspendedForApproval, SuspendedForCallback, SuspendedForToolResult, SuspendedByPolicy:
		return BlockingReason(r)
	case SuspendedForOperatorReview, SuspendedManually:
		return ReasonPausedByOperator
	case SuspendedByBudget:
		return ReasonWaitingForBudget
	case SuspendedForSignal, SuspendedAtStepBoundary:
	}
	return ReasonWaitingForSignal
}

func (r SuspensionReasonCode) validate() *Error {
	switch r {
	case SuspendedForSignal, SuspendedForApproval, SuspendedForCallback, SuspendedForToolResult,
		SuspendedForOperatorReview, SuspendedByPolicy, SuspendedByBudget, SuspendedAtStepBoundary, SuspendedManually:
		return nil
	}
	return InvalidField("reason_code", "unknown reason %q", string(r))
}

// SuspensionRequester says who suspends.
type SuspensionRequester string

// The requesters. The zero value means RequestedByWorker.
const (
	RequestedByWorker        SuspensionRequester = "worker"
	RequestedByOperator      SuspensionRequester = "operator"
	RequestedByPolicy        SuspensionRequester = "policy"
	RequestedByTimeoutPolicy SuspensionRequester = "system_timeout_policy"
)

func (r SuspensionRequester) validate() *Error {
	switch r {
	case RequestedByWorker, RequestedByOperator, RequestedByPolicy, RequestedByTimeoutPolicy, "":
		return nil
	}
	return InvalidField("requested_by", "unknown requester %q", string(r))
}

// DecodeTimeoutBehavior reads a stored behaviour leniently: auto_resume is short for the fourth, and what is missing or
// unknown is fail.
func DecodeTimeoutBehavior(raw string) TimeoutBehavior {
	switch b := TimeoutBehavior(raw); b {
	case TimeoutCancel, TimeoutExpire, TimeoutAutoResume, TimeoutEscalate:
		return b
	case "auto_resume":
		return TimeoutAutoResume
	case TimeoutFail:
	}
	return TimeoutFail
}

func (b TimeoutBehavior) validate() *Error {
	switch b {
	case TimeoutFail, TimeoutCancel, TimeoutExpire, TimeoutAutoResume, TimeoutEscalate, "":
		return nil
	}
	return InvalidField("timeout_behavior", "unknown behavior %q", string(b))
}

// ResumeTarget is where a resumed execution goes.
type ResumeTarget string

// ResumeToRunnable is the only target.
const ResumeToRunnable ResumeTarget = "Runnable"

// ResumePolicy says how a suspended execution goes on. The zero value stands for [NormalResumePolicy].
type ResumePolicy struct {
	ResumeTarget                  ResumeTarget  `json:"resume_target"`
	ConsumeMatchedSignals         bool          `json:"consume_matched_signals"`           // stored only
	RetainSignalBufferUntilClosed bool          `json:"retain_signal_buffer_until_closed"` // stored only
	ResumeDelay                   time.Duration `json:"resume_delay_ms,omitempty"`         // between the last signal and the next claim
	CloseWaitpointOnResume        bool          `json:"close_waitpoint_on_resume"`         // stored only: they always close
}

// NormalResumePolicy resumes at once.
func NormalResumePolicy() ResumePolicy {
	return ResumePolicy{ResumeTarget: ResumeToRunnable, ConsumeMatchedSignals: true, CloseWaitpointOnResume: true}
}

func (p ResumePolicy) validate() *Error {
	if p != (ResumePolicy{}) && p.ResumeTarget != ResumeToRunnable {
		return InvalidField("resume_target", "unknown target %q", string(p.ResumeTarget))
	}
	return validateDuration("resume_delay_ms", p.ResumeDelay)
}

// WaitpointBinding is one place at which a suspension takes signals: a fresh waitpoint under the caller's id and key,
// or one that was created before.
type WaitpointBinding struct {
	UsePending   bool
	WaitpointID  WaitpointID
	WaitpointKey string // of a fresh one; a pending one has its own
}

// NewFreshBinding mints a waitpoint with the key "wpk:<id>".
func NewFreshBinding() WaitpointBinding {
	id := NewWaitpointID()
	return WaitpointBinding{WaitpointID: id, WaitpointKey: "wpk:" + id.String()}
}

// SuspendIdempotencyKey names one suspend call, 256 bytes at most; "" names none.
type SuspendIdempotencyKey string

// Validate returns what is wrong with the key, nil when it is fine.
func (k SuspendIdempotencyKey) Validate() *Error {
	const field = "idempotency_key"
	return firstOf(validateLength(field, string(k), 0), validateUTF8(field, string(k)))
}

// SuspendArgs parks an attempt until a condition holds.
type SuspendArgs struct {
	SuspensionID                SuspensionID          `json:"suspension_id"`
	Waitpoints                  []WaitpointBinding    `json:"waitpoints"` // one at least; the first is the primary
	ResumeCondition             ResumeCondition       `json:"resume_condition"`
	ResumePolicy                ResumePolicy          `json:"resume_policy,omitzero"`
	ReasonCode                  SuspensionReasonCode  `json:"reason_code"`
	RequestedBy                 SuspensionRequester   `json:"requested_by,omitempty"`
	TimeoutAt                   TimestampMs           `json:"timeout_at,omitempty"` // 0: none
	TimeoutBehavior             TimeoutBehavior       `json:"timeout_behavior,omitempty"`
	ContinuationMetadataPointer string                `json:"continuation_metadata_pointer,omitempty"` // stored
	IdempotencyKey              SuspendIdempotencyKey `json:"idempotency_key,omitempty"`
	Now                         TimestampMs           `json:"now,omitempty"` // 0: the engine's clock
}

// Validate makes the checks that need no database, in order: the bindings, what the condition says about them, the
// timeout as of now, the structure of the condition, and then the other fields. Every error is Validation,
// invalid_input. That every key of the condition has a binding is for [SuspendArgs.ValidateBound].
func (a SuspendArgs) Validate(now TimestampMs) error {
	return firstError(
		a.validateBindings(),
		a.validateTimeout(now),
		a.ResumeCondition.ValidateComposite(),
		a.ResumePolicy.validate(),
		a.ReasonCode.validate(),
		a.RequestedBy.validate(),
		a.TimeoutBehavior.validate(),
		a.validateTexts(),
	)
}

func (a SuspendArgs) validateBindings() *Error {
	if len(a.Waitpoints) == 0 {
		return ValidationError(CodeInvalidInput, "waitpoints_empty: suspend requires at least one waitpoint binding")
	}
	primary := a.Waitpoints[0]
	if !primary.UsePending && a.ResumeCondition.Kind == ConditionSingle &&
		primary.WaitpointKey != a.ResumeCondition.WaitpointKey {
		return ValidationError(CodeInvalidInput, "waitpoint_key_mismatch")
	}
	for i, binding := range a.Waitpoints {
		if !binding.UsePending && binding.WaitpointKey == "" {
			return ValidationErrorf(CodeInvalidInput, "waitpoint_binding_empty_key at waitpoints[%d]", i)
		}
	}
	for i, binding := range a.Waitpoints {
		if slices.ContainsFunc(a.Waitpoints[:i], binding.collides) {
			return ValidationErrorf(CodeInvalidInput, "duplicate_waitpoint_binding at waitpoints[%d]", i)
		}
	}
	return nil
}

// collides reports whether two bindings share an id, or two fresh ones a key.
func (b WaitpointBinding) collides(other WaitpointBinding) bool {
	return b.WaitpointID == other.WaitpointID ||
		!b.UsePending && !other.UsePending && b.WaitpointKey == other.WaitpointKey
}

func (a SuspendArgs) validateTimeout(now TimestampMs) *Error {
	switch {
	case a.ResumeCondition.Kind == ConditionTimeoutOnly && a.TimeoutAt == 0:
		return ValidationError(CodeInvalidInput, "timeout_only_without_deadline")
	case a.ResumeCondition.hasEmptyName():
		return InvalidField("resume_condition", "empty signal name (use Wildcard instead)")
	case a.TimeoutAt != 0 && a.TimeoutAt < now-suspendClockTolerance:
		return ValidationError(CodeInvalidInput, "timeout_at_in_past")
	}
	return nil
}

func (a SuspendArgs) validateTexts() *Error {
	for _, binding := range a.Waitpoints {
		if err := validateName("waitpoint_key", binding.WaitpointKey, 0); err != nil {
			return err
		}
	}
	return firstOf(
		validateUTF8("continuation_metadata_pointer", a.ContinuationMetadataPointer),
		a.IdempotencyKey.Validate(),
	)
}

// ValidateBound checks that every key which the condition names is among the keys that are bound. A suspension with one
// binding is exempt. The keys of pending waitpoints must be read first, so Validate cannot make this check.
func (a SuspendArgs) ValidateBound(bound []string) error {
	if len(a.Waitpoints) < 2 {
		return nil
	}
	for _, key := range a.ResumeCondition.ReferencedWaitpointKeys() {
		if !slices.Contains(bound, key) {
			return ValidationError(CodeInvalidInput, "referenced_waitpoint_key_missing_binding: "+key)
		}
	}
	return nil
}

// The bounds of how long the result of a suspend call is kept for repetitions, in milliseconds.
const (
	suspendDedupMargin = 60_000
	suspendDedupMost   = 604_800_000
)

// DedupTTL returns how long the result is kept for a repetition with the same key: a minute past the timeout, a week
// at most and without a timeout.
func (a SuspendArgs) DedupTTL(now TimestampMs) time.Duration {
	ms := int64(suspendDedupMost)
	if a.TimeoutAt != 0 {
		ms = min(ms, max(int64(a.TimeoutAt-now), 0)+suspendDedupMargin)
	}
	return time.Duration(ms) * time.Millisecond
}

// SuspendOutcomeKind is the outcome of a suspend call.
type SuspendOutcomeKind string

// The outcomes.
const (
	SuspendSuspended        SuspendOutcomeKind = "suspended"
	SuspendAlreadySatisfied SuspendOutcomeKind = "already_satisfied" // the attempt goes on, under its old handle
)

// SuspendOutcome is the suspension. Handle belongs to suspended: it serves to observe the signals, and nothing else.
type SuspendOutcome struct {
	Outcome SuspendOutcomeKind
	Details SuspendDetails
	Handle  *Handle
}

// SuspendDetails is the primary waitpoint of a suspension, and the others in the order of the arguments.
type SuspendDetails struct {
	SuspensionID         SuspensionID          `json:"suspension_id"`
	WaitpointID          WaitpointID           `json:"waitpoint_id"`
	WaitpointKey         string                `json:"waitpoint_key"`
	WaitpointToken       WaitpointToken        `json:"waitpoint_token"`
	AdditionalWaitpoints []AdditionalWaitpoint `json:"additional_waitpoints,omitempty"`
}

// AdditionalWaitpoint is a waitpoint beside the primary one.
type AdditionalWaitpoint struct {
	WaitpointID    WaitpointID    `json:"waitpoint_id"`
	WaitpointKey   string         `json:"waitpoint_key"`
	WaitpointToken WaitpointToken `json:"waitpoint_token"`
}
