-- What retention deletes, and how it finds it.

-- When an ended execution may be deleted whose policy says so itself; NULL: the configured period decides.
ALTER TABLE ff_exec_core ADD COLUMN retain_until_ms INTEGER GENERATED ALWAYS AS (
  CASE
    WHEN standing = 'ended' AND instr(policy, '"retention_ttl_ms"') > 0 AND json_valid(policy)
     AND json_type(policy, '$.stream_policy.retention_ttl_ms') = 'integer'
     AND policy ->> '$.stream_policy.retention_ttl_ms' >= 0
    THEN terminal_at_ms + (policy ->> '$.stream_policy.retention_ttl_ms')
  END) VIRTUAL;

DROP INDEX ff_exec_core_ended_idx;

CREATE INDEX ff_exec_core_ended_idx ON ff_exec_core (retain_until_ms, terminal_at_ms)
  WHERE standing = 'ended';

-- The events of an execution are found by the time of its creation: an index by its random id would rewrite a page for
-- each event, this one is written near its end. NULL: inserted by hand.
ALTER TABLE ff_lease_event ADD COLUMN execution_created_at_ms INTEGER;
ALTER TABLE ff_completion_event ADD COLUMN execution_created_at_ms INTEGER;

UPDATE ff_lease_event
   SET execution_created_at_ms = (SELECT created_at_ms FROM ff_exec_core
                                   WHERE ff_exec_core.execution_id = unhex(ff_lease_event.execution_id, '-'));
UPDATE ff_completion_event
   SET execution_created_at_ms = (SELECT created_at_ms FROM ff_exec_core
                                   WHERE ff_exec_core.execution_id = ff_completion_event.execution_id);

CREATE INDEX ff_lease_event_created_idx ON ff_lease_event (execution_created_at_ms);
CREATE INDEX ff_completion_event_created_idx ON ff_completion_event (execution_created_at_ms)
  WHERE flow_id IS NULL;

CREATE INDEX ff_signal_event_execution_idx ON ff_signal_event (execution_id);
CREATE INDEX ff_instance_tag_event_execution_idx ON ff_instance_tag_event (execution_id);
CREATE INDEX ff_operator_event_execution_idx ON ff_operator_event (execution_id);
CREATE INDEX ff_budget_usage_by_exec_execution_idx ON ff_budget_usage_by_exec (execution_id);
CREATE INDEX ff_quota_window_execution_idx ON ff_quota_window (execution_id);
CREATE INDEX ff_quota_admitted_execution_idx ON ff_quota_admitted (execution_id);
