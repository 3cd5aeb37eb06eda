package messages

// CompletionOutcome is how an execution ended, or that it can be resumed. Texts of other programs are passed on as
// they are.
type CompletionOutcome string

// The outcomes of completion events; all but CompletionResumable end the execution.
const (
	CompletionSuccess   CompletionOutcome = "success"
	CompletionFailed    CompletionOutcome = "failed"
	CompletionCancelled CompletionOutcome = "cancelled"
	CompletionExpired   CompletionOutcome = "expired"
	CompletionSkipped   CompletionOutcome = "skipped"
	CompletionResumable CompletionOutcome = "resumable"
)

// CompletionOutcomeOf reads a stored outcome.
func CompletionOutcomeOf(raw string) CompletionOutcome {
	switch raw {
	case "failure":
		return CompletionFailed
	case "completed":
		return CompletionSuccess
	}
	return CompletionOutcome(raw)
}

// CompletionEvent says that an execution ended, or became resumable.
type CompletionEvent struct {
	EventID     EventID           `json:"event_id"`
	Cursor      OutboxCursor      `json:"cursor"`
	ExecutionID ExecutionID       `json:"execution_id"`
	FlowID      *FlowID           `json:"flow_id,omitempty"`
	Outcome     CompletionOutcome `json:"outcome"`
	RawOutcome  string            `json:"raw_outcome"` // as stored
	At          TimestampMs       `json:"at"`
	Namespace   *string           `json:"namespace,omitempty"`
	InstanceTag *string           `json:"instance_tag,omitempty"` // the value of the tag cairn.instance_id
}

// LeaseEventType is what happened to a lease.
type LeaseEventType string

// The lease events.
const (
	LeaseAcquired  LeaseEventType = "acquired"
	LeaseRenewed   LeaseEventType = "renewed"
	LeaseExpired   LeaseEventType = "expired"   // the worker is the previous owner
	LeaseReclaimed LeaseEventType = "reclaimed" // lease and worker are the new ones
	LeaseRevoked   LeaseEventType = "revoked"   // the lease ended otherwise; RevokedBy says how
)

// The causes in RevokedBy of a revoked lease.
const (
	RevokedByOperator      = "operator"
	RevokedByComplete      = "complete"
	RevokedByFail          = "fail"
	RevokedByCancel        = "cancel"
	RevokedBySuspend       = "suspend"
	RevokedByDelay         = "delay"
	RevokedByWaitChildren  = "wait_children"
	RevokedByFlowCancel    = "flow_cancel"
	RevokedBySiblingCancel = "sibling_cancel"
	RevokedBySkip          = "skip"
	RevokedByReclaimCap    = "reclaim_cap"
)

// LeaseHistoryEvent says what happened to a lease.
type LeaseHistoryEvent struct {
	EventID          EventID           `json:"event_id"`
	Cursor           OutboxCursor      `json:"cursor"`
	Kind             LeaseEventType    `json:"kind"`
	ExecutionID      ExecutionID       `json:"execution_id"`
	LeaseID          *LeaseID          `json:"lease_id,omitempty"`
	WorkerInstanceID *WorkerInstanceID `json:"worker_instance_id,omitempty"`
	RevokedBy        string            `json:"revoked_by,omitempty"` // of revoked
	At               TimestampMs       `json:"at"`
	Namespace        *string           `json:"namespace,omitempty"`
	InstanceTag      *string           `json:"instance_tag,omitempty"` // the value of the tag cairn.instance_id
}

// SubscribeCompletionArgs follows the ends of executions from a cursor.
type SubscribeCompletionArgs struct {
	Cursor OutboxCursor  `json:"cursor,omitempty"`
	Filter ScannerFilter `json:"filter,omitzero"`
}

// Validate implements [Validator].
func (a SubscribeCompletionArgs) Validate() error {
	return validateSubscription(FamilyCompletion, a.Cursor, a.Filter)
}

// SubscribeLeaseHistoryArgs follows the leases from a cursor.
type SubscribeLeaseHistoryArgs struct {
	Cursor OutboxCursor  `json:"cursor,omitempty"`
	Filter ScannerFilter `json:"filter,omitzero"`
}

// Validate implements [Validator].
func (a SubscribeLeaseHistoryArgs) Validate() error {
	return validateSubscription(FamilyLeaseHistory, a.Cursor, a.Filter)
}

func validateSubscription(family Family, cursor OutboxCursor, filter ScannerFilter) error {
	if _, _, err := cursor.Position(family); err != nil {
		return err
	}
	return firstError(filter.Validate())
}
