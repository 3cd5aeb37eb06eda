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
