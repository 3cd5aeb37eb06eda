package ffsqlite

// HoldStreams is a read of a stream that goes on until it is released.
func HoldStreams(b *Backend) (release func(), err error) { return b.engine.gate.enter() }
