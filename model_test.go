package ffsqlite_test

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/flowfabric/ffsqlite/messages"
)

// model is what the specification says of executions outside of flows, in memory and without a line of the engine's:
// every call changes it and says what the engine must answer.
type model struct {
	now   messages.TimestampMs
	twins []*twin // in the order of their creation
	keys  map[string]key
}

type key struct {
	id      messages.ExecutionID
	expires messages.TimestampMs
}

// twin is one execution. Two are equal when they have come to the same.
type twin struct {
	id       messages.ExecutionID
	lane     messages.LaneID
	created  messages.TimestampMs
	priority int32
	state    messages.PublicState
	due      messages.TimestampMs // while it is delayed
	deadline messages.TimestampMs // 0: none
	result   *string
	ends     string // the outcome of every end, in order
	leases   string // the history of its leases

	next        int // index of the attempt that runs, or that a claim will begin
	attempts    int // rows that there are
	last        attemptTwin
	interrupted bool // the next claim continues the last attempt
	retrying    bool // a retry waits for its claim

	retries, maxRetries   uint32
	backoff               messages.TimestampMs
	patience              messages.TimestampMs // how long an attempt may take; 0: for ever
	retriesTimeouts       bool                 // as often as failures
	reclaims, maxReclaims uint32
	replays               int
}

// attemptTwin is the attempt with the greatest index. Its epoch is the greatest of the execution.
type attemptTwin struct {
	index   int
	epoch   uint64
	held    bool
	lapsed  bool // held, and found to have run out
	expires messages.TimestampMs
	timeout messages.TimestampMs // while it runs; 0: none
	outcome string
}

// ticket is what a worker got from a claim.
type ticket struct {
	handle messages.Handle
	twin   *twin
	kind   messages.HandleKind
	index  int
	epoch  uint64
	ttl    messages.TimestampMs
}

func (m *model) find(id messages.ExecutionID) *twin {
	i := slices.IndexFunc(m.twins, func(x *twin) bool { return x.id == id })
	if i < 0 {
		return nil
	}
	return m.twins[i]
}

// tick moves the clock, which ends what has a deadline, attempts that took too long, leases and delays, in this order.
func (m *model) tick(now messages.TimestampMs) {
	m.now = now
	for _, x := range m.twins {
		if x.deadline != 0 && x.deadline <= now && !x.over() {
			x.expire()
		}
		if x.state == messages.PublicActive && x.last.timeout != 0 && x.last.timeout <= now {
			x.timeOut()
		}
		if x.lost(now) && !x.last.lapsed {
			x.last.lapsed = true
			x.tell("expired")
		}
		x.promote(now)
	}
}

func (x *twin) promote(now messages.TimestampMs) {
	if x.state == messages.PublicDelayed && x.due <= now {
		x.state = messages.PublicWaiting
	}
}

// expire ends an execution whose time is up.
func (x *twin) expire() {
	outcome := x.last.outcome
	if x.state == messages.PublicActive {
		x.lapse()
		outcome = "expired"
	}
	x.end(messages.PublicExpired, "expired", outcome)
}

// timeOut ends an attempt that took too long, and the execution unless there may be another one at once.
func (x *twin) timeOut() {
	if !x.retriesTimeouts || x.retries >= x.maxRetries {
		x.expire()
		return
	}
	x.lapse()
	x.retry("interrupted")
	x.state = messages.PublicWaiting
}

// lapse takes the lease away from a worker, who is told so once.
func (x *twin) lapse() {
	if !x.last.lapsed {
		x.tell("expired")
	}
}

// retry leaves the rest to the attempt that comes next.
func (x *twin) retry(ofAttempt string) {
	x.retries++
	x.next++
	x.retrying, x.last.held, x.last.outcome = true, false, ofAttempt
}

func (x *twin) tell(event string) { x.leases = strings.TrimSpace(x.leases + " " + event) }

func (x *twin) over() bool { return x.state.IsTerminal() }

// lost says that the worker of the execution has not renewed in time.
func (x *twin) lost(now messages.TimestampMs) bool {
	return x.state == messages.PublicActive && x.last.expires <= now
}

