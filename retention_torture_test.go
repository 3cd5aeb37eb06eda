package ffsqlite_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// longestLog is above the 4,000 pages at which the log is moved into the file.
const longestLog = 32 << 20

// TestTortureRetention_TheFileStaysSmall works for hours on the manual clock and keeps one of them: from the second hour
// on the file does not grow, and the log stays below its bound. With -torture it is 10 hours at 100 executions a second,
// 3.6 million of them, 360,000 of which are kept at any time; an hour takes a minute.
func TestTortureRetention_TheFileStaysSmall(t *testing.T) {
	hours, atOnce := fftest.Rounds(5, 10), fftest.Rounds(6, 1000)
	step := time.Minute
	if *fftest.Torture {
		step = 10 * time.Second
	}
	path := filepath.Join(t.TempDir(), "day.db")
	config := messages.DefaultScannerConfig()
	config.RetentionPeriod = time.Hour
	e := openAt(t, path, ffsqlite.WithSynchronous(ffsqlite.Normal), ffsqlite.WithScanners(config))
	settled, most := int64(0), int64(time.Hour/step+1)*int64(atOnce)
	for hour := 1; hour <= hours; hour++ {
		for range time.Hour / step {
			e.clock.Advance(step)
			e.workOff(atOnce, step)
			for e.tick(messages.ScannerRetentionTrimmer, 0).More {
			}
		}
		size, log := sizeOf(t, path), sizeOf(t, path+"-wal")
		kept := e.sql.Int("SELECT count(*) FROM ff_exec_core")
		t.Logf("hour %2d: %9d bytes, a log of %8d, %6d executions kept", hour, size, log, kept)
		require.LessOrEqual(t, log, int64(longestLog))
		require.LessOrEqual(t, kept, most)
		if hour == 2 {
			settled = size
		}
		if hour > 2 {
			require.LessOrEqual(t, size, settled+settled/10, "it has grown since the second hour")
		}
	}
	for _, table := range []string{"ff_attempt", "ff_completion_event", "ff_lease_event"} {
		require.LessOrEqual(t, e.sql.Int("SELECT count(*) FROM "+table), 2*most, table)
	}
	fftest.Intact(t, e.sql)
}

// workOff creates n executions, spread over the span of time that has just passed, claims and completes them: each kind
// of call in one batch.
func (e *engine) workOff(n int, span time.Duration) {
	e.t.Helper()
	calls := make([]messages.Message, n)
	for i := range calls {
		ago := span * time.Duration(n-1-i) / time.Duration(n)
		calls[i] = args(newID(), createdAt(e.now()-messages.TimestampMs(ago.Milliseconds())))
	}
	e.batched(calls)
	for i := range calls {
		calls[i] = claimNextArgs()
	}
	for i, reply := range e.batched(calls) {
		claimed, ok := reply.(messages.ClaimNextResult)
		require.True(e.t, ok)
		require.NotNil(e.t, claimed.Task)
		calls[i] = messages.CompleteArgs{Handle: claimed.Task.Handle, Payload: []byte("done")}
	}
	e.batched(calls)
}

func (e *engine) batched(calls []messages.Message) []messages.Reply {
	e.t.Helper()
	replies, err := e.Batch(e.t.Context(), calls...)
	require.NoError(e.t, err)
	return replies
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
