package messages

// CreateExecutionArgs registers an execution, which is claimable in the commit that creates it unless it is delayed.
type CreateExecutionArgs struct {
	ExecutionID         ExecutionID       `json:"execution_id"` // chosen by the caller
	Namespace           Namespace         `json:"namespace"`
	LaneID              LaneID            `json:"lane_id"`
	ExecutionKind       string            `json:"execution_kind,omitempty"` // selects the handler
	InputPayload        []byte            `json:"input_payload,omitzero"`
	PayloadEncoding     string            `json:"payload_encoding,omitempty"`
	Priority            int32             `json:"priority,omitempty"` // clamped to 0..9000; larger runs first
	CreatorIdentity     string            `json:"creator_identity"`
	IdempotencyKey      string            `json:"idempotency_key,omitempty"`
	Tags                map[string]string `json:"tags,omitempty"`
	Policy              *ExecutionPolicy  `json:"policy,omitempty"`
	DelayUntil          TimestampMs       `json:"delay_until,omitempty"`           // 0: the policy's
	ExecutionDeadlineAt TimestampMs       `json:"execution_deadline_at,omitempty"` // 0: the policy's
	PartitionID         uint16            `json:"partition_id,omitempty"`          // 0, or the index of the id
	Now                 TimestampMs       `json:"now,omitempty"`                   // 0: the engine's clock
}

// RequiredCapabilities returns what the policy demands of a worker, sorted and without repetition; nil when nothing.
func (a CreateExecutionArgs) RequiredCapabilities() []string {
	return sortedSet(a.Policy.requiredCapabilities())
}

// Validate implements [Validator].
func (a CreateExecutionArgs) Validate() error {
	return firstError(
		validateExecutionID("execution_id", a.ExecutionID),
		a.Namespace.Validate(),
		a.LaneID.Validate(),
		validateName("execution_kind", a.ExecutionKind, 0),
		validateUTF8("payload_encoding", a.PayloadEncoding),
		validateUTF8("creator_identity", a.CreatorIdentity),
		validateUTF8("idempotency_key", a.IdempotencyKey),
		validateTags(a.Tags),
		a.Policy.Validate(),
		a.validatePartition(),
	)
}

func (a CreateExecutionArgs) validatePartition() *Error {
	if index := a.ExecutionID.PartitionIndex(); a.PartitionID != 0 && a.PartitionID != index {
		return InvalidField("partition_id", "does not match execution_id (id=%d, arg=%d)", index, a.PartitionID)
	}
	return nil
}

func validateExecutionID(field string, id ExecutionID) *Error {
	if id.IsZero() {
		return InvalidField(field, mustNotBeEmpty)
	}
	return nil
}

// CreateExecutionResultKind is the outcome of a create.
type CreateExecutionResultKind string

// The outcomes of a create.
const (
	CreateCreated   CreateExecutionResultKind = "created"
	CreateDuplicate CreateExecutionResultKind = "duplicate"
)

// CreateExecutionResult names the execution: the new one, or for a duplicate the one that exists.
type CreateExecutionResult struct {
	Outcome     CreateExecutionResultKind
	ExecutionID ExecutionID
	PublicState PublicState // of created: waiting or delayed
}

// ProgressArgs notes how far a running execution is. A nil field is left as it is.
type ProgressArgs struct {
	Handle  Handle  `json:"handle"`
	Percent *uint8  `json:"percent,omitempty"` // 0..100
	Message *string `json:"message,omitempty"`
}

// Validate implements [Validator].
func (a ProgressArgs) Validate() error {
	if a.Percent != nil && *a.Percent > 100 {
		return InvalidField("percent", "must be in 0..=100")
	}
	if a.Message != nil {
		if err := validateUTF8("message", *a.Message); err != nil {
			return err
		}
	}
	return firstError(validateHeld(a.Handle))
}

// CompleteArgs ends an execution with success.
type CompleteArgs struct {
	Handle  Handle `json:"handle"`
	Payload []byte `json:"payload,omitzero"` // nil: no result; empty: an empty result
}

// Validate implements [Validator].
func (a CompleteArgs) Validate() error { return firstError(validateHeld(a.Handle)) }