// create is CreateExecution. The twin is nil unless the execution is new.
func (m *model) create(args messages.CreateExecutionArgs) (result messages.CreateExecutionResult, made *twin, err error) {
	if args.ExecutionID.IsZero() || args.LaneID == "" {
		return result, nil, messages.ErrInvalidInput
	}
	duplicate := func(id messages.ExecutionID) (messages.CreateExecutionResult, *twin, error) {
		return messages.CreateExecutionResult{Outcome: messages.CreateDuplicate, ExecutionID: id}, nil, nil
	}
	if m.find(args.ExecutionID) != nil {
		return duplicate(args.ExecutionID)
	}
	if known, ok := m.keys[args.IdempotencyKey]; ok && args.IdempotencyKey != "" && known.expires > m.now {
		return duplicate(known.id)
	}
	for _, x := range m.twins {
		if x.id.UUID() == args.ExecutionID.UUID() {
			return result, nil, messages.ErrInvalidInput // It is in use under another partition.
		}
	}
	x := &twin{
		id: args.ExecutionID, lane: args.LaneID, created: m.now, priority: min(max(args.Priority, 0), 9000),
		state: messages.PublicWaiting, maxRetries: 3, maxReclaims: 1000, last: attemptTwin{index: -1},
	}
	if args.DelayUntil > m.now {
		x.state, x.due = messages.PublicDelayed, args.DelayUntil
	}
	x.deadline = args.ExecutionDeadlineAt
	window := messages.TimestampMs(24 * 60 * 60 * 1000)
	if p := args.Policy; p != nil {
		x.maxRetries, x.backoff = p.RetryPolicy.MaxRetries, messages.TimestampMs(p.RetryPolicy.Backoff.FixedDelay.Milliseconds())
		x.maxReclaims, x.retriesTimeouts = *p.MaxReclaimCount, true
		x.patience = messages.TimestampMs(p.TimeoutPolicy.AttemptTimeout.Milliseconds())
		window = messages.TimestampMs(p.DedupWindow.Milliseconds())
	}
	if args.IdempotencyKey != "" {
		m.keys[args.IdempotencyKey] = key{x.id, m.now + window}
	}
	m.twins = append(m.twins, x)
	return messages.CreateExecutionResult{Outcome: messages.CreateCreated, ExecutionID: x.id, PublicState: x.state}, x, nil
}

// claim is Claim and ClaimNext: the best of the lane, nil when there is none.
func (m *model) claim(lane messages.LaneID, ttl messages.TimestampMs) *ticket {
	for {
		x := m.best(lane)
		switch {
		case x == nil:
			return nil
		case !x.lost(m.now):
			return x.start(m.now, ttl)
		case x.reclaims < x.maxReclaims:
			x.reclaims++
			x.next = x.last.index + 1
			return x.take(messages.HandleReclaimed, m.now, ttl)
		}
		x.tell("revoked")
		x.end(messages.PublicFailed, "failed", "interrupted_reclaimed")
	}
}

