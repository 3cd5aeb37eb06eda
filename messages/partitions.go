package messages

import (
	"fmt"
	"strconv"
	"strings"
)

// PartitionFamily is what a partition divides.
type PartitionFamily string

// The families. Execution shares the key space of Flow.
const (
	PartitionFlow      PartitionFamily = "flow"
	PartitionExecution PartitionFamily = "execution"
	PartitionBudget    PartitionFamily = "budget"
	PartitionQuota     PartitionFamily = "quota"
)

// The partition counts that the zero [PartitionConfig] stands for.
const (
	DefaultFlowPartitions   = 256
	DefaultBudgetPartitions = 32
	DefaultQuotaPartitions  = 32
)

// PartitionConfig is the number of partitions of each family; it is used only when ids are minted. The zero value means
// 256, 32 and 32.
type PartitionConfig struct {
	NumFlowPartitions   uint16 `json:"num_flow_partitions"`
	NumBudgetPartitions uint16 `json:"num_budget_partitions"`
	NumQuotaPartitions  uint16 `json:"num_quota_partitions"`
}

// Validate refuses a count of zero next to others, and more than 256 flow partitions.
func (c PartitionConfig) Validate() error {
	if c == (PartitionConfig{}) {
		return nil
	}
	if c.NumFlowPartitions == 0 {
		return InvalidField("num_flow_partitions", mustBePositive)
	}
	if c.NumFlowPartitions > DefaultFlowPartitions {
		return InvalidField("num_flow_partitions", "must be in 1..=256")
	}
	if c.NumBudgetPartitions == 0 {
		return InvalidField("num_budget_partitions", mustBePositive)
	}
	if c.NumQuotaPartitions == 0 {
		return InvalidField("num_quota_partitions", mustBePositive)
	}
	return nil
}

// flowPartitions is the modulus of minting; a configuration that Validate refuses must not make it panic.
func (c PartitionConfig) flowPartitions() uint16 {
	if c.NumFlowPartitions == 0 {
		return DefaultFlowPartitions
	}
	return min(c.NumFlowPartitions, DefaultFlowPartitions)
}

// Partition is one partition of a family.
type Partition struct {
	Family PartitionFamily `json:"family"`
	Index  uint16          `json:"index"`
}

// validatePartitionOf refuses a partition that is not the one of the execution. Nil is fine.
func validatePartitionOf(id ExecutionID, partition *Partition) *Error {
	if partition == nil || partition.Index == id.PartitionIndex() {
		return nil
	}
	return InvalidField("partition", "does not match execution_id (arg=%d, id=%d)", partition.Index, id.PartitionIndex())
}

// PartitionKey is the hash tag of a partition, {fp:7}, {b:3} or {q:31}; "" means all partitions.
type PartitionKey string

// Validate refuses a key that names no partition; "" is fine.
func (k PartitionKey) Validate() *Error {
	if k == "" {
		return nil
	}
	if _, err := ParsePartitionKey(string(k)); err != nil {
		return InvalidField("partition_key", "%s", err.Error())
	}
	return nil
}

// PartitionKeyOf returns the hash tag of p.
func PartitionKeyOf(p Partition) PartitionKey {
	prefix := "fp"
	switch p.Family {
	case PartitionBudget:
		prefix = "b"
	case PartitionQuota:
		prefix = "q"
	case PartitionFlow, PartitionExecution:
	}
	return PartitionKey("{" + prefix + ":" + strconv.FormatUint(uint64(p.Index), 10) + "}")
}

// ParsePartitionKey reads a hash tag; fp gives family Flow. The error is a [*PartitionKeyError].
func ParsePartitionKey(s string) (Partition, error) {
	if len(s) < len("{}") || s[0] != '{' || s[len(s)-1] != '}' {
		return Partition{}, &PartitionKeyError{Reason: MissingBraces}
	}
	prefix, digits, found := strings.Cut(s[1:len(s)-1], ":")
	if !found {
		return Partition{}, &PartitionKeyError{Reason: MalformedBody}
	}
	family, known := map[string]PartitionFamily{"fp": PartitionFlow, "b": PartitionBudget, "q": PartitionQuota}[prefix]
	if !known {
		return Partition{}, &PartitionKeyError{Reason: UnknownFamilyPrefix, Input: prefix}
	}
	index, ok := parseDecimal(digits)
	if !ok {
		return Partition{}, &PartitionKeyError{Reason: InvalidIndex, Input: digits}
	}
	return Partition{Family: family, Index: index}, nil
}

// PartitionKeyReason says which part of a partition key does not parse.
type PartitionKeyReason string

// The reasons, in the order in which the parts are looked at.
const (
	MissingBraces       PartitionKeyReason = "MissingBraces"
	MalformedBody       PartitionKeyReason = "MalformedBody"
	UnknownFamilyPrefix PartitionKeyReason = "UnknownFamilyPrefix"
	InvalidIndex        PartitionKeyReason = "InvalidIndex"
)

// PartitionKeyError is why a text is no partition key. It unwraps to an [*Error] of kind Validation, invalid_input.
type PartitionKeyError struct {
	Reason PartitionKeyReason
	Input  string // the part, where a part is wrong
}

// Error says what a key looks like, or which part is wrong.
func (e *PartitionKeyError) Error() string {
	switch e.Reason {
	case MissingBraces:
		return "partition key must be wrapped in '{...}'"
	case MalformedBody:
		return "partition key body must be '<prefix>:<index>'"
	case UnknownFamilyPrefix:
		return fmt.Sprintf("unknown partition family prefix '%s' (expected 'fp', 'b', 'q')", e.Input)
	case InvalidIndex:
	}
	return fmt.Sprintf("partition index '%s' is not a valid u16", e.Input)
}

// Unwrap returns the error as an [*Error].
func (e *PartitionKeyError) Unwrap() error { return InvalidField("partition_key", "%s", e.Error()) }
