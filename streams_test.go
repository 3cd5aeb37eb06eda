package ffsqlite_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// Appending to streams: 03 §8.1 to §8.5 and its scenarios 65 to 75.

// output is a durable frame of standard output.
func output(text string) messages.Frame {
	return messages.Frame{Bytes: []byte(text), Kind: messages.FrameStdout}
}

// patch is a frame that changes the summary.
func patch(text string) messages.Frame {
	return messages.Frame{Bytes: []byte(text), FrameType: "summary_delta", Mode: messages.DurableSummary()}
}

// live is a best-effort frame.
func live(ttl time.Duration, change ...func(*messages.BestEffortLiveConfig)) messages.Frame {
	config := messages.BestEffortLiveConfig{TTL: ttl}
	for _, c := range change {
		c(&config)
	}
	return messages.Frame{Bytes: []byte("live"), Mode: messages.BestEffortLive(config)}
}

func capped(floor, ceiling uint32) func(*messages.BestEffortLiveConfig) {
	return func(c *messages.BestEffortLiveConfig) { c.MaxLenFloor, c.MaxLenCeiling = floor, ceiling }
}

// appended appends a frame, which must be accepted.
func (e *engine) appended(handle messages.Handle, frame messages.Frame) messages.AppendFrameOutcome {
	e.t.Helper()
	outcome, err := e.AppendFrame(e.t.Context(), handle, frame)
	require.NoError(e.t, err)
	return outcome
}

// frames reads the whole stream of an attempt.
func (e *engine) frames(id messages.ExecutionID, attempt messages.AttemptIndex) messages.StreamFrames {
	e.t.Helper()
	page, err := e.ReadStream(e.t.Context(), messages.ReadStreamArgs{
		ExecutionID: id, AttemptIndex: attempt, From: messages.StreamStart, To: messages.StreamEnd, Count: 10_000,
	})
	require.NoError(e.t, err)
	return page
}

// payloads are the payloads of a page.
func payloads(page messages.StreamFrames) []string {
	texts := []string{}
	for _, frame := range page.Frames {
		texts = append(texts, frame.Fields["payload"])
	}
	return texts
}

// stored frames of one mode, in all streams.
func (e *engine) storedFrames(mode string) int64 {
	e.t.Helper()
	return e.sql.Int("SELECT count(*) FROM ff_stream_frame WHERE mode = ?1", mode)
}

// summary is document and version of the first attempt.
func (e *engine) summary(id messages.ExecutionID) (document string, version uint64) {
	e.t.Helper()
	summary, err := e.ReadSummary(e.t.Context(), id, 0)
	require.NoError(e.t, err)
	require.NotNil(e.t, summary)
	return string(summary.DocumentJSON), summary.Version
}

// meta is one column of the only row of ff_stream_meta.
func (e *engine) meta(expression string) float64 {
	e.t.Helper()
	value, err := strconv.ParseFloat(e.sql.Text("SELECT CAST("+expression+" AS TEXT) FROM ff_stream_meta"), 64)
	require.NoError(e.t, err)
	return value
}

