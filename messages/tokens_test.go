package messages_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// tokenVectors are those of the token format.
func tokenVectors(tb testing.TB) []struct {
	secret       []byte
	kid, message string
	token        messages.WaitpointToken
} {
	tb.Helper()
	cafebabe := fromHex(tb, strings.Repeat("cafebabe", 8))
	return []struct {
		secret       []byte
		kid, message string
		token        messages.WaitpointToken
	}{
		{
			[]byte("super-secret-key"), "kid1", "exec-id:wp-id",
			"kid1:862136de19c398ae13349825232b23d111d595dafafb9dc95558016eed618d36",
		},
		{[]byte("k"), "kid", "msg", "kid:4a557c9c2cbc8f3d8c2483124ea4403cf609c078e9a1a006c7649af5c4fdbf20"},
		{
			cafebabe, "kid-test", messages.TokenMessage(executionID(tb, "{fp:0}:"+uuidA), uuid(tb, uuidB)),
			"kid-test:00335bd65a974e0e7fa01817081c5038d4e2249136f87f63cac69502bea6630c",
		},
		{
			cafebabe, "kid-test", messages.TokenMessage(executionID(tb, "{fp:0}:"+uuidB), uuid(tb, uuidC)),
			"kid-test:e60e8e85b4627a8bba2d07d18dae7796ccb4ddf80a70bc6280be0bcf1e97c3b1",
		},
	}
}

func TestSpec01_S63_Tokens(t *testing.T) {
	require.Equal(t, "{fp:0}:"+uuidA+":"+uuidB, messages.TokenMessage(executionID(t, "{fp:0}:"+uuidA), uuid(t, uuidB)))
	for _, v := range tokenVectors(t) {
		require.Equal(t, v.token, messages.SignToken(v.secret, v.kid, v.message))
		require.Equal(t, v.token, messages.SignToken(v.secret, v.kid, v.message))
		require.NoError(t, messages.VerifyToken(v.secret, v.kid, v.message, v.token))
		requireInvalid(t, messages.VerifyToken(v.secret, v.kid, v.message+"x", v.token), messages.CodeInvalidToken,
			"invalid_token: signature mismatch")
		requireInvalid(t, messages.VerifyToken(append(v.secret, 0xff), v.kid, v.message, v.token),
			messages.CodeInvalidToken, "invalid_token: signature mismatch")
		requireInvalid(t, messages.VerifyToken(v.secret, "other", v.message, v.token), messages.CodeInvalidToken,
			"invalid_token: wrong kid")
	}
	for token, detail := range map[messages.WaitpointToken]string{
		"nocolon": "invalid_token: malformed", "kid:zz": "invalid_token: malformed", ":00": "invalid_token: malformed",
		"kid:": "invalid_token: malformed", "kid:a:b": "invalid_token: malformed", "kid:000": "invalid_token: malformed",
		"other:zz": "invalid_token: malformed", "kid:00": "invalid_token: signature mismatch",
		"": "missing_token: a waitpoint token is required",
	} {
		requireInvalid(t, messages.VerifyToken([]byte("k"), "kid", "msg", token), messages.CodeInvalidToken, detail)
	}
}

func TestSpec01_S18_TokensAreRedacted(t *testing.T) {
	for token, want := range map[messages.WaitpointToken]string{
		"kid1:deadbeef": "kid1:<REDACTED:len=8>",
		"kid1:a:b":      "kid1:<REDACTED:len=3>",
		"nocolon":       "<REDACTED:malformed>",
		":x":            "<REDACTED:malformed>",
		"x:":            "<REDACTED:malformed>",
		"":              "<REDACTED:malformed>",
	} {
		for _, verb := range []string{"%v", "%s", "%+v", "%#v", "%q", "%x", "%d", "%T is not printed: %[1]v"} {
			printed := fmt.Sprintf(verb, token)
			require.Contains(t, printed, want, verb)
			if kid, secret, found := strings.Cut(string(token), ":"); found && kid != "" && secret != "" {
				require.NotContains(t, printed, secret+">")
				require.NotContains(t, printed, ":"+secret)
			}
		}
		require.Equal(t, want, token.String())
		require.Equal(t, string(token), token.Reveal())
	}
	details := messages.SuspendDetails{WaitpointToken: "kid1:deadbeef"}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", details, details, details), "deadbeef")

	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("m", "token", messages.WaitpointToken("kid1:deadbeef"))
	require.NotContains(t, logged.String(), "deadbeef")
	requireRoundTrip(t, messages.WaitpointToken("kid1:deadbeef"), `"kid1:deadbeef"`)
}

