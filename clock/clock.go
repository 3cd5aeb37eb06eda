package clock

import "time"

// Clock tells the time and runs functions later. Its methods may be called concurrently.
type Clock interface {
	// Now returns the present instant. It may be earlier than one returned before: system clocks are set.
	Now() time.Time

	// AfterFunc runs f once, after d has passed. It does not wait for f, nor run it before it returns.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is a function that waits for its time.
type Timer interface {
	// Stop keeps the function from running. It reports whether it did: false means that the function has run, is running
	// or was stopped before.
	Stop() bool
}

// System returns the clock of the system. Its timers run on goroutines of their own.
func System() Clock { return system{} }

type system struct{}

func (system) Now() time.Time { return time.Now() }

func (system) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }
