package messages

// The calls of this file give the lease back and keep the attempt: the next claim continues it.

// DelayArgs parks a running execution until a time.
type DelayArgs struct {
	Handle     Handle      `json:"handle"`
	DelayUntil TimestampMs `json:"delay_until"` // absolute; one that has passed is due at once
}

// Validate implements [Validator].
func (a DelayArgs) Validate() error { return firstError(validateHeld(a.Handle)) }

// WaitChildrenArgs parks a running execution until the edges into it are settled.
type WaitChildrenArgs struct {
	Handle Handle `json:"handle"`
}

// Validate implements [Validator].
func (a WaitChildrenArgs) Validate() error { return firstError(validateHeld(a.Handle)) }

// Method returns "delay".
func (DelayArgs) Method() string { return "delay" }

// Method returns "wait_children".
func (WaitChildrenArgs) Method() string { return "wait_children" }

func (DelayArgs) isMessage()        {}
func (WaitChildrenArgs) isMessage() {}

func (DelayArgs) isMutation()        {}
func (WaitChildrenArgs) isMutation() {}
