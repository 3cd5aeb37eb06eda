package ffsqlite_test

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// testdata/first.db.gz was written by the first version that had all of migration 0001 (commit db65690), through its
// public methods alone, on a manual clock that stood at the epoch of these tests. Its files were copied while a cascade was
// under way, as a killed process leaves them, and then its log was moved into it. So it has no migration but the first.
//
// The executions are named by their last byte, and each kind has a lane of its own, named for what it is. 3 and 4 are
// leased, for an hour and for 30 s; 11 too, and its attempt may take 10 min; 5 has failed and waits a minute; 2 is delayed
// by an hour; 10 has to end within two; 12 has the idempotency key "once". 22 depends on 20, which has completed, and on
// 21. 30 and 31 are of a flow that was cancelled. 100 to 199 depend each on the one before; the first has failed, 64 are
// skipped, and the next completion is not dispatched.

// The handles that the first version gave out.
const (
	firstHeld    = "0201032b0000007b66703a307d3a30303030303030302d303030302d343030302d383030302d303030303030303030303033000000002400000065303463326532362d626336622d343934622d613439622d6138343963613139663631652400000037363131383239312d663833372d343661642d613736392d323131343765616664363663010000000000000080ee3600000000000400000068656c6403000000772d31"
	firstLapsing = "0201032b0000007b66703a307d3a30303030303030302d303030302d343030302d383030302d303030303030303030303034000000002400000065646438363932372d343737632d343061392d623261342d3738636438376533363762662400000037393664643865612d633033612d343763362d613966302d32646435396634626663393601000000000000003075000000000000070000006c617073696e6703000000772d31"
)

// firstVersion unpacks the file.
func firstVersion(t testing.TB) (path string) {
	t.Helper()
	packed, err := os.Open("testdata/first.db.gz")
	require.NoError(t, err)
	defer func() { require.NoError(t, packed.Close()) }()
	unpacked, err := gzip.NewReader(packed)
	require.NoError(t, err)
	content, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "first.db")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

// first names an execution of the file.
func first(n byte) messages.ExecutionID {
	return messages.NewExecutionID(0, [16]byte{6: 0x40, 8: 0x80, 15: n})
}

func firstHandle(t testing.TB, text string) messages.Handle {
	t.Helper()
	opaque, err := hex.DecodeString(text)
	require.NoError(t, err)
	return messages.Handle{
		Backend: messages.BackendSqlite, Kind: messages.HandleFresh, Opaque: messages.HandleOpaque(opaque),
	}
}

// upgraded opens the file in this version and lets the cascade end.
func upgraded(t *testing.T) *engine {
	t.Helper()
	e := openAt(t, firstVersion(t))
	e.idle()
	return e
}

func TestUpgrade_NothingIsLost(t *testing.T) {
	t.Parallel()
	path := firstVersion(t)
	const migrations = "SELECT count(*) FROM ff_schema_migration"
	kept := map[string][][]string{
		"SELECT event_id, execution_id, outcome, occurred_at_ms, namespace, instance_tag FROM ff_completion_event ORDER BY 1":      nil,
		"SELECT event_id, execution_id, event_type, occurred_at_ms, lease_id, worker_instance_id FROM ff_lease_event ORDER BY 1":   nil,
		"SELECT execution_id, attempt_index, lease_epoch, outcome, lease_expires_at_ms, raw_fields FROM ff_attempt ORDER BY rowid": nil,
		"SELECT execution_id, lane_id, priority, payload, policy, result FROM ff_exec_core ORDER BY rowid":                         nil,
		"SELECT flow_id, graph_revision, created_at_ms FROM ff_flow_core ORDER BY rowid":                                           nil,
		"SELECT edge_id, upstream_eid, downstream_eid FROM ff_edge ORDER BY rowid":                                                 nil,
		"SELECT * FROM ff_exec_idempotency":       nil,
		"SELECT * FROM ff_execution_capabilities": nil,
	}
	before := fftest.OpenSQL(t, "file:"+filepath.ToSlash(path))
	require.EqualValues(t, 1, before.Int(migrations))
	for query := range kept {
		kept[query] = before.Rows(query)
		require.NotEmpty(t, kept[query], query)
	}

	e := openAt(t, path)
	e.idle()
	require.Greater(t, e.sql.Int(migrations), int64(1))
	for query, rows := range kept {
		after := e.sql.Rows(query)
		require.Equal(t, rows, after[:len(rows)], query)
	}
	fftest.Intact(t, e.sql)
	e.consistent()
}

