package messages

import (
	"math"
	"strconv"
	"strings"
)

// StreamCursor is a position in the stream of an attempt: StreamStart, StreamEnd, the id of a frame ("<ms>-<seq>") or a
// millisecond ("<ms>"). The zero value is no cursor.
type StreamCursor string

// The positions that are no frame. StreamFromBeginning is before every frame, for a tail, which takes no StreamStart.
const (
	StreamStart         StreamCursor = "start"
	StreamEnd           StreamCursor = "end"
	StreamFromBeginning StreamCursor = "0-0"
)

// ParseStreamCursor returns s as a cursor if it is one. The error is a [*StreamCursorError].
func ParseStreamCursor(s string) (StreamCursor, error) {
	if err := StreamCursor(s).check(); err != nil {
		return "", err
	}
	return StreamCursor(s), nil
}

// UnmarshalText is [ParseStreamCursor].
func (c *StreamCursor) UnmarshalText(text []byte) (err error) {
	*c, err = ParseStreamCursor(string(text))
	return err
}

func (c StreamCursor) check() *StreamCursorError {
	switch c {
	case "":
		return &StreamCursorError{Reason: StreamCursorEmpty}
	case "-", "+":
		return &StreamCursorError{Reason: StreamCursorBareMarker, Input: string(c)}
	case StreamStart, StreamEnd, StreamFromBeginning:
		return nil
	}
	ms, seq, both := strings.Cut(string(c), "-")
	if !isUint64(ms) || both && !isUint64(seq) {
		return &StreamCursorError{Reason: StreamCursorMalformed, Input: string(c)}
	}
	return nil
}

// isUint64 reports whether s is ASCII digits alone that fit 64 bits.
func isUint64(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil && s[0] != '+'
}

// Frame returns the place in the order of frames at which the cursor stands. A bare millisecond stands for its first
// frame; with last for the last one that it can have, as the upper end of a range. What is no cursor is refused, and what
// does not fit the columns of a frame.
func (c StreamCursor) Frame(last bool) (ms, seq int64, refused *Error) {
	if err := c.check(); err != nil {
		return 0, 0, ValidationError(CodeInvalidInput, err.Error())
	}
	switch c {
	case StreamStart:
		return math.MinInt64, math.MinInt64, nil
	case StreamEnd:
		return math.MaxInt64, math.MaxInt64, nil
	case StreamFromBeginning:
		return 0, 0, nil
	}
	first, second, both := strings.Cut(string(c), "-")
	ms, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return 0, 0, c.overflows("ms")
	}
	switch {
	case both:
		if seq, err = strconv.ParseInt(second, 10, 64); err != nil {
			return 0, 0, c.overflows("seq")
		}
	case last:
		seq = math.MaxInt64
	}
	return ms, seq, nil
}

func (c StreamCursor) overflows(part string) *Error {
	return ValidationErrorf(CodeInvalidInput, "bad stream cursor '%s' (%s)", string(c), part)
}

// validate names the field of which this is the value.
func (c StreamCursor) validate(field string) *Error {
	if err := c.check(); err != nil {
		return InvalidField(field, "%s", err.Error())
	}
	_, _, err := c.Frame(false)
	return err
}

// StreamCursorReason says why a text is no stream cursor.
type StreamCursorReason string

// The reasons.
const (
	StreamCursorEmpty      StreamCursorReason = "Empty"
	StreamCursorBareMarker StreamCursorReason = "BareMarker"
	StreamCursorMalformed  StreamCursorReason = "Malformed"
)

// StreamCursorError is why a text is no stream cursor. It unwraps to an [*Error] of kind Validation, invalid_input.
type StreamCursorError struct {
	Reason StreamCursorReason
	Input  string // the text, unless it is empty
}

// Error names the rule that the text breaks.
func (e *StreamCursorError) Error() string {
	switch e.Reason {
	case StreamCursorBareMarker:
		return "bare marker '" + e.Input + "' is not a valid stream cursor; use 'start' or 'end'"
	case StreamCursorMalformed:
		return "invalid stream cursor '" + e.Input + "' (expected 'start', 'end', '<ms>', or '<ms>-<seq>')"
	case StreamCursorEmpty:
	}
	return "stream cursor must not be empty"
}

// Unwrap returns the error as an [*Error].
func (e *StreamCursorError) Unwrap() error { return ValidationError(CodeInvalidInput, e.Error()) }
