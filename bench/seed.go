package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/uuid"

	"github.com/flowfabric/ffsqlite"
)

// Seed is what a database holds before a cell begins. Each is filled once in a run and copied for every cell.
type Seed struct {
	Finished   int64 // Executions that ended with success, with all that they leave behind.
	OtherKind  int64 // Claimable executions of a kind that the bench's worker does not take, ahead of its own.
	Capability int64 // Claimable executions that require a capability which the worker lacks, ahead of its own.
	Claimable  int64 // Executions that the bench's worker may run: jobs 0, 1, 2 and so on.
}

func (s Seed) path(dir string) string {
	return filepath.Join(dir, fmt.Sprintf("seed-%d-%d-%d-%d.db", s.Finished, s.OtherKind, s.Capability, s.Claimable))
}

// plantSeeds fills the databases from which the sides start.
func plantSeeds(ctx context.Context, dir string, sides []Side) error {
	planted := map[Seed]bool{}
	for _, side := range sides {
		for _, seed := range side.Seeds {
			if planted[seed] {
				continue
			}
			planted[seed] = true
			if err := seed.plant(ctx, seed.path(dir)); err != nil {
				return fmt.Errorf("seed %+v: %w", seed, err)
			}
		}
	}
	return nil
}

// plant has the engine make its schema, fills the tables behind its back, and lets the engine open and close the file
// once more, so that it is left as the engine leaves its files.
func (s Seed) plant(ctx context.Context, path string) error {
	dataSource, err := openAndClose(ctx, path)
	if err != nil {
		return err
	}
	if err := s.fill(dataSource, time.Now().UnixMilli()); err != nil {
		return err
	}
	_, err = openAndClose(ctx, path)
	return err
}

func openAndClose(ctx context.Context, path string) (dataSource string, err error) {
	backend, err := ffsqlite.Open(ctx, path, ffsqlite.WithoutDevModeGuard())
	if err != nil {
		return "", err
	}
	return backend.DataSource(), backend.Close()
}

// fillPragmas take no care of the disk: nothing is lost that a second run would not bring back.
const fillPragmas = "PRAGMA journal_mode = off; PRAGMA synchronous = off; PRAGMA cache_size = -100000;"

func (s Seed) fill(dataSource string, now int64) (err error) {
	conn, err := sqlite3.Open(dataSource)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := errors.Join(uuid.Register(conn), conn.Exec(fillPragmas)); err != nil {
		return err
	}
	const hour = 3_600_000
	for _, insert := range []struct {
		sql  string
		args []int64
	}{
		{seedLaneSQL, []int64{now - 3*hour}},
		{seedFinishedSQL, []int64{s.Finished, now - 3*hour}},
		{seedAttemptsSQL, nil},
		{seedCompletionsSQL, nil},
		{seedLeasesSQL, nil},
		{seedOtherKindSQL, []int64{s.OtherKind, now - 2*hour, foreignJob}},
		{seedRequirementsSQL, []int64{s.Capability}},
		{seedCapabilitySQL, []int64{now - 2*hour, foreignJob}},
		{seedClaimableSQL, []int64{s.Claimable, now - hour, payloadBase}},
	} {
		if err := execBound(conn, insert.sql, insert.args); err != nil {
			return err
		}
	}
	return nil
}

func execBound(conn *sqlite3.Conn, sql string, args []int64) error {
	stmt, _, err := conn.Prepare(sql)
	if err != nil {
		return err
	}
	for i, arg := range args {
		err = errors.Join(err, stmt.BindInt64(i+1, arg))
	}
	if err == nil {
		stmt.Step()
		err = stmt.Err()
	}
	return errors.Join(err, stmt.Close())
}

// copySynced copies a file and waits for the disk, so that its writing does not fall into a measurement.
func copySynced(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.Create(to)
	if err != nil {
		return err
	}
	defer target.Close()
	if _, err := io.Copy(target, source); err != nil {
		return err
	}
	return target.Sync()
}
