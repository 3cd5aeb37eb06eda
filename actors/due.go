package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/flowfabric/ffsqlite/messages"
)

// busyPause is how long due work and cascades rest, in milliseconds, when the database cannot be written.
const busyPause = 1000

// runDue processes one portion of what is due; what is left follows behind the mail that has come meanwhile.
func (a *writerActor) runDue(ctx actor.Context) {
	a.scheduled = 0
	if a.fault != nil || a.closed {
		return
	}
	if a.begin(ctx) != nil {
		a.rest()
		return
	}
	if a.writer.RunDue(a.now()) {
		ctx.Send(ctx.Self(), runDue{})
	}
}

// look notices rows that another connection has changed: their deadlines, and work for waiting claims.
func (a *writerActor) look(ctx actor.Context) {
	if a.fault != nil || a.closed {
		return
	}
	changed, err := a.writer.ForeignCommits()
	if err != nil || !changed || a.begin(ctx) != nil {
		return
	}
	a.writer.LookAgain(a.now())
}

// rest has due work and cascades tried again in a while, since nobody may come whose commit would go on with them.
func (a *writerActor) rest() {
	again := a.now() + busyPause
	switch next := a.writer.NextDeadline(); {
	case a.fault != nil || a.closed:
	case a.writer.HasHops():
		a.tell(again)
	case next != 0:
		a.tell(max(next, again))
	}
}

// tell gives the timekeeper a deadline that is earlier than the one it knows.
func (a *writerActor) tell(deadline messages.TimestampMs) {
	if deadline != 0 && (a.scheduled == 0 || deadline < a.scheduled) {
		a.scheduled = deadline
		a.schedule(deadline)
	}
}
