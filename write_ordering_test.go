package ffsqlite_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// What docs/write-ordering.md promises of order, of runs with any number of callers: see order_record_test.go for what is
// checked.

// TestTortureWriteOrdering has 1, 8 and 64 callers work side by side, subscribers of all kinds listen, and readers look.
func TestTortureWriteOrdering(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	var tally orderTally
	for range fftest.Rounds(1, 40) {
		for _, callers := range []int{1, 8, 64} {
			location := ":memory:"
			if random.IntN(2) == 0 {
				location = filepath.Join(t.TempDir(), "ordered.db")
			}
			t.Run(fmt.Sprintf("%d callers", callers), func(t *testing.T) {
				r := newOrderRun(t, random, location, callers)
				r.work(20 + 100/callers)
				record := r.record()
				require.NoError(t, record.check(), location)
				tally.add(record)
			})
		}
	}
	t.Logf("%+v", tally)
}

// orderRun is an engine with callers, subscribers and a look at the outboxes from time to time, all of which note what
// they are told.
type orderRun struct {
	*engine

	random  *rand.Rand
	order   atomic.Int64 // goes up at each begin and end of a call
	callers []*orderCaller
	last    *orderCaller         // makes the last calls of all
	end     messages.ExecutionID // of which the last events of all are
	ctx     context.Context

	working   sync.WaitGroup
	following sync.WaitGroup
	gate      chan struct{} // closed when the callers have done

	mu        sync.Mutex
	followers []orderFollower
	snapshots []orderSnapshot
}

func newOrderRun(t *testing.T, random *rand.Rand, location string, callers int) *orderRun {
	t.Helper()
	limits := ffsqlite.WriteLimits{Operations: []int{1, 3, 512}[random.IntN(3)]}
	r := &orderRun{
		engine: openAt(t, location, ffsqlite.WithWriteLimits(limits)), random: random, end: newID(), gate: make(chan struct{}),
	}
	// Who has not heard of the last event by then has lost it.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r.ctx = ctx
	for n := range callers {
		r.callers = append(r.callers, r.newCaller(n))
	}
	r.last = r.newCaller(callers)
	return r
}

// work lets everybody work, each caller through so many turns, until the last subscriber has heard of the last event.
func (r *orderRun) work(turns int) {
	r.followAll("before the first call")
	for _, c := range r.callers {
		r.working.Go(func() { c.work(turns) })
	}
	for done, n := waited(&r.working), 0; ; n++ {
		select {
		case <-done:
			close(r.gate)
			r.last.runs(1, r.end)
			r.following.Wait()
			r.resumeAll()
			r.following.Wait()
			return
		default:
			r.look()
			r.clock.Advance(time.Millisecond)
			if n%8 == 0 && n < 64 {
				r.followAll("in the middle")
			}
		}
	}
}

// record puts together what everybody noted, and the rows as they are at the end.
func (r *orderRun) record() *orderRecord {
	r.t.Helper()
	record := &orderRecord{outboxes: map[string][]outboxRow{}, followers: r.followers, snapshots: r.snapshots}
	for _, c := range append(r.callers, r.last) {
		record.mutations = append(record.mutations, c.mutations...)
		record.readings = append(record.readings, c.readings...)
	}
	for name, sql := range orderedOutboxes {
		for _, row := range r.sql.Rows(sql) {
			id, err := strconv.ParseInt(row[0], 10, 64)
			require.NoError(r.t, err)
			at, err := strconv.ParseInt(row[1], 10, 64)
			require.NoError(r.t, err)
			record.outboxes[name] = append(record.outboxes[name], outboxRow{id, at, row[2]})
		}
	}
	return record
}

// The outboxes that the calls write, each with the query for its rows.
const (
	completionRows = "ff_completion_event"
	leaseRows      = "ff_lease_event"
	operatorRows   = "ff_operator_event"
	tagRows        = "ff_instance_tag_event"
)

