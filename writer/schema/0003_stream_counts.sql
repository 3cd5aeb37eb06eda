-- The numbers of frames of a stream, for the answer to an append and for its retention. They are kept with the frames,
-- whoever adds or deletes them, so that no append has to count.

ALTER TABLE ff_stream_meta ADD COLUMN kept_frames INTEGER NOT NULL DEFAULT 0; -- durable and summary
ALTER TABLE ff_stream_meta ADD COLUMN live_frames INTEGER NOT NULL DEFAULT 0; -- best_effort

INSERT INTO ff_stream_meta (partition_key, execution_id, attempt_index, kept_frames, live_frames)
SELECT partition_key, execution_id, attempt_index, sum(mode <> 'best_effort'), sum(mode = 'best_effort')
  FROM ff_stream_frame
 WHERE true -- or else ON CONFLICT reads as a join
 GROUP BY partition_key, execution_id, attempt_index
    ON CONFLICT DO UPDATE SET kept_frames = excluded.kept_frames, live_frames = excluded.live_frames;

CREATE TRIGGER ff_stream_frame_added AFTER INSERT ON ff_stream_frame BEGIN
  INSERT INTO ff_stream_meta (partition_key, execution_id, attempt_index, kept_frames, live_frames)
  VALUES (NEW.partition_key, NEW.execution_id, NEW.attempt_index, NEW.mode <> 'best_effort', NEW.mode = 'best_effort')
      ON CONFLICT DO UPDATE SET kept_frames = kept_frames + excluded.kept_frames,
                                live_frames = live_frames + excluded.live_frames;
END;

CREATE TRIGGER ff_stream_frame_deleted AFTER DELETE ON ff_stream_frame BEGIN
  UPDATE ff_stream_meta
     SET kept_frames = kept_frames - (OLD.mode <> 'best_effort'),
         live_frames = live_frames - (OLD.mode = 'best_effort')
   WHERE partition_key = OLD.partition_key
     AND execution_id = OLD.execution_id
     AND attempt_index = OLD.attempt_index;
END;

-- The best-effort frames of a stream, the oldest first, however many others it has.
CREATE INDEX ff_stream_frame_live_idx ON ff_stream_frame (partition_key, execution_id, attempt_index, ts_ms, seq)
  WHERE mode = 'best_effort';

-- When a stream to which nothing is appended any more loses its last best-effort frame.
CREATE INDEX ff_stream_meta_sweep_idx ON ff_stream_meta (last_append_ts_ms + 2 * ttl_ms + 1)
  WHERE live_frames > 0 AND ttl_ms > 0;
