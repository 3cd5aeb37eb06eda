package ffsqlite_test

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/flowfabric/ffsqlite/messages"
)

// drawer draws the arguments of operations, good and bad, for where the model stands.
type drawer struct {
	choices
	*model

	mint  func() [16]byte // an identifier that nothing has
	lanes []messages.LaneID
	timed bool // the clock goes on, so that deadlines come
}

// choices is where chance comes from.
type choices interface {
	// choose is a number below n. The smaller, the plainer.
	choose(what string, n int) int
	// skip ends the drawing: there is nothing to draw.
	skip(why string)
}

// shrinking draws from rapid, which makes what fails shorter.
type shrinking struct{ *rapid.T }

// choose takes every number as often as any other, where the ranges of rapid would take the ends more often.
func (s shrinking) choose(what string, n int) int {
	if n == 1 {
		return 0
	}
	return rapid.Custom(func(r *rapid.T) (chosen int) {
		for range bits.Len(uint(n-1)) + 1 {
			chosen *= 2
			if rapid.Bool().Draw(r, "bit") {
				chosen++
			}
		}
		return chosen % n
	}).Draw(s.T, what)
}

func (s shrinking) skip(why string) { s.Skip(why) }

// tossing draws from a random source.
type tossing struct{ *rand.Rand }

func (s tossing) choose(_ string, n int) int { return s.IntN(n) }

// noChoice is what it panics with when there is nothing to draw.
type noChoice struct{ why string }

func (tossing) skip(why string) { panic(noChoice{why}) }

// one draws one of several.
func one[T any](d *drawer, what string, of ...T) T { return of[d.choose(what, len(of))] }

// rarely is true once in n times.
func (d *drawer) rarely(what string, n int) bool { return d.choose(what, n) == n-1 }

func (d *drawer) newID() messages.ExecutionID {
	return messages.NewExecutionID(one[uint16](d, "partition", 0, 0, 0, 7), d.mint())
}

// known is an execution that exists.
func (d *drawer) known() messages.ExecutionID {
	if len(d.twins) == 0 {
		d.skip("nothing exists")
	}
	return d.twins[d.choose("execution", len(d.twins))].id
}

// any is an execution that exists, or once in a while another one.
func (d *drawer) any() messages.ExecutionID {
	if d.rarely("unknown", 12) {
		return messages.NewExecutionID(0, [16]byte{6: 0x40, 8: 0x80, 9: 0xff})
	}
	return d.known()
}

// handle is one of those that workers got, mostly one that is good.
func (d *drawer) handle() messages.Handle { return d.ticket().handle }

func (d *drawer) ticket() *ticket {
	if len(d.tickets) == 0 {
		d.skip("nothing was claimed")
	}
	good := slices.DeleteFunc(slices.Clone(d.tickets), func(t *ticket) bool {
		_, err := d.live(t)
		return err != nil
	})
	if len(good) > 0 && !d.rarely("any ticket", 4) {
		return good[d.choose("ticket", len(good))]
	}
	return d.tickets[len(d.tickets)-1-d.choose("ticket", min(6, len(d.tickets)))]
}

func (d *drawer) lane() messages.LaneID { return one(d, "lane", d.lanes...) }

func (d *drawer) seconds(what string, n int) time.Duration {
	return time.Duration(d.choose(what, n)) * time.Second
}

// from is a time that is so many seconds from now, at the most, or just past. Without a clock it is never past.
func (d *drawer) from(what string, n int) messages.TimestampMs {
	if !d.timed {
		return d.now + 3_600_000
	}
	return d.now + messages.TimestampMs(d.seconds(what, n).Milliseconds()-1000)
}

// ttl is that of a lease. Without a clock none runs out.
func (d *drawer) ttl() time.Duration {
	if !d.timed {
		return time.Hour
	}
	return d.seconds("ttl", 8) + time.Second
}

func (d *drawer) create() messages.CreateExecutionArgs {
	a := d.execution()
	switch d.choose("fault", 20) {
	case 19:
		a.LaneID = ""
	case 18:
		a.ExecutionID = messages.ExecutionID{}
	case 17:
		a.ExecutionID = d.known()
	case 16:
		a.ExecutionID = messages.NewExecutionID(9, d.known().UUID())
	}
	return a
}

