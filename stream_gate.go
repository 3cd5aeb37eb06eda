package ffsqlite

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/flowfabric/ffsqlite/messages"
)

// streamOps is what reads and tails of streams are called together, where they are refused.
const streamOps = "stream_ops"

// streamGate knows the reads and tails of streams that are under way. Once it is shut, none enters any more, and those
// that wait leave.
type streamGate struct {
	mu       sync.Mutex
	inside   int
	shut     chan struct{} // closed when it is shut
	empty    chan struct{} // closed when it is shut and nobody is inside
	prepared chan struct{} // closed when the shutdown that shut it has waited enough
	result   error         // what came of that, once prepared is closed
}

func newStreamGate() *streamGate {
	return &streamGate{shut: make(chan struct{}), empty: make(chan struct{}), prepared: make(chan struct{})}
}

// enter admits an operation; leave must follow it.
func (g *streamGate) enter() (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isShut() {
		return nil, messages.UnavailableError(streamOps)
	}
	g.inside++
	return g.leave, nil
}

func (g *streamGate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && g.isShut() {
		close(g.empty)
	}
}

// count returns how many are inside.
func (g *streamGate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside
}

func (g *streamGate) isShut() bool {
	select {
	case <-g.shut:
		return true
	default:
		return false
	}
}

// close shuts the gate; false says that it was shut before.
func (g *streamGate) close() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isShut() {
		return false
	}
	close(g.shut)
	if g.inside == 0 {
		close(g.empty)
	}
	return true
}

// shutdownPrepare shuts the gate of streams and stops the background jobs, and waits for both and for the flows that are
// being cancelled. Calls that come meanwhile wait for the first, later ones for nothing.
func (e *engine) shutdownPrepare(ctx context.Context, grace time.Duration) error {
	if !e.gate.close() {
		select {
		case <-e.gate.prepared:
			return e.actors.ShutdownPrepare(ctx, grace) // The jobs may have been started again.
		default:
		}
		select {
		case <-e.gate.prepared:
			return e.gate.result
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	e.gate.result = e.quiesce(ctx, grace)
	close(e.gate.prepared)
	return e.gate.result
}

func (e *engine) quiesce(ctx context.Context, grace time.Duration) error {
	begun := e.clock.Now()
	passed := make(chan struct{})
	timer := e.clock.AfterFunc(grace, func() { close(passed) })
	defer timer.Stop()
	if err := e.actors.ShutdownPrepare(ctx, grace); err != nil || grace == 0 {
		if errors.Is(err, messages.ErrTimeout) {
			e.background.hurryUp()
		}
		return err
	}
	for _, ended := range []<-chan struct{}{e.gate.empty, e.background.whenIdle()} {
		select {
		case <-ended:
		case <-ctx.Done():
			return ctx.Err()
		case <-passed:
			return e.graceIsOver(grace, begun)
		}
	}
	return nil
}

// graceIsOver has what goes on begin nothing more.
func (e *engine) graceIsOver(grace time.Duration, begun time.Time) error {
	e.options.log.Warn("streams are read or flows are cancelled at the end of the grace period",
		"streams", e.gate.count(), "flows", e.background.tasks(), "grace", grace)
	e.background.hurryUp()
	return messages.TimeoutError(messages.ShutdownPrepareArgs{}.Method(), e.clock.Since(begun))
}
