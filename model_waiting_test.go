package ffsqlite_test

import (
	"context"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/flowfabric/ffsqlite/messages"
)

// Claims that wait for work, while the walk goes on.

// waitingTwin is a claim that has found nothing. It waits in one lane.
type waitingTwin struct {
	number int
	lane   messages.LaneID
	ttl    messages.TimestampMs
}

// servedTwin is a claim that has waited, and what it got.
type servedTwin struct {
	number int
	ticket *ticket
}

// serve gives what has become claimable to those that wait for it, in the order in which they came.
func (m *model) serve() {
	var left []waitingTwin
	for _, waiting := range m.waiting {
		if t := m.claim(waiting.lane, waiting.ttl); t != nil {
			m.served = append(m.served, servedTwin{waiting.number, t})
		} else {
			left = append(left, waiting)
		}
	}
	m.waiting = left
}

// parkedClaim is a claim that waits for the engine's answer.
type parkedClaim struct {
	result messages.ClaimNextResult
	done   <-chan error
	leave  context.CancelFunc
}

// parks has a claim wait in a lane that has nothing.
func (w *walk) parks(r *rapid.T) {
	d := w.draws(r, w.model.clone())
	a := claimNextArgs()
	a.Lanes, a.LeaseTTL = []messages.LaneID{d.lane()}, d.ttl()
	if t, _ := d.model.claimNext(a); t != nil {
		r.Skip("it would not wait")
	}
	w.model = d.model // Looking may have ended what was reclaimed too often.
	ctx, leave := context.WithCancel(w.t.Context())
	parked := &parkedClaim{leave: leave}
	parked.done = calling(func() (err error) {
		parked.result, err = w.ClaimWait(ctx, messages.ClaimWaitArgs{ClaimNextArgs: a, MaxWait: 24 * time.Hour})
		return err
	})
	w.model.waiting = append(w.model.waiting, waitingTwin{len(w.parked), a.Lanes[0], messages.TimestampMs(a.LeaseTTL.Milliseconds())})
	w.parked = append(w.parked, parked)
}

// leaves has one of the claims go away that wait.
func (w *walk) leaves(r *rapid.T) {
	waiting := w.model.waiting
	if len(waiting) == 0 {
		r.Skip("nobody waits")
	}
	i := w.draws(r, w.model).choose("who leaves", len(waiting))
	parked := w.parked[waiting[i].number]
	parked.leave()
	require.ErrorIs(r, <-parked.done, context.Canceled)
	w.model.waiting = slices.Delete(slices.Clone(waiting), i, i+1)
}

// hears has the claims that were served tell what they got, and nobody else.
func (w *walk) hears(r *rapid.T) {
	for _, waiting := range w.model.waiting {
		select {
		case err := <-w.parked[waiting.number].done:
			require.Fail(r, "a claim is answered for nothing", "%+v %v", w.parked[waiting.number].result, err)
		default:
		}
	}
	for _, served := range w.model.served {
		parked := w.parked[served.number]
		select {
		case err := <-parked.done:
			require.NoError(r, err)
		default:
			require.Fail(r, "a claim still waits", "for %s of %s", served.ticket, served.ticket.id)
		}
		require.True(r, agreeOnClaims(w.model, served.ticket, parked.result), "want %s of %s, got %+v", served.ticket,
			served.ticket.id, parked.result)
	}
	w.model.served = nil
}
