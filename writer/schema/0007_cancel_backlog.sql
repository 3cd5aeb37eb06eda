-- When the grace of a backlog is over, also of one that states none; and the members of a backlog, one after the other.
DROP INDEX ff_cancel_backlog_grace_idx;

CREATE INDEX ff_cancel_backlog_grace_idx ON ff_cancel_backlog (coalesce(grace_until_ms, requested_at_ms + 30000));

CREATE INDEX ff_cancel_backlog_member_flow_idx ON ff_cancel_backlog_member (flow_id);
