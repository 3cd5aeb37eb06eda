package actors

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/flowfabric/ffsqlite/messages"
)

// The states of a request. The writer and the caller that gives up move it by compare-and-swap; the first wins.
const (
	stateWaiting   int32 = iota // in the mailbox, or a claim that waits for work
	stateTaken                  // the writer works on it
	stateLeft                   // the caller went before the writer took it: it is skipped
	stateLeaving                // a claim whose caller wants to go, but stays for an answer that is being made
	stateAbandoned              // the caller went while the writer worked: the outcome is unknown to it
	stateAnswered               // the answer is in the channel
)

// request is one mutation on its way to the writer and back.
type request struct {
	message messages.Mutation
	state   atomic.Int32
	answer  chan answer
	slots   chan struct{} // where the request holds a place, nil if it holds none
	stays   bool          // its caller waits for the answer whatever happens
}

type answer struct {
	reply messages.Reply
	err   error
}

// requestPool keeps answered requests for reuse. Each engine has its own: a channel that was made in a bubble of
// testing/synctest, as users' tests do, is of no use outside it.
type requestPool struct{ pool sync.Pool }

func (p *requestPool) take(ctx context.Context, m messages.Mutation, slots chan struct{}) *request {
	r, ok := p.pool.Get().(*request)
	if !ok {
		r = &request{answer: make(chan answer, 1)}
	}
	r.message, r.slots, r.stays = m, slots, ctx.Done() == nil
	r.state.Store(stateWaiting)
	return r
}

// put gives an answered request back. One whose caller went is left to the garbage collector, because the writer may
// still hold it.
func (p *requestPool) put(r *request) {
	r.release()
	r.message = nil
	p.pool.Put(r)
}

// release frees the place of the request.
func (r *request) release() {
	if r.slots != nil {
		<-r.slots
		r.slots = nil
	}
}

// Take reserves the request for the writer. False means that the caller has left, and nobody will look at an answer.
func (r *request) Take() bool { return r.state.CompareAndSwap(stateWaiting, stateTaken) }

// PutBack makes a claim wait on. False means that its caller is leaving and wants an answer now.
func (r *request) PutBack() bool { return r.state.CompareAndSwap(stateTaken, stateWaiting) }

// settled reports whether the writer is done with the request, once it has taken it: the answer is there, or it is a claim
// that waits on.
func (r *request) settled() bool { return r.state.Load() != stateTaken }

// respond gives the answer to a request that was taken.
func (r *request) respond(reply messages.Reply, err error) {
	if r.state.CompareAndSwap(stateTaken, stateAnswered) || r.state.CompareAndSwap(stateLeaving, stateAnswered) {
		r.answer <- answer{reply, err}
		return
	}
	r.release() // Abandoned: the caller has gone and left its place to be freed here.
}

// leave is called by a caller whose context ended. It reports whether the caller may go; otherwise the answer is coming
// and must be awaited.
func (r *request) leave(staysForAnswer bool) bool {
	for {
		if r.state.CompareAndSwap(stateWaiting, stateLeft) {
			return true
		}
		if staysForAnswer {
			if r.state.CompareAndSwap(stateTaken, stateLeaving) {
				return false
			}
		} else if r.state.CompareAndSwap(stateTaken, stateAbandoned) {
			return true
		}
		if r.state.Load() == stateAnswered {
			return false
		}
	}
}
