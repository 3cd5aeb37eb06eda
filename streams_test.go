package ffsqlite_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// Appending to streams: 03 §8.1 to §8.3 and its scenarios 65, 69 to 71, and 75.

// output is a durable frame of standard output.
func output(text string) messages.Frame {
	return messages.Frame{Bytes: []byte(text), Kind: messages.FrameStdout}
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
