package ffsqlite_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// The changes below go with args and created.

func withPriority(priority int32) func(*messages.CreateExecutionArgs) {
	return func(a *messages.CreateExecutionArgs) { a.Priority = priority }
}

func inLane(lane messages.LaneID) func(*messages.CreateExecutionArgs) {
	return func(a *messages.CreateExecutionArgs) { a.LaneID = lane }
}

func ofKind(kind string) func(*messages.CreateExecutionArgs) {
	return func(a *messages.CreateExecutionArgs) { a.ExecutionKind = kind }
}

func createdAt(ms messages.TimestampMs) func(*messages.CreateExecutionArgs) {
	return func(a *messages.CreateExecutionArgs) { a.Now = ms }
}

// withPolicy gives the execution a policy; several changes of it go into the same.
func withPolicy(change func(*messages.ExecutionPolicy)) func(*messages.CreateExecutionArgs) {
	return func(a *messages.CreateExecutionArgs) {
		if a.Policy == nil {
			a.Policy = messages.NewExecutionPolicy()
		}
		change(a.Policy)
	}
}

func requiring(capabilities ...string) func(*messages.CreateExecutionArgs) {
	return withPolicy(func(p *messages.ExecutionPolicy) {
		p.RoutingRequirements = &messages.RoutingRequirements{RequiredCapabilities: capabilities}
	})
}

func retrying(policy messages.RetryPolicy) func(*messages.CreateExecutionArgs) {
	return withPolicy(func(p *messages.ExecutionPolicy) { p.RetryPolicy = &policy })
}

// seeded inserts the row that the acceptance scenarios call R, without the engine and with the literals of other
// programs, and makes the assignments on it.
func (e *engine) seeded(assignments ...string) messages.ExecutionID {
	e.t.Helper()
	id := newID()
	e.sql.Exec(`
		INSERT INTO ff_exec_core (partition_key, execution_id, lane_id, attempt_index, lifecycle_phase, ownership_state,
		                          eligibility_state, public_state, attempt_state, priority, created_at_ms, raw_fields)
		VALUES (0, ?1, 'default', 0, 'runnable', 'unowned', 'eligible_now', 'pending', 'initial', 0, 1, '{}')`, id.UUID())
	for _, a := range assignments {
		e.patch(id, a)
	}
	return id
}

// require inserts required capabilities of an execution by hand.
func (e *engine) require(id messages.ExecutionID, capabilities ...string) {
	e.t.Helper()
	for _, c := range capabilities {
		e.sql.Exec("INSERT INTO ff_execution_capabilities (execution_id, capability) VALUES (?1, ?2)", id.UUID(), c)
	}
}

// seededLease inserts the rows that the acceptance scenarios call L: an execution that runs, with an attempt that does
// not know its ids. The handle carries a lease id of its own.
func (e *engine) seededLease() (messages.ExecutionID, messages.Handle) {
	e.t.Helper()
	attempt := messages.NewAttemptID()
	id := e.seeded(`lifecycle_phase = 'active', ownership_state = 'leased', eligibility_state = 'not_applicable',
		public_state = 'active', attempt_state = 'running_attempt',
		raw_fields = '{"current_attempt_id": "` + attempt.String() + `"}'`)
	e.sql.Exec(`
		INSERT INTO ff_attempt (partition_key, execution_id, attempt_index, worker_id, worker_instance_id, lease_epoch,
		                        lease_expires_at_ms)
		VALUES (0, ?1, 0, 'w', 'wi', 1, ?2)`, id.UUID(), e.now()+60_000)
	return id, handleOf(messages.HandlePayload{
		ExecutionID: id, AttemptID: attempt, LeaseID: messages.NewLeaseID(), LeaseEpoch: 1, LeaseTTL: 30_000_000_000,
		LaneID: lane, WorkerInstanceID: "wi",
	})
}

func handleOf(payload messages.HandlePayload) messages.Handle {
	return messages.Handle{
		Backend: messages.BackendSqlite, Kind: messages.HandleFresh,
		Opaque: messages.EncodeHandle(messages.BackendSqlite, payload),
	}
}

