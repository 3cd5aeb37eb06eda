package ffsqlite_test

import (
	"reflect"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// player tells a tale as it goes: a model of what has happened says what may happen next, of all operations.
type player struct {
	*tale

	operations []operation
	model      *model
	past       []*model // what it has been; a tale never comes back to where it was
}

// ofOperations is a tale of a few executions and flows, to which anything happens that an operation can do. The clock
// stands still in it.
func (a *tale) ofOperations() {
	p := &player{tale: a, model: newModel()}
	p.past = []*model{p.model}
	p.operations = slices.DeleteFunc(operations(), func(o operation) bool { return o.alone })
	for range 4 + a.random.IntN(12) {
		a.then(p.goOn)
	}
}

// goOn takes the next step, or some in one batch.
func (p *player) goOn() error {
	p.model.tick(p.e.now())
	next := p.model
	var steps []operation
	var sent []messages.Message
	var wants []any
	for range max(1, p.random.IntN(5)-1) {
		var o operation
		var args messages.Message
		var want any
		o, args, want, next = p.step(next)
		steps, sent, wants = append(steps, o), append(sent, args), append(wants, want)
	}
	replies, err := p.send(steps, sent)
	if err != nil {
		return err
	}
	for i, o := range steps {
		require.True(p.e.t, o.agree(next, wants[i], replies[i]), "%s: want %+v, got %+v", o.method, wants[i], replies[i])
	}
	p.past, p.model = append(p.past, next), next
	return nil
}

func (p *player) send(steps []operation, sent []messages.Message) ([]messages.Reply, error) {
	if len(sent) > 1 {
		return p.e.Batch(p.e.t.Context(), sent...)
	}
	reply, err := steps[0].call(p.e.t.Context(), p.e, sent[0])
	return []messages.Reply{reply}, err
}

// step draws something that can happen and makes a difference.
func (p *player) step(before *model) (o operation, args messages.Message, want any, after *model) {
	const tries = 1000
	for range tries {
		o = p.operations[p.random.IntN(len(p.operations))]
		if p.random.IntN(8) >= o.times {
			continue
		}
		after = before.clone()
		var drawn bool
		d := &drawer{choices: tossing{p.random}, model: after, mint: p.uuid, lanes: []messages.LaneID{p.lane}}
		if args, drawn = o.drawn(d); !drawn {
			continue
		}
		var err error
		if want, err = o.want(after, args); err == nil && p.isNew(before, after) {
			return o, args, want, after
		}
	}
	require.Fail(p.e.t, "nothing can happen any more")
	return o, args, want, after
}

// isNew says that the tale has never been there.
func (p *player) isNew(before, after *model) bool {
	return !reflect.DeepEqual(before, after) &&
		!slices.ContainsFunc(p.past, func(m *model) bool { return reflect.DeepEqual(m, after) })
}
