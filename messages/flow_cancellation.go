package messages

import "time"

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
