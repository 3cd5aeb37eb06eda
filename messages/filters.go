package messages

// ScannerFilter selects events of one namespace, of executions with one tag, or both. The zero value selects all.
type ScannerFilter struct {
	Namespace   Namespace `json:"namespace,omitempty"`
	InstanceTag *TagMatch `json:"instance_tag,omitempty"`
}

// TagMatch is a tag with a value, compared byte for byte.
type TagMatch struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// WithNamespace returns a copy that also demands the namespace.
func (f ScannerFilter) WithNamespace(namespace Namespace) ScannerFilter {
	f.Namespace = namespace
	return f
}

// WithInstanceTag returns a copy that also demands the tag.
func (f ScannerFilter) WithInstanceTag(key, value string) ScannerFilter {
	f.InstanceTag = &TagMatch{Key: key, Value: value}
	return f
}

// IsNoop reports whether everything matches.
func (f ScannerFilter) IsNoop() bool { return f.Namespace == "" && f.InstanceTag == nil }

// Matches decides by the columns of an outbox row: its namespace, and the value that its execution has for the tag
// [InstanceTagKey]. Nil, a missing value, never matches what the filter demands. For a filter on another tag, which no
// column carries, give the execution's value of that tag instead.
func (f ScannerFilter) Matches(namespace, instanceTag *string) bool {
	if f.Namespace != "" && (namespace == nil || *namespace != string(f.Namespace)) {
		return false
	}
	return f.InstanceTag == nil || instanceTag != nil && *instanceTag == f.InstanceTag.Value
}

// Validate returns what is wrong with the filter: a text that is no UTF-8.
func (f ScannerFilter) Validate() *Error {
	if err := validateUTF8("namespace", string(f.Namespace)); err != nil || f.InstanceTag == nil {
		return err
	}
	return firstOf(
		validateUTF8("instance_tag.key", f.InstanceTag.Key),
		validateUTF8("instance_tag.value", f.InstanceTag.Value),
	)
}
