package ffsqlite_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// longestLog is above the 4,000 pages at which the log is moved into the file.
const longestLog = 32 << 20

// TestTortureRetention_TheFileStaysSmall works a day long on the manual clock and keeps an hour of it: from the second
// hour on the file does not grow, and the log stays below its bound. With -torture it is 24 hours at 8 executions a second, 691,200 of them; at 100 a second
// they would be 8.64 million, which takes most of an hour where this was written.
func TestTortureRetention_TheFileStaysSmall(t *testing.T) {
	hours, perMinute := fftest.Rounds(5, 24), fftest.Rounds(6, 480)
	path := filepath.Join(t.TempDir(), "day.db")
	config := messages.DefaultScannerConfig()
	config.RetentionPeriod = time.Hour
	e := openAt(t, path, ffsqlite.WithSynchronous(ffsqlite.Normal), ffsqlite.WithScanners(config))
	settled := int64(0)
	for hour := 1; hour <= hours; hour++ {
		for range 60 {
			e.workOff(perMinute)
			e.clock.Advance(time.Minute)
			for e.tick(messages.ScannerRetentionTrimmer, 0).More {
			}
		}
		size, log := sizeOf(t, path), sizeOf(t, path+"-wal")
		kept := e.sql.Int("SELECT count(*) FROM ff_exec_core")
		t.Logf("hour %2d: %9d bytes, a log of %8d, %6d executions kept", hour, size, log, kept)
		require.LessOrEqual(t, log, int64(longestLog))
		require.LessOrEqual(t, kept, int64(61*perMinute))
		if hour == 2 {
			settled = size
		}
		if hour > 2 {
			require.LessOrEqual(t, size, settled+settled/10, "it has grown since the second hour")
		}
	}
	for _, table := range []string{"ff_attempt", "ff_completion_event", "ff_lease_event"} {
		require.LessOrEqual(t, e.sql.Int("SELECT count(*) FROM "+table), int64(2*61*perMinute), table)
	}
	fftest.Intact(t, e.sql)
}

// workOff creates, claims and completes n executions, many at once.
func (e *engine) workOff(n int) {
	e.t.Helper()
	var workers sync.WaitGroup
	const many = 48
	errs := make(chan error, many)
	for worker := range many {
		workers.Go(func() {
			for range n/many + boolToInt(worker < n%many) {
				if err := e.workOffOne(); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	workers.Wait()
	close(errs)
	for err := range errs {
		require.NoError(e.t, err)
	}
}

func (e *engine) workOffOne() error {
	ctx := e.t.Context()
	if _, err := e.CreateExecution(ctx, args(newID())); err != nil {
		return err
	}
	result, err := e.ClaimNext(ctx, claimNextArgs())
	if err != nil || result.Task == nil {
		return err
	}
	return e.Complete(ctx, result.Task.Handle, []byte("done"))
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func sizeOf(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		return 0
	}
	require.NoError(t, err)
	return info.Size()
}
