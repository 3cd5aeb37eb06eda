package fftest

import (
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	_ "github.com/ncruces/go-sqlite3/vfs/mvcc" // memory databases that several connections share
	"github.com/stretchr/testify/require"
)

// lockPatience is how long a statement waits for the engine to end a transaction.
const lockPatience = 5 * time.Second

// SQL is a plain connection to the database of an engine, to look at rows and to edit them by hand. Every method fails
// the test on an error and leaves no statement open, so it holds no snapshot and no lock. Only the goroutine of the
// test may use it.
//
// Arguments are bound to ?1, ?2 and so on: nil, booleans, integers, strings, slices and arrays of bytes, and types made
// from these.
type SQL struct {
	t    testing.TB
	conn *sqlite3.Conn
}

// OpenSQL connects to the data source for the length of the test.
func OpenSQL(t testing.TB, dataSource string) *SQL {
	t.Helper()
	conn, err := sqlite3.Open(dataSource)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	require.NoError(t, conn.BusyTimeout(lockPatience))
	return &SQL{t: t, conn: conn}
}

// Exec runs one statement, or without arguments any number of them.
func (s *SQL) Exec(sql string, args ...any) {
	s.t.Helper()
	if len(args) == 0 {
		require.NoError(s.t, s.conn.Exec(sql), sql)
		return
	}
	s.each(sql, args, func(*sqlite3.Stmt) bool { return true })
}

// Text returns the first column of the first row as [SQL.Rows] does; there must be a row.
func (s *SQL) Text(sql string, args ...any) string {
	s.t.Helper()
	var value string
	s.first(sql, args, func(stmt *sqlite3.Stmt) { value = text(stmt, 0) })
	return value
}

// Int returns the first column of the first row, which must be an integer.
func (s *SQL) Int(sql string, args ...any) int64 {
	s.t.Helper()
	var value int64
	s.first(sql, args, func(stmt *sqlite3.Stmt) {
		require.Equal(s.t, sqlite3.INTEGER, stmt.ColumnType(0), sql)
		value = stmt.ColumnInt64(0)
	})
	return value
}

// Rows returns every column of every row as text: NULL is "NULL" and a blob its bytes. It is nil if there is no row.
func (s *SQL) Rows(sql string, args ...any) [][]string {
	s.t.Helper()
	var rows [][]string
	s.each(sql, args, func(stmt *sqlite3.Stmt) bool {
		row := make([]string, stmt.ColumnCount())
		for i := range row {
			row[i] = text(stmt, i)
		}
		rows = append(rows, row)
		return true
	})
	return rows
}

func text(stmt *sqlite3.Stmt, column int) string {
	if stmt.ColumnType(column) == sqlite3.NULL {
		return "NULL"
	}
	return stmt.ColumnText(column)
}

// first scans the first row and fails the test if there is none.
func (s *SQL) first(sql string, args []any, scan func(*sqlite3.Stmt)) {
	s.t.Helper()
	found := false
	s.each(sql, args, func(stmt *sqlite3.Stmt) bool {
		found = true
		scan(stmt)
		return false
	})
	require.True(s.t, found, "no row: %s", sql)
}

// each scans the rows until scan returns false.
func (s *SQL) each(sql string, args []any, scan func(*sqlite3.Stmt) bool) {
	s.t.Helper()
	stmt, _, err := s.conn.Prepare(sql)
	require.NoError(s.t, err, sql)
	require.NotNil(s.t, stmt, "no statement: %q", sql)
	defer func() { _ = stmt.Close() }() // The error is that of the last Step, which is checked below.
	require.Equal(s.t, stmt.BindCount(), len(args), "arguments of: %s", sql)
	for i, arg := range args {
		require.NoError(s.t, bind(stmt, i+1, arg), sql)
	}

	for stmt.Step() {
		if !scan(stmt) {
			break
		}
	}
	require.NoError(s.t, stmt.Err(), sql)
}

// bind goes by the kind of the argument, so that it takes the identifiers and names of any package.
func bind(stmt *sqlite3.Stmt, parameter int, arg any) error {
	if arg == nil {
		return stmt.BindNull(parameter)
	}
	value := reflect.ValueOf(arg)
	switch kind := value.Kind(); {
	case value.CanInt():
		return stmt.BindInt64(parameter, value.Int())
	case value.CanUint() && value.Uint() <= math.MaxInt64:
		return stmt.BindInt64(parameter, int64(value.Uint())) //nolint:gosec // Bounded by the case.
	case kind == reflect.Bool:
		return stmt.BindBool(parameter, value.Bool())
	case kind == reflect.String:
		return stmt.BindText(parameter, value.String())
	case kind == reflect.Slice && value.Type().Elem().Kind() == reflect.Uint8:
		return stmt.BindBlob(parameter, value.Bytes())
	case kind == reflect.Array && value.Type().Elem().Kind() == reflect.Uint8:
		blob := make([]byte, value.Len())
		reflect.Copy(reflect.ValueOf(blob), value)
		return stmt.BindBlob(parameter, blob)
	}
	return fmt.Errorf("argument %d: %T cannot be bound", parameter, arg)
}
