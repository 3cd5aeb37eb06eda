package messages

// What the clock does to an execution, each also by hand. All are safe to call at any time: they re-check the condition
// and answer already_satisfied, with the reason, when there is nothing to do.

// PromoteDelayedArgs makes a delayed execution eligible when its time has come.
type PromoteDelayedArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
	Partition   *Partition  `json:"partition,omitempty"` // nil, or that of the id
	LaneID      LaneID      `json:"lane_id,omitempty"`   // ignored
	Now         TimestampMs `json:"now,omitempty"`       // 0: the engine's clock
}

// Validate implements [Validator].
func (a PromoteDelayedArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID), validatePartitionOf(a.ExecutionID, a.Partition))
}

// PromoteDelayedResultKind is the outcome of a promotion.
type PromoteDelayedResultKind string

// The outcomes of a promotion.
const (
	PromotePromoted         PromoteDelayedResultKind = "promoted"
	PromoteAlreadySatisfied PromoteDelayedResultKind = "already_satisfied"
)

// PromoteDelayedResult says why nothing was to be done: not_found_cleaned, not_runnable_cleaned, not_delayed_cleaned or
// not_yet_due.
type PromoteDelayedResult struct {
	Outcome PromoteDelayedResultKind
	Reason  string // of already_satisfied
}

// ExpirePhase says which time of an execution is up.
type ExpirePhase string

// The phases.
const (
	ExpireAttemptTimeout    ExpirePhase = "attempt_timeout"
	ExpireExecutionDeadline ExpirePhase = "execution_deadline"
)

// ExpireExecutionArgs ends, or retries, an execution whose time is up.
type ExpireExecutionArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
	Partition   *Partition  `json:"partition,omitempty"` // nil, or that of the id
	Phase       ExpirePhase `json:"phase"`
	Now         TimestampMs `json:"now,omitempty"` // 0: the engine's clock
}

// Validate implements [Validator].
func (a ExpireExecutionArgs) Validate() error {
	return firstError(
		validateExecutionID("execution_id", a.ExecutionID),
		validatePartitionOf(a.ExecutionID, a.Partition),
		a.Phase.validate(),
	)
}

func (p ExpirePhase) validate() *Error {
	switch p {
	case ExpireAttemptTimeout, ExpireExecutionDeadline:
		return nil
	}
	return InvalidField("phase", "unknown (%s)", string(p))
}

// ExpireExecutionResultKind is the outcome of an expiry.
type ExpireExecutionResultKind string

// The outcomes of an expiry.
const (
	ExpireExpired          ExpireExecutionResultKind = "expired"
	ExpireRetryScheduled   ExpireExecutionResultKind = "retry_scheduled"
	ExpireAlreadySatisfied ExpireExecutionResultKind = "already_satisfied"
)

// ExpireExecutionResult has the lifecycle phase that an expired execution was in, the index of the attempt that a retry
// will be, or why nothing was to be done: not_found_cleaned, already_terminal, not_active or not_yet_due.
type ExpireExecutionResult struct {
	Outcome          ExpireExecutionResultKind
	FromPhase        string       // of expired
	NextAttemptIndex AttemptIndex // of retry_scheduled
	Reason           string       // of already_satisfied
}

// MarkLeaseExpiredIfDueArgs makes an execution reclaimable whose lease has run out.
type MarkLeaseExpiredIfDueArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
}

// Validate implements [Validator].
func (a MarkLeaseExpiredIfDueArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// MarkLeaseExpiredIfDueResultKind is the outcome of marking a lease.
type MarkLeaseExpiredIfDueResultKind string

// The outcomes of marking a lease.
const (
	MarkMarkedExpired    MarkLeaseExpiredIfDueResultKind = "marked_expired"
	MarkAlreadySatisfied MarkLeaseExpiredIfDueResultKind = "already_satisfied"
)

// MarkLeaseExpiredIfDueResult says why nothing was to be done: execution_not_found, not_active, already_expired,
// already_revoked, unowned or not_yet_expired.
type MarkLeaseExpiredIfDueResult struct {
	Outcome MarkLeaseExpiredIfDueResultKind
	Reason  string // of already_satisfied
}

// Method returns "promote_delayed".
func (PromoteDelayedArgs) Method() string { return "promote_delayed" }

// Method returns "expire_execution".
func (ExpireExecutionArgs) Method() string { return "expire_execution" }

// Method returns "mark_lease_expired_if_due".
func (MarkLeaseExpiredIfDueArgs) Method() string { return "mark_lease_expired_if_due" }

func (PromoteDelayedArgs) isMessage()        {}
func (ExpireExecutionArgs) isMessage()       {}
func (MarkLeaseExpiredIfDueArgs) isMessage() {}

func (PromoteDelayedArgs) isMutation()        {}
func (ExpireExecutionArgs) isMutation()       {}
func (MarkLeaseExpiredIfDueArgs) isMutation() {}
