package messages_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec01_S76_StreamCursors(t *testing.T) {
	for _, text := range []string{"start", "end", "1", "1-2", "0-0", "007-1", "18446744073709551615-0"} {
		cursor, err := messages.ParseStreamCursor(text)
		require.NoError(t, err)
		require.Equal(t, messages.StreamCursor(text), cursor)
		require.Equal(t, cursor, decoded[messages.StreamCursor](t, `"`+text+`"`))
	}
	const malformed = "' (expected 'start', 'end', '<ms>', or '<ms>-<seq>')"
	for text, want := range map[string]*messages.StreamCursorError{
		"":  {Reason: messages.StreamCursorEmpty},
		"-": {Reason: messages.StreamCursorBareMarker, Input: "-"},
		"+": {Reason: messages.StreamCursorBareMarker, Input: "+"},
	} {
		_, err := messages.ParseStreamCursor(text)
		require.Equal(t, want, err)
		require.ErrorIs(t, err, messages.ErrInvalidInput)
	}
	for _, text := range []string{
		"abc", "-1", "1-", "-1-2", "1-2-3", "1.2", "1 2", "Start", "END", "+1", "1-+2", "18446744073709551616", "1-x",
		"1-18446744073709551616", "٣",
	} {
		_, err := messages.ParseStreamCursor(text)
		require.Equal(t, &messages.StreamCursorError{Reason: messages.StreamCursorMalformed, Input: text}, err)
		require.EqualError(t, err, "invalid stream cursor '"+text+malformed)
		require.Error(t, json.Unmarshal([]byte(`"`+text+`"`), new(messages.StreamCursor)))
	}
	_, err := messages.ParseStreamCursor("")
	require.EqualError(t, err, "stream cursor must not be empty")
	_, err = messages.ParseStreamCursor("-")
	require.EqualError(t, err, "bare marker '-' is not a valid stream cursor; use 'start' or 'end'")
}

func TestStreamCursor_Frame(t *testing.T) {
	for _, test := range []struct {
		cursor  messages.StreamCursor
		last    bool
		ms, seq int64
	}{
		{messages.StreamStart, false, math.MinInt64, math.MinInt64},
		{messages.StreamEnd, true, math.MaxInt64, math.MaxInt64},
		{messages.StreamFromBeginning, false, 0, 0},
		{"5-7", true, 5, 7},
		{"5", false, 5, 0},
		{"5", true, 5, math.MaxInt64},
	} {
		ms, seq, err := test.cursor.Frame(test.last)
		require.Nil(t, err)
		require.Equal(t, []int64{test.ms, test.seq}, []int64{ms, seq}, test.cursor)
	}
	for cursor, detail := range map[messages.StreamCursor]string{
		"9223372036854775808":   "bad stream cursor '9223372036854775808' (ms)",
		"1-9223372036854775808": "bad stream cursor '1-9223372036854775808' (seq)",
		"":                      "stream cursor must not be empty",
	} {
		_, _, err := cursor.Frame(false)
		requireInvalid(t, err, messages.CodeInvalidInput, detail)
	}
}

