package writer

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flowfabric/ffsqlite/messages"
)

// stream is the output of one attempt while a frame is appended to it.
type stream struct {
	partition uint16
	uuid      [16]byte
	attempt   int64

	lastMs, lastSeq int64 // of the newest frame; lastSeq -1: there is none
	kept, live      int64 // how many frames of each kind are stored
	rate            float64
	lastLive        int64 // when the newest best-effort frame came; 0: never
}

// ofStream binds the three columns that name a stream.
func (s *statement) ofStream(o *stream) *statement {
	return s.int(1, int64(o.partition)).blob(2, o.uuid[:]).int(3, o.attempt)
}

// appendFrame appends one frame to the stream of the handle's attempt (03 §8.2). The rows of the execution and the
// attempt stay as they are.
func (w *Writer) appendFrame(now messages.TimestampMs, args messages.AppendFrameArgs) (messages.AppendFrameOutcome, error) {
	var outcome messages.AppendFrameOutcome
	h, err := unseal(args.Handle)
	if err != nil {
		return outcome, err
	}
	if rows, ok := w.known(h.payload.ExecutionID); ok {
		h.execution, h.attempt = rows.execution, rows.attempt
	}
	if err := w.openAttempt(&h); err != nil {
		return outcome, err
	}
	if h.execution == nil {
		if h.execution, err = w.glanceAt(h.payload.ExecutionID); err != nil {
			return outcome, err
		}
	}
	if err := h.mayAppend(now); err != nil {
		return outcome, err
	}
	o, err := w.loadStream(h)
	if err != nil {
		return outcome, err
	}
	f := o.frame(&args.Frame, now)
	if f.mode == messages.StreamSummary {
		if f.summary, err = w.foldSummary(o, args.Frame.Bytes); err != nil {
			return outcome, err
		}
		outcome.SummaryVersion = &f.summary.version
	}
	if err := w.storeFrame(o, f, h.execution, now); err != nil {
		return outcome, err
	}
	outcome.StreamID = strconv.FormatInt(f.ms, 10) + "-" + strconv.FormatInt(f.seq, 10)
	outcome.FrameCount = uint64(o.kept + o.live) //nolint:gosec // Counts of rows.
	w.batch.appended(h.payload, f.mode)
	return outcome, nil
}

// glanceSQL is served by ff_exec_core_execution_idx. Appends are frequent and look at little of the row.
const glanceSQL = `
SELECT lifecycle_phase, ownership_state, policy
  FROM ff_exec_core
 WHERE execution_id = ?1
   AND partition_key = ?2`

// glanceAt reads what an append looks at of an execution, nil when there is none. It is not to be stored.
func (w *Writer) glanceAt(id messages.ExecutionID) (*execution, error) {
	x := &execution{id: id, uuid: id.UUID(), partition: id.PartitionIndex()}
	s := w.prepare(glanceSQL).blob(1, x.uuid[:]).int(2, int64(x.partition))
	found, err := s.one(func() {
		x.phase, x.ownership = s.columnLiteral(0), s.columnLiteral(1)
		x.policy = string(s.stmt.ColumnRawText(2))
	})
	if !found || err != nil {
		return nil, err
	}
	return x, nil
}

// mayAppend makes the checks of an append behind those of the handle.
func (h held) mayAppend(now messages.TimestampMs) error {
	x, a := h.execution, h.attempt
	switch {
	case x == nil:
		return messages.NotFoundError("execution", "")
	case x.phase != "active":
		return messages.StateError(messages.CodeStreamClosed, "")
	case x.lost() || !a.leaseExpiresAt.set || a.leaseExpiresAt.ms <= int64(now):
		return messages.StateError(messages.CodeStaleOwnerCannotAppend, "")
	}
	return nil
}

// newestFrameSQL is served by ff_stream_frame_key_idx alone.
const newestFrameSQL = `
SELECT ts_ms, seq
  FROM ff_stream_frame
 WHERE partition_key = ?1
   AND execution_id = ?2
   AND attempt_index = ?3
 ORDER BY ts_ms DESC, seq DESC
 LIMIT 1`

const loadStreamSQL = `
SELECT kept_frames, live_frames, ema_rate_hz, last_append_ts_ms
  FROM ff_stream_meta
 WHERE partition_key = ?1
   AND execution_id = ?2
   AND attempt_index = ?3`

