package main

const (
	// workerCapability is what the bench's worker offers. What it lacks is gpu, which seedRequirementsSQL asks for.
	workerCapability = "cpu"

	// foreignJob is the payload of the executions that no cell may get.
	foreignJob = payloadBase - 1
)

// The statements below write the rows that CreateExecution, a claim and Complete leave behind. Executions are created
// one a millisecond.

// countingUp is n, the numbers from 0 up to but not including ?1.
const countingUp = `
WITH RECURSIVE n (i) AS (
  SELECT 0 WHERE ?1 > 0
   UNION ALL
  SELECT i + 1 FROM n WHERE i + 1 < ?1
)`

const seedLaneSQL = `
INSERT INTO ff_lane_registry (lane_id, registered_at_ms, registered_by)
VALUES ('default', ?1, 'create_execution')`

const seedFinishedSQL = countingUp + `
INSERT INTO ff_exec_core (partition_key, execution_id, lane_id, lifecycle_phase, ownership_state, eligibility_state,
                          public_state, attempt_state, created_at_ms, started_at_ms, terminal_at_ms, payload,
                          raw_fields, capability_key)
SELECT 0, uuid_blob(uuid()), 'default', 'terminal', 'unowned', 'not_applicable',
       'completed', 'attempt_terminal', ?2 + i, ?2 + i + 1, ?2 + i + 2, CAST('00000000' AS BLOB),
       json_object('namespace', 'default', 'execution_kind', 'op', 'creator_identity', '',
                   'last_mutation_at', CAST(?2 + i + 2 AS TEXT), 'total_attempt_count', '1', 'tags', json('{}'),
                   'current_attempt_id', uuid(), 'current_attempt_index', '0', 'current_lease_id', '',
                   'current_worker_id', '', 'current_worker_instance_id', '', 'pending_retry_reason', '',
                   'pending_previous_attempt_index', '', 'pending_replay_reason', '',
                   'pending_replay_requested_by', '', 'blocking_detail', '', 'terminal_outcome', 'success'),
       ''
  FROM n`

const seedAttemptsSQL = `
INSERT INTO ff_attempt (partition_key, execution_id, attempt_index, worker_id, worker_instance_id, lease_epoch,
                        started_at_ms, terminal_at_ms, outcome, raw_fields)
SELECT partition_key, execution_id, 0, 'w', 'w-0', 1,
       started_at_ms, terminal_at_ms, 'success',
       json_object('attempt_type', 'initial', 'attempt_id', raw_fields ->> '$.current_attempt_id',
                   'lease_id', uuid(), 'lease_renewed_at_ms', started_at_ms)
  FROM ff_exec_core
 WHERE lifecycle_phase = 'terminal'
 ORDER BY rowid`

const seedCompletionsSQL = `
INSERT INTO ff_completion_event (partition_key, execution_id, outcome, namespace, occurred_at_ms, committed_at_ms,
                                 dispatched_at_ms)
SELECT partition_key, execution_id, 'success', 'default', terminal_at_ms, terminal_at_ms,
       terminal_at_ms
  FROM ff_exec_core
 WHERE lifecycle_phase = 'terminal'
 ORDER BY rowid`

// seedLeasesSQL writes two events for each attempt: its lease was acquired, and given back by the completion.
const seedLeasesSQL = `
INSERT INTO ff_lease_event (execution_id, lease_id, event_type, occurred_at_ms, partition_key, namespace,
                            worker_instance_id, revoked_by, attempt_index, lease_epoch)
SELECT uuid_str(execution_id), raw_fields ->> '$.lease_id', e.value,
       iif(e.value = 'acquired', started_at_ms, terminal_at_ms), partition_key, 'default',
       worker_instance_id, iif(e.value = 'acquired', NULL, 'complete'), attempt_index, lease_epoch
  FROM ff_attempt
  CROSS JOIN json_each('["acquired", "revoked"]') AS e`

// seedOtherKindSQL writes executions of another kind, older and more urgent than the worker's own.
const seedOtherKindSQL = countingUp + `
INSERT INTO ff_exec_core (partition_key, execution_id, lane_id, lifecycle_phase, ownership_state, eligibility_state,
                          public_state, attempt_state, blocking_reason, priority, created_at_ms, payload,
                          raw_fields, capability_key)
SELECT 0, uuid_blob(uuid()), 'default', 'submitted', 'unowned', 'eligible_now',
       'waiting', 'pending', 'waiting_for_worker', 9, ?2 + i, CAST(CAST(?3 AS TEXT) AS BLOB),
       json_object('namespace', 'default', 'execution_kind', 'other', 'creator_identity', '',
                   'last_mutation_at', CAST(?2 + i AS TEXT), 'total_attempt_count', '0', 'tags', json('{}')),
       ''
  FROM n`

// seedRequirementsSQL comes before the executions, as it does in CreateExecution: a requirement that comes later makes
// the execution's key unknown.
const seedRequirementsSQL = countingUp + `
INSERT INTO ff_execution_capabilities (execution_id, capability)
SELECT uuid_blob(uuid()), 'gpu'
  FROM n`

// seedCapabilitySQL writes the executions of those requirements, older and more urgent than the worker's own, and all
// created at one time: their ids order them.
const seedCapabilitySQL = `
INSERT INTO ff_exec_core (partition_key, execution_id, lane_id, lifecycle_phase, ownership_state, eligibility_state,
                          public_state, attempt_state, blocking_reason, priority, created_at_ms, payload,
                          policy, raw_fields, capability_key)
SELECT 0, execution_id, 'default', 'submitted', 'unowned', 'eligible_now',
       'waiting', 'pending', 'waiting_for_worker', 9, ?1, CAST(CAST(?2 AS TEXT) AS BLOB),
       '{"routing_requirements":{"required_capabilities":["gpu"]}}',
       json_object('namespace', 'default', 'execution_kind', 'op', 'creator_identity', '',
                   'last_mutation_at', CAST(?1 AS TEXT), 'total_attempt_count', '0', 'tags', json('{}')),
       capability
  FROM ff_execution_capabilities`

const seedClaimableSQL = countingUp + `
INSERT INTO ff_exec_core (partition_key, execution_id, lane_id, lifecycle_phase, ownership_state, eligibility_state,
                          public_state, attempt_state, blocking_reason, priority, created_at_ms, payload,
                          raw_fields, capability_key)
SELECT 0, uuid_blob(uuid()), 'default', 'submitted', 'unowned', 'eligible_now',
       'waiting', 'pending', 'waiting_for_worker', 0, ?2 + i, CAST(CAST(?3 + i AS TEXT) AS BLOB),
       json_object('namespace', 'default', 'execution_kind', 'op', 'creator_identity', '',
                   'last_mutation_at', CAST(?2 + i AS TEXT), 'total_attempt_count', '0', 'tags', json('{}')),
       ''
  FROM n`
