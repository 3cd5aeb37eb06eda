// Package database opens a SQLite database for the engine: it understands locations, holds the lock that keeps a second
// process out, and owns the connections, one that writes and a pool that reads. It knows nothing of what is stored: no
// statement of an operation is here.
//
// The invariant: a [Database] that is open has its lock, its schema is up to date, and every connection has the pragmas
// that durability and isolation rest on. Whatever fails on the way, nothing stays open.
//
// errors.go is the one place that knows the result codes of SQLite.
package database
