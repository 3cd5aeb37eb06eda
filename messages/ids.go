package messages

// The identifiers below are UUIDs: distinct, comparable types without implicit conversion between them. Their text is
// the canonical lower-case hyphenated form. A parser accepts that form, 32 digits without hyphens, the prefix urn:uuid:
// and braces, in any letter case and of any version. Where an identifier is optional, the nil UUID means absent.
// Byte order is also the order of the texts.

// FlowID names a flow.
type FlowID [16]byte

// NewFlowID returns a random identifier, version 4.
func NewFlowID() FlowID { return newUUID() }

// ParseFlowID reads any accepted form of the text. The error is of kind Validation, invalid_input.
func ParseFlowID(s string) (FlowID, error) {
	id, ok := parseUUID(s)
	if !ok {
		return FlowID{}, invalidUUID("flow_id", s)
	}
	return id, nil
}

// FlowIDFromUUID returns the identifier with these 16 bytes.
func FlowIDFromUUID(uuid [16]byte) FlowID { return uuid }

// Bytes returns the 16 bytes in network order, which is what hashing and storage use.
func (id FlowID) Bytes() [16]byte { return id }

// String returns the canonical text.
func (id FlowID) String() string { return uuidText(id) }

// IsZero reports the nil UUID.
func (id FlowID) IsZero() bool { return id == FlowID{} }

// MarshalText returns the canonical text.
func (id FlowID) MarshalText() ([]byte, error) { return appendUUID(nil, id), nil }

// UnmarshalText is [ParseFlowID].
func (id *FlowID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseFlowID(string(text))
	return err
}

// EdgeID names a dependency edge within its flow.
type EdgeID [16]byte

// NewEdgeID returns a random identifier, version 4.
func NewEdgeID() EdgeID { return newUUID() }

// ParseEdgeID reads any accepted form of the text. The error is of kind Validation, invalid_input.
func ParseEdgeID(s string) (EdgeID, error) {
	id, ok := parseUUID(s)
	if !ok {
		return EdgeID{}, invalidUUID("edge_id", s)
	}
	return id, nil
}

// EdgeIDFromUUID returns the identifier with these 16 bytes.
func EdgeIDFromUUID(uuid [16]byte) EdgeID { return uuid }

// Bytes returns the 16 bytes in network order, which is what hashing and storage use.
func (id EdgeID) Bytes() [16]byte { return id }

// String returns the canonical text.
func (id EdgeID) String() string { return uuidText(id) }

// IsZero reports the nil UUID.
func (id EdgeID) IsZero() bool { return id == EdgeID{} }

// MarshalText returns the canonical text.
func (id EdgeID) MarshalText() ([]byte, error) { return appendUUID(nil, id), nil }

// UnmarshalText is [ParseEdgeID].
func (id *EdgeID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseEdgeID(string(text))
	return err
}

// LeaseID names one ownership term of an execution.
type LeaseID [16]byte

// NewLeaseID returns a random identifier, version 4.
func NewLeaseID() LeaseID { return newUUID() }

// ParseLeaseID reads any accepted form of the text. The error is of kind Validation, invalid_input.
func ParseLeaseID(s string) (LeaseID, error) {
	id, ok := parseUUID(s)
	if !ok {
		return LeaseID{}, invalidUUID("lease_id", s)
	}
	return id, nil
}

// LeaseIDFromUUID returns the identifier with these 16 bytes.
func LeaseIDFromUUID(uuid [16]byte) LeaseID { return uuid }

// Bytes returns the 16 bytes in network order, which is what hashing and storage use.
func (id LeaseID) Bytes() [16]byte { return id }

// String returns the canonical text.
func (id LeaseID) String() string { return uuidText(id) }

// IsZero reports the nil UUID.
func (id LeaseID) IsZero() bool { return id == LeaseID{} }

// MarshalText returns the canonical text.
func (id LeaseID) MarshalText() ([]byte, error) { return appendUUID(nil, id), nil }

