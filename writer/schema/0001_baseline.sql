-- The whole schema. Times are INTEGER milliseconds since the epoch; columns and names are an interface that users' SQL
-- reads and writes. An index exists where a statement uses it: nothing filters by partition_key, so no index of a hot
-- table leads with it (docs/decisions/0002-rows-and-indexes.md).

-- Registry and configuration ------------------------------------------------------------------------------------------

CREATE TABLE ff_partition_config (
  singleton_lock        INTEGER PRIMARY KEY CHECK (singleton_lock = 1),
  num_flow_partitions   INTEGER NOT NULL,
  num_budget_partitions INTEGER NOT NULL,
  num_quota_partitions  INTEGER NOT NULL,
  ff_version            TEXT    NOT NULL
) STRICT;

INSERT INTO ff_partition_config VALUES (1, 1, 1, 1, '0.12.0');

CREATE TABLE ff_migration_annotation (
  version             INTEGER PRIMARY KEY,
  name                TEXT    NOT NULL,
  applied_at_ms       INTEGER NOT NULL,
  backward_compatible INTEGER NOT NULL CHECK (backward_compatible IN (0, 1))
) STRICT;

INSERT INTO ff_migration_annotation
SELECT value, printf('%04d', value), CAST(unixepoch('subsec') * 1000 AS INTEGER), value <> 1
  FROM json_each('[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 20]');

CREATE TABLE ff_lane_registry (
  lane_id          TEXT    PRIMARY KEY NOT NULL,
  registered_at_ms INTEGER NOT NULL,
  registered_by    TEXT    NOT NULL -- 'create_execution': the first use of the lane
) STRICT, WITHOUT ROWID;

CREATE TABLE ff_waitpoint_hmac (
  kid           TEXT    PRIMARY KEY NOT NULL,
  secret        BLOB    NOT NULL,
  rotated_at_ms INTEGER NOT NULL,
  active        INTEGER NOT NULL DEFAULT 1,
  expires_at_ms INTEGER -- NULL for the active key; a rotated-out key verifies until then
) STRICT;

-- Executions and attempts ---------------------------------------------------------------------------------------------

