package ffsqlite_test

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// TestTortureModel_Executions walks at random over the calls about executions, with good and with bad arguments, and has
// the model take the same steps. Answers, errors and what can be read agree after each. A walk that fails is made shorter,
// and rapid prints its seed.
func TestTortureModel_Executions(t *testing.T) {
	walks := fftest.Rounds(100, 10_000)
	if fftest.RaceDetector {
		walks /= 10
	}
	checks(t, walks)
	rapid.Check(t, func(r *rapid.T) {
		inBubble(t, func(t *testing.T) { //nolint:thelper // The walk itself.
			w := &walk{engine: open(t), model: model{keys: map[string]key{}}}
			w.settle()
			for range rapid.IntRange(0, 4).Draw(r, "at first") {
				w.creates(r)
			}
			r.Repeat(w.steps())
		})
	})
}

// checks has rapid make so many checks, unless the flag says how many. Tests that do so don't run in parallel.
func checks(t *testing.T, n int) {
	t.Helper()
	given := flag.Lookup("rapid.checks")
	if given.Value.String() != given.DefValue {
		return
	}
	require.NoError(t, given.Value.Set(strconv.Itoa(n)))
	t.Cleanup(func() { require.NoError(t, given.Value.Set(given.DefValue)) })
}

// steps are the calls of a walk, those more than once that others need first.
func (w *walk) steps() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"": w.agree,

		"create": w.creates, "create one more": w.creates, "create again": w.createsAgain,
		"claim": w.claims, "claim once more": w.claims, "claim next": w.claimsNext, "claim what is next": w.claimsNext,
		"claim badly": w.claimsBadly, "renew": w.renews, "progress": w.progresses, "complete": w.completes,
		"fail": w.fails, "cancel": w.cancels, "delay": w.delays, "wait for children": w.waits,
		"cancel by an operator": w.cancelsAsOperator, "revoke": w.revokes, "replay": w.replays,
		"change the priority": w.changesPriority, "wait": w.passes, "wait longer": w.passes, "batch": w.batches,
	}
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

	model   model
	tickets []*ticket
}

// settle lets the engine do what is due, and the model, too. A timer that is set for the past goes off when the clock is
// moved by nothing.
func (w *walk) settle() {
	for range 3 {
		w.advance(0)
	}
	w.model.tick(w.now())
}

// agree compares all that can be read.
func (w *walk) agree(r *rapid.T) {
	w.settle()
	ctx := w.t.Context()
	for _, x := range w.model.twins {
		got, err := w.DescribeExecution(ctx, x.id)
		require.NoError(r, err)
		require.NotNil(r, got)
		require.Equal(r, x.state, got.PublicState, "%s", x.id)
		require.Equal(r, uint32(x.attempts), got.TotalAttemptCount, "%s", x.id)
		require.Equal(r, x.last.held && !x.last.lapsed, got.CurrentLease != nil, "%s", x.id)
		if got.CurrentLease != nil {
			require.Equal(r, x.last.expires, got.CurrentLease.ExpiresAt, "%s", x.id)
			require.Equal(r, messages.LeaseEpoch(x.last.epoch), got.CurrentLease.LeaseEpoch, "%s", x.id)
		}
		info, err := w.ReadExecutionInfo(ctx, x.id)
		require.NoError(r, err)
		require.Equal(r, x.state, info.PublicState, "%s", x.id)
		require.Equal(r, x.priority, info.Priority, "%s", x.id)
		result, found, err := w.GetExecutionResult(ctx, x.id)
		require.NoError(r, err)
		require.Equal(r, x.result != nil, found, "%s", x.id)
		if found {
			require.Equal(r, *x.result, string(result), "%s", x.id)
		}
		require.Equal(r, x.ends, w.completions(x.id), "%s", x.id)
		require.Equal(r, x.leases, w.leaseEvents(x.id), "%s", x.id)
	}
	all, err := w.ListExecutions(ctx, messages.ListExecutionsArgs{Limit: 1000})
	require.NoError(r, err)
	require.Len(r, all.Executions, len(w.model.twins))
}

// same compares the errors of a call.
func same(r *rapid.T, want, got error) {
	if want == nil {
		require.NoError(r, got)
		return
	}
	require.ErrorIs(r, got, want)
	var typed *messages.Error
	require.ErrorAs(r, got, &typed)
}

