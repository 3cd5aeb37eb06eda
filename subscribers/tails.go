package subscribers

import (
	"sync"

	"github.com/flowfabric/ffsqlite/messages"
)

// Tails are the calls that wait for frames, by the execution whose stream they follow. They cost nothing but memory: a
// commit wakes those of the streams that it changed and looks at no other. The zero value is ready for use, and the
// methods may be called concurrently.
type Tails struct {
	mu      sync.Mutex
	waiting map[messages.ExecutionID]map[*Tail]struct{}
}

// Tail is one call that waits for frames.
type Tail struct {
	woken   chan struct{} // holds one: more would tell nothing new
	attempt messages.AttemptIndex
	kept    bool // best-effort frames are not for this one
}

// Join registers a call before it reads, so that it hears of every commit that the read does not see. Leave must
// follow.
func (t *Tails) Join(execution messages.ExecutionID, attempt messages.AttemptIndex, visibility messages.TailVisibility) *Tail {
	tail := &Tail{
		woken: make(chan struct{}, 1), attempt: attempt, kept: visibility == messages.TailExcludeBestEffort,
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == nil {
		t.waiting = map[messages.ExecutionID]map[*Tail]struct{}{}
	}
	if t.waiting[execution] == nil {
		t.waiting[execution] = map[*Tail]struct{}{}
	}
	t.waiting[execution][tail] = struct{}{}
	return tail
}

// Leave forgets a call.
func (t *Tails) Leave(execution messages.ExecutionID, tail *Tail) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.waiting[execution], tail)
	if len(t.waiting[execution]) == 0 {
		delete(t.waiting, execution)
	}
}

// Wake wakes the calls that a commit concerns. It never waits.
func (t *Tails) Wake(committed *messages.Committed) {
	if committed.Foreign {
		t.WakeAll()
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		return
	}
	for i := range committed.Streams {
		change := &committed.Streams[i]
		for tail := range t.waiting[change.ExecutionID] {
			if tail.concerns(change) {
				tail.wake()
			}
		}
	}
}

// WakeAll wakes every call, to look for itself.
func (t *Tails) WakeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, tails := range t.waiting {
		for tail := range tails {
			tail.wake()
		}
	}
}

func (t *Tail) concerns(change *messages.StreamChange) bool {
	switch change.Kind {
	case messages.StreamMayEnd:
		return true
	case messages.StreamAppendedLive:
		return change.AttemptIndex == t.attempt && !t.kept
	case messages.StreamAppended:
	}
	return change.AttemptIndex == t.attempt
}

func (t *Tail) wake() {
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

// Woken has a value after a commit that concerns the call.
func (t *Tail) Woken() <-chan struct{} { return t.woken }
