package ffsqlite_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// TestTortureSubscribers_OfMixedSpeed has a crowd follow many completions: fast, slow and stuck ones, those that come and
// go, and those that begin at old cursors; most of them with a filter. Each gets what the outbox has behind its cursor, and
// memory stays bounded. With -torture it is 10,000 subscribers and 100,000 events.
func TestTortureSubscribers_OfMixedSpeed(t *testing.T) { // Not parallel: it measures memory.
	c := newMixedCrowd(t, fftest.Rounds(400, 10_000), fftest.Rounds(50, 2000))
	before := memory()
	c.joins(c.size * 9 / 10)
	most := uint64(0)
	rounds, events := fftest.Rounds(8, 20), fftest.Rounds(250, 5000)
	for range rounds {
		c.writes(events)
		c.joins(c.size / 10 / rounds)
		most = max(most, memory())
		c.nextRound(make(chan struct{}))
	}
	c.ends()
	most -= min(most, before)
	t.Logf("%d subscribers of %d events: at most %d MiB", len(c.members), rounds*events, most>>20)
	require.LessOrEqual(t, most, uint64(64<<20)+uint64(c.size)*(32<<10), "bytes")
	c.check()
}

// memory is what heap and stacks need.
func memory() uint64 {
	live := heap()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return live + stats.StackInuse
}

// mixedCrowd is an engine and its subscribers.
type mixedCrowd struct {
	*engine

	random  *rand.Rand
	size    int // of the crowd, in the end
	tags    int
	written messages.EventID
	members []*crowdMember
	ctx     context.Context

	following sync.WaitGroup
	over      chan struct{} // closed when everything is written

	mu    sync.Mutex
	round chan struct{} // closed when the present round is over
}

func newMixedCrowd(t *testing.T, size, tags int) *mixedCrowd {
	t.Helper()
	random := seeded(t)
	c := &mixedCrowd{
		engine: openAt(t, filepath.Join(t.TempDir(), "crowd.db"), ffsqlite.WithSynchronous(ffsqlite.Normal)),
		random: random, size: size, tags: tags, over: make(chan struct{}), round: make(chan struct{}),
	}
	// Who has not heard of the last event by then has lost it.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	c.ctx = ctx
	return c
}

// crowdMember is a subscriber, and the sum of what it got.
type crowdMember struct {
	name  string
	tag   string // of what it follows; "" for everything
	from  messages.EventID
	pace  func(n int) (leaves bool) // what it does after n events
	late  bool                      // it begins to read when everything is written
	heard digest
	ended error
}

// digest sums up events in their order.
type digest struct {
	events int
	last   messages.EventID
	hash   uint64
}

func (d *digest) add(id messages.EventID, execution [16]byte) {
	const prime = 1_099_511_628_211
	d.events, d.last = d.events+1, id
	d.hash = (d.hash^uint64(id))*prime ^ binary.BigEndian.Uint64(execution[:8])
}

// joins lets n more subscribers come: one in 32 follows everything, each of the others the events of a tag.
func (c *mixedCrowd) joins(n int) {
	for range n {
		m := &crowdMember{}
		if len(c.members)%32 > 0 {
			m.tag = c.tag(len(c.members))
		}
		var cursor messages.OutboxCursor // From now on: nobody writes.
		m.from = c.written
		if c.random.IntN(2) == 0 {
			m.from = messages.EventID(c.random.Int64N(int64(c.written) + 1))
			cursor = messages.CursorAfter(m.from)
		}
		c.paces(m)
		c.members = append(c.members, m)
		c.follow(m, cursor)
	}
}

func (c *mixedCrowd) tag(n int) string { return "i-" + strconv.Itoa(n%c.tags) }

// paces draws how fast a subscriber is.
func (c *mixedCrowd) paces(m *crowdMember) {
	portion := 1 + c.random.IntN(20)
	switch kind := c.random.IntN(100); {
	case kind < 40:
		m.name, m.pace = "fast", func(int) bool { return false }
	case kind < 60:
		m.name, m.pace = "slow", func(n int) bool {
			if n%portion == 0 {
				<-c.roundEnd()
			}
			return false
		}
	case kind < 75:
		m.name, m.late, m.pace = "stuck", true, func(int) bool { return false }
	case kind < 90:
		m.name, m.pace = "stuck in its loop", func(n int) bool {
			if n == portion {
				<-c.over
			}
			return false
		}
	default:
		m.name, m.pace = "coming and going", func(n int) bool { return n%(10*portion) == 0 }
	}
}

