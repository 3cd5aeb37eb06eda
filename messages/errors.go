package messages

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// backendName is the backend that transport and open errors name.
const backendName = "sqlite"

// Error is every error of the engine. Match it with errors.Is and a sentinel, such as [ErrNotFound] for a kind,
// [ErrStaleLease] for a code, [ErrExecutionNotFound] for an entity; never by its text.
type Error struct {
	Kind       Kind
	Code       Code           // within the kind; "" where the kind has none
	Detail     string         // lower case, begins with the field where one is at fault
	Entity     string         // of NotFound
	Op         string         // of Unavailable and Timeout
	Backend    string         // of Transport
	Context    string         // what was being done, see WithContext
	Pool       string         // of ResourceExhausted
	Max        uint32         // of ResourceExhausted
	RetryAfter time.Duration  // of ResourceExhausted and rate_limit_exceeded; 0 is unknown
	Elapsed    time.Duration  // of Timeout
	Cursor     OutboxCursor   // where a subscription that ended can resume
	Existing   *EdgeSnapshot  // of dependency_already_exists
	NotActive  *NotActiveInfo // of execution_not_active
	Err        error          // the cause
}

// NotActiveInfo is what a caller needs to recognise that an earlier call of its own succeeded.
type NotActiveInfo struct {
	TerminalOutcome string `json:"terminal_outcome"`
	LeaseEpoch      string `json:"lease_epoch"`
	LifecyclePhase  string `json:"lifecycle_phase"` // as stored
	AttemptID       string `json:"attempt_id"`
}

// Error returns "kind: SubKind: detail", behind the context if there is one.
func (e *Error) Error() string {
	var text strings.Builder
	if e.Context != "" {
		text.WriteString(e.Context)
		text.WriteString(": ")
	}
	text.WriteString(e.headline())
	if e.Detail != "" {
		text.WriteString(": ")
		text.WriteString(e.Detail)
	}
	return text.String()
}

func (e *Error) headline() string {
	switch e.Kind {
	case KindNotFound:
		return "not found: " + e.Entity
	case KindTransport:
		if e.Err == nil {
			return fmt.Sprintf("transport (%s)", e.Backend)
		}
		return fmt.Sprintf("transport (%s): %v", e.Backend, e.Err)
	case KindUnavailable:
		return "unavailable: " + e.Op
	case KindResourceExhausted:
		return fmt.Sprintf("resource exhausted: pool=%s max=%d", e.Pool, e.Max)
	case KindTimeout:
		return fmt.Sprintf("timeout: op=%s elapsed=%v", e.Op, e.Elapsed)
	case KindStreamDisconnected:
		return "stream disconnected; reconnect with returned cursor"
	case KindStreamBackpressure:
		return "stream backpressure; events dropped"
	case KindValidation, KindContention, KindConflict, KindState, KindBug:
	}
	if e.Code == "" {
		return string(e.Kind)
	}
	return string(e.Kind) + ": " + e.Code.SubKind()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an [*Error] whose Kind, Code, Entity and Op, as far as they are set, are those of e.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok &&
		(t.Kind == "" || t.Kind == e.Kind) &&
		(t.Code == "" || t.Code == e.Code) &&
		(t.Entity == "" || t.Entity == e.Entity) &&
		(t.Op == "" || t.Op == e.Op)
}

// Prefixed returns a copy of e with prefix put, as it is, before the detail.
func (e *Error) Prefixed(prefix string) *Error {
	prefixed := *e
	prefixed.Detail = prefix + e.Detail
	return &prefixed
}

// WithContext says what was being done when the storage failed: a Transport, Unavailable, ResourceExhausted or Timeout
// error comes back as a copy whose text begins with context, the last one given first. Any other error comes back as it
// is, so that callers can match it directly.
func WithContext(err error, context string) error {
	var e *Error
	if !errors.As(err, &e) || !e.takesContext() {
		return err
	}
	wrapped := *e
	wrapped.Context = context
	if e.Context != "" {
		wrapped.Context += ": " + e.Context
	}
	return &wrapped
}

func (e *Error) takesContext() bool {
	switch e.Kind {
	case KindTransport, KindUnavailable, KindResourceExhausted, KindTimeout:
		return true
	case KindNotFound, KindValidation, KindContention, KindConflict, KindState, KindBug, KindStreamDisconnected,
		KindStreamBackpressure:
	}
	return e.Context != ""
}