// newID draws an id that does not exist, in some partition, neither before nor behind all others.
func (w *walk) newID(r *rapid.T) messages.ExecutionID {
	partition := rapid.SampledFrom([]uint16{0, 0, 0, 7}).Draw(r, "partition")
	n := len(w.model.twins)
	return messages.NewExecutionID(partition, [16]byte{0: byte(n * 37), 6: 0x40, 8: 0x80, 14: byte(n >> 8), 15: byte(n)})
}

func laneOf(r *rapid.T) messages.LaneID {
	return rapid.SampledFrom([]messages.LaneID{"a", "a", "b"}).Draw(r, "lane")
}

func ttlOf(r *rapid.T) time.Duration {
	return time.Duration(rapid.IntRange(1, 8).Draw(r, "ttl")) * time.Second
}

func (w *walk) createArgs(r *rapid.T) messages.CreateExecutionArgs {
	a := args(w.newID(r), inLane(laneOf(r)), withPriority(rapid.Int32Range(-1, 3).Draw(r, "priority")))
	if rapid.IntRange(0, 3).Draw(r, "with a key") == 3 {
		a.IdempotencyKey = rapid.SampledFrom([]string{"k", "l"}).Draw(r, "key")
	}
	if rapid.IntRange(0, 3).Draw(r, "delayed") == 3 {
		a.DelayUntil = w.now() + messages.TimestampMs(rapid.IntRange(-1, 5).Draw(r, "delay")*1000)
	}
	if rapid.IntRange(0, 3).Draw(r, "with a deadline") == 3 {
		a.ExecutionDeadlineAt = w.now() + messages.TimestampMs(rapid.IntRange(0, 12).Draw(r, "deadline")*1000)
	}
	if rapid.Bool().Draw(r, "with a policy") {
		reclaims := rapid.Uint32Range(0, 2).Draw(r, "reclaims")
		a.Policy = messages.NewExecutionPolicy()
		a.Policy.MaxReclaimCount = &reclaims
		a.Policy.DedupWindow = 5 * time.Second
		a.Policy.TimeoutPolicy = &messages.TimeoutPolicy{
			AttemptTimeout: time.Duration(rapid.IntRange(0, 4).Draw(r, "patience")) * 2 * time.Second,
		}
		a.Policy.RetryPolicy = &messages.RetryPolicy{
			MaxRetries: rapid.Uint32Range(0, 2).Draw(r, "retries"),
			Backoff:    messages.FixedBackoff(time.Duration(rapid.IntRange(0, 2).Draw(r, "backoff")) * time.Second),
		}
	}
	return a
}

func (w *walk) creates(r *rapid.T) {
	a := w.createArgs(r)
	switch rapid.IntRange(0, 15).Draw(r, "fault") {
	case 15:
		a.LaneID = ""
	case 14:
		a.ExecutionID = messages.ExecutionID{}
	}
	w.create(r, a)
}

func (w *walk) create(r *rapid.T, a messages.CreateExecutionArgs) {
	want, _, refusal := w.model.create(a)
	got, err := w.CreateExecution(w.t.Context(), a)
	same(r, refusal, err)
	if err == nil {
		require.Equal(r, want, got)
	}
}

// createsAgain gives an id that exists, perhaps under another partition.
func (w *walk) createsAgain(r *rapid.T) {
	a := w.createArgs(r)
	a.ExecutionID = w.known(r)
	if rapid.Bool().Draw(r, "elsewhere") {
		a.ExecutionID = messages.NewExecutionID(9, a.ExecutionID.UUID())
	}
	w.create(r, a)
}

// known draws an execution that exists; ends the step when there is none.
func (w *walk) known(r *rapid.T) messages.ExecutionID {
	if len(w.model.twins) == 0 {
		r.Skip("nothing exists")
	}
	return w.model.twins[rapid.IntRange(0, len(w.model.twins)-1).Draw(r, "execution")].id
}

// any draws an execution that exists, or once in a while another one.
func (w *walk) any(r *rapid.T) messages.ExecutionID {
	if rapid.IntRange(0, 9).Draw(r, "unknown") == 9 {
		return messages.NewExecutionID(0, [16]byte{6: 0x40, 8: 0x80, 9: 0xff})
	}
	return w.known(r)
}

