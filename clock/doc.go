// Package clock is time as the engine sees it: the instant that stamps a row and the timer that wakes the timekeeper.
// It knows nothing of the engine.
//
// Nothing else in the engine asks the system for the time. So a test that gives a [Manual] clock decides every lease,
// delay and deadline itself, and needs neither sleeping nor luck:
//
//	c := clock.NewManual(time.UnixMilli(1_000))
//	backend, err := ffsqlite.Open(ctx, ":memory:", ffsqlite.WithClock(c), ffsqlite.WithDevMode())
//	…
//	c.Advance(30 * time.Second) // the lease of the first worker has run out
//
// The invariant: the milliseconds that the engine writes never go back, whatever the system's clock does. [Monotonic]
// keeps it.
package clock
