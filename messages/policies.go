package messages

import (
	"time"
)

// The defaults of an execution policy.
const (
	DefaultMaxReplayCount         = 10
	DefaultMaxSignalsPerExecution = 10_000
)

// ExecutionPolicy is what the creator of an execution decides about its life. It is stored as JSON. Unset optionals are
// nil or zero; [NewExecutionPolicy] fills the defaults, the bare zero value has zeros.
type ExecutionPolicy struct {
	Priority               int32                `json:"priority"` // informative; CreateExecutionArgs.Priority decides
	DelayUntil             TimestampMs          `json:"delay_until,omitempty"`
	RetryPolicy            *RetryPolicy         `json:"retry_policy,omitempty"`      // nil: none was given
	TimeoutPolicy          *TimeoutPolicy       `json:"timeout_policy,omitempty"`    // nil: no timeouts
	MaxReclaimCount        *uint32              `json:"max_reclaim_count,omitempty"` // nil: the engine's 1,000
	SuspensionPolicy       *SuspensionPolicy    `json:"suspension_policy,omitempty"`
	FallbackPolicy         *FallbackPolicy      `json:"fallback_policy,omitempty"` // carried, not interpreted
	MaxReplayCount         uint32               `json:"max_replay_count"`
	BudgetIDs              []BudgetID           `json:"budget_ids,omitempty"`     // attached at create
	QuotaPolicyID          QuotaPolicyID        `json:"quota_policy_id,omitzero"` // attached at create
	RoutingRequirements    *RoutingRequirements `json:"routing_requirements,omitempty"`
	DedupWindow            time.Duration        `json:"dedup_window_ms,omitempty"` // of the idempotency key; 0: 24 hours
	StreamPolicy           *StreamPolicy        `json:"stream_policy,omitempty"`
	MaxSignalsPerExecution uint32               `json:"max_signals_per_execution"`
}

// NewExecutionPolicy returns the policy that the JSON {} stands for.
func NewExecutionPolicy() *ExecutionPolicy {
	return &ExecutionPolicy{
		MaxReplayCount:         DefaultMaxReplayCount,
		MaxSignalsPerExecution: DefaultMaxSignalsPerExecution,
	}
}

// TimeoutPolicy limits how long an execution may take; zero is no limit.
type TimeoutPolicy struct {
	AttemptTimeout    time.Duration `json:"attempt_timeout_ms,omitempty"`    // of one attempt, from its claim
	ExecutionDeadline time.Duration `json:"execution_deadline_ms,omitempty"` // from create
	MaxReclaimCount   *uint32       `json:"max_reclaim_count,omitempty"`     // used when the policy itself has none
}

// TimeoutBehavior is what happens when a suspension times out.
type TimeoutBehavior string

// The behaviours.
const (
	TimeoutFail       TimeoutBehavior = "fail"
	TimeoutCancel     TimeoutBehavior = "cancel"
	TimeoutExpire     TimeoutBehavior = "expire"
	TimeoutAutoResume TimeoutBehavior = "auto_resume_with_timeout_signal"
	TimeoutEscalate   TimeoutBehavior = "escalate"
)

// SuspensionPolicy is what holds for suspensions that do not say otherwise.
type SuspensionPolicy struct {
	DefaultTimeout  time.Duration   `json:"default_timeout_ms,omitempty"` // 0: none
	TimeoutBehavior TimeoutBehavior `json:"timeout_behavior"`
}

// NewSuspensionPolicy returns the policy that the JSON {} stands for.
func NewSuspensionPolicy() *SuspensionPolicy { return &SuspensionPolicy{TimeoutBehavior: TimeoutFail} }

// FallbackPolicy lists what to try when the first choice fails.
type FallbackPolicy struct {
	Tiers []FallbackTier `json:"tiers,omitempty"`
}

// FallbackTier is one choice.
type FallbackTier struct {
	Provider string        `json:"provider"`
	Model    string        `json:"model"`
	Timeout  time.Duration `json:"timeout_ms,omitempty"` // 0: none
}

// RoutingRequirements says which workers may run an execution.
type RoutingRequirements struct {
	RequiredCapabilities []string `json:"required_capabilities,omitempty"` // a set
	PreferredLocality    string   `json:"preferred_locality,omitempty"`
	IsolationLevel       string   `json:"isolation_level,omitempty"`
}

// The defaults of a stream policy.
const (
	DefaultDurabilityMode  = "buffered"
	DefaultRetentionMaxlen = 10_000
)

// StreamPolicy says how the frames of an execution are kept.
type StreamPolicy struct {
	DurabilityMode  string        `json:"durability_mode"`
	RetentionMaxlen uint64        `json:"retention_maxlen"`
	RetentionTTL    time.Duration `json:"retention_ttl_ms,omitempty"` // 0: none
}

// NewStreamPolicy returns the policy that the JSON {} stands for.
func NewStreamPolicy() *StreamPolicy {
	return &StreamPolicy{DurabilityMode: DefaultDurabilityMode, RetentionMaxlen: DefaultRetentionMaxlen}
}

// requiredCapabilities returns the tokens that the policy demands of a worker, as given.
func (p *ExecutionPolicy) requiredCapabilities() []string {
	if p == nil || p.RoutingRequirements == nil {
		return nil
	}
	return p.RoutingRequirements.RequiredCapabilities
}

// Validate returns what is wrong with the policy: a negative duration, a text that is no UTF-8, or a malformed token
// among the required capabilities. A nil policy is fine.
func (p *ExecutionPolicy) Validate() *Error {
	if p == nil {
		return nil
	}
	err := firstOf(
		p.RetryPolicy.validate(),
		p.TimeoutPolicy.validate(),
		p.SuspensionPolicy.validate(),
		p.FallbackPolicy.validate(),
		validateDuration("dedup_window_ms", p.DedupWindow),
		p.StreamPolicy.validate(),
		p.RoutingRequirements.validate(),
	)
	if err != nil {
		return err
	}
	return validateRequirement(p.requiredCapabilities())
}

func (p *TimeoutPolicy) validate() *Error {
	if p == nil {
		return nil
	}
	return firstOf(
		validateDuration("attempt_timeout_ms", p.AttemptTimeout),
		validateDuration("execution_deadline_ms", p.ExecutionDeadline),
	)
}

func (p *SuspensionPolicy) validate() *Error {
	if p == nil {
		return nil
	}
	return firstOf(
		validateDuration("default_timeout_ms", p.DefaultTimeout),
		validateUTF8("timeout_behavior", string(p.TimeoutBehavior)),
	)
}

func (p *FallbackPolicy) validate() *Error {
	if p == nil {
		return nil
	}
	for _, tier := range p.Tiers {
		err := firstOf(
			validateUTF8("provider", tier.Provider),
			validateUTF8("model", tier.Model),
			validateDuration("timeout_ms", tier.Timeout),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *StreamPolicy) validate() *Error {
	if p == nil {
		return nil
	}
	return firstOf(
		validateUTF8("durability_mode", p.DurabilityMode),
		validateDuration("retention_ttl_ms", p.RetentionTTL),
	)
}

func (r *RoutingRequirements) validate() *Error {
	if r == nil {
		return nil
	}
	return firstOf(
		validateUTF8("preferred_locality", r.PreferredLocality),
		validateUTF8("isolation_level", r.IsolationLevel),
	)
}

func validateDuration(field string, d time.Duration) *Error {
	if d < 0 {
		return InvalidField(field, mustNotBeNegative)
	}
	return nil
}
