package messages

import (
	"math"
	"time"
)

// TimestampMs is an instant in milliseconds since the Unix epoch. Zero means "not set" where an instant is optional.
type TimestampMs int64

// TimestampOf returns the instant of t, truncated to milliseconds.
func TimestampOf(t time.Time) TimestampMs { return TimestampMs(t.UnixMilli()) }

// Time returns the instant in UTC.
func (t TimestampMs) Time() time.Time { return time.UnixMilli(int64(t)).UTC() }

// LeaseEpoch is the fencing token of an execution: 1 at the first claim, never going down, higher with every claim.
type LeaseEpoch uint64

// Next returns the epoch of the next claim.
func (e LeaseEpoch) Next() LeaseEpoch { return e + 1 }

// AttemptIndex is the ordinal of an attempt of an execution, from 0.
type AttemptIndex uint32

// Next returns the index of the attempt that follows.
func (i AttemptIndex) Next() AttemptIndex { return i + 1 }

// EventID is the position of a row in its outbox family: ascending in commit order, with holes.
type EventID int64

// Millis returns d in whole milliseconds: a positive value below one counts as one, other fractions are cut.
func Millis(d time.Duration) int64 {
	if d > 0 && d < time.Millisecond {
		return 1
	}
	return d.Milliseconds()
}

// durationOfMillis is the inverse of Millis. What is longer than a time.Duration can be, 292 years, becomes that.
func durationOfMillis(ms int64) time.Duration {
	const most = math.MaxInt64 / int64(time.Millisecond)
	switch {
	case ms > most:
		ms = most
	case ms < -most:
		ms = -most
	}
	return time.Duration(ms) * time.Millisecond
}
