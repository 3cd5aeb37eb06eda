package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"

	_ "github.com/mattn/go-sqlite3" // Registers the driver "sqlite3".
	_ "modernc.org/sqlite"          // Registers the driver "sqlite".
)

// The two libraries under the engines that use database/sql. Each engine gets the one that its documentation uses.
const (
	mattn   = "mattn"
	modernc = "modernc"
)

// sqlOptions are the documented settings of an engine's handle, with the synchronous level under test.
type sqlOptions struct {
	driver      string // mattn or modernc.
	path        string
	synchronous string
	maxOpen     int // 0: no bound.
	maxIdle     int // 0: the default of database/sql.
	immediate   bool
	foreignKeys bool
	readOnly    bool
}

// openSQL opens a WAL database. Every pooled connection gets the pragmas.
func openSQL(o sqlOptions) (*sql.DB, error) {
	query := url.Values{}
	var driver string
	switch o.driver {
	case mattn:
		driver = "sqlite3"
		query.Set("_timeout", "5000")
		if !o.readOnly {
			query.Set("_journal", "WAL")
			query.Set("_sync", o.synchronous)
		}
		if o.foreignKeys {
			query.Set("_fk", "true")
		}
	case modernc:
		driver = "sqlite"
		query.Add("_pragma", "busy_timeout(5000)")
		if !o.readOnly {
			query.Add("_pragma", "journal_mode(WAL)")
			query.Add("_pragma", "synchronous("+o.synchronous+")")
		}
		if o.foreignKeys {
			query.Add("_pragma", "foreign_keys(ON)")
		}
	default:
		return nil, fmt.Errorf("driver: %q is neither %s nor %s", o.driver, mattn, modernc)
	}
	if o.immediate {
		query.Set("_txlock", "immediate")
	}
	if o.readOnly {
		query.Set("mode", "ro")
	}
	db, err := sql.Open(driver, "file:"+o.path+"?"+query.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(o.maxOpen)
	if o.maxIdle > 0 {
		db.SetMaxIdleConns(o.maxIdle)
	}
	return db, db.Ping()
}

// observer is the independent read-only connection that sees only what is committed. It uses the same SQLite library
// as the engine: two libraries on one file in one process would break each other's POSIX locks.
type observer struct {
	db         *sql.DB
	statements sync.Map // SQL text to *sql.Stmt.
}

func newObserver(driver, path string) (*observer, error) {
	db, err := openSQL(sqlOptions{driver: driver, path: path, maxOpen: 1, readOnly: true})
	if err != nil {
		return nil, err
	}
	return &observer{db: db}, nil
}

// count runs a query that answers with one number.
func (o *observer) count(ctx context.Context, query string, args ...any) (int64, error) {
	stmt, err := o.prepare(query)
	if err != nil {
		return 0, err
	}
	var n int64
	err = stmt.QueryRowContext(ctx, args...).Scan(&n)
	return n, err
}

func (o *observer) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := o.statements.Load(query); ok {
		return stmt.(*sql.Stmt), nil
	}
	stmt, err := o.db.Prepare(query)
	if err == nil {
		o.statements.Store(query, stmt)
	}
	return stmt, err
}

// closeSQL closes both handles; either may be missing.
func closeSQL(db *sql.DB, seen *observer) error {
	var err error
	if seen != nil {
		err = seen.db.Close()
	}
	if db != nil {
		err = errors.Join(err, db.Close())
	}
	return err
}

// describeSQL asks some of the engine's own pooled connections for their pragmas.
func describeSQL(ctx context.Context, db *sql.DB, driver string) (Info, error) {
	const asked = 3
	size := db.Stats().MaxOpenConnections
	info := Info{Driver: driver, Pool: strconv.Itoa(size), Pragmas: map[string]string{}}
	if size == 0 {
		info.Pool = "unbounded"
		size = asked
	}
	for range min(size, asked) {
		// Held until the end, so that each is another connection.
		conn, err := db.Conn(ctx)
		if err != nil {
			return info, err
		}
		defer conn.Close()
		if err := conn.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&info.SQLite); err != nil {
			return info, err
		}
		for _, name := range reportedPragmas {
			var value string
			if err := conn.QueryRowContext(ctx, "PRAGMA "+name).Scan(&value); err != nil {
				return info, err
			}
			info.Pragmas[name] = joinAnswer(info.Pragmas, name, value)
		}
	}
	return info, nil
}
