package messages

// Pages: entries strictly after the cursor; NextCursor is that of the last entry if and only if more follow. A limit of 0
// or less gives an empty page.

// ListLanesArgs reads a page of the lanes that are known, in the order of their bytes.
type ListLanesArgs struct {
	Cursor *LaneID `json:"cursor,omitempty"` // the page begins behind it
	Limit  int     `json:"limit"`
}

// Validate implements [Validator].
func (a ListLanesArgs) Validate() error {
	if a.Cursor == nil {
		return nil
	}
	return firstError(a.Cursor.Validate())
}

// ListLanesResult is one page; NextCursor is nil when it is the last.
type ListLanesResult struct {
	Lanes      []LaneID `json:"lanes"`
	NextCursor *LaneID  `json:"next_cursor,omitempty"`
}

// ListSuspendedArgs reads a page of the suspensions that are open, the oldest first, those of one time in the order of
// the execution's UUID bytes.
type ListSuspendedArgs struct {
	Partition PartitionKey     `json:"partition,omitempty"` // "": all
	Cursor    *SuspendedCursor `json:"cursor,omitempty"`    // the page begins behind it
	Limit     int              `json:"limit"`               // 1,000 at most
}

// SuspendedCursor is the place of a suspension in the list. It stays good when the suspension has ended.
type SuspendedCursor struct {
	SuspendedAt TimestampMs `json:"suspended_at"`
	ExecutionID ExecutionID `json:"execution_id"`
}

// Validate implements [Validator].
func (a ListSuspendedArgs) Validate() error {
	if err := a.Partition.Validate(); err != nil {
		return err
	}
	if a.Cursor == nil {
		return nil
	}
	return firstError(validateExecutionID("cursor", a.Cursor.ExecutionID))
}

// ListSuspendedResult is one page; NextCursor is nil when it is the last.
type ListSuspendedResult struct {
	Entries    []SuspendedExecution `json:"entries"`
	NextCursor *SuspendedCursor     `json:"next_cursor,omitempty"`
}

// SuspendedExecution is one open suspension; the reason is "" when none is stored.
type SuspendedExecution struct {
	ExecutionID ExecutionID `json:"execution_id"`
	SuspendedAt TimestampMs `json:"suspended_at"`
	Reason      string      `json:"reason"`
}

// Method returns "list_lanes".
func (ListLanesArgs) Method() string { return "list_lanes" }

// Method returns "list_suspended".
func (ListSuspendedArgs) Method() string { return "list_suspended" }

func (ListLanesArgs) isMessage()     {}
func (ListSuspendedArgs) isMessage() {}