// FailArgs reports that an attempt failed; the engine decides between a retry and the end.
type FailArgs struct {
	Handle Handle        `json:"handle"`
	Reason FailureReason `json:"reason"`
	Class  FailureClass  `json:"class,omitempty"`
}

// FailureReason is what the worker says about a failure.
type FailureReason struct {
	Message string `json:"message"`
	Detail  []byte `json:"detail,omitzero"`
}

// FailureClass says whether a retry makes sense. Anything unknown, the zero value too, counts as transient.
type FailureClass string

// The failure classes. Only the first two allow a retry.
const (
	FailureTransient  FailureClass = "transient"
	FailureInfraCrash FailureClass = "infra_crash"
	FailurePermanent  FailureClass = "permanent"
	FailureTimeout    FailureClass = "timeout"
	FailureCancelled  FailureClass = "cancelled"
)

// Retryable reports whether an attempt that failed so may be followed by another.
func (c FailureClass) Retryable() bool {
	switch c {
	case FailurePermanent, FailureTimeout, FailureCancelled:
		return false
	case FailureTransient, FailureInfraCrash:
	}
	return true
}

// String returns the text that is stored.
func (c FailureClass) String() string {
	if c == "" {
		return string(FailureTransient)
	}
	return string(c)
}

// Validate implements [Validator].
func (a FailArgs) Validate() error {
	return firstError(
		validateHeld(a.Handle),
		validateUTF8("reason.message", a.Reason.Message),
		validateUTF8("class", string(a.Class)),
	)
}

// FailOutcomeKind is what the engine decided about a failure.
type FailOutcomeKind string

// The outcomes of a failure.
const (
	FailRetryScheduled FailOutcomeKind = "retry_scheduled"
	FailTerminalFailed FailOutcomeKind = "terminal_failed"
)

// FailOutcome says whether and when another attempt follows; the latter two fields belong to retry_scheduled.
type FailOutcome struct {
	Outcome          FailOutcomeKind
	DelayUntil       TimestampMs
	NextAttemptIndex AttemptIndex
}

// CancelArgs ends the execution that the worker holds as cancelled.
type CancelArgs struct {
	Handle Handle `json:"handle"`
	Reason string `json:"reason"`
}

// Validate implements [Validator].
func (a CancelArgs) Validate() error {
	return firstError(validateHeld(a.Handle), validateUTF8("reason", a.Reason))
}

// CancelExecutionArgs cancels one execution from outside. The three lease fields are all given or none.
type CancelExecutionArgs struct {
	ExecutionID ExecutionID  `json:"execution_id"`
	Reason      string       `json:"reason"`
	Source      CancelSource `json:"source,omitempty"`
	LeaseID     LeaseID      `json:"lease_id,omitzero"`
	LeaseEpoch  *LeaseEpoch  `json:"lease_epoch,omitempty"` // needed while a lease is held, unless an operator asks
	AttemptID   AttemptID    `json:"attempt_id,omitzero"`
	Now         TimestampMs  `json:"now,omitempty"` // 0: the engine's clock
}

// Validate implements [Validator].
func (a CancelExecutionArgs) Validate() error {
	return firstError(
		validateExecutionID("execution_id", a.ExecutionID),
		validateUTF8("reason", a.Reason),
		validateUTF8("source", string(a.Source)),
		a.validateFence(),
	)
}

func (a CancelExecutionArgs) validateFence() *Error {
	given := a.LeaseEpoch != nil
	if !a.LeaseID.IsZero() != given || !a.AttemptID.IsZero() != given {
		return ValidationError(CodeInvalidInput, "partial_fence_triple")
	}
	if given {
		return validateStoredUint("lease_epoch", uint64(*a.LeaseEpoch))
	}
	return nil
}

// CancelExecutionResultKind is the outcome of cancelling an execution.
type CancelExecutionResultKind string

// CancelExecutionCancelled is the only outcome, also of a repeated call.
const CancelExecutionCancelled CancelExecutionResultKind = "cancelled"

// CancelExecutionResult is the cancelled execution.
type CancelExecutionResult struct {
	Outcome     CancelExecutionResultKind
	ExecutionID ExecutionID
	PublicState PublicState
}