func (d *drawer) execution() messages.CreateExecutionArgs {
	a := args(d.newID(), inLane(d.lane()), withPriority(int32(d.choose("priority", 5))-1))
	if d.timed && d.rarely("with a key", 5) {
		a.IdempotencyKey = one(d, "key", "k", "l")
	}
	if d.rarely("delayed", 5) {
		a.DelayUntil = d.from("delay", 7)
	}
	if d.timed && d.rarely("with a deadline", 5) {
		a.ExecutionDeadlineAt = d.from("deadline", 14) + 1000
	}
	if d.rarely("tagged", 5) {
		a.Tags = map[string]string{"app.team": "t"}
	}
	if d.rarely("with a policy", 2) {
		a.Policy = d.executionPolicy()
	}
	return a
}

func (d *drawer) executionPolicy() *messages.ExecutionPolicy {
	p, reclaims := messages.NewExecutionPolicy(), uint32(d.choose("reclaims", 3))
	p.MaxReclaimCount = &reclaims
	p.DedupWindow = 5 * time.Second
	p.TimeoutPolicy = &messages.TimeoutPolicy{}
	if d.timed {
		p.TimeoutPolicy.AttemptTimeout = 2 * d.seconds("patience", 5)
	}
	if d.rarely("short streams", 2) {
		p.StreamPolicy = messages.NewStreamPolicy()
		p.StreamPolicy.RetentionMaxlen = 2
	}
	p.RetryPolicy = &messages.RetryPolicy{
		MaxRetries: uint32(d.choose("retries", 3)), Backoff: messages.FixedBackoff(d.seconds("backoff", 3)),
	}
	return p
}

func (d *drawer) claim() messages.ClaimArgs {
	a := claimArgs()
	a.LaneID, a.Policy.LeaseTTL = d.lane(), d.ttl()
	if d.rarely("no lease", 20) {
		a.Policy.LeaseTTL = 0
	}
	return a
}

func (d *drawer) claimNext() messages.ClaimNextArgs {
	a := claimNextArgs()
	a.LeaseTTL = d.ttl()
	a.Lanes = d.lanes[:1]
	for _, lane := range d.lanes {
		if lane != a.Lanes[0] {
			a.Lanes = []messages.LaneID{lane, a.Lanes[0]}
		}
	}
	if d.rarely("no lane", 20) {
		a.Lanes = nil
	}
	return a
}

func (d *drawer) claimWait() messages.ClaimWaitArgs {
	return messages.ClaimWaitArgs{ClaimNextArgs: d.claimNext()}
}

// fence is that of a ticket, mostly, and the ticket.
func (d *drawer) fence() (*ticket, *messages.LeaseFence) {
	t := d.ticket()
	payload, err := messages.OpenHandle(t.handle)
	if err != nil {
		panic(err)
	}
	f := &messages.LeaseFence{LeaseID: payload.LeaseID, LeaseEpoch: payload.LeaseEpoch, AttemptID: payload.AttemptID}
	if d.rarely("another epoch", 8) {
		f.LeaseEpoch++
	}
	return t, f
}

// attempt is the index of the ticket's attempt, mostly.
func (d *drawer) attempt(t *ticket) messages.AttemptIndex {
	return messages.AttemptIndex(t.index + one(d, "attempt", 0, 0, 0, 0, 0, 1))
}

func (d *drawer) renewLease() messages.RenewLeaseArgs {
	t, fence := d.fence()
	if d.rarely("no fence", 12) {
		fence = nil
	}
	return messages.RenewLeaseArgs{ExecutionID: t.id, AttemptIndex: d.attempt(t), Fence: fence, LeaseTTL: d.ttl()}
}

// source is who calls; only an operator does without the fence.
func (d *drawer) source(fence *messages.LeaseFence) (*messages.LeaseFence, messages.CancelSource) {
	switch d.choose("source", 8) {
	case 7:
		return nil, messages.SourceLeaseHolder
	case 5, 6:
		return nil, ""
	}
	return fence, messages.SourceLeaseHolder
}

func (d *drawer) completeExecution() messages.CompleteExecutionArgs {
	t, fence := d.fence()
	fence, source := d.source(fence)
	return messages.CompleteExecutionArgs{
		ExecutionID: t.id, AttemptIndex: d.attempt(t), Fence: fence, Source: source, ResultPayload: d.result(),
	}
}

func (d *drawer) failExecution() messages.FailExecutionArgs {
	t, fence := d.fence()
	fence, source := d.source(fence)
	policies := []string{
		"", "unreadable", `{"max_retries":1,"backoff":{"type":"fixed","delay_ms":0}}`,
		`{"max_retries":2,"backoff":{"type":"fixed","delay_ms":1500}}`,
	}
	return messages.FailExecutionArgs{
		ExecutionID: t.id, AttemptIndex: d.attempt(t), Fence: fence, Source: source, FailureReason: "r",
		RetryPolicyJSON: one(d, "retry policy", policies...),
	}
}

