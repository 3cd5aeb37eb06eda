package messages_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec01_S14_LaneIDs(t *testing.T) {
	for _, text := range []string{strings.Repeat("a", 64), "~", " ", " a ", "a,b", "default"} {
		lane, err := messages.ParseLaneID(text)
		require.NoError(t, err)
		require.Equal(t, messages.LaneID(text), lane)
		require.Nil(t, lane.Validate())
		requireRoundTrip(t, lane, `"`+text+`"`)
	}
	const nonPrintable = "lane_id contains non-ASCII-printable byte at index "
	for _, test := range []struct {
		text    string
		want    messages.LaneIDError
		message string
	}{
		{"", messages.LaneIDError{Reason: messages.LaneIDEmpty}, "lane_id is empty"},
		{
			strings.Repeat("a", 65),
			messages.LaneIDError{Reason: messages.LaneIDTooLong, N: 65},
			"lane_id exceeds 64 bytes (got 65)",
		},
		{"bad\nlane", messages.LaneIDError{Reason: messages.LaneIDNonPrintable, N: 3}, nonPrintable + "3"},
		{"lane\x00x", messages.LaneIDError{Reason: messages.LaneIDNonPrintable, N: 4}, nonPrintable + "4"},
		{"\tlane", messages.LaneIDError{Reason: messages.LaneIDNonPrintable, N: 0}, nonPrintable + "0"},
		{"ab\x7f", messages.LaneIDError{Reason: messages.LaneIDNonPrintable, N: 2}, nonPrintable + "2"},
		{"lané", messages.LaneIDError{Reason: messages.LaneIDNonPrintable, N: 3}, nonPrintable + "3"},
	} {
		_, err := messages.ParseLaneID(test.text)
		var e *messages.LaneIDError
		require.ErrorAs(t, err, &e)
		require.Equal(t, test.want, *e)
		require.EqualError(t, err, test.message)
		requireInvalid(t, messages.LaneID(test.text).Validate(), messages.CodeInvalidInput, test.message)

		quoted, err := json.Marshal(test.text)
		require.NoError(t, err)
		var lane messages.LaneID
		require.ErrorAs(t, json.Unmarshal(quoted, &lane), &e)
	}
}

func TestSpec01_S17_WorkerIDs(t *testing.T) {
	long := strings.Repeat("w", 256)
	require.Nil(t, messages.WorkerID(long).Validate())
	require.Nil(t, messages.WorkerInstanceID("pool-1/übung").Validate())
	for text, rule := range map[string]string{
		"":            "must not be empty",
		long + "w":    "exceeds 256 bytes (got 257)",
		"a b":         "must not contain whitespace or control characters",
		"a\n":         "must not contain whitespace or control characters",
		"a\u00a0":     "must not contain whitespace or control characters",
		"a\u0085":     "must not contain whitespace or control characters",
		"a\xff":       "must be valid UTF-8",
		"\u2003wide":  "must not contain whitespace or control characters",
		"ends\u0000":  "must not contain whitespace or control characters",
		"in\u2028two": "must not contain whitespace or control characters",
	} {
		requireInvalid(t, messages.WorkerID(text).Validate(), messages.CodeInvalidInput, "worker_id: "+rule)
		requireInvalid(t,
			messages.WorkerInstanceID(text).Validate(), messages.CodeInvalidInput, "worker_instance_id: "+rule)
	}
}

func TestNamespace_Validate(t *testing.T) {
	require.Nil(t, messages.Namespace("tenant one").Validate())
	for text, rule := range map[string]string{
		"":                       "must not be empty",
		strings.Repeat("n", 257): "exceeds 256 bytes (got 257)",
		"a\x01":                  "must not contain control characters",
		"a\xff":                  "must be valid UTF-8",
	} {
		requireInvalid(t, messages.Namespace(text).Validate(), messages.CodeInvalidInput, "namespace: "+rule)
	}
}

func TestSpec01_S80_TagKeys(t *testing.T) {
	for _, key := range []string{"cairn.session_id", "a.b", "a1_2.x", "app.sub.field", "x.y_z"} {
		require.Nil(t, messages.ValidateTagKey(key), key)
	}
	for _, key := range []string{
		"", "Cairn.x", "1cairn.x", "cairn", "cairn.", "cairn..x", ".cairn", "cair n.x", "ca-irn.x", "cairn.Foo",
		"cairn.foo bar", `cairn.foo"bar`, "cairn.foo-bar", `cairn.foo\bar`, "cairn.x\n",
	} {
		detail := `invalid tag key: "` + key + `" (must match ^[a-z][a-z0-9_]*\.[a-z0-9_][a-z0-9_.]*$)`
		requireInvalid(t, messages.ValidateTagKey(key), messages.CodeInvalidTagKey, detail)

		args := createArgs(t)
		args.Tags = map[string]string{"a.b": "1", key: "2"}
		requireInvalid(t, args.Validate(), messages.CodeInvalidTagKey, detail)
	}
	require.Nil(t, messages.ValidateTagKey("a."+strings.Repeat("b", 254)))
	requireInvalid(t, messages.ValidateTagKey("a."+strings.Repeat("b", 255)), messages.CodeInvalidTagKey,
		"invalid tag key: exceeds 256 bytes (got 257)")
}

func TestSpec01_S82_CancelSourceIsKept(t *testing.T) {
	requireRoundTrip(t, messages.CancelSource("billing_job"), `"billing_job"`)
	require.Equal(t, "billing_job", messages.CancelSource("billing_job").String())
	require.Equal(t, "operator_override", messages.CancelSource("").String())
}
