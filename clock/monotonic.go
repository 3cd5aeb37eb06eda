package clock

import (
	"sync/atomic"
	"time"
)

// Monotonic is a clock whose milliseconds never go back. One is shared by everything that stamps rows of one database.
// Its methods may be called concurrently.
type Monotonic struct {
	clock Clock
	last  atomic.Int64
}

// NewMonotonic returns a Monotonic that follows c and stands still while c is behind what was returned before.
func NewMonotonic(c Clock) *Monotonic {
	m := &Monotonic{clock: c}
	m.last.Store(c.Now().UnixMilli())
	return m
}

// NowMs returns the present instant in milliseconds since 1970, never less than before.
func (m *Monotonic) NowMs() int64 {
	now := m.clock.Now().UnixMilli()
	for {
		last := m.last.Load()
		if now <= last {
			return last
		}
		if m.last.CompareAndSwap(last, now) {
			return now
		}
	}
}

// Until returns how long it is, on the clock below, until NowMs returns ms; not more than zero when it does already.
func (m *Monotonic) Until(ms int64) time.Duration {
	if m.NowMs() >= ms {
		return 0
	}
	return time.UnixMilli(ms).Sub(m.clock.Now())
}

// Now returns the present instant of the clock below, which may go back. It is for measuring, with [Monotonic.Since].
func (m *Monotonic) Now() time.Time { return m.clock.Now() }

// Since returns the time that has passed since t.
func (m *Monotonic) Since(t time.Time) time.Duration { return m.clock.Now().Sub(t) }

// AfterFunc runs f once, after d has passed on the clock below.
func (m *Monotonic) AfterFunc(d time.Duration, f func()) Timer { return m.clock.AfterFunc(d, f) }