// UnmarshalText is [ParseLeaseID].
func (id *LeaseID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseLeaseID(string(text))
	return err
}

// AttemptID names one attempt of an execution; it is kept through suspend and resume.
type AttemptID [16]byte

// NewAttemptID returns a random identifier, version 4.
func NewAttemptID() AttemptID { return newUUID() }

// ParseAttemptID reads any accepted form of the text. The error is of kind Validation, invalid_input.
func ParseAttemptID(s string) (AttemptID, error) {
	id, ok := parseUUID(s)
	if !ok {
		return AttemptID{}, invalidUUID("attempt_id", s)
	}
	return id, nil
}

// AttemptIDFromUUID returns the identifier with these 16 bytes.
func AttemptIDFromUUID(uuid [16]byte) AttemptID { return uuid }

// Bytes returns the 16 bytes in network order, which is what hashing and storage use.
func (id AttemptID) Bytes() [16]byte { return id }

// String returns the canonical text.
func (id AttemptID) String() string { return uuidText(id) }

// IsZero reports the nil UUID.
func (id AttemptID) IsZero() bool { return id == AttemptID{} }

// MarshalText returns the canonical text.
func (id AttemptID) MarshalText() ([]byte, error) { return appendUUID(nil, id), nil }

// UnmarshalText is [ParseAttemptID].
func (id *AttemptID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseAttemptID(string(text))
	return err
}

// BudgetID names a budget.
type BudgetID [16]byte

// NewBudgetID returns a random identifier, version 4.
func NewBudgetID() BudgetID { return newUUID() }

// ParseBudgetID reads any accepted form of the text. The error is of kind Validation, invalid_input.
func ParseBudgetID(s string) (BudgetID, error) {
	id, ok := parseUUID(s)
	if !ok {
		return BudgetID{}, invalidUUID("budget_id", s)
	}
	return id, nil
}

// BudgetIDFromUUID returns the identifier with these 16 bytes.
func BudgetIDFromUUID(uuid [16]byte) BudgetID { return uuid }

// Bytes returns the 16 bytes in network order, which is what hashing and storage use.
func (id BudgetID) Bytes() [16]byte { return id }

// String returns the canonical text.
func (id BudgetID) String() string { return uuidText(id) }

// IsZero reports the nil UUID.
func (id BudgetID) IsZero() bool { return id == BudgetID{} }

// MarshalText returns the canonical text.
func (id BudgetID) MarshalText() ([]byte, error) { return appendUUID(nil, id), nil }

// UnmarshalText is [ParseBudgetID].
func (id *BudgetID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseBudgetID(string(text))
	return err
}

// QuotaPolicyID names a quota policy.
type QuotaPolicyID [16]byte

// NewQuotaPolicyID returns a random identifier, version 4.
func NewQuotaPolicyID() QuotaPolicyID { return newUUID() }

// ParseQuotaPolicyID reads any accepted form of the text. The error is of kind Validation, invalid_input.
func ParseQuotaPolicyID(s string) (QuotaPolicyID, error) {
	id, ok := parseUUID(s)
	if !ok {
		return QuotaPolicyID{}, invalidUUID("quota_policy_id", s)
	}
	return id, nil
}

// QuotaPolicyIDFromUUID returns the identifier with these 16 bytes.
func QuotaPolicyIDFromUUID(uuid [16]byte) QuotaPolicyID { return uuid }

// Bytes returns the 16 bytes in network order, which is what hashing and storage use.
func (id QuotaPolicyID) Bytes() [16]byte { return id }

// String returns the canonical text.
func (id QuotaPolicyID) String() string { return uuidText(id) }

// IsZero reports the nil UUID.
func (id QuotaPolicyID) IsZero() bool { return id == QuotaPolicyID{} }

// MarshalText returns the canonical text.
func (id QuotaPolicyID) MarshalText() ([]byte, error) { return appendUUID(nil, id), nil }

// UnmarshalText is [ParseQuotaPolicyID].
func (id *QuotaPolicyID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseQuotaPolicyID(string(text))
	return err
}