func TestUpgrade_EveryExecutionStandsWhereItStood(t *testing.T) {
	t.Parallel()
	e := upgraded(t)
	for n, state := range map[byte]messages.PublicState{
		1: messages.PublicWaiting, 2: messages.PublicDelayed, 3: messages.PublicActive, 4: messages.PublicActive,
		5: messages.PublicDelayed, 6: messages.PublicCompleted, 7: messages.PublicFailed, 8: messages.PublicCancelled,
		9: messages.PublicWaiting, 10: messages.PublicWaiting, 11: messages.PublicActive, 12: messages.PublicWaiting,
		20: messages.PublicCompleted, 21: messages.PublicWaiting, 22: messages.PublicWaitingChildren,
		30: messages.PublicCancelled, 31: messages.PublicCancelled, 100: messages.PublicFailed,
	} {
		require.Equal(t, state, e.state(first(n)), "%d", n)
	}
	for n := byte(101); n < 200; n++ { // The cascade has gone on.
		require.Equal(t, messages.PublicSkipped, e.state(first(n)), "%d", n)
		require.Equal(t, "skipped", e.completions(first(n)), "%d", n)
	}

	result, found, err := e.GetExecutionResult(t.Context(), first(6))
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "done", string(result))
	described, err := e.DescribeExecution(t.Context(), first(1))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"app.team": "blue", "cairn.instance_id": "i-1"}, described.Tags)
	require.Equal(t, "try again", e.raw(first(5), "failure_reason"))
	require.Equal(t, "42 halfway", e.raw(first(3), "progress_pct")+" "+e.raw(first(3), "progress_message"))
	flow, err := e.DescribeFlow(t.Context(), messages.FlowID(first(2).UUID()))
	require.NoError(t, err)
	require.Equal(t, messages.FlowCancelled, flow.PublicFlowState)
}

func TestUpgrade_TheWorkGoesOn(t *testing.T) {
	t.Parallel()
	e := upgraded(t)
	ctx := t.Context()

	task := e.claimedFrom("waiting")
	require.Equal(t, first(1), task.ExecutionID)
	require.Equal(t, "waiting", string(task.InputPayload))
	require.EqualValues(t, 7, task.Priority)
	require.NoError(t, e.Complete(ctx, task.Handle, nil))

	held := firstHandle(t, firstHeld)
	_, err := e.Renew(ctx, held)
	require.NoError(t, err)
	require.NoError(t, e.Complete(ctx, held, []byte("kept")))
	require.NoError(t, e.Complete(ctx, held, []byte("kept")), "the answer was lost")
	require.Equal(t, messages.PublicCompleted, e.state(first(3)))

	require.NoError(t, e.Complete(ctx, e.claimedFrom("joins").Handle, nil))
	e.idle()
	require.Equal(t, first(22), e.claimedFrom("joined").ExecutionID)

	able := claimNextArgs()
	able.Lanes = []messages.LaneID{"capable"}
	none, err := e.ClaimNext(ctx, able)
	require.NoError(t, err)
	require.Nil(t, none.Task)
	able.WorkerCapabilities = []string{"gpu"}
	some, err := e.ClaimNext(ctx, able)
	require.NoError(t, err)
	require.Equal(t, first(9), some.Task.ExecutionID)

	again, err := e.CreateExecution(ctx, args(newID(), func(a *messages.CreateExecutionArgs) { a.IdempotencyKey = "once" }))
	require.NoError(t, err)
	require.Equal(t, messages.CreateDuplicate, again.Outcome)
	require.Equal(t, first(12), again.ExecutionID)
	_, err = e.ReplayExecution(ctx, messages.ReplayExecutionArgs{ExecutionID: first(7)})
	require.NoError(t, err)
	require.Equal(t, first(7), e.claimedFrom("failed").ExecutionID)
	e.consistent()
}

// claimedFrom claims the next execution of a lane, which must be there.
func (e *engine) claimedFrom(lane messages.LaneID) *messages.ClaimedTask {
	e.t.Helper()
	next := claimNextArgs()
	next.Lanes = []messages.LaneID{lane}
	result, err := e.ClaimNext(e.t.Context(), next)
	require.NoError(e.t, err)
	require.NotNil(e.t, result.Task, "nothing to claim in %s", lane)
	return result.Task
}