func (d *drawer) progress() messages.ProgressArgs {
	return messages.ProgressArgs{Handle: d.handle(), Percent: new(uint8(98 + d.choose("percent", 4)))}
}

func (d *drawer) result() []byte { return one(d, "result", nil, []byte{}, []byte{1}, []byte("done")) }

func (d *drawer) complete() messages.CompleteArgs {
	return messages.CompleteArgs{Handle: d.handle(), Payload: d.result()}
}

func (d *drawer) fail() messages.FailArgs {
	return messages.FailArgs{Handle: d.handle(), Class: one(d, "class", messages.FailurePermanent, messages.FailureTransient,
		messages.FailureTransient, messages.FailureInfraCrash, messages.FailureTimeout)}
}

func (d *drawer) delay() messages.DelayArgs {
	return messages.DelayArgs{Handle: d.handle(), DelayUntil: d.from("delay", 6)}
}

// waitChildren is mostly for an execution that has some.
func (d *drawer) waitChildren() messages.WaitChildrenArgs {
	parents := slices.DeleteFunc(slices.Clone(d.tickets), func(t *ticket) bool {
		x, err := d.live(t)
		f := d.flow(x.flow)
		return err != nil || f == nil || len(f.into(t.id)) == 0
	})
	if len(parents) > 0 && !d.rarely("any ticket", 4) {
		return messages.WaitChildrenArgs{Handle: one(d, "ticket", parents...).handle}
	}
	return messages.WaitChildrenArgs{Handle: d.handle()}
}

func (d *drawer) appendFrame() messages.AppendFrameArgs {
	a := messages.AppendFrameArgs{Handle: d.handle(), Frame: messages.Frame{Bytes: []byte("frame")}}
	if d.rarely("summary", 2) {
		a.Frame.Mode = messages.DurableSummary()
		a.Frame.Bytes = []byte(one(d, "patch", `{"a":1}`, `{"a":null}`, `{"b":{"c":2,"d":null}}`, `{"b":{"c":null,"e":"x"}}`,
			`{"b":3}`, `{"a":"__ff_null__"}`, `[1]`, `{`))
	}
	return a
}

func (d *drawer) cancelExecution() messages.CancelExecutionArgs {
	a := messages.CancelExecutionArgs{ExecutionID: d.any(), Reason: "enough"}
	if d.rarely("fenced", 2) {
		a.Source = messages.SourceLeaseHolder
		if !d.rarely("without the epoch", 4) {
			epoch := messages.LeaseEpoch(1 + d.choose("epoch", 4))
			a.LeaseEpoch, a.LeaseID, a.AttemptID = &epoch, messages.LeaseID{1}, messages.AttemptID{1} // All or nothing.
		}
	}
	return a
}

func (d *drawer) revokeLease() messages.RevokeLeaseArgs {
	a := messages.RevokeLeaseArgs{ExecutionID: d.any()}
	switch d.choose("which lease", 6) {
	case 5:
		a.WorkerInstanceID = "another"
	case 4:
		a.WorkerInstanceID = "test-worker-instance"
	case 3:
		t := d.ticket()
		a.ExecutionID, a.ExpectedLeaseID = t.id, leaseOf(t)
	}
	return a
}

func (d *drawer) replayExecution() messages.ReplayExecutionArgs {
	return messages.ReplayExecutionArgs{ExecutionID: d.any()}
}

func (d *drawer) changePriority() messages.ChangePriorityArgs {
	return messages.ChangePriorityArgs{ExecutionID: d.any(), NewPriority: int32(d.choose("priority", 5)) - 1}
}

// later is the clock's time, or what a caller says it is.
func (d *drawer) later() messages.TimestampMs {
	if d.rarely("later", 3) {
		return d.from("when", 8) + 1000
	}
	return 0
}

func (d *drawer) promoteDelayed() messages.PromoteDelayedArgs {
	return messages.PromoteDelayedArgs{ExecutionID: d.any(), Now: d.later()}
}

func (d *drawer) expireExecution() messages.ExpireExecutionArgs {
	return messages.ExpireExecutionArgs{
		ExecutionID: d.any(), Now: d.later(),
		Phase: one(d, "phase", messages.ExpireExecutionDeadline, messages.ExpireAttemptTimeout, messages.ExpireAttemptTimeout,
			messages.ExpirePhase("old_age")),
	}
}

func (d *drawer) setExecutionTag() messages.SetExecutionTagArgs {
	return messages.SetExecutionTagArgs{ExecutionID: d.any(), Key: d.tag(), Value: one(d, "value", "", "v", "w")}
}

func (d *drawer) tag() string {
	return one(d, "tag", "app.team", "cairn.instance_id", "App.team", "team")
}
