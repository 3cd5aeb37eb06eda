-- The open suspensions in the order in which they are listed.
CREATE INDEX ff_suspension_current_open_idx ON ff_suspension_current (suspended_at_ms, execution_id)
  WHERE closed_at_ms IS NULL;