func (w *walk) claims(r *rapid.T) {
	a := claimArgs()
	a.LaneID, a.Policy.LeaseTTL = laneOf(r), ttlOf(r)
	got, err := w.Claim(w.t.Context(), a)
	require.NoError(r, err)
	w.claimed(r, w.model.claim(a.LaneID, messages.TimestampMs(a.Policy.LeaseTTL.Milliseconds())), got)
}

func (w *walk) claimsNext(r *rapid.T) {
	a := claimNextArgs()
	a.Lanes, a.LeaseTTL = []messages.LaneID{"b", "a"}, ttlOf(r)
	got, err := w.ClaimNext(w.t.Context(), a)
	require.NoError(r, err)
	ttl := messages.TimestampMs(a.LeaseTTL.Milliseconds())
	want := w.model.claim("b", ttl)
	if want == nil {
		want = w.model.claim("a", ttl)
	}
	if got.Task == nil {
		w.claimed(r, want, nil)
		return
	}
	require.Equal(r, w.now()+ttl, got.Task.LeaseExpiresAt)
	w.claimed(r, want, &got.Task.Handle)
	require.Equal(r, want.twin.reclaims, got.Task.LeaseReclaimCount)
}

func (w *walk) claimed(r *rapid.T, want *ticket, got *messages.Handle) {
	if want == nil {
		require.Nil(r, got, "nothing is claimable")
		return
	}
	require.NotNil(r, got, "%s is claimable", want.twin.id)
	payload, err := messages.OpenHandle(*got)
	require.NoError(r, err)
	require.Equal(r, want.twin.id, payload.ExecutionID)
	require.Equal(r, want.kind, got.Kind)
	require.Equal(r, messages.AttemptIndex(want.index), payload.AttemptIndex)
	require.Equal(r, messages.LeaseEpoch(want.epoch), payload.LeaseEpoch)
	want.handle = *got
	w.tickets = append(w.tickets, want)
}

func (w *walk) claimsBadly(r *rapid.T) {
	a := claimArgs()
	a.Policy.LeaseTTL = 0
	_, err := w.Claim(w.t.Context(), a)
	same(r, messages.ErrInvalidInput, err)
}

// ticket draws one of those that workers got, mostly a late one, good or not.
func (w *walk) ticket(r *rapid.T) *ticket {
	if len(w.tickets) == 0 {
		r.Skip("nothing was claimed")
	}
	return w.tickets[len(w.tickets)-1-rapid.IntRange(0, min(5, len(w.tickets)-1)).Draw(r, "ticket")]
}

func (w *walk) renews(r *rapid.T) {
	ticket := w.ticket(r)
	want, refusal := w.model.renew(ticket)
	got, err := w.Renew(w.t.Context(), ticket.handle)
	same(r, refusal, err)
	require.Equal(r, want, got)
}

func (w *walk) progresses(r *rapid.T) {
	ticket, percent := w.ticket(r), rapid.Uint8Range(98, 101).Draw(r, "percent")
	same(r, w.model.progress(ticket, percent),
		w.Progress(w.t.Context(), messages.ProgressArgs{Handle: ticket.handle, Percent: &percent}))
}

func (w *walk) completes(r *rapid.T) {
	ticket, payload := w.ticket(r), rapid.SampledFrom([][]byte{nil, {}, {1}, []byte("done")}).Draw(r, "result")
	same(r, w.model.complete(ticket, payload), w.Complete(w.t.Context(), ticket.handle, payload))
}

func (w *walk) fails(r *rapid.T) {
	ticket := w.ticket(r)
	class := rapid.SampledFrom([]messages.FailureClass{
		messages.FailureTransient, messages.FailureTransient, messages.FailureInfraCrash, messages.FailurePermanent,
		messages.FailureTimeout,
	}).Draw(r, "class")
	want, repeated, refusal := w.model.fail(ticket, class)
	got, err := w.Fail(w.t.Context(), messages.FailArgs{Handle: ticket.handle, Class: class})
	same(r, refusal, err)
	if repeated {
		got.DelayUntil = 0
	}
	require.Equal(r, want, got)
}

