package actors

import (
	"runtime"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/writer"
)

// outcome is what a request of the open batch will be told when the batch commits.
type outcome struct {
	request *request
	answer  *writer.Answer
}

// begin opens a batch unless one is open.
func (a *writerActor) begin(ctx actor.Context) error {
	if a.open {
		return nil
	}
	if err := database.Retry(a.writer.Begin); err != nil {
		a.judge(err)
		return err
	}
	a.open, a.waited = true, false
	a.opened = a.clock.Now()
	ctx.Send(ctx.Self(), flush{})
	return nil
}

// flush comes round behind the mail of the open batch. Callers that are under way but have not arrived may get one more
// turn to join; then the batch commits, after as much of its cascade as a short while allows.
func (a *writerActor) flush(ctx actor.Context) {
	switch {
	case !a.open:
		return
	case a.waited:
		a.stragglers.came(len(a.pending))
	case a.stragglers.wait(len(a.pending), a.inFlight()):
		a.waited = true
		runtime.Gosched()
		ctx.Send(ctx.Self(), flush{})
		return
	}
	a.finish(ctx)
}

// finish commits the open batch, if there is one, without waiting for anybody, with as much of the cascade that it has
// caused as the budget allows. It reports false when that failed.
func (a *writerActor) finish(ctx actor.Context) bool {
	if !a.open {
		return true
	}
	a.hop(a.writer.HasOwnHops, a.writer.HopOwn)
	return a.commit(ctx)
}

// commit ends the open batch, answers its callers, and only then does what nobody waits for. It reports false when
// nothing was stored.
func (a *writerActor) commit(ctx actor.Context) bool {
	committed, err := a.writer.Commit()
	a.open = false
	if err != nil {
		a.fail(database.Classify(err))
		a.judge(err)
		a.ticked(ctx, database.Classify(err))
		a.rest()
		a.answerIdle()
		return false
	}
	a.answer()
	if len(committed.Streams) > 0 || committed.Foreign {
		a.wake(committed)
	}
	if len(committed.Completions)+len(committed.Leases) > 0 {
		a.publish(committed)
	}
	a.tell(committed.NextDeadline)
	a.upkeep()
	a.ticked(ctx, nil)
	a.checkpoint()
	if a.writer.HasHops() {
		ctx.Send(ctx.Self(), hops{})
	}
	a.answerIdle()
	return true
}

// answer tells everybody in a batch that is stored what came of it.
func (a *writerActor) answer() {
	a.size = size{}
	for i := range a.pending {
		a.pending[i].request.respond(a.pending[i].answer.Reply, a.pending[i].answer.Err)
		a.pending[i] = outcome{}
	}
	a.pending = a.pending[:0]
	for _, s := range a.writer.Served() {
		if r, ok := s.Waiter.(*request); ok {
			r.respond(s.Reply, s.Err)
		}
	}
}

// fail answers everybody in a batch that was not stored. Waiting claims that it had served wait on, unless their callers
// are leaving.
func (a *writerActor) fail(err error) {
	a.size = size{}
	for i := range a.pending {
		a.pending[i].request.respond(nil, err)
		a.pending[i] = outcome{}
	}
	a.pending = a.pending[:0]
	for _, s := range a.writer.Served() {
		if r, ok := s.Waiter.(*request); ok {
			r.respond(nil, err)
		}
	}
}
