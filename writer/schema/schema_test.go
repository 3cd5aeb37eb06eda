package schema_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/writer/schema"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	name    = "test.db" // what errors call the file
	version = "1.2.3"
	now     = 1_700_000_000_000
)

// baseline is the first migration that users have.
func baseline(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("0001_baseline.sql")
	require.NoError(t, err)
	return string(text)
}

// shipped are the rows of the ledger of a file that has every migration.
func shipped(t testing.TB) (ledger [][]string) {
	t.Helper()
	paths, err := filepath.Glob("*.sql")
	require.NoError(t, err)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		digits, name, _ := strings.Cut(strings.TrimSuffix(path, ".sql"), "_")
		n, err := strconv.Atoi(digits)
		require.NoError(t, err)
		ledger = append(ledger, []string{strconv.Itoa(n), name, checksum(string(text)), fmt.Sprint(now), version})
	}
	return ledger
}

// newest is the version of the last migration, as text.
func newest(t testing.TB) string {
	t.Helper()
	ledger := shipped(t)
	return ledger[len(ledger)-1][0]
}

// migrations makes a set of migrations from pairs of a file's name and its text.
func migrations(pairs ...string) fstest.MapFS {
	files := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		files[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return files
}

func checksum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// file is a database file of the test, closed between the calls on it, so that its bytes can be compared.
type file struct {
	t    testing.TB
	path string
}

func newFile(t testing.TB) *file {
	t.Helper()
	return &file{t: t, path: filepath.Join(t.TempDir(), name)}
}

func (f *file) connected(use func(*sqlite3.Conn) error) error {
	f.t.Helper()
	conn, err := sqlite3.Open("file:" + filepath.ToSlash(f.path))
	require.NoError(f.t, err)
	defer func() { require.NoError(f.t, conn.Close()) }()
	return use(conn)
}

func (f *file) apply() error {
	f.t.Helper()
	return f.connected(func(conn *sqlite3.Conn) error { return schema.Apply(conn, name, version, now) })
}

func (f *file) applyFrom(files fstest.MapFS) error {
	f.t.Helper()
	return f.connected(func(conn *sqlite3.Conn) error { return schema.ApplyFrom(conn, files, name, version, now) })
}

func (f *file) exec(sql string) {
	f.t.Helper()
	require.NoError(f.t, f.connected(func(conn *sqlite3.Conn) error { return conn.Exec(sql) }))
}

func (f *file) bytes() []byte {
	f.t.Helper()
	content, err := os.ReadFile(f.path)
	require.NoError(f.t, err)
	return content
}

// sql opens a connection that stays to the end of the test.
func (f *file) sql() *fftest.SQL {
	f.t.Helper()
	return fftest.OpenSQL(f.t, "file:"+filepath.ToSlash(f.path))
}

// migrated is a file with the newest schema.
func migrated(t testing.TB) *file {
	t.Helper()
	f := newFile(t)
	require.NoError(t, f.apply())
	return f
}

// requireRefused checks the error of an open that must be refused.
func requireRefused(t testing.TB, err error, reason string) {
	t.Helper()
	var refused *messages.OpenError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, messages.OpenProtocol, refused.Kind)
	require.Equal(t, `open sqlite (protocol): sqlite migrate for "test.db": `+reason, err.Error())
}

