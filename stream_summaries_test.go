package ffsqlite_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Summaries of streams: 03 §8.4 and its scenarios 66 to 68.

// patch is a frame that changes the summary.
func patch(text string) messages.Frame {
	return messages.Frame{Bytes: []byte(text), FrameType: "summary_delta", Mode: messages.DurableSummary()}
}

// summary is document and version of the first attempt.
func (e *engine) summary(id messages.ExecutionID) (document string, version uint64) {
	e.t.Helper()
	summary, err := e.ReadSummary(e.t.Context(), id, 0)
	require.NoError(e.t, err)
	require.NotNil(e.t, summary)
	return string(summary.DocumentJSON), summary.Version
}

func TestSpec03_S66_SummaryVersions(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	handle := e.claimed()
	one, two := uint64(1), uint64(2)
	require.Equal(t, &one, e.appended(handle, patch(`{"a":1}`)).SummaryVersion)
	first := e.now()
	e.clock.Advance(time.Second)
	require.Equal(t, &two, e.appended(handle, patch(`{"b":2}`)).SummaryVersion)

	summary, err := e.ReadSummary(t.Context(), id, 0)
	require.NoError(t, err)
	require.Equal(t, &messages.SummaryDocument{
		DocumentJSON: []byte(`{"a":1,"b":2}`), Version: 2, PatchKind: messages.JSONMergePatch,
		FirstAppliedMs: first, LastUpdatedMs: e.now(),
	}, summary)
	require.Equal(t, "2", e.frames(id, 0).Frames[1].Fields["summary_version"])
	require.Equal(t, "summary", e.frames(id, 0).Frames[1].Fields["mode"])
	require.Equal(t, []string{`{"a":1}`, `{"b":2}`}, payloads(e.frames(id, 0)))
}

func TestSpec03_S67_MergePatches(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	handle := e.claimed()
	for _, text := range []string{`{"a":1,"b":2,"c":{"x":1}}`, `{"a":42}`, `{"c":{"x":"__ff_null__"}}`} {
		e.appended(handle, patch(text))
	}
	document, version := e.summary(id)
	require.Equal(t, `{"a":42,"b":2,"c":{"x":null}}`, document)
	require.Equal(t, uint64(3), version)
	e.appended(handle, patch(`{"b":null}`))
	document, _ = e.summary(id)
	require.Equal(t, `{"a":42,"c":{"x":null}}`, document)

	for text, want := range map[string]string{
		`{"l":["__ff_null__",{"k":"__ff_null__"}]}`:                  `{"l":[null,{"k":null}]}`,
		`{"n":{"z":null}}`:                                           `{"n":{}}`,
		`{"v":12345678901234567890,"h":"<&>"}`:                       `{"h":"<&>","v":12345678901234567890}`,
		strings.Repeat(`{"a":`, 16) + "{}" + strings.Repeat("}", 16): strings.Repeat(`{"a":`, 16) + "{}" + strings.Repeat("}", 16),
	} {
		other := e.created()
		e.appended(e.claimed(), patch(text))
		document, _ := e.summary(other)
		require.Equal(t, want, document)
	}

	frames := e.storedFrames("summary")
	for text, detail := range map[string]string{
		`[1]`: "patch must be a JSON object", `5`: "patch must be a JSON object", `null`: "patch must be a JSON object",
		`{bad`: "summary patch not valid JSON: invalid character 'b' looking for beginning of object key string",
		strings.Repeat(`{"a":`, 17) + "{}" + strings.Repeat("}", 17): "patch_depth_exceeded",
	} {
		_, err := e.AppendFrame(t.Context(), handle, patch(text))
		requireInvalid(t, err, detail)
	}
	require.Equal(t, frames, e.storedFrames("summary"))
	_, version = e.summary(id)
	require.Equal(t, uint64(4), version)
}

func TestSpec03_S68_MixedModesAndACorruptSummary(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	handle := e.claimed()
	for _, frame := range []messages.Frame{output("0"), patch(`{"a":1}`), output("1"), patch(`{"b":1}`)} {
		e.appended(handle, frame)
	}
	require.Len(t, e.frames(id, 0).Frames, 4)
	_, version := e.summary(id)
	require.Equal(t, uint64(2), version)

	e.sql.Exec("UPDATE ff_stream_summary SET document_json = '{', patch_kind = NULL")
	before := e.sql.Rows("SELECT * FROM ff_stream_frame")
	_, err := e.AppendFrame(t.Context(), handle, patch(`{"c":1}`))
	requireDetail(t, err, messages.ErrCorruption, "corrupt summary document in ff_stream_summary: unexpected EOF")
	require.Equal(t, before, e.sql.Rows("SELECT * FROM ff_stream_frame"))
	_, err = e.ReadSummary(t.Context(), id, 0)
	requireDetail(t, err, messages.ErrCorruption, "corrupt summary document in ff_stream_summary: unexpected EOF")

	e.sql.Exec(`UPDATE ff_stream_summary SET document_json = '{"z": 1, "a": "<"}', patch_kind = 'of tomorrow'`)
	document, _ := e.summary(id)
	require.Equal(t, `{"a":"<","z":1}`, document)
	summary, err := e.ReadSummary(t.Context(), id, 0)
	require.NoError(t, err)
	require.Equal(t, messages.JSONMergePatch, summary.PatchKind)
}
