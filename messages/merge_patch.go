package messages

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

const (
	// NullSentinel is the string that a merge patch writes for a JSON null: a null itself removes the member.
	NullSentinel = "__ff_null__"
	// MaxPatchDepth is how deep the objects of a patch may be nested below its root.
	MaxPatchDepth = 16
)

// MergePatch applies a JSON merge patch to the summary document of a stream, "" for none, and returns the new document
// as compact JSON with sorted members. It returns Validation, invalid_input for a patch that is none, and Validation,
// corruption for a document that cannot be read.
func MergePatch(document string, patch []byte) ([]byte, error) {
	members, refused := parsePatch(patch)
	if refused != nil {
		return nil, refused
	}
	target := map[string]any{}
	if document != "" {
		stored, err := parseSummary(document)
		if err != nil {
			return nil, err
		}
		if object, ok := stored.(map[string]any); ok {
			target = object
		}
	}
	merge(target, members)
	return appendJSON(make([]byte, 0, len(document)+len(patch)), target), nil
}

// NormalizeSummary returns a stored summary document in the form of [MergePatch], or Validation, corruption.
func NormalizeSummary(document string) ([]byte, error) {
	value, err := parseSummary(document)
	if err != nil {
		return nil, err
	}
	return appendJSON(make([]byte, 0, len(document)), value), nil
}

func parseSummary(document string) (any, error) {
	value, err := parseJSON([]byte(document))
	if err != nil {
		return nil, CorruptionError("corrupt summary document in ff_stream_summary", "%v", err)
	}
	return value, nil
}

// parsePatch makes all checks of a patch.
func parsePatch(patch []byte) (map[string]any, *Error) {
	value, err := parseJSON(patch)
	if err != nil {
		return nil, ValidationErrorf(CodeInvalidInput, "summary patch not valid JSON: %v", err)
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, ValidationError(CodeInvalidInput, "patch must be a JSON object")
	}
	if objectDepth(members) > MaxPatchDepth+1 {
		return nil, ValidationError(CodeInvalidInput, "patch_depth_exceeded")
	}
	return members, nil
}

// parseJSON decodes one value; numbers keep their text.
func parseJSON(text []byte) (value any, err error) {
	if !utf8.Valid(text) {
		return nil, errors.New("invalid UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	switch err := decoder.Decode(&value); {
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data behind the value")
	}
	return value, nil
}

// objectDepth is how many objects lie inside each other, the value itself included.
func objectDepth(value any) int {
	depth := 0
	switch v := value.(type) {
	case map[string]any:
		for _, member := range v {
			depth = max(depth, objectDepth(member))
		}
		depth++
	case []any:
		for _, element := range v {
			depth = max(depth, objectDepth(element))
		}
	}
	return depth
}

// merge changes target as the members of a patch say.
func merge(target, patch map[string]any) {
	for key, value := range patch {
		switch v := value.(type) {
		case nil:
			delete(target, key)
		case map[string]any:
			child, ok := target[key].(map[string]any)
			if !ok {
				child = map[string]any{}
			}
			merge(child, v)
			target[key] = child
		default:
			target[key] = withNulls(v)
		}
	}
}

// withNulls is a value that replaces another one: every sentinel in it stands for null.
func withNulls(value any) any {
	switch v := value.(type) {
	case string:
		if v == NullSentinel {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = withNulls(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = withNulls(v[key])
		}
	}
	return value
}
