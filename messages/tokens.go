package messages

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
)

const (
	tokenFingerprintLen = 16 // hexadecimal digits
	waitpointSecretLen  = 32 // bytes
)

// WaitpointToken is what whoever signals a waitpoint must show: "<kid>:<hex>", the id of a key and, in 64 digits, the
// HMAC-SHA-256 of the execution and the waitpoint under that key. It is printed redacted, under every verb and in
// logs; [WaitpointToken.Reveal] gives the text, and so does its JSON.
type WaitpointToken string

// SignToken makes the token of a message, see [TokenMessage], under a key. The same arguments always give the same
// token.
func SignToken(secret []byte, kid, message string) WaitpointToken {
	return WaitpointToken(kid + ":" + hex.EncodeToString(tokenMAC(secret, kid, message)))
}

// TokenMessage is what the token of a waitpoint signs.
func TokenMessage(execution ExecutionID, waitpoint WaitpointID) string {
	return execution.String() + ":" + waitpoint.String()
}

// VerifyToken checks a token that was presented for a message: that there is one (missing_token), that it has both
// parts (malformed), that it names this key (wrong kid), and that the key gives it (signature mismatch), which it
// compares in constant time. Every error is Validation, invalid_token. Digits in upper case are the same MAC; whoever
// has the text of the token at hand compares it, too.
func VerifyToken(secret []byte, kid, message string, token WaitpointToken) error {
	if token == "" {
		return ValidationError(CodeInvalidToken, "missing_token: a waitpoint token is required")
	}
	presented, digits, ok := token.parts()
	mac, err := hex.DecodeString(digits)
	switch {
	case !ok || err != nil:
		return ValidationError(CodeInvalidToken, "invalid_token: malformed")
	case presented != kid:
		return ValidationError(CodeInvalidToken, "invalid_token: wrong kid")
	case !hmac.Equal(mac, tokenMAC(secret, kid, message)):
		return ValidationError(CodeInvalidToken, "invalid_token: signature mismatch")
	}
	return nil
}

func tokenMAC(secret []byte, kid, message string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(kid + ":" + message)) // A hash never fails to write.
	return mac.Sum(nil)
}

// parts returns what stands before and behind the first colon; ok is false when either is empty.
func (t WaitpointToken) parts() (kid, digits string, ok bool) {
	kid, digits, _ = strings.Cut(string(t), ":")
	return kid, digits, kid != "" && digits != ""
}

// Reveal returns the text of the token, which is a secret.
func (t WaitpointToken) Reveal() string { return string(t) }

// Kid returns the id of the key that signed the token, "" for a malformed one.
func (t WaitpointToken) Kid() string {
	kid, _, ok := t.parts()
	if !ok {
		return ""
	}
	return kid
}

// Fingerprint returns the first 16 digits of the MAC, by which listings tell tokens apart; "" for a malformed token.
func (t WaitpointToken) Fingerprint() string {
	_, digits, ok := t.parts()
	if !ok {
		return ""
	}
	return digits[:min(len(digits), tokenFingerprintLen)]
}

// String returns the token without its secret part.
func (t WaitpointToken) String() string {
	kid, digits, ok := t.parts()
	if !ok {
		return "<REDACTED:malformed>"
	}
	return kid + ":<REDACTED:len=" + strconv.Itoa(len(digits)) + ">"
}

// GoString is String.
func (t WaitpointToken) GoString() string { return t.String() }

// Format writes String, whatever the verb.
func (t WaitpointToken) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(t.String())) }

// LogValue is String.
func (t WaitpointToken) LogValue() slog.Value { return slog.StringValue(t.String()) }

// ValidateKid checks the id of a key: it is not empty and has no colon, which would end it within a token.
func ValidateKid(field, kid string) *Error {
	switch {
	case kid == "":
		return ValidationError(CodeInvalidKid, field+": "+mustNotBeEmpty)
	case strings.Contains(kid, ":"):
		return ValidationError(CodeInvalidKid, field+": must not contain ':'")
	}
	return validateUTF8(field, kid)
}

// ParseSecretHex reads a key: 32 bytes in 64 hexadecimal digits. The error does not repeat the text.
func ParseSecretHex(field, text string) ([]byte, error) {
	secret, err := hex.DecodeString(text)
	if err != nil || len(secret) != waitpointSecretLen {
		return nil, ValidationError(CodeInvalidSecretHex, field+": must be 64 hex characters")
	}
	return secret, nil
}
