package messages

import (
	"errors"
	"time"
)

// CancelFlowPolicy says which members of a flow its cancellation cancels.
type CancelFlowPolicy string

// The policies, from narrow to wide: no member, those that have not been claimed, all that have not ended.
const (
	CancelFlowOnly CancelFlowPolicy = "cancel_flow_only"
	CancelPending  CancelFlowPolicy = "cancel_pending"
	CancelAll      CancelFlowPolicy = "cancel_all"
)

// Validate refuses any other text.
func (p CancelFlowPolicy) Validate() *Error {
	switch p {
	case CancelFlowOnly, CancelPending, CancelAll:
		return nil
	}
	return InvalidField("cancellation_policy", "%s", string(p))
}

// CancelFlowWaitKind says whether and how long a cancellation waits.
type CancelFlowWaitKind string

// The kinds. The zero value means CancelNoWait.
const (
	CancelNoWait         CancelFlowWaitKind = "no_wait"
	CancelWaitTimeout    CancelFlowWaitKind = "wait_timeout"
	CancelWaitIndefinite CancelFlowWaitKind = "wait_indefinite"
)

// cancelWaitCeiling is how long an indefinite wait is at most.
const cancelWaitCeiling = 300 * time.Second

// CancelFlowWait says how long [CancelFlowArgs] waits until the flow reads as cancelled. The zero value does not wait.
type CancelFlowWait struct {
	Kind    CancelFlowWaitKind `json:"kind"`
	Timeout time.Duration      `json:"timeout_ms,omitempty"` // of CancelWaitTimeout
}

// NoWait returns as soon as the cancellation is stored.
func NoWait() CancelFlowWait { return CancelFlowWait{} }

// WaitTimeout waits up to d; 0 looks once.
func WaitTimeout(d time.Duration) CancelFlowWait {
	return CancelFlowWait{Kind: CancelWaitTimeout, Timeout: d}
}

// WaitIndefinite waits, but no longer than 300 seconds.
func WaitIndefinite() CancelFlowWait { return CancelFlowWait{Kind: CancelWaitIndefinite} }

// Waits reports whether there is anything to wait for.
func (w CancelFlowWait) Waits() bool {
	return w.Kind == CancelWaitTimeout || w.Kind == CancelWaitIndefinite
}

// Deadline returns how long to wait at most.
func (w CancelFlowWait) Deadline() time.Duration {
	if w.Kind == CancelWaitIndefinite {
		return cancelWaitCeiling
	}
	return w.Timeout
}

// Validate refuses an unknown kind and a negative timeout.
func (w CancelFlowWait) Validate() *Error {
	switch w.Kind {
	case CancelNoWait, CancelWaitIndefinite, "":
		return nil
	case CancelWaitTimeout:
		return validateDuration("timeout_ms", w.Timeout)
	}
	return InvalidField("wait", "unknown kind %q", string(w.Kind))
}

// CancelFlowHeaderArgs closes a flow and cancels members as [CancelFlowArgs] does, and remembers the members until each is
// acknowledged.
type CancelFlowHeaderArgs struct {
	FlowID             FlowID           `json:"flow_id"`
	Reason             string           `json:"reason"`
	CancellationPolicy CancelFlowPolicy `json:"cancellation_policy"`
	Now                TimestampMs      `json:"now,omitempty"` // 0: the engine's clock
}

// Validate implements [Validator].
func (a CancelFlowHeaderArgs) Validate() error {
	return firstError(validateUTF8("reason", a.Reason), a.CancellationPolicy.Validate())
}

// CancelFlowHeaderResultKind is the outcome of closing a flow.
type CancelFlowHeaderResultKind string

// The outcomes of closing a flow.
const (
	CancelHeaderCancelled       CancelFlowHeaderResultKind = "cancelled"
	CancelHeaderAlreadyTerminal CancelFlowHeaderResultKind = "already_terminal"
)

// CancelFlowHeaderResult has the policy and the members that this call cancelled, or, for a flow that was closed before,
// what is stored of that: policy and reason, nil where there is none, and the members that are not acknowledged yet, or
// all when there are none of these.
type CancelFlowHeaderResult struct {
	Outcome                  CancelFlowHeaderResultKind
	CancellationPolicy       CancelFlowPolicy // of cancelled
	StoredCancellationPolicy *string          // of already_terminal
	StoredCancelReason       *string          // of already_terminal
	MemberExecutionIDs       []string
}

// AckCancelMemberArgs notes that a member of a cancelled flow is dealt with.
type AckCancelMemberArgs struct {
	FlowID      FlowID      `json:"flow_id"`
	ExecutionID ExecutionID `json:"execution_id"`
}

// Validate implements [Validator].
func (a AckCancelMemberArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// CancelFlowRequestArgs closes a flow, cancels members and acknowledges them, in the background unless Wait says so.
type CancelFlowRequestArgs struct {
	FlowID             FlowID           `json:"flow_id"`
	Reason             string           `json:"reason"`
	CancellationPolicy CancelFlowPolicy `json:"cancellation_policy"`
	Wait               bool             `json:"wait,omitempty"`
	Now                TimestampMs      `json:"now,omitempty"` // 0: the engine's clock
}

// Validate implements [Validator].
func (a CancelFlowRequestArgs) Validate() error { return a.Header().Validate() }

// Header is the first of the calls that the request is made of.
func (a CancelFlowRequestArgs) Header() CancelFlowHeaderArgs {
	return CancelFlowHeaderArgs{
		FlowID: a.FlowID, Reason: a.Reason, CancellationPolicy: a.CancellationPolicy, Now: a.Now,
	}
}

// NothingToCancel reports whether an error of [CancelExecutionArgs] says that the execution has ended otherwise, or is
// gone: as good as cancelled.
func NothingToCancel(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrTerminal) || errors.Is(err, ErrExecutionNotActive)
}
