package ffsqlite_test

import (
	"math"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// Best-effort frames: 03 §8.5 and its scenarios 72 to 74.

// live is a best-effort frame.
func live(ttl time.Duration, change ...func(*messages.BestEffortLiveConfig)) messages.Frame {
	config := messages.BestEffortLiveConfig{TTL: ttl}
	for _, c := range change {
		c(&config)
	}
	return messages.Frame{Bytes: []byte("live"), Mode: messages.BestEffortLive(config)}
}

func capped(floor, ceiling uint32) func(*messages.BestEffortLiveConfig) {
	return func(c *messages.BestEffortLiveConfig) { c.MaxLenFloor, c.MaxLenCeiling = floor, ceiling }
}

// meta is one column of the only row of ff_stream_meta.
func (e *engine) meta(expression string) float64 {
	e.t.Helper()
	value, err := strconv.ParseFloat(e.sql.Text("SELECT CAST("+expression+" AS TEXT) FROM ff_stream_meta"), 64)
	require.NoError(e.t, err)
	return value
}

func TestSpec03_S72_TheCapFollowsTheRate(t *testing.T) {
	t.Parallel()
	t.Run("fast", func(t *testing.T) {
		e := open(t)
		e.created()
		handle := e.claimed()
		var kept uint64
		for range 100 {
			kept = e.appended(handle, live(time.Minute)).FrameCount
			e.clock.Advance(time.Millisecond)
		}
		require.GreaterOrEqual(t, kept, uint64(64))
		require.LessOrEqual(t, kept, uint64(100))
		require.Positive(t, e.meta("ema_rate_hz"))
		require.GreaterOrEqual(t, e.meta("maxlen_applied_last"), 64.0)
		require.Equal(t, int64(kept), e.storedFrames("best_effort"))
		e.consistent()
	})
	t.Run("pegged at the ceiling", func(t *testing.T) {
		e := open(t)
		e.created()
		handle := e.claimed()
		for range 600 {
			e.appended(handle, live(time.Minute, capped(0, 256)))
			e.clock.Advance(time.Millisecond)
		}
		require.Equal(t, 256.0, e.meta("maxlen_applied_last"))
		require.Equal(t, int64(256), e.storedFrames("best_effort"))
		e.consistent()
	})
	t.Run("a pause", func(t *testing.T) {
		e := open(t)
		e.created()
		handle := e.claimed()
		for range 100 {
			e.appended(handle, live(time.Minute))
			e.clock.Advance(time.Millisecond)
		}
		burst := e.meta("ema_rate_hz")
		e.clock.Advance(2 * time.Second)
		e.appended(handle, live(time.Minute))
		require.Less(t, e.meta("ema_rate_hz"), burst)
	})
	t.Run("in one millisecond", func(t *testing.T) {
		e := open(t)
		e.created()
		handle := e.claimed()
		before := 0.0
		for i := range 100 {
			e.appended(handle, live(time.Minute))
			rate := e.meta("ema_rate_hz")
			if i > 0 {
				require.Greater(t, rate, before)
			}
			before = rate
		}
		require.InDelta(t, 1000*(1-math.Pow(0.8, 99)), before, 1e-6)
	})
}

func TestSpec03_S73_BestEffortFramesCostNoOthers(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	handle := e.claimed()
	for range 10 {
		e.appended(handle, output("kept"))
	}
	e.appended(handle, patch(`{"a":1}`))
	for range 500 {
		e.appended(handle, live(time.Minute, capped(64, 64)))
	}
	require.Equal(t, []int64{10, 1, 64}, []int64{
		e.storedFrames("durable"), e.storedFrames("summary"), e.storedFrames("best_effort"),
	})
	require.Equal(t, uint64(75), e.appended(handle, live(time.Minute, capped(64, 64))).FrameCount)
	document, version := e.summary(id)
	require.Equal(t, `{"a":1}`, document)
	require.Equal(t, uint64(1), version)
	e.consistent()
}

func TestSpec03_S74_BestEffortFramesGrowOld(t *testing.T) {
	t.Parallel()
	t.Run("with the next append", func(t *testing.T) {
		e := open(t)
		id := e.created()
		handle := e.claimed()
		e.appended(handle, output("kept"))
		e.appended(handle, live(100*time.Millisecond))
		e.clock.Advance(time.Millisecond)
		e.appended(handle, live(100*time.Millisecond))
		e.clock.Advance(100 * time.Millisecond)
		e.appended(handle, live(100*time.Millisecond))
		e.clock.Advance(100 * time.Millisecond) // The first is 201 ms old, the second 200.
		require.Equal(t, uint64(4), e.appended(handle, live(100*time.Millisecond)).FrameCount)
		require.Equal(t, []string{"kept", "live", "live", "live"}, payloads(e.frames(id, 0)))
		e.consistent()
	})
	t.Run("when nothing is appended", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := open(t)
			id := e.created()
			handle := e.claimed()
			e.appended(handle, output("kept"))
			e.appended(handle, live(100*time.Millisecond))
			other := e.created()
			e.appended(e.claimed(), live(time.Hour))
			e.clock.Advance(200 * time.Millisecond)
			synctest.Wait()
			require.Len(t, e.frames(id, 0).Frames, 2)
			e.clock.Advance(time.Millisecond)
			synctest.Wait()
			require.Equal(t, []string{"kept"}, payloads(e.frames(id, 0)))
			require.Equal(t, []string{"live"}, payloads(e.frames(other, 0)))
			e.consistent()
		})
	})
	t.Run("also while the engine is down", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			path := "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "down.db"))
			e := openAt(t, path)
			e.created()
			e.appended(e.claimed(), live(100*time.Millisecond))
			require.NoError(t, e.Close())
			later := clock.NewManual(epoch.Add(time.Second))
			b, err := ffsqlite.Open(t.Context(), path, ffsqlite.WithoutDevModeGuard(), ffsqlite.WithClock(later), quiet())
			require.NoError(t, err)
			defer func() { require.NoError(t, b.Close()) }()
			synctest.Wait()
			require.Zero(t, fftest.OpenSQL(t, b.DataSource()).Int("SELECT count(*) FROM ff_stream_frame"))
		})
	})
	t.Run("configurations that say nothing usable", func(t *testing.T) {
		for alpha, want := range map[float64]float64{0: 200, 2: 200, 0.5: 500, math.NaN(): 200} {
			e := open(t)
			e.created()
			handle := e.claimed()
			frame := live(time.Minute, capped(64, 10), func(c *messages.BestEffortLiveConfig) { c.EMAAlpha = alpha })
			for range 2 {
				e.appended(handle, frame)
			}
			require.InDelta(t, want, e.meta("ema_rate_hz"), 1e-9)
			require.Equal(t, 64.0, e.meta("maxlen_applied_last"))
		}
	})
}
