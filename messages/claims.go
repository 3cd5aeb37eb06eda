package messages

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// MaxClaimLanes is how many lanes one claim may name.
const MaxClaimLanes = 64

// ClaimArgs takes the best claimable execution of one lane, without looking at budgets and quotas.
type ClaimArgs struct {
	LaneID       LaneID        `json:"lane_id"`
	Capabilities CapabilitySet `json:"capabilities,omitempty"`
	Policy       ClaimPolicy   `json:"policy"`
}

// ClaimPolicy says who claims and for how long.
type ClaimPolicy struct {
	WorkerID         WorkerID         `json:"worker_id"`
	WorkerInstanceID WorkerInstanceID `json:"worker_instance_id"`
	LeaseTTL         time.Duration    `json:"lease_ttl_ms"`
	MaxWait          time.Duration    `json:"max_wait_ms,omitempty"` // how long to wait for work; 0: not at all
}

// Validate implements [Validator].
func (a ClaimArgs) Validate() error {
	return firstError(
		a.LaneID.Validate(),
		a.Capabilities.Validate(),
		a.Policy.WorkerID.Validate(),
		a.Policy.WorkerInstanceID.Validate(),
		validateLeaseTTL(a.Policy.LeaseTTL),
		validateDuration("max_wait_ms", a.Policy.MaxWait),
	)
}

// ClaimReply is the reply to [ClaimArgs]; a nil handle means that nothing was claimable.
type ClaimReply struct {
	Handle *Handle `json:"handle,omitempty"`
}

// ClaimNextArgs takes the best claimable execution of the first lane that has one, with its admission to budgets and
// quotas, and does not wait.
type ClaimNextArgs struct {
	Lanes              []LaneID         `json:"lanes"` // 1 to 64, tried in this order
	WorkerID           WorkerID         `json:"worker_id"`
	WorkerInstanceID   WorkerInstanceID `json:"worker_instance_id"`
	WorkerCapabilities CapabilitySet    `json:"worker_capabilities,omitempty"`
	LeaseTTL           time.Duration    `json:"lease_ttl_ms"`
	Kinds              []string         `json:"kinds,omitempty"`              // only these; empty: any
	Namespace          Namespace        `json:"namespace,omitempty"`          // only this one; "": any
	AttemptTimeout     time.Duration    `json:"attempt_timeout_ms,omitempty"` // 0: the policy's
}

// Validate implements [Validator].
func (a ClaimNextArgs) Validate() error {
	return firstError(
		validateLanes(a.Lanes),
		a.WorkerID.Validate(),
		a.WorkerInstanceID.Validate(),
		a.WorkerCapabilities.Validate(),
		validateLeaseTTL(a.LeaseTTL),
		validateKinds(a.Kinds),
		a.validateNamespace(),
		validateDuration("attempt_timeout_ms", a.AttemptTimeout),
	)
}

func (a ClaimNextArgs) validateNamespace() *Error {
	if a.Namespace == "" {
		return nil
	}
	return a.Namespace.Validate()
}

func validateLanes(lanes []LaneID) *Error {
	if len(lanes) == 0 {
		return InvalidField("lanes", mustNotBeEmpty)
	}
	if len(lanes) > MaxClaimLanes {
		return InvalidField("lanes", "more than 64 (%d)", len(lanes))
	}
	for i, lane := range lanes {
		if err := lane.Validate(); err != nil {
			return err
		}
		if slices.Contains(lanes[:i], lane) {
			return InvalidField("lanes", "%q is named twice", string(lane))
		}
	}
	return nil
}

func validateKinds(kinds []string) *Error {
	for _, kind := range kinds {
		if err := validateName("kinds", kind, 0); err != nil {
			return err
		}
	}
	return nil
}

// validateLeaseTTL demands a positive duration. No time.Duration, 292 years at most, makes a time of a clock overflow.
func validateLeaseTTL(ttl time.Duration) *Error {
	if ttl <= 0 {
		return InvalidField("lease_ttl_ms", mustBePositive)
	}
	return nil
}

// validateStoredUint refuses what does not fit a signed column.
func validateStoredUint(field string, n uint64) *Error {
	if n > math.MaxInt64 {
		return InvalidField(field, "exceeds i64::MAX (%d)", n)
	}
	return nil
}

// ClaimWaitArgs is [ClaimNextArgs] that waits for work.
type ClaimWaitArgs struct {
	ClaimNextArgs
	MaxWait time.Duration `json:"max_wait_ms,omitempty"` // 0: until the context ends
}

// Validate implements [Validator].
func (a ClaimWaitArgs) Validate() error {
	if err := a.ClaimNextArgs.Validate(); err != nil {
		return err
	}
	return firstError(validateDuration("max_wait_ms", a.MaxWait))
}

// ClaimNextResultKind is the outcome of a claim.
type ClaimNextResultKind string

// The outcomes of a claim.
const (
	ClaimNextNoWork  ClaimNextResultKind = "no_work"
	ClaimNextClaimed ClaimNextResultKind = "claimed"
)

// ClaimNextResult is what was claimed; Task is nil for no_work.
type ClaimNextResult struct {
	Outcome ClaimNextResultKind
	Task    *ClaimedTask
}

// ClaimedTask is all that a worker needs to run what it claimed.
type ClaimedTask struct {
	Handle            Handle            `json:"handle"`
	ExecutionID       ExecutionID       `json:"execution_id"`
	LaneID            LaneID            `json:"lane_id"`
	Namespace         Namespace         `json:"namespace"`
	ExecutionKind     string            `json:"execution_kind"`
	InputPayload      []byte            `json:"input_payload"`
	PayloadEncoding   string            `json:"payload_encoding,omitempty"`
	Tags              map[string]string `json:"tags,omitempty"`
	Priority          int32             `json:"priority"`
	AttemptIndex      AttemptIndex      `json:"attempt_index"`
	AttemptID         AttemptID         `json:"attempt_id"`
	LeaseID           LeaseID           `json:"lease_id"`
	LeaseEpoch        LeaseEpoch        `json:"lease_epoch"`
	LeaseExpiresAt    TimestampMs       `json:"lease_expires_at"`
	LeaseReclaimCount uint32            `json:"lease_reclaim_count"`
}

// String leaves the payload out, so that a task can be logged.
func (t ClaimedTask) String() string {
	return fmt.Sprintf("%s attempt %d in lane %s", t.ExecutionID, t.AttemptIndex, t.LaneID)
}

// RenewArgs extends the lease of a handle by the TTL that the handle carries.
type RenewArgs struct {
	Handle Handle `json:"handle"`
}

// Validate implements [Validator].
func (a RenewArgs) Validate() error {
	payload, err := openHeld(a.Handle)
	if err != nil {
		return err
	}
	return firstError(validateLeaseTTL(payload.LeaseTTL))
}

// LeaseRenewal is the lease after a renewal.
type LeaseRenewal struct {
	ExpiresAt  TimestampMs `json:"expires_at"`
	LeaseEpoch LeaseEpoch  `json:"lease_epoch"`
}