func TestSpec03_S65_DurableFrames(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	handle := e.claimed()
	before := e.vector(id) + e.raw(id, "last_mutation_at") + e.attemptVector(id, 0)
	e.clock.Advance(time.Second)

	first := e.appended(handle, output("one"))
	second := e.appended(handle, messages.Frame{
		Bytes: []byte("two \"quoted\"\n\x00"), Kind: messages.FrameStdout, FrameType: "token", CorrelationID: "c-1",
		Seq: new(uint64),
	})
	ms := strconv.FormatInt(int64(e.now()), 10)
	require.Equal(t, messages.AppendFrameOutcome{StreamID: ms + "-0", FrameCount: 1}, first)
	require.Equal(t, messages.AppendFrameOutcome{StreamID: ms + "-1", FrameCount: 2}, second)
	require.Equal(t, []messages.StreamFrame{
		{ID: ms + "-0", Fields: map[string]string{
			"frame_type": "stdout", "payload": "one", "encoding": "utf8", "source": "worker", "ts": ms, "mode": "durable",
		}},
		{ID: ms + "-1", Fields: map[string]string{
			"frame_type": "token", "payload": "two \"quoted\"\n\x00", "encoding": "utf8", "source": "worker", "ts": ms,
			"mode": "durable", "correlation_id": "c-1",
		}},
	}, e.frames(id, 0).Frames)
	require.Equal(t, [][]string{{
		`{"encoding":"utf8","frame_type":"stdout","mode":"durable","payload":"one","source":"worker","ts":"` + ms + `"}`,
		"durable", ms,
	}}, e.sql.Rows("SELECT fields, mode, created_at_ms FROM ff_stream_frame WHERE seq = 0"))
	require.Equal(t, before, e.vector(id)+e.raw(id, "last_mutation_at")+e.attemptVector(id, 0),
		"an append leaves execution and attempt alone")
	e.consistent()
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

func TestSpec03_S69_PayloadsOfEverySizeAndEncoding(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	handle := e.claimed()
	e.appended(handle, output(strings.Repeat("x", messages.MaxFrameBytes)))
	_, err := e.AppendFrame(t.Context(), handle, output(strings.Repeat("x", messages.MaxFrameBytes+1)))
	require.ErrorIs(t, err, messages.ErrRetentionLimitExceeded)

	e.appended(handle, output("\xff\xfe"))
	e.appended(handle, messages.Frame{})
	frames := e.frames(id, 0).Frames
	require.Len(t, frames, 3)
	require.Len(t, frames[0].Fields["payload"], messages.MaxFrameBytes)
	require.Equal(t, "base64", frames[1].Fields["encoding"])
	decoded, err := base64.StdEncoding.DecodeString(frames[1].Fields["payload"])
	require.NoError(t, err)
	require.Equal(t, []byte{0xff, 0xfe}, decoded)
	require.Equal(t, "event", frames[2].Fields["frame_type"], "what no kind is given")
}

func TestSpec03_S70_WhoMayNotAppend(t *testing.T) {
	t.Parallel()
	e := open(t)
	refusedAppend := func(handle messages.Handle, target error) {
		t.Helper()
		const frames = "SELECT *, (SELECT count(*) FROM ff_stream_meta) FROM ff_stream_frame"
		before := e.sql.Rows(frames)
		_, err := e.AppendFrame(t.Context(), handle, output("late"))
		require.ErrorIs(t, err, target)
		require.Equal(t, before, e.sql.Rows(frames))
	}
	e.created()
	handle := e.claimed()
	e.appended(handle, output("in time"))
	refusedAppend(forged(t, handle, func(p *messages.HandlePayload) { p.LeaseEpoch++ }), messages.ErrLeaseConflict)
	require.NoError(t, e.Complete(t.Context(), handle, nil))
	refusedAppend(handle, messages.ErrStreamClosed)

	id := e.created()
	handle = e.claimed()
	e.patchAttempt(id, 0, fmt.Sprintf("lease_expires_at_ms = %d", e.now()))
	refusedAppend(handle, messages.ErrStaleOwnerCannotAppend)
	e.patch(id, "ownership_state = 'lease_revoked'")
	e.patchAttempt(id, 0, fmt.Sprintf("lease_expires_at_ms = %d", e.now()+1000))
	refusedAppend(handle, messages.ErrStaleOwnerCannotAppend)
	e.patch(id, "ownership_state = 'lease_expired_reclaimable'")
	refusedAppend(handle, messages.ErrStaleOwnerCannotAppend)
	e.patch(id, "lifecycle_phase = 'suspended'")
	refusedAppend(handle, messages.ErrStreamClosed)

	handle.Kind = messages.HandleSuspended
	refusedAppend(handle, messages.ErrLeaseConflict)
	gone := forged(t, handle, func(p *messages.HandlePayload) { p.ExecutionID = newID() })
	refusedAppend(gone, messages.ErrAttemptNotFound)
	e.sql.Exec("DELETE FROM ff_exec_core")
	handle.Kind = messages.HandleFresh
	refusedAppend(handle, messages.ErrExecutionNotFound)
}

func TestSpec03_S71_TheClockStepsBack(t *testing.T) {
	t.Parallel()
	path := "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "steps.db"))
	e := openAt(t, path)
	id := e.created()
	handle := e.claimed()
	first := e.appended(handle, output("before"))
	e.clock.Set(e.clock.Now().Add(-10 * time.Second))
	second := e.appended(handle, output("after"))
	require.NoError(t, e.Close())

	// Nor does an engine that never saw the later time put a frame in front of it.
	reopened := openAt(t, path)
	reopened.clock.Set(epoch.Add(-10 * time.Second))
	require.NoError(t, reopened.Close())
	earlier := clock.NewManual(epoch.Add(-10 * time.Second))
	b, err := ffsqlite.Open(t.Context(), path, ffsqlite.WithoutDevModeGuard(), ffsqlite.WithClock(earlier), quiet())
	require.NoError(t, err)
	defer func() { require.NoError(t, b.Close()) }()
	third, err := b.AppendFrame(t.Context(), handle, output("reopened"))
	require.NoError(t, err)

	ms := strconv.FormatInt(epoch.UnixMilli(), 10)
	require.Equal(t, []string{ms + "-0", ms + "-1", ms + "-2"}, []string{first.StreamID, second.StreamID, third.StreamID})
	page, err := b.TailStream(t.Context(), messages.TailStreamArgs{
		ExecutionID: id, After: messages.StreamCursor(first.StreamID), Count: 10,
	})
	require.NoError(t, err)
	require.Equal(t, []string{"after", "reopened"}, payloads(page))
	require.Equal(t, fmt.Sprint(earlier.Now().UnixMilli()),
		fftest.OpenSQL(t, b.DataSource()).Text("SELECT created_at_ms FROM ff_stream_frame WHERE seq = 2"))
}

func TestSpec03_S72_TheCapFollowsTheRate(t *testing.T) {
	t.Parallel()
	t.Run("fast", func(t *testing.T) {
		e := open(t)
		e.created()
		handle := e.claimed()
		var kept uint64
		for range 100 {
			kept = e.appended(handle, live(time.Minute)).FrameCount
			e.clock.Advance(time.Millisecond)
		}
		require.GreaterOrEqual(t, kept, uint64(64))
		require.LessOrEqual(t, kept, uint64(100))
		require.Positive(t, e.meta("ema_rate_hz"))
		require.GreaterOrEqual(t, e.meta("maxlen_applied_last"), 64.0)
		require.Equal(t, int64(kept), e.storedFrames("best_effort"))
		e.consistent()
	})
	t.Run("pegged at the ceiling", func(t *testing.T) {
		e := open(t)
		e.created()
		handle := e.claimed()
		for range 600 {
			e.appended(handle, live(time.Minute, capped(0, 256)))
			e.clock.Advance(time.Millisecond)
		}
		require.Equal(t, 256.0, e.meta("maxlen_applied_last"))
		require.Equal(t, int64(256), e.storedFrames("best_effort"))
		e.consistent()
	})
	t.Run("a pause", func(t *testing.T) {
		e := open(t)
		e.created()
		handle := e.claimed()
		for range 100 {
			e.appended(handle, live(time.Minute))
			e.clock.Advance(time.Millisecond)
		}
		burst := e.meta("ema_rate_hz")
		e.clock.Advance(2 * time.Second)
		e.appended(handle, live(time.Minute))
		require.Less(t, e.meta("ema_rate_hz"), burst)
	})
	t.Run("in one millisecond", func(t *testing.T) {
		e := open(t)
		e.created()
		handle := e.claimed()
		before := 0.0
		for i := range 100 {
			e.appended(handle, live(time.Minute))
			rate := e.meta("ema_rate_hz")
			if i > 0 {
				require.Greater(t, rate, before)
			}
			before = rate
		}
		require.InDelta(t, 1000*(1-math.Pow(0.8, 99)), before, 1e-6)
	})
}

func TestSpec03_S73_BestEffortFramesCostNoOthers(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	handle := e.claimed()
	for range 10 {
		e.appended(handle, output("kept"))
	}
	e.appended(handle, patch(`{"a":1}`))
	for range 500 {
		e.appended(handle, live(time.Minute, capped(64, 64)))
	}
	require.Equal(t, []int64{10, 1, 64}, []int64{
		e.storedFrames("durable"), e.storedFrames("summary"), e.storedFrames("best_effort"),
	})
	require.Equal(t, uint64(75), e.appended(handle, live(time.Minute, capped(64, 64))).FrameCount)
	document, version := e.summary(id)
	require.Equal(t, `{"a":1}`, document)
	require.Equal(t, uint64(1), version)
	e.consistent()
}

func TestSpec03_S74_BestEffortFramesGrowOld(t *testing.T) {
	t.Parallel()
	t.Run("with the next append", func(t *testing.T) {
		e := open(t)
		id := e.created()
		handle := e.claimed()
		e.appended(handle, output("kept"))
		e.appended(handle, live(100*time.Millisecond))
		e.clock.Advance(time.Millisecond)
		e.appended(handle, live(100*time.Millisecond))
		e.clock.Advance(100 * time.Millisecond)
		e.appended(handle, live(100*time.Millisecond))
		e.clock.Advance(100 * time.Millisecond) // The first is 201 ms old, the second 200.
		require.Equal(t, uint64(4), e.appended(handle, live(100*time.Millisecond)).FrameCount)
		require.Equal(t, []string{"kept", "live", "live", "live"}, payloads(e.frames(id, 0)))
		e.consistent()
	})
	t.Run("when nothing is appended", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := open(t)
			id := e.created()
			handle := e.claimed()
			e.appended(handle, output("kept"))
			e.appended(handle, live(100*time.Millisecond))
			other := e.created()
			e.appended(e.claimed(), live(time.Hour))
			e.clock.Advance(200 * time.Millisecond)
			synctest.Wait()
			require.Len(t, e.frames(id, 0).Frames, 2)
			e.clock.Advance(time.Millisecond)
			synctest.Wait()
			require.Equal(t, []string{"kept"}, payloads(e.frames(id, 0)))
			require.Equal(t, []string{"live"}, payloads(e.frames(other, 0)))
			e.consistent()
		})
	})
	t.Run("also while the engine is down", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			path := "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "down.db"))
			e := openAt(t, path)
			e.created()
			e.appended(e.claimed(), live(100*time.Millisecond))
			require.NoError(t, e.Close())
			later := clock.NewManual(epoch.Add(time.Second))
			b, err := ffsqlite.Open(t.Context(), path, ffsqlite.WithoutDevModeGuard(), ffsqlite.WithClock(later), quiet())
			require.NoError(t, err)
			defer func() { require.NoError(t, b.Close()) }()
			synctest.Wait()
			require.Zero(t, fftest.OpenSQL(t, b.DataSource()).Int("SELECT count(*) FROM ff_stream_frame"))
		})
	})
	t.Run("configurations that say nothing usable", func(t *testing.T) {
		for alpha, want := range map[float64]float64{0: 200, 2: 200, 0.5: 500, math.NaN(): 200} {
			e := open(t)
			e.created()
			handle := e.claimed()
			frame := live(time.Minute, capped(64, 10), func(c *messages.BestEffortLiveConfig) { c.EMAAlpha = alpha })
			for range 2 {
				e.appended(handle, frame)
			}
			require.InDelta(t, want, e.meta("ema_rate_hz"), 1e-9)
			require.Equal(t, 64.0, e.meta("maxlen_applied_last"))
		}
	})
}

