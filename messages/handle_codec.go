package messages

import (
	"encoding/binary"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// The layout of a handle: the two marker bytes, the backend byte, then the fields in the order of [HandlePayload].
// Integers are little-endian; a text is its length as 32 bits, followed by its bytes. The older form begins with 0x01
// and continues with the fields at once; it is read, and never written.
const (
	handleFormat1  = 0x01
	handleFormat2  = 0x02
	handleWireByte = 0x01
)

// EncodeHandle returns the payload in the current form.
func EncodeHandle(tag BackendTag, payload HandlePayload) HandleOpaque {
	id, lane, instance := payload.ExecutionID.s, string(payload.LaneID), string(payload.WorkerInstanceID)
	const fixed = 3 + 5*4 + 4 + 2*8 + 2*uuidTextLen
	var out strings.Builder
	out.Grow(fixed + len(id) + len(lane) + len(instance))
	out.Write([]byte{handleFormat2, handleWireByte, byte(tag)})
	writeText(&out, id)
	writeUint32(&out, uint32(payload.AttemptIndex))
	writeUUID(&out, payload.AttemptID)
	writeUUID(&out, payload.LeaseID)
	writeUint64(&out, uint64(payload.LeaseEpoch))
	writeUint64(&out, uint64(max(0, Millis(payload.LeaseTTL))))
	writeText(&out, lane)
	writeText(&out, instance)
	return HandleOpaque(out.String())
}

func writeUint32(out *strings.Builder, n uint32) {
	var buffer [4]byte
	binary.LittleEndian.PutUint32(buffer[:], n)
	out.Write(buffer[:])
}

func writeUint64(out *strings.Builder, n uint64) {
	var buffer [8]byte
	binary.LittleEndian.PutUint64(buffer[:], n)
	out.Write(buffer[:])
}

func writeText(out *strings.Builder, text string) {
	writeUint32(out, uint32(len(text))) //nolint:gosec // Ids are short.
	out.WriteString(text)
}

func writeUUID(out *strings.Builder, id [16]byte) {
	var text [uuidTextLen]byte
	putUUID(&text, id)
	writeUint32(out, uuidTextLen)
	out.Write(text[:])
}

// DecodeHandle reads either form. Every failure is [ErrCorruption] with a detail that begins with "handle_codec: ".
// Lane and worker instance are not validated. The texts of the payload share the memory of opaque.
func DecodeHandle(opaque HandleOpaque) (BackendTag, HandlePayload, error) {
	tag, payload, err := decodeHandle(opaque)
	return tag, payload, firstError(err)
}

func decodeHandle(opaque HandleOpaque) (BackendTag, HandlePayload, *Error) {
	r := handleReader{text: string(opaque)}
	tag := r.tag()
	payload := HandlePayload{
		ExecutionID:      r.executionID("execution_id"),
		AttemptIndex:     AttemptIndex(r.uint32()),
		AttemptID:        r.uuid("attempt_id"),
		LeaseID:          r.uuid("lease_id"),
		LeaseEpoch:       LeaseEpoch(r.uint64()),
		LeaseTTL:         r.ttl(),
		LaneID:           LaneID(r.string("lane_id")),
		WorkerInstanceID: WorkerInstanceID(r.string("worker_instance_id")),
	}
	if r.err == nil && r.at < len(r.text) {
		r.fail("trailing bytes in handle: pos=%d, len=%d", r.at, len(r.text))
	}
	if r.err != nil {
		return 0, HandlePayload{}, r.err
	}
	return tag, payload, nil
}

// handleReader reads fields until the first failure, after which every field is zero.
type handleReader struct {
	text string
	at   int
	err  *Error
}

func (r *handleReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = CorruptionError("handle_codec", format, args...)
	}
}

// take returns the next n bytes, "" when there are fewer.
func (r *handleReader) take(n int) string {
	if r.err != nil {
		return ""
	}
	if have := len(r.text) - r.at; n > have {
		r.fail("truncated handle: needed %d bytes at offset %d, have %d", n, r.at, have)
		return ""
	}
	taken := r.text[r.at : r.at+n]
	r.at += n
	return taken
}

func (r *handleReader) byte() byte {
	if taken := r.take(1); taken != "" {
		return taken[0]
	}
	return 0
}

func (r *handleReader) uint32() uint32 {
	taken := r.take(4)
	if taken == "" {
		return 0
	}
	return uint32(taken[0]) | uint32(taken[1])<<8 | uint32(taken[2])<<16 | uint32(taken[3])<<24
}

func (r *handleReader) uint64() uint64 {
	taken := r.take(8)
	if taken == "" {
		return 0
	}
	low := uint32(taken[0]) | uint32(taken[1])<<8 | uint32(taken[2])<<16 | uint32(taken[3])<<24
	high := uint32(taken[4]) | uint32(taken[5])<<8 | uint32(taken[6])<<16 | uint32(taken[7])<<24
	return uint64(low) | uint64(high)<<32
}

// tag reads the bytes before the fields.
func (r *handleReader) tag() BackendTag {
	switch format := r.byte(); {
	case r.err != nil:
		return 0
	case format == handleFormat1:
		return BackendValkey
	case format != handleFormat2:
		r.fail("handle v1 version byte 0x%x not recognised (expected 0x1)", format)
		return 0
	}
	if wire := r.byte(); r.err == nil && wire != handleWireByte {
		r.fail("handle v2 wire-version byte 0x%x not recognised", wire)
	}
	tag := BackendTag(r.byte())
	if _, known := backendTags[tag]; r.err == nil && !known {
		r.fail("handle backend-tag byte 0x%x not recognised", byte(tag))
	}
	return tag
}

func (r *handleReader) string(field string) string {
	n := r.uint32()
	if n > math.MaxInt32 { // An int has 32 bits on some machines; no buffer is that long.
		n = math.MaxInt32
	}
	text := r.take(int(n))
	if !utf8.ValidString(text) {
		r.fail("handle field `%s` is not valid UTF-8", field)
	}
	return text
}

func (r *handleReader) executionID(field string) ExecutionID {
	text := r.string(field)
	if r.err != nil {
		return ExecutionID{}
	}
	id, err := ParseExecutionID(text)
	if err != nil {
		r.fail("handle field `%s` parse failed: %v", field, err)
	}
	return id
}

func (r *handleReader) uuid(field string) [16]byte {
	text := r.string(field)
	if r.err != nil {
		return [16]byte{}
	}
	id, ok := parseUUID(text)
	if !ok {
		r.fail("handle field `%s` parse failed: not a valid UUID: %q", field, text)
	}
	return id
}

func (r *handleReader) ttl() time.Duration {
	return durationOfMillis(int64(min(r.uint64(), math.MaxInt64)))
}
