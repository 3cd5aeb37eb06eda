package ffsqlite_test

import (
	"encoding/json"
	"fmt"

	"github.com/flowfabric/ffsqlite/messages"
)

// streamOf names the stream of an attempt.
type streamOf struct {
	id      messages.ExecutionID
	attempt int
}

// streamTwin is a stream: how many frames there are, where the last one is, and the summary.
type streamTwin struct {
	frames  uint64
	at      messages.TimestampMs
	seq     uint64
	version uint64
	summary string
}

func (m *model) appendFrame(t *ticket, f messages.Frame) (result messages.AppendFrameOutcome, err error) {
	of := streamOf{t.id, t.index}
	s := m.streams[of]
	if f.Mode.Kind == messages.StreamSummary {
		if s.summary, err = patched(s.summary, f.Bytes); err != nil {
			return result, err
		}
		s.version++
		result.SummaryVersion = new(s.version)
	}
	x := m.find(t.id)
	switch {
	case x.current(t) != nil:
		return messages.AppendFrameOutcome{}, messages.ErrLeaseConflict
	case x.state != messages.PublicActive:
		return messages.AppendFrameOutcome{}, messages.ErrStreamClosed
	case x.lost(m.now):
		return messages.AppendFrameOutcome{}, messages.ErrStaleOwnerCannotAppend
	}
	s.seq++
	if s.frames == 0 || s.at < m.now {
		s.at, s.seq = m.now, 0
	}
	s.frames++
	if x.mostFrames > 0 {
		s.frames = min(s.frames, x.mostFrames)
	}
	m.streams[of] = s
	result.StreamID, result.FrameCount = s.last(), s.frames
	return result, nil
}

// last is the id of the last frame.
func (s streamTwin) last() string { return fmt.Sprintf("%d-%d", s.at, s.seq) }

// patched is a document after a JSON merge patch.
func patched(document string, patch []byte) (string, error) {
	var changes map[string]any
	if json.Unmarshal(patch, &changes) != nil || changes == nil {
		return "", messages.ErrInvalidInput
	}
	target := map[string]any{}
	if document != "" {
		if err := json.Unmarshal([]byte(document), &target); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(merged(target, changes))
	return string(text), err
}

func merged(target, changes map[string]any) map[string]any {
	for name, value := range changes {
		inner, isObject := value.(map[string]any)
		switch {
		case value == nil:
			delete(target, name)
		case value == messages.NullSentinel:
			target[name] = nil
		case isObject:
			old, _ := target[name].(map[string]any)
			if old == nil {
				old = map[string]any{}
			}
			target[name] = merged(old, inner)
		default:
			target[name] = value
		}
	}
	return target
}
