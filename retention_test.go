package ffsqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// Retention and the upkeep of the store: 02 §8.7, 06 §6.2.

func keptFor(ttl time.Duration) func(*messages.CreateExecutionArgs) {
	return withPolicy(func(p *messages.ExecutionPolicy) {
		p.StreamPolicy = messages.NewStreamPolicy()
		p.StreamPolicy.RetentionTTL = ttl
	})
}

// remains counts the rows of all tables that name the execution.
func (e *engine) remains(id messages.ExecutionID) (n int64) {
	e.t.Helper()
	uuid := id.UUID()
	for _, table := range []string{
		"ff_exec_core", "ff_attempt", "ff_claim_grant", "ff_completion_event", "ff_stream_frame", "ff_stream_meta",
		"ff_stream_summary", "ff_suspension_current", "ff_waitpoint_pending", "ff_signal", "ff_execution_capabilities",
		"ff_lease_event", "ff_operator_event", "ff_signal_event", "ff_instance_tag_event", "ff_budget_usage_by_exec",
		"ff_cancel_backlog_member", "ff_quota_window", "ff_quota_admitted", "ff_exec_idempotency",
	} {
		n += e.sql.Int("SELECT count(*) FROM "+table+" WHERE execution_id IN (?1, ?2, ?3)",
			uuid[:], messages.FlowID(uuid).String(), id.String())
	}
	return n + e.sql.Int("SELECT count(*) FROM ff_edge_group WHERE downstream_eid = ?1", uuid[:])
}

// ended creates an execution that ends at once, with a success.
func (e *engine) ended(change ...func(*messages.CreateExecutionArgs)) messages.ExecutionID {
	e.t.Helper()
	id := e.created(change...)
	e.drive(id, true)
	return id
}

func (e *engine) trimmed(batch uint32, change ...func(*messages.TrimRetentionArgs)) uint32 {
	e.t.Helper()
	args := messages.TrimRetentionArgs{LaneID: lane, Retention: messages.DefaultRetention, BatchSize: batch}
	for _, c := range change {
		c(&args)
	}
	n, err := e.TrimRetention(e.t.Context(), args)
	require.NoError(e.t, err)
	return n
}

func TestSpec02_S76_AllRowsOfAnExecutionGo(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	full := e.created(requiring("x"), func(a *messages.CreateExecutionArgs) {
		a.IdempotencyKey, a.Tags = "once", map[string]string{"cairn.instance_id": "i-1"}
	})
	handle, err := e.Claim(t.Context(), claimArgs("x"))
	require.NoError(t, err)
	require.NoError(t, e.Complete(t.Context(), *handle, []byte("done")))
	cancelled := e.created()
	_, err = e.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: cancelled})
	require.NoError(t, err)
	seed := func(sql string) { e.sql.Exec(sql, full.UUID()) }
	seed(`INSERT INTO ff_stream_frame (partition_key, execution_id, attempt_index, ts_ms, seq, fields, mode, created_at_ms)
		VALUES (0, ?1, 0, 1, 0, '{}', 'durable', 1)`)
	seed("INSERT INTO ff_stream_summary (partition_key, execution_id, attempt_index, document_json, last_updated_ms, first_applied_ms) VALUES (0, ?1, 0, '{}', 1, 1)")
	seed(`INSERT INTO ff_signal (partition_key, execution_id, signal_id, waitpoint_key, signal_name, signal_category, source_type,
		source_identity, target_scope, payload_encoding, created_at_ms, accepted_at_ms, effect) VALUES (0, ?1, x'01', '', '', '', '', '', '', '', 1, 1, '')`)
	bare := messages.FlowID(full.UUID()).String()
	e.sql.Exec("INSERT INTO ff_signal_event (execution_id, signal_id, delivered_at_ms, partition_key) VALUES (?1, 's', 1, 0)", bare)
	e.sql.Exec("INSERT INTO ff_lease_event (execution_id, event_type, occurred_at_ms, partition_key) VALUES (?1, 'renewed', 1, 0)", bare)
	e.sql.Exec("INSERT INTO ff_operator_event (execution_id, event_type, occurred_at_ms, partition_key) VALUES (?1, 'replayed', 1, 0)", bare)
	e.sql.Exec("INSERT INTO ff_budget_usage_by_exec (partition_key, budget_id, execution_id, dimensions_key, updated_at_ms) VALUES (0, 'b', ?1, 'd', 1)", bare)
	e.sql.Exec("INSERT INTO ff_quota_policy VALUES (0, 'q', 60, 1, 3, 2, 1, 1, 0)")
	e.sql.Exec("INSERT INTO ff_quota_admitted VALUES (0, 'q', ?1, 1, 2)", full.String())
	e.sql.Exec("INSERT INTO ff_quota_window VALUES (0, 'q', '', 1, ?1)", full.String())
	other := e.ended()
	e.sql.Exec("UPDATE ff_exec_core SET terminal_at_ms = terminal_at_ms + 1 WHERE execution_id = ?1", other.UUID())

	e.clock.Advance(24*time.Hour - time.Millisecond)
	require.Equal(t, messages.ScanReport{}, e.tick(messages.ScannerRetentionTrimmer, 0))
	e.clock.Advance(time.Millisecond)
	require.Equal(t, messages.ScanReport{Processed: 2}, e.tick(messages.ScannerRetentionTrimmer, 0))
	require.Zero(t, e.remains(full))
	require.Zero(t, e.remains(cancelled))
	require.Positive(t, e.remains(other))
	require.Equal(t, int64(1), e.sql.Int("SELECT active_concurrency FROM ff_quota_policy"))
}

