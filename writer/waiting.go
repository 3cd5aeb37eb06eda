package writer

import (
	"slices"
	"strings"

	"github.com/flowfabric/ffsqlite/messages"
)

// Waiter is the caller behind a waiting claim. Both methods return false when the caller has gone or is going.
type Waiter interface {
	// Take reserves the caller for an answer.
	Take() bool
	// PutBack ends the reservation without one.
	PutBack() bool
}

// Served is a waiting claim that the open batch answers, if it commits.
type Served struct {
	Waiter Waiter
	Reply  messages.Reply
	Err    error
}

// waitingClaim is one claim that found nothing and waits for work.
type waitingClaim struct {
	waiter  Waiter
	message messages.Mutation // ClaimArgs or ClaimWaitArgs
	request *claimRequest
	// key is equal for claims that are suited by the same rows, so that one that was refused answers for all of them.
	key string

	fresh  bool // it began to wait in the open batch
	hidden bool // the open batch runs again and has not come to where the claim began to wait
	taken  bool // its caller is reserved for the open batch
	served bool // by the open batch
}

// waitingList holds the waiting claims in order of arrival.
type waitingList struct {
	claims []*waitingClaim
}

// claimable is a row that has just become claimable, or a whole lane to be looked at anew.
type claimable struct {
	lane messages.LaneID
	row  *execution // nil: whatever the lane has
}

// Wait keeps a claim until something claimable suits it. The message is the one that was just applied and found nothing.
func (w *Writer) Wait(waiter Waiter, message messages.Mutation) {
	claim := &waitingClaim{waiter: waiter, message: message, fresh: true}
	switch args := message.(type) {
	case messages.ClaimArgs:
		claim.request = requestOfClaim(args)
	case messages.ClaimWaitArgs:
		claim.request = requestOfClaimNext(args.ClaimNextArgs)
	default:
		panic("only claims wait")
	}
	claim.key = claim.request.key()
	w.batch.wrapLast(func(answer *Answer, do func()) { w.claimAgain(claim, answer, do) })
	w.waiting.claims = append(w.waiting.claims, claim)
}

// WaitingClaims returns how many claims wait.
func (w *Writer) WaitingClaims() int { return len(w.waiting.claims) }

// Forget drops the waiting claim of a caller that has gone.
func (w *Writer) Forget(waiter Waiter) {
	w.waiting.claims = slices.DeleteFunc(w.waiting.claims, func(c *waitingClaim) bool { return c.waiter == waiter })
}

// DropWaiting ends all waiting and returns the callers, for them to be answered that the engine is closed.
func (w *Writer) DropWaiting() []Waiter {
	waiters := make([]Waiter, 0, len(w.waiting.claims))
	for _, c := range w.waiting.claims {
		waiters = append(waiters, c.waiter)
	}
	w.waiting.claims = nil
	return waiters
}

// Served returns the waiting claims that are to be answered now that the batch has ended: those that a committed one has
// served; after a rollback those that cannot wait on, because their callers are leaving.
func (w *Writer) Served() []Served { return w.batch.served }

// becomesClaimable notes that x can be claimed once its row is stored; waiting claims are tried after the message.
func (w *Writer) becomesClaimable(x *execution) {
	if len(w.waiting.claims) == 0 {
		return
	}
	w.batch.claimable = append(w.batch.claimable, claimable{lane: x.lane, row: x})
}

// LookAgain offers every lane to the waiting claims: rows may have been changed by another connection.
func (w *Writer) LookAgain(now messages.TimestampMs) {
	w.run("look_again", nil, func() {
		w.batch.looked = true
		for _, c := range w.waiting.claims {
			for _, lane := range c.request.lanes {
				w.batch.claimable = append(w.batch.claimable, claimable{lane: lane})
			}
		}
		w.serveWaiting(now)
	})
}

// serveWaiting answers waiting claims from what the last message made claimable, in order of arrival, each a step of its
// own. One row answers at most one claim; of several rows the one that a claim would choose comes first.
func (w *Writer) serveWaiting(now messages.TimestampMs) {
	offers := w.batch.claimable
	if len(offers) > 1 {
		slices.SortStableFunc(offers, compareOffers)
	}
	for i := 0; i < len(w.batch.claimable) && w.lost == nil && !w.batch.dirty; i++ {
		w.offer(w.batch.claimable[i], now)
	}
	w.batch.claimable = w.batch.claimable[:0]
}

func compareOffers(a, b claimable) int {
	switch {
	case a.row == nil || b.row == nil:
		return 0
	case a.row.candidate().before(b.row.candidate()):
		return -1
	case b.row.candidate().before(a.row.candidate()):
		return 1
	}
	return 0
}

// offer tries the waiting claims of a lane. A caller that has gone is passed over; the message that it sends when it goes
// removes it.
func (w *Writer) offer(offer claimable, now messages.TimestampMs) {
	refused := map[string]bool(nil)
	for _, c := range w.waiting.claims {
		if c.served || c.hidden || refused[c.key] || !slices.Contains(c.request.lanes, offer.lane) || !offer.suits(c) {
			continue
		}
		if !c.take() {
			continue
		}
		if w.serve(c, offer, now) {
			return
		}
		if !c.served {
			if refused == nil {
				refused = map[string]bool{}
			}
			refused[c.key] = true
		}
	}
}

