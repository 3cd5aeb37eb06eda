package messages

import "time"

// TrimRetentionArgs deletes executions of one lane that ended long ago, the oldest first; the reply is a uint32, how many.
type TrimRetentionArgs struct {
	Partition *Partition    `json:"partition,omitempty"` // nil: all
	LaneID    LaneID        `json:"lane_id"`
	Retention time.Duration `json:"retention_ms"` // of executions whose policy does not say
	Now       TimestampMs   `json:"now,omitempty"`
	BatchSize uint32        `json:"batch_size"` // the most to delete; 0: none
	Filter    ScannerFilter `json:"filter,omitzero"`
}

// Validate implements [Validator].
func (a TrimRetentionArgs) Validate() error {
	return firstError(a.LaneID.Validate(), validateDuration("retention_ms", a.Retention), a.Filter.Validate())
}

// Method returns "trim_retention".
func (TrimRetentionArgs) Method() string { return "trim_retention" }

func (TrimRetentionArgs) isMessage() {}

func (TrimRetentionArgs) isMutation() {}
