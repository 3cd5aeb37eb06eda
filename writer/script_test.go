package writer_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// tape is a random or fuzzed sequence of decisions.
type tape []byte

// next returns a number below n, 0 when the tape has run out.
func (t *tape) next(n int) int {
	if len(*t) == 0 {
		return 0
	}
	b := (*t)[0]
	*t = (*t)[1:]
	return int(b) % n
}

// flip is true one time in n.
func (t *tape) flip(n int) bool { return t.next(n) == n-1 }

// script plays a tape on a machine: the bytes become messages about a handful of executions and flows, valid and
// invalid ones, in batches. Two scripts with one tape send the same messages, whatever ids their machines draw.
type script struct {
	*machine

	tape   tape
	single bool // every message is a batch of its own, which is rolled back when the message fails
	failed bool // the last message did

	handles []messages.Handle // of claims that were committed
	claimed []messages.Handle // since then
	waiters []*waiter
	settled int                        // the waiters whose wait was committed
	coming  []func() messages.Mutation // before the tape goes on
	graphs  byte
	created []messages.ExecutionID
	members map[messages.FlowID][]messages.ExecutionID
	edges   []messages.ApplyDependencyToChildArgs // that were staged
	answers []func() string                       // of the messages since the last commit
	told    []string                              // to callers, since then
	log     []string                              // what callers were told
}

// play sends everything on the tape and calls committed after each commit.
func (s *script) play(committed func()) {
	s.t.Helper()
	for len(s.tape) > 0 {
		s.begin()
		for n := 1 + s.tape.next(12); n > 0 && len(s.tape) > 0; n-- {
			s.now += messages.TimestampMs([]int{0, 1, 7, 250}[s.tape.next(4)])
			s.send()
			switch {
			case s.single && s.failed:
				require.NoError(s.t, s.Rollback())
				s.hear()
				s.begin()
			case s.single:
				s.commit()
				s.begin()
			}
		}
		s.commit()
		s.learn()
		committed()
	}
}

func (s *script) begin() {
	s.t.Helper()
	require.NoError(s.t, s.Begin())
}

func (s *script) commit() {
	s.t.Helper()
	_, err := s.Commit()
	require.NoError(s.t, err)
	s.hear()
	for _, served := range s.Served() {
		w := slices.Index(s.waiters, served.Waiter.(*waiter))
		s.told = append(s.told, fmt.Sprintf("waiter %d: %s", w, s.answer(served.Reply, served.Err)))
	}
}

// hear collects what the callers of the batch are told.
func (s *script) hear() {
	for _, answer := range s.answers {
		s.told = append(s.told, answer())
	}
	s.answers = nil
}

// learn makes what was claimed known to the messages that follow, as it is known to callers only after the commit.
func (s *script) learn() {
	slices.Sort(s.told)
	s.log = append(s.log, s.told...)
	slices.SortFunc(s.claimed, func(a, b messages.Handle) int { return strings.Compare(s.holder(a), s.holder(b)) })
	s.handles = append(s.handles, s.claimed...)
	s.told, s.claimed = nil, nil
	s.settled = len(s.waiters)
}

// send takes one step, and the cascade that follows from it.
func (s *script) send() {
	s.t.Helper()
	s.failed = false
	if len(s.coming) == 0 && s.tape.flip(12) {
		s.build()
	}
	if len(s.coming) > 0 {
		next := s.coming[0]
		s.coming = s.coming[1:]
		s.deliver(next())
	} else {
		s.decide()
	}
	for s.HasHops() {
		s.Hop(s.now)
	}
}

func (s *script) decide() {
	s.t.Helper()
	switch s.tape.next(24) {
	case 0:
		s.now += messages.TimestampMs(s.tape.next(40)) * 500
		for s.RunDue(s.now) {
		}
	case 1:
		if s.settled > 0 {
			w := s.waiters[s.tape.next(s.settled)]
			if !w.taken {
				w.gone = true
				s.Forget(w)
			}
		}
	case 2:
		s.deliver(s.submit())
	case 3, 4, 5:
		s.deliver(s.together())
	default:
		s.deliver(s.message())
	}
}

// deliver applies a message that passes its own checks, as only those reach the writer.
func (s *script) deliver(m messages.Mutation) {
	if v, ok := m.(messages.Validator); m == nil || ok && v.Validate() != nil {
		return
	}
	answer := s.Apply(s.now, m)
	s.failed = answer.Err != nil
	if wait, ok := m.(messages.ClaimWaitArgs); ok && answer.Err == nil {
		if answer.Reply.(messages.ClaimNextResult).Task == nil {
			w := &waiter{}
			s.waiters = append(s.waiters, w)
			s.Wait(w, wait)
			return
		}
	}
	if answer.Err == nil {
		s.note(m)
	}
	s.answers = append(s.answers, func() string { return m.Method() + ": " + s.answer(answer.Reply, answer.Err) })
}

// note remembers what later messages can be about.
func (s *script) note(m messages.Mutation) {
	switch args := m.(type) {
	case messages.CreateExecutionArgs:
		s.created = append(s.created, args.ExecutionID)
	case messages.CreateFlowArgs:
		if s.members == nil {
			s.members = map[messages.FlowID][]messages.ExecutionID{}
		}
	case messages.AddExecutionToFlowArgs:
		s.members[args.FlowID] = append(s.members[args.FlowID], args.ExecutionID)
	case messages.SubmitFlowArgs:
		for i := range args.Executions {
			s.created = append(s.created, args.Executions[i].ExecutionID)
		}
	case messages.BatchArgs:
		for _, m := range args.Messages {
			s.note(m.(messages.Mutation))
		}
	case messages.StageDependencyEdgeArgs:
		s.edges = append(s.edges, messages.ApplyDependencyToChildArgs{
			FlowID: args.FlowID, EdgeID: args.EdgeID, UpstreamExecutionID: args.UpstreamExecutionID,
			DownstreamExecutionID: args.DownstreamExecutionID,
		})
	}
}