func TestWaitpointToken_Listing(t *testing.T) {
	for _, v := range tokenVectors(t) {
		require.Equal(t, v.kid, v.token.Kid())
		require.Equal(t, v.token.Reveal()[len(v.kid)+1:][:16], v.token.Fingerprint())
	}
	require.Equal(t, "dead", messages.WaitpointToken("k:dead").Fingerprint())
	for _, malformed := range []messages.WaitpointToken{"", "nocolon", ":x", "x:"} {
		require.Empty(t, malformed.Kid())
		require.Empty(t, malformed.Fingerprint())
	}
}

// The part of scenario 64 that needs no database.
func TestSpec01_S64_KeysAreValidated(t *testing.T) {
	good := strings.Repeat("cafebabe", 8)
	secret, err := messages.ParseSecretHex("secret_hex", good)
	require.NoError(t, err)
	require.Equal(t, fromHex(t, good), secret)
	secret, err = messages.ParseSecretHex("secret_hex", strings.ToUpper(good))
	require.NoError(t, err)
	require.Equal(t, fromHex(t, good), secret)
	for _, bad := range []string{"", good[:63], good + "0", good + "00", good[:62], good[:63] + "g"} {
		_, err := messages.ParseSecretHex("secret_hex", bad)
		requireInvalid(t, err, messages.CodeInvalidSecretHex, "secret_hex: must be 64 hex characters")
	}
	require.Nil(t, messages.ValidateKid("kid", "kid1"))
	for kid, detail := range map[string]string{"": "kid: must not be empty", "a:b": "kid: must not contain ':'"} {
		requireInvalid(t, messages.ValidateKid("kid", kid), messages.CodeInvalidKid, detail)
	}
	requireInvalid(t, messages.ValidateKid("kid", "\xff"), messages.CodeInvalidInput, "kid: must be valid UTF-8")
}

func TestSpec01_S66_TheTokenOfAnotherWaitpoint(t *testing.T) {
	secret := fromHex(t, strings.Repeat("cafebabe", 8))
	execution := executionID(t, "{fp:7}:"+uuidA)
	a := messages.TokenMessage(execution, messages.NewWaitpointID())
	b := messages.TokenMessage(execution, messages.NewWaitpointID())
	token := messages.SignToken(secret, "kid1", a)
	require.NoError(t, messages.VerifyToken(secret, "kid1", a, token))
	requireInvalid(t, messages.VerifyToken(secret, "kid1", b, token), messages.CodeInvalidToken,
		"invalid_token: signature mismatch")
}

func FuzzVerifyToken(f *testing.F) {
	for _, v := range tokenVectors(f) {
		f.Add(v.secret, v.kid, v.message, string(v.token))
	}
	f.Fuzz(func(t *testing.T, secret []byte, kid, message, text string) {
		token := messages.WaitpointToken(text)
		if err := messages.VerifyToken(secret, kid, message, token); err != nil {
			require.ErrorIs(t, err, messages.ErrInvalidToken)
		} else {
			require.Equal(t, messages.SignToken(secret, kid, message).Reveal(), kid+":"+strings.ToLower(text[len(kid)+1:]))
		}
		if token.Kid() == "" {
			require.Equal(t, "<REDACTED:malformed>", token.String())
		} else {
			require.Equal(t, fmt.Sprintf("%s:<REDACTED:len=%d>", token.Kid(), len(text)-len(token.Kid())-1), token.String())
		}
		if messages.ValidateKid("kid", kid) == nil {
			require.NoError(t, messages.VerifyToken(secret, kid, message, messages.SignToken(secret, kid, message)))
		}
	})
}
