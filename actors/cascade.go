package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/flowfabric/ffsqlite/messages"
)

// hopBudget and hopsAtOnce bound the cascade hops that run before a commit; the rest follows in messages of their own.
const (
	hopBudget  = time.Millisecond
	hopsAtOnce = 64
)

// hop runs cascade hops, while some are left, within the budget.
func (a *writerActor) hop(left func() bool, hop func(messages.TimestampMs)) {
	if !left() {
		return
	}
	start := a.clock.Now()
	for range hopsAtOnce {
		hop(a.now())
		if !left() || a.writer.Lost() != nil || a.clock.Since(start) >= hopBudget {
			return
		}
	}
}

// continueCascade runs the next hops in a batch of their own, behind the mail that has come meanwhile.
func (a *writerActor) continueCascade(ctx actor.Context) {
	if a.fault != nil || a.drained || !a.writer.HasHops() {
		return
	}
	if a.begin(ctx) != nil {
		a.rest()
		return
	}
	a.hop(a.writer.HasHops, a.writer.Hop)
}

// answerIdle answers those who wait for the cascades to end, once they have or nobody goes on with them.
func (a *writerActor) answerIdle() {
	idle := a.writer.CascadeIdle()
	if a.open || !idle && a.fault == nil && !a.drained {
		return
	}
	err := a.fault
	if err == nil && !idle {
		err = messages.UnavailableError(messages.WaitCascadeIdleArgs{}.Method()) // Nobody goes on with them.
	}
	for _, done := range a.idle {
		done <- err
	}
	a.idle = nil
}
