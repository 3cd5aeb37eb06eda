package ffsqlite_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Reading streams: 03 §8.6, §8.7, §8.9 with its scenarios 76, 77 and 83, and the scenarios 77 and 78 of 01.

// insertFrame stores a frame as another program does.
func (e *engine) insertFrame(id messages.ExecutionID, attempt, ms, seq int, fields string) {
	e.t.Helper()
	e.sql.Exec(`
		INSERT INTO ff_stream_frame (partition_key, execution_id, attempt_index, ts_ms, seq, fields, mode, created_at_ms)
		VALUES (0, ?1, ?2, ?3, ?4, ?5, 'durable', ?3)`, id.UUID(), attempt, ms, seq, fields)
}

// between reads a range of the first attempt.
func (e *engine) ranged(id messages.ExecutionID, from, to messages.StreamCursor, count int) messages.StreamFrames {
	e.t.Helper()
	page, err := e.ReadStream(e.t.Context(), messages.ReadStreamArgs{ExecutionID: id, From: from, To: to, Count: count})
	require.NoError(e.t, err)
	return page
}

func ids(page messages.StreamFrames) []string {
	texts := []string{}
	for _, frame := range page.Frames {
		texts = append(texts, frame.ID)
	}
	return texts
}

func TestSpec03_S76_Pages(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	handle := e.claimed()
	for i := range 3 {
		e.appended(handle, output(fmt.Sprint("payload-", i)))
	}
	page := e.ranged(id, messages.StreamStart, messages.StreamEnd, 100)
	require.Equal(t, []string{"payload-0", "payload-1", "payload-2"}, payloads(page))
	require.False(t, page.Closed())
	require.Zero(t, page.ClosedAt)

	for i := 3; i < 5; i++ {
		e.appended(handle, output(fmt.Sprint("payload-", i)))
	}
	page = e.ranged(id, messages.StreamStart, messages.StreamEnd, 2)
	require.Equal(t, []string{"payload-0", "payload-1"}, payloads(page))
	rest := e.ranged(id, messages.StreamCursor(page.Frames[1].ID), messages.StreamEnd, 100)
	require.Equal(t, []string{"payload-1", "payload-2", "payload-3", "payload-4"}, payloads(rest))

	unknown := e.ranged(newID(), messages.StreamStart, messages.StreamEnd, 100)
	require.Equal(t, messages.StreamFrames{Frames: []messages.StreamFrame{}}, unknown)
	require.Equal(t, unknown, e.frames(id, 7))
}

func TestSpec03_S76_AttemptsAreSeparate(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	handle := e.claimed()
	e.appended(handle, output("a"))
	e.appended(handle, output("b"))
	e.insertFrame(id, 1, 5, 0, `{"payload":"other","frame_type":"event","n":7,"nested":{"a": 1}}`)
	e.insertFrame(id, 1, 6, 0, `{broken`)
	require.Equal(t, []string{"a", "b"}, payloads(e.frames(id, 0)))
	require.Equal(t, []messages.StreamFrame{
		{ID: "5-0", Fields: map[string]string{"payload": "other", "frame_type": "event", "n": "7", "nested": `{"a": 1}`}},
		{ID: "6-0", Fields: map[string]string{}},
	}, e.frames(id, 1).Frames)
	page, err := e.TailStream(t.Context(), messages.TailStreamArgs{
		ExecutionID: id, AttemptIndex: 1, After: messages.StreamFromBeginning, Count: 9,
		Visibility: messages.TailExcludeBestEffort,
	})
	require.NoError(t, err)
	require.Equal(t, []string{"5-0", "6-0"}, ids(page), "the mode is in the column, whatever the fields say")
}

func TestSpec03_S76_SlicesIncludeBothEnds(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	handle := e.claimed()
	var all []string
	for i := range 50 {
		all = append(all, e.appended(handle, output(strconv.Itoa(i))).StreamID)
		if i%7 == 0 {
			e.clock.Advance(1)
		}
	}
	for from := 0; from < 50; from += 3 {
		for to := from; to < 50; to += 5 {
			page := e.ranged(id, messages.StreamCursor(all[from]), messages.StreamCursor(all[to]), 100)
			require.Equal(t, all[from:to+1], ids(page))
		}
	}
	require.Empty(t, e.ranged(id, messages.StreamCursor(all[3]), messages.StreamCursor(all[2]), 100).Frames)
	require.Empty(t, e.ranged(id, messages.StreamEnd, messages.StreamEnd, 100).Frames)
	require.Empty(t, e.ranged(id, messages.StreamStart, messages.StreamStart, 100).Frames)
}

