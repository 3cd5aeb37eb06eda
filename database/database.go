package database

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
	_ "github.com/ncruces/go-sqlite3/vfs/mvcc" // Memory databases live in it.

	"github.com/flowfabric/ffsqlite/messages"
)

// Database is one open database: its lock, the connection that writes, and the pool that reads.
type Database struct {
	location Location
	settings Settings
	log      *logVFS // the writer's; nil where there is no log
	writer   *sqlite3.Conn
	readers  *Pool
	unlock   func() error
	close    func() error
}

// Open opens the database at the location, creating the file if need be, and brings its schema up to date: migrate gets
// the connection that writes, and the path of the file (empty for memory), before any connection that reads is opened.
// When ctx ends, Open gives up.
//
// Every error is a [*messages.OpenError], and nothing is left open or locked. A database that another process has open,
// or any other trouble with the disk, is of the kind transport; a file that is damaged or no database is of the kind
// protocol, and so is a VFS that is not registered, with [messages.ErrInvalidInput] inside. An OpenError of migrate comes
// back as it is, and nothing but migrate has written to the file then. If it was ctx that ended Open, its error is inside.
func Open(
	ctx context.Context, location Location, settings Settings, migrate func(conn *sqlite3.Conn, path string) error,
) (*Database, error) {
	d := &Database{location: location, settings: settings, unlock: func() error { return nil }}
	d.close = sync.OnceValue(d.closeAll)
	opened := false
	defer func() {
		if !opened { // An error, or a panic of migrate.
			_ = d.discard() // The caller hears why it failed, not what failed after.
		}
	}()
	if err := d.open(ctx, migrate); err != nil {
		if e := ctx.Err(); e != nil && errors.Is(err, sqlite3.INTERRUPT) {
			err = openError("open database", e) // Which statement it hit says nothing.
		}
		return nil, err
	}
	opened = true
	return d, nil
}

func (d *Database) open(ctx context.Context, migrate func(*sqlite3.Conn, string) error) error {
	if err := ctx.Err(); err != nil {
		return openError("open database", err)
	}
	if !d.location.Memory {
		if vfs.Find(d.settings.VFS) == nil {
			return invalid("vfs", "not registered: "+d.settings.VFS)
		}
		if err := d.checkFile(); err != nil {
			return openError("open database", err)
		}
		unlock, err := Lock(d.location.Path)
		if err != nil {
			return err
		}
		d.unlock = unlock
	}
	if err := d.openWriter(ctx, migrate); err != nil {
		return err
	}
	return d.openReaders(ctx)
}

// checkFile refuses what cannot be a database before the lock file is created beside it.
func (d *Database) checkFile() error {
	info, err := os.Stat(d.location.Path)
	switch {
	case err == nil && info.IsDir():
		return &os.PathError{Op: "open", Path: d.location.Path, Err: errors.New("is a directory")}
	case err != nil && d.location.MustExist && errors.Is(err, os.ErrNotExist):
		return err
	}
	return nil // SQLite, or the VFS, knows better.
}

func (d *Database) openWriter(ctx context.Context, migrate func(*sqlite3.Conn, string) error) error {
	flags := sqlite3.OPEN_READWRITE | sqlite3.OPEN_URI
	if !d.location.MustExist {
		flags |= sqlite3.OPEN_CREATE
	}
	source := d.DataSource()
	if d.settings.WAL && !d.location.Memory {
		d.log = newLogVFS(d.settings.VFS)
		source = d.location.dataSource(d.log.name)
	}
	var err error
	if d.writer, err = sqlite3.OpenFlags(source, flags); err != nil {
		return openError("open database", err)
	}
	defer d.writer.SetInterrupt(d.writer.SetInterrupt(ctx)) // Sets it now, and back at the end.
	if err := d.settings.applyToWriter(d.writer); err != nil {
		return openError("configure database", err)
	}
	if err := migrate(d.writer, d.location.Path); err != nil {
		d.leaveLog()
		return openError("migrate database", err)
	}
	// Only now, for it is stored in the file, and nothing may be written to one that migrate refuses.
	if err := d.setJournalMode(ctx); err != nil {
		return err
	}
	// From here on Retry, with its several tries, is what waits.
	return openError("configure database", d.writer.BusyTimeout(d.settings.share()))
}

