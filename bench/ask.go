package main

import (
	"errors"

	"github.com/ncruces/go-sqlite3"
)

// askText runs a query for the first column of its first row.
func askText(conn *sqlite3.Conn, sql string) (string, error) {
	stmt, _, err := conn.Prepare(sql)
	if err != nil {
		return "", err
	}
	defer stmt.Close()
	stmt.Step()
	return stmt.ColumnText(0), stmt.Err()
}

// askNumber runs a statement for the first column of its only row; 0 without a row.
func askNumber(stmt *sqlite3.Stmt) (int64, error) {
	var n int64
	if stmt.Step() {
		n = stmt.ColumnInt64(0)
	}
	return n, errors.Join(stmt.Err(), stmt.Reset())
}