// suits tells what can be told without a look at the rows.
func (o claimable) suits(c *waitingClaim) bool {
	return o.row == nil || c.request.accepts(o.row.class()) != rejected
}

// key tells apart the claims that different rows suit.
func (r *claimRequest) key() string {
	var key strings.Builder
	for _, lane := range r.lanes {
		key.WriteString(string(lane) + "\x1f")
	}
	key.WriteString("\x1e" + r.workerID + "\x1e" + r.namespace + "\x1e" + strings.Join(r.kinds, "\x1f"))
	key.WriteString("\x1e" + strings.Join(r.capabilities, ","))
	return key.String()
}

// waiterFor takes the first waiting claim that an execution suits which is being created, nil when there is none. What
// only the rows could tell, and what is not claimable yet, is left to serveWaiting; so is everything in a careful batch,
// for there the creation and the claim are to fail each by itself, and what a message creates that goes on.
func (w *Writer) waiterFor(x *execution, now messages.TimestampMs) *waitingClaim {
	if w.batch.careful || w.batch.whole || !x.ready() || x.pastDeadline(now) {
		return nil
	}
	class := ""
	for _, c := range w.waiting.claims {
		if c.served || c.hidden || !slices.Contains(c.request.lanes, x.lane) {
			continue
		}
		if class == "" {
			class = x.class()
		}
		if c.request.accepts(class) == accepted && c.take() {
			w.batch.offers++
			return c
		}
	}
	return nil
}

// serve runs the claim for a waiter that was taken and reports whether it got something.
func (w *Writer) serve(c *waitingClaim, offer claimable, now messages.TimestampMs) bool {
	var taken *claimed
	err := w.step(c.message.Method(), func() (err error) {
		if offer.row == nil {
			taken, err = w.claimFirst(now, c.request)
		} else {
			taken, err = w.claimOffered(offer.row, c.request, now)
		}
		return err
	})
	switch {
	case err != nil:
		w.answer(c, nil, err)
		return false
	case taken == nil:
		w.refuse(c)
		return false
	}
	w.answer(c, taken, nil)
	return true
}

// answer settles what the caller of a waiting claim is told when the batch commits.
func (w *Writer) answer(c *waitingClaim, taken *claimed, err error) {
	c.served = true
	w.batch.served = append(w.batch.served, Served{Waiter: c.waiter, Reply: c.reply(taken), Err: err})
}

// refuse makes a claim that got nothing wait on. A caller that is leaving gets an answer instead: it waits to hear whether
// something was claimed for it.
func (w *Writer) refuse(c *waitingClaim) {
	if !c.putBack() {
		w.answer(c, nil, nil)
	}
}

// reply is the answer of the claim's method.
func (c *waitingClaim) reply(taken *claimed) messages.Reply {
	if _, plain := c.message.(messages.ClaimArgs); !plain {
		return taken.result()
	}
	if taken == nil {
		return messages.ClaimReply{}
	}
	return messages.ClaimReply{Handle: &taken.handle}
}

// claimAgain is what a claim that began to wait in the open batch does when the batch runs again. It finds nothing again,
// and waits, unless another connection has committed in between.
func (w *Writer) claimAgain(c *waitingClaim, answer *Answer, do func()) {
	defer func() { c.hidden = false }()
	if !c.take() {
		return
	}
	do()
	if answer.Err == nil && answer.Reply == c.reply(nil) && c.putBack() {
		return
	}
	c.served = true
	w.batch.served = append(w.batch.served, Served{Waiter: c.waiter, Reply: answer.Reply, Err: answer.Err})
}

// take reserves the caller for the open batch. It is reserved already when an earlier run of the batch has served it.
func (c *waitingClaim) take() bool {
	c.taken = c.taken || c.waiter.Take()
	return c.taken
}

// putBack makes the caller wait on. False means that it is leaving and wants an answer now.
func (c *waitingClaim) putBack() bool {
	c.taken = !c.waiter.PutBack()
	return !c.taken
}

// putBackUnserved lets go of callers that only the first run of the batch had served.
func (w *Writer) putBackUnserved() {
	for _, c := range w.waiting.claims {
		if c.taken && !c.served && !c.putBack() {
			c.served = true
			w.batch.served = append(w.batch.served, Served{Waiter: c.waiter, Reply: c.reply(nil)})
		}
	}
}

// rewind takes the claims back to where they were when the batch began.
func (l *waitingList) rewind() {
	for _, c := range l.claims {
		c.served, c.hidden = false, c.fresh
	}
}

// settleWaiting removes the claims that the committed batch has answered.
func (w *Writer) settleWaiting() {
	w.waiting.claims = slices.DeleteFunc(w.waiting.claims, func(c *waitingClaim) bool {
		c.fresh = false
		return c.served
	})
}

// releaseWaiting makes the claims of a batch that was rolled back wait on.
func (w *Writer) releaseWaiting() {
	w.batch.served = w.batch.served[:0]
	w.waiting.claims = slices.DeleteFunc(w.waiting.claims, func(c *waitingClaim) bool {
		c.fresh, c.hidden = false, false
		if !c.taken || c.putBack() {
			return false
		}
		w.batch.served = append(w.batch.served, Served{Waiter: c.waiter})
		return true
	})
}