// leaveLog keeps the connection from moving the log of a refused file into it when it is closed. Where no process has left
// a log, there is only the empty one of this connection, which goes with it.
func (d *Database) leaveLog() {
	if info, err := os.Stat(d.location.Path + "-wal"); err == nil && info.Size() > 0 {
		_, _ = d.writer.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true) // Moving it would lose nothing either.
	}
}

// setJournalMode puts a file into the mode of the settings.
func (d *Database) setJournalMode(ctx context.Context) error {
	if d.location.Memory {
		return nil
	}
	err := retry(ctx, func() error { return setJournalMode(d.writer, d.settings.WAL) })
	var mode *journalModeError
	if errors.As(err, &mode) {
		return &messages.OpenError{Kind: messages.OpenTransport, Message: mode.want + " not available", Err: err}
	}
	return openError("set journal mode", err)
}

func (d *Database) openReaders(ctx context.Context) error {
	d.readers = newPool(d.settings.readers())
	for range d.settings.readers() {
		if err := ctx.Err(); err != nil {
			return openError("open reader", err)
		}
		conn, err := sqlite3.OpenFlags(d.DataSource(), sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
		if err != nil {
			return openError("open reader", err)
		}
		d.readers.add(conn)
		if err := d.settings.applyToReader(conn); err != nil {
			return openError("configure reader", err)
		}
	}
	return nil
}

// Writer returns the one connection that may write. It belongs to a single goroutine at a time.
func (d *Database) Writer() *sqlite3.Conn { return d.writer }

// Readers returns the connections that read.
func (d *Database) Readers() *Pool { return d.readers }

// Memory reports whether the database vanishes when it is closed.
func (d *Database) Memory() bool { return d.location.Memory }

// DataSource returns what sqlite3.Open needs for a further connection to the same database, for tools and tests. A memory
// database can be reached under it in this process, while it is open.
func (d *Database) DataSource() string { return d.location.dataSource(d.settings.VFS) }

// Close waits up to a second for reads under way, then interrupts them; empties the write-ahead log into the file; closes
// every connection, with all statements that were prepared on them; and releases the lock, whatever failed before. It
// returns the errors of all steps, joined. The writer must be at rest. A second Close returns the same.
func (d *Database) Close() error { return d.close() }

func (d *Database) closeAll() error {
	var errs []error
	note := func(step string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", step, err))
		}
	}
	note("close readers", d.readers.close())
	closeStatements(d.writer) // They would keep the log in use.
	if !d.writer.GetAutocommit() {
		note("roll back", d.writer.Exec(`ROLLBACK`))
	}
	if d.settings.WAL && !d.location.Memory {
		note("checkpoint", d.checkpoint())
	}
	note("close writer", d.discardWriter())
	return errors.Join(errs...)
}

// checkpoint moves the log into the file, and truncates it. Another process that reads the database may be in the way;
// then the log stays, which loses nothing.
func (d *Database) checkpoint() error {
	_, _, err := d.writer.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	if IsBusy(err) {
		return nil
	}
	return err
}

// discard closes what is open, after a failure of Open.
func (d *Database) discard() error {
	var err error
	if d.readers != nil {
		err = d.readers.close()
	}
	return errors.Join(err, d.discardWriter())
}

// discardWriter closes the connection that writes and releases the lock, which nothing may hold up.
func (d *Database) discardWriter() error {
	var err error
	if d.writer != nil {
		err = closeConn(d.writer)
	}
	if d.log != nil {
		d.log.unregister()
	}
	return errors.Join(err, d.unlock())
}

// openError is a failed step of opening; nil for nil.
func openError(step string, err error) error {
	if err == nil {
		return nil
	}
	var open *messages.OpenError
	if errors.As(err, &open) {
		return open
	}
	kind := messages.OpenTransport
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		kind = messages.OpenTimeout
	case IsFatal(err):
		kind = messages.OpenProtocol // Trying again will not mend the file.
	}
	return &messages.OpenError{Kind: kind, Message: step, Err: err}
}