func TestSpec01_S77_StreamReadArgs(t *testing.T) {
	id := executionID(t, idA)
	type tail = messages.TailStreamArgs
	requireDetails(t, func() tail { return tail{ExecutionID: id, After: "0-0", Count: 1} }, []invalid[tail]{
		{"execution_id: must not be empty", func(a *tail) { a.ExecutionID = messages.ExecutionID{} }},
		{"after: tail_stream requires concrete after cursor", func(a *tail) { a.After = messages.StreamStart }},
		{"after: tail_stream requires concrete after cursor", func(a *tail) { a.After = messages.StreamEnd }},
		{"after: stream cursor must not be empty", func(a *tail) { a.After = "" }},
		{"bad stream cursor '9223372036854775808' (ms)", func(a *tail) { a.After = "9223372036854775808" }},
		{"block_ms: must not be negative", func(a *tail) { a.Block = -1 }},
		{"count: must be >= 1", func(a *tail) { a.Count = 0 }},
		{"count: must be >= 1", func(a *tail) { a.Count = -1 }},
		{`visibility: unknown visibility "x"`, func(a *tail) { a.Visibility = "x" }},
	})
	type read = messages.ReadStreamArgs
	requireDetails(t, func() read { return read{ExecutionID: id, From: "start", To: "end", Count: 1} }, []invalid[read]{
		{"execution_id: must not be empty", func(a *read) { a.ExecutionID = messages.ExecutionID{} }},
		{"from: stream cursor must not be empty", func(a *read) { a.From = "" }},
		{"to: bare marker '+' is not a valid stream cursor; use 'start' or 'end'", func(a *read) { a.To = "+" }},
		{"bad stream cursor '1-9223372036854775808' (seq)", func(a *read) { a.To = "1-9223372036854775808" }},
		{"count: must be >= 1", func(a *read) { a.Count = 0 }},
	})
}

func TestAppendFrameArgs_Validate(t *testing.T) {
	type args = messages.AppendFrameArgs
	fine := func() args {
		return args{Handle: handle(t), Frame: messages.Frame{Bytes: make([]byte, messages.MaxFrameBytes)}}
	}
	best := func(ttl time.Duration) messages.StreamMode {
		return messages.BestEffortLive(messages.BestEffortLiveConfig{TTL: ttl})
	}
	requireDetails(t, fine, []invalid[args]{
		{"frame_type: must be valid UTF-8", func(a *args) { a.Frame.FrameType = "\xff" }},
		{"correlation_id: must be valid UTF-8", func(a *args) { a.Frame.CorrelationID = "\xff" }},
		{`mode: unknown mode "x"`, func(a *args) { a.Frame.Mode.Kind = "x" }},
		{"ttl_ms: must be > 0", func(a *args) { a.Frame.Mode = best(0) }},
		{"ttl_ms: must be > 0", func(a *args) { a.Frame.Mode = best(-time.Second) }},
		{"ttl_ms: exceeds u32::MAX (4294967296)", func(a *args) { a.Frame.Mode = best(4294967296 * time.Millisecond) }},
		{`patch_kind: unknown kind "x"`, func(a *args) { a.Frame.Mode = messages.StreamMode{Kind: "summary", PatchKind: "x"} }},
		{"patch must be a JSON object", func(a *args) {
			a.Frame.Bytes, a.Frame.Mode = []byte("5"), messages.StreamMode{Kind: messages.StreamSummary}
		}},
	})
	long := fine()
	long.Frame.Bytes = make([]byte, messages.MaxFrameBytes+1)
	requireInvalid(t, long.Validate(), messages.CodeRetentionLimitExceeded, "frame: exceeds 65536 bytes (got 65537)")
	long.Handle.Kind = messages.HandleSuspended
	require.ErrorIs(t, long.Validate(), messages.ErrRetentionLimitExceeded, "the size comes before the fence")
}

func TestSpec01_S79_BestEffortConfig(t *testing.T) {
	second := messages.BestEffortLiveConfig{TTL: time.Second}
	want := messages.BestEffortLiveConfig{TTL: time.Second, MaxLenFloor: 64, MaxLenCeiling: 16_384, EMAAlpha: 0.2}
	require.Equal(t, want, second.Normalize())
	for _, alpha := range []float64{0, -1, 1.5, math.NaN(), math.Inf(1)} {
		second.EMAAlpha = alpha
		require.Equal(t, want, second.Normalize())
	}
	second.EMAAlpha = 1
	require.Equal(t, 1.0, second.Normalize().EMAAlpha)
	second.MaxLenCeiling = 10
	require.Equal(t, uint32(64), second.Normalize().MaxLenCeiling)
}

func TestFrame_Type(t *testing.T) {
	for kind, want := range map[messages.FrameKind]string{
		"stdout": "stdout", "stderr": "stderr", "event": "event", "blob": "blob", "": "event", "of tomorrow": "event",
	} {
		require.Equal(t, want, (&messages.Frame{Kind: kind}).Type())
	}
	require.Equal(t, "token", (&messages.Frame{Kind: messages.FrameBlob, FrameType: "token"}).Type())
}

