package database_test

import (
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

func settings() database.Settings {
	return database.Settings{PoolSize: 4, WAL: true, BusyTimeout: 5 * time.Second}
}

// migrate makes the one table of these tests.
func migrate(conn *sqlite3.Conn, _ string) error {
	return conn.Exec(`CREATE TABLE IF NOT EXISTS f1 (n INTEGER)`)
}

func parse(t *testing.T, text string) database.Location {
	t.Helper()
	location, err := database.ParseLocation(text)
	require.NoError(t, err, text)
	return location
}

// open opens a database that is closed with the test.
func open(t *testing.T, text string, s database.Settings) *database.Database {
	t.Helper()
	db, err := database.Open(t.Context(), parse(t, text), s, migrate)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// query returns the first column of the first row.
func query(t *testing.T, conn *sqlite3.Conn, sql string) string {
	t.Helper()
	stmt, _, err := conn.Prepare(sql)
	require.NoError(t, err)
	text := ""
	if stmt.Step() {
		text = stmt.ColumnText(0)
	}
	require.NoError(t, stmt.Err())
	require.NoError(t, stmt.Close())
	return text
}

// read returns the first column of the first row, read through the pool.
func read(t *testing.T, db *database.Database, sql string) string {
	t.Helper()
	text := ""
	require.NoError(t, db.Readers().Read(t.Context(), func(c *database.Connection) error {
		stmt, err := c.Prepare(sql)
		if err != nil {
			return err
		}
		if stmt.Step() {
			text = stmt.ColumnText(0)
		}
		return stmt.Err()
	}))
	return text
}

// connect opens a connection of another program.
func connect(t *testing.T, dataSource string) *sqlite3.Conn {
	t.Helper()
	conn, err := sqlite3.Open(dataSource)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

func requireOpenError(t *testing.T, err error, kind messages.OpenErrorKind, message string) {
	t.Helper()
	var open *messages.OpenError
	require.ErrorAs(t, err, &open)
	require.Equal(t, kind, open.Kind)
	require.Equal(t, message, open.Message)
}
