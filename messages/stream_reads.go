package messages

import (
	"time"
)

// MaxFramesPerRead is the most frames of one page.
const MaxFramesPerRead = 10_000

// ReadStreamArgs reads a range of frames, both ends included.
type ReadStreamArgs struct {
	ExecutionID  ExecutionID  `json:"execution_id"`
	AttemptIndex AttemptIndex `json:"attempt_index"`
	From         StreamCursor `json:"from"`
	To           StreamCursor `json:"to"` // a bare millisecond includes all its frames
	Count        int          `json:"count"`
}

// Method returns "read_stream".
func (ReadStreamArgs) Method() string { return "read_stream" }

func (ReadStreamArgs) isMessage() {}

// Validate implements [Validator].
func (a ReadStreamArgs) Validate() error {
	return firstError(
		validateExecutionID("execution_id", a.ExecutionID),
		a.From.validate("from"),
		a.To.validate("to"),
		validateFrameCount(a.Count),
	)
}

func validateFrameCount(count int) *Error {
	if count < 1 {
		return InvalidField("count", "must be >= 1")
	}
	return nil
}

// TailVisibility says which frames a tail waits for.
type TailVisibility string

// The visibilities.
const (
	TailAll               TailVisibility = ""
	TailExcludeBestEffort TailVisibility = "exclude_best_effort"
)

// TailStreamArgs reads the frames behind a cursor, and waits for the first of them.
type TailStreamArgs struct {
	ExecutionID  ExecutionID
	AttemptIndex AttemptIndex
	After        StreamCursor  // a frame, or StreamFromBeginning
	Block        time.Duration // how long to wait; 0 looks once
	Count        int
	Visibility   TailVisibility
}

// Method returns "tail_stream".
func (TailStreamArgs) Method() string { return "tail_stream" }

func (TailStreamArgs) isMessage() {}

// Validate implements [Validator].
func (a TailStreamArgs) Validate() error {
	return firstError(
		validateExecutionID("execution_id", a.ExecutionID),
		a.validateAfter(),
		validateDuration("block_ms", a.Block),
		validateFrameCount(a.Count),
		a.validateVisibility(),
	)
}

func (a TailStreamArgs) validateAfter() *Error {
	if a.After == StreamStart || a.After == StreamEnd {
		return InvalidField("after", "tail_stream requires concrete after cursor")
	}
	return a.After.validate("after")
}

func (a TailStreamArgs) validateVisibility() *Error {
	switch a.Visibility {
	case TailAll, TailExcludeBestEffort:
		return nil
	}
	return InvalidField("visibility", "unknown visibility %q", string(a.Visibility))
}

// StreamFrame is one stored frame.
type StreamFrame struct {
	ID     string            `json:"id"` // "<ms>-<seq>", a cursor
	Fields map[string]string `json:"fields"`
}

// StreamFrames is a page of frames, ascending, and whether the stream has ended. A page says so also when more frames
// follow it.
type StreamFrames struct {
	Frames       []StreamFrame      `json:"frames"`
	ClosedAt     TimestampMs        `json:"closed_at,omitempty"`     // 0: open
	ClosedReason StreamClosedReason `json:"closed_reason,omitempty"` // "": open
}

// Closed reports whether nothing can be appended any more.
func (f StreamFrames) Closed() bool { return f.ClosedReason != "" }

// StreamClosedReason says how the attempt of a stream ended.
type StreamClosedReason string

// The reasons. A stream that was closed by an expired lease opens again if the same attempt goes on.
const (
	StreamAttemptSuccess       StreamClosedReason = "attempt_success"
	StreamAttemptFailure       StreamClosedReason = "attempt_failure"
	StreamAttemptCancelled     StreamClosedReason = "attempt_cancelled"
	StreamExpired              StreamClosedReason = "expired"
	StreamDependencyImpossible StreamClosedReason = "dependency_impossible"
	StreamReclaimed            StreamClosedReason = "reclaimed"
	StreamLeaseExpired         StreamClosedReason = "lease_expired"
)

// ReadSummaryArgs reads the summary document of an attempt; the reply is a [*SummaryDocument], nil when no summary frame
// was ever appended.
type ReadSummaryArgs struct {
	ExecutionID  ExecutionID  `json:"execution_id"`
	AttemptIndex AttemptIndex `json:"attempt_index"`
}

// Method returns "read_summary".
func (ReadSummaryArgs) Method() string { return "read_summary" }

func (ReadSummaryArgs) isMessage() {}

// Validate implements [Validator].
func (a ReadSummaryArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// SummaryDocument is what the summary frames of an attempt add up to: compact JSON with sorted members.
type SummaryDocument struct {
	DocumentJSON   []byte      `json:"document_json"`
	Version        uint64      `json:"version"` // counts the patches, from 1
	PatchKind      PatchKind   `json:"patch_kind"`
	LastUpdatedMs  TimestampMs `json:"last_updated_ms"`
	FirstAppliedMs TimestampMs `json:"first_applied_ms"`
}