func TestSpec03_S77_CursorsAndCounts(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	var refusals []refusal
	refused := func(detail string, call func() error) {
		refusals = append(refusals, refusal{detail, call, messages.ErrInvalidInput, detail})
	}
	for _, text := range []string{"abc", "1-x", "99999999999999999999"} {
		detail := "invalid stream cursor '" + text + "' (expected 'start', 'end', '<ms>', or '<ms>-<seq>')"
		cursor := messages.StreamCursor(text)
		refused("from: "+detail, func() error {
			_, err := e.ReadStream(t.Context(), messages.ReadStreamArgs{ExecutionID: id, From: cursor, To: "end", Count: 1})
			return err
		})
		refused("to: "+detail, func() error {
			_, err := e.ReadStream(t.Context(), messages.ReadStreamArgs{ExecutionID: id, From: "start", To: cursor, Count: 1})
			return err
		})
		refused("after: "+detail, func() error {
			_, err := e.TailStream(t.Context(), messages.TailStreamArgs{ExecutionID: id, After: cursor, Count: 1})
			return err
		})
	}
	for _, marker := range []messages.StreamCursor{"-", "+"} {
		refused("from: bare marker '"+string(marker)+"' is not a valid stream cursor; use 'start' or 'end'", func() error {
			_, err := e.ReadStream(t.Context(), messages.ReadStreamArgs{ExecutionID: id, From: marker, To: "end", Count: 1})
			return err
		})
	}
	refused("count: must be >= 1", func() error {
		_, err := e.ReadStream(t.Context(), messages.ReadStreamArgs{ExecutionID: id, From: "start", To: "end"})
		return err
	})
	requireRefusals(t, e, refusals)

	e.sql.Exec(`
		WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10003)
		INSERT INTO ff_stream_frame (partition_key, execution_id, attempt_index, ts_ms, seq, fields, mode, created_at_ms)
		SELECT 0, ?1, 0, i, 0, '{}', 'durable', i FROM n`, id.UUID())
	require.Len(t, e.ranged(id, messages.StreamStart, messages.StreamEnd, 20_000).Frames, 10_000)
	for seq := 1; seq < 3; seq++ {
		e.insertFrame(id, 0, 500, seq, `{}`)
	}
	require.Equal(t, []string{"499-0", "500-0", "500-1", "500-2"}, ids(e.ranged(id, "499", "500", 100)))
}

func TestSpec01_S77_TailsWantAConcreteCursor(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	for _, after := range []messages.StreamCursor{messages.StreamStart, messages.StreamEnd} {
		_, err := e.TailStream(t.Context(), messages.TailStreamArgs{ExecutionID: id, After: after, Count: 1})
		requireInvalid(t, err, "after: tail_stream requires concrete after cursor")
	}
}

func TestSpec01_S78_RangesOfMilliseconds(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	for _, place := range [][2]int{{5, 0}, {5, 1}, {6, 0}} {
		e.insertFrame(id, 0, place[0], place[1], `{}`)
	}
	require.Equal(t, []string{"5-0", "5-1"}, ids(e.ranged(id, "5", "5", 10)))
	page, err := e.TailStream(t.Context(), messages.TailStreamArgs{ExecutionID: id, After: "5-0", Count: 10})
	require.NoError(t, err)
	require.Equal(t, []string{"5-1", "6-0"}, ids(page))
	page, err = e.TailStream(t.Context(), messages.TailStreamArgs{ExecutionID: id, After: "5", Count: 10})
	require.NoError(t, err)
	require.Equal(t, []string{"5-1", "6-0"}, ids(page), "a bare millisecond is its first frame")
}

func TestSpec03_S83_NoSummaryYet(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	e.appended(e.claimed(), output("x"))
	for _, id := range []messages.ExecutionID{id, newID()} {
		summary, err := e.ReadSummary(t.Context(), id, 0)
		require.NoError(t, err)
		require.Nil(t, summary)
	}
}

