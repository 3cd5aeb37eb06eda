package messages

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
)

const (
	uuidTextLen   = 36
	uuidSimpleLen = 32
	uuidURNPrefix = "urn:uuid:"
)

// uuidHyphens are the places of the hyphens in the canonical text.
var uuidHyphens = [...]int{8, 13, 18, 23}

// randomBytes draws from the operating system in portions: a read costs more than a hundred identifiers.
type randomBytes struct {
	buffer [1024]byte
	used   int
}

var randomPool = sync.Pool{New: func() any { return &randomBytes{used: len(randomBytes{}.buffer)} }}

// newUUID returns a random UUID, version 4. It may be called by any goroutine.
func newUUID() (id [16]byte) {
	source, ok := randomPool.Get().(*randomBytes)
	if !ok {
		source = &randomBytes{used: len(randomBytes{}.buffer)}
	}
	if source.used == len(source.buffer) {
		_, _ = rand.Read(source.buffer[:]) // Never fails; the runtime ends the program instead.
		source.used = 0
	}
	source.used += copy(id[:], source.buffer[source.used:])
	randomPool.Put(source)
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// appendUUID appends the canonical text.
func appendUUID(out []byte, id [16]byte) []byte {
	var text [uuidTextLen]byte
	putUUID(&text, id)
	return append(out, text[:]...)
}

func uuidText(id [16]byte) string {
	var text [uuidTextLen]byte
	putUUID(&text, id)
	return string(text[:])
}

func putUUID(text *[uuidTextLen]byte, id [16]byte) {
	hex.Encode(text[0:8], id[0:4])
	text[8] = '-'
	hex.Encode(text[9:13], id[4:6])
	text[13] = '-'
	hex.Encode(text[14:18], id[6:8])
	text[18] = '-'
	hex.Encode(text[19:23], id[8:10])
	text[23] = '-'
	hex.Encode(text[24:36], id[10:16])
}

// parseUUID reads the hyphenated form, bare or in braces or behind urn:uuid:, and the 32 digits without hyphens, in any
// letter case and of any version.
func parseUUID(s string) (id [16]byte, ok bool) {
	switch len(s) {
	case uuidTextLen:
		return parseHyphenated(s)
	case uuidTextLen + len("{}"):
		if s[0] != '{' || s[len(s)-1] != '}' {
			return id, false
		}
		return parseHyphenated(s[1 : len(s)-1])
	case len(uuidURNPrefix) + uuidTextLen:
		for i := range len(uuidURNPrefix) {
			if lower(s[i]) != uuidURNPrefix[i] {
				return id, false
			}
		}
		return parseHyphenated(s[len(uuidURNPrefix):])
	case uuidSimpleLen:
		return id, decodeHex(id[:], s)
	}
	return id, false
}

func parseHyphenated(s string) (id [16]byte, ok bool) {
	for _, i := range uuidHyphens {
		if s[i] != '-' {
			return id, false
		}
	}
	ok = decodeHex(id[0:4], s[0:8]) &&
		decodeHex(id[4:6], s[9:13]) &&
		decodeHex(id[6:8], s[14:18]) &&
		decodeHex(id[8:10], s[19:23]) &&
		decodeHex(id[10:16], s[24:36])
	return id, ok
}

// decodeHex fills out from twice as many digits.
func decodeHex(out []byte, digits string) bool {
	for i := range out {
		high, low := hexValue[digits[2*i]], hexValue[digits[2*i+1]]
		if high|low > 0x0f {
			return false
		}
		out[i] = high<<4 | low
	}
	return true
}

// hexValue maps a digit to its value and every other byte to 0xff.
var hexValue = func() (values [256]byte) {
	for i := range values {
		values[i] = 0xff
	}
	for i, digit := range []byte("0123456789abcdef") {
		values[digit] = byte(i)
		values[upper(digit)] = byte(i)
	}
	return values
}()

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}
