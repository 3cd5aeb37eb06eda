package reader

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/flowfabric/ffsqlite/messages"
)

// document is a JSON object of a row. A member is decoded only when it is asked for, so an odd value of a member that a
// read does not need never spoils it.
type document map[string]json.RawMessage

// parseDocument decodes the object stored in the named column; context is the noun of the row in errors.
func parseDocument(context, column string, text []byte) (document, error) {
	var object document
	var other *json.UnmarshalTypeError
	err := json.Unmarshal(text, &object)
	switch {
	case errors.As(err, &other):
		err = fmt.Errorf("%s is not an object", other.Value)
	case err == nil && object == nil:
		err = errors.New("null is not an object")
	}
	if err != nil {
		return nil, messages.CorruptionError(context, "%s not valid JSON: %v", column, err)
	}
	return object, nil
}

// text returns the member if it is a string; ok is false for any other value and for a missing member.
func (d document) text(key string) (value string, ok bool) { return textOf(d[key]) }

// scalar returns the value of a string and the JSON of anything else; "" for null and a missing member. Numbers of
// raw_fields are stored as decimal strings by one writer and as numbers by another, and read alike.
func (d document) scalar(key string) string {
	raw := d[key]
	if value, ok := textOf(raw); ok {
		return value
	}
	if string(raw) == "null" {
		return ""
	}
	return string(raw)
}

// number returns the integer stored as a JSON number or as a decimal string; ok is false for anything else.
func (d document) number(key string) (value int64, ok bool) {
	value, err := strconv.ParseInt(d.scalar(key), 10, 64)
	return value, err == nil
}

// texts returns the string members of the object stored under key, without the others; never nil.
func (d document) texts(key string) map[string]string {
	var members document
	if json.Unmarshal(d[key], &members) != nil {
		return map[string]string{}
	}
	values := make(map[string]string, len(members))
	for name := range members {
		if value, ok := members.text(name); ok {
			values[name] = value
		}
	}
	return values
}

func textOf(raw json.RawMessage) (value string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	err := json.Unmarshal(raw, &value)
	return value, err == nil
}
