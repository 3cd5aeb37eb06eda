package ffsqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// Opening one reference: the guard, the options, the locations and what is in the file afterwards. 02 §4 and its
// scenarios. What several references share is in registry_test.go.

const (
	guardVariable = "FF_DEV_MODE"
	guardMessage  = "SqliteBackend requires FF_DEV_MODE=1 to activate. SQLite is dev-only; see " +
		"https://github.com/avifenesh/FlowFabric/blob/main/docs/dev-harness.md for details."
	banner = "FlowFabric SQLite backend active (FF_DEV_MODE=1). This backend is dev-only; single-writer, " +
		"single-process, not supported in production. See RFC-023."
)

// logging is an option that writes the log into a buffer, which may be read once the engine is closed.
func logging() (ffsqlite.Option, *bytes.Buffer) {
	log := &bytes.Buffer{}
	return ffsqlite.WithLogger(slog.New(slog.NewTextHandler(log, nil))), log
}

// unsetGuard takes the guard's variable out of the environment for the length of the test.
func unsetGuard(t *testing.T) {
	t.Helper()
	t.Setenv(guardVariable, "") // It restores the variable at the end.
	require.NoError(t, os.Unsetenv(guardVariable))
}

// requireNotOpened asserts the error of an Open that was refused.
func requireNotOpened(t testing.TB, err error, kind messages.OpenErrorKind, message string) {
	t.Helper()
	var open *messages.OpenError
	require.ErrorAs(t, err, &open)
	require.Equal(t, kind, open.Kind)
	require.Equal(t, message, open.Message)
	require.Equal(t, kind == messages.OpenTransport, open.Retryable())
}

// requireInvalidOption asserts that Open refused an option or a location, and that the error within names it.
func requireInvalidOption(t testing.TB, err error, detail string) {
	t.Helper()
	requireNotOpened(t, err, messages.OpenProtocol, detail)
	requireInvalid(t, err, detail)
	require.Equal(t, 1, strings.Count(err.Error(), detail), err.Error())
}

func requireEmpty(t testing.TB, directory string) {
	t.Helper()
	files, err := os.ReadDir(directory)
	require.NoError(t, err)
	require.Empty(t, files)
}

func TestSpec02_S01_TheGuardRefusesToOpen(t *testing.T) {
	for _, value := range []string{"unset", "", "0", "true", "01", " 1", "1 "} {
		t.Run(fmt.Sprintf("%q", value), func(t *testing.T) {
			unsetGuard(t)
			if value != "unset" {
				t.Setenv(guardVariable, value)
			}
			directory := t.TempDir()
			for _, location := range []string{":memory:", "file:guarded?mode=memory", filepath.Join(directory, "x.db")} {
				_, err := ffsqlite.Open(t.Context(), location, quiet(), ffsqlite.WithPoolSize(-1))
				require.ErrorIs(t, err, messages.ErrRequiresDevMode)
				requireNotOpened(t, err, messages.OpenProtocol, guardMessage)
				require.Equal(t, 1, strings.Count(err.Error(), "FF_DEV_MODE=1"))
			}
			requireEmpty(t, directory)
		})
	}
}

func TestSpec02_S02_TheGuardIsAcknowledged(t *testing.T) {
	for _, c := range []struct {
		name   string
		value  string // of the variable; "" for none
		option ffsqlite.Option
		banner bool
	}{
		{"by the environment", "1", ffsqlite.WithBusyTimeout(time.Second), true},
		{"in code", "", ffsqlite.WithDevMode(), true},
		{"switched off", "", ffsqlite.WithoutDevModeGuard(), false},
		{"switched off beside the variable", "1", ffsqlite.WithoutDevModeGuard(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			unsetGuard(t)
			if c.value != "" {
				t.Setenv(guardVariable, c.value)
			}
			log, text := logging()
			b, err := ffsqlite.Open(t.Context(), ":memory:", c.option, log)
			require.NoError(t, err)
			require.NoError(t, b.Ping(t.Context()))
			require.NoError(t, b.Close())
			require.Equal(t, c.value, os.Getenv(guardVariable))
			if c.banner {
				require.Contains(t, text.String(), fmt.Sprintf("level=WARN msg=%q", banner))
			} else {
				require.Empty(t, text.String())
			}
		})
	}
}

