package writer

// The sweep deletes the best-effort frames of streams to which nothing is appended any more, once the last of them is
// older than twice its TTL. Its statements are served by ff_stream_meta_sweep_idx.

const nextSweepSQL = `
SELECT last_append_ts_ms + 2 * ttl_ms + 1
  FROM ff_stream_meta
 WHERE live_frames > 0
   AND ttl_ms > 0
   AND last_append_ts_ms + 2 * ttl_ms + 1 > ?1
 ORDER BY last_append_ts_ms + 2 * ttl_ms + 1
 LIMIT 1`

const idleStreamsSQL = `
SELECT last_append_ts_ms + 2 * ttl_ms + 1, rowid, rowid
  FROM ff_stream_meta
 WHERE live_frames > 0
   AND ttl_ms > 0
   AND last_append_ts_ms + 2 * ttl_ms + 1 >= ?1
   AND (last_append_ts_ms + 2 * ttl_ms + 1 > ?1 OR rowid > ?2)
 ORDER BY last_append_ts_ms + 2 * ttl_ms + 1, rowid
 LIMIT ?3`

const idleStreamSQL = `
SELECT partition_key, execution_id, attempt_index, ttl_ms
  FROM ff_stream_meta
 WHERE rowid = ?1`

// sweepStream deletes the frames of one idle stream.
func (w *Writer) sweepStream(t *tick, rowid int64) (action, error) {
	var o stream
	var ttl int64
	s := w.prepare(idleStreamSQL).int(1, rowid)
	found, err := s.one(func() {
		o.partition = uint16(s.stmt.ColumnInt64(0)) //nolint:gosec // An index is 0..255 by construction.
		o.uuid, o.attempt, ttl = s.columnUUID(1), s.stmt.ColumnInt64(2), s.stmt.ColumnInt64(3)
	})
	if !found || err != nil {
		return nothing, err
	}
	deleted, err := w.trim(w.prepare(expireLiveSQL).ofStream(&o).int(4, int64(t.now)-2*ttl))
	return did(deleted > 0), err
}