func TestSpec02_S76_FortyFiveGoInOneTick(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	for range 45 {
		e.ended()
	}
	e.clock.Advance(24 * time.Hour)
	require.Equal(t, messages.ScanReport{Processed: 45}, e.tick(messages.ScannerRetentionTrimmer, 0))
	require.Zero(t, e.sql.Int("SELECT count(*) FROM ff_exec_core"))
}

func TestSpec06_S110_S111_ThePeriodAndTheOverride(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	long := e.ended(keptFor(48 * time.Hour))
	usual, short := e.ended(), e.ended(keptFor(time.Hour))
	e.clock.Advance(time.Hour)
	require.Equal(t, uint32(1), e.trimmed(20))
	require.Zero(t, e.remains(short))
	e.clock.Advance(22 * time.Hour)
	require.Equal(t, uint32(0), e.trimmed(20))
	e.clock.Advance(time.Hour)
	require.Equal(t, uint32(0), e.trimmed(0))
	require.Equal(t, uint32(0), e.trimmed(20, func(a *messages.TrimRetentionArgs) { a.LaneID = "elsewhere" }))
	require.Equal(t, uint32(1), e.trimmed(1), "what stays longer is not in the way")
	require.Zero(t, e.remains(usual))
	require.Positive(t, e.remains(long))
	e.clock.Advance(24 * time.Hour)
	require.Equal(t, uint32(1), e.trimmed(20))
}

func TestSpec06_S112_Batches(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	var ids []messages.ExecutionID
	for n := range 25 {
		change := keptFor(24 * time.Hour)
		if n%2 == 0 {
			change = func(*messages.CreateExecutionArgs) {}
		}
		ids = append(ids, e.ended(change))
		e.clock.Advance(time.Millisecond)
	}
	e.clock.Advance(25 * time.Hour)
	require.Equal(t, uint32(20), e.trimmed(20))
	for n, id := range ids {
		require.Equal(t, n >= 20, e.remains(id) > 0, "the oldest go first")
	}
	require.Equal(t, uint32(5), e.trimmed(20))
	require.Equal(t, uint32(0), e.trimmed(20))
}

func TestSpec06_S113_AnUpstreamStaysUntilItsDownstreamHasEnded(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	flow := messages.NewFlowID()
	_, err := e.CreateFlow(t.Context(), messages.CreateFlowArgs{FlowID: flow, Namespace: namespace})
	require.NoError(t, err)
	up, down := e.created(withPriority(9)), e.created()
	for _, id := range []messages.ExecutionID{up, down} {
		_, err := e.AddExecutionToFlow(t.Context(), messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: id})
		require.NoError(t, err)
	}
	edge := messages.NewEdgeID()
	_, err = e.StageDependencyEdge(t.Context(), messages.StageDependencyEdgeArgs{
		FlowID: flow, EdgeID: edge, UpstreamExecutionID: up, DownstreamExecutionID: down, ExpectedGraphRevision: 2,
	})
	require.NoError(t, err)
	_, err = e.ApplyDependencyToChild(t.Context(), messages.ApplyDependencyToChildArgs{
		FlowID: flow, EdgeID: edge, UpstreamExecutionID: up, DownstreamExecutionID: down,
	})
	require.NoError(t, err)
	e.drive(up, true)
	e.clock.Advance(25 * time.Hour)
	require.Equal(t, uint32(0), e.trimmed(20))
	e.drive(down, true)
	require.Equal(t, uint32(1), e.trimmed(20))
	require.Zero(t, e.remains(up))
	require.Equal(t, int64(1), e.sql.Int("SELECT count(*) FROM ff_edge"), "one end is left")
	e.clock.Advance(25 * time.Hour)
	require.Equal(t, messages.ScanReport{Processed: 1}, e.tick(messages.ScannerRetentionTrimmer, 0))
	require.Zero(t, e.remains(down))
	require.Zero(t, e.sql.Int("SELECT count(*) FROM ff_edge"))
}

func TestSpec06_S114_TheFilterAndWhatIsNotDispatched(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	a := e.ended(func(a *messages.CreateExecutionArgs) { a.Namespace = "a" })
	b := e.ended(func(a *messages.CreateExecutionArgs) { a.Namespace = "b" })
	waiting := e.ended(func(a *messages.CreateExecutionArgs) { a.Namespace = "a" })
	e.sql.Exec("UPDATE ff_completion_event SET dispatched_at_ms = NULL WHERE execution_id = ?1", waiting.UUID())
	e.clock.Advance(25 * time.Hour)
	require.Equal(t, uint32(1), e.trimmed(20, func(args *messages.TrimRetentionArgs) { args.Filter.Namespace = "a" }))
	require.Zero(t, e.remains(a))
	require.Positive(t, e.remains(b))
	require.Positive(t, e.remains(waiting))
}

func TestSpec02_S80_ExpiredKeysAreForgotten(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	for n := range 1200 {
		e.sql.Exec("INSERT INTO ff_exec_idempotency VALUES ('n', ?1, 0, x'01', 1, ?2)", fmt.Sprint(n), e.now()+messages.TimestampMs(n/1100))
	}
	e.sql.Exec("INSERT INTO ff_suspend_dedup VALUES (0, 'due', '{}', 1, ?1), (0, 'later', '{}', 1, ?1 + 1), (0, 'never', '{}', 1, NULL)", e.now())
	require.Equal(t, messages.ScanReport{Processed: 1101, Actions: map[string]uint32{"dedup_deleted": 1101}},
		e.tick(messages.ScannerStoreMaintenance, 0))
	require.Equal(t, int64(100), e.sql.Int("SELECT count(*) FROM ff_exec_idempotency"))
	require.Equal(t, int64(2), e.sql.Int("SELECT count(*) FROM ff_suspend_dedup"))
	require.Equal(t, messages.ScanReport{}, e.tick(messages.ScannerStoreMaintenance, 0))
}
