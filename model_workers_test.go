package ffsqlite_test

import (
	"bytes"
	"cmp"
	"fmt"

	"github.com/flowfabric/ffsqlite/messages"
)

// What workers do: they claim, and end or park what they have.

// ticket is what a worker got from a claim.
type ticket struct {
	handle messages.Handle
	id     messages.ExecutionID
	kind   messages.HandleKind
	index  int
	epoch  uint64
	ttl    messages.TimestampMs

	reclaims uint32 // of the execution so far
}

func (t *ticket) String() string {
	return fmt.Sprintf("%s attempt %d, epoch %d", t.kind, t.index, t.epoch)
}

// holder is the ticket with a handle.
func (m *model) holder(h messages.Handle) *ticket {
	for _, t := range m.tickets {
		if t.handle == h {
			return t
		}
	}
	return nil
}

// claim is Claim, ClaimNext and ClaimWait in one lane: the best that it has, nil when there is none.
func (m *model) claim(lane messages.LaneID, ttl messages.TimestampMs) *ticket {
	for _, x := range m.twins {
		x.promote(m.now)
	}
	for {
		x := m.best(lane)
		switch {
		case x == nil:
			return nil
		case !x.lost(m.now):
			return m.start(x, ttl)
		case x.reclaims < x.maxReclaims:
			x.reclaims++
			x.next = x.last.index + 1
			return m.take(x, messages.HandleReclaimed, ttl)
		}
		x.tell("revoked")
		m.end(x, messages.PublicFailed, "failed", "interrupted_reclaimed")
	}
}

// claimNext claims from the first lane that has something; to find nothing is no error.
func (m *model) claimNext(args messages.ClaimNextArgs) (*ticket, error) {
	if args.LeaseTTL <= 0 || len(args.Lanes) == 0 {
		return nil, messages.ErrInvalidInput
	}
	for _, lane := range args.Lanes {
		if t := m.claim(lane, messages.TimestampMs(args.LeaseTTL.Milliseconds())); t != nil {
			return t, nil
		}
	}
	return nil, nil
}

// best orders by priority, then what was lost last, then by age, then by id.
func (m *model) best(lane messages.LaneID) (best *twin) {
	for _, x := range m.twins {
		timely := x.deadline == 0 || x.deadline > m.now
		claimable := x.lane == lane && (x.state == messages.PublicWaiting || x.lost(m.now))
		if claimable && timely && (best == nil || m.before(x, best) < 0) {
			best = x
		}
	}
	return best
}

