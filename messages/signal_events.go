package messages

// SignalEffect is what a delivered signal did. Texts beside the constants are passed on as they are.
type SignalEffect string

// The effects.
const (
	SignalSatisfied SignalEffect = "satisfied" // it met the condition, and the execution goes on
	SignalBuffered  SignalEffect = "buffered"  // its waitpoint is pending; a later suspension finds it
	SignalDeduped   SignalEffect = "deduped"   // of other backends: here a repeated signal makes no event
	SignalAppended  SignalEffect = "appended_to_waitpoint"
)

// SignalEffectOf reads a stored effect; "" stands for NULL.
func SignalEffectOf(raw string) SignalEffect {
	switch raw {
	case "", "resume_condition_satisfied":
		return SignalSatisfied
	case "buffered_for_pending_waitpoint":
		return SignalBuffered
	}
	return SignalEffect(raw)
}

// SignalDeliveryEvent says that a signal was delivered.
type SignalDeliveryEvent struct {
	EventID        EventID      `json:"event_id"`
	Cursor         OutboxCursor `json:"cursor"`
	ExecutionID    ExecutionID  `json:"execution_id"`
	SignalID       SignalID     `json:"signal_id"`
	WaitpointID    *WaitpointID `json:"waitpoint_id,omitempty"`
	SourceIdentity *string      `json:"source_identity,omitempty"`
	Effect         SignalEffect `json:"effect"`
	RawEffect      string       `json:"raw_effect"` // as stored, "" for NULL
	At             TimestampMs  `json:"at"`
	Namespace      *string      `json:"namespace,omitempty"`
	InstanceTag    *string      `json:"instance_tag,omitempty"` // the value of the tag cairn.instance_id
}
