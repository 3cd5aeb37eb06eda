package clock_test

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/clock"
)

var start = time.UnixMilli(1_000)

func TestManual_TimersRunInOrderOfTime(t *testing.T) {
	c := clock.NewManual(start)
	var ran []string
	note := func(name string) func() {
		return func() { ran = append(ran, name+" "+c.Now().Sub(start).String()) }
	}
	c.AfterFunc(30*time.Millisecond, note("third"))
	c.AfterFunc(10*time.Millisecond, note("first"))
	c.AfterFunc(20*time.Millisecond, func() {
		note("second")()
		c.AfterFunc(5*time.Millisecond, note("nested"))
		c.AfterFunc(50*time.Millisecond, note("later"))
	})
	c.AfterFunc(30*time.Millisecond, note("fourth"))

	c.Advance(9 * time.Millisecond)
	require.Empty(t, ran)
	c.Advance(31 * time.Millisecond)
	require.Equal(t, []string{"first 10ms", "second 20ms", "nested 25ms", "third 30ms", "fourth 30ms"}, ran)
	require.Equal(t, start.Add(40*time.Millisecond), c.Now())
	c.Set(start.Add(70 * time.Millisecond))
	require.Equal(t, "later 70ms", ran[len(ran)-1])
}

func TestManual_DueAtOnceRunsAtTheNextMove(t *testing.T) {
	c := clock.NewManual(start)
	ran := 0
	c.AfterFunc(0, func() { ran++ })
	c.AfterFunc(-time.Second, func() { ran++ })
	require.Zero(t, ran)
	c.Advance(0)
	require.Equal(t, 2, ran)
	require.Equal(t, start, c.Now())
}

func TestManual_Stop(t *testing.T) {
	c := clock.NewManual(start)
	stopped := c.AfterFunc(time.Second, func() { t.Error("a stopped timer ran") })
	ran := c.AfterFunc(time.Second, func() {})
	require.True(t, stopped.Stop())
	require.False(t, stopped.Stop())
	c.Advance(time.Second)
	require.False(t, ran.Stop())
}

func TestManual_SetBackKeepsTimers(t *testing.T) {
	c := clock.NewManual(start)
	ran := false
	c.AfterFunc(time.Second, func() { ran = true })
	c.Set(start.Add(-time.Hour))
	require.Equal(t, start.Add(-time.Hour), c.Now())
	require.False(t, ran)
	c.Advance(time.Hour)
	require.False(t, ran)
	c.Advance(time.Second)
	require.True(t, ran)
}

func TestManual_ATimerMayMoveTheClock(t *testing.T) {
	c := clock.NewManual(start)
	c.AfterFunc(time.Second, func() { c.Advance(time.Minute) })
	c.Advance(2 * time.Second)
	require.Equal(t, start.Add(61*time.Second), c.Now())
}

func TestMonotonic_NeverGoesBack(t *testing.T) {
	c := clock.NewManual(start)
	m := clock.NewMonotonic(c)
	require.Equal(t, int64(1_000), m.NowMs())
	c.Set(start.Add(-time.Second))
	require.Equal(t, int64(1_000), m.NowMs())
	require.Equal(t, start.Add(-time.Second), m.Now())
	c.Advance(1500 * time.Millisecond)
	require.Equal(t, int64(1_500), m.NowMs())
	require.Equal(t, 500*time.Millisecond, m.Since(start))

	ran := false
	m.AfterFunc(time.Second, func() { ran = true })
	c.Advance(time.Second)
	require.True(t, ran)
}

func TestMonotonic_Until(t *testing.T) {
	c := clock.NewManual(start.Add(400 * time.Microsecond))
	m := clock.NewMonotonic(c)
	require.Zero(t, m.Until(1_000))
	require.Equal(t, 600*time.Microsecond, m.Until(1_001))
	require.Equal(t, time.Duration(math.MaxInt64), m.Until(math.MaxInt64))
	c.Set(start.Add(-time.Second))
	require.Zero(t, m.Until(1_000), "it has been")
	require.Equal(t, 2*time.Second, m.Until(2_000))
}

func TestMonotonic_Concurrent(t *testing.T) {
	c := clock.NewManual(start)
	m := clock.NewMonotonic(c)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			last := int64(0)
			for range 1_000 {
				now := m.NowMs()
				if now < last {
					t.Errorf("%d after %d", now, last)
				}
				last = now
			}
		})
	}
	for i := range 1_000 {
		c.Set(start.Add(time.Duration(i%7) * time.Second))
	}
	group.Wait()
}

func TestSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.System()
		before := c.Now()
		ran := make(chan struct{})
		c.AfterFunc(time.Minute, func() { close(ran) })
		require.True(t, c.AfterFunc(time.Second, func() { t.Error("a stopped timer ran") }).Stop())
		<-ran
		require.Equal(t, time.Minute, c.Now().Sub(before))
	})
}
