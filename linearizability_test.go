package ffsqlite_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// What many clients are told at the same time, of a few executions and a flow that they all work on, is what some order
// of their calls explains that keeps each call between its begin and its end.

// object is what calls are made of, with what the specification says of it. The calls of one say nothing of another.
type object interface {
	clone() object
	equal(object) bool
	hash() uint64 // of equal ones the same
}

// question is a call that a client makes, told for the reader, and what the model answers to it.
type question struct {
	text string
	want func(object) answer // changes the object
}

// answer is what a caller is told.
type answer struct {
	text  string
	reply messages.Reply
	err   error
	fits  func(messages.Reply) bool // judges the reply; nil: the text says all
}

func (want answer) is(got answer) bool {
	if want.fits == nil || want.err != nil {
		return (want.fits != nil || want.text == got.text) && errors.Is(got.err, want.err)
	}
	return got.err == nil && want.fits(got.reply)
}

func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return a.text
}

// history is all that was asked of one object. Its clock counts begins and ends.
type history struct {
	initial object
	clock   *atomic.Int64

	mu    sync.Mutex
	calls []porcupine.Operation
}

// ask makes the call and writes down when it began, when it ended and what it told.
func (h *history) ask(client int, q question, call func() answer) {
	begin := h.clock.Add(1)
	got := call()
	end := h.clock.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, porcupine.Operation{ClientId: client, Input: q, Call: begin, Output: got, Return: end})
}

func (h *history) model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return h.initial },
		Step: func(state, input, output any) (bool, any) {
			next := state.(object).clone()
			return input.(question).want(next).is(output.(answer)), next
		},
		Equal:             func(a, b any) bool { return a.(object).equal(b.(object)) },
		Hash:              func(state any) uint64 { return state.(object).hash() },
		DescribeOperation: func(input, output any) string { return fmt.Sprint(input.(question).text, " → ", output) },
		DescribeState:     func(state any) string { return fmt.Sprint(state) },
	}
}

// longestSearch bounds the search for an order. Few histories have so many that it ends undecided.
const longestSearch = 5 * time.Second

// check looks for an order that explains the history. When there is none, it draws the history and returns where; decided
// is false when the search has not ended.
func (h *history) check(t *testing.T) (drawing string, decided bool) {
	t.Helper()
	result, info := porcupine.CheckOperationsVerbose(h.model(), h.calls, longestSearch)
	if result != porcupine.Illegal {
		return "", result == porcupine.Ok
	}
	drawing = filepath.Join(t.ArtifactDir(), "history.html")
	require.NoError(t, porcupine.VisualizePath(h.model(), info, drawing))
	return drawing, true
}

// TestTortureLinearizability_OfManyClientsOnFewKeys has 8 to 64 clients work on two executions and a flow, in memory or
// on a file. A history that no order explains is drawn; keep it with -artifacts.
func TestTortureLinearizability_OfManyClientsOnFewKeys(t *testing.T) {
	t.Parallel()
	histories := fftest.Rounds(20, 400)
	random := seeded(t)
	undecided := 0
	for range histories {
		c := newRush(t, random)
		c.work(random)
		for _, h := range c.histories() {
			drawing, decided := h.check(t)
			if !decided {
				undecided++
			}
			if drawing != "" {
				t.Fatalf("no order explains what %d clients were told: see %s (keep it with -artifacts)", c.clients, drawing)
			}
		}
		require.NoError(t, c.Close())
	}
	t.Logf("%d of %d searches did not end", undecided, 3*histories)
	require.LessOrEqual(t, undecided, histories/4)
}

// rush is an engine and clients of it.
type rush struct {
	*engine

	clients    int
	executions []*shared
	graph      *sharedGraph
}

func newRush(t *testing.T, random *rand.Rand) *rush {
	t.Helper()
	location := ":memory:"
	if random.IntN(4) == 0 {
		location = filepath.Join(t.TempDir(), "shared.db")
	}
	e, clock := openAt(t, location), &atomic.Int64{}
	return &rush{
		engine: e, clients: 8 + random.IntN(57), graph: newSharedGraph(e, clock),
		executions: []*shared{newShared(e, clock, "a"), newShared(e, clock, "b")},
	}
}

// work has each client make some calls, one after the other.
func (c *rush) work(random *rand.Rand) {
	var clients sync.WaitGroup
	for client := range c.clients {
		own := rand.New(rand.NewPCG(random.Uint64(), uint64(client)))
		clients.Go(func() {
			for range 2 + 60/c.clients {
				if i := own.IntN(len(c.executions) + 1); i < len(c.executions) {
					c.executions[i].call(c.t.Context(), client, own)
				} else {
					c.graph.call(c.t.Context(), client, own)
				}
			}
		})
	}
	clients.Wait()
	for _, x := range c.executions {
		x.tells()
	}
}

func (c *rush) histories() []*history {
	histories := []*history{c.graph.history}
	for _, x := range c.executions {
		histories = append(histories, x.history)
	}
	return histories
}

// seeded returns the random source of a test, and prints how it can be had again.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("repeat with -args -seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestLinearizability_DrawsWhatNoOrderExplains gives one lease to two clients.
func TestLinearizability_DrawsWhatNoOrderExplains(t *testing.T) {
	t.Parallel()
	h := &history{initial: newSolo(args(newID()), 0), clock: &atomic.Int64{}}
	for client := range 2 {
		h.ask(client, claimOf(lane), func() answer { return grantOf(&ticket{kind: messages.HandleFresh, epoch: 1}) })
	}
	drawing, _ := h.check(t)
	require.FileExists(t, drawing)

	h.calls = h.calls[:1]
	drawing, decided := h.check(t)
	require.Empty(t, drawing)
	require.True(t, decided)
}