var orderedOutboxes = map[string]string{
	completionRows: `
		SELECT event_id, occurred_at_ms, lower(hex(execution_id)) || ' ' || outcome
		  FROM ff_completion_event ORDER BY event_id`,
	leaseRows: `
		SELECT event_id, occurred_at_ms,
		       replace(execution_id, '-', '') || ' ' || event_type || ' ' || worker_instance_id || coalesce(revoked_by, '')
		  FROM ff_lease_event ORDER BY event_id`,
	operatorRows: `
		SELECT event_id, occurred_at_ms,
		       replace(execution_id, '-', '') || ' ' || event_type || ' ' || (details ->> '$.new_priority')
		  FROM ff_operator_event ORDER BY event_id`,
	tagRows: `
		SELECT event_id, occurred_at_ms, replace(execution_id, '-', '') || ' ' || event_type || ' ' || tag
		  FROM ff_instance_tag_event ORDER BY event_id`,
}

// keyOf is how the queries above name an event.
func keyOf(id messages.ExecutionID, what ...string) string {
	return fmt.Sprintf("%x %s", id.UUID(), strings.Join(what, " "))
}

// look notes how many rows each outbox has, and the last id: both of one snapshot.
func (r *orderRun) look() {
	for name := range orderedOutboxes {
		row := r.sql.Rows("SELECT count(*), coalesce(max(event_id), 0) FROM " + name)[0]
		r.snapshots = append(r.snapshots, orderSnapshot{outbox: name, rows: row[0], last: row[1]})
	}
}

// orderCaller makes calls, one after the other, and notes what it is told.
type orderCaller struct {
	*orderRun

	n        int
	own      *rand.Rand
	register messages.ExecutionID // whose priority it raises, and nobody else
	begun    atomic.Int64         // the highest priority that it has asked for
	told     atomic.Int64         // the highest that was acknowledged

	mutations []orderMutation
	readings  []orderReading
}

func (r *orderRun) newCaller(n int) *orderCaller {
	return &orderCaller{
		orderRun: r, n: n, own: rand.New(rand.NewPCG(r.random.Uint64(), uint64(n))), register: r.created(inLane("registers")),
	}
}

func (c *orderCaller) work(turns int) {
	for turn := 1; turn <= turns; turn++ {
		switch c.own.IntN(4) {
		case 0:
			c.prioritises(turn)
		case 1:
			c.tags(turn)
		case 2:
			c.batches(turn)
		default:
			c.runs(turn, newID())
		}
		if c.hasLeft() {
			continue // And makes the next call at once.
		}
		c.readsPriority(c)
		c.readsPriority(c.callers[c.own.IntN(len(c.callers))])
	}
}

// hasLeft tells whether it does not know what has become of its last call.
func (c *orderCaller) hasLeft() bool { return c.mutations[len(c.mutations)-1].end == never }

// send makes a call and notes it with the events that it writes. A caller that is in a hurry may leave at any moment; then
// it does not know what has become of the call, and the result is false.
func (c *orderCaller) send(inHurry bool, call func(context.Context) error, events ...orderEvent) bool {
	ctx, leave := context.WithCancel(c.ctx)
	defer leave()
	if inHurry && c.own.IntN(3) == 0 {
		go leaveAfter(leave, c.own.IntN(100))
	}
	m := orderMutation{caller: c.n, begin: c.order.Add(1), events: events}
	err := call(ctx)
	m.end = c.order.Add(1)
	if inHurry && errors.Is(err, context.Canceled) {
		m.end = never
	} else if err != nil {
		c.t.Errorf("caller %d: %v", c.n, err)
	}
	c.mutations = append(c.mutations, m)
	return !c.hasLeft()
}

// leaveAfter lets others go first, so many times.
func leaveAfter(leave func(), turns int) {
	for range turns {
		runtime.Gosched()
	}
	leave()
}

func (c *orderCaller) prioritised(n int) (messages.ChangePriorityArgs, orderEvent) {
	c.begun.Store(int64(n))
	return messages.ChangePriorityArgs{ExecutionID: c.register, NewPriority: int32(n)},
		orderEvent{operatorRows, keyOf(c.register, "priority_changed", strconv.Itoa(n))}
}

