package messages

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of a set of capability tokens, both inclusive.
const (
	CapsMaxTokens = 256
	CapsMaxBytes  = 4096 // of the sorted tokens joined with commas
)

// CapabilitySet is what a worker can do: tokens in any order, repetitions allowed.
type CapabilitySet []string

// CapabilityRequirement is what an execution demands of its worker: sorted tokens without repetition. The empty one is
// met by every worker.
type CapabilityRequirement []string

// NewCapabilityRequirement sorts the tokens and drops repeated and empty ones.
func NewCapabilityRequirement(tokens ...string) CapabilityRequirement {
	return slices.DeleteFunc(sortedSet(slices.Clone(tokens)), func(token string) bool { return token == "" })
}

// CapabilityRequirementFromCSV splits the text at its commas; empty parts are dropped.
func CapabilityRequirementFromCSV(csv string) CapabilityRequirement {
	return NewCapabilityRequirement(strings.Split(csv, ",")...)
}

// CSV joins the tokens with commas.
func (r CapabilityRequirement) CSV() string { return strings.Join(r, ",") }

// MetBy reports whether the set has every required token, byte for byte.
func (r CapabilityRequirement) MetBy(worker CapabilitySet) bool {
	for _, token := range r {
		if !slices.Contains(worker, token) {
			return false
		}
	}
	return true
}

// Missing returns the required tokens that the worker lacks, sorted.
func Missing(required CapabilityRequirement, worker CapabilitySet) []string {
	var missing []string
	for _, token := range required {
		if !slices.Contains(worker, token) {
			missing = append(missing, token)
		}
	}
	return sortedSet(missing)
}

// Sorted returns the tokens sorted and without repetition; the set itself when it is so already.
func (s CapabilitySet) Sorted() []string { return sortedSet(s) }

// sortedSet sorts and deduplicates a copy, but does not copy what is in order.
func sortedSet(tokens []string) []string {
	for i := 1; i < len(tokens); i++ {
		if tokens[i-1] >= tokens[i] {
			tokens = slices.Clone(tokens)
			slices.Sort(tokens)
			return slices.Compact(tokens)
		}
	}
	return tokens
}

// csvBytes is the length of the tokens joined with commas.
func csvBytes(tokens []string) int {
	n := max(0, len(tokens)-1)
	for _, token := range tokens {
		n += len(token)
	}
	return n
}

// Validate checks the tokens of a worker: not empty, no comma, no whitespace and no control character, at most 256 and
// 4,096 bytes. It returns the first fault in the order of the sorted tokens, as Validation, invalid_capabilities; nil
// when the set is fine.
func (s CapabilitySet) Validate() *Error {
	if s.fine() {
		return nil
	}
	tokens := s.Sorted()
	for _, token := range tokens {
		if err := validateWorkerToken(token); err != nil {
			return err
		}
	}
	if len(tokens) > CapsMaxTokens {
		return ValidationErrorf(CodeInvalidCapabilities,
			"capability set exceeds CAPS_MAX_TOKENS (256): %d", len(tokens))
	}
	if n := csvBytes(tokens); n > CapsMaxBytes {
		return ValidationErrorf(CodeInvalidCapabilities, "capability CSV exceeds CAPS_MAX_BYTES (4096): %d", n)
	}
	return nil
}

// fine decides the ordinary case without sorting, which allocates. It may answer false for a set with repetitions.
func (s CapabilitySet) fine() bool {
	if len(s) > CapsMaxTokens || csvBytes(s) > CapsMaxBytes {
		return false
	}
	for _, token := range s {
		if validateWorkerToken(token) != nil {
			return false
		}
	}
	return true
}

func validateWorkerToken(token string) *Error {
	switch {
	case token == "":
		return ValidationError(CodeInvalidCapabilities, "capability token must not be empty")
	case !utf8.ValidString(token):
		return InvalidField("capabilities", mustBeUTF8)
	case strings.Contains(token, ","):
		return ValidationErrorf(CodeInvalidCapabilities,
			"capability token may not contain ',' (CSV delimiter): %q", token)
	case strings.ContainsFunc(token, isControlOrSpace):
		return ValidationErrorf(CodeInvalidCapabilities,
			"capability token must not contain whitespace or control characters: %q", token)
	}
	return nil
}

// validateRequirement checks the tokens that an execution requires. Its rules are those of a worker's tokens but for
// whitespace beyond ASCII, and its details are short.
func validateRequirement(tokens []string) *Error {
	tokens = sortedSet(tokens)
	for _, token := range tokens {
		if err := validateRequiredToken(token); err != nil {
			return err
		}
	}
	if len(tokens) > CapsMaxTokens {
		return ValidationError(CodeInvalidCapabilities, "required:too_many_tokens")
	}
	if csvBytes(tokens) > CapsMaxBytes {
		return ValidationError(CodeInvalidCapabilities, "required:too_many_bytes")
	}
	return nil
}

func validateRequiredToken(token string) *Error {
	switch {
	case token == "":
		return ValidationError(CodeInvalidCapabilities, "required:empty_token")
	case !utf8.ValidString(token):
		return InvalidField("required_capabilities", mustBeUTF8)
	}
	for i := range len(token) {
		switch c := token[i]; {
		case c == ',':
			return ValidationError(CodeInvalidCapabilities, "required:comma_in_token")
		case c <= 0x20 || c == 0x7f:
			return ValidationError(CodeInvalidCapabilities, "required:control_or_whitespace")
		}
	}
	return nil
}
