package writer

import (
	"maps"
	"slices"

	"github.com/flowfabric/ffsqlite/messages"
)

const (
	// hopAttempts is how often a failing hop is tried before it is left to the background jobs.
	hopAttempts = 3
	// hopPause is how long a hop rests that has failed, in milliseconds for each failure.
	hopPause = 5
)

// setbacks are the hops that have failed. It is a value: a batch that is undone restores it.
type setbacks struct {
	attempts map[hop]int // at hopAttempts a hop is given up
	resting  []restingHop
}

// restingHop is a hop that is tried again at a time to come.
type restingHop struct {
	hop

	until messages.TimestampMs
}

func (s *setbacks) clone() setbacks {
	return setbacks{maps.Clone(s.attempts), slices.Clone(s.resting)}
}

// forget is told that a hop has been done.
func (s *setbacks) forget(done hop) { delete(s.attempts, done) }

// ready reports whether a hop that is to be done may run: it does not rest, and it is not given up.
func (s *setbacks) ready(h hop) bool {
	return s.attempts[h] < hopAttempts &&
		!slices.ContainsFunc(s.resting, func(r restingHop) bool { return r.hop == h })
}

// failed makes a hop rest. It reports false when the hop is given up.
func (s *setbacks) failed(h hop, now messages.TimestampMs) bool {
	if s.attempts == nil {
		s.attempts = map[hop]int{}
	}
	s.attempts[h]++
	if s.attempts[h] >= hopAttempts {
		return false
	}
	s.resting = append(s.resting, restingHop{h, now + messages.TimestampMs(hopPause*s.attempts[h])})
	return true
}

// wake returns the hops that have rested long enough.
func (s *setbacks) wake(now messages.TimestampMs) (awake []hop) {
	var resting []restingHop
	for _, r := range s.resting {
		if r.until > now {
			resting = append(resting, r)
		} else {
			awake = append(awake, r.hop)
		}
	}
	s.resting = resting
	return awake
}

// next returns when the next hop is to be tried again, never when none is.
func (s *setbacks) next() int64 {
	next := int64(never)
	for _, r := range s.resting {
		next = min(next, int64(r.until))
	}
	return next
}
