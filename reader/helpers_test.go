package reader_test

import (
	"bytes"
	"flag"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/reader"
	"github.com/flowfabric/ffsqlite/writer/schema"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// fixture is a reader on a fresh database, and the connection through which a test writes its rows.
type fixture struct {
	*reader.Reader
	conn *sqlite3.Conn
	log  *bytes.Buffer
}

func newFixture(tb testing.TB) *fixture {
	tb.Helper()
	location, err := database.ParseLocation(filepath.Join(tb.TempDir(), "reader.db"))
	require.NoError(tb, err)
	settings := database.Settings{PoolSize: 2, WAL: true, Synchronous: database.Normal}
	db, err := database.Open(tb.Context(), location, settings, func(conn *sqlite3.Conn, path string) error {
		return schema.Apply(conn, path, "test", 1)
	})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	log := &bytes.Buffer{}
	return &fixture{
		Reader: reader.New(db.Readers(), slog.New(slog.NewTextHandler(log, nil))),
		conn:   db.Writer(),
		log:    log,
	}
}

// exec runs one statement of plain SQL with its values.
func (f *fixture) exec(tb testing.TB, sql string, values ...any) {
	tb.Helper()
	stmt, _, err := f.conn.Prepare(sql)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, stmt.Close()) }()
	for i, value := range values {
		switch value := value.(type) {
		case nil:
			err = stmt.BindNull(i + 1)
		case int:
			err = stmt.BindInt(i+1, value)
		case string:
			err = stmt.BindText(i+1, value)
		case []byte:
			err = stmt.BindBlob(i+1, value)
		default:
			require.Failf(tb, "cannot bind", "%T", value)
		}
		require.NoError(tb, err)
	}
	require.NoError(tb, stmt.Exec())
}

// row is a row by the names of its columns.
type row map[string]any

// insert stores the row.
func (f *fixture) insert(tb testing.TB, table string, r row) {
	tb.Helper()
	columns, parameters, values := "", "", []any{}
	for column, value := range r {
		if columns != "" {
			columns += ", "
			parameters += ", "
		}
		columns += column
		parameters += "?"
		values = append(values, value)
	}
	f.exec(tb, "INSERT INTO "+table+" ("+columns+") VALUES ("+parameters+")", values...)
}

// with returns a copy of the row with other values in some columns.
func (r row) with(changes row) row {
	changed := row{}
	for column, value := range r {
		changed[column] = value
	}
	for column, value := range changes {
		changed[column] = value
	}
	return changed
}

// uuid is a UUID that ends in n and sorts by it.
func uuid(n int) []byte {
	id := make([]byte, 16)
	id[0], id[14], id[15] = 0xaa, byte(n>>8), byte(n)
	return id
}

func executionID(partition uint16, n int) messages.ExecutionID {
	return messages.NewExecutionID(partition, [16]byte(uuid(n)))
}

// fresh is execution n of partition 0 as CreateExecution stores it at time 1000.
func fresh(n int) row {
	return row{
		"partition_key":     0,
		"execution_id":      uuid(n),
		"lane_id":           "default",
		"lifecycle_phase":   "submitted",
		"ownership_state":   "unowned",
		"eligibility_state": "eligible_now",
		"public_state":      "waiting",
		"attempt_state":     "pending",
		"blocking_reason":   "waiting_for_worker",
		"created_at_ms":     1000,
		"raw_fields": `{"namespace":"default","execution_kind":"op","last_mutation_at":"1000",
			"total_attempt_count":"0","blocking_detail":"","tags":{"cairn.task_id":"abc"}}`,
	}
}

// fixtureR is execution n as upstream's own tests seed it.
func fixtureR(n int) row {
	return row{
		"partition_key":     0,
		"execution_id":      uuid(n),
		"lane_id":           "default",
		"lifecycle_phase":   "runnable",
		"ownership_state":   "unowned",
		"eligibility_state": "eligible_now",
		"public_state":      "pending",
		"attempt_state":     "initial",
		"created_at_ms":     1,
	}
}

// claimed is execution n while a worker holds it.
func claimed(n int) row {
	return fresh(n).with(row{
		"lifecycle_phase":   "active",
		"ownership_state":   "leased",
		"eligibility_state": "not_applicable",
		"public_state":      "active",
		"attempt_state":     "running_attempt",
		"blocking_reason":   nil,
		"started_at_ms":     2000,
		"raw_fields": `{"namespace":"default","last_mutation_at":"2000","total_attempt_count":"1",
			"current_attempt_id":"` + attemptID.String() + `","tags":{}}`,
	})
}

var (
	attemptID = messages.AttemptIDFromUUID([16]byte{0xa7, 15: 1})
	leaseID   = messages.LeaseIDFromUUID([16]byte{0x1e, 15: 1})
)

// leased is the attempt of execution n with a lease until 32000.
func leased(n, index int) row {
	return row{
		"partition_key":       0,
		"execution_id":        uuid(n),
		"attempt_index":       index,
		"worker_id":           "test-worker",
		"worker_instance_id":  "test-worker-instance",
		"lease_epoch":         index + 1,
		"lease_expires_at_ms": 32000,
		"started_at_ms":       2000,
		"raw_fields":          `{"attempt_id":"` + attemptID.String() + `","lease_id":"` + leaseID.String() + `"}`,
	}
}

// read returns the reply to a message that must not fail.
func read[R any](tb testing.TB, f *fixture, m messages.Message) R {
	tb.Helper()
	reply, err := f.Read(tb.Context(), m)
	require.NoError(tb, err)
	require.IsType(tb, *new(R), reply)
	return reply.(R)
}

func describe(tb testing.TB, f *fixture, id messages.ExecutionID) *messages.ExecutionSnapshot {
	tb.Helper()
	return read[*messages.ExecutionSnapshot](tb, f, messages.DescribeExecutionArgs{ExecutionID: id})
}

func state(tb testing.TB, f *fixture, id messages.ExecutionID) *messages.PublicState {
	tb.Helper()
	return read[*messages.PublicState](tb, f, messages.ReadExecutionStateArgs{ExecutionID: id})
}

func describeFlow(tb testing.TB, f *fixture, id messages.FlowID) *messages.FlowSnapshot {
	tb.Helper()
	return read[*messages.FlowSnapshot](tb, f, messages.DescribeFlowArgs{FlowID: id})
}

func list(tb testing.TB, f *fixture, args messages.ListExecutionsArgs) messages.ListExecutionsResult {
	tb.Helper()
	return read[messages.ListExecutionsResult](tb, f, args)
}

// requireCorruption checks that err reports stored data that cannot be read, with this detail.
func requireCorruption(tb testing.TB, err error, detail string) {
	tb.Helper()
	require.ErrorIs(tb, err, messages.ErrCorruption)
	var e *messages.Error
	require.ErrorAs(tb, err, &e)
	require.Equal(tb, detail, e.Detail)
}
