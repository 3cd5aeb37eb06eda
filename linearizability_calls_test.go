package ffsqlite_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// solo is an execution that is alone in its lane. The clock stands still.
type solo struct {
	now messages.TimestampMs
	x   twin
}

// newSolo is what the model makes of a create.
func newSolo(a messages.CreateExecutionArgs, now messages.TimestampMs) *solo {
	m := model{now: now}
	_, x, _ := m.create(a)
	return &solo{now, *x}
}

func (s *solo) clone() object {
	c := *s
	return &c
}

func (s *solo) equal(other object) bool {
	a, b := *s, *other.(*solo)
	if a.x.result != nil && b.x.result != nil && *a.x.result == *b.x.result {
		a.x.result = b.x.result
	}
	return a == b
}

func (s *solo) hash() uint64 { return s.x.last.epoch<<16 + uint64(len(s.x.leases)<<8+len(s.x.ends)) }

func (s *solo) model() *model { return &model{now: s.now, twins: []*twin{&s.x}} }

func (s *solo) seen() answer {
	if s.x.last.held {
		return seen(s.x.state, uint32(s.x.attempts), s.x.last.epoch)
	}
	return seen(s.x.state, uint32(s.x.attempts), 0)
}

// seen is what a reader is told.
func seen(state messages.PublicState, attempts uint32, lease uint64) answer {
	return answer{text: fmt.Sprintf("%s, %d attempts, lease %d", state, attempts, lease)}
}

// ofSolo is a question about an execution.
func ofSolo(text string, want func(*solo) answer) question {
	return question{text, func(o object) answer { return want(o.(*solo)) }}
}

func failed(err error) answer { return answer{err: err} }

// told is the answer unless there is an error.
func told(err error, text string, values ...any) answer {
	if err != nil {
		return failed(err)
	}
	return answer{text: fmt.Sprintf(text, values...)}
}

const longTerm = time.Hour

func claimOf(lane messages.LaneID) question {
	return ofSolo("claim", func(s *solo) answer {
		return grantOf(s.model().claim(lane, messages.TimestampMs(longTerm.Milliseconds())))
	})
}

func grantOf(t *ticket) answer {
	if t == nil {
		return answer{text: "nothing"}
	}
	return answer{text: t.String()}
}

// shared is an execution that clients share, and the handles that they got of it.
type shared struct {
	*history

	*engine

	operations []operation
	id         messages.ExecutionID
	lane       messages.LaneID

	mu      sync.Mutex
	tickets []*ticket
}

func newShared(e *engine, clock *atomic.Int64, lane messages.LaneID) *shared {
	a := args(newID(), inLane(lane))
	_, err := e.CreateExecution(e.t.Context(), a)
	require.NoError(e.t, err)
	return &shared{
		history: &history{initial: newSolo(a, e.now()), clock: clock}, engine: e, operations: sharedOperations(),
		id: a.ExecutionID, lane: lane,
	}
}

// elsewhere are the operations on executions that do something beside the execution that clients share, with the reason.
var elsewhere = map[string]string{
	"create_execution":  "it makes another one",
	"set_execution_tag": "a twin has no tags",
	"append_frame":      "a twin has no stream",
}

// sharedOperations are those that clients make of an execution.
func sharedOperations() []operation {
	return slices.DeleteFunc(executionOperations(), func(o operation) bool { return o.alone || elsewhere[o.method] != "" })
}

// call makes a random call: mostly an operation, with arguments that one of the latest tickets suggests.
func (s *shared) call(ctx context.Context, client int, random *rand.Rand) {
	if random.IntN(10) == 0 {
		s.reads(ctx, client)
		return
	}
	tickets := s.known()
	for {
		o := s.operations[random.IntN(len(s.operations))]
		if random.IntN(8) >= o.times {
			continue
		}
		if args, drawn := o.drawn(s.drawer(random, tickets)); drawn {
			s.asks(ctx, client, o, args, tickets)
			return
		}
	}
}

// known are the tickets that clients have got so far.
func (s *shared) known() []*ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tickets)
}

// drawer draws as if the last ticket were good.
func (s *shared) drawer(random *rand.Rand, tickets []*ticket) *drawer {
	x := &twin{id: s.id}
	if n := len(tickets); n > 0 {
		last := tickets[n-1]
		x.state = messages.PublicActive
		x.last = attemptTwin{index: last.index, epoch: last.epoch, expires: math.MaxInt64}
	}
	m := &model{now: s.now(), twins: []*twin{x}, tickets: tickets}
	return &drawer{choices: tossing{random}, model: m, lanes: []messages.LaneID{s.lane}}
}

// asks makes the call, and keeps what it claims.
func (s *shared) asks(ctx context.Context, client int, o operation, args messages.Message, tickets []*ticket) {
	s.ask(client, ofSolo(spoken(args, tickets), func(s *solo) answer {
		m := s.model()
		m.tickets = slices.Clip(tickets)
		want, err := o.want(m, args)
		return answer{err: err, fits: func(reply messages.Reply) bool { return o.agree(m, want, reply) }}
	}), func() answer {
		reply, err := o.call(ctx, s.engine, args)
		text := fmt.Sprintf("%+v", reply)
		if handle, _, _ := granted(reply); handle != nil {
			text = s.keep(*handle).String()
		}
		return answer{text: text, reply: reply, err: err}
	})
}

func (s *shared) keep(handle messages.Handle) *ticket {
	p := payloadOf(s.t, handle)
	t := &ticket{
		handle: handle, id: s.id, kind: handle.Kind, index: int(p.AttemptIndex), epoch: uint64(p.LeaseEpoch),
		ttl: messages.TimestampMs(p.LeaseTTL.Milliseconds()),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tickets = append(s.tickets, t)
	return t
}

// reads looks at the execution.
func (s *shared) reads(ctx context.Context, client int) {
	s.ask(client, ofSolo("read", (*solo).seen), func() answer {
		got, err := s.DescribeExecution(ctx, s.id)
		if err != nil {
			return failed(err)
		}
		state, epoch := got.PublicState, messages.LeaseEpoch(0)
		if got.CurrentLease != nil {
			epoch = got.CurrentLease.LeaseEpoch
		}
		return seen(state, got.TotalAttemptCount, uint64(epoch))
	})
}

// tells reads the events that the calls have left behind, after all of them.
func (s *shared) tells() {
	s.ask(0, ofSolo("events", func(s *solo) answer {
		return answer{text: s.x.ends + "; " + s.x.leases}
	}), func() answer { return answer{text: s.completions(s.id) + "; " + s.leaseEvents(s.id)} })
}