func (m *model) before(a, b *twin) int {
	lost := func(x *twin) int {
		if x.lost(m.now) {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(lost(a), lost(b)), cmp.Compare(a.created, b.created),
		compareIDs(a.id, b.id))
}

// compareIDs orders by the bytes of the UUIDs.
func compareIDs(a, b messages.ExecutionID) int {
	ua, ub := a.UUID(), b.UUID()
	return bytes.Compare(ua[:], ub[:])
}

func (m *model) start(x *twin, ttl messages.TimestampMs) *ticket {
	if x.interrupted {
		return m.take(x, messages.HandleResumed, ttl)
	}
	return m.take(x, messages.HandleFresh, ttl)
}

// take gives the execution to a worker. Every term has an epoch of its own.
func (m *model) take(x *twin, kind messages.HandleKind, ttl messages.TimestampMs) *ticket {
	begun, index := x.last.begun, x.next
	if kind == messages.HandleResumed {
		index = x.last.index
	}
	if index > x.last.index {
		x.attempts++
		m.begun++
		begun = m.begun
	}
	x.last = attemptTwin{
		index: index, begun: begun, epoch: x.last.epoch + 1, taken: x.last.epoch + 1, held: true, expires: m.now + ttl,
	}
	if x.patience > 0 {
		x.last.timeout = m.now + x.patience
	}
	if kind == messages.HandleReclaimed {
		x.tell("reclaimed")
	} else {
		x.tell("acquired")
	}
	x.next, x.state, x.interrupted, x.retrying = index, messages.PublicActive, false, false
	if x.started == 0 {
		x.started = m.now
	}
	return &ticket{id: x.id, kind: kind, index: index, epoch: x.last.epoch, ttl: ttl, reclaims: x.reclaims}
}

// current says whether the ticket is for the current term.
func (x *twin) current(t *ticket) error {
	if t.index != x.last.index || t.epoch != x.last.epoch {
		return messages.ErrLeaseConflict
	}
	return nil
}

// live returns the execution of a ticket whose holder may write.
func (m *model) live(t *ticket) (*twin, error) {
	x := m.find(t.id)
	if err := x.current(t); err != nil {
		return x, err
	}
	return x, x.running(m.now)
}

// running says whether the lease is good.
func (x *twin) running(now messages.TimestampMs) error {
	switch {
	case x.state != messages.PublicActive:
		return messages.ErrExecutionNotActive
	case x.last.expires <= now:
		return messages.ErrLeaseExpired
	}
	return nil
}

func (m *model) renew(t *ticket) (result messages.LeaseRenewal, err error) {
	x, err := m.live(t)
	if err != nil {
		return result, err
	}
	x.last.expires = m.now + t.ttl
	x.tell("renewed")
	return messages.LeaseRenewal{ExpiresAt: x.last.expires, LeaseEpoch: messages.LeaseEpoch(t.epoch)}, nil
}

func (m *model) progress(t *ticket, percent *uint8) error {
	if percent != nil && *percent > 100 {
		return messages.ErrInvalidInput
	}
	_, err := m.live(t)
	return err
}

func (m *model) complete(t *ticket, payload []byte) error {
	x := m.find(t.id)
	if x.current(t) == nil && x.state == messages.PublicCompleted && x.last.outcome == "success" {
		return nil
	}
	x, err := m.live(t)
	if err != nil {
		return err
	}
	m.succeed(x, payload)
	return nil
}

func (m *model) succeed(x *twin, payload []byte) {
	x.tell("revoked")
	if payload != nil {
		x.result = new(string(payload))
	}
	m.end(x, messages.PublicCompleted, "success", "success")
}

// fail is Fail; a repetition answers without the time of the retry.
func (m *model) fail(t *ticket, class messages.FailureClass) (outcome messages.FailOutcome, repeated bool, err error) {
	x := m.find(t.id)
	if x.current(t) == nil {
		if x.retrying && x.last.outcome == "retry" {
			return messages.FailOutcome{
				Outcome: messages.FailRetryScheduled, NextAttemptIndex: messages.AttemptIndex(x.next),
			}, true, nil
		}
		if x.state == messages.PublicFailed && x.last.outcome == "failed" {
			return messages.FailOutcome{Outcome: messages.FailTerminalFailed}, true, nil
		}
	}
	x, err = m.live(t)
	if err != nil {
		return outcome, false, err
	}
	retryable := class == messages.FailureTransient || class == messages.FailureInfraCrash
	return m.failed(x, retryable && x.retries < x.maxRetries, x.backoff), false, nil
}

// failed ends the attempt that runs, and the execution unless it is tried again.
func (m *model) failed(x *twin, again bool, backoff messages.TimestampMs) messages.FailOutcome {
	x.tell("revoked")
	if !again {
		m.end(x, messages.PublicFailed, "failed", "failed")
		return messages.FailOutcome{Outcome: messages.FailTerminalFailed}
	}
	x.retry("retry")
	x.state, x.due, x.backingOff = messages.PublicDelayed, m.now+backoff, true
	x.promote(m.now)
	return messages.FailOutcome{
		Outcome: messages.FailRetryScheduled, DelayUntil: m.now + backoff, NextAttemptIndex: messages.AttemptIndex(x.next),
	}
}

// cancelHeld is Cancel.
func (m *model) cancelHeld(t *ticket) error {
	x := m.find(t.id)
	switch {
	case x.state == messages.PublicCancelled:
		return nil
	case x.over():
		return messages.ErrTerminal
	}
	if _, err := m.live(t); err != nil {
		return err
	}
	m.cancel(x)
	return nil
}

// park is Delay, which ends when the clock looks, and WaitChildren of an execution that is in no flow.
func (m *model) park(t *ticket, state messages.PublicState, until messages.TimestampMs) error {
	x, err := m.live(t)
	if err != nil {
		return err
	}
	x.state, x.due, x.backingOff, x.interrupted = state, until, false, true
	x.last.held, x.last.outcome = false, "interrupted"
	x.tell("revoked")
	return nil
}

// waitChildren is WaitChildren: what the edges say counts once more.
func (m *model) waitChildren(t *ticket) error {
	if err := m.park(t, messages.PublicWaitingChildren, 0); err != nil {
		return err
	}
	x := m.find(t.id)
	f := m.flow(x.flow)
	if f == nil || len(f.into(x.id)) == 0 {
		return nil
	}
	f.group(x.id).state = messages.EdgeGroupPending
	if f.tally(x.id).open() == 0 {
		m.evaluate(f, x.id, nil)
	}
	return nil
}
