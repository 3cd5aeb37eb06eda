package messages

import "strings"

// InstanceTagKey is the execution tag whose value the outbox rows carry, so that subscribers can filter by it.
const InstanceTagKey = "cairn.instance_id"

const tagKeyGrammar = `^[a-z][a-z0-9_]*\.[a-z0-9_][a-z0-9_.]*$`

// ValidateTagKey checks a tag key: a lower-case namespace, a dot, and a name of lower-case letters, digits, underscores
// and dots that does not begin with a dot; 256 bytes at most. It returns nil when the key is fine, else an error of
// kind Validation, invalid_tag_key.
func ValidateTagKey(key string) *Error {
	if len(key) > NameMaxBytes {
		return ValidationErrorf(CodeInvalidTagKey, "invalid tag key: exceeds 256 bytes (got %d)", len(key))
	}
	if !isTagKey(key) {
		return ValidationErrorf(CodeInvalidTagKey, `invalid tag key: "%s" (must match %s)`, key, tagKeyGrammar)
	}
	return nil
}

func isTagKey(key string) bool {
	namespace, name, found := strings.Cut(key, ".")
	if !found || namespace == "" || name == "" || name[0] == '.' || namespace[0] < 'a' || namespace[0] > 'z' {
		return false
	}
	for i := range len(key) {
		c := key[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// validateTags checks keys and values. With several bad ones it reports the first in the order of the keys.
func validateTags(tags map[string]string) *Error {
	var worst *Error
	worstKey := ""
	for key, value := range tags {
		err := ValidateTagKey(key)
		if err == nil {
			err = validateUTF8("tags", value)
		}
		if err != nil && (worst == nil || key < worstKey) {
			worst, worstKey = err, key
		}
	}
	return worst
}

// SetExecutionTagArgs gives one tag of an execution a value.
type SetExecutionTagArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
	Key         string      `json:"key"`
	Value       string      `json:"value"` // any text, "" too
}

// Validate implements [Validator].
func (a SetExecutionTagArgs) Validate() error {
	return firstError(
		ValidateTagKey(a.Key),
		validateExecutionID("execution_id", a.ExecutionID),
		validateUTF8("value", a.Value),
	)
}

// GetExecutionTagArgs reads one tag of an execution; the reply is a *string, nil when there is no such tag or execution.
type GetExecutionTagArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
	Key         string      `json:"key"`
}

// Validate implements [Validator].
func (a GetExecutionTagArgs) Validate() error {
	return firstError(ValidateTagKey(a.Key), validateExecutionID("execution_id", a.ExecutionID))
}

// SetFlowTagArgs gives one tag of a flow a value.
type SetFlowTagArgs struct {
	FlowID FlowID `json:"flow_id"`
	Key    string `json:"key"`
	Value  string `json:"value"` // any text, "" too
}

// Validate implements [Validator].
func (a SetFlowTagArgs) Validate() error {
	return firstError(ValidateTagKey(a.Key), validateUTF8("value", a.Value))
}

// GetFlowTagArgs reads one tag of a flow; the reply is a *string, nil when there is no such tag or flow.
type GetFlowTagArgs struct {
	FlowID FlowID `json:"flow_id"`
	Key    string `json:"key"`
}

// Validate implements [Validator].
func (a GetFlowTagArgs) Validate() error { return firstError(ValidateTagKey(a.Key)) }

// GetExecutionNamespaceArgs reads the namespace of an execution; the reply is a *string, nil when there is none.
type GetExecutionNamespaceArgs struct {
	ExecutionID ExecutionID `json:"execution_id"`
}

// Validate implements [Validator].
func (a GetExecutionNamespaceArgs) Validate() error {
	return firstError(validateExecutionID("execution_id", a.ExecutionID))
}

// Method returns "set_execution_tag".
func (SetExecutionTagArgs) Method() string { return "set_execution_tag" }

// Method returns "get_execution_tag".
func (GetExecutionTagArgs) Method() string { return "get_execution_tag" }

// Method returns "set_flow_tag".
func (SetFlowTagArgs) Method() string { return "set_flow_tag" }

// Method returns "get_flow_tag".
func (GetFlowTagArgs) Method() string { return "get_flow_tag" }

// Method returns "get_execution_namespace".
func (GetExecutionNamespaceArgs) Method() string { return "get_execution_namespace" }

func (SetExecutionTagArgs) isMessage()       {}
func (GetExecutionTagArgs) isMessage()       {}
func (SetFlowTagArgs) isMessage()            {}
func (GetFlowTagArgs) isMessage()            {}
func (GetExecutionNamespaceArgs) isMessage() {}

func (SetExecutionTagArgs) isMutation() {}
func (SetFlowTagArgs) isMutation()      {}
