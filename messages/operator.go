package messages

// ChangePriorityArgs re-ranks an execution that waits to be claimed.
type ChangePriorityArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
	NewPriority int32       `json:"new_priority"`      // clamped to 0..9000; larger runs first
	LaneID      LaneID      `json:"lane_id,omitempty"` // ignored
	Now         TimestampMs `json:"now,omitempty"`     // 0: the engine's clock
}

// Validate implements [Validator].
func (a ChangePriorityArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// ChangePriorityResult names the execution whose priority was written.
type ChangePriorityResult struct {
	ExecutionID ExecutionID `json:"execution_id"`
}

// ReplayExecutionArgs puts an execution that has ended back to work.
type ReplayExecutionArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
	Now         TimestampMs `json:"now,omitempty"` // 0: the engine's clock
}

// Validate implements [Validator].
func (a ReplayExecutionArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// ReplayExecutionResult has the state that the execution is in now: waiting, or waiting_children when dependencies hold
// it back.
type ReplayExecutionResult struct {
	PublicState PublicState `json:"public_state"`
}

// RevokeLeaseArgs takes a lease away from its holder.
type RevokeLeaseArgs struct {
	ExecutionID      ExecutionID      `json:"execution_id"`
	ExpectedLeaseID  LeaseID          `json:"expected_lease_id,omitzero"`   // zero: whichever is held
	WorkerInstanceID WorkerInstanceID `json:"worker_instance_id,omitempty"` // "": whoever holds it
	Reason           string           `json:"reason"`                       // logged, not stored
}

// Validate implements [Validator].
func (a RevokeLeaseArgs) Validate() error {
	return firstError(
		validateExecutionID("execution_id", a.ExecutionID),
		validateUTF8("worker_instance_id", string(a.WorkerInstanceID)),
		validateUTF8("reason", a.Reason),
	)
}

// RevokeLeaseResultKind is the outcome of revoking a lease.
type RevokeLeaseResultKind string

// The outcomes of revoking a lease.
const (
	RevokeLeaseRevoked          RevokeLeaseResultKind = "revoked"
	RevokeLeaseAlreadySatisfied RevokeLeaseResultKind = "already_satisfied"
)

// The reasons of already_satisfied.
const (
	RevokeNoActiveLease   = "no_active_lease"
	RevokeDifferentWorker = "different_worker_instance_id"
	RevokeLeaseIDMismatch = "lease_id_mismatch"
	RevokeEpochMoved      = "epoch_moved" // never given: one writer decides and writes
)

// RevokeLeaseResult is what became of the lease. LeaseID and LeaseEpoch belong to revoked: the lease that was taken away,
// and the epoch that fences its holder off. Reason belongs to already_satisfied.
type RevokeLeaseResult struct {
	Outcome    RevokeLeaseResultKind
	LeaseID    LeaseID
	LeaseEpoch LeaseEpoch
	Reason     string
}