-- A rowid table on purpose: executions that are near in time stay near on disk, so that a batch rewrites few pages.
CREATE TABLE ff_exec_core (
  partition_key       INTEGER NOT NULL,
  execution_id        BLOB    NOT NULL,
  flow_id             BLOB,
  lane_id             TEXT    NOT NULL,
  attempt_index       INTEGER NOT NULL DEFAULT 0,
  lifecycle_phase     TEXT    NOT NULL,
  ownership_state     TEXT    NOT NULL,
  eligibility_state   TEXT    NOT NULL,
  public_state        TEXT    NOT NULL,
  attempt_state       TEXT    NOT NULL,
  blocking_reason     TEXT,
  cancellation_reason TEXT,
  cancelled_by        TEXT,
  priority            INTEGER NOT NULL DEFAULT 0,
  created_at_ms       INTEGER NOT NULL,
  started_at_ms       INTEGER, -- first claim ever
  terminal_at_ms      INTEGER,
  deadline_at_ms      INTEGER, -- execution deadline, absolute
  payload             BLOB,
  result              BLOB,
  policy              TEXT,    -- ExecutionPolicy as JSON
  raw_fields          TEXT    NOT NULL DEFAULT '{}',
  lease_reclaim_count INTEGER NOT NULL DEFAULT 0,

  -- The required capabilities, sorted and comma-joined. NULL: not known, ask ff_execution_capabilities.
  capability_key      TEXT,

  -- Which of the engine's queues the row stands in, from the normalised state columns; NULL for one that runs or is
  -- suspended. The indexes below are cut by it.
  standing            TEXT GENERATED ALWAYS AS (
    CASE
      WHEN lifecycle_phase = 'active' THEN
        CASE WHEN ownership_state = 'lease_expired_reclaimable' OR ownership_state = 'lease_revoked' THEN 'lost' END
      WHEN lifecycle_phase = 'terminal' OR lifecycle_phase = 'cancelled'
        OR lifecycle_phase = 'completed' OR lifecycle_phase = 'failed' OR lifecycle_phase = 'expired'
      THEN 'ended'
      WHEN (lifecycle_phase = 'submitted' OR lifecycle_phase = 'runnable'
            OR lifecycle_phase = 'pending' OR lifecycle_phase = 'eligible' OR lifecycle_phase = 'blocked')
       AND (ownership_state = 'unowned' OR ownership_state = 'released')
      THEN
        CASE eligibility_state
          WHEN 'eligible_now'            THEN 'ready'
          WHEN 'not_eligible_until_time' THEN 'delayed'
          WHEN 'blocked_by_route'        THEN 'ready' -- a worker that asks may be the capable one
          WHEN 'pending_claim'           THEN 'ready'
          ELSE 'blocked'
        END
    END) VIRTUAL,

  -- What a worker must accept to be offered this row: namespace, kind and capabilities, split by U+001F. Claims look at
  -- the head of each class, so work that a worker may not run never stands in its way. U+001E stands for "not known".
  -- The standing comes first so that rows in other queues cost no JSON parsing.
  claim_class         TEXT GENERATED ALWAYS AS (
    CASE
      WHEN standing = 'ready' OR standing = 'lost' THEN
        CASE
          WHEN json_valid(raw_fields)
          THEN coalesce(raw_fields ->> '$.namespace', '') || char(31) || coalesce(raw_fields ->> '$.execution_kind', '')
          ELSE char(30) || char(31) || char(30)
        END || char(31) || coalesce(capability_key, char(30))
    END) VIRTUAL,

  -- raw_fields.delay_until as a number, for a row that waits for it.
  delay_until_ms      INTEGER GENERATED ALWAYS AS (
    CASE
      WHEN standing = 'delayed' AND json_valid(raw_fields)
       AND raw_fields ->> '$.delay_until' NOT GLOB '*[^0-9]*'
      THEN CAST(nullif(raw_fields ->> '$.delay_until', '') AS INTEGER)
    END) VIRTUAL,

  PRIMARY KEY (partition_key, execution_id)
) STRICT;

CREATE UNIQUE INDEX ff_exec_core_execution_idx ON ff_exec_core (execution_id);

CREATE INDEX ff_exec_core_claim_idx ON ff_exec_core (lane_id, claim_class, priority DESC, created_at_ms, execution_id)
  WHERE standing = 'ready';

CREATE INDEX ff_exec_core_reclaim_idx ON ff_exec_core (lane_id, claim_class, priority DESC, created_at_ms, execution_id)
  WHERE standing = 'lost';

CREATE INDEX ff_exec_core_blocked_idx ON ff_exec_core (eligibility_state, lane_id)
  WHERE standing = 'blocked';

CREATE INDEX ff_exec_core_delay_idx ON ff_exec_core (delay_until_ms)
  WHERE standing = 'delayed';

CREATE INDEX ff_exec_core_ended_idx ON ff_exec_core (lane_id, terminal_at_ms)
  WHERE standing = 'ended';

CREATE INDEX ff_exec_core_flow_idx ON ff_exec_core (flow_id, execution_id)
  WHERE flow_id IS NOT NULL;

CREATE INDEX ff_exec_core_deadline_idx ON ff_exec_core (deadline_at_ms)
  WHERE deadline_at_ms IS NOT NULL
    AND standing IS NOT 'ended';

CREATE TABLE ff_execution_capabilities (
  execution_id BLOB NOT NULL,
  capability   TEXT NOT NULL,
  PRIMARY KEY (execution_id, capability)
) STRICT, WITHOUT ROWID;

CREATE INDEX ff_execution_capabilities_capability_idx ON ff_execution_capabilities (capability, execution_id);

-- Capabilities that are edited by hand make the key of their execution unknown, so that no claim trusts a stale one.
-- CreateExecution writes the capabilities before the execution, so these update nothing then.
CREATE TRIGGER ff_execution_capabilities_inserted AFTER INSERT ON ff_execution_capabilities
BEGIN
  UPDATE ff_exec_core SET capability_key = NULL WHERE execution_id = NEW.execution_id;