func (w *walk) cancels(r *rapid.T) {
	ticket := w.ticket(r)
	same(r, w.model.cancel(ticket), w.Cancel(w.t.Context(), ticket.handle, "enough"))
}

func (w *walk) delays(r *rapid.T) {
	ticket, until := w.ticket(r), w.now()+messages.TimestampMs(rapid.IntRange(-1, 4).Draw(r, "delay")*1000)
	same(r, w.model.park(ticket, messages.PublicDelayed, until), w.Delay(w.t.Context(), ticket.handle, until))
}

func (w *walk) waits(r *rapid.T) {
	ticket := w.ticket(r)
	same(r, w.model.park(ticket, messages.PublicWaitingChildren, 0), w.WaitChildren(w.t.Context(), ticket.handle))
}

func (w *walk) cancelsAsOperator(r *rapid.T) {
	a := messages.CancelExecutionArgs{ExecutionID: w.any(r), Reason: "enough"}
	if rapid.Bool().Draw(r, "fenced") {
		a.Source = messages.SourceLeaseHolder
		if rapid.IntRange(0, 3).Draw(r, "with the epoch") > 0 {
			epoch := messages.LeaseEpoch(rapid.Uint64Range(1, 4).Draw(r, "epoch"))
			a.LeaseEpoch, a.LeaseID, a.AttemptID = &epoch, messages.LeaseID{1}, messages.AttemptID{1} // All or nothing.
		}
	}
	refusal := w.model.cancelExecution(a)
	got, err := w.CancelExecution(w.t.Context(), a)
	same(r, refusal, err)
	if err == nil {
		require.Equal(r, messages.CancelExecutionResult{
			Outcome: messages.CancelExecutionCancelled, ExecutionID: a.ExecutionID, PublicState: messages.PublicCancelled,
		}, got)
	}
}

func (w *walk) revokes(r *rapid.T) {
	id := w.any(r)
	want, refusal := w.model.revoke(id)
	got, err := w.RevokeLease(w.t.Context(), messages.RevokeLeaseArgs{ExecutionID: id})
	same(r, refusal, err)
	require.Equal(r, want, got.Outcome)
}

func (w *walk) replays(r *rapid.T) {
	id := w.any(r)
	refusal := w.model.replay(id)
	got, err := w.ReplayExecution(w.t.Context(), messages.ReplayExecutionArgs{ExecutionID: id})
	same(r, refusal, err)
	if err == nil {
		require.Equal(r, messages.PublicWaiting, got.PublicState)
	}
}

func (w *walk) changesPriority(r *rapid.T) {
	a := messages.ChangePriorityArgs{ExecutionID: w.any(r), NewPriority: rapid.Int32Range(-1, 3).Draw(r, "priority")}
	refusal := w.model.changePriority(a.ExecutionID, a.NewPriority)
	_, err := w.ChangePriority(w.t.Context(), a)
	same(r, refusal, err)
}

// passes lets time pass.
func (w *walk) passes(r *rapid.T) {
	w.advance(time.Duration(rapid.SampledFrom([]int{1, 500, 1000, 2000, 3000, 10_000}).Draw(r, "ms")) * time.Millisecond)
	w.settle()
}

// batches completes and creates in one message, all or nothing.
func (w *walk) batches(r *rapid.T) {
	ticket, a := w.ticket(r), w.createArgs(r)
	before, keys := *ticket.twin, w.model.keys[a.IdempotencyKey]
	refusals := []error{w.model.complete(ticket, nil), nil}
	made, twin := messages.CreateExecutionResult{}, (*twin)(nil)
	if refusals[0] == nil {
		made, twin, refusals[1] = w.model.create(a)
	}
	replies, err := w.Batch(w.t.Context(), messages.CompleteArgs{Handle: ticket.handle}, a)
	for i, refusal := range refusals {
		if refusal == nil {
			continue
		}
		same(r, refusal, err)
		var typed *messages.Error
		require.True(r, errors.As(err, &typed))
		require.Contains(r, typed.Detail, fmt.Sprintf("messages[%d]: ", i))
		require.Nil(r, replies)
		require.Nil(r, twin)
		*ticket.twin = before
		require.Equal(r, keys, w.model.keys[a.IdempotencyKey])
		return
	}
	require.NoError(r, err)
	require.Equal(r, []messages.Reply{nil, made}, replies)
}