// TestStreams_EveryEnd goes through the table of 03 §8.6.
func TestStreams_EveryEnd(t *testing.T) {
	t.Parallel()
	const lost, running, done = "ownership_state = 'lease_expired_reclaimable', raw_fields = '{\"lease_expired_at_ms\": 9}'",
		"ownership_state = ownership_state", "lifecycle_phase = 'terminal', public_state = 'x', terminal_at_ms = 8, raw_fields = '{}'"
	for _, test := range []struct {
		attempt, execution string
		reason             messages.StreamClosedReason
		at                 messages.TimestampMs
	}{
		{"outcome = 'success', terminal_at_ms = 7", running, messages.StreamAttemptSuccess, 7},
		{"outcome = 'failed', terminal_at_ms = 7", running, messages.StreamAttemptFailure, 7},
		{"outcome = 'failure', terminal_at_ms = 7", running, messages.StreamAttemptFailure, 7},
		{"outcome = 'retry', terminal_at_ms = 7", running, messages.StreamAttemptFailure, 7},
		{"outcome = 'cancelled', terminal_at_ms = 7", running, messages.StreamAttemptCancelled, 7},
		{"outcome = 'expired', terminal_at_ms = 7", running, messages.StreamExpired, 7},
		{"outcome = 'interrupted', terminal_at_ms = 7", running, messages.StreamExpired, 7},
		{"outcome = 'skipped', terminal_at_ms = 7", done, messages.StreamDependencyImpossible, 7},
		{"outcome = 'interrupted_reclaimed', terminal_at_ms = 7", running, messages.StreamReclaimed, 7},
		{"outcome = 'lease_expired_reclaimable'", "raw_fields = '{\"lease_expired_at_ms\": 9}'", messages.StreamLeaseExpired, 9},
		{"outcome = NULL", lost, messages.StreamLeaseExpired, 9},
		{"outcome = 'interrupted'", running, "", 0},
		{"outcome = 'waiting_children'", running, "", 0},
		{"outcome = 'attempt_interrupted'", running, "", 0},
		{"outcome = NULL", "lifecycle_phase = 'unheard of'", "", 0},
		{"outcome = NULL", done + `, raw_fields = '{"terminal_outcome": "success"}'`, messages.StreamAttemptSuccess, 8},
		{"outcome = NULL", done + `, raw_fields = '{"terminal_outcome": "failure"}'`, messages.StreamAttemptFailure, 8},
		{"outcome = NULL", done + `, public_state = 'completed'`, messages.StreamAttemptSuccess, 8},
		{"outcome = NULL", done + `, public_state = 'cancelled'`, messages.StreamAttemptCancelled, 8},
		{"outcome = NULL", done + `, lifecycle_phase = 'cancelled'`, messages.StreamAttemptCancelled, 8},
		{"outcome = NULL", done + `, public_state = 'expired'`, messages.StreamExpired, 8},
		{"outcome = NULL", done + `, public_state = 'skipped'`, messages.StreamDependencyImpossible, 8},
		{"outcome = NULL", done, messages.StreamAttemptFailure, 8},
	} {
		e := open(t)
		id := e.created()
		e.appended(e.claimed(), output("x"))
		e.patchAttempt(id, 0, test.attempt)
		e.patch(id, test.execution)
		page := e.frames(id, 0)
		require.Equal(t, test.reason, page.ClosedReason, "%s; %s", test.attempt, test.execution)
		require.Equal(t, test.at, page.ClosedAt, "%s; %s", test.attempt, test.execution)
		require.Len(t, page.Frames, 1, "the end is told with every page")
	}
}

func TestStreams_OnlyTheCurrentAttemptLosesItsLease(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	handle := e.claimed()
	require.NoError(t, e.Delay(t.Context(), handle, e.now()))
	e.claimed()
	e.sql.Exec(`INSERT INTO ff_attempt (partition_key, execution_id, attempt_index) VALUES (0, ?1, 1)`, id.UUID())
	e.patch(id, "ownership_state = 'lease_expired_reclaimable', raw_fields = '{\"lease_expired_at_ms\": 9}'")
	require.False(t, e.frames(id, 0).Closed())
	require.Equal(t, messages.StreamLeaseExpired, e.frames(id, 1).ClosedReason)
}