func TestMergePatch(t *testing.T) {
	for _, test := range []struct{ document, patch, want string }{
		{``, `{"b":2,"a":1}`, `{"a":1,"b":2}`},
		{`{"a":1,"b":2,"c":{"x":1}}`, `{"a":42}`, `{"a":42,"b":2,"c":{"x":1}}`},
		{`{"c":{"x":1,"y":2}}`, `{"c":{"x":"__ff_null__"}}`, `{"c":{"x":null,"y":2}}`},
		{`{"b":1}`, `{"b":null,"c":null}`, `{}`},
		{`{}`, `{"l":["__ff_null__",{"k":"__ff_null__","n":null},["__ff_null__"]]}`, `{"l":[null,{"k":null,"n":null},[null]]}`},
		{`{"n":7}`, `{"n":{"z":null}}`, `{"n":{}}`},
		{`[1]`, `{"a":1}`, `{"a":1}`},
		{
			`{}`, `{"v":12345678901234567890,"w":1.50e+3,"h":"<&>","u":"\u2028\u0001\"\\\n"}`,
			`{"h":"<&>","u":"` + "\u2028" + `\u0001\"\\\n","v":12345678901234567890,"w":1.50e+3}`,
		},
		{`{}`, ` { "a" : [ true , false , {} , [] ] } `, `{"a":[true,false,{},[]]}`},
		{`{}`, `{"a":1,"a":2}`, `{"a":2}`},
		{`{}`, `{"é":1,"z":2,"Z":3}`, `{"Z":3,"z":2,"é":1}`},
	} {
		merged, err := messages.MergePatch(test.document, []byte(test.patch))
		require.NoError(t, err, test.patch)
		require.Equal(t, test.want, string(merged))
		again, err := messages.NormalizeSummary(string(merged))
		require.NoError(t, err)
		require.Equal(t, merged, again)
	}
}

// nestedObjects is an object with so many objects below it.
func nestedObjects(depth int) string {
	return strings.Repeat(`{"a":`, depth) + `{}` + strings.Repeat(`}`, depth)
}

func TestMergePatch_Refusals(t *testing.T) {
	for patch, detail := range map[string]string{
		`[1]`: "patch must be a JSON object", `5`: "patch must be a JSON object", `null`: "patch must be a JSON object",
		`{bad`:                              "summary patch not valid JSON: invalid character 'b' looking for beginning of object key string",
		``:                                  "summary patch not valid JSON: unexpected EOF",
		`{"a":`:                             "summary patch not valid JSON: unexpected EOF",
		`{} {}`:                             "summary patch not valid JSON: data behind the value",
		"{\"a\":\"\xff\"}":                  "summary patch not valid JSON: invalid UTF-8",
		nestedObjects(17):                   "patch_depth_exceeded",
		`{"l":[` + nestedObjects(16) + `]}`: "patch_depth_exceeded",
		`{"l":` + strings.Repeat("[", 1e5):  "summary patch not valid JSON: invalid character '[' exceeded max depth",
	} {
		_, err := messages.MergePatch("", []byte(patch))
		requireInvalid(t, err, messages.CodeInvalidInput, detail)
	}
	for _, patch := range []string{nestedObjects(16), `{"l":[` + nestedObjects(15) + `]}`} {
		merged, err := messages.MergePatch("", []byte(patch))
		require.NoError(t, err)
		require.Equal(t, patch, string(merged))
	}
	for _, broken := range []string{"{", "{} x"} {
		_, err := messages.MergePatch(broken, []byte(`{}`))
		require.ErrorIs(t, err, messages.ErrCorruption)
		require.ErrorContains(t, err, "corrupt summary document in ff_stream_summary: ")
		_, err = messages.NormalizeSummary(broken)
		require.ErrorIs(t, err, messages.ErrCorruption)
	}
}

