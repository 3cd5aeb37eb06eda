package messages

import (
	"encoding/json"
	"fmt"
	"time"
)

// BackendTag is the backend that minted a handle; its value is the wire byte.
type BackendTag uint8

// The backends.
const (
	BackendValkey   BackendTag = 0x01
	BackendPostgres BackendTag = 0x02
	BackendSqlite   BackendTag = 0x03
)

var backendTags = map[BackendTag]string{
	BackendValkey: "Valkey", BackendPostgres: "Postgres", BackendSqlite: "Sqlite",
}

// String returns the name of the backend.
func (t BackendTag) String() string {
	if name, known := backendTags[t]; known {
		return name
	}
	return fmt.Sprintf("BackendTag(%d)", uint8(t))
}

// MarshalText returns the name of the backend.
func (t BackendTag) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText accepts the names of the known backends.
func (t *BackendTag) UnmarshalText(text []byte) error {
	for tag, name := range backendTags {
		if name == string(text) {
			*t = tag
			return nil
		}
	}
	return InvalidField("backend", "unknown backend %q", text)
}

// HandleKind says how the ownership term of a handle began.
type HandleKind string

// The kinds of handles. All but Suspended give the same rights.
const (
	HandleFresh     HandleKind = "Fresh"     // the first claim of an attempt
	HandleResumed   HandleKind = "Resumed"   // the same attempt goes on
	HandleSuspended HandleKind = "Suspended" // the lease has ended; good only for observing signals
	HandleReclaimed HandleKind = "Reclaimed" // a new attempt took over an expired lease
)

// UnmarshalText accepts the known kinds.
func (k *HandleKind) UnmarshalText(text []byte) error {
	switch kind := HandleKind(text); kind {
	case HandleFresh, HandleResumed, HandleSuspended, HandleReclaimed:
		*k = kind
		return nil
	}
	return InvalidField("kind", "unknown handle kind %q", text)
}

// HandleOpaque is the encoded [HandlePayload]. It is a string so that handles are comparable; JSON carries it as an
// array of bytes.
type HandleOpaque string

// MarshalJSON returns the array of bytes.
func (o HandleOpaque) MarshalJSON() ([]byte, error) {
	return appendBytes(make([]byte, 0, 4*len(o)+2), string(o)), nil
}

// UnmarshalJSON reads an array of bytes or base64 text.
func (o *HandleOpaque) UnmarshalJSON(text []byte) error {
	var decoded ByteArray
	if err := json.Unmarshal(text, &decoded); err != nil {
		return err
	}
	*o = HandleOpaque(decoded)
	return nil
}

// Handle is what a worker holds while it owns an attempt. Losing it is not fatal: the lease runs out.
type Handle struct {
	Backend BackendTag   `json:"backend"`
	Kind    HandleKind   `json:"kind"`
	Opaque  HandleOpaque `json:"opaque"`
}

// HandlePayload is what a handle says.
type HandlePayload struct {
	ExecutionID      ExecutionID
	AttemptIndex     AttemptIndex
	AttemptID        AttemptID
	LeaseID          LeaseID
	LeaseEpoch       LeaseEpoch
	LeaseTTL         time.Duration
	LaneID           LaneID
	WorkerInstanceID WorkerInstanceID
}

// OpenHandle decodes a handle of this backend. It returns [ErrHandleFromOtherBackend] for the handle of another one,
// whether the handle says so outside or inside, and [ErrCorruption] for a payload that does not decode.
func OpenHandle(handle Handle) (HandlePayload, error) {
	payload, err := openHandle(handle)
	return payload, firstError(err)
}

func openHandle(handle Handle) (HandlePayload, *Error) {
	if handle.Backend != BackendSqlite {
		return HandlePayload{}, otherBackend(handle.Backend, "")
	}
	tag, payload, err := decodeHandle(handle.Opaque)
	if err != nil {
		return HandlePayload{}, err
	}
	if tag != BackendSqlite {
		return HandlePayload{}, otherBackend(tag, " (embedded tag)")
	}
	return payload, nil
}

func otherBackend(actual BackendTag, where string) *Error {
	return ValidationErrorf(CodeHandleFromOtherBackend, "expected=Sqlite actual=%s%s", actual, where)
}

// openHeld makes the checks of the fence that need no database: the handle is ours, decodes, and is of a live kind.
func openHeld(handle Handle) (HandlePayload, *Error) {
	payload, err := openHandle(handle)
	if err == nil && handle.Kind == HandleSuspended {
		err = ContentionError(CodeLeaseConflict, "")
	}
	return payload, err
}

func validateHeld(handle Handle) *Error {
	_, err := openHeld(handle)
	return err
}
