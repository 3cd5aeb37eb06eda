package messages

import (
	"encoding/binary"
	"encoding/json"
)

// Family is one of the outboxes. Each has event ids of its own.
type Family string

// The families.
const (
	FamilyCompletion     Family = "completion"
	FamilyLeaseHistory   Family = "lease_history"
	FamilySignalDelivery Family = "signal_delivery"
	FamilyInstanceTags   Family = "instance_tags"
)

const (
	cursorPrefix = 0x02
	cursorLen    = 1 + 8
)

// OutboxCursor is a position in an outbox: behind the event that carried it. Store it to resume there. The empty cursor
// is the tail: only what is committed from now on. The bytes do not say which family they belong to.
type OutboxCursor []byte

// CursorAfter returns the position behind the event.
func CursorAfter(id EventID) OutboxCursor {
	cursor := make(OutboxCursor, cursorLen)
	cursor[0] = cursorPrefix
	binary.BigEndian.PutUint64(cursor[1:], uint64(id)) //nolint:gosec // The bits are the format.
	return cursor
}

// FromBeginning returns the position before the first event.
func FromBeginning() OutboxCursor { return CursorAfter(0) }

// Position returns the id behind which to read, or that the cursor is the tail. It refuses any other bytes than those
// of [CursorAfter] with Validation, invalid_input.
func (c OutboxCursor) Position(family Family) (after EventID, tail bool, err error) {
	if len(c) == 0 {
		return 0, true, nil
	}
	if len(c) == cursorLen && c[0] == cursorPrefix {
		after = EventID(binary.BigEndian.Uint64(c[1:])) //nolint:gosec // A negative result is refused.
		if after >= 0 {
			return after, false, nil
		}
	}
	return 0, false, ValidationErrorf(CodeInvalidInput, "invalid event_id cursor for sqlite.subscribe_%s", family)
}

// MarshalJSON returns the array of bytes.
func (c OutboxCursor) MarshalJSON() ([]byte, error) {
	return appendBytes(make([]byte, 0, 4*len(c)+2), c), nil
}

// UnmarshalJSON reads an array of bytes or base64 text.
func (c *OutboxCursor) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, (*ByteArray)(c))
}
