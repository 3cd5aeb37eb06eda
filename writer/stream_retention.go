package writer

import (
	"math"

	"github.com/flowfabric/ffsqlite/messages"
)

// trimKeptSQL is served by ff_stream_frame_key_idx; best-effort frames that lie between are few.
const trimKeptSQL = `
DELETE FROM ff_stream_frame
 WHERE frame_id IN (SELECT frame_id
                      FROM ff_stream_frame
                     WHERE partition_key = ?1
                       AND execution_id = ?2
                       AND attempt_index = ?3
                       AND mode <> 'best_effort'
                     ORDER BY ts_ms, seq
                     LIMIT ?4)`

// trimKept deletes the oldest durable and summary frames beyond the most that the policy keeps; 0 keeps all.
func (w *Writer) trimKept(o *stream, most int64) error {
	if most == 0 || o.kept <= most {
		return nil
	}
	deleted, err := w.trim(w.prepare(trimKeptSQL).ofStream(o).int(4, o.kept-most))
	o.kept -= deleted
	return err
}

// trim runs a deletion and returns how many rows it deleted.
func (w *Writer) trim(s *statement) (deleted int64, err error) {
	if err := s.exec(); err != nil {
		return 0, err
	}
	return w.conn.Changes(), nil
}

// keep returns how many best-effort frames the stream may hold, and notes the frame in its average rate (03 §8.5).
// Frames of one millisecond count as a millisecond apart, so that a fast producer is seen to be fast.
func (o *stream) keep(f *frame) int64 {
	instant := 0.0
	if o.lastLive > 0 {
		instant = 1000 / float64(max(1, f.ms-o.lastLive))
	}
	o.rate = f.config.EMAAlpha*instant + (1-f.config.EMAAlpha)*o.rate
	o.lastLive = f.ms
	wanted := 2 * math.Ceil(o.rate*float64(messages.Millis(f.config.TTL))/1000)
	return int64(min(max(wanted, float64(f.config.MaxLenFloor)), float64(f.config.MaxLenCeiling)))
}

const storeRateSQL = `
UPDATE ff_stream_meta
   SET ema_rate_hz = ?4,
       last_append_ts_ms = ?5,
       maxlen_applied_last = ?6,
       ttl_ms = ?7
 WHERE partition_key = ?1
   AND execution_id = ?2
   AND attempt_index = ?3`

// expireLiveSQL and trimLiveSQL are served by ff_stream_frame_live_idx.
const expireLiveSQL = `
DELETE FROM ff_stream_frame
 WHERE partition_key = ?1
   AND execution_id = ?2
   AND attempt_index = ?3
   AND mode = 'best_effort'
   AND ts_ms < ?4`

const trimLiveSQL = `
DELETE FROM ff_stream_frame
 WHERE frame_id IN (SELECT frame_id
                      FROM ff_stream_frame
                     WHERE partition_key = ?1
                       AND execution_id = ?2
                       AND attempt_index = ?3
                       AND mode = 'best_effort'
                     ORDER BY ts_ms, seq
                     LIMIT ?4)`

// keepLive deletes the best-effort frames that are too old, and the oldest of those that are too many.
func (w *Writer) keepLive(o *stream, f *frame) error {
	most, ttl := o.keep(f), messages.Millis(f.config.TTL)
	err := w.prepare(storeRateSQL).ofStream(o).float(4, o.rate).int(5, f.ms).int(6, most).int(7, ttl).exec()
	if err != nil {
		return err
	}
	w.deadlines.lower(streamSweep, f.ms+2*ttl+1)
	deleted, err := w.trim(w.prepare(expireLiveSQL).ofStream(o).int(4, f.ms-2*ttl))
	if err != nil {
		return err
	}
	if o.live -= deleted; o.live <= most {
		return nil
	}
	deleted, err = w.trim(w.prepare(trimLiveSQL).ofStream(o).int(4, o.live-most))
	o.live -= deleted
	return err
}
