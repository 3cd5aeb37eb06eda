package database

import (
	"context"
	"errors"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/messages"
)

const (
	beginSQL  = `BEGIN DEFERRED`
	commitSQL = `COMMIT`

	// snapshotSQL reads the header of the file, which is what begins the read transaction of a deferred BEGIN.
	snapshotSQL = `PRAGMA schema_version`
)

// Connection is a read-only connection during one [Pool.Read]. It belongs to that call's goroutine, and neither it nor
// its statements may be used after.
type Connection struct {
	conn       *sqlite3.Conn
	statements map[string]*prepared
	interrupt  interrupt
}

// prepared is a statement that lives as long as its connection.
type prepared struct {
	stmt *sqlite3.Stmt
	used bool // since the last reset
}

// Prepare returns the statement of the SQL text, compiled once in the life of the connection. It comes reset, with no
// parameter bound, unless this read has used it already; the end of the read resets it.
func (c *Connection) Prepare(sql string) (*sqlite3.Stmt, error) {
	p := c.statements[sql]
	if p == nil {
		stmt, _, err := c.conn.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
		if err != nil {
			return nil, err
		}
		if stmt == nil {
			return nil, messages.BugError("database: the statement is empty")
		}
		p = &prepared{stmt: stmt}
		c.statements[sql] = p
	}
	p.used = true
	return p.stmt, nil
}

// begin starts a read transaction with its snapshot, so that nothing within it can find the database busy.
func (c *Connection) begin() error {
	if err := c.exec(beginSQL); err != nil {
		return err
	}
	if err := c.exec(snapshotSQL); err != nil {
		c.rollback()
		return err
	}
	return nil
}

// end resets what the read has used and ends its transaction, whatever the read did. The connection is then as new.
func (c *Connection) end() error {
	c.conn.SetInterrupt(context.Background()) // It would keep the transaction from ending.
	for _, p := range c.statements {
		if p.used {
			p.used = false
			_ = p.stmt.Reset() // It repeats the error of the step, which the read has seen.
			_ = p.stmt.ClearBindings()
		}
	}
	if c.conn.GetAutocommit() {
		return nil // An error has ended the transaction already.
	}
	err := c.exec(commitSQL)
	if err != nil {
		c.rollback()
	}
	return err
}

func (c *Connection) rollback() { _ = c.conn.Exec(`ROLLBACK`) } // It only fails when there is nothing to roll back.

func (c *Connection) exec(sql string) error {
	stmt, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	return stmt.Exec()
}

// close closes the connection with the statements that were prepared on it.
func (c *Connection) close() error { return closeConn(c.conn) }

// closeConn closes a connection whoever prepared statements on it. An open transaction is rolled back.
func closeConn(conn *sqlite3.Conn) error {
	closeStatements(conn)
	return conn.Close()
}

// closeStatements closes all statements of a connection: one that is left in the middle would keep its snapshot in use,
// and any one would keep the connection open.
func closeStatements(conn *sqlite3.Conn) {
	for _, stmt := range slices.Collect(conn.Stmts()) { // Closing changes what Stmts ranges over.
		_ = stmt.Close() // It repeats the error of the last step.
	}
}

// interrupt is the context of a read as SQLite polls it: over when the caller's is, or when the pool is closed and has
// waited long enough.
type interrupt struct {
	context.Context
	pool *Pool
}

var errInterrupted = errors.New("the database is closing")

// Err is all that SQLite asks for.
func (i *interrupt) Err() error {
	if i.pool.interrupted.Load() {
		return errInterrupted
	}
	return i.Context.Err()
}