// loadStream reads where the stream of the attempt stands.
func (w *Writer) loadStream(h held) (*stream, error) {
	o := &stream{partition: h.execution.partition, uuid: h.execution.uuid, attempt: h.attempt.index, lastSeq: -1}
	s := w.prepare(newestFrameSQL).ofStream(o)
	if _, err := s.one(func() { o.lastMs, o.lastSeq = s.stmt.ColumnInt64(0), s.stmt.ColumnInt64(1) }); err != nil {
		return nil, err
	}
	s = w.prepare(loadStreamSQL).ofStream(o)
	_, err := s.one(func() {
		o.kept, o.live = s.stmt.ColumnInt64(0), s.stmt.ColumnInt64(1)
		o.rate, o.lastLive = s.stmt.ColumnFloat(2), s.stmt.ColumnInt64(3)
	})
	return o, err
}

// frame is a frame about to be stored.
type frame struct {
	ms, seq int64
	mode    messages.StreamModeKind
	config  messages.BestEffortLiveConfig // of a best-effort frame
	content *messages.Frame
	summary *summary // of a summary frame
}

// frame gives the frame its place behind the newest one, also when the clock has gone back since.
func (o *stream) frame(content *messages.Frame, now messages.TimestampMs) *frame {
	f := &frame{ms: int64(now), mode: content.Mode.Kind, config: content.Mode.Config.Normalize(), content: content}
	if f.mode == "" {
		f.mode = messages.StreamDurable
	}
	if o.lastSeq >= 0 && o.lastMs >= f.ms {
		f.ms, f.seq = o.lastMs, o.lastSeq+1
	}
	return f
}

const insertFrameSQL = `
INSERT INTO ff_stream_frame (partition_key, execution_id, attempt_index, ts_ms, seq, fields, mode, created_at_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`

// storeFrame inserts the frame and does what its mode asks for.
func (w *Writer) storeFrame(o *stream, f *frame, x *execution, now messages.TimestampMs) error {
	w.frameBuffer = f.appendFields(w.frameBuffer[:0])
	err := w.prepare(insertFrameSQL).
		ofStream(o).
		int(4, f.ms).
		int(5, f.seq).
		rawText(6, w.frameBuffer).
		text(7, string(f.mode)).
		int(8, int64(now)).
		exec()
	if err != nil {
		return err
	}
	if f.mode == messages.StreamBestEffort {
		o.live++
		return w.keepLive(o, f)
	}
	o.kept++
	if f.summary != nil {
		if err := w.storeSummary(o, f); err != nil {
			return err
		}
	}
	return w.trimKept(o, x.retentionMaxlen())
}

// appendFields writes the fields of the frame (03 §8.3) as a JSON object of strings, sorted by name.
func (f *frame) appendFields(out []byte) []byte {
	c := f.content
	out = append(out, '{')
	if c.CorrelationID != "" {
		out = messages.AppendJSONString(append(out, `"correlation_id":`...), c.CorrelationID)
		out = append(out, ',')
	}
	payload, encoding := string(c.Bytes), "utf8"
	if !utf8.Valid(c.Bytes) {
		payload, encoding = base64.StdEncoding.EncodeToString(c.Bytes), "base64"
	}
	out = append(append(append(out, `"encoding":"`...), encoding...), `","frame_type":`...)
	out = messages.AppendJSONString(out, c.Type())
	out = append(append(append(out, `,"mode":"`...), f.mode...), `","payload":`...)
	out = messages.AppendJSONString(out, payload)
	out = append(out, `,"source":"worker"`...)
	if f.summary != nil {
		out = strconv.AppendUint(append(out, `,"summary_version":"`...), f.summary.version, 10)
		out = append(out, '"')
	}
	out = strconv.AppendInt(append(out, `,"ts":"`...), f.ms, 10)
	return append(out, `"}`...)
}

// retentionMaxlen is how many durable and summary frames the stored policy lets a stream of the execution keep, 0 for
// all. Only a policy that says so limits them.
func (x *execution) retentionMaxlen() int64 {
	if !strings.Contains(x.policy, `"stream_policy"`) {
		return 0
	}
	var policy struct {
		StreamPolicy struct {
			RetentionMaxlen int64 `json:"retention_maxlen"`
		} `json:"stream_policy"`
	}
	if json.Unmarshal([]byte(x.policy), &policy) != nil {
		return 0
	}
	return max(policy.StreamPolicy.RetentionMaxlen, 0)
}
