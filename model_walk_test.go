package ffsqlite_test

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// TestTortureModel_Operations walks at random over all operations, with good and with bad arguments, and has the model
// take the same steps. Answers, errors and what can be read agree after each. A walk that fails is made shorter, and rapid
// prints its seed.
func TestTortureModel_Operations(t *testing.T) {
	walks := fftest.Rounds(150, 6_000)
	if fftest.RaceDetector {
		walks /= 10
	}
	set(t, "rapid.checks", walks)
	set(t, "rapid.steps", 40)
	rapid.Check(t, func(r *rapid.T) {
		inBubble(t, func(t *testing.T) { //nolint:thelper // The walk itself.
			w := &walk{engine: open(t), model: newModel(), operations: operations(), seen: map[messages.ExecutionID]twin{}}
			w.settle()
			w.begins(r)
			r.Repeat(w.steps())
			w.agreesAtLast(r)
		})
	})
}

// set gives rapid a number, unless the command line does. Tests that do so don't run in parallel.
func set(t *testing.T, name string, n int) {
	t.Helper()
	given := flag.Lookup(name)
	if given.Value.String() != given.DefValue {
		return
	}
	require.NoError(t, given.Value.Set(strconv.Itoa(n)))
	t.Cleanup(func() { require.NoError(t, given.Value.Set(given.DefValue)) })
}

// inBubble runs one walk in a bubble of its own. What it panics with, as rapid does to end a walk, goes on outside.
func inBubble(t *testing.T, walk func(*testing.T)) {
	t.Helper()
	var cause any
	synctest.Test(t, func(t *testing.T) {
		defer func() { cause = recover() }()
		walk(t)
	})
	if text := fmt.Sprintf("%T", cause); text == "rapid.invalidData" {
		panic(cause) // On a line of its own: rapid tells failures apart by where they come from.
	}
	if cause != nil {
		panic(cause)
	}
}

// walk is an engine and the model of it.
type walk struct {
	*engine

	model      *model
	operations []operation
	minted     int
	parked     []*parkedClaim
	seen       map[messages.ExecutionID]twin // and compared
}

// steps are those of a walk: any operation, a batch, or the clock.
func (w *walk) steps() map[string]func(*rapid.T) {
	var deck []func(*rapid.T)
	for _, o := range w.operations {
		deck = append(deck, slices.Repeat([]func(*rapid.T){func(r *rapid.T) { w.takes(r, o) }}, o.times)...)
	}
	deck = append(deck, slices.Repeat([]func(*rapid.T){w.batches}, 10)...)
	deck = append(deck, slices.Repeat([]func(*rapid.T){w.passes}, 6)...)
	deck = append(deck, w.parks, w.parks, w.parks, w.leaves, w.connects, w.connects, w.connects, w.connects)
	return map[string]func(*rapid.T){
		"":     w.agree,
		"step": func(r *rapid.T) { one(w.draws(r, w.model), "step", deck...)(r) },
	}
}

// begins has a flow and some executions be there before the walk, mostly.
func (w *walk) begins(r *rapid.T) {
	for _, o := range w.operations {
		switch o.method {
		case "submit_flow":
			if rapid.IntRange(0, 3).Draw(r, "a flow at first") > 0 {
				w.takes(r, o)
			}
		case "create_execution":
			for range rapid.IntRange(0, 3).Draw(r, "executions at first") {
				w.takes(r, o)
			}
		}
		w.settle()
	}
}

// draws draws for where a model stands.
func (w *walk) draws(r *rapid.T, m *model) *drawer {
	return &drawer{choices: shrinking{r}, model: m, mint: w.mint, lanes: []messages.LaneID{"a", "a", "b"}, timed: true}
}

// mint makes an identifier that is neither before nor behind all others.
func (w *walk) mint() [16]byte {
	w.minted++
	n := w.minted
	return [16]byte{0: byte(n * 37), 6: 0x40, 8: 0x80, 14: byte(n >> 8), 15: byte(n)}
}

// takes takes one step on both sides. An operation that is refused changes nothing.
func (w *walk) takes(r *rapid.T, o operation) {
	next := w.model.clone()
	args := o.draw(w.draws(r, next))
	want, refusal := o.want(next, args)
	got, err := o.call(w.t.Context(), w.engine, args)
	r.Logf("%s: %v", spoken(args, next.tickets), refusal)
	same(r, refusal, err)
	if refusal == nil {
		next.serve()
		require.True(r, o.agree(next, want, got), "%s: want %+v, got %+v", o.method, want, got)
		w.model = next
	}
}

// same compares the errors of a call.
func same(r require.TestingT, want, got error) {
	if want == nil {
		require.NoError(r, got)
		return
	}
	require.ErrorIs(r, got, want)
	var typed *messages.Error
	require.ErrorAs(r, got, &typed)
}

// batches takes several steps at random in one message.
func (w *walk) batches(r *rapid.T) {
	d := w.draws(r, w.model)
	var chosen []operation
	for range 1 + d.choose("messages", 5) {
		if o := one(d, "operation", w.operations...); !o.alone {
			chosen = append(chosen, o)
		}
	}
	w.batch(r, chosen)
}

// connects stages an edge and applies one, so that there are many that count.
func (w *walk) connects(r *rapid.T) {
	var chosen []operation
	for _, method := range []string{"stage_dependency_edge", "apply_dependency_to_child"} {
		i := slices.IndexFunc(w.operations, func(o operation) bool { return o.method == method })
		chosen = append(chosen, w.operations[i])
	}
	w.batch(r, chosen)
}

// batch takes the steps in one message, all or none; the first that is refused is the last.
func (w *walk) batch(r *rapid.T, chosen []operation) {
	next := w.model.clone()
	var steps []operation
	var sent []messages.Message
	var wants []any
	var refusal error
	for _, o := range chosen {
		before := next.clone() // What refuses may have changed it.
		args := o.draw(w.draws(r, before))
		var want any
		want, refusal = o.want(before, args)
		steps, sent, wants = append(steps, o), append(sent, args), append(wants, want)
		if refusal != nil {
			break
		}
		next = before
	}
	if len(sent) == 0 {
		r.Skip("no message")
	}
	replies, err := w.Batch(w.t.Context(), sent...)
	r.Logf("%s: %v", spoken(messages.BatchArgs{Messages: sent}, next.tickets), refusal)
	same(r, refusal, err)
	if refusal != nil {
		var typed *messages.Error
		require.True(r, errors.As(err, &typed))
		require.Contains(r, typed.Detail, fmt.Sprintf("messages[%d]: ", len(sent)-1))
		require.Nil(r, replies)
		return
	}
	require.Len(r, replies, len(sent))
	next.serve()
	for i, o := range steps {
		require.True(r, o.agree(next, wants[i], replies[i]), "%s: want %+v, got %+v", o.method, wants[i], replies[i])
	}
	w.model = next
}

// passes lets time pass.
func (w *walk) passes(r *rapid.T) {
	ms := one(w.draws(r, w.model), "ms", 1, 500, 1000, 2000, 3000, 10_000)
	w.advance(time.Duration(ms) * time.Millisecond)
	w.settle()
}

// settle lets the engine do what is due, and the model, too. A timer that is set for the past goes off when the clock is
// moved by nothing.
func (w *walk) settle() {
	for range 3 {
		w.advance(0)
	}
	w.model.tick(w.now())
}
