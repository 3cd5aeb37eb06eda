package ffsqlite_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/flowfabric/ffsqlite/messages"
)

// model is what the specification says of executions and flows, in memory and without a line of the engine's: every
// operation changes it and says what the engine must answer.
type model struct {
	now     messages.TimestampMs
	twins   []*twin // in the order of their creation
	keys    map[string]key
	tickets []*ticket // what workers know
	flows   []*flowTwin
	hops    []hopTwin // what the ends so far set off, oldest first
	tags    map[tagged]string
	streams map[streamOf]streamTwin
	waiting []waitingTwin // in the order in which they came
	served  []servedTwin

	ends  int // how many ends there were
	begun int // how many attempts there are
}

func newModel() *model {
	return &model{keys: map[string]key{}, tags: map[tagged]string{}, streams: map[streamOf]streamTwin{}}
}

// clone is a model that goes its own way.
func (m *model) clone() *model {
	c := *m
	c.twins, c.flows = slices.Clone(m.twins), slices.Clone(m.flows)
	for i, x := range c.twins {
		c.twins[i] = new(*x)
	}
	for i, f := range c.flows {
		c.flows[i] = f.clone()
	}
	c.tickets, c.hops = slices.Clone(m.tickets), slices.Clone(m.hops)
	c.waiting, c.served = slices.Clone(m.waiting), slices.Clone(m.served)
	c.keys, c.tags, c.streams = maps.Clone(m.keys), maps.Clone(m.tags), maps.Clone(m.streams)
	return &c
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
	flow     messages.FlowID // zero: none
	state    messages.PublicState
	due      messages.TimestampMs // of the delay that it is in, or that it will be in when nothing else holds it back; 0: none
	started  messages.TimestampMs // by its first worker; 0: not yet
	deadline messages.TimestampMs // 0: none
	payload  string
	result   *string
	ends     string // the outcome of every end, in order
	leases   string // the history of its leases

	next        int // index of the attempt that runs, or that a claim will begin
	attempts    int // rows that there are
	last        attemptTwin
	interrupted bool // the next claim continues the last attempt
	retrying    bool // a retry waits for its claim
	backingOff  bool // it is delayed because it failed

	retries, maxRetries   uint32
	backoff               messages.TimestampMs
	patience              messages.TimestampMs // how long an attempt may take; 0: for ever
	retriesTimeouts       bool                 // as often as failures
	reclaims, maxReclaims uint32
	replays               int
	mostFrames            uint64 // that a stream keeps; 0: all
}

// attemptTwin is the attempt with the greatest index. Its epoch is the greatest of the execution.
type attemptTwin struct {
	index   int
	begun   int // its place among all attempts
	epoch   uint64
	taken   uint64 // the epoch that the last worker was told
	held    bool
	lapsed  bool // held, and found to have run out
	expires messages.TimestampMs
	timeout messages.TimestampMs // while it runs; 0: none
	outcome string
}

func (m *model) find(id messages.ExecutionID) *twin {
	i := slices.IndexFunc(m.twins, func(x *twin) bool { return x.id == id })
	if i < 0 {
		return nil
	}
	return m.twins[i]
}

// tick moves the clock. Jobs that are due at the same time run one after the other, and each takes the deadlines in their
// order; what the ends set off comes after all of them.
func (m *model) tick(now messages.TimestampMs) {
	m.now = now
	for _, x := range m.due(m.twins, (*twin).deadlineAt) {
		m.expire(x)
	}
	byBegin := slices.SortedFunc(slices.Values(m.twins), func(a, b *twin) int { return cmp.Compare(a.last.begun, b.last.begun) })
	for _, x := range m.due(byBegin, (*twin).timeoutAt) {
		m.timeOut(x)
	}
	for _, x := range m.twins {
		if x.lost(now) && !x.last.lapsed {
			x.last.lapsed = true
			x.tell("expired")
		}
		x.promote(now)
	}
	m.reconcileCancels()
	m.serve()
	m.cascade()
}

