package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// appended notes a new frame for those that follow its stream.
func (b *batch) appended(payload messages.HandlePayload, mode messages.StreamModeKind) {
	kind := messages.StreamAppended
	if mode == messages.StreamBestEffort {
		kind = messages.StreamAppendedLive
	}
	b.changed(messages.StreamChange{Kind: kind, ExecutionID: payload.ExecutionID, AttemptIndex: payload.AttemptIndex})
}

// mayEnd notes that a row is stored which decides whether streams of the execution are closed (03 §8.6). Every
// transition stores its rows by the same two functions, so none can forget those that wait for the end.
func (b *batch) mayEnd(x *execution) {
	b.changed(messages.StreamChange{Kind: messages.StreamMayEnd, ExecutionID: x.executionID()})
}

// changed leaves out what was just noted, as an end stores both rows.
func (b *batch) changed(change messages.StreamChange) {
	if n := len(b.streams); n == 0 || b.streams[n-1] != change {
		b.streams = append(b.streams, change)
	}
}