func TestSpec02_S02_NoBannerWithoutAnEngine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "foreign.db")
	fftest.OpenSQL(t, "file:"+path).Exec("CREATE TABLE other (id INTEGER)")
	log, text := logging()
	_, err := ffsqlite.Open(t.Context(), path, ffsqlite.WithDevMode(), log)
	require.ErrorContains(t, err, "not a FlowFabric Go database")
	require.Empty(t, text.String())
}

func TestSpec02_S05_MemorySurvivesItsReaders(t *testing.T) {
	e := open(t, ffsqlite.WithPoolSize(4))
	e.sql.Exec("CREATE TABLE f1 (n INTEGER); INSERT INTO f1 VALUES (42)")
	id := e.created()
	for range 8 {
		require.Equal(t, messages.PublicWaiting, e.state(id))
		require.Equal(t, int64(42), fftest.OpenSQL(t, e.DataSource()).Int("SELECT n FROM f1"))
	}
	require.Equal(t, int64(42), e.sql.Int("SELECT n FROM f1"))
}

func TestSpec02_S06_MemoryOrFile(t *testing.T) {
	for _, location := range []string{
		":memory:", ":memory:?cache=shared", "file::memory:", "file::memory:?cache=shared", "file:n?mode=memory",
		"file:n?mode=memory&cache=shared", "file:n?cache=shared&mode=memory", "file:n?mode=memory#fragment",
	} {
		t.Run(location+" is memory", func(t *testing.T) {
			t.Chdir(t.TempDir())
			e := openAt(t, location)
			require.Equal(t, messages.PublicWaiting, e.state(e.created()))
			requireEmpty(t, ".")
		})
	}
	for location, name := range map[string]string{
		"./x.db": "x.db", "file:./data.db": "data.db", "file:n?cache=shared": "n",
		"file:my_mode=memory_db.sqlite": "my_mode=memory_db.sqlite", "sqlite:y.db": "y.db",
		"file:per%20cent.db?mode=rwc": "per cent.db", "name?mode=memory": "name?mode=memory",
	} {
		t.Run(location+" is a file", func(t *testing.T) {
			t.Chdir(t.TempDir())
			openAt(t, location)
			require.FileExists(t, name)
		})
	}
}

func TestSpec02_S11_RefusedLocations(t *testing.T) {
	t.Chdir(t.TempDir())
	refused := func(location string, kind messages.OpenErrorKind, message string) {
		t.Run(location, func(t *testing.T) {
			_, err := ffsqlite.Open(t.Context(), location, ffsqlite.WithoutDevModeGuard(), quiet())
			requireNotOpened(t, err, kind, message)
			requireEmpty(t, ".")
		})
	}
	refused("file:x?mode=ro", messages.OpenProtocol, "read-only open is not supported")
	for location, reason := range map[string]string{
		"file:x?foo=1":             "unknown parameter foo",
		"file:x?immutable=1":       "unknown parameter immutable",
		"file:x?vfs=memdb":         "unknown parameter vfs",
		"file:x?mode=memory_extra": `unknown value "memory_extra" for mode`,
		":memory:?foo=1":           "unknown parameter foo",
	} {
		refused(location, messages.OpenProtocol, fmt.Sprintf("sqlite connect-opts parse for %q: %s", location, reason))
	}
	refused("file:missing?mode=rw", messages.OpenTransport, "open database")
	refused(filepath.Join("no", "such", "directory.db"), messages.OpenTransport, "lock database")
	refused(".", messages.OpenTransport, "open database")
	_, err := ffsqlite.Open(t.Context(), "", ffsqlite.WithoutDevModeGuard())
	requireInvalidOption(t, err, "location: must not be empty")
	_, err = ffsqlite.Open(t.Context(), "a\x00b", ffsqlite.WithoutDevModeGuard())
	requireInvalidOption(t, err, "location: contains NUL")
	requireEmpty(t, ".")
}

