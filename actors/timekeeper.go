package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/messages"
)

const (
	// lookInterval is how long a row that another connection changed may go unnoticed, at the most.
	lookInterval = 750 * time.Millisecond
	// farthest bounds a timer: a deadline in the far future is looked at again, and no time.Duration overflows.
	farthest = 24 * time.Hour
)

// The messages of the timekeeper.
type (
	deadline  struct{ at messages.TimestampMs } // the earliest stored deadline is not later than this
	ring      struct{}                          // the timer went off
	lookTime  struct{}                          // the look interval has passed
	lookEvery struct {                          // the look interval is this from now on
		interval time.Duration
		done     chan<- error
	}
	halt struct{ done chan<- struct{} } // stop the timers
)

// timekeeperActor holds one timer for the earliest stored deadline. When it goes off, one message makes the writer
// process what is due, through the same queue as every other mutation.
type timekeeperActor struct {
	clock    *clock.Monotonic
	writer   *actor.PID
	deadline messages.TimestampMs // 0: none
	timer    clock.Timer
	looking  clock.Timer
	interval time.Duration // between two looks
	halted   bool
	begun    chan<- struct{} // closed once the first look is due in an interval
}

// Receive implements actor.Actor.
func (t *timekeeperActor) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		t.armLook(ctx)
		close(t.begun)
	case deadline:
		if t.deadline == 0 || m.at < t.deadline {
			t.deadline = m.at
			t.arm(ctx)
		}
	case ring:
		t.ring(ctx)
	case lookTime:
		ctx.Send(t.writer, look{})
		t.armLook(ctx)
		t.ring(ctx) // The timer does not know that somebody has set the clock forward.
	case lookEvery:
		t.interval = m.interval
		t.looking.Stop()
		t.armLook(ctx)
		m.done <- nil
	case halt:
		t.halt()
		close(m.done)
	}
}

// ring sends the writer to work if the deadline has come; the writer then reports the next one.
func (t *timekeeperActor) ring(ctx actor.Context) {
	if t.halted || t.deadline == 0 {
		return
	}
	if int64(t.deadline) > t.clock.NowMs() {
		t.arm(ctx)
		return
	}
	t.deadline = 0
	ctx.Send(t.writer, runDue{})
}

// arm sets the timer. The clock may move between the look at it and the timer, a manual one by any amount; then the timer
// would go off late by as much, so it is set again.
func (t *timekeeperActor) arm(ctx actor.Context) {
	for !t.halted {
		if t.timer != nil {
			t.timer.Stop()
		}
		before, wait := t.clock.Now(), min(t.clock.Until(int64(t.deadline)), farthest)
		if wait <= 0 {
			ctx.Send(ctx.Self(), ring{})
			return
		}
		t.timer = t.after(ctx, wait, ring{})
		if t.clock.Since(before) < time.Millisecond {
			return
		}
	}
}

func (t *timekeeperActor) armLook(ctx actor.Context) {
	if !t.halted {
		t.looking = t.after(ctx, t.interval, lookTime{})
	}
}

// after sends the message to the timekeeper itself when the time has passed.
func (t *timekeeperActor) after(ctx actor.Context, d time.Duration, message any) clock.Timer {
	root, self := ctx.ActorSystem().Root, ctx.Self()
	return t.clock.AfterFunc(d, func() { root.Send(self, message) })
}

func (t *timekeeperActor) halt() {
	t.halted = true
	for _, timer := range []clock.Timer{t.timer, t.looking} {
		if timer != nil {
			timer.Stop()
		}
	}
}