END;

CREATE TRIGGER ff_execution_capabilities_deleted AFTER DELETE ON ff_execution_capabilities
BEGIN
  UPDATE ff_exec_core SET capability_key = NULL WHERE execution_id = OLD.execution_id;
END;

CREATE TRIGGER ff_execution_capabilities_updated AFTER UPDATE ON ff_execution_capabilities
BEGIN
  UPDATE ff_exec_core SET capability_key = NULL WHERE execution_id IN (OLD.execution_id, NEW.execution_id);
END;

CREATE TABLE ff_attempt (
  partition_key       INTEGER NOT NULL,
  execution_id        BLOB    NOT NULL,
  attempt_index       INTEGER NOT NULL,
  worker_id           TEXT,
  worker_instance_id  TEXT,
  lease_epoch         INTEGER NOT NULL DEFAULT 0, -- the fence
  lease_expires_at_ms INTEGER, -- NULL: no lease
  started_at_ms       INTEGER,
  terminal_at_ms      INTEGER,
  outcome             TEXT,
  usage               TEXT,
  policy              TEXT,    -- per-attempt policy as JSON
  raw_fields          TEXT    NOT NULL DEFAULT '{}',

  attempt_timeout_at_ms INTEGER GENERATED ALWAYS AS (
    CASE
      WHEN instr(raw_fields, '"attempt_timeout_at_ms"') > 0 AND json_valid(raw_fields)
       AND json_type(raw_fields, '$.attempt_timeout_at_ms') = 'integer'
      THEN raw_fields ->> '$.attempt_timeout_at_ms'
    END) VIRTUAL,

  PRIMARY KEY (partition_key, execution_id, attempt_index)
) STRICT;

CREATE INDEX ff_attempt_lease_expiry_idx ON ff_attempt (lease_expires_at_ms)
  WHERE lease_expires_at_ms IS NOT NULL;

CREATE INDEX ff_attempt_timeout_idx ON ff_attempt (attempt_timeout_at_ms)
  WHERE attempt_timeout_at_ms IS NOT NULL;

CREATE TABLE ff_claim_grant (
  partition_key       INTEGER NOT NULL,
  grant_id            BLOB    NOT NULL,
  execution_id        BLOB    NOT NULL,
  kind                TEXT    NOT NULL CHECK (kind IN ('claim', 'reclaim')),
  worker_id           TEXT    NOT NULL,
  worker_instance_id  TEXT    NOT NULL,
  lane_id             TEXT,
  capability_hash     TEXT,
  worker_capabilities TEXT    NOT NULL DEFAULT '[]',
  route_snapshot_json TEXT,
  admission_summary   TEXT,
  grant_ttl_ms        INTEGER NOT NULL,
  issued_at_ms        INTEGER NOT NULL,
  expires_at_ms       INTEGER NOT NULL,
  PRIMARY KEY (partition_key, grant_id)
) STRICT;

CREATE UNIQUE INDEX ff_claim_grant_execution_idx ON ff_claim_grant (partition_key, execution_id, kind);
CREATE INDEX ff_claim_grant_expiry_idx ON ff_claim_grant (expires_at_ms);