// follow subscribes. The subscriber reads on a goroutine of its own, up to the last event that there will be for it; one
// that leaves comes again in the next round.
func (c *mixedCrowd) follow(m *crowdMember, cursor messages.OutboxCursor) {
	filter := everything
	if m.tag != "" {
		filter = filter.WithInstanceTag(messages.InstanceTagKey, m.tag)
	}
	sub, err := c.SubscribeCompletion(c.ctx, cursor, filter)
	require.NoError(c.t, err)
	c.following.Go(func() {
		if m.late {
			<-c.over
		}
		for m.reads(sub) {
			<-c.roundEnd()
			if sub, m.ended = c.SubscribeCompletion(c.ctx, sub.Cursor(), filter); m.ended != nil {
				return
			}
		}
	})
}

// theEnd is the namespace of the last event of each tag, and of all.
const theEnd = "the-end"

// reads reads until the subscriber leaves, which is true, or has had its last event.
func (m *crowdMember) reads(sub *ffsqlite.Subscription[messages.CompletionEvent]) (leaves bool) {
	for event, err := range sub.Events() {
		if err != nil {
			m.ended = err
			return false
		}
		if event.EventID <= m.heard.last {
			m.ended = fmt.Errorf("event %d after %d", event.EventID, m.heard.last)
			return false
		}
		m.heard.add(event.EventID, event.ExecutionID.UUID())
		if *event.Namespace == theEnd && (m.tag != "" || event.InstanceTag == nil) {
			m.ended = sub.Close()
			return false
		}
		if m.pace(m.heard.events) {
			m.ended = sub.Close()
			return m.ended == nil
		}
	}
	m.ended = errors.New("the subscription has ended")
	return false
}

// roundEnd is closed at the end of the present round; the last one has ended already.
func (c *mixedCrowd) roundEnd() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.round
}

func (c *mixedCrowd) nextRound(next chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.round)
	c.round = next
}

// writes completes n executions, from several callers, with the tags in turn.
func (c *mixedCrowd) writes(n int) {
	const callers = 4
	var writing sync.WaitGroup
	errs := make([]error, callers)
	for caller := range callers {
		writing.Go(func() {
			for i := caller; i < n && errs[caller] == nil; i += callers * 100 {
				var calls []messages.Message
				for j := i; j < min(n, i+callers*100); j += callers {
					calls = append(calls, createdAndCancelled(newID(), withTag(messages.InstanceTagKey, c.tag(int(c.written)+j)))...)
				}
				_, errs[caller] = c.Batch(c.ctx, calls...)
			}
		})
	}
	writing.Wait()
	require.NoError(c.t, errors.Join(errs...))
	c.written += messages.EventID(n)
}

// createdAndCancelled creates an execution and ends it, which is one completion.
func createdAndCancelled(id messages.ExecutionID, change ...func(*messages.CreateExecutionArgs)) []messages.Message {
	return []messages.Message{args(id, change...), messages.CancelExecutionArgs{ExecutionID: id}}
}

// ends writes the last events, lets everybody read, and waits until they have.
func (c *mixedCrowd) ends() {
	var calls []messages.Message
	for n := range c.tags {
		calls = append(calls, createdAndCancelled(newID(), inNamespace(theEnd), withTag(messages.InstanceTagKey, c.tag(n)))...)
	}
	calls = append(calls, createdAndCancelled(newID(), inNamespace(theEnd))...)
	for len(calls) > 0 {
		n := min(len(calls), 500)
		_, err := c.Batch(c.ctx, calls[:n]...)
		require.NoError(c.t, err)
		calls = calls[n:]
	}
	over := make(chan struct{})
	close(over)
	c.nextRound(over)
	close(c.over)
	c.following.Wait()
}

// check asserts that everybody got what the outbox has behind the cursor that it began with.
func (c *mixedCrowd) check() {
	c.t.Helper()
	type event struct {
		id        messages.EventID
		execution [16]byte
	}
	events := map[string][]event{}
	for _, row := range c.sql.Rows("SELECT event_id, execution_id, coalesce(instance_tag, '') FROM ff_completion_event ORDER BY 1") {
		id, err := strconv.ParseInt(row[0], 10, 64)
		require.NoError(c.t, err)
		e := event{messages.EventID(id), [16]byte([]byte(row[1]))}
		events[""] = append(events[""], e)
		if row[2] != "" {
			events[row[2]] = append(events[row[2]], e)
		}
	}
	kinds := map[string]int{}
	least := math.MaxInt
	for _, m := range c.members {
		var want digest
		for _, e := range events[m.tag] {
			if e.id > m.from {
				want.add(e.id, e.execution)
			}
		}
		require.NoError(c.t, m.ended, "%s, of tag %q from %d on", m.name, m.tag, m.from)
		require.Equal(c.t, want, m.heard, "%s, of tag %q from %d on", m.name, m.tag, m.from)
		kinds[m.name]++
		least = min(least, want.events)
	}
	require.Len(c.t, kinds, 5)
	require.Positive(c.t, least)
	c.t.Log(kinds)
}