func TestSchema(t *testing.T) {
	sql := migrated(t).sql()
	var b strings.Builder
	for _, row := range sql.Rows("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid") {
		b.WriteString(row[0] + ";\n\n")
	}

	golden := filepath.Join("testdata", "schema.golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(), "run with -update and review the difference")
	require.Equal(t, "ok", sql.Text("PRAGMA integrity_check"))
}

func TestSpec02_S14_AllTables(t *testing.T) {
	sql := migrated(t).sql()
	upstream := []string{
		"ff_attempt", "ff_budget_policy", "ff_budget_usage", "ff_budget_usage_by_exec", "ff_budget_usage_dedup",
		"ff_cancel_backlog", "ff_cancel_backlog_member", "ff_cancel_dispatch_outbox", "ff_claim_grant",
		"ff_completion_event", "ff_edge", "ff_edge_group", "ff_exec_core", "ff_execution_capabilities", "ff_flow_core", "ff_lane_registry",
		"ff_lease_event", "ff_migration_annotation", "ff_operator_event", "ff_partition_config",
		"ff_pending_cancel_groups", "ff_quota_admitted", "ff_quota_policy", "ff_quota_window", "ff_signal_event",
		"ff_stream_frame", "ff_stream_meta", "ff_stream_summary", "ff_suspension_current", "ff_suspend_dedup",
		"ff_waitpoint_hmac", "ff_waitpoint_pending", "ff_worker_registry", "ff_worker_registry_event",
	}
	ours := []string{
		"ff_flow_summary", "ff_exec_idempotency", "ff_signal", "ff_instance_tag_event", "ff_schema_migration",
	}
	var want []string
	want = append(append(want, upstream...), ours...)
	var got []string
	for _, row := range sql.Rows(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'ff\_%' ESCAPE '\'`) {
		got = append(got, row[0])
	}
	require.ElementsMatch(t, want, got)
	require.Equal(t, [][]string{{"1", "1", "1", "1", "0.12.0"}}, sql.Rows("SELECT * FROM ff_partition_config"))
}

func TestSpec02_S15_ExecutionCapabilities(t *testing.T) {
	sql := migrated(t).sql()
	require.Equal(t, [][]string{
		{"execution_id", "BLOB", "1", "1"},
		{"capability", "TEXT", "1", "2"},
	}, sql.Rows(`SELECT name, type, "notnull", pk FROM pragma_table_info('ff_execution_capabilities')`))
	require.Equal(t, int64(1), sql.Int(`SELECT count(*) FROM pragma_index_list('ff_execution_capabilities')
		WHERE name = 'ff_execution_capabilities_capability_idx'`))
	require.Equal(t, [][]string{{"capability"}, {"execution_id"}},
		sql.Rows("SELECT name FROM pragma_index_info('ff_execution_capabilities_capability_idx')"))
}

func TestSpec02_S16_Ledgers(t *testing.T) {
	sql := migrated(t).sql()
	require.Equal(t, "1,2,3,4,5,6,7,8,9,10,11,12,13,14,16,17,20",
		sql.Text("SELECT group_concat(version ORDER BY version) FROM ff_migration_annotation"))
	require.Equal(t, "1",
		sql.Text("SELECT group_concat(version) FROM ff_migration_annotation WHERE NOT backward_compatible"))
	require.Equal(t, shipped(t), sql.Rows("SELECT * FROM ff_schema_migration"))
	require.Equal(t, int64(0x46466C6F), sql.Int("PRAGMA application_id"))
	require.Equal(t, newest(t), sql.Text("PRAGMA user_version"))
}

func TestSpec02_S17_ReopenReadsOnly(t *testing.T) {
	f := migrated(t)
	before := f.bytes()
	require.NoError(t, f.connected(func(conn *sqlite3.Conn) error {
		require.NoError(t, conn.Exec("PRAGMA query_only = ON"))
		require.NoError(t, schema.Apply(conn, name, "9.9.9", now+1))
		require.Zero(t, conn.TotalChanges())
		return nil
	}))
	require.Equal(t, before, f.bytes())
	require.Equal(t, shipped(t), f.sql().Rows("SELECT * FROM ff_schema_migration"))
}

func TestSpec02_S18_RefusedFiles(t *testing.T) {
	const newer = "INSERT INTO ff_schema_migration VALUES (9999, 'later', 'abc', 1, '9.9.9')"
	const upstream = `CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL);
		CREATE TABLE ff_exec_core (execution_id BLOB)`
	const altered = "UPDATE ff_schema_migration SET checksum = replace(checksum, substr(checksum, 1, 1), 'x')"
	tests := []struct {
		name   string
		file   *file
		edit   string
		reason string
	}{
		{"newer", migrated(t), newer, "file has schema version 9999, newest supported is " + newest(t)},
		{"newer and altered", migrated(t), newer + ";" + altered, "file has schema version 9999, newest supported is " + newest(t)},
		{"altered", migrated(t), altered, "migration 1 checksum mismatch"},
		{"unknown", migrated(t), "UPDATE ff_schema_migration SET version = -1 WHERE version = 1", "migration -1 is not known to this build"},
		{"foreign", newFile(t), "CREATE TABLE users (name TEXT)", "not a FlowFabric Go database"},
		{"made by upstream", newFile(t), upstream, "not a FlowFabric Go database"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.file.exec(test.edit)
			before := test.file.bytes()
			requireRefused(t, test.file.apply(), test.reason)
			require.Equal(t, before, test.file.bytes())
		})
	}

	t.Run("not a database", func(t *testing.T) {
		f := newFile(t)
		require.NoError(t, os.WriteFile(f.path, []byte(strings.Repeat("no database ", 100)), 0o600))
		before := f.bytes()
		err := f.apply()
		requireRefused(t, err, "ledger: "+errors.Unwrap(err).Error())
		require.ErrorIs(t, err, sqlite3.NOTADB)
		require.Equal(t, before, f.bytes())
	})
}

