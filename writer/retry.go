package writer

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/flowfabric/ffsqlite/messages"
)

// retryPolicy is what the engine needs of a stored retry policy, read leniently (03 §3.8).
type retryPolicy struct {
	maxRetries int64
	backoff    map[string]json.RawMessage // nil: none given
	categories []string
	immediate  bool // no stored policy: three retries without delay

	nextAttempt string // the policy of the attempt that follows, as JSON; "": none
}

const (
	defaultMaxRetries = 3
	defaultBackoffMs  = 1000
	// longestDelayMs is what a time.Duration can be at most, 292 years. A delay beyond it would overflow the due time.
	longestDelayMs = math.MaxInt64 / int64(time.Millisecond)
)

// storedRetryPolicy reads policy.retry_policy of the execution. Without one, three retries follow at once.
func (x *execution) storedRetryPolicy() retryPolicy {
	var stored struct {
		RetryPolicy json.RawMessage `json:"retry_policy"`
	}
	if x.policy == "" || json.Unmarshal([]byte(x.policy), &stored) != nil || isNull(stored.RetryPolicy) {
		return retryPolicy{maxRetries: defaultMaxRetries, immediate: true}
	}
	return parseRetryPolicy(stored.RetryPolicy)
}

func isNull(value json.RawMessage) bool { return len(value) == 0 || string(value) == "null" }

// parseRetryPolicy never fails: what does not parse allows no retry, what is missing has its default.
func parseRetryPolicy(text []byte) retryPolicy {
	var fields struct {
		MaxRetries json.RawMessage `json:"max_retries"`
		Backoff    json.RawMessage `json:"backoff"`
		Categories []string        `json:"retryable_categories"`
	}
	if json.Unmarshal(text, &fields) != nil {
		return retryPolicy{}
	}
	policy := retryPolicy{categories: fields.Categories}
	if n, err := strconv.ParseUint(string(fields.MaxRetries), 10, 32); err == nil {
		policy.maxRetries = int64(n)
	}
	if json.Unmarshal(fields.Backoff, &policy.backoff) != nil {
		policy.backoff = nil
	}
	return policy
}

// allows reports whether a failure of this category may be retried for the nth time, n from 0.
func (p retryPolicy) allows(n int64, category string) bool {
	if n >= p.maxRetries {
		return false
	}
	for _, listed := range p.categories {
		if listed == category {
			return true
		}
	}
	return len(p.categories) == 0
}

// delay returns the backoff before the nth retry in milliseconds; fraction in [0, 1) draws the jitter.
func (p retryPolicy) delay(n int64, fraction func() float64) int64 {
	if p.immediate {
		return 0
	}
	switch text(p.backoff["type"]) {
	case "fixed":
		return int64(min(max(0, number(p.backoff["delay_ms"], defaultBackoffMs)), float64(longestDelayMs)))
	case "exponential":
		ceiling := min(number(p.backoff["max_delay_ms"], 60000), float64(longestDelayMs))
		ms := number(p.backoff["initial_delay_ms"], 1000) * math.Pow(number(p.backoff["multiplier"], 2), float64(n))
		if !(ms <= ceiling) && !math.IsNaN(ms) {
			ms = ceiling
		}
		if !(ms > 0) {
			return 0
		}
		ms = math.Floor(ms)
		if string(p.backoff["jitter"]) == "true" {
			ms = ms/2 + fraction()*(ms-ms/2)
		}
		return int64(ms)
	}
	return defaultBackoffMs
}

func text(value json.RawMessage) string {
	var s string
	_ = json.Unmarshal(value, &s) // What is no string counts as missing.
	return s
}

func number(value json.RawMessage, otherwise float64) float64 {
	n, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return otherwise
	}
	return n
}

// scheduleRetry is ScheduleRetry of 03 §3.8: the execution waits for its next attempt, which the next claim creates.
// Delay 0 makes it claimable at once.
func (w *Writer) scheduleRetry(x *execution, a *attempt, message string, delay int64, now messages.TimestampMs) {
	running := x.attemptIndex
	if a != nil {
		running = a.index
	}
	count, _ := x.raw.number("retry_count")
	x.phase, x.ownership = "runnable", "unowned"
	x.attemptState = "pending_retry_attempt"
	x.attemptIndex = running + 1
	x.raw.setText("pending_retry_reason", message)
	x.raw.setDigits("pending_previous_attempt_index", running)
	x.raw.setDigits("retry_count", max(count, 0)+1)
	x.raw.setText("failure_reason", message)
	x.raw.setText("current_attempt_id", "")
	x.releaseLease(a)
	if delay <= 0 {
		x.eligibility, x.public, x.blocking = "eligible_now", "waiting", "waiting_for_worker"
		x.raw.setText("blocking_detail", "")
		x.raw.remove("delay_until")
		w.becomesClaimable(x)
		return
	}
	due := int64(now) + delay
	x.eligibility, x.public, x.blocking = "not_eligible_until_time", "delayed", "waiting_for_retry_backoff"
	x.raw.setText("blocking_detail", "retry backoff until "+strconv.FormatInt(due, 10)+
		" (attempt "+strconv.FormatInt(running, 10)+" failed: "+message+")")
	x.raw.setDigits("delay_until", due)
	w.deadlines.lower(delayedPromoter, due)
}
