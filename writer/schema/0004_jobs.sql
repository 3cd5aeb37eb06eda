-- What background jobs look for.

-- Only an attempt that has not ended can time out, so those that have do not stay in the way of the next one.
DROP INDEX ff_attempt_timeout_idx;

CREATE INDEX ff_attempt_timeout_idx ON ff_attempt (attempt_timeout_at_ms)
  WHERE attempt_timeout_at_ms IS NOT NULL
    AND terminal_at_ms IS NULL;