func TestMigration_CountsTheFramesThatAreThere(t *testing.T) {
	f := newFile(t)
	require.NoError(t, f.applyFrom(migrations("0001_baseline.sql", baseline(t))))
	f.exec(`
		INSERT INTO ff_stream_frame (partition_key, execution_id, attempt_index, ts_ms, seq, fields, mode, created_at_ms)
		VALUES (0, x'01', 0, 1, 0, '{}', 'durable', 1), (0, x'01', 0, 1, 1, '{}', 'best_effort', 1),
		       (0, x'01', 0, 1, 2, '{}', 'summary', 1), (0, x'01', 1, 1, 0, '{}', 'best_effort', 1);
		INSERT INTO ff_stream_meta (partition_key, execution_id, attempt_index, ema_rate_hz, ttl_ms)
		VALUES (0, x'01', 0, 2.5, 100)`)
	require.NoError(t, f.apply())
	const counts = `SELECT attempt_index, kept_frames, live_frames, ema_rate_hz, ttl_ms FROM ff_stream_meta ORDER BY 1`
	require.Equal(t, [][]string{{"0", "2", "1", "2.5", "100"}, {"1", "0", "1", "0.0", "0"}}, f.sql().Rows(counts))

	f.exec(`DELETE FROM ff_stream_frame WHERE attempt_index = 0 AND mode <> 'durable'`)
	f.exec(`
		INSERT INTO ff_stream_frame (partition_key, execution_id, attempt_index, ts_ms, seq, fields, mode, created_at_ms)
		VALUES (0, x'01', 2, 1, 0, '{}', 'durable', 1)`)
	require.Equal(t, [][]string{{"0", "1", "0", "2.5", "100"}, {"1", "0", "1", "0.0", "0"}, {"2", "1", "0", "0.0", "0"}},
		f.sql().Rows(counts))
}

// TestMigration_ForgetsStatistics opens a file whose statistics the first version gathered as it closed.
func TestMigration_ForgetsStatistics(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	require.NoError(t, f.applyFrom(migrations("0001_baseline.sql", baseline(t))))
	f.exec("ANALYZE")
	require.EqualValues(t, 1, f.sql().Int("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'"))
	require.NoError(t, f.apply())
	require.Zero(t, f.sql().Int("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'"))
}

