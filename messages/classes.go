package messages

// Class says what a caller should do about an error.
type Class string

// The classes. The engine's errors are of the first five.
const (
	ClassTerminal      Class = "terminal"      // do not retry
	ClassRetryable     Class = "retryable"     // the same call may work later
	ClassCooperative   Class = "cooperative"   // the worker should stop politely
	ClassInformational Class = "informational" // what was wished is true already, or no harm is done
	ClassBug           Class = "bug"
	ClassAdvisory      Class = "advisory"
	ClassExpected      Class = "expected"
	ClassSoftError     Class = "soft_error"
)

// Class returns what a caller should do about the error.
func (e *Error) Class() Class {
	switch e.Kind {
	case KindContention:
		return e.contentionClass()
	case KindState:
		return e.Code.stateClass()
	case KindResourceExhausted:
		return ClassRetryable
	case KindStreamBackpressure:
		return ClassInformational
	case KindBug:
		return ClassBug
	case KindNotFound, KindValidation, KindConflict, KindTransport, KindUnavailable, KindTimeout,
		KindStreamDisconnected:
	}
	return ClassTerminal
}

// Retryable reports whether the same call may work later.
func (e *Error) Retryable() bool { return e.Class() == ClassRetryable }

// contentionClass makes one exception: an execution that has ended will not become active again by waiting.
func (e *Error) contentionClass() Class {
	if e.Code == CodeExecutionNotActive && e.NotActive != nil {
		if phase, _ := NormalizePhase(e.NotActive.LifecyclePhase); phase == PhaseTerminal {
			return ClassTerminal
		}
	}
	return ClassRetryable
}

func (c Code) stateClass() Class {
	switch c { //nolint:exhaustive // All others are terminal, also those of other kinds.
	case CodeBudgetExceeded:
		return ClassCooperative
	case CodeExecutionNotSuspended,
		CodeAlreadySuspended,
		CodeWaitpointClosed,
		CodeDuplicateSignal,
		CodeWaitpointNotPending,
		CodePendingWaitpointExpired,
		CodeWaitpointNotOpen,
		CodeGrantAlreadyExists,
		CodeDepsNotSatisfied,
		CodeNotBlockedByDeps,
		CodeBudgetSoftExceeded,
		CodeOkAlreadyApplied,
		CodeAttemptAlreadyTerminal,
		CodeStreamAlreadyClosed,
		CodeAlreadySatisfied:
		return ClassInformational
	}
	return ClassTerminal
}
