package messages

import (
	"encoding/json"
	"time"
)

type frameFields Frame

type frameJSON struct {
	frameFields
	Bytes ByteArray `json:"bytes"`
}

// MarshalJSON writes the bytes as an array of numbers.
func (f Frame) MarshalJSON() ([]byte, error) {
	return json.Marshal(frameJSON{frameFields(f), append(ByteArray{}, f.Bytes...)})
}

// UnmarshalJSON reads a frame.
func (f *Frame) UnmarshalJSON(text []byte) error {
	var wire frameJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*f = Frame(wire.frameFields)
	f.Bytes = wire.Bytes
	return nil
}

type streamModeJSON struct {
	Kind      StreamModeKind  `json:"kind"`
	PatchKind PatchKind       `json:"patch_kind,omitempty"`
	Config    *bestEffortJSON `json:"config,omitempty"`
}

type bestEffortJSON struct {
	TTL           millis  `json:"ttl_ms"`
	MaxLenFloor   uint32  `json:"maxlen_floor,omitempty"`
	MaxLenCeiling uint32  `json:"maxlen_ceiling,omitempty"`
	EMAAlpha      float64 `json:"ema_alpha,omitempty"`
}

// MarshalJSON writes the kind, and what belongs to it.
func (m StreamMode) MarshalJSON() ([]byte, error) {
	wire := streamModeJSON{Kind: m.Kind}
	switch m.Kind {
	case "":
		wire.Kind = StreamDurable
	case StreamSummary:
		wire.PatchKind = m.PatchKind
	case StreamBestEffort:
		c := m.Config
		wire.Config = &bestEffortJSON{millis(c.TTL), c.MaxLenFloor, c.MaxLenCeiling, c.EMAAlpha}
	case StreamDurable:
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads a mode.
func (m *StreamMode) UnmarshalJSON(text []byte) error {
	var wire streamModeJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*m = StreamMode{Kind: wire.Kind, PatchKind: wire.PatchKind}
	if c := wire.Config; c != nil {
		m.Config = BestEffortLiveConfig{time.Duration(c.TTL), c.MaxLenFloor, c.MaxLenCeiling, c.EMAAlpha}
	}
	return nil
}

type tailStreamJSON struct {
	ExecutionID  ExecutionID    `json:"execution_id"`
	AttemptIndex AttemptIndex   `json:"attempt_index"`
	After        StreamCursor   `json:"after"`
	Block        millis         `json:"block_ms,omitempty"`
	Count        int            `json:"count"`
	Visibility   TailVisibility `json:"visibility,omitempty"`
}

// MarshalJSON writes the wait in milliseconds.
func (a TailStreamArgs) MarshalJSON() ([]byte, error) {
	return json.Marshal(tailStreamJSON{a.ExecutionID, a.AttemptIndex, a.After, millis(a.Block), a.Count, a.Visibility})
}

// UnmarshalJSON reads the arguments.
func (a *TailStreamArgs) UnmarshalJSON(text []byte) error {
	var wire tailStreamJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*a = TailStreamArgs{
		wire.ExecutionID, wire.AttemptIndex, wire.After, time.Duration(wire.Block), wire.Count, wire.Visibility,
	}
	return nil
}

type summaryFields SummaryDocument

type summaryJSON struct {
	summaryFields
	DocumentJSON ByteArray `json:"document_json"`
}

// MarshalJSON writes the document as an array of numbers.
func (d SummaryDocument) MarshalJSON() ([]byte, error) {
	return json.Marshal(summaryJSON{summaryFields(d), append(ByteArray{}, d.DocumentJSON...)})
}

// UnmarshalJSON reads a summary.
func (d *SummaryDocument) UnmarshalJSON(text []byte) error {
	var wire summaryJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*d = SummaryDocument(wire.summaryFields)
	d.DocumentJSON = wire.DocumentJSON
	return nil
}