func TestSpec02_S19_FailedMigration(t *testing.T) {
	const first = "CREATE TABLE first (x INTEGER) STRICT; INSERT INTO first VALUES (1)"
	broken := migrations(
		"0001_first.sql", first,
		"0003_second.sql", "CREATE TABLE second (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1)",
		"0004_third.sql", "CREATE TABLE third (x INTEGER) STRICT",
	)
	f := newFile(t)
	err := f.applyFrom(broken)
	requireRefused(t, err, "migration 3 second: "+errors.Unwrap(err).Error())
	require.ErrorContains(t, err, "no such table: nowhere")

	sql := f.sql()
	const tables = "SELECT group_concat(name, ' ' ORDER BY name) FROM sqlite_schema WHERE type = 'table'"
	const versions = "SELECT group_concat(version ORDER BY version) FROM ff_schema_migration"
	require.Equal(t, "ff_schema_migration first", sql.Text(tables))
	require.Equal(t, "1", sql.Text(versions))
	require.Equal(t, int64(1), sql.Int("PRAGMA user_version"))

	broken["0003_second.sql"].Data = []byte("CREATE TABLE second (x INTEGER) STRICT; INSERT INTO second VALUES (2)")
	require.NoError(t, f.applyFrom(broken))
	require.Equal(t, "ff_schema_migration first second third", sql.Text(tables))
	require.Equal(t, "1,3,4", sql.Text(versions))
	require.Equal(t, int64(1), sql.Int("SELECT count(*) FROM first"))
	require.Equal(t, int64(4), sql.Int("PRAGMA user_version"))
}

func TestSpec02_S19_FailedFirstMigration(t *testing.T) {
	f := newFile(t)
	requireRefused(t, f.applyFrom(migrations("0001_first.sql", "CREATE TABLE first (x INTEGER) STRICT; nonsense")),
		"migration 1 first: sqlite3: SQL logic error: near \"nonsense\": syntax error")
	require.Equal(t, int64(0), f.sql().Int("SELECT count(*) FROM sqlite_schema"), "no ledger either")
	require.NoError(t, f.apply())
}

func TestSpec02_S20_Checks(t *testing.T) {
	f := migrated(t)
	insert := func(sql string) error {
		return f.connected(func(conn *sqlite3.Conn) error { return conn.Exec(sql) })
	}
	operator := `INSERT INTO ff_operator_event (execution_id, event_type, occurred_at_ms, partition_key)
		VALUES ('', '%s', 1, 0)`
	grant := `INSERT INTO ff_claim_grant (partition_key, grant_id, execution_id, kind, worker_id, worker_instance_id,
		grant_ttl_ms, issued_at_ms, expires_at_ms) VALUES (0, x'00', x'00', '%s', 'w', 'i', 1, 1, 2)`
	for _, good := range []string{fmt.Sprintf(operator, "replayed"), fmt.Sprintf(grant, "reclaim")} {
		require.NoError(t, insert(good))
	}
	for _, bad := range []string{fmt.Sprintf(operator, "x"), fmt.Sprintf(grant, "x")} {
		require.ErrorIs(t, insert(bad), sqlite3.CONSTRAINT_CHECK)
	}
}

func TestApply_ForeignKeysAreDeferred(t *testing.T) {
	err := newFile(t).connected(func(conn *sqlite3.Conn) error {
		require.NoError(t, conn.Exec("PRAGMA foreign_keys = ON"))
		return schema.ApplyFrom(conn, migrations("0001_tree.sql", `
			CREATE TABLE tree (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES tree) STRICT;
			INSERT INTO tree VALUES (2, 1); -- before its parent
			INSERT INTO tree VALUES (1, 1);
		`), name, version, now)
	})
	require.NoError(t, err)
}

func TestApply_Memory(t *testing.T) {
	const source = "file:/schema/apply?vfs=mvcc"
	conn, err := sqlite3.Open(source)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	require.NoError(t, schema.Apply(conn, ":memory:", version, now))
	require.NoError(t, schema.Apply(conn, ":memory:", version, now))
	require.Equal(t, int64(1), fftest.OpenSQL(t, source).Int("SELECT version FROM ff_schema_migration"))
}

func TestApply_BrokenSet(t *testing.T) {
	t.Run("a name without a version", func(t *testing.T) {
		requireRefused(t, newFile(t).applyFrom(migrations("first.sql", "")),
			`migrations: file name "first.sql": must be <version>_<name>.sql`)
	})
	t.Run("two files of one version", func(t *testing.T) {
		requireRefused(t, newFile(t).applyFrom(migrations("1_a.sql", "", "01_b.sql", "")),
			"migrations: two files have version 1")
	})
}