func (c *orderCaller) prioritises(turn int) {
	args, event := c.prioritised(turn)
	if c.send(true, func(ctx context.Context) error {
		_, err := c.ChangePriority(ctx, args)
		return err
	}, event) {
		c.told.Store(int64(turn))
	}
}

func (c *orderCaller) tagged(n int) (messages.SetExecutionTagArgs, orderEvent) {
	args := messages.SetExecutionTagArgs{ExecutionID: c.register, Key: fmt.Sprintf("order.n%d", n), Value: "x"}
	return args, orderEvent{tagRows, keyOf(c.register, "attached", args.Key+"=x")}
}

func (c *orderCaller) tags(turn int) {
	args, event := c.tagged(turn)
	if c.send(true, func(ctx context.Context) error { return c.SetExecutionTag(ctx, args) }, event) {
		tag, err := c.GetExecutionTag(c.ctx, args.ExecutionID, args.Key)
		c.reads("its tag", 1, int64(boolToInt(tag != nil)), 1, err)
	}
}

// batches makes two of the calls above in one, all or nothing.
func (c *orderCaller) batches(turn int) {
	tag, tagEvent := c.tagged(turn)
	priority, priorityEvent := c.prioritised(turn)
	if c.send(true, func(ctx context.Context) error {
		_, err := c.Batch(ctx, tag, priority)
		return err
	}, tagEvent, priorityEvent) {
		c.told.Store(int64(turn))
	}
}

// runs creates an execution and sees it through to its end, in four calls.
func (c *orderCaller) runs(turn int, id messages.ExecutionID) {
	lane := messages.LaneID(fmt.Sprintf("caller-%d", c.n))
	c.send(false, func(ctx context.Context) error {
		_, err := c.CreateExecution(ctx, args(id, inLane(lane)))
		return err
	})
	claim := claimNextArgs()
	claim.Lanes, claim.LeaseTTL = []messages.LaneID{lane}, time.Hour
	worker := c.worker(turn)
	claim.WorkerInstanceID = messages.WorkerInstanceID(worker)
	var handle messages.Handle
	c.send(false, func(ctx context.Context) error {
		result, err := c.ClaimNext(ctx, claim)
		if err != nil || result.Task == nil || result.Task.ExecutionID != id {
			return cmp.Or(err, errors.New("a create was answered and its execution is not there"))
		}
		handle = result.Task.Handle
		return nil
	}, orderEvent{leaseRows, keyOf(id, "acquired", worker)})
	c.send(false, func(ctx context.Context) error {
		_, err := c.Renew(ctx, handle)
		return err
	}, orderEvent{leaseRows, keyOf(id, "renewed", worker)})
	c.send(false, func(ctx context.Context) error { return c.Complete(ctx, handle, []byte("done")) },
		orderEvent{completionRows, keyOf(id, "success")},
		orderEvent{leaseRows, keyOf(id, "revoked", worker+messages.RevokedByComplete)})
	_, found, err := c.GetExecutionResult(c.ctx, id)
	c.reads("its result", 1, int64(boolToInt(found)), 1, err)
}

// worker is whom it claims as in a turn.
func (c *orderCaller) worker(turn int) string { return fmt.Sprintf("w-%d-%d", c.n, turn) }

// readsPriority reads what a caller has raised: at least what that had been told, at most what it has asked for.
func (c *orderCaller) readsPriority(of *orderCaller) {
	least := of.told.Load()
	info, err := c.ReadExecutionInfo(c.ctx, of.register)
	if err != nil {
		c.t.Errorf("caller %d: %v", c.n, err)
		return
	}
	c.reads(fmt.Sprintf("the priority of %d", of.n), least, int64(info.Priority), of.begun.Load(), nil)
}

func (c *orderCaller) reads(what string, least, got, most int64, err error) {
	if err != nil {
		c.t.Errorf("caller %d: %v", c.n, err)
	}
	c.readings = append(c.readings, orderReading{c.n, what, least, got, most})
}
