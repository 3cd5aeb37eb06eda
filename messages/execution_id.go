package messages

import (
	"math"
	"strconv"
	"strings"
)

const (
	executionIDPrefix = "{fp:"
	executionIDTagEnd = "}:"
	// MaxPartitionIndex is the highest partition index that an execution id may carry.
	MaxPartitionIndex = 255
)

// ExecutionID names an execution: the text {fp:N}:<uuid> with a partition index N of 0..255. The UUID alone identifies
// the execution in a database; N is part of the id and nothing else. Values are comparable and canonical: N has no
// leading zeros and the UUID is lower-case and hyphenated. The zero value is no id.
type ExecutionID struct{ s string }

// ParseExecutionID reads the text of an id and returns its canonical form. The error is an [*ExecutionIDError].
func ParseExecutionID(s string) (ExecutionID, error) {
	tagged, found := strings.CutPrefix(s, executionIDPrefix)
	if !found {
		return ExecutionID{}, &ExecutionIDError{Reason: MissingTag, Input: s}
	}
	digits, rest, found := strings.Cut(tagged, executionIDTagEnd)
	if !found {
		return ExecutionID{}, &ExecutionIDError{Reason: MissingTag, Input: s}
	}
	index, ok := parseDecimal(digits)
	if !ok || index > MaxPartitionIndex {
		return ExecutionID{}, &ExecutionIDError{Reason: InvalidPartitionIndex, Input: digits}
	}
	uuid, ok := parseUUID(rest)
	if !ok {
		return ExecutionID{}, &ExecutionIDError{Reason: InvalidUUID, Input: rest}
	}
	var buffer [executionIDMaxLen]byte
	canonical := appendExecutionID(buffer[:0], index, uuid)
	if string(canonical) == s {
		return ExecutionID{s}, nil
	}
	return ExecutionID{string(canonical)}, nil
}

// NewExecutionID builds the id with this partition index and UUID, as when a row is read. An index above 255 is taken
// modulo 256.
func NewExecutionID(partition uint16, uuid [16]byte) ExecutionID {
	var buffer [executionIDMaxLen]byte
	return ExecutionID{string(appendExecutionID(buffer[:0], partition&MaxPartitionIndex, uuid))}
}

const executionIDMaxLen = len(executionIDPrefix) + len("255") + len(executionIDTagEnd) + uuidTextLen

func appendExecutionID(out []byte, partition uint16, uuid [16]byte) []byte {
	out = append(out, executionIDPrefix...)
	out = strconv.AppendUint(out, uint64(partition), 10)
	out = append(out, executionIDTagEnd...)
	return appendUUID(out, uuid)
}

// SoloPartitioner chooses the partition index of an execution that belongs to no flow.
type SoloPartitioner func(lane LaneID, cfg PartitionConfig) uint16

// HashSoloPartition is the default [SoloPartitioner]: CRC16 of the lane's bytes modulo the number of flow partitions.
func HashSoloPartition(lane LaneID, cfg PartitionConfig) uint16 {
	return crc16Text(string(lane)) % cfg.flowPartitions()
}

// NewExecutionID returns a new id with a random UUID and the index that p chooses.
func (p SoloPartitioner) NewExecutionID(lane LaneID, cfg PartitionConfig) ExecutionID {
	return NewExecutionID(p(lane, cfg), newUUID())
}

// NewSoloExecutionID returns a new id with a random UUID, for an execution outside of flows.
func NewSoloExecutionID(lane LaneID, cfg PartitionConfig) ExecutionID {
	return SoloPartitioner(HashSoloPartition).NewExecutionID(lane, cfg)
}

// NewExecutionIDForFlow returns a new id with a random UUID and the partition index of the flow.
func NewExecutionIDForFlow(flow FlowID, cfg PartitionConfig) ExecutionID {
	return ExecutionIDForFlow(flow, cfg, newUUID())
}

// SoloExecutionID returns the id that [NewSoloExecutionID] would give this UUID. It is the same in every call, as long
// as the number of partitions is.
func SoloExecutionID(lane LaneID, cfg PartitionConfig, uuid [16]byte) ExecutionID {
	return NewExecutionID(HashSoloPartition(lane, cfg), uuid)
}

// ExecutionIDForFlow returns the id that [NewExecutionIDForFlow] would give this UUID. It is the same in every call, as
// long as the number of partitions is.
func ExecutionIDForFlow(flow FlowID, cfg PartitionConfig, uuid [16]byte) ExecutionID {
	return NewExecutionID(CRC16(flow[:])%cfg.flowPartitions(), uuid)
}

// String returns the canonical text, "" for the zero value.
func (id ExecutionID) String() string { return id.s }

// UUID returns the 16 bytes that identify the execution in a database.
func (id ExecutionID) UUID() [16]byte {
	if id.s == "" {
		return [16]byte{}
	}
	uuid, _ := parseHyphenated(id.s[len(id.s)-uuidTextLen:])
	return uuid
}

// PartitionIndex returns the index in the text; no configuration changes it.
func (id ExecutionID) PartitionIndex() uint16 {
	if id.s == "" {
		return 0
	}
	index := uint16(0)
	for _, digit := range []byte(id.s[len(executionIDPrefix) : len(id.s)-uuidTextLen-len(executionIDTagEnd)]) {
		index = index*10 + uint16(digit-'0')
	}
	return index
}

// Partition returns the partition of the id, of family Execution.
func (id ExecutionID) Partition() Partition {
	return Partition{Family: PartitionExecution, Index: id.PartitionIndex()}
}

// IsZero reports the zero value.
func (id ExecutionID) IsZero() bool { return id.s == "" }

// MarshalText returns the canonical text.
func (id ExecutionID) MarshalText() ([]byte, error) { return []byte(id.s), nil }

// UnmarshalText is [ParseExecutionID].
func (id *ExecutionID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseExecutionID(string(text))
	return err
}

// ExecutionIDReason says which part of an execution id does not parse.
type ExecutionIDReason string

// The reasons, in the order in which the parts are looked at.
const (
	MissingTag            ExecutionIDReason = "MissingTag"
	InvalidPartitionIndex ExecutionIDReason = "InvalidPartitionIndex"
	InvalidUUID           ExecutionIDReason = "InvalidUuid"
)

// ExecutionIDError is why a text is no execution id. It unwraps to an [*Error] of kind Validation, invalid_input.
type ExecutionIDError struct {
	Reason ExecutionIDReason
	Input  string // the whole text for MissingTag, else the part
}

// Error names the part and what is wrong with it.
func (e *ExecutionIDError) Error() string {
	switch e.Reason {
	case MissingTag:
		return "execution_id is missing the `{fp:N}:` hash-tag prefix: " + e.Input
	case InvalidUUID:
		return "execution_id UUID suffix is not a valid UUID: " + e.Input
	case InvalidPartitionIndex:
	}
	if _, ok := parseDecimal(e.Input); ok {
		return "execution_id partition index must be in 0..=255: " + e.Input
	}
	return "execution_id partition index is not a valid u16: " + e.Input
}

// Unwrap returns the error as an [*Error].
func (e *ExecutionIDError) Unwrap() error { return ValidationError(CodeInvalidInput, e.Error()) }

// parseDecimal reads a 16-bit number of ASCII digits without a sign; leading zeros are allowed.
func parseDecimal(s string) (n uint16, ok bool) {
	if s == "" {
		return 0, false
	}
	for _, digit := range []byte(s) {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		value := uint16(digit - '0')
		if n > (math.MaxUint16-value)/10 {
			return 0, false
		}
		n = n*10 + value
	}
	return n, true
}