func TestSpec03_S75_RetentionOfAStreamPolicy(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created(withPolicy(func(p *messages.ExecutionPolicy) { p.StreamPolicy = &messages.StreamPolicy{RetentionMaxlen: 5} }))
	handle := e.claimed()
	var last messages.AppendFrameOutcome
	for i := range 7 {
		last = e.appended(handle, output(strconv.Itoa(i)))
	}
	require.Equal(t, uint64(5), last.FrameCount)
	require.Equal(t, uint64(6), e.appended(handle, live(time.Minute)).FrameCount, "which it does not count")
	require.Equal(t, uint64(6), e.appended(handle, patch(`{"a":1}`)).FrameCount)
	require.Equal(t, []string{"3", "4", "5", "6", "live", `{"a":1}`}, payloads(e.frames(id, 0)))
	e.consistent()

	unlimited := e.created(withPolicy(func(p *messages.ExecutionPolicy) { p.StreamPolicy = &messages.StreamPolicy{} }))
	handle = e.claimed()
	for range 8 {
		e.appended(handle, output(""))
	}
	require.Len(t, e.frames(unlimited, 0).Frames, 8)
}

func TestSpec03_S75_NothingElseDropsDurableFrames(t *testing.T) {
	t.Parallel()
	const frames, callers = 20_000, 40
	e := open(t)
	e.created()
	handle := e.claimed()
	var group sync.WaitGroup
	errs := make([]error, callers)
	for caller := range callers {
		group.Go(func() {
			for range frames / callers {
				if _, err := e.AppendFrame(t.Context(), handle, output("x")); err != nil {
					errs[caller] = err
					return
				}
			}
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, int64(frames), e.storedFrames("durable"))
	require.Equal(t, uint64(frames+1), e.appended(handle, output("x")).FrameCount)
	e.consistent()
}

func TestAppendFrame_CountsRowsOfOtherPrograms(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	handle := e.claimed()
	e.appended(handle, output("ours"))
	e.sql.Exec(`
		INSERT INTO ff_stream_frame (partition_key, execution_id, attempt_index, ts_ms, seq, fields, mode, created_at_ms)
		VALUES (0, ?1, 0, 5, 0, '{}', 'durable', 5), (0, ?1, 0, ?2, 9, '{}', 'durable', 5)`, id.UUID(), e.now()+5)
	outcome := e.appended(handle, output("ours"))
	require.Equal(t, messages.AppendFrameOutcome{StreamID: fmt.Sprintf("%d-10", e.now()+5), FrameCount: 4}, outcome)
	e.sql.Exec("DELETE FROM ff_stream_frame WHERE ts_ms = 5")
	require.Equal(t, uint64(4), e.appended(handle, output("ours")).FrameCount)
}
