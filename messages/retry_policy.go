package messages

import (
	"math"
	"time"
)

// The defaults of a retry policy.
const (
	DefaultMaxRetries   = 3
	DefaultInitialDelay = time.Second
	DefaultMaxDelay     = time.Minute
	DefaultMultiplier   = 2.0

	unknownBackoffDelay = time.Second
)

// RetryPolicy says how often and when a failed attempt is followed by another.
type RetryPolicy struct {
	MaxRetries          uint32          `json:"max_retries"`
	Backoff             BackoffStrategy `json:"backoff"`
	RetryableCategories []string        `json:"retryable_categories,omitempty"` // empty: every category
}

// NewRetryPolicy returns the policy that the JSON {} stands for: three retries with exponential backoff.
func NewRetryPolicy() *RetryPolicy {
	return &RetryPolicy{MaxRetries: DefaultMaxRetries, Backoff: ExponentialBackoff()}
}

// BackoffType is how the delay grows from retry to retry.
type BackoffType string

// The backoff types. With any other, each retry is delayed by a second.
const (
	BackoffFixed       BackoffType = "fixed"
	BackoffExponential BackoffType = "exponential"
)

// BackoffStrategy says how long to wait before a retry. FixedDelay belongs to fixed, the other fields to exponential.
type BackoffStrategy struct {
	Type         BackoffType
	FixedDelay   time.Duration
	InitialDelay time.Duration
	MaxDelay     time.Duration
	Multiplier   float64
	Jitter       bool // draw from the upper half of the delay
}

// FixedBackoff waits equally long before each retry.
func FixedBackoff(delay time.Duration) BackoffStrategy {
	return BackoffStrategy{Type: BackoffFixed, FixedDelay: delay}
}

// ExponentialBackoff returns the default: one second, doubling up to a minute, without jitter.
func ExponentialBackoff() BackoffStrategy {
	return BackoffStrategy{
		Type:         BackoffExponential,
		InitialDelay: DefaultInitialDelay,
		MaxDelay:     DefaultMaxDelay,
		Multiplier:   DefaultMultiplier,
	}
}

// Delay returns the wait before retry n, counted from 0, in whole milliseconds and without jitter.
func (p RetryPolicy) Delay(n uint32) time.Duration { return p.Backoff.Delay(n) }

// Delay returns the wait before retry n, counted from 0, in whole milliseconds and without jitter: for exponential
// backoff initial × multiplier^n, at most the maximum.
func (b BackoffStrategy) Delay(n uint32) time.Duration {
	switch b.Type {
	case BackoffFixed:
		return max(0, wholeMillis(float64(Millis(b.FixedDelay))))
	case BackoffExponential:
		ceiling := float64(Millis(b.MaxDelay))
		ms := float64(Millis(b.InitialDelay)) * math.Pow(b.Multiplier, float64(n))
		if math.IsNaN(ms) { // Zero times infinity.
			return 0
		}
		return max(0, wholeMillis(min(ms, ceiling)))
	}
	return unknownBackoffDelay
}

// wholeMillis cuts a finite number of milliseconds, which is that of some duration at most.
func wholeMillis(ms float64) time.Duration { return durationOfMillis(int64(math.Floor(ms))) }

func (p *RetryPolicy) validate() *Error {
	if p == nil {
		return nil
	}
	err := firstOf(
		validateDuration("delay_ms", p.Backoff.FixedDelay),
		validateDuration("initial_delay_ms", p.Backoff.InitialDelay),
		validateDuration("max_delay_ms", p.Backoff.MaxDelay),
		validateUTF8("type", string(p.Backoff.Type)),
	)
	if err != nil {
		return err
	}
	if math.IsNaN(p.Backoff.Multiplier) || math.IsInf(p.Backoff.Multiplier, 0) {
		return InvalidField("multiplier", "must be finite")
	}
	for _, category := range p.RetryableCategories {
		if err := validateUTF8("retryable_categories", category); err != nil {
			return err
		}
	}
	return nil
}
