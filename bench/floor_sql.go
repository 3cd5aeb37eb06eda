package main

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"
)

// floorSchema is the least that a durable engine must write: create = one row and one index entry; claim = one select,
// one update, one attempt row; complete = two updates and one outbox row.
const floorSchema = `
CREATE TABLE e (
  id      BLOB PRIMARY KEY,
  lane    TEXT,
  state   TEXT,
  prio    INT,
  created INT,
  raw     TEXT,
  payload BLOB
) WITHOUT ROWID;

CREATE INDEX e_i ON e (lane, prio DESC, created) WHERE state = 'runnable';

CREATE TABLE a (id BLOB, idx INT, lease INT, outcome TEXT, PRIMARY KEY (id, idx)) WITHOUT ROWID;

CREATE TABLE o (event_id INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB, outcome TEXT, at INT);
`

const floorRaw = `{"namespace":"default","kind":"op","tags":{}}`

// floorDB is the floor's connection with its prepared statements. One goroutine owns it. Binding to one of them could
// only fail for want of memory, and is not looked at: it is the least after all.
type floorDB struct {
	conn *sqlite3.Conn

	insertExecution, selectNext, activate, insertAttempt *sqlite3.Stmt
	finishExecution, finishAttempt, insertEvent          *sqlite3.Stmt
	begin, commit, savepoint, release, rollbackTo        *sqlite3.Stmt

	insertFrame *sqlite3.Stmt
	fields      []byte

	statements []*sqlite3.Stmt // All of them.
}

func openFloorDB(path, synchronous string) (*floorDB, error) {
	conn, err := sqlite3.Open("file:" + path + "?vfs=" + countingVFS)
	if err != nil {
		return nil, err
	}
	d := &floorDB{conn: conn}
	const pragmas = "PRAGMA journal_mode = wal; PRAGMA busy_timeout = 5000; PRAGMA synchronous = "
	if err := conn.Exec(pragmas + synchronous); err != nil {
		return d, err
	}
	if err := conn.Exec(floorSchema + floorFrameSchema); err != nil {
		return d, err
	}
	return d, d.prepare()
}

func (d *floorDB) prepare() error {
	for _, s := range []struct {
		stmt **sqlite3.Stmt
		sql  string
	}{
		{&d.insertExecution, "INSERT INTO e VALUES (?, 'default', 'runnable', 0, ?, ?, ?)"},
		{&d.selectNext, "SELECT id, payload FROM e WHERE state = 'runnable' AND lane = 'default'" +
			" ORDER BY prio DESC, created LIMIT 1"},
		{&d.activate, "UPDATE e SET state = 'active' WHERE id = ?"},
		{&d.insertAttempt, "INSERT INTO a VALUES (?, 0, ?, NULL)"},
		{&d.finishExecution, "UPDATE e SET state = 'terminal' WHERE id = ?"},
		{&d.finishAttempt, "UPDATE a SET outcome = 'success' WHERE id = ? AND idx = 0"},
		{&d.insertEvent, "INSERT INTO o (id, outcome, at) VALUES (?, 'success', ?)"},
		{&d.insertFrame, insertFrameSQL},
		{&d.begin, "BEGIN IMMEDIATE"},
		{&d.commit, "COMMIT"},
		{&d.savepoint, "SAVEPOINT s"},
		{&d.release, "RELEASE s"},
		{&d.rollbackTo, "ROLLBACK TO s"},
	} {
		stmt, _, err := d.conn.Prepare(s.sql)
		if err != nil {
			return err
		}
		*s.stmt = stmt
		d.statements = append(d.statements, stmt)
	}
	return nil
}

func (d *floorDB) close() error {
	if d == nil {
		return nil
	}
	var err error
	for _, stmt := range d.statements {
		err = errors.Join(err, stmt.Close())
	}
	return errors.Join(err, d.conn.Close())
}

// step runs a statement that returns no row.
func step(stmt *sqlite3.Stmt) error {
	stmt.Step()
	return errors.Join(stmt.Err(), stmt.Reset())
}

func (d *floorDB) create(id uuid.UUID, job int64) error {
	var payload [8]byte
	binary.LittleEndian.PutUint64(payload[:], uint64(job))
	d.insertExecution.BindBlob(1, id[:])
	d.insertExecution.BindInt64(2, time.Now().UnixMicro())
	d.insertExecution.BindText(3, floorRaw)
	d.insertExecution.BindBlob(4, payload[:])
	return step(d.insertExecution)
}

// claim returns the job -1 when nothing is runnable.
func (d *floorDB) claim() (id uuid.UUID, job int64, err error) {
	if !d.selectNext.Step() {
		return id, -1, errors.Join(d.selectNext.Err(), d.selectNext.Reset())
	}
	d.selectNext.ColumnBlob(0, id[:0])
	var payload [8]byte
	copy(payload[:], d.selectNext.ColumnRawBlob(1))
	job = int64(binary.LittleEndian.Uint64(payload[:]))
	if err := d.selectNext.Reset(); err != nil {
		return id, 0, err
	}
	d.activate.BindBlob(1, id[:])
	d.insertAttempt.BindBlob(1, id[:])
	d.insertAttempt.BindInt64(2, time.Now().UnixMilli()+30_000)
	return id, job, errors.Join(step(d.activate), step(d.insertAttempt))
}

func (d *floorDB) complete(id uuid.UUID) error {
	d.finishExecution.BindBlob(1, id[:])
	d.finishAttempt.BindBlob(1, id[:])
	d.insertEvent.BindBlob(1, id[:])
	d.insertEvent.BindInt64(2, time.Now().UnixMilli())
	return errors.Join(step(d.finishExecution), step(d.finishAttempt), step(d.insertEvent))
}