func TestOpen_RefusesOptionsByName(t *testing.T) {
	t.Chdir(t.TempDir())
	for detail, option := range map[string]ffsqlite.Option{
		"pool_size: must be > 0":               ffsqlite.WithPoolSize(0),
		"vfs: not registered: absent":          ffsqlite.WithVFS("absent"),
		"busy_timeout: must not be negative":   ffsqlite.WithBusyTimeout(-1),
		"shutdown_grace: must not be negative": ffsqlite.WithShutdownGrace(-1),
		"clock: must not be nil":               ffsqlite.WithClock(nil),
		"logger: must not be nil":              ffsqlite.WithLogger(nil),
		"interceptors: must not be nil":        ffsqlite.WithInterceptors(nil),
		"synchronous: must be Full or Normal":  ffsqlite.WithSynchronous("OFF"),
		"max_waiting_claims: must be > 0":      ffsqlite.WithMaxWaitingClaims(0),
		"write_limits.operations: must be > 0": ffsqlite.WithWriteLimits(ffsqlite.WriteLimits{Operations: -1}),
		"write_limits.bytes: must be > 0":      ffsqlite.WithWriteLimits(ffsqlite.WriteLimits{Bytes: -1}),
		"write_limits.duration: must be > 0":   ffsqlite.WithWriteLimits(ffsqlite.WriteLimits{Duration: -1}),
		"write_limits.in_flight: must be > 0":  ffsqlite.WithWriteLimits(ffsqlite.WriteLimits{InFlight: -1}),
	} {
		t.Run(detail, func(t *testing.T) {
			_, err := ffsqlite.Open(t.Context(), "x.db", ffsqlite.WithoutDevModeGuard(), quiet(), option)
			requireInvalidOption(t, err, detail)
			requireEmpty(t, ".")
		})
	}
}

func TestOpen_GivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	directory := t.TempDir()
	_, err := ffsqlite.Open(ctx, filepath.Join(directory, "x.db"), ffsqlite.WithoutDevModeGuard())
	require.ErrorIs(t, err, context.Canceled)
	requireEmpty(t, directory)
}

func TestOpen_TheEngineOutlivesTheContextOfItsOpen(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b, err := ffsqlite.Open(ctx, filepath.Join(t.TempDir(), "x.db"), ffsqlite.WithoutDevModeGuard(), quiet())
	require.NoError(t, err)
	cancel()
	require.NoError(t, b.Ping(t.Context()))
	_, err = b.CreateExecution(t.Context(), args(newID()))
	require.NoError(t, err)
	require.NoError(t, b.Close())
}

func TestSpec02_S12_JournalMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	mode := func(e *engine) string { return e.sql.Text("PRAGMA journal_mode") }
	require.Equal(t, "wal", mode(openAt(t, path)))
	require.Equal(t, "delete", mode(openAt(t, path+"2", ffsqlite.WithWAL(false))))
	require.NotEqual(t, "wal", mode(open(t)))
	e := openAt(t, path+"3", ffsqlite.WithWAL(false), ffsqlite.WithSynchronous(ffsqlite.Normal))
	e.drive(e.created(), true)
}

func TestSpec02_S13_PartitionsShareTheirLaneAndFlow(t *testing.T) {
	g := open(t).newFlow()
	var members []messages.ExecutionID
	for i, partition := range []uint16{0, 7, 255} {
		id := messages.NewExecutionID(partition, messages.NewFlowID())
		_, err := g.CreateExecution(t.Context(), args(id, withPriority(int32(10*i))))
		require.NoError(t, err)
		require.NoError(t, g.add(id))
		members = append(members, id)
		require.Equal(t, fmt.Sprint(partition), g.column(id, "partition_key"))
	}
	for _, want := range []messages.ExecutionID{members[2], members[1], members[0]} {
		claimed, handle := g.claimedExecution()
		require.Equal(t, want, claimed)
		require.NoError(t, g.Complete(t.Context(), handle, nil))
	}
	listed, err := g.ListExecutions(t.Context(), messages.ListExecutionsArgs{
		Limit: 10, Filter: messages.ExecutionFilter{FlowID: g.flow},
	})
	require.NoError(t, err)
	require.ElementsMatch(t, members, listed.Executions)

	_, err = messages.ParseExecutionID("{fp:256}:" + messages.NewFlowID().String())
	require.ErrorIs(t, err, messages.ErrInvalidInput)
	require.Equal(t, [][]string{{"1", "1", "1", "0.12.0"}}, g.sql.Rows(`
		SELECT num_flow_partitions, num_budget_partitions, num_quota_partitions, ff_version
		  FROM ff_partition_config`))
}

func TestSpec02_S17_ReopeningChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	e := openAt(t, path)
	e.drive(e.created(), true)
	id := e.created()
	require.NoError(t, e.Close())
	before, err := os.ReadFile(path)
	require.NoError(t, err)

	again := openAt(t, path)
	again.clock.Advance(time.Hour)
	require.Equal(t, messages.PublicWaiting, again.state(id))
	require.NoError(t, again.Close())
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(before, after), "the file has changed")
}

