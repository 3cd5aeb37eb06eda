package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// setExecutionTag gives a tag of an execution, in whatever state, a value (03 §9.9). A value that is new is an event; the
// one that it replaces is cleared first.
func (w *Writer) setExecutionTag(now messages.TimestampMs, args messages.SetExecutionTagArgs) error {
	x, err := w.loadExecution(args.ExecutionID)
	if err != nil {
		return err
	}
	if x == nil {
		return messages.NotFoundError("execution", "")
	}
	old := x.tag(args.Key)
	x.setTag(args.Key, args.Value)
	if err := w.storeExecution(x, now); err != nil {
		return err
	}
	if old != nil && *old == args.Value {
		return nil
	}
	if old != nil {
		if err := w.emitTag(x, "cleared", args.Key, *old, now); err != nil {
			return err
		}
	}
	return w.emitTag(x, "attached", args.Key, args.Value, now)
}

// setTag writes one member of raw.tags. What stands there and is no object is replaced by one. Events that follow carry
// the scope after the change.
func (x *execution) setTag(key, value string) {
	var tags document
	if object := x.raw.get("tags"); object != nil && tags.parse(object) != nil {
		tags = document{}
	}
	tags.setText(key, value)
	x.raw.setJSON("tags", tags.encode())
	x.scope = nil
}

// setFlowTag gives a tag of a flow, in whatever state, a value (03 §9.9). Tags of a flow stand beside its own members,
// whose names have no dot.
func (w *Writer) setFlowTag(now messages.TimestampMs, args messages.SetFlowTagArgs) error {
	f, err := w.loadFlow(args.FlowID)
	if err != nil {
		return err
	}
	if f == nil {
		return messages.NotFoundError("flow", "flow_not_found")
	}
	f.raw.setText(args.Key, args.Value)
	return w.storeFlow(f, now)
}
