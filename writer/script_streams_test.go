package writer_test

import (
	"fmt"
	"time"

	"github.com/flowfabric/ffsqlite/messages"
)

// frame is a frame of any mode; few best-effort ones are kept, and not for long.
func (s *script) frame() messages.Frame {
	switch s.tape.next(3) {
	case 0:
		patch := fmt.Sprintf(`{"k%d": {"v": %d}}`, s.tape.next(3), s.tape.next(3))
		return messages.Frame{Bytes: []byte(patch), Mode: messages.DurableSummary()}
	case 1:
		return messages.Frame{Bytes: []byte("live"), Mode: messages.BestEffortLive(messages.BestEffortLiveConfig{
			TTL: time.Duration(1+s.tape.next(3)*500) * time.Millisecond, MaxLenFloor: 1, MaxLenCeiling: 2,
		})}
	}
	return messages.Frame{Bytes: []byte("out"), Kind: messages.FrameStdout}
}