// WaitpointID names a waitpoint.
type WaitpointID [16]byte

// NewWaitpointID returns a random identifier, version 4.
func NewWaitpointID() WaitpointID { return newUUID() }

// ParseWaitpointID reads any accepted form of the text. The error is of kind Validation, invalid_input.
func ParseWaitpointID(s string) (WaitpointID, error) {
	id, ok := parseUUID(s)
	if !ok {
		return WaitpointID{}, invalidUUID("waitpoint_id", s)
	}
	return id, nil
}

// WaitpointIDFromUUID returns the identifier with these 16 bytes.
func WaitpointIDFromUUID(uuid [16]byte) WaitpointID { return uuid }

// Bytes returns the 16 bytes in network order, which is what hashing and storage use.
func (id WaitpointID) Bytes() [16]byte { return id }

// String returns the canonical text.
func (id WaitpointID) String() string { return uuidText(id) }

// IsZero reports the nil UUID.
func (id WaitpointID) IsZero() bool { return id == WaitpointID{} }

// MarshalText returns the canonical text.
func (id WaitpointID) MarshalText() ([]byte, error) { return appendUUID(nil, id), nil }

// UnmarshalText is [ParseWaitpointID].
func (id *WaitpointID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseWaitpointID(string(text))
	return err
}

// SignalID names a signal that was delivered to a waitpoint.
type SignalID [16]byte

// NewSignalID returns a random identifier, version 4.
func NewSignalID() SignalID { return newUUID() }

// ParseSignalID reads any accepted form of the text. The error is of kind Validation, invalid_input.
func ParseSignalID(s string) (SignalID, error) {
	id, ok := parseUUID(s)
	if !ok {
		return SignalID{}, invalidUUID("signal_id", s)
	}
	return id, nil
}

// SignalIDFromUUID returns the identifier with these 16 bytes.
func SignalIDFromUUID(uuid [16]byte) SignalID { return uuid }

// Bytes returns the 16 bytes in network order, which is what hashing and storage use.
func (id SignalID) Bytes() [16]byte { return id }

// String returns the canonical text.
func (id SignalID) String() string { return uuidText(id) }

// IsZero reports the nil UUID.
func (id SignalID) IsZero() bool { return id == SignalID{} }

// MarshalText returns the canonical text.
func (id SignalID) MarshalText() ([]byte, error) { return appendUUID(nil, id), nil }

// UnmarshalText is [ParseSignalID].
func (id *SignalID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseSignalID(string(text))
	return err
}

// SuspensionID names one suspension of an execution. The caller chooses it.
type SuspensionID [16]byte

// NewSuspensionID returns a random identifier, version 4.
func NewSuspensionID() SuspensionID { return newUUID() }

// ParseSuspensionID reads any accepted form of the text. The error is of kind Validation, invalid_input.
func ParseSuspensionID(s string) (SuspensionID, error) {
	id, ok := parseUUID(s)
	if !ok {
		return SuspensionID{}, invalidUUID("suspension_id", s)
	}
	return id, nil
}

// SuspensionIDFromUUID returns the identifier with these 16 bytes.
func SuspensionIDFromUUID(uuid [16]byte) SuspensionID { return uuid }

// Bytes returns the 16 bytes in network order, which is what hashing and storage use.
func (id SuspensionID) Bytes() [16]byte { return id }

// String returns the canonical text.
func (id SuspensionID) String() string { return uuidText(id) }

// IsZero reports the nil UUID.
func (id SuspensionID) IsZero() bool { return id == SuspensionID{} }

// MarshalText returns the canonical text.
func (id SuspensionID) MarshalText() ([]byte, error) { return appendUUID(nil, id), nil }

// UnmarshalText is [ParseSuspensionID].
func (id *SuspensionID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseSuspensionID(string(text))
	return err
}

func invalidUUID(field, text string) error { return InvalidField(field, "not a valid UUID: %q", text) }