// due are those whose deadline has passed, by it; 0 is none.
func (m *model) due(twins []*twin, deadline func(*twin) messages.TimestampMs) (due []*twin) {
	for _, x := range twins {
		if at := deadline(x); at != 0 && at <= m.now {
			due = append(due, x)
		}
	}
	slices.SortStableFunc(due, func(a, b *twin) int { return cmp.Compare(deadline(a), deadline(b)) })
	return due
}

func (x *twin) deadlineAt() messages.TimestampMs {
	if x.over() {
		return 0
	}
	return x.deadline
}

func (x *twin) timeoutAt() messages.TimestampMs {
	if x.state != messages.PublicActive {
		return 0
	}
	return x.last.timeout
}

func (x *twin) promote(now messages.TimestampMs) {
	if x.state == messages.PublicDelayed && x.due <= now {
		x.state, x.due = messages.PublicWaiting, 0
	}
}

// expire ends an execution whose time is up.
func (m *model) expire(x *twin) {
	outcome := x.last.outcome
	if x.state == messages.PublicActive {
		x.lapse()
		outcome = "expired"
	}
	m.end(x, messages.PublicExpired, "expired", outcome)
}

// timeOut ends an attempt that took too long, and the execution unless there may be another one at once.
func (m *model) timeOut(x *twin) {
	if !x.retriesTimeouts || x.retries >= x.maxRetries {
		m.expire(x)
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
	x.due = 0
	x.retrying, x.last.held, x.last.outcome = true, false, ofAttempt
}

func (x *twin) tell(event string) { x.leases = strings.TrimSpace(x.leases + " " + event) }

func (x *twin) over() bool { return x.state.IsTerminal() }

// reason is why nobody runs the execution; "": somebody does, or it is over.
func (x *twin) reason() messages.BlockingReason {
	switch {
	case x.over(), x.state == messages.PublicActive && !x.last.lapsed:
		return ""
	case x.state == messages.PublicWaitingChildren:
		return messages.ReasonWaitingForChildren
	case x.state == messages.PublicDelayed && x.backingOff:
		return messages.ReasonWaitingForRetryBackoff
	case x.state == messages.PublicDelayed:
		return messages.ReasonWaitingForDelay
	}
	return messages.ReasonWaitingForWorker
}

// parked says that nobody runs the execution, which has not ended.
func (x *twin) parked() bool { return !x.over() && x.state != messages.PublicActive }

// lost says that the worker of the execution has not renewed in time.
func (x *twin) lost(now messages.TimestampMs) bool {
	return x.state == messages.PublicActive && x.last.expires <= now
}

// end ends the execution; its dependants hear of it later.
func (m *model) end(x *twin, state messages.PublicState, outcome, ofAttempt string) {
	x.state, x.due, x.retrying, x.interrupted = state, 0, false, false
	x.ends = strings.TrimSpace(x.ends + " " + outcome)
	x.last.held, x.last.outcome = false, ofAttempt
	m.ends++
	if !x.flow.IsZero() {
		m.hops = append(m.hops, hopTwin{end: m.ends, of: x.id, flow: x.flow, outcome: outcome})
	}
}

// revokeHeld takes a lease that is held; its holder's epoch is behind from then on.
func (x *twin) revokeHeld() bool {
	if !x.last.held {
		return false
	}
	x.last.epoch++
	x.tell("revoked")
	return true
}

// cancel ends an execution by whomever.
func (m *model) cancel(x *twin) {
	outcome := x.last.outcome
	if x.revokeHeld() {
		outcome = "cancelled"
	}
	m.end(x, messages.PublicCancelled, "cancelled", outcome)
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
		payload: string(args.InputPayload), state: messages.PublicWaiting, maxRetries: 3, maxReclaims: 1000,
		last: attemptTwin{index: -1},
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
		if p.StreamPolicy != nil {
			x.mostFrames = p.StreamPolicy.RetentionMaxlen
		}
	}
	if args.IdempotencyKey != "" {
		m.keys[args.IdempotencyKey] = key{x.id, m.now + window}
	}
	for name, value := range args.Tags {
		m.tags[tagged{x.id.String(), name}] = value
	}
	m.twins = append(m.twins, x)
	return messages.CreateExecutionResult{Outcome: messages.CreateCreated, ExecutionID: x.id, PublicState: x.state}, x, nil
}