func TestStreams_JSON(t *testing.T) {
	id := executionID(t, idA)
	held := messages.Handle{Backend: messages.BackendSqlite, Kind: messages.HandleFresh, Opaque: "\x02"}
	requireRoundTrip(t,
		messages.AppendFrameArgs{Handle: held, Frame: messages.Frame{Bytes: []byte{1, 255}, Kind: messages.FrameStdout}},
		`{"handle":{"backend":"Sqlite","kind":"Fresh","opaque":[2]},"frame":{"bytes":[1,255],"kind":"stdout"}}`)
	requireRoundTrip(t,
		messages.Frame{
			Bytes: []byte{}, Kind: messages.FrameEvent, Seq: pointer(uint64(7)), FrameType: "t", CorrelationID: "c",
			Mode: messages.BestEffortLive(messages.BestEffortLiveConfig{
				TTL: time.Second, MaxLenFloor: 1, MaxLenCeiling: 2, EMAAlpha: 0.5,
			}),
		},
		`{"bytes":[],"kind":"event","seq":7,"frame_type":"t","correlation_id":"c","mode":{"kind":"best_effort",
			"config":{"ttl_ms":1000,"maxlen_floor":1,"maxlen_ceiling":2,"ema_alpha":0.5}}}`)
	requireRoundTrip(t, messages.DurableSummary(), `{"kind":"summary","patch_kind":"json-merge-patch"}`)
	requireRoundTrip(t, messages.Durable(), `{"kind":"durable"}`)
	requireRoundTrip(t,
		messages.ReadStreamArgs{ExecutionID: id, AttemptIndex: 1, From: "start", To: "5-1", Count: 10},
		`{"execution_id":"`+idA+`","attempt_index":1,"from":"start","to":"5-1","count":10}`)
	requireRoundTrip(t,
		messages.TailStreamArgs{
			ExecutionID: id, AttemptIndex: 1, After: "0-0", Block: time.Second, Count: 10,
			Visibility: messages.TailExcludeBestEffort,
		},
		`{"execution_id":"`+idA+`","attempt_index":1,"after":"0-0","block_ms":1000,"count":10,
			"visibility":"exclude_best_effort"}`)
	requireRoundTrip(t, messages.ReadSummaryArgs{ExecutionID: id}, `{"execution_id":"`+idA+`","attempt_index":0}`)
	requireRoundTrip(t, messages.AppendFrameOutcome{StreamID: "1-0", FrameCount: 3, SummaryVersion: pointer(uint64(2))},
		`{"stream_id":"1-0","frame_count":3,"summary_version":2}`)
	requireRoundTrip(t,
		messages.StreamFrames{
			Frames:   []messages.StreamFrame{{ID: "1-0", Fields: map[string]string{"payload": "x"}}},
			ClosedAt: 5, ClosedReason: messages.StreamAttemptSuccess,
		},
		`{"frames":[{"id":"1-0","fields":{"payload":"x"}}],"closed_at":5,"closed_reason":"attempt_success"}`)
	requireRoundTrip(t, messages.StreamFrames{Frames: []messages.StreamFrame{}}, `{"frames":[]}`)
	requireRoundTrip(t,
		messages.SummaryDocument{
			DocumentJSON: []byte("{}"), Version: 1, PatchKind: messages.JSONMergePatch, LastUpdatedMs: 2, FirstAppliedMs: 1,
		},
		`{"document_json":[123,125],"version":1,"patch_kind":"json-merge-patch","last_updated_ms":2,"first_applied_ms":1}`)
	for _, test := range []struct {
		into any
		text string
	}{
		{new(messages.Frame), `{"bytes":7}`},
		{new(messages.StreamMode), `{"config":{"ttl_ms":"x"}}`},
		{new(messages.TailStreamArgs), `{"after":"x"}`},
		{new(messages.SummaryDocument), `{"document_json":{}}`},
	} {
		require.Error(t, json.Unmarshal([]byte(test.text), test.into), test.text)
	}
}
