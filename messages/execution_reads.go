package messages

// DescribeExecutionArgs reads one execution; the reply is an [*ExecutionSnapshot], nil when there is none.
type DescribeExecutionArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
}

// Validate implements [Validator].
func (a DescribeExecutionArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// ExecutionSnapshot is an execution as one read sees it. Nil pointers are absent values.
type ExecutionSnapshot struct {
	ExecutionID       ExecutionID       `json:"execution_id"`
	FlowID            *FlowID           `json:"flow_id,omitempty"`
	LaneID            LaneID            `json:"lane_id"`
	Namespace         Namespace         `json:"namespace"`
	PublicState       PublicState       `json:"public_state"`
	BlockingReason    *BlockingReason   `json:"blocking_reason,omitempty"`
	BlockingDetail    *string           `json:"blocking_detail,omitempty"`
	CurrentAttempt    *AttemptSummary   `json:"current_attempt,omitempty"` // stays after the end
	CurrentLease      *LeaseSummary     `json:"current_lease,omitempty"`   // while a lease is held
	CurrentWaitpoint  *WaitpointID      `json:"current_waitpoint,omitempty"`
	CreatedAt         TimestampMs       `json:"created_at"`
	LastMutationAt    TimestampMs       `json:"last_mutation_at"`
	TotalAttemptCount uint32            `json:"total_attempt_count"`
	Tags              map[string]string `json:"tags,omitempty"`
}

// AttemptSummary names the current attempt.
type AttemptSummary struct {
	AttemptID    AttemptID    `json:"attempt_id"`
	AttemptIndex AttemptIndex `json:"attempt_index"`
}

// LeaseSummary is the lease that is held.
type LeaseSummary struct {
	LeaseEpoch       LeaseEpoch       `json:"lease_epoch"`
	WorkerInstanceID WorkerInstanceID `json:"worker_instance_id"`
	ExpiresAt        TimestampMs      `json:"expires_at"`
	LeaseID          LeaseID          `json:"lease_id"`
	AttemptIndex     AttemptIndex     `json:"attempt_index"`
	LastHeartbeatAt  *TimestampMs     `json:"last_heartbeat_at,omitempty"`
}

// ReadExecutionStateArgs reads the public state; the reply is a [*PublicState], nil when there is no such execution.
type ReadExecutionStateArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
}

// Validate implements [Validator].
func (a ReadExecutionStateArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// GetExecutionResultArgs reads what the execution was completed with.
type GetExecutionResultArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
}

// Validate implements [Validator].
func (a GetExecutionResultArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// GetExecutionResultReply is the stored result. Found is false while there is none; an empty result is not nil.
type GetExecutionResultReply struct {
	Result []byte `json:"result,omitzero"`
	Found  bool   `json:"found"`
}

// MaxListLimit is the most that one page of executions holds.
const MaxListLimit = 1000

// ListExecutionsArgs reads a page of executions in the order of their UUID bytes.
type ListExecutionsArgs struct {
	Partition PartitionKey    `json:"partition,omitempty"` // "": all
	Cursor    *ExecutionID    `json:"cursor,omitempty"`    // the page begins behind it
	Limit     int             `json:"limit"`               // 0 or less: an empty page; 1,000 at most
	Filter    ExecutionFilter `json:"filter,omitzero"`
}

// ExecutionFilter selects executions; every part that is set must match.
type ExecutionFilter struct {
	Namespace     Namespace         `json:"namespace,omitempty"`
	LaneID        LaneID            `json:"lane_id,omitempty"`
	PublicState   PublicState       `json:"public_state,omitempty"`
	ExecutionKind string            `json:"execution_kind,omitempty"`
	FlowID        FlowID            `json:"flow_id,omitzero"`
	Tags          map[string]string `json:"tags,omitempty"`
}

// Validate implements [Validator].
func (a ListExecutionsArgs) Validate() error {
	if err := a.Partition.Validate(); err != nil {
		return err
	}
	if a.Cursor != nil && a.Cursor.IsZero() {
		return InvalidField("cursor", mustNotBeEmpty)
	}
	return a.Filter.Validate()
}

// Validate implements [Validator].
func (f ExecutionFilter) Validate() error {
	for key, value := range f.Tags {
		if err := firstOf(validateUTF8("tags", key), validateUTF8("tags", value)); err != nil {
			return err
		}
	}
	return firstError(
		validateUTF8("namespace", string(f.Namespace)),
		validateUTF8("lane_id", string(f.LaneID)),
		validateUTF8("public_state", string(f.PublicState)),
		validateUTF8("execution_kind", f.ExecutionKind),
	)
}

// ListExecutionsResult is one page; NextCursor is nil when it is the last.
type ListExecutionsResult struct {
	Executions []ExecutionID `json:"executions"`
	NextCursor *ExecutionID  `json:"next_cursor,omitempty"`
}
