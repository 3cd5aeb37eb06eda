package messages

import (
	"math"
	"strconv"
	"time"
)

// MaxFrameBytes is the longest payload of a frame.
const MaxFrameBytes = 65_536

// AppendFrameArgs appends a frame to the stream of the handle's attempt.
type AppendFrameArgs struct {
	Handle Handle `json:"handle"`
	Frame  Frame  `json:"frame"`
}

// Method returns "append_frame".
func (AppendFrameArgs) Method() string { return "append_frame" }

func (AppendFrameArgs) isMessage()  {}
func (AppendFrameArgs) isMutation() {}

// Validate implements [Validator].
func (a AppendFrameArgs) Validate() error {
	if _, err := openHandle(a.Handle); err != nil {
		return err
	}
	if n := len(a.Frame.Bytes); n > MaxFrameBytes {
		return ValidationErrorf(CodeRetentionLimitExceeded, "frame: exceeds %d bytes (got %d)", MaxFrameBytes, n)
	}
	return firstError(validateHeld(a.Handle), a.Frame.validate())
}

// Frame is one piece of the output of an attempt.
type Frame struct {
	Bytes         []byte     `json:"bytes"`
	Kind          FrameKind  `json:"kind"`
	Seq           *uint64    `json:"seq,omitempty"`            // ignored: the engine numbers the frames
	FrameType     string     `json:"frame_type,omitempty"`     // "": the kind
	CorrelationID string     `json:"correlation_id,omitempty"` // "": none
	Mode          StreamMode `json:"mode,omitzero"`
}

// FrameKind is what a frame carries. Any other text counts as FrameEvent.
type FrameKind string

// The kinds.
const (
	FrameStdout FrameKind = "stdout"
	FrameStderr FrameKind = "stderr"
	FrameEvent  FrameKind = "event"
	FrameBlob   FrameKind = "blob"
)

// Type returns what the frame is stored as: its own type, or the text of its kind.
func (f *Frame) Type() string {
	if f.FrameType != "" {
		return f.FrameType
	}
	switch f.Kind {
	case FrameStdout, FrameStderr, FrameBlob:
		return string(f.Kind)
	case FrameEvent:
	}
	return string(FrameEvent)
}

func (f *Frame) validate() *Error {
	if err := firstOf(validateUTF8("frame_type", f.FrameType), validateUTF8("correlation_id", f.CorrelationID)); err != nil {
		return err
	}
	switch f.Mode.Kind {
	case StreamDurable, "":
		return nil
	case StreamSummary:
		if f.Mode.PatchKind != JSONMergePatch && f.Mode.PatchKind != "" {
			return InvalidField("patch_kind", "unknown kind %q", string(f.Mode.PatchKind))
		}
		_, err := parsePatch(f.Bytes)
		return err
	case StreamBestEffort:
		return f.Mode.Config.validate()
	}
	return InvalidField("mode", "unknown mode %q", string(f.Mode.Kind))
}

// StreamModeKind says how a frame is kept; its text is stored with the frame.
type StreamModeKind string

// The modes. The zero value means StreamDurable.
const (
	StreamDurable    StreamModeKind = "durable"     // kept, within the stream policy's retention_maxlen if it has one
	StreamSummary    StreamModeKind = "summary"     // as durable, and folded into the summary document
	StreamBestEffort StreamModeKind = "best_effort" // only the newest are kept, as many as the rate of frames asks for
)

// StreamMode is a mode with what belongs to it. The zero value is durable.
type StreamMode struct {
	Kind      StreamModeKind
	PatchKind PatchKind            // of StreamSummary; "" is JSONMergePatch
	Config    BestEffortLiveConfig // of StreamBestEffort
}

// Durable keeps the frame.
func Durable() StreamMode { return StreamMode{Kind: StreamDurable} }

// DurableSummary keeps the frame, and applies it as a JSON merge patch to the summary document of the attempt.
func DurableSummary() StreamMode { return StreamMode{Kind: StreamSummary, PatchKind: JSONMergePatch} }

// BestEffortLive keeps the frame for live viewers, not longer than twice the TTL.
func BestEffortLive(config BestEffortLiveConfig) StreamMode {
	return StreamMode{Kind: StreamBestEffort, Config: config}
}

// PatchKind is how a summary frame changes the document.
type PatchKind string

// JSONMergePatch is RFC 7386, with [NullSentinel] for a null that stays.
const JSONMergePatch PatchKind = "json-merge-patch"

// The defaults of best-effort streams.
const (
	DefaultMaxLenFloor   = 64
	DefaultMaxLenCeiling = 16_384
	DefaultEMAAlpha      = 0.2
)

// BestEffortLiveConfig bounds how many best-effort frames of a stream are kept: twice as many as come in one TTL at the
// present rate, between floor and ceiling. No zero field but the TTL has to be set.
type BestEffortLiveConfig struct {
	TTL           time.Duration // > 0, at most 2^32-1 ms
	MaxLenFloor   uint32        // 0: 64
	MaxLenCeiling uint32        // 0: 16,384; below the floor: the floor
	EMAAlpha      float64       // weight of the latest interval in the average rate; outside (0, 1]: 0.2
}

func (c BestEffortLiveConfig) validate() *Error {
	if c.TTL <= 0 {
		return InvalidField("ttl_ms", mustBePositive)
	}
	if ms := Millis(c.TTL); ms > math.MaxUint32 {
		return InvalidField("ttl_ms", "exceeds u32::MAX (%s)", strconv.FormatInt(ms, 10))
	}
	return nil
}

// Normalize returns the configuration with the defaults where it says nothing usable.
func (c BestEffortLiveConfig) Normalize() BestEffortLiveConfig {
	if c.MaxLenFloor == 0 {
		c.MaxLenFloor = DefaultMaxLenFloor
	}
	if c.MaxLenCeiling == 0 {
		c.MaxLenCeiling = DefaultMaxLenCeiling
	}
	c.MaxLenCeiling = max(c.MaxLenCeiling, c.MaxLenFloor)
	if !(c.EMAAlpha > 0 && c.EMAAlpha <= 1) {
		c.EMAAlpha = DefaultEMAAlpha
	}
	return c
}

// AppendFrameOutcome is where the frame was stored.
type AppendFrameOutcome struct {
	StreamID       string  `json:"stream_id"`                 // "<ms>-<seq>", a cursor
	FrameCount     uint64  `json:"frame_count"`               // frames that the stream now holds
	SummaryVersion *uint64 `json:"summary_version,omitempty"` // of a summary frame
}
