package ffsqlite_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// Several references to one database, and two databases that are none of each other's business: 02 §4.3 and §4.5 with
// their scenarios, 01 scenario 57.

// reference opens a location with the default options of a further reference and closes it at the end.
func reference(t testing.TB, location string, opts ...ffsqlite.Option) *ffsqlite.Backend {
	t.Helper()
	opts = append([]ffsqlite.Option{ffsqlite.WithoutDevModeGuard(), quiet()}, opts...)
	b, err := ffsqlite.Open(t.Context(), location, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

// create creates an ordinary execution through a reference.
func create(t testing.TB, b *ffsqlite.Backend) messages.ExecutionID {
	t.Helper()
	id := newID()
	_, err := b.CreateExecution(t.Context(), args(id))
	require.NoError(t, err)
	return id
}

// has reports whether the execution can be read through a reference.
func has(t testing.TB, b *ffsqlite.Backend, id messages.ExecutionID) bool {
	t.Helper()
	state, err := b.ReadExecutionState(t.Context(), id)
	require.NoError(t, err)
	return state != nil
}

func TestSpec02_S03_ANamedMemoryDatabaseIsShared(t *testing.T) {
	const location = "file:TestSpec02_S03?mode=memory&cache=shared"
	first, second := reference(t, location), reference(t, location)
	id := create(t, first)
	require.NoError(t, first.Close())
	require.Equal(t, "sqlite", second.BackendLabel())
	require.True(t, has(t, second, id))
	require.NoError(t, second.Close())
	require.False(t, has(t, reference(t, location), id), "a memory database goes with its last reference")
}

func TestSpec02_S04_TwoNamesAreTwoDatabases(t *testing.T) {
	for _, locations := range [][2]string{
		{"file:TestSpec02_S04a?mode=memory", "file:TestSpec02_S04b?mode=memory"},
		{":memory:", ":memory:"},
		{":memory:", "file::memory:"},
	} {
		t.Run(strings.Join(locations[:], " and "), func(t *testing.T) {
			one, other := reference(t, locations[0]), reference(t, locations[1])
			id := create(t, one)
			require.False(t, has(t, other, id))
			require.NoError(t, one.Close())
			require.True(t, has(t, other, create(t, other)))
		})
	}
	t.Run("the unnamed one has several spellings", func(t *testing.T) {
		id := create(t, reference(t, "file::memory:"))
		require.True(t, has(t, reference(t, "file::memory:?cache=shared"), id))
		require.True(t, has(t, reference(t, "file:?mode=memory"), id))
	})
}

func TestSpec02_S07_EverySpellingIsTheSameFile(t *testing.T) {
	directory := t.TempDir()
	t.Chdir(directory)
	require.NoError(t, os.Symlink("a.db", "link.db"))
	references := []*ffsqlite.Backend{}
	for _, location := range []string{"a.db", "./a.db", filepath.Join(directory, "a.db"), "file:a.db", "link.db"} {
		references = append(references, reference(t, location))
	}
	first, last := references[0], references[len(references)-1]
	sub, err := first.SubscribeCompletion(t.Context(), nil, messages.ScannerFilter{})
	require.NoError(t, err)
	id := create(t, last)
	_, err = last.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: id})
	require.NoError(t, err)
	require.Equal(t, id, took(t, sub, 1)[0].ExecutionID)

	for i, b := range references[:4] {
		require.NoError(t, b.Close())
		require.ErrorIs(t, b.Ping(t.Context()), messages.ErrUnavailable)
		require.NoError(t, references[i+1].Ping(t.Context()), "the others live on")
	}
	require.NoError(t, last.Close())
	_, end := drained(sub)
	require.ErrorIs(t, end, messages.ErrStreamDisconnected)
}

func TestSpec02_S08_FiftyRacingOpensMakeOneEngine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent.db")
	log, text := logging()
	references := make([]*ffsqlite.Backend, 50)
	errs := make([]error, len(references))
	var group sync.WaitGroup
	for i := range references {
		group.Go(func() { references[i], errs[i] = ffsqlite.Open(t.Context(), path, ffsqlite.WithDevMode(), log) })
	}
	group.Wait()
	for i := range references {
		require.NoError(t, errs[i])
	}
	id := create(t, references[0])
	for _, b := range references {
		require.True(t, has(t, b, id))
	}
	require.Equal(t, "1", fftest.OpenSQL(t, references[0].DataSource()).Text(
		"SELECT max(n) FROM (SELECT count(*) AS n FROM ff_schema_migration GROUP BY version)"))
	for _, b := range references {
		require.NoError(t, b.Close())
	}
	require.Equal(t, 1, strings.Count(text.String(), banner))
}

