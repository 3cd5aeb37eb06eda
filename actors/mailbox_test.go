package actors

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// played is an invoker that does what messages say, and notes what came.
type played struct {
	lock      sync.Mutex
	came      []any
	escalated []any
}

func (p *played) InvokeUserMessage(message any) {
	p.lock.Lock()
	p.came = append(p.came, message)
	p.lock.Unlock()
	if f, ok := message.(func()); ok {
		f()
	}
	if r, ok := message.(*request); ok {
		r.message.(todo).do(r)
	}
}

func (p *played) InvokeSystemMessage(message any) { p.InvokeUserMessage(message) }

func (p *played) EscalateFailure(reason, _ any) { p.escalated = append(p.escalated, reason) }

// todo is what the writer is to do with a request.
type todo struct {
	messages.CompleteArgs
	do func(*request)
}

func asked(ctx context.Context, do func(*request)) *request {
	var pool requestPool
	return pool.take(ctx, todo{do: do}, nil)
}

func playedMailbox() (*callerMailbox, *played) {
	p := &played{}
	m, _ := newCallerMailbox().(*callerMailbox)
	m.RegisterHandlers(p, nil)
	m.Start()
	return m, p
}

func TestMailbox_RunsACallerThatStaysToItsAnswer(t *testing.T) {
	t.Parallel()
	m, p := playedMailbox()
	r := asked(context.Background(), func(r *request) {
		r.Take()
		m.PostUserMessage(1)
		m.PostUserMessage(func() { r.respond(nil, nil) })
	})
	m.PostUserMessage(r)
	require.Len(t, r.answer, 1, "no other goroutine was needed")
	require.Equal(t, 1, p.came[1])
	require.Len(t, p.came, 3)
	require.Zero(t, m.UserMessageCount())
}

func TestMailbox_GoesOnWithoutACallerThatIsSettled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, settle := range map[string]func(*request){
			"answered":           func(r *request) { r.respond(nil, nil) },
			"a claim that waits": func(r *request) { r.PutBack() },
		} {
			m, p := playedMailbox()
			gate := make(chan struct{})
			m.PostUserMessage(asked(context.Background(), func(r *request) {
				r.Take()
				m.PostUserMessage(func() { <-gate }) // It would hold the caller.
				m.PostUserMessage(2)
				settle(r)
			}))
			close(gate) // So it was sent without the rest.
			synctest.Wait()
			require.Equal(t, 2, p.came[2], name)
			require.False(t, m.running, name)
		}
	})
}

func TestMailbox_SendsACallerThatMayLeaveOnItsWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		m, _ := playedMailbox()
		gate := make(chan struct{})
		r := asked(ctx, func(r *request) { r.Take(); <-gate; r.respond(nil, nil) })
		m.PostUserMessage(r)
		require.Empty(t, r.answer)
		close(gate)
		<-r.answer
	})
}

func TestMailbox_ProcessesSystemMessagesFirstAndAlsoWhileSuspended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, p := playedMailbox()
		m.PostSystemMessage(&actor.SuspendMailbox{})
		synctest.Wait()
		m.PostUserMessage("user")
		m.PostSystemMessage("system")
		synctest.Wait()
		require.Equal(t, []any{"system"}, p.came)
		require.Equal(t, 1, m.UserMessageCount())
		m.PostSystemMessage(&actor.ResumeMailbox{})
		synctest.Wait()
		require.Equal(t, []any{"system", "user"}, p.came)
	})
}

func TestMailbox_GoesOnAfterAPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, p := playedMailbox()
		m.PostUserMessage(func() {
			m.PostUserMessage(2)
			panic("now")
		})
		synctest.Wait()
		require.Equal(t, []any{"now"}, p.escalated)
		require.Equal(t, 2, p.came[1])
	})
}

func TestMailbox_KeepsTheOrderOfManySenders(t *testing.T) {
	t.Parallel()
	m, p := playedMailbox()
	const senders, each = 16, 200
	var done sync.WaitGroup
	for sender := range senders {
		done.Go(func() {
			for n := range each {
				ctx := context.Background()
				if n%3 == 0 {
					ctx = t.Context()
				}
				r := asked(ctx, func(r *request) {
					r.Take()
					r.respond(nil, nil)
				})
				m.PostUserMessage([2]int{sender, n})
				m.PostUserMessage(r)
				<-r.answer
			}
		})
	}
	done.Wait()
	next := [senders]int{}
	for _, came := range p.came {
		if at, ok := came.([2]int); ok {
			require.Equal(t, next[at[0]], at[1])
			next[at[0]]++
		}
	}
	require.Len(t, p.came, 2*senders*each)
}
