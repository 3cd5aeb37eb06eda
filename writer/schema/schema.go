// Package schema brings the tables of a database up to date. It holds the numbered migrations and applies those that
// the file does not have yet. A migration that was released is never edited: its checksum is in every user's file.
package schema

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/messages"
)

//go:embed *.sql
var embedded embed.FS

// Apply brings the database of conn to the newest schema. Each missing migration is one transaction, together with its
// row in ff_schema_migration, which keeps appVersion and now, in milliseconds. A database that has them all is only
// read.
//
// Errors are [*messages.OpenError] of kind protocol and name path. Nothing was written if the file has tables but no
// ledger, comes from a newer build, or has a migration that this build does not know or knows differently. If a
// migration failed, those before it stay and the next Apply goes on from there.
//
// The caller keeps other processes away from the file.
func Apply(conn *sqlite3.Conn, path, appVersion string, now int64) error {
	return apply(conn, embedded, path, appVersion, now)
}

func apply(conn *sqlite3.Conn, files fs.FS, path, appVersion string, now int64) error {
	known, err := load(files)
	if err != nil {
		return refusal(path, err, "migrations")
	}
	stored, err := readLedger(conn)
	if err != nil {
		return refusal(path, err, "ledger")
	}
	if reason := check(known, stored); reason != "" {
		return refusal(path, nil, "%s", reason)
	}

	for _, m := range known {
		if stored.has(m.version) {
			continue
		}
		if err := migrate(conn, stored, m, appVersion, now); err != nil {
			return refusal(path, err, "migration %d %s", m.version, m.name)
		}
		stored.add(m)
	}
	return nil
}

func refusal(path string, cause error, format string, args ...any) error {
	return &messages.OpenError{
		Kind:    messages.OpenProtocol,
		Message: fmt.Sprintf("sqlite migrate for %q: ", path) + fmt.Sprintf(format, args...),
		Err:     cause,
	}
}

// check says why this build must not touch the file, or nothing.
func check(known []migration, stored *ledger) string {
	if stored.foreign {
		return "not a FlowFabric Go database"
	}

	checksums := make(map[int64]string, len(known))
	var newest int64
	for _, m := range known {
		checksums[m.version] = m.checksum
		newest = max(newest, m.version)
	}
	if v := stored.newest(); v > newest {
		return fmt.Sprintf("file has schema version %d, newest supported is %d", v, newest)
	}

	for _, entry := range stored.entries {
		checksum, ok := checksums[entry.version]
		if !ok {
			return fmt.Sprintf("migration %d is not known to this build", entry.version)
		}
		if checksum != entry.checksum {
			return fmt.Sprintf("migration %d checksum mismatch", entry.version)
		}
	}
	return ""
}

// applicationID marks the file for tools outside, such as file(1). The ledger is the authority.
const applicationID = 0x46466C6F

// migrate runs one migration in a transaction of its own.
func migrate(conn *sqlite3.Conn, stored *ledger, m migration, appVersion string, now int64) (err error) {
	tx, err := conn.BeginImmediate()
	if err != nil {
		return err
	}
	defer tx.End(&err)

	// A migration that rebuilds a table breaks references to it for a while.
	if err := conn.Exec("PRAGMA defer_foreign_keys = ON"); err != nil {
		return err
	}
	if !stored.present {
		if err := conn.Exec(createLedgerSQL); err != nil {
			return err
		}
	}
	if err := conn.Exec(m.text); err != nil {
		return err
	}
	if err := writeEntry(conn, m, appVersion, now); err != nil {
		return err
	}
	// Pragmas take no parameters.
	return conn.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d",
		applicationID, max(m.version, stored.newest())))
}