func TestSpec02_S09_OptionsMustBeThoseInForce(t *testing.T) {
	manual := clock.NewManual(epoch)
	inForce := []ffsqlite.Option{
		ffsqlite.WithPoolSize(8), ffsqlite.WithSynchronous(ffsqlite.Normal), ffsqlite.WithBusyTimeout(time.Second),
		ffsqlite.WithClock(manual), ffsqlite.WithShutdownGrace(time.Minute), ffsqlite.WithMaxWaitingClaims(7),
		ffsqlite.WithWriteLimits(ffsqlite.WriteLimits{Operations: 9}),
	}
	path := filepath.Join(t.TempDir(), "x.db")
	first := reference(t, path, inForce...)
	id := create(t, first)
	for names, options := range map[string][]ffsqlite.Option{
		"pool_size":          {ffsqlite.WithPoolSize(4)},
		"wal":                {ffsqlite.WithWAL(false)},
		"synchronous":        {ffsqlite.WithSynchronous(ffsqlite.Full)},
		"vfs":                {ffsqlite.WithVFS(fftest.NewFaultyVFS(t).Name())},
		"busy_timeout":       {ffsqlite.WithBusyTimeout(5 * time.Second)},
		"clock":              {ffsqlite.WithClock(clock.System())},
		"shutdown_grace":     {ffsqlite.WithShutdownGrace(0)},
		"max_waiting_claims": {ffsqlite.WithMaxWaitingClaims(8)},
		"write_limits":       {ffsqlite.WithWriteLimits(ffsqlite.WriteLimits{Bytes: 1})},
		"pool_size, wal":     {ffsqlite.WithWAL(false), ffsqlite.WithPoolSize(1)},
	} {
		options = append(options, ffsqlite.WithoutDevModeGuard(), quiet())
		_, err := ffsqlite.Open(t.Context(), path, options...)
		requireInvalidOption(t, err, "location already open with different options: "+names)
	}
	require.True(t, has(t, reference(t, path, inForce...), id), "equal options")
	require.True(t, has(t, reference(t, path), id), "absent options")
	require.True(t, has(t, reference(t, path, ffsqlite.WithPoolSize(8)), id), "some of each")
	require.True(t, has(t, first, id))
}

func TestSpec02_S10_AnotherProcessHasTheDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), crashChild+"="+path)
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(output)
	require.True(t, lines.Scan(), "the child has opened the database and works")

	_, err = ffsqlite.Open(t.Context(), path, ffsqlite.WithoutDevModeGuard(), quiet())
	resolved, e := filepath.EvalSymlinks(path)
	require.NoError(t, e)
	requireNotOpened(t, err, messages.OpenTransport, `sqlite database "`+resolved+`" is in use by another process`)

	require.NoError(t, child.Process.Kill())
	for lines.Scan() { // So that Wait does not close the pipe under a reader.
	}
	require.Error(t, child.Wait())
	require.NoError(t, reference(t, path).Ping(t.Context()))
}

func TestSpec01_S57_ReferencesAreClosedByThemselves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	first, second := reference(t, path), reference(t, path)
	sub, err := first.SubscribeCompletion(t.Context(), nil, messages.ScannerFilter{})
	require.NoError(t, err)
	require.NoError(t, first.Close())
	require.NoError(t, first.Close(), "a second close gives nothing back")
	id := create(t, second)
	_, err = second.CancelExecution(t.Context(), messages.CancelExecutionArgs{ExecutionID: id})
	require.NoError(t, err)
	require.Equal(t, id, took(t, sub, 1)[0].ExecutionID, "what was opened through it belongs to the engine")
	_, err = first.CreateExecution(t.Context(), args(newID()))
	require.ErrorIs(t, err, messages.ErrUnavailable)
}

func TestOpen_WaitsForAnotherOpenUntilItsContextEnds(t *testing.T) {
	// The first open is stopped in the middle of its work; the second waits for it.
	files := fftest.NewFaultyVFS(t)
	path := filepath.Join(t.TempDir(), "x.db")
	begun, gate := make(chan struct{}), make(chan struct{})
	var once sync.Once
	files.Inject(func(fftest.Operation) error {
		once.Do(func() { close(begun) })
		<-gate
		return nil
	})
	options := []ffsqlite.Option{ffsqlite.WithoutDevModeGuard(), quiet(), ffsqlite.WithVFS(files.Name())}
	first := make(chan error, 1)
	go func() {
		b, err := ffsqlite.Open(t.Context(), path, options...)
		if err == nil {
			err = b.Close()
		}
		first <- err
	}()
	<-begun

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := ffsqlite.Open(ctx, path, options...)
	require.ErrorIs(t, err, context.Canceled)
	requireNotOpened(t, err, messages.OpenTransport, "wait for another open")
	close(gate)
	require.NoError(t, <-first)
	require.NoError(t, reference(t, path).Ping(t.Context()))
}
