package clock

import (
	"slices"
	"sync"
	"time"
)

// Manual is a clock that stands still until it is moved. Its methods may be called concurrently, by its timers too; only
// one goroutine at a time should move it.
type Manual struct {
	mu     sync.Mutex
	now    time.Time
	timers []*manualTimer // by time; those of one instant in the order in which they were set
}

type manualTimer struct {
	clock *Manual
	at    time.Time
	f     func()
}

// NewManual returns a clock that stands at start.
func NewManual(start time.Time) *Manual { return &Manual{now: start} }

// Now returns the instant at which the clock stands. For a running timer, that is the timer's own.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// AfterFunc makes f run once the clock is moved by d or more. A d of zero or less is due at the next move, even one by
// nothing.
func (m *Manual) AfterFunc(d time.Duration, f func()) Timer {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &manualTimer{clock: m, at: m.now.Add(d), f: f}
	i, _ := slices.BinarySearchFunc(m.timers, t.at, func(other *manualTimer, at time.Time) int {
		if other.at.After(at) {
			return 1
		}
		return -1 // Equal ones stay in front: they were set earlier.
	})
	m.timers = slices.Insert(m.timers, i, t)
	return t
}

// Advance moves the clock by d and runs the timers that become due on the way, in order of time, before it returns. A
// timer that they set within the span runs too.
func (m *Manual) Advance(d time.Duration) { m.Set(m.Now().Add(d)) }

// Set moves the clock to t. Forward, that is [Manual.Advance]. Back, timers stay at their instants, and only those run
// that were due already.
func (m *Manual) Set(t time.Time) {
	m.mu.Lock()
	if t.Before(m.now) {
		m.now = t
	}
	for len(m.timers) > 0 && !m.timers[0].at.After(t) {
		due := m.timers[0]
		m.timers = slices.Delete(m.timers, 0, 1)
		m.forward(due.at)
		m.mu.Unlock()
		due.f() // Without the lock, for f may use the clock.
		m.mu.Lock()
	}
	m.forward(t)
	m.mu.Unlock()
}

// forward never moves back, for a timer may itself have moved the clock further.
func (m *Manual) forward(t time.Time) {
	if t.After(m.now) {
		m.now = t
	}
}

func (t *manualTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	i := slices.Index(t.clock.timers, t)
	if i < 0 {
		return false
	}
	t.clock.timers = slices.Delete(t.clock.timers, i, i+1)
	return true
}
