package messages

import (
	"fmt"
	"time"
)

// NotFoundError says that the entity ("execution", "flow", "attempt", "edge", …) does not exist.
func NotFoundError(entity, detail string) *Error {
	return &Error{Kind: KindNotFound, Entity: entity, Detail: detail}
}

// ValidationError refuses an argument, or reports stored data that cannot be read.
func ValidationError(code Code, detail string) *Error {
	return &Error{Kind: KindValidation, Code: code, Detail: detail}
}

// ValidationErrorf is [ValidationError] with a formatted detail.
func ValidationErrorf(code Code, format string, args ...any) *Error {
	return ValidationError(code, fmt.Sprintf(format, args...))
}

// InvalidField refuses one field of the arguments with Validation, invalid_input and the detail "<field>: <rule>".
func InvalidField(field, format string, args ...any) *Error {
	return ValidationError(CodeInvalidInput, field+": "+fmt.Sprintf(format, args...))
}

// ContentionError says that somebody else was faster; the same call may succeed later.
func ContentionError(code Code, detail string) *Error {
	return &Error{Kind: KindContention, Code: code, Detail: detail}
}

// NotActiveError is the Contention error execution_not_active.
func NotActiveError(info NotActiveInfo) *Error {
	return &Error{Kind: KindContention, Code: CodeExecutionNotActive, NotActive: &info}
}

// ConflictError says that what exists contradicts the call.
func ConflictError(code Code, detail string) *Error {
	return &Error{Kind: KindConflict, Code: code, Detail: detail}
}

// StateError says that the call does not fit the state of the entity.
func StateError(code Code, detail string) *Error {
	return &Error{Kind: KindState, Code: code, Detail: detail}
}

// BugError reports a defect of the engine.
func BugError(detail string) *Error { return &Error{Kind: KindBug, Detail: detail} }

// TransportError reports a failure of the storage.
func TransportError(cause error) *Error {
	return &Error{Kind: KindTransport, Backend: backendName, Err: cause}
}

// UnavailableError says that the backend does not, or no longer, serve the operation.
func UnavailableError(op string) *Error { return &Error{Kind: KindUnavailable, Op: op} }

// TimeoutError says that the operation gave up after this time.
func TimeoutError(op string, elapsed time.Duration) *Error {
	return &Error{Kind: KindTimeout, Op: op, Elapsed: elapsed}
}

// ResourceExhaustedError says that the pool holds its maximum.
func ResourceExhaustedError(pool string, most uint32) *Error {
	return &Error{Kind: KindResourceExhausted, Pool: pool, Max: most}
}

// StreamDisconnectedError ends a subscription that can be resumed from cursor.
func StreamDisconnectedError(cursor OutboxCursor) *Error {
	return &Error{Kind: KindStreamDisconnected, Cursor: cursor}
}

// CorruptionError reports stored data that cannot be read, as Validation, corruption: "<context>: <message>".
func CorruptionError(context, format string, args ...any) *Error {
	return ValidationError(CodeCorruption, context+": "+fmt.Sprintf(format, args...))
}
