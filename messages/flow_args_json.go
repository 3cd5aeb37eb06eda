package messages

import (
	"encoding/json"
	"time"
)

type stageDependencyEdgeFields StageDependencyEdgeArgs

// UnmarshalJSON reads the arguments; a missing dependency kind is success_only.
func (a *StageDependencyEdgeArgs) UnmarshalJSON(text []byte) error {
	fields := stageDependencyEdgeFields{DependencyKind: DependencySuccessOnly}
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	*a = StageDependencyEdgeArgs(fields)
	return nil
}

type applyDependencyFields ApplyDependencyToChildArgs

// UnmarshalJSON reads the arguments; a missing dependency kind is success_only.
func (a *ApplyDependencyToChildArgs) UnmarshalJSON(text []byte) error {
	fields := applyDependencyFields{DependencyKind: DependencySuccessOnly}
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	*a = ApplyDependencyToChildArgs(fields)
	return nil
}

type cancelFlowWaitJSON struct {
	Kind    CancelFlowWaitKind `json:"kind"`
	Timeout *millis            `json:"timeout_ms,omitempty"`
}

// MarshalJSON writes the kind, and the timeout of the kind that has one.
func (w CancelFlowWait) MarshalJSON() ([]byte, error) {
	switch w.Kind {
	case CancelWaitTimeout:
		return json.Marshal(cancelFlowWaitJSON{w.Kind, (*millis)(&w.Timeout)})
	case "":
		return json.Marshal(cancelFlowWaitJSON{Kind: CancelNoWait})
	case CancelNoWait, CancelWaitIndefinite:
	}
	return json.Marshal(cancelFlowWaitJSON{Kind: w.Kind})
}

// UnmarshalJSON reads a wait.
func (w *CancelFlowWait) UnmarshalJSON(text []byte) error {
	var wire cancelFlowWaitJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*w = CancelFlowWait{Kind: wire.Kind}
	if wire.Timeout != nil {
		w.Timeout = time.Duration(*wire.Timeout)
	}
	return nil
}

type waitForFlowCancellationJSON struct {
	FlowID   FlowID `json:"flow_id"`
	Deadline millis `json:"deadline_ms"`
}

// MarshalJSON writes the deadline in milliseconds.
func (a WaitForFlowCancellationArgs) MarshalJSON() ([]byte, error) {
	return json.Marshal(waitForFlowCancellationJSON{a.FlowID, millis(a.Deadline)})
}

// UnmarshalJSON reads the arguments.
func (a *WaitForFlowCancellationArgs) UnmarshalJSON(text []byte) error {
	var wire waitForFlowCancellationJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*a = WaitForFlowCancellationArgs{FlowID: wire.FlowID, Deadline: time.Duration(wire.Deadline)}
	return nil
}
