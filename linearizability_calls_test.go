package ffsqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
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

func (s *solo) equal(other object) bool { return *s == *other.(*solo) }

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
	return answer{text: fmt.Sprintf("%s attempt %d, epoch %d", t.kind, t.index, t.epoch)}
}

// shared is an execution that clients share, and the handles that they got of it.
type shared struct {
	*history

	*engine

	id      messages.ExecutionID
	lane    messages.LaneID
	mu      sync.Mutex
	tickets []ticket
}

func newShared(e *engine, clock *atomic.Int64, lane messages.LaneID) *shared {
	a := args(newID(), inLane(lane))
	_, err := e.CreateExecution(e.t.Context(), a)
	require.NoError(e.t, err)
	return &shared{history: &history{initial: newSolo(a, e.now()), clock: clock}, engine: e, id: a.ExecutionID, lane: lane}
}

// ticket is one of the latest handles, most often the last; none before the first claim.
func (s *shared) ticket(random *rand.Rand) (ticket, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tickets) == 0 {
		return ticket{}, false
	}
	return s.tickets[max(0, len(s.tickets)-1-random.IntN(2)*random.IntN(3))], true
}

// call makes a random call.
func (s *shared) call(ctx context.Context, client int, random *rand.Rand) {
	t, claimed := s.ticket(random)
	switch kind := random.IntN(10); {
	case kind < 3 || !claimed:
		s.claims(ctx, client)
	case kind < 7:
		s.works(ctx, client, random, t)
	case kind < 9:
		s.operates(ctx, client, random, t)
	default:
		s.reads(ctx, client)
	}
}

func (s *shared) claims(ctx context.Context, client int) {
	a := claimArgs()
	a.LaneID, a.Policy.LeaseTTL = s.lane, longTerm
	s.ask(client, claimOf(s.lane), func() answer {
		handle, err := s.Claim(ctx, a)
		if err != nil || handle == nil {
			return told(err, "nothing")
		}
		p := payloadOf(s.t, *handle)
		t := ticket{
			handle: *handle, id: s.id, kind: handle.Kind, index: int(p.AttemptIndex), epoch: uint64(p.LeaseEpoch),
			ttl: messages.TimestampMs(longTerm.Milliseconds()),
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tickets = append(s.tickets, t)
		return grantOf(&t)
	})
}

// works is what the holder of a handle does.
func (s *shared) works(ctx context.Context, client int, random *rand.Rand, t ticket) {
	name := func(call string) string { return fmt.Sprintf("%s attempt %d, epoch %d", call, t.index, t.epoch) }
	switch random.IntN(6) {
	case 0:
		s.ask(client, ofSolo(name("renew"), func(s *solo) answer {
			lease, err := s.model().renew(&t)
			return told(err, "until %d, epoch %d", lease.ExpiresAt, lease.LeaseEpoch)
		}), func() answer {
			lease, err := s.Renew(ctx, t.handle)
			return told(err, "until %d, epoch %d", lease.ExpiresAt, lease.LeaseEpoch)
		})
	case 1, 2:
		s.ask(client, ofSolo(name("complete"), func(s *solo) answer { return failed(s.model().complete(&t, nil)) }),
			func() answer { return failed(s.Complete(ctx, t.handle, nil)) })
	case 3:
		class := []messages.FailureClass{messages.FailureTransient, messages.FailurePermanent}[random.IntN(2)]
		s.ask(client, ofSolo(name("fail "+string(class)), func(s *solo) answer {
			outcome, _, err := s.model().fail(&t, class)
			return told(err, "%s, next %d", outcome.Outcome, outcome.NextAttemptIndex)
		}), func() answer {
			outcome, err := s.Fail(ctx, messages.FailArgs{Handle: t.handle, Class: class})
			return told(err, "%s, next %d", outcome.Outcome, outcome.NextAttemptIndex)
		})
	case 4:
		s.ask(client, ofSolo(name("cancel"), func(s *solo) answer { return failed(s.model().cancelHeld(&t)) }),
			func() answer { return failed(s.Cancel(ctx, t.handle, "enough")) })
	default:
		until := s.now() + messages.TimestampMs(random.IntN(3)/2) // Most often over at once.
		s.ask(client, ofSolo(name(fmt.Sprint("delay until ", until)), func(s *solo) answer {
			err := s.model().park(&t, messages.PublicDelayed, until)
			s.x.promote(s.now)
			return failed(err)
		}), func() answer { return failed(s.Delay(ctx, t.handle, until)) })
	}
}

// operates is what operators do.
func (s *shared) operates(ctx context.Context, client int, random *rand.Rand, t ticket) {
	id := s.id
	switch random.IntN(6) {
	case 0:
		a := messages.CancelExecutionArgs{ExecutionID: id, Reason: "enough"}
		s.ask(client, ofSolo("cancel", func(s *solo) answer { return failed(s.model().cancelExecution(a)) }), func() answer {
			_, err := s.CancelExecution(ctx, a)
			return failed(err)
		})
	case 1, 2:
		s.ask(client, ofSolo("revoke", func(s *solo) answer {
			outcome, err := s.model().revoke(id)
			return told(err, "%s", outcome)
		}), func() answer {
			result, err := s.RevokeLease(ctx, messages.RevokeLeaseArgs{ExecutionID: id})
			return told(err, "%s", result.Outcome)
		})
	case 3:
		priority := random.Int32N(10)
		s.ask(client, ofSolo(fmt.Sprint("priority ", priority), func(s *solo) answer {
			return failed(s.model().changePriority(id, priority))
		}), func() answer {
			_, err := s.ChangePriority(ctx, messages.ChangePriorityArgs{ExecutionID: id, NewPriority: priority})
			return failed(err)
		})
	default:
		s.ask(client, ofSolo("replay", func(s *solo) answer { return failed(s.model().replay(id)) }), func() answer {
			_, err := s.ReplayExecution(ctx, messages.ReplayExecutionArgs{ExecutionID: id})
			return failed(err)
		})
	}
}

// reads looks at the execution. A delay that is over may still be told.
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
		if state == messages.PublicDelayed && *got.BlockingDetail == fmt.Sprint("delayed until ", s.now()) {
			state = messages.PublicWaiting
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
