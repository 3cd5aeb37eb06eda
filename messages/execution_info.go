package messages

import "encoding/json"

// ReadExecutionInfoArgs reads one execution with its whole state; the reply is an [*ExecutionInfo], nil when there is
// none.
type ReadExecutionInfoArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
}

// Validate implements [Validator].
func (a ReadExecutionInfoArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// ExecutionInfo is an execution with its whole state, in canonical values. Its times are decimal strings in JSON.
type ExecutionInfo struct {
	ExecutionID         ExecutionID  `json:"execution_id"`
	Namespace           Namespace    `json:"namespace"`
	LaneID              LaneID       `json:"lane_id"`
	Priority            int32        `json:"priority"`
	ExecutionKind       string       `json:"execution_kind"`
	StateVector         StateVector  `json:"state_vector"`
	PublicState         PublicState  `json:"public_state"`
	CreatedAt           TimestampMs  `json:"created_at,string"`
	StartedAt           *TimestampMs `json:"started_at,string,omitempty"`   // the first claim ever
	CompletedAt         *TimestampMs `json:"completed_at,string,omitempty"` // the end, however it was
	CurrentAttemptIndex AttemptIndex `json:"current_attempt_index"`         // while a retry is pending, that of the next attempt
	FlowID              *FlowID      `json:"flow_id"`
	BlockingDetail      string       `json:"blocking_detail"`
}

// ReadExecutionContextArgs reads what a worker needs to run an execution; the reply is an [ExecutionContext].
type ReadExecutionContextArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
}

// Validate implements [Validator].
func (a ReadExecutionContextArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// ExecutionContext is what an execution was created with; the payload is never nil.
type ExecutionContext struct {
	InputPayload  []byte            `json:"input_payload"`
	ExecutionKind string            `json:"execution_kind"`
	Tags          map[string]string `json:"tags"`
}

type executionContextFields ExecutionContext

type executionContextJSON struct {
	executionContextFields
	InputPayload ByteArray `json:"input_payload"`
}

// MarshalJSON writes the payload as an array of bytes.
func (c ExecutionContext) MarshalJSON() ([]byte, error) {
	return json.Marshal(executionContextJSON{executionContextFields(c), c.InputPayload})
}

// UnmarshalJSON reads the payload as an array of bytes or base64 text.
func (c *ExecutionContext) UnmarshalJSON(text []byte) error {
	var wire executionContextJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*c = ExecutionContext(wire.executionContextFields)
	c.InputPayload = wire.InputPayload
	return nil
}

// ReadCurrentAttemptIndexArgs reads the index of the attempt that runs, or of the one that a pending retry will create;
// the reply is an [AttemptIndex].
type ReadCurrentAttemptIndexArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
}

// Validate implements [Validator].
func (a ReadCurrentAttemptIndexArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// ReadTotalAttemptCountArgs reads how many attempts there ever were; the reply is a uint32.
type ReadTotalAttemptCountArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
}

// Validate implements [Validator].
func (a ReadTotalAttemptCountArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// ReadExecCoreFieldsArgs reads fields of an execution as they are stored: columns by their names, and the scalar members
// of raw_fields. The reply is a map[string]*string with one entry for each field.
type ReadExecCoreFieldsArgs struct {
	Partition   *Partition  `json:"partition,omitempty"` // nil, or that of the id
	ExecutionID ExecutionID `json:"execution_id"`
	Fields      []string    `json:"fields,omitempty"`
}

// Validate implements [Validator]. Without a field there is nothing to check.
func (a ReadExecCoreFieldsArgs) Validate() error {
	if len(a.Fields) == 0 {
		return nil
	}
	return firstError(
		validateExecutionID("execution_id", a.ExecutionID),
		validatePartitionOf(a.ExecutionID, a.Partition),
	)
}

// Method returns "read_execution_info".
func (ReadExecutionInfoArgs) Method() string { return "read_execution_info" }

// Method returns "read_execution_context".
func (ReadExecutionContextArgs) Method() string { return "read_execution_context" }

// Method returns "read_current_attempt_index".
func (ReadCurrentAttemptIndexArgs) Method() string { return "read_current_attempt_index" }

// Method returns "read_total_attempt_count".
func (ReadTotalAttemptCountArgs) Method() string { return "read_total_attempt_count" }

// Method returns "read_exec_core_fields".
func (ReadExecCoreFieldsArgs) Method() string { return "read_exec_core_fields" }

func (ReadExecutionInfoArgs) isMessage()       {}
func (ReadExecutionContextArgs) isMessage()    {}
func (ReadCurrentAttemptIndexArgs) isMessage() {}
func (ReadTotalAttemptCountArgs) isMessage()   {}
func (ReadExecCoreFieldsArgs) isMessage()      {}