CREATE TABLE ff_exec_idempotency (
  namespace       TEXT    NOT NULL,
  idempotency_key TEXT    NOT NULL,
  partition_key   INTEGER NOT NULL,
  execution_id    BLOB    NOT NULL,
  created_at_ms   INTEGER NOT NULL,
  expires_at_ms   INTEGER NOT NULL,
  PRIMARY KEY (namespace, idempotency_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX ff_exec_idempotency_expires_idx ON ff_exec_idempotency (expires_at_ms);

-- Flows, edges, cancellation ------------------------------------------------------------------------------------------

CREATE TABLE ff_flow_core (
  partition_key     INTEGER NOT NULL,
  flow_id           BLOB    NOT NULL,
  graph_revision    INTEGER NOT NULL DEFAULT 0,
  public_flow_state TEXT    NOT NULL,
  created_at_ms     INTEGER NOT NULL,
  terminal_at_ms    INTEGER,
  raw_fields        TEXT    NOT NULL DEFAULT '{}',
  PRIMARY KEY (partition_key, flow_id)
) STRICT;

CREATE TABLE ff_edge (
  partition_key     INTEGER NOT NULL,
  flow_id           BLOB    NOT NULL,
  edge_id           BLOB    NOT NULL,
  upstream_eid      BLOB    NOT NULL,
  downstream_eid    BLOB    NOT NULL,
  policy            TEXT    NOT NULL, -- the edge record as JSON
  policy_version    INTEGER NOT NULL DEFAULT 0,
  dep_state         TEXT    NOT NULL DEFAULT 'none', -- none (staged), unsatisfied, satisfied, impossible
  resolved_at_ms    INTEGER,
  resolved_outcome  TEXT,
  resolved_event_id INTEGER, -- 0: by a direct call or inline
  reset_event_id    INTEGER NOT NULL DEFAULT 0, -- only later completion events resolve the edge
  PRIMARY KEY (partition_key, flow_id, edge_id)
) STRICT;

CREATE INDEX ff_edge_downstream_idx ON ff_edge (partition_key, flow_id, downstream_eid);
CREATE INDEX ff_edge_upstream_idx ON ff_edge (partition_key, flow_id, upstream_eid);
CREATE INDEX ff_edge_unresolved_idx ON ff_edge (upstream_eid, edge_id) WHERE dep_state = 'unsatisfied';

CREATE TABLE ff_edge_group (
  partition_key                   INTEGER NOT NULL,
  flow_id                         BLOB    NOT NULL,
  downstream_eid                  BLOB    NOT NULL,
  policy                          TEXT    NOT NULL,
  k_target                        INTEGER NOT NULL DEFAULT 0,
  success_count                   INTEGER NOT NULL DEFAULT 0,
  fail_count                      INTEGER NOT NULL DEFAULT 0,
  skip_count                      INTEGER NOT NULL DEFAULT 0,
  running_count                   INTEGER NOT NULL DEFAULT 0,
  cancel_siblings_pending_flag    INTEGER NOT NULL DEFAULT 0,
  cancel_siblings_pending_members TEXT    NOT NULL DEFAULT '[]',
  group_state                     TEXT    NOT NULL DEFAULT 'pending', -- pending, satisfied, impossible, cancelled
  satisfied_at_ms                 INTEGER,
  cancel_siblings_reason          TEXT,
  PRIMARY KEY (partition_key, flow_id, downstream_eid)
) STRICT;

CREATE TABLE ff_pending_cancel_groups (
  partition_key  INTEGER NOT NULL,
  flow_id        BLOB    NOT NULL,
  downstream_eid BLOB    NOT NULL,
  enqueued_at_ms INTEGER NOT NULL,
  PRIMARY KEY (partition_key, flow_id, downstream_eid)
) STRICT;

CREATE INDEX ff_pending_cancel_groups_enqueued_idx ON ff_pending_cancel_groups (partition_key, enqueued_at_ms);

CREATE TABLE ff_cancel_backlog (
  partition_key       INTEGER NOT NULL,
  flow_id             BLOB    NOT NULL,
  requested_at_ms     INTEGER NOT NULL,
  requester           TEXT    NOT NULL DEFAULT '',
  reason              TEXT    NOT NULL DEFAULT '',
  grace_until_ms      INTEGER,
  cancellation_policy TEXT    NOT NULL,
  status              TEXT    NOT NULL DEFAULT 'pending',
  PRIMARY KEY (partition_key, flow_id)
) STRICT;

CREATE INDEX ff_cancel_backlog_grace_idx ON ff_cancel_backlog (partition_key, grace_until_ms)
  WHERE grace_until_ms IS NOT NULL;

CREATE TABLE ff_cancel_backlog_member (
  partition_key INTEGER NOT NULL,
  flow_id       BLOB    NOT NULL,
  execution_id  TEXT    NOT NULL, -- full wire id
  PRIMARY KEY (partition_key, flow_id, execution_id)
) STRICT;

CREATE TABLE ff_cancel_dispatch_outbox (
  partition_key  INTEGER NOT NULL,
  flow_id        BLOB    NOT NULL,
  downstream_eid BLOB    NOT NULL,
  target_exec_id BLOB    NOT NULL,
  reason         TEXT    NOT NULL,
  enqueued_at_ms INTEGER NOT NULL,
  PRIMARY KEY (partition_key, flow_id, downstream_eid, target_exec_id)
) STRICT;

CREATE INDEX ff_cancel_dispatch_outbox_enqueued_idx ON ff_cancel_dispatch_outbox (partition_key, enqueued_at_ms);

CREATE TABLE ff_flow_summary (
  partition_key            INTEGER NOT NULL,
  flow_id                  BLOB    NOT NULL,
  total_members            INTEGER NOT NULL DEFAULT 0,
  sampled_members          INTEGER NOT NULL DEFAULT 0,
  members_completed        INTEGER NOT NULL DEFAULT 0,
  members_failed           INTEGER NOT NULL DEFAULT 0,
  members_cancelled        INTEGER NOT NULL DEFAULT 0,
  members_expired          INTEGER NOT NULL DEFAULT 0,
  members_skipped          INTEGER NOT NULL DEFAULT 0,
  members_active           INTEGER NOT NULL DEFAULT 0,
  members_suspended        INTEGER NOT NULL DEFAULT 0,
  members_waiting          INTEGER NOT NULL DEFAULT 0,
  members_delayed          INTEGER NOT NULL DEFAULT 0,
  members_rate_limited     INTEGER NOT NULL DEFAULT 0,
  members_waiting_children INTEGER NOT NULL DEFAULT 0,
  public_flow_state        TEXT    NOT NULL,
  last_summary_update_at   INTEGER NOT NULL,
  PRIMARY KEY (partition_key, flow_id)
) STRICT;

-- Suspension and streams ----------------------------------------------------------------------------------------------

CREATE TABLE ff_suspension_current (
  partition_key                 INTEGER NOT NULL,
  execution_id                  BLOB    NOT NULL,
  suspension_id                 BLOB    NOT NULL,
  suspended_at_ms               INTEGER NOT NULL,
  timeout_at_ms                 INTEGER,
  reason_code                   TEXT,
  condition                     TEXT    NOT NULL,
  satisfied_set                 TEXT    NOT NULL DEFAULT '[]',
  member_map                    TEXT    NOT NULL DEFAULT '{}',
  timeout_behavior              TEXT,
  attempt_index                 INTEGER,
  requested_by                  TEXT,
  resume_policy                 TEXT,
  continuation_metadata_pointer TEXT,
  closed_at_ms                  INTEGER,
  close_reason                  TEXT,
  PRIMARY KEY (partition_key, execution_id)
) STRICT;

CREATE INDEX ff_suspension_current_suspended_at_idx ON ff_suspension_current (partition_key, suspended_at_ms);
CREATE INDEX ff_suspension_current_timeout_idx ON ff_suspension_current (partition_key, timeout_at_ms)
  WHERE timeout_at_ms IS NOT NULL;

CREATE TABLE ff_waitpoint_pending (
  partition_key         INTEGER NOT NULL,
  waitpoint_id          BLOB    NOT NULL,
  execution_id          BLOB    NOT NULL,
  token_kid             TEXT    NOT NULL,
  token                 TEXT    NOT NULL,
  created_at_ms         INTEGER NOT NULL,
  expires_at_ms         INTEGER,
  condition             TEXT,
  waitpoint_key         TEXT    NOT NULL DEFAULT '',
  state                 TEXT    NOT NULL DEFAULT 'pending',
  required_signal_names TEXT    NOT NULL DEFAULT '[]',
  activated_at_ms       INTEGER,
  attempt_index         INTEGER,
  PRIMARY KEY (partition_key, waitpoint_id)
) STRICT;

CREATE INDEX ff_waitpoint_pending_expires_idx ON ff_waitpoint_pending (partition_key, expires_at_ms)
  WHERE expires_at_ms IS NOT NULL;
CREATE INDEX ff_waitpoint_pending_exec_idx ON ff_waitpoint_pending (partition_key, execution_id);

CREATE TABLE ff_suspend_dedup (
  partition_key   INTEGER NOT NULL,
  idempotency_key TEXT    NOT NULL,
  outcome_json    TEXT    NOT NULL,
  created_at_ms   INTEGER NOT NULL,
  expires_at_ms   INTEGER,
  PRIMARY KEY (partition_key, idempotency_key)
) STRICT;

CREATE INDEX ff_suspend_dedup_expires_idx ON ff_suspend_dedup (expires_at_ms) WHERE expires_at_ms IS NOT NULL;

CREATE TABLE ff_signal (
  seq                 INTEGER PRIMARY KEY AUTOINCREMENT,
  partition_key       INTEGER NOT NULL,
  execution_id        BLOB    NOT NULL,
  signal_id           BLOB    NOT NULL,
  waitpoint_id        BLOB,
  waitpoint_key       TEXT    NOT NULL,
  suspension_id       BLOB, -- NULL: still buffered
  signal_name         TEXT    NOT NULL,
  signal_category     TEXT    NOT NULL,
  source_type         TEXT    NOT NULL,
  source_identity     TEXT    NOT NULL,
  correlation_id      TEXT    NOT NULL DEFAULT '',
  target_scope        TEXT    NOT NULL,
  payload             BLOB,
  payload_encoding    TEXT    NOT NULL,
  idempotency_key     TEXT,
  dedup_expires_at_ms INTEGER,
  created_at_ms       INTEGER NOT NULL,
  accepted_at_ms      INTEGER NOT NULL,
  effect              TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX ff_signal_execution_idx ON ff_signal (execution_id, signal_id);
CREATE INDEX ff_signal_dedup_idx ON ff_signal (waitpoint_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX ff_signal_suspension_idx ON ff_signal (execution_id, suspension_id, waitpoint_key);

CREATE TABLE ff_stream_frame (
  frame_id      INTEGER PRIMARY KEY AUTOINCREMENT,
  partition_key INTEGER NOT NULL,
  execution_id  BLOB    NOT NULL,
  attempt_index INTEGER NOT NULL,
  ts_ms         INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  fields        TEXT    NOT NULL,
  mode          TEXT    NOT NULL,
  created_at_ms INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX ff_stream_frame_key_idx
  ON ff_stream_frame (partition_key, execution_id, attempt_index, ts_ms, seq);

CREATE TABLE ff_stream_summary (
  partition_key    INTEGER NOT NULL,
  execution_id     BLOB    NOT NULL,
  attempt_index    INTEGER NOT NULL,
  document_json    TEXT    NOT NULL,
  version          INTEGER NOT NULL DEFAULT 0,
  patch_kind       TEXT,
  last_updated_ms  INTEGER NOT NULL,
  first_applied_ms INTEGER NOT NULL,
  PRIMARY KEY (partition_key, execution_id, attempt_index)
) STRICT;

CREATE TABLE ff_stream_meta (
  partition_key       INTEGER NOT NULL,
  execution_id        BLOB    NOT NULL,
  attempt_index       INTEGER NOT NULL,
  ema_rate_hz         REAL    NOT NULL DEFAULT 0,
  last_append_ts_ms   INTEGER NOT NULL DEFAULT 0,
  maxlen_applied_last INTEGER NOT NULL DEFAULT 0,
  ttl_ms              INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (partition_key, execution_id, attempt_index)
) STRICT;

-- Outbox --------------------------------------------------------------------------------------------------------------

CREATE TABLE ff_completion_event (
  event_id         INTEGER PRIMARY KEY AUTOINCREMENT,
  partition_key    INTEGER NOT NULL,
  execution_id     BLOB    NOT NULL,
  flow_id          BLOB,
  outcome          TEXT    NOT NULL,
  namespace        TEXT,
  instance_tag     TEXT,
  occurred_at_ms   INTEGER NOT NULL,
  committed_at_ms  INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
  dispatched_at_ms INTEGER -- NULL: the cascade has not run
) STRICT;

CREATE INDEX ff_completion_event_pending_dispatch_idx ON ff_completion_event (event_id)
  WHERE dispatched_at_ms IS NULL;
CREATE INDEX ff_completion_event_lookup_idx ON ff_completion_event (execution_id, event_id)
  WHERE flow_id IS NOT NULL;

CREATE TABLE ff_lease_event (
  event_id           INTEGER PRIMARY KEY AUTOINCREMENT,
  execution_id       TEXT    NOT NULL, -- bare UUID
  lease_id           TEXT,
  event_type         TEXT    NOT NULL,
  occurred_at_ms     INTEGER NOT NULL,
  partition_key      INTEGER NOT NULL,
  namespace          TEXT,
  instance_tag       TEXT,
  worker_instance_id TEXT,
  revoked_by         TEXT,
  attempt_index      INTEGER,
  lease_epoch        INTEGER
) STRICT;

CREATE TABLE ff_signal_event (
  event_id        INTEGER PRIMARY KEY AUTOINCREMENT,
  execution_id    TEXT    NOT NULL,
  signal_id       TEXT    NOT NULL,
  waitpoint_id    TEXT,
  source_identity TEXT,
  delivered_at_ms INTEGER NOT NULL,
  partition_key   INTEGER NOT NULL,
  namespace       TEXT,
  instance_tag    TEXT,
  effect          TEXT
) STRICT;

CREATE TABLE ff_instance_tag_event (
  event_id       INTEGER PRIMARY KEY AUTOINCREMENT,
  execution_id   TEXT    NOT NULL,
  event_type     TEXT    NOT NULL, -- attached, cleared
  tag            TEXT    NOT NULL, -- <key>=<value>
  occurred_at_ms INTEGER NOT NULL,
  partition_key  INTEGER NOT NULL,
  namespace      TEXT,
  instance_tag   TEXT
) STRICT;

CREATE TABLE ff_operator_event (
  event_id       INTEGER PRIMARY KEY AUTOINCREMENT,
  execution_id   TEXT    NOT NULL, -- for flow_cancel_requested the flow's UUID
  event_type     TEXT    NOT NULL CHECK (event_type IN ('priority_changed', 'replayed', 'flow_cancel_requested')),
  details        TEXT,
  occurred_at_ms INTEGER NOT NULL,
  partition_key  INTEGER NOT NULL,
  namespace      TEXT,
  instance_tag   TEXT
) STRICT;

-- Budgets, quotas, workers --------------------------------------------------------------------------------------------

CREATE TABLE ff_budget_policy (
  partition_key     INTEGER NOT NULL,
  budget_id         TEXT    NOT NULL,
  policy_json       TEXT    NOT NULL,
  created_at_ms     INTEGER NOT NULL,
  updated_at_ms     INTEGER NOT NULL,
  scope_type        TEXT    NOT NULL DEFAULT '',
  scope_id          TEXT    NOT NULL DEFAULT '',
  enforcement_mode  TEXT    NOT NULL DEFAULT '',
  breach_count      INTEGER NOT NULL DEFAULT 0,
  soft_breach_count INTEGER NOT NULL DEFAULT 0,
  last_breach_at_ms INTEGER,
  last_breach_dim   TEXT,
  next_reset_at_ms  INTEGER,
  breached_at_ms    INTEGER,
  PRIMARY KEY (partition_key, budget_id)
) STRICT;

CREATE INDEX ff_budget_policy_reset_due_idx ON ff_budget_policy (partition_key, next_reset_at_ms)
  WHERE next_reset_at_ms IS NOT NULL;

CREATE TABLE ff_budget_usage (
  partition_key    INTEGER NOT NULL,
  budget_id        TEXT    NOT NULL,
  dimensions_key   TEXT    NOT NULL,
  current_value    INTEGER NOT NULL DEFAULT 0,
  last_reset_at_ms INTEGER,
  updated_at_ms    INTEGER NOT NULL,
  PRIMARY KEY (partition_key, budget_id, dimensions_key)
) STRICT;

CREATE TABLE ff_budget_usage_dedup (
  partition_key INTEGER NOT NULL,
  dedup_key     TEXT    NOT NULL,
  outcome_json  TEXT    NOT NULL,
  applied_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  PRIMARY KEY (partition_key, dedup_key)
) STRICT;

CREATE INDEX ff_budget_usage_dedup_expires_idx ON ff_budget_usage_dedup (partition_key, expires_at_ms);

CREATE TABLE ff_budget_usage_by_exec (
  partition_key  INTEGER NOT NULL,
  budget_id      TEXT    NOT NULL,
  execution_id   TEXT    NOT NULL,
  dimensions_key TEXT    NOT NULL,
  delta_total    INTEGER NOT NULL DEFAULT 0,
  updated_at_ms  INTEGER NOT NULL,
  PRIMARY KEY (partition_key, budget_id, execution_id, dimensions_key)
) STRICT;

CREATE INDEX ff_budget_usage_by_exec_release_idx ON ff_budget_usage_by_exec (partition_key, budget_id, execution_id);

CREATE TABLE ff_quota_policy (
  partition_key               INTEGER NOT NULL,
  quota_policy_id             TEXT    NOT NULL,
  requests_per_window_seconds INTEGER NOT NULL,
  max_requests_per_window     INTEGER NOT NULL,
  active_concurrency_cap      INTEGER NOT NULL,
  active_concurrency          INTEGER NOT NULL DEFAULT 0,
  created_at_ms               INTEGER NOT NULL,
  updated_at_ms               INTEGER NOT NULL,
  jitter_ms                   INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (partition_key, quota_policy_id)
) STRICT;

CREATE TABLE ff_quota_window (
  partition_key   INTEGER NOT NULL,
  quota_policy_id TEXT    NOT NULL,
  dimension       TEXT    NOT NULL DEFAULT '',
  admitted_at_ms  INTEGER NOT NULL,
  execution_id    TEXT    NOT NULL,
  PRIMARY KEY (partition_key, quota_policy_id, dimension, admitted_at_ms, execution_id)
) STRICT;

CREATE TABLE ff_quota_admitted (
  partition_key   INTEGER NOT NULL,
  quota_policy_id TEXT    NOT NULL,
  execution_id    TEXT    NOT NULL,
  admitted_at_ms  INTEGER NOT NULL,
  expires_at_ms   INTEGER NOT NULL,
  PRIMARY KEY (partition_key, quota_policy_id, execution_id)
) STRICT;

CREATE INDEX ff_quota_admitted_expires_idx ON ff_quota_admitted (partition_key, expires_at_ms);

CREATE TABLE ff_worker_registry (
  namespace          TEXT    NOT NULL,
  worker_instance_id TEXT    NOT NULL,
  worker_id          TEXT    NOT NULL,
  lanes              TEXT    NOT NULL, -- sorted, comma-joined
  capabilities_csv   TEXT    NOT NULL,
  last_heartbeat_ms  INTEGER NOT NULL,
  liveness_ttl_ms    INTEGER NOT NULL,
  registered_at_ms   INTEGER NOT NULL,
  PRIMARY KEY (namespace, worker_instance_id)
) STRICT;

CREATE INDEX ff_worker_registry_ns_inst_idx ON ff_worker_registry (namespace, worker_instance_id);

CREATE TABLE ff_worker_registry_event (
  namespace          TEXT    NOT NULL,
  worker_instance_id TEXT    NOT NULL,
  event_at_ms        INTEGER NOT NULL,
  event_kind         TEXT    NOT NULL CHECK (event_kind IN ('registered', 'heartbeat', 'marked_dead', 'ttl_swept')),
  reason             TEXT,
  PRIMARY KEY (namespace, worker_instance_id, event_at_ms, event_kind)
) STRICT;

CREATE INDEX ff_worker_registry_event_at_idx ON ff_worker_registry_event (event_at_ms);
