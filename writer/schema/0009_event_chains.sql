-- How retention finds the events of an execution, at the least cost for those who write them. The attempt has the ids of
-- its newest two, and an event that of the one before it, 0 for the first. The others, inserted by hand or by rare
-- transitions, have NULL there and stand in an index; so do all of earlier versions.

ALTER TABLE ff_attempt ADD COLUMN lease_event_id INTEGER;
ALTER TABLE ff_attempt ADD COLUMN completion_event_id INTEGER;
ALTER TABLE ff_lease_event ADD COLUMN previous_event_id INTEGER;
ALTER TABLE ff_completion_event ADD COLUMN previous_event_id INTEGER;

DROP INDEX ff_lease_event_created_idx;
DROP INDEX ff_completion_event_created_idx;

ALTER TABLE ff_lease_event DROP COLUMN execution_created_at_ms;
ALTER TABLE ff_completion_event DROP COLUMN execution_created_at_ms;

CREATE INDEX ff_lease_event_unchained_idx ON ff_lease_event (execution_id)
  WHERE previous_event_id IS NULL;
CREATE INDEX ff_completion_event_unchained_idx ON ff_completion_event (execution_id)
  WHERE previous_event_id IS NULL;
