package messages

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strconv"
	"time"
)

// ByteArray is bytes whose JSON is an array of numbers. Base64 text is read as well. Nil is null; an array without
// numbers is not nil.
type ByteArray []byte

// MarshalJSON returns the array.
func (b ByteArray) MarshalJSON() ([]byte, error) {
	if b == nil {
		return []byte("null"), nil
	}
	return appendBytes(make([]byte, 0, 4*len(b)+2), b), nil
}

func appendBytes[B ~[]byte | ~string](out []byte, b B) []byte {
	out = append(out, '[')
	for i := range len(b) {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendUint(out, uint64(b[i]), 10)
	}
	return append(out, ']')
}

// UnmarshalJSON reads an array or base64 text.
func (b *ByteArray) UnmarshalJSON(text []byte) error {
	switch {
	case bytes.Equal(text, []byte("null")):
		return nil
	case text[0] == '"':
		var encoded string
		if err := json.Unmarshal(text, &encoded); err != nil {
			return err
		}
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		*b = decoded
		return err
	}
	var numbers []uint16
	if err := json.Unmarshal(text, &numbers); err != nil {
		return err
	}
	*b = make(ByteArray, len(numbers))
	for i, n := range numbers {
		if n > 0xff {
			return &json.UnmarshalTypeError{Value: "number " + strconv.Itoa(int(n)), Type: byteType}
		}
		(*b)[i] = byte(n)
	}
	return nil
}

// millis is a duration whose JSON is a number of whole milliseconds.
type millis time.Duration

func (m millis) MarshalJSON() ([]byte, error) {
	return strconv.AppendInt(nil, Millis(time.Duration(m)), 10), nil
}

func (m *millis) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	var ms json.Number
	if err := json.Unmarshal(text, &ms); err != nil {
		return err
	}
	n, err := ms.Int64()
	if err != nil {
		return &json.UnmarshalTypeError{Value: "number " + ms.String(), Type: millisType}
	}
	*m = millis(durationOfMillis(n))
	return nil
}

var (
	byteType   = reflect.TypeFor[byte]()
	millisType = reflect.TypeFor[time.Duration]()
)