func TestSpec02_S21_RowsOfAnotherProgramAreObeyed(t *testing.T) {
	e := open(t, ffsqlite.WithoutScanners())
	t.Run("a row with upstream's columns only", func(t *testing.T) {
		e.drive(e.seeded(), true)
	})
	t.Run("a phase", func(t *testing.T) {
		id := e.created()
		e.patch(id, "lifecycle_phase = 'terminal', public_state = 'completed'")
		e.nothingToClaim()
		e.patch(id, "lifecycle_phase = 'runnable', public_state = 'waiting'")
		e.drive(id, true)
	})
	t.Run("a deadline", func(t *testing.T) {
		id := e.created()
		e.patch(id, fmt.Sprintf("deadline_at_ms = %d", e.now()-1))
		e.nothingToClaim()
		e.patch(id, "deadline_at_ms = NULL")
		e.drive(id, true)
	})
	t.Run("a delay", func(t *testing.T) {
		id := e.created(func(a *messages.CreateExecutionArgs) { a.DelayUntil = e.now() + 1000 })
		e.nothingToClaim()
		e.patch(id, fmt.Sprintf("raw_fields = json_set(raw_fields, '$.delay_until', '%d')", e.now()))
		e.drive(id, true)
	})
}

func TestSpec02_S22_EventIDsAreNeverGivenTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	e := openAt(t, path)
	highest := int64(0)
	rises := func(e *engine) {
		t.Helper()
		e.drive(e.created(), true)
		id := e.sql.Int("SELECT min(event_id) FROM ff_lease_event")
		require.Greater(t, id, highest)
		highest = e.sql.Int("SELECT max(event_id) FROM ff_lease_event")
		e.sql.Exec("DELETE FROM ff_lease_event")
	}
	rises(e)
	rises(e)
	e.sql.Exec("VACUUM")
	rises(e)
	require.NoError(t, e.Close())
	rises(openAt(t, path))
}

func TestSpec02_S44_PrepareAndTheClock(t *testing.T) {
	e := open(t)
	for range 2 {
		outcome, err := e.Prepare(t.Context())
		require.NoError(t, err)
		require.Equal(t, messages.PrepareOutcome{Outcome: messages.PrepareNoop}, outcome)
		require.NoError(t, e.Ping(t.Context()))
	}
	serverTime := func() messages.TimestampMs {
		t.Helper()
		now, err := e.ServerTimeMs(t.Context())
		require.NoError(t, err)
		return now
	}
	require.Equal(t, messages.TimestampOf(epoch), serverTime())
	e.clock.Advance(time.Second)
	require.Equal(t, messages.TimestampOf(epoch.Add(time.Second)), serverTime())
	e.clock.Set(epoch)
	require.Equal(t, messages.TimestampOf(epoch.Add(time.Second)), serverTime())
	require.Equal(t, fmt.Sprint(epoch.Add(time.Second).UnixMilli()), e.column(e.created(), "created_at_ms"))
}

func TestSpec01_S56_TheGuard(t *testing.T) {
	for value, opens := range map[string]bool{"unset": false, "0": false, "true": false, " 1": false, "1": true} {
		t.Run(fmt.Sprintf("%q", value), func(t *testing.T) {
			unsetGuard(t)
			if value != "unset" {
				t.Setenv(guardVariable, value)
			}
			b, err := ffsqlite.Open(t.Context(), ":memory:", quiet())
			if opens {
				require.NoError(t, err)
				require.NoError(t, b.Close())
				return
			}
			require.ErrorContains(t, err, "SqliteBackend requires FF_DEV_MODE=1")
			require.ErrorContains(t, err, "docs/dev-harness.md")
			b, err = ffsqlite.Open(t.Context(), ":memory:", quiet(), ffsqlite.WithDevMode())
			require.NoError(t, err)
			require.NoError(t, b.Close())
		})
	}
}

func TestSpec01_S58_MemoryOutlivesItsConnections(t *testing.T) {
	e := open(t, ffsqlite.WithPoolSize(2))
	id := e.created()
	for range 10 { // Each a connection of its own, which is the only one beside the engine's while it is open.
		other := fftest.OpenSQL(t, e.DataSource())
		require.Equal(t, int64(1), other.Int("SELECT count(*) FROM ff_exec_core"))
		var readers sync.WaitGroup
		for range 8 {
			readers.Go(func() {
				state, err := e.ReadExecutionState(t.Context(), id)
				if err != nil || state == nil || *state != messages.PublicWaiting {
					t.Errorf("%v %v", state, err)
				}
			})
		}
		readers.Wait()
	}
	require.Equal(t, id, payloadOf(t, e.claimed()).ExecutionID)
}
