package messages

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// LaneIDMaxBytes is the longest lane id.
	LaneIDMaxBytes = 64
	// NameMaxBytes is the longest worker id, worker instance id, namespace, kind and tag key.
	NameMaxBytes = 256

	mustNotBeEmpty    = "must not be empty"
	mustNotBeNegative = "must not be negative"
	mustBePositive    = "must be > 0"
	mustBeUTF8        = "must be valid UTF-8"
)

// LaneID names a queue of executions: 1 to 64 bytes of printable ASCII, spaces included.
type LaneID string

// ParseLaneID returns s as a lane id if it is one. The error is a [*LaneIDError].
func ParseLaneID(s string) (LaneID, error) {
	if err := LaneID(s).check(); err != nil {
		return "", err
	}
	return LaneID(s), nil
}

// Validate returns what is wrong with the id, nil when it is fine.
func (l LaneID) Validate() *Error {
	if err := l.check(); err != nil {
		return ValidationError(CodeInvalidInput, err.Error())
	}
	return nil
}

// UnmarshalText is [ParseLaneID].
func (l *LaneID) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLaneID(string(text))
	return err
}

func (l LaneID) check() *LaneIDError {
	switch {
	case l == "":
		return &LaneIDError{Reason: LaneIDEmpty}
	case len(l) > LaneIDMaxBytes:
		return &LaneIDError{Reason: LaneIDTooLong, N: len(l)}
	}
	for i := range len(l) {
		if l[i] < 0x20 || l[i] > 0x7e {
			return &LaneIDError{Reason: LaneIDNonPrintable, N: i}
		}
	}
	return nil
}

// LaneIDReason says why a text is no lane id.
type LaneIDReason string

// The reasons, in the order of the checks.
const (
	LaneIDEmpty        LaneIDReason = "Empty"
	LaneIDTooLong      LaneIDReason = "TooLong"
	LaneIDNonPrintable LaneIDReason = "NonPrintable"
)

// LaneIDError is why a text is no lane id. It unwraps to an [*Error] of kind Validation, invalid_input.
type LaneIDError struct {
	Reason LaneIDReason
	N      int // the length for TooLong, the index of the first bad byte for NonPrintable
}

// Error names the rule that the text breaks.
func (e *LaneIDError) Error() string {
	switch e.Reason {
	case LaneIDTooLong:
		return "lane_id exceeds 64 bytes (got " + strconv.Itoa(e.N) + ")"
	case LaneIDNonPrintable:
		return "lane_id contains non-ASCII-printable byte at index " + strconv.Itoa(e.N)
	case LaneIDEmpty:
	}
	return "lane_id is empty"
}

// Unwrap returns the error as an [*Error].
func (e *LaneIDError) Unwrap() error { return ValidationError(CodeInvalidInput, e.Error()) }

// WorkerID names a logical pool of workers, stable across restarts: 1 to 256 bytes without whitespace and control
// characters.
type WorkerID string

// Validate returns what is wrong with the id, nil when it is fine.
func (w WorkerID) Validate() *Error { return validateWorker("worker_id", string(w)) }

// WorkerInstanceID names one worker process, unique for each start. The rules are those of [WorkerID].
type WorkerInstanceID string

// Validate returns what is wrong with the id, nil when it is fine.
func (w WorkerInstanceID) Validate() *Error { return validateWorker("worker_instance_id", string(w)) }

func validateWorker(field, id string) *Error {
	if err := validateLength(field, id, 1); err != nil {
		return err
	}
	if err := validateUTF8(field, id); err != nil {
		return err
	}
	if strings.ContainsFunc(id, isControlOrSpace) {
		return InvalidField(field, "must not contain whitespace or control characters")
	}
	return nil
}

// Namespace names a tenant: 1 to 256 bytes without control characters. As a filter, "" means any.
type Namespace string

// Validate returns what is wrong with the name, nil when it is fine.
func (n Namespace) Validate() *Error { return validateName("namespace", string(n), 1) }

// validateName checks a text of least to 256 bytes without control characters.
func validateName(field, name string, least int) *Error {
	if err := validateLength(field, name, least); err != nil {
		return err
	}
	if err := validateUTF8(field, name); err != nil {
		return err
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return InvalidField(field, "must not contain control characters")
	}
	return nil
}

func validateLength(field, text string, least int) *Error {
	switch {
	case len(text) < least:
		return InvalidField(field, mustNotBeEmpty)
	case len(text) > NameMaxBytes:
		return InvalidField(field, "exceeds 256 bytes (got %d)", len(text))
	}
	return nil
}

func validateUTF8(field, text string) *Error {
	if !utf8.ValidString(text) {
		return InvalidField(field, mustBeUTF8)
	}
	return nil
}

func isControlOrSpace(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }

// CancelSource says who asks for a cancellation. The set is open: any text is stored and echoed as it is.
type CancelSource string

// The known sources. The zero value means SourceOperatorOverride.
const (
	SourceOperatorOverride CancelSource = "operator_override"
	SourceLeaseHolder      CancelSource = "lease_holder"
	SourceFlowCascade      CancelSource = "flow_cascade"
	SourceSystemTimeout    CancelSource = "system_timeout"
)

// String returns the text that is stored.
func (s CancelSource) String() string {
	if s == "" {
		return string(SourceOperatorOverride)
	}
	return string(s)
}
