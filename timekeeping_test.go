package ffsqlite_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/messages"
)

// Deadlines and looks for the changes of others, when the clock moves or the writer works at the worst moment: 02 §7.2.

// disturbedClock is a manual clock whose next timer is set late, and which may be ahead of its timers.
type disturbedClock struct {
	*clock.Manual

	before atomic.Pointer[func()] // runs once, before the next timer is set
	ahead  atomic.Int64           // ns
}

func (c *disturbedClock) Now() time.Time { return c.Manual.Now().Add(time.Duration(c.ahead.Load())) }

func (c *disturbedClock) AfterFunc(d time.Duration, f func()) clock.Timer {
	if before := c.before.Swap(nil); before != nil {
		(*before)()
	}
	return c.Manual.AfterFunc(d, f)
}

func (c *disturbedClock) disturb(before func()) { c.before.Store(&before) }

// slowly makes the next timer be set a second of the bubble later, in which the clock itself stands still.
func (c *disturbedClock) slowly() {
	c.disturb(func() {
		over := make(chan struct{})
		clock.System().AfterFunc(time.Second, func() { close(over) })
		<-over
	})
}

func openDisturbed(t *testing.T, c *disturbedClock, opts ...ffsqlite.Option) *engine {
	t.Helper()
	e := open(t, append(opts, ffsqlite.WithClock(c))...)
	e.clock = c.Manual
	return e
}

func newDisturbed() *disturbedClock { return &disturbedClock{Manual: clock.NewManual(epoch)} }

func TestTimekeeper_TheClockMovesWhileItsTimerIsSet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDisturbed()
		e := openDisturbed(t, c)
		c.disturb(func() { c.Advance(299 * time.Millisecond) })
		id := e.created(delayedBy(e, 300*time.Millisecond))
		synctest.Wait()
		require.Equal(t, messages.PublicDelayed, e.state(id))
		e.advance(time.Millisecond)
		require.Equal(t, messages.PublicWaiting, e.state(id))
	})
}

func TestTimekeeper_TheFirstIntervalBeginsBeforeOpenReturns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDisturbed()
		c.slowly()
		config := messages.ScannerConfig{DelayedPromoter: 50 * time.Millisecond}
		e := openDisturbed(t, c, ffsqlite.WithScanners(config))
		e.promotedByALook(50 * time.Millisecond)

		require.NoError(t, e.StopScanners(t.Context()))
		c.slowly()
		config.DelayedPromoter = 20 * time.Millisecond
		e.started(config)
		e.promotedByALook(20 * time.Millisecond)
	})
}

// promotedByALook has another program end a delay, and asserts that the engine sees it an interval later.
func (e *engine) promotedByALook(interval time.Duration) {
	e.t.Helper()
	id := e.created(delayedBy(e, time.Hour))
	e.patch(id, "raw_fields = json_set(raw_fields, '$.delay_until', '1')")
	e.advance(interval)
	require.Equal(e.t, messages.PublicWaiting, e.state(id))
}

func TestTimekeeper_AClockSetForwardIsNoticedAtTheNextLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newDisturbed()
		e := openDisturbed(t, c)
		id := e.created(delayedBy(e, time.Hour))
		synctest.Wait()
		c.ahead.Store(int64(time.Hour)) // Its timers know nothing of that.
		e.advance(749 * time.Millisecond)
		require.Equal(t, messages.PublicDelayed, e.state(id))
		e.advance(time.Millisecond)
		require.Equal(t, messages.PublicWaiting, e.state(id))
	})
}

func TestTimekeeper_ALookDuringABatchIsNotLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, files := slow(t)
		p := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		id := e.seeded() // Nobody tells the engine.
		openGate := shut(files, nil)
		for range 2 { // The first is held up in its commit; the second opens a batch that the look finds open.
			go e.created(inLane("other"))
			synctest.Wait()
		}
		e.advance(750 * time.Millisecond)
		p.parked(t)
		openGate()
		p.got(t, id)
	})
}

func TestTimekeeper_IsPreciseWithinAMillisecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		at := e.now() + 2_000
		id := e.created(func(a *messages.CreateExecutionArgs) { a.DelayUntil = at })
		e.advance(2*time.Second - 1) // With looks on the way.
		require.Equal(t, messages.PublicDelayed, e.state(id))
		e.advance(1)
		require.Equal(t, messages.PublicWaiting, e.state(id))
	})
}
