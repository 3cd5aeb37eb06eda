package main

import (
	"maps"
	"sync"

	"github.com/ncruces/go-sqlite3"
)

// closedWriters keeps what the writing go-sqlite3 connections of this process answered about themselves as they were
// closed. An embedded engine does not lend its connection, and a pragma such as synchronous belongs to a connection:
// the moment of closing is the one at which it can be asked without disturbing a measurement or its owner.
var closedWriters pragmaRecord

type pragmaRecord struct {
	mu     sync.Mutex
	sqlite string
	values map[string]string // Several different answers are joined with "|".
}

// watch makes every go-sqlite3 connection of the process report to r.
func (r *pragmaRecord) watch() {
	sqlite3.AutoExtension(func(conn *sqlite3.Conn) error {
		return conn.Trace(sqlite3.TRACE_CLOSE, func(sqlite3.TraceEvent, any, any) error {
			return r.ask(conn)
		})
	})
}

func (r *pragmaRecord) ask(conn *sqlite3.Conn) error {
	if readOnly, _ := conn.ReadOnly("main"); readOnly {
		return nil
	}
	queryOnly, err := askText(conn, "PRAGMA query_only")
	if err != nil || queryOnly != "0" {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sqlite, err = askText(conn, "SELECT sqlite_version()"); err != nil {
		return err
	}
	if r.values == nil {
		r.values = map[string]string{}
	}
	for _, name := range reportedPragmas {
		value, err := askText(conn, "PRAGMA "+name)
		if err != nil {
			return err
		}
		r.values[name] = joinAnswer(r.values, name, value)
	}
	return nil
}

// forget drops what other databases' connections have answered before.
func (r *pragmaRecord) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values = nil
}

// info is an [Info] with the recorded answers.
func (r *pragmaRecord) info() Info {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Info{Driver: "ncruces, low level", SQLite: r.sqlite, Pragmas: maps.Clone(r.values)}
}

// joinAnswer is what stands for the pragma after one more connection has answered.
func joinAnswer(values map[string]string, name, value string) string {
	if old, ok := values[name]; ok && old != value {
		return old + "|" + value
	}
	return value
}
