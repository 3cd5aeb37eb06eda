package messages

import (
	"encoding/json"
	"time"
)

// The calls of this file name a lease by its fence instead of by a handle: for workers in other processes, and for
// operators, who may leave the fence out.

// LeaseFence names one term of ownership by the three values that its holder knows. It is all or nothing.
type LeaseFence struct {
	LeaseID    LeaseID    `json:"lease_id"`
	LeaseEpoch LeaseEpoch `json:"lease_epoch"`
	AttemptID  AttemptID  `json:"attempt_id"`
}

// Validate returns what is wrong with the fence, nil when it is fine.
func (f LeaseFence) Validate() *Error {
	if f.LeaseID.IsZero() || f.AttemptID.IsZero() {
		return ValidationError(CodeInvalidInput, "partial_fence_triple")
	}
	return validateStoredUint("lease_epoch", uint64(f.LeaseEpoch))
}

var errFenceRequired = ValidationError(CodeInvalidInput, "fence_required")

// validateFence demands a fence of everybody but an operator.
func validateFence(fence *LeaseFence, source CancelSource) *Error {
	switch {
	case fence != nil:
		return fence.Validate()
	case source.String() != string(SourceOperatorOverride):
		return errFenceRequired
	}
	return nil
}

// DefaultLeaseHistoryGrace is the LeaseHistoryGrace of arguments that leave it out.
const DefaultLeaseHistoryGrace = time.Minute

// RenewLeaseArgs extends the lease that the fence names to LeaseTTL from now.
type RenewLeaseArgs struct {
	ExecutionID       ExecutionID   `json:"execution_id"`
	AttemptIndex      AttemptIndex  `json:"attempt_index"`
	Fence             *LeaseFence   `json:"fence,omitempty"` // required
	LeaseTTL          time.Duration `json:"lease_ttl_ms"`
	LeaseHistoryGrace time.Duration `json:"lease_history_grace_ms,omitempty"` // taken and not used; 0: a minute
}

// Validate implements [Validator].
func (a RenewLeaseArgs) Validate() error {
	return firstError(
		validateExecutionID("execution_id", a.ExecutionID),
		validateFence(a.Fence, SourceLeaseHolder),
		validateLeaseTTL(a.LeaseTTL),
		validateDuration("lease_history_grace_ms", a.LeaseHistoryGrace),
	)
}

// RenewLeaseResultKind is the outcome of renewing a lease.
type RenewLeaseResultKind string

// RenewLeaseRenewed is the only outcome.
const RenewLeaseRenewed RenewLeaseResultKind = "renewed"

// RenewLeaseResult tells until when the lease is held now.
type RenewLeaseResult struct {
	Outcome   RenewLeaseResultKind
	ExpiresAt TimestampMs
}

// CompleteExecutionArgs ends an execution with success, by its holder or for an operator.
type CompleteExecutionArgs struct {
	ExecutionID    ExecutionID  `json:"execution_id"`
	Fence          *LeaseFence  `json:"fence,omitempty"` // nil only for an operator
	AttemptIndex   AttemptIndex `json:"attempt_index"`
	ResultPayload  []byte       `json:"result_payload,omitzero"` // nil: no result; empty: an empty result
	ResultEncoding string       `json:"result_encoding,omitempty"`
	Source         CancelSource `json:"source,omitempty"` // "": operator_override
	Now            TimestampMs  `json:"now,omitempty"`    // stamps the rows; 0: the engine's clock
}

// Validate implements [Validator].
func (a CompleteExecutionArgs) Validate() error {
	return firstError(
		validateExecutionID("execution_id", a.ExecutionID),
		validateFence(a.Fence, a.Source),
		validateUTF8("result_encoding", a.ResultEncoding),
		validateUTF8("source", string(a.Source)),
	)
}

// CompleteExecutionResultKind is the outcome of completing an execution.
type CompleteExecutionResultKind string

// CompleteExecutionCompleted is the only outcome.
const CompleteExecutionCompleted CompleteExecutionResultKind = "completed"

// CompleteExecutionResult is the completed execution.
type CompleteExecutionResult struct {
	Outcome     CompleteExecutionResultKind
	ExecutionID ExecutionID
	PublicState PublicState
}

// FailExecutionArgs reports that an attempt failed, by its holder or for an operator. The caller brings the retry
// policy; the stored one, which [FailArgs] goes by, is not looked at.
type FailExecutionArgs struct {
	ExecutionID           ExecutionID  `json:"execution_id"`
	Fence                 *LeaseFence  `json:"fence,omitempty"` // nil only for an operator
	AttemptIndex          AttemptIndex `json:"attempt_index"`
	FailureReason         string       `json:"failure_reason"`
	FailureCategory       string       `json:"failure_category"`                   // what retryable_categories lists
	RetryPolicyJSON       string       `json:"retry_policy_json,omitempty"`        // "", or unreadable: no retry
	NextAttemptPolicyJSON string       `json:"next_attempt_policy_json,omitempty"` // of the attempt that follows; "": none
	Source                CancelSource `json:"source,omitempty"`                   // "": operator_override
}

// Validate implements [Validator].
func (a FailExecutionArgs) Validate() error {
	return firstError(
		validateExecutionID("execution_id", a.ExecutionID),
		validateFence(a.Fence, a.Source),
		validateUTF8("failure_reason", a.FailureReason),
		validateUTF8("failure_category", a.FailureCategory),
		validatePolicyText("next_attempt_policy_json", a.NextAttemptPolicyJSON),
		validateUTF8("source", string(a.Source)),
	)
}

// validatePolicyText demands a JSON object, or nothing.
func validatePolicyText(field, text string) *Error {
	if text == "" {
		return nil
	}
	if err := validateUTF8(field, text); err != nil {
		return err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &object); err != nil || object == nil {
		return ValidationErrorf(CodeInvalidPolicyJSON, "%s: must be a JSON object", field)
	}
	return nil
}

// FailExecutionResult says whether and when another attempt follows, as [FailOutcome] does.
type FailExecutionResult = FailOutcome

// Method returns "renew_lease".
func (RenewLeaseArgs) Method() string { return "renew_lease" }

// Method returns "complete_execution".
func (CompleteExecutionArgs) Method() string { return "complete_execution" }

// Method returns "fail_execution".
func (FailExecutionArgs) Method() string { return "fail_execution" }

func (RenewLeaseArgs) isMessage()        {}
func (CompleteExecutionArgs) isMessage() {}
func (FailExecutionArgs) isMessage()     {}

func (RenewLeaseArgs) isMutation()        {}
func (CompleteExecutionArgs) isMutation() {}
func (FailExecutionArgs) isMutation()     {}
