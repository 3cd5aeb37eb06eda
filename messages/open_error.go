package messages

import "strings"

// OpenErrorKind says what kept a database from opening.
type OpenErrorKind string

// The kinds of open errors.
const (
	OpenTransport       OpenErrorKind = "transport"
	OpenProtocol        OpenErrorKind = "protocol"
	OpenTimeout         OpenErrorKind = "timeout"
	OpenAuth            OpenErrorKind = "auth"
	OpenCluster         OpenErrorKind = "cluster"
	OpenBusyLoading     OpenErrorKind = "busy_loading"
	OpenScriptNotLoaded OpenErrorKind = "script_not_loaded"
	OpenOther           OpenErrorKind = "other"
)

// OpenError is why a backend could not be opened.
type OpenError struct {
	Kind    OpenErrorKind
	Message string
	Err     error // the cause; nil when the message says it all
}

// ErrRequiresDevMode refuses to open without an acknowledgement that the backend is meant for development. Its message
// names the remedy; users search for it.
var ErrRequiresDevMode error = &OpenError{
	Kind: OpenProtocol,
	Message: "SqliteBackend requires FF_DEV_MODE=1 to activate. SQLite is dev-only; see " +
		"https://github.com/avifenesh/FlowFabric/blob/main/docs/dev-harness.md for details.",
}

// Error returns "open sqlite (kind): message: cause", without the message where the cause ends with it.
func (e *OpenError) Error() string {
	text := "open " + backendName + " (" + string(e.Kind) + "): "
	if e.Err == nil {
		return text + e.Message
	}
	cause := e.Err.Error()
	if strings.HasSuffix(cause, e.Message) {
		return text + cause
	}
	return text + e.Message + ": " + cause
}

// Unwrap returns the cause.
func (e *OpenError) Unwrap() error { return e.Err }

// Is reports whether target is an [*OpenError] whose Kind and Message, as far as they are set, are those of e.
func (e *OpenError) Is(target error) bool {
	t, ok := target.(*OpenError)
	return ok && (t.Kind == "" || t.Kind == e.Kind) && (t.Message == "" || t.Message == e.Message)
}

// Retryable reports whether a later attempt to open may succeed.
func (e *OpenError) Retryable() bool {
	switch e.Kind {
	case OpenTransport, OpenTimeout, OpenCluster, OpenBusyLoading:
		return true
	case OpenProtocol, OpenAuth, OpenScriptNotLoaded, OpenOther:
	}
	return false
}
