package schema

import (
	"cmp"

	"github.com/ncruces/go-sqlite3"
)

// ledger is what a file says about the migrations that made it.
type ledger struct {
	present bool // the table exists
	foreign bool // the table does not exist, but others do
	entries []entry
}

type entry struct {
	version  int64
	checksum string
}

func (l *ledger) has(version int64) bool {
	for _, e := range l.entries {
		if e.version == version {
			return true
		}
	}
	return false
}

// newest is the greatest version, 0 if there is none.
func (l *ledger) newest() int64 {
	var newest int64
	for _, e := range l.entries {
		newest = max(newest, e.version)
	}
	return newest
}

// add takes note of a migration that was committed.
func (l *ledger) add(m migration) {
	l.present = true
	l.entries = append(l.entries, entry{version: m.version, checksum: m.checksum})
}

const createLedgerSQL = `
CREATE TABLE ff_schema_migration (
  version       INTEGER PRIMARY KEY,
  name          TEXT    NOT NULL,
  checksum      TEXT    NOT NULL, -- SHA-256 of the migration's text, lower-case hex
  applied_at_ms INTEGER NOT NULL,
  app_version   TEXT    NOT NULL
) STRICT`

// countTablesSQL counts the ledger, and all tables. It scans the schema, as sqlite_schema has no index.
const countTablesSQL = `
SELECT count(*) FILTER (WHERE name = 'ff_schema_migration'),
       count(*)
  FROM sqlite_schema
 WHERE type = 'table'
   AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`

// readEntriesSQL reads the whole ledger in the order of its primary key.
const readEntriesSQL = `
SELECT version, checksum
  FROM ff_schema_migration
 ORDER BY version`

func readLedger(conn *sqlite3.Conn) (*ledger, error) {
	var l ledger
	err := rows(conn, countTablesSQL, func(stmt *sqlite3.Stmt) {
		l.present = stmt.ColumnInt64(0) > 0
		l.foreign = !l.present && stmt.ColumnInt64(1) > 0
	})
	if err != nil || !l.present {
		return &l, err
	}
	err = rows(conn, readEntriesSQL, func(stmt *sqlite3.Stmt) {
		l.entries = append(l.entries, entry{version: stmt.ColumnInt64(0), checksum: stmt.ColumnText(1)})
	})
	return &l, err
}

// rows calls scan for each row of a query without parameters.
func rows(conn *sqlite3.Conn, sql string, scan func(*sqlite3.Stmt)) error {
	stmt, _, err := conn.Prepare(sql)
	if err != nil {
		return err
	}
	for stmt.Step() {
		scan(stmt)
	}
	return cmp.Or(stmt.Err(), stmt.Close())
}

const writeEntrySQL = `
INSERT INTO ff_schema_migration (version, name, checksum, applied_at_ms, app_version)
VALUES (?1, ?2, ?3, ?4, ?5)`

func writeEntry(conn *sqlite3.Conn, m migration, appVersion string, now int64) error {
	stmt, _, err := conn.Prepare(writeEntrySQL)
	if err != nil {
		return err
	}
	return cmp.Or(
		stmt.BindInt64(1, m.version),
		stmt.BindText(2, m.name),
		stmt.BindText(3, m.checksum),
		stmt.BindInt64(4, now),
		stmt.BindText(5, appVersion),
		stmt.Exec(),
		stmt.Close(),
	)
}