// best orders by priority, then what was lost last, then by age, then by id.
func (m *model) best(lane messages.LaneID) (best *twin) {
	for _, x := range m.twins {
		claimable := x.lane == lane && (x.state == messages.PublicWaiting || x.lost(m.now))
		if claimable && (best == nil || m.before(x, best) < 0) {
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
	ua, ub := a.id.UUID(), b.id.UUID()
	return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(lost(a), lost(b)), cmp.Compare(a.created, b.created),
		bytes.Compare(ua[:], ub[:]))
}

func (x *twin) start(now, ttl messages.TimestampMs) *ticket {
	if x.interrupted {
		return x.take(messages.HandleResumed, now, ttl)
	}
	return x.take(messages.HandleFresh, now, ttl)
}

// take gives the execution to a worker. Every term has an epoch of its own.
func (x *twin) take(kind messages.HandleKind, now, ttl messages.TimestampMs) *ticket {
	index := x.next
	if kind == messages.HandleResumed {
		index = x.last.index
	}
	if index > x.last.index {
		x.attempts++
	}
	x.last = attemptTwin{index: index, epoch: x.last.epoch + 1, held: true, expires: now + ttl}
	if x.patience > 0 {
		x.last.timeout = now + x.patience
	}
	if kind == messages.HandleReclaimed {
		x.tell("reclaimed")
	} else {
		x.tell("acquired")
	}
	x.next, x.state, x.interrupted, x.retrying = index, messages.PublicActive, false, false
	return &ticket{twin: x, kind: kind, index: index, epoch: x.last.epoch, ttl: ttl}
}

// end ends the execution.
func (x *twin) end(state messages.PublicState, outcome, ofAttempt string) {
	x.state, x.retrying, x.interrupted = state, false, false
	x.ends = strings.TrimSpace(x.ends + " " + outcome)
	x.last.held, x.last.outcome = false, ofAttempt
}

// current says whether the ticket is for the current term.
func (t *ticket) current() error {
	if t.index != t.twin.last.index || t.epoch != t.twin.last.epoch {
		return messages.ErrLeaseConflict
	}
	return nil
}

// live says whether the holder of a current ticket may write.
func (m *model) live(t *ticket) error {
	switch {
	case t.current() != nil:
		return t.current()
	case t.twin.state != messages.PublicActive:
		return messages.ErrExecutionNotActive
	case t.twin.last.expires <= m.now:
		return messages.ErrLeaseExpired
	}
	return nil
}

func (m *model) renew(t *ticket) (result messages.LeaseRenewal, err error) {
	if err := m.live(t); err != nil {
		return result, err
	}
	t.twin.last.expires = m.now + t.ttl
	t.twin.tell("renewed")
	return messages.LeaseRenewal{ExpiresAt: t.twin.last.expires, LeaseEpoch: messages.LeaseEpoch(t.epoch)}, nil
}

func (m *model) progress(t *ticket, percent uint8) error {
	if percent > 100 {
		return messages.ErrInvalidInput
	}
	return m.live(t)
}

func (m *model) complete(t *ticket, payload []byte) error {
	x := t.twin
	if t.current() == nil && x.state == messages.PublicCompleted && x.last.outcome == "success" {
		return nil
	}
	if err := m.live(t); err != nil {
		return err
	}
	x.tell("revoked")
	x.end(messages.PublicCompleted, "success", "success")
	if payload != nil {
		x.result = new(string(payload))
	}
	return nil
}

// fail is Fail; a repetition answers without the time of the retry.
func (m *model) fail(t *ticket, class messages.FailureClass) (outcome messages.FailOutcome, repeated bool, err error) {
	x := t.twin
	if t.current() == nil {
		if x.retrying && x.last.outcome == "retry" {
			return messages.FailOutcome{
				Outcome: messages.FailRetryScheduled, NextAttemptIndex: messages.AttemptIndex(x.next),
			}, true, nil
		}
		if x.state == messages.PublicFailed && x.last.outcome == "failed" {
			return messages.FailOutcome{Outcome: messages.FailTerminalFailed}, true, nil
		}
	}
	if err := m.live(t); err != nil {
		return outcome, false, err
	}
	x.tell("revoked")
	retryable := class == messages.FailureTransient || class == messages.FailureInfraCrash
	if !retryable || x.retries >= x.maxRetries {
		x.end(messages.PublicFailed, "failed", "failed")
		return messages.FailOutcome{Outcome: messages.FailTerminalFailed}, false, nil
	}
	x.retry("retry")
	x.state, x.due = messages.PublicDelayed, m.now+x.backoff
	x.promote(m.now)
	return messages.FailOutcome{
		Outcome: messages.FailRetryScheduled, DelayUntil: x.due, NextAttemptIndex: messages.AttemptIndex(x.next),
	}, false, nil
}

func (m *model) cancel(t *ticket) error {
	x := t.twin
	switch {
	case x.state == messages.PublicCancelled:
		return nil
	case x.over():
		return messages.ErrTerminal
	}
	if err := m.live(t); err != nil {
		return err
	}
	x.cancel()
	return nil
}

// cancel ends an execution by whomever; a lease that is held is taken.
func (x *twin) cancel() {
	outcome := x.last.outcome
	if x.last.held {
		x.last.epoch++
		outcome = "cancelled"
		x.tell("revoked")
	}
	x.end(messages.PublicCancelled, "cancelled", outcome)
}

// park is Delay, and WaitChildren without children.
func (m *model) park(t *ticket, state messages.PublicState, until messages.TimestampMs) error {
	if err := m.live(t); err != nil {
		return err
	}
	x := t.twin
	x.state, x.due, x.interrupted = state, until, true
	x.last.held, x.last.outcome = false, "interrupted"
	x.tell("revoked")
	x.promote(m.now)
	return nil
}

func (m *model) cancelExecution(args messages.CancelExecutionArgs) error {
	x := m.find(args.ExecutionID)
	switch fenced := args.Source == messages.SourceLeaseHolder; {
	case x == nil:
		return messages.ErrExecutionNotFound
	case x.state == messages.PublicCancelled:
		return nil
	case x.over():
		return messages.ErrTerminal
	case fenced && x.last.held && args.LeaseEpoch == nil:
		return messages.ErrInvalidInput
	case fenced && x.last.held && uint64(*args.LeaseEpoch) != x.last.epoch:
		return messages.ErrStaleLease
	}
	x.cancel()
	return nil
}

func (m *model) revoke(id messages.ExecutionID) (messages.RevokeLeaseResultKind, error) {
	x := m.find(id)
	switch {
	case x == nil:
		return "", messages.ErrExecutionNotFound
	case !x.last.held:
		return messages.RevokeLeaseAlreadySatisfied, nil
	}
	x.last.held, x.interrupted, x.state = false, true, messages.PublicWaiting
	x.last.epoch++
	x.tell("revoked")
	return messages.RevokeLeaseRevoked, nil
}

func (m *model) replay(id messages.ExecutionID) error {
	const mostReplays = 10
	x := m.find(id)
	switch {
	case x == nil:
		return messages.ErrExecutionNotFound
	case !x.over():
		return messages.ErrExecutionNotTerminal
	case x.replays >= mostReplays:
		return messages.ErrMaxReplaysExhausted
	}
	x.replays++
	x.state, x.result = messages.PublicWaiting, nil
	if x.last.index == x.next { // Else a retry was due, and stays the next attempt.
		x.last.outcome = ""
		x.last.epoch++
	}
	return nil
}

func (m *model) changePriority(id messages.ExecutionID, priority int32) error {
	x := m.find(id)
	switch {
	case x == nil:
		return messages.ErrExecutionNotFound
	case x.state != messages.PublicWaiting:
		return messages.ErrExecutionNotEligible
	}
	x.priority = min(max(priority, 0), 9000)
	return nil
}