// forged is the handle with a changed payload.
func forged(t testing.TB, handle messages.Handle, change func(*messages.HandlePayload)) messages.Handle {
	t.Helper()
	payload := payloadOf(t, handle)
	change(&payload)
	return handleOf(payload)
}

// grant inserts a grant by hand, of kind claim or reclaim.
func (e *engine) grant(id messages.ExecutionID, kind, worker string, expires messages.TimestampMs) {
	e.t.Helper()
	e.sql.Exec(`
		INSERT INTO ff_claim_grant (partition_key, grant_id, execution_id, kind, worker_id, worker_instance_id,
		                            grant_ttl_ms, issued_at_ms, expires_at_ms)
		VALUES (0, randomblob(32), ?1, ?2, ?3, ?3, 1000, 1, ?4)`, id.UUID(), kind, worker, expires)
}

func (e *engine) grants() int64 {
	e.t.Helper()
	return e.sql.Int("SELECT count(*) FROM ff_claim_grant")
}

// patchAttempt runs plain SQL on one attempt row.
func (e *engine) patchAttempt(id messages.ExecutionID, index int, assignments string) {
	e.t.Helper()
	e.sql.Exec("UPDATE ff_attempt SET "+assignments+" WHERE execution_id = ?1 AND attempt_index = ?2", id.UUID(), index)
}

// interrupt takes the lease of a running execution away and leaves its attempt to be continued, as a revocation does.
func (e *engine) interrupt(id messages.ExecutionID, index int) {
	e.t.Helper()
	e.patch(id, `lifecycle_phase = 'runnable', ownership_state = 'unowned', eligibility_state = 'eligible_now',
		public_state = 'waiting', attempt_state = 'attempt_interrupted', blocking_reason = 'waiting_for_worker'`)
	e.patchAttempt(id, index, "lease_expires_at_ms = NULL")
}

// attempts counts the attempt rows of an execution.
func (e *engine) attempts(id messages.ExecutionID) int64 {
	e.t.Helper()
	return e.sql.Int("SELECT count(*) FROM ff_attempt WHERE execution_id = ?1", id.UUID())
}

// attemptVector is epoch, expiry, outcome and end of one attempt.
func (e *engine) attemptVector(id messages.ExecutionID, index int) string {
	e.t.Helper()
	return e.attempt(id, index, `lease_epoch || ' ' || coalesce(lease_expires_at_ms, 'NULL') || ' ' ||
		coalesce(outcome, 'NULL') || ' ' || coalesce(terminal_at_ms, 'NULL')`)
}

// stored is every row of the tables that executions write, to assert that a call wrote nothing.
func (e *engine) stored() map[string][][]string {
	e.t.Helper()
	rows := map[string][][]string{}
	for _, table := range []string{
		"ff_exec_core", "ff_attempt", "ff_execution_capabilities", "ff_exec_idempotency", "ff_lane_registry",
		"ff_claim_grant", "ff_completion_event", "ff_lease_event", "ff_operator_event", "ff_instance_tag_event",
		"ff_stream_frame", "ff_stream_summary", "ff_stream_meta",
	} {
		rows[table] = e.sql.Rows("SELECT * FROM " + table + " ORDER BY 1, 2")
	}
	return rows
}

// requireDetail asserts kind, code and the exact detail of an error of the engine.
func requireDetail(t testing.TB, err, target error, detail string) {
	t.Helper()
	require.ErrorIs(t, err, target)
	var e *messages.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, detail, e.Detail)
}

func requireInvalid(t testing.TB, err error, detail string) {
	t.Helper()
	requireDetail(t, err, messages.ErrInvalidInput, detail)
}

// requireNotActive asserts the error of an execution that does not run, with all that it tells.
func requireNotActive(t testing.TB, err error, want messages.NotActiveInfo) {
	t.Helper()
	require.ErrorIs(t, err, messages.ErrExecutionNotActive)
	var e *messages.Error
	require.ErrorAs(t, err, &e)
	require.NotNil(t, e.NotActive)
	require.Equal(t, want, *e.NotActive)
}

// policyDocument is the stored policy of an execution.
func (e *engine) policyDocument(id messages.ExecutionID) (policy messages.ExecutionPolicy) {
	e.t.Helper()
	require.NoError(e.t, json.Unmarshal([]byte(e.column(id, "policy")), &policy))
	return policy
}