func TestUpgrade_TimeGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := upgraded(t)
		e.advance(30*time.Second - 1)
		require.Equal(t, "leased", e.column(first(4), "ownership_state"))
		e.advance(1)
		require.Equal(t, "lease_expired_reclaimable", e.column(first(4), "ownership_state"))
		require.ErrorIs(t, e.Complete(t.Context(), firstHandle(t, firstLapsing), nil), messages.ErrLeaseExpired)
		task := e.claimedFrom("lapsing")
		require.Equal(t, messages.HandleReclaimed, task.Handle.Kind)
		require.EqualValues(t, 2, task.LeaseEpoch)
		require.ErrorIs(t, e.Complete(t.Context(), firstHandle(t, firstLapsing), nil), messages.ErrLeaseConflict)

		e.advance(30 * time.Second)
		require.EqualValues(t, 1, e.claimedFrom("retry").AttemptIndex)
		e.advance(9 * time.Minute)
		require.Equal(t, messages.PublicExpired, e.state(first(11)), "its attempt has taken too long")
		require.Equal(t, messages.PublicDelayed, e.state(first(2)))
		e.advance(50 * time.Minute)
		require.Equal(t, first(2), e.claimedFrom("delayed").ExecutionID)
		require.Equal(t, messages.PublicWaiting, e.state(first(10)))
		e.advance(time.Hour)
		require.Equal(t, messages.PublicExpired, e.state(first(10)))
		e.consistent()
	})
}

func TestUpgrade_SubscribersGoOn(t *testing.T) {
	t.Parallel()
	e := upgraded(t)
	n := int(e.sql.Int("SELECT count(*) FROM ff_completion_event"))
	all := took(t, e.completionsFrom(messages.FromBeginning()), n)
	require.Equal(t, []messages.ExecutionID{first(6), first(7), first(8)}, executionsOf(all[:3]))
	require.Equal(t, first(199), all[n-1].ExecutionID)
	require.Equal(t, all[3:], took(t, e.completionsFrom(all[2].Cursor), n-3), "a cursor of the first version")
	next := e.completed()
	require.Equal(t, next, took(t, e.completionsFrom(all[n-1].Cursor), 1)[0].ExecutionID)
}

// filesBeside are the names in the folder of a database, with what is in them; without the shared memory of a log, which
// is made anew.
func filesBeside(t testing.TB, path string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	files := map[string]string{}
	for _, name := range names {
		if strings.HasSuffix(name, "-shm") {
			continue
		}
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		files[filepath.Base(name)] = string(content)
	}
	return files
}

func TestUpgrade_ANewerFileIsRefusedAndStaysAsItWas(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(testing.TB, string) string{
		"closed": func(_ testing.TB, path string) string { return path },
		"with the log of a process that was killed": crashImage,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "newer.db")
			e := openAt(t, path)
			id := e.created()
			require.NoError(t, e.Close())
			path = newer(t, path, prepare)
			before := filesBeside(t, path)

			for range 2 {
				_, err := ffsqlite.Open(t.Context(), path, ffsqlite.WithoutDevModeGuard(), quiet())
				var refusal *messages.OpenError
				require.ErrorAs(t, err, &refusal)
				require.Equal(t, messages.OpenProtocol, refusal.Kind)
				require.ErrorContains(t, err, "file has schema version 9999, newest supported is ")
				for name, content := range filesBeside(t, path) {
					require.True(t, before[name] == content, "%s was %d bytes, is %d", name, len(before[name]), len(content))
				}
			}

			fftest.OpenSQL(t, "file:"+filepath.ToSlash(path)).Exec("DELETE FROM ff_schema_migration WHERE version = 9999")
			require.Equal(t, messages.PublicWaiting, openAt(t, path).state(id), "the refusal has harmed nothing")
		})
	}
}

// newer makes a file one of a later version, and returns what prepare makes of it before it is closed.
func newer(t testing.TB, path string, prepare func(testing.TB, string) string) string {
	t.Helper()
	conn, err := sqlite3.Open("file:" + filepath.ToSlash(path))
	require.NoError(t, err)
	require.NoError(t, conn.Exec("INSERT INTO ff_schema_migration VALUES (9999, 'later', 'abc', 1, '9.9.9')"))
	path = prepare(t, path)
	require.NoError(t, conn.Close())
	return path
}
