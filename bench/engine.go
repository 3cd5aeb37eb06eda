package main

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Engine is one engine under test, driven through its own public API. To add an engine, write one file and name it in
// [engines].
type Engine interface {
	// Setup opens the database at s.Path, installs the schema and prepares everything that Enqueue and Work need. No
	// job may be processed before Work.
	Setup(ctx context.Context, s Settings) error
	// Enqueue makes one job durable with one call. The reference identifies the job to Finished.
	Enqueue(ctx context.Context, job int64) (ref any, err error)
	// Work starts processing in the background; s.Workers jobs may run at a time.
	Work(ctx context.Context) error
	// Done counts the jobs whose completion is committed, given how many were enqueued. It reads through a second,
	// read-only connection.
	Done(ctx context.Context, enqueued int64) (int64, error)
	// Finished says whether the completion of that job is committed. It reads through the second connection, too.
	Finished(ctx context.Context, ref any) (bool, error)
	// Describe reports the settings, and the pragmas as the engine's own writing connection answers them. It is the
	// last call before Close and may stop the engine.
	Describe(ctx context.Context) (Info, error)
	// Close stops the work and closes the database. It may follow a Setup that failed, and may be called twice.
	Close() error
}

// Settings are what a cell asks of its engine.
type Settings struct {
	Path        string          // The database file.
	Synchronous string          // NORMAL or FULL.
	Workers     int             // Jobs that may run at a time.
	Handle      func(job int64) // The body of every job.
	Failed      func(err error) // Takes the errors of the engine's background work.
}

// Info is what [Engine.Describe] reports.
type Info struct {
	Driver   string            `json:"driver"`
	SQLite   string            `json:"sqlite"`
	Pool     string            `json:"pool"`
	Pragmas  map[string]string `json:"pragmas"`
	Settings string            `json:"settings"`
}

// reportedPragmas are read back from every engine.
var reportedPragmas = []string{
	"journal_mode", "synchronous", "busy_timeout", "foreign_keys", "cache_size", "wal_autocheckpoint",
}

// pollInterval is what the engines that poll are set to: the lowest that they document.
const pollInterval = time.Millisecond

type engineKind struct {
	name   string
	module string // Where its version comes from.
	open   func() Engine
}

// ours is the name of the engine of this repository.
const ours = "ffsqlite"

// engines is the table of what can be measured, in the order in which it is listed.
var engines = []engineKind{
	{ours, "", func() Engine { return &ffsqliteEngine{} }},
	{"floor-group", "github.com/ncruces/go-sqlite3", func() Engine { return &floor{batch: 64} }},
	{"floor-tx", "github.com/ncruces/go-sqlite3", func() Engine { return &floor{batch: 1} }},
	{"goqite-queue", "maragu.dev/goqite", func() Engine { return &goqiteEngine{bare: true} }},
	{"goqite", "maragu.dev/goqite", func() Engine { return &goqiteEngine{} }},
	{"river", "github.com/riverqueue/river", func() Engine { return &riverEngine{} }},
	{"dbos", "github.com/dbos-inc/dbos-transact-golang", func() Engine { return &dbosEngine{} }},
	{"go-workflows", "github.com/cschleiden/go-workflows", func() Engine { return &goWorkflows{} }},
	{"backlite", "github.com/mikestefanello/backlite", func() Engine { return &backliteEngine{} }},
}

func findEngine(name string) (engineKind, error) {
	i := slices.IndexFunc(engines, func(k engineKind) bool { return k.name == name })
	if i < 0 {
		return engineKind{}, fmt.Errorf("engines: %q is none of %s", name, strings.Join(engineNames(), ", "))
	}
	return engines[i], nil
}

func engineNames() []string {
	names := make([]string, len(engines))
	for i, k := range engines {
		names[i] = k.name
	}
	return names
}

// version is the version of the engine's module in this binary.
func (k engineKind) version() string {
	if k.module == "" {
		return "this tree"
	}
	return moduleVersion(k.module)
}

func moduleVersion(path string) string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	i := slices.IndexFunc(build.Deps, func(m *debug.Module) bool { return m.Path == path })
	if i < 0 {
		return ""
	}
	return build.Deps[i].Version
}
