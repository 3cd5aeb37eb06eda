package ffsqlite_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/messages"
)

// How background jobs are driven: 02 §7.1, §7.2, §8.1 to §8.3. What the jobs do to executions is in expiry_test.go.

// tick runs one tick of a job.
func (e *engine) tick(name messages.ScannerName, now messages.TimestampMs) messages.ScanReport {
	e.t.Helper()
	report, err := e.RunScannerTick(e.t.Context(), name, now)
	require.NoError(e.t, err)
	return report
}

// started starts the background jobs, which must not run.
func (e *engine) started(config messages.ScannerConfig) {
	e.t.Helper()
	started, err := e.StartScanners(e.t.Context(), config)
	require.NoError(e.t, err)
	require.True(e.t, started)
}

func delayedBy(e *engine, d time.Duration) func(*messages.CreateExecutionArgs) {
	return func(a *messages.CreateExecutionArgs) { a.DelayUntil = e.now() + messages.TimestampMs(d.Milliseconds()) }
}

// unreadable makes the document of an execution one that nobody can read, at a time that has come.
func (e *engine) unreadable(id messages.ExecutionID) {
	e.t.Helper()
	e.patch(id, "raw_fields = '[]'")
}

func TestSpec02_S38_StartingTwiceIsStartingOnce(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	config := messages.ScannerConfig{BudgetReset: 100 * time.Millisecond}
	e.started(config)
	started, err := e.StartScanners(t.Context(), config)
	require.NoError(t, err)
	require.False(t, started)
	require.NoError(t, e.ShutdownPrepare(t.Context(), 2*time.Second))
}

func TestSpec02_S39_StartAndStopAtOnce(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	config := messages.DefaultScannerConfig()
	for _, interval := range []*time.Duration{&config.LeaseExpiry, &config.DelayedPromoter, &config.RetentionTrimmer} {
		*interval = time.Hour
	}
	e.started(config)
	require.NoError(t, e.ShutdownPrepare(t.Context(), 2*time.Second))
	require.NoError(t, e.ShutdownPrepare(t.Context(), 0), "a second time")
}

func TestSpec02_S40_AnIntervalOfZeroDisablesTheJob(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, ffsqlite.WithScanners(messages.ScannerConfig{}))
		id := e.created(delayedBy(e, time.Second))
		e.sql.Exec(`INSERT INTO ff_budget_policy (partition_key, budget_id, policy_json, created_at_ms, updated_at_ms,
			next_reset_at_ms) VALUES (0, 'b', '{"reset_interval_ms": 1000}', 1, 1, ?1)`, int64(e.now()))
		budget := e.sql.Rows("SELECT * FROM ff_budget_policy")
		e.advance(time.Hour)
		require.Equal(t, messages.PublicDelayed, e.state(id))
		require.Equal(t, budget, e.sql.Rows("SELECT * FROM ff_budget_policy"), "a due budget stays, too")
		started, err := e.StartScanners(t.Context(), messages.DefaultScannerConfig())
		require.NoError(t, err)
		require.False(t, started, "with every job disabled they still count as started")
		require.Equal(t, uint32(1), e.tick(messages.ScannerDelayedPromoter, 0).Processed, "by hand it runs")
		require.NoError(t, e.ShutdownPrepare(t.Context(), time.Second))
	})
}

func TestSpec02_S41_RestartAndIntervals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		require.NoError(t, e.ShutdownPrepare(t.Context(), time.Second))
		id := e.created(delayedBy(e, time.Second))
		e.advance(time.Minute)
		require.Equal(t, messages.PublicDelayed, e.state(id), "nothing runs by itself")
		e.started(messages.DefaultScannerConfig())
		synctest.Wait()
		require.Equal(t, messages.PublicWaiting, e.state(id), "what was due is done at once")

		require.NoError(t, e.StopScanners(t.Context()))
		for _, test := range []struct {
			config messages.ScannerConfig
			detail string
		}{
			{messages.ScannerConfig{LeaseExpiry: -1}, "lease_expiry_interval: must not be negative"},
			{messages.ScannerConfig{BudgetReset: time.Microsecond}, "budget_reset_interval: must be >= 1ms"},
			{messages.ScannerConfig{RetentionPeriod: -1}, "retention_period: must not be negative"},
			{messages.ScannerConfig{Filter: messages.ScannerFilter{Namespace: notUTF8}}, "namespace: must be valid UTF-8"},
		} {
			_, err := e.StartScanners(t.Context(), test.config)
			requireInvalid(t, err, test.detail)
			_, err = ffsqlite.Open(t.Context(), ":memory:", ffsqlite.WithoutDevModeGuard(), ffsqlite.WithScanners(test.config))
			requireInvalid(t, err, test.detail)
		}
		_, err := e.RunScannerTick(t.Context(), messages.ScannerDelayedPromoter, 0)
		require.NoError(t, err)
		requireInvalid(t, e.ShutdownPrepare(t.Context(), -1), "grace: must not be negative")
		e.started(messages.DefaultScannerConfig())
	})
}

func TestStartScanners_OfTwoRacingCallsOneWins(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	answers := make(chan bool, 8)
	for range cap(answers) {
		go func() {
			started, err := e.StartScanners(t.Context(), messages.DefaultScannerConfig())
			answers <- started && err == nil
		}()
	}
	winners := 0
	for range cap(answers) {
		if <-answers {
			winners++
		}
	}
	require.Equal(t, 1, winners)
}

func TestSpec02_S46_ARowThatAnotherProgramChangedIsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := messages.DefaultScannerConfig()
		config.DelayedPromoter = 50 * time.Millisecond
		e := open(t, ffsqlite.WithScanners(config))
		id := e.created(delayedBy(e, time.Hour))
		e.patch(id, fmt.Sprintf("raw_fields = json_set(raw_fields, '$.delay_until', '%d')", e.now()))
		e.advance(50 * time.Millisecond)
		require.Equal(t, messages.PublicWaiting, e.state(id))
	})
}

func TestSpec02_S47_ADeadlineFarAheadNeedsNoInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := messages.DefaultScannerConfig()
		config.DelayedPromoter, config.ExecutionDeadline = 24*time.Hour, 24*time.Hour
		e := open(t, ffsqlite.WithScanners(config))
		delayed := e.created(delayedBy(e, 10*time.Minute))
		ending := e.created(func(a *messages.CreateExecutionArgs) { a.ExecutionDeadlineAt = e.now() + 600_000 })
		e.advance(10*time.Minute - time.Millisecond)
		require.Equal(t, messages.PublicDelayed, e.state(delayed))
		require.Equal(t, messages.PublicWaiting, e.state(ending))
		e.advance(time.Millisecond)
		require.Equal(t, messages.PublicWaiting, e.state(delayed))
		require.Equal(t, messages.PublicExpired, e.state(ending))
	})
}

func TestSpec02_S48_WhatCameDueWhileClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := t.TempDir() + "/x.db"
		e := openAt(t, path)
		id := e.created(delayedBy(e, time.Minute))
		require.NoError(t, e.Close())

		later := ffsqlite.WithClock(clock.NewManual(epoch.Add(time.Hour)))
		stopped := openAt(t, path, later, ffsqlite.WithoutScanners())
		synctest.Wait()
		require.Equal(t, messages.PublicDelayed, stopped.state(id))
		stopped.started(messages.DefaultScannerConfig())
		synctest.Wait()
		require.Equal(t, messages.PublicWaiting, stopped.state(id))

		path = t.TempDir() + "/y.db"
		e = openAt(t, path)
		id = e.created(delayedBy(e, time.Minute))
		require.NoError(t, e.Close())
		again := openAt(t, path, later)
		synctest.Wait()
		require.Equal(t, messages.PublicWaiting, again.state(id), "without any call")
	})
}

func TestSpec02_S49_APoisonRow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, ffsqlite.WithoutScanners())
		var poison messages.ExecutionID
		for n := range 100 {
			id := e.created(delayedBy(e, time.Second))
			if n == 0 {
				poison = id
			}
		}
		e.unreadable(poison)
		const job = messages.ScannerDelayedPromoter
		e.advance(2 * time.Second)
		report := e.tick(job, 0)
		require.Equal(t, messages.ScanReport{Processed: 99, Errors: 1}, report)
		for range 2 {
			require.Equal(t, messages.ScanReport{Errors: 1}, e.tick(job, 0))
		}
		for range 10 {
			require.Equal(t, messages.ScanReport{Skipped: 1}, e.tick(job, 0), "it rests for ten ticks")
		}
		require.Equal(t, messages.ScanReport{Errors: 1}, e.tick(job, 0), "then it is tried again")
		require.Equal(t, messages.ScanReport{Skipped: 1}, e.tick(job, 0))
		require.Equal(t, int64(1), e.sql.Int("SELECT count(*) FROM ff_exec_core WHERE standing = 'delayed'"))
	})
}

func TestSpec02_S49_APoisonRowIsTriedAgainAfterTheInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		id := e.created(delayedBy(e, time.Second))
		raw := e.column(id, "raw_fields")
		e.unreadable(id)
		e.advance(time.Second)
		// Our own connection mends the row, so that no foreign commit makes the job look.
		e.advance(749 * time.Millisecond)
		require.Equal(t, messages.PublicDelayed, e.state(id))
		e.sql.Exec("UPDATE ff_exec_core SET raw_fields = ?1", raw)
		e.advance(2 * time.Millisecond)
		require.Equal(t, messages.PublicWaiting, e.state(id))
	})
}

func TestSpec02_S50_FiveThousandDueRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := open(t, ffsqlite.WithoutScanners())
		e.created(delayedBy(e, time.Second))
		e.sql.Exec(`
			WITH RECURSIVE more (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM more WHERE n < 4999)
			INSERT INTO ff_exec_core (partition_key, execution_id, lane_id, attempt_index, lifecycle_phase, ownership_state,
			                          eligibility_state, public_state, attempt_state, priority, created_at_ms, raw_fields)
			SELECT 0, randomblob(16), 'default', 0, lifecycle_phase, ownership_state, eligibility_state, public_state,
			       attempt_state, 0, 1, raw_fields
			  FROM ff_exec_core, more`)
		delayed := func() int64 { return e.sql.Int("SELECT count(*) FROM ff_exec_core WHERE standing = 'delayed'") }
		require.Equal(t, int64(5000), delayed())
		e.clock.Advance(2 * time.Second)
		seen := make(chan int64, 1)
		e.started(messages.DefaultScannerConfig())
		go func() {
			e.created()
			seen <- delayed()
		}()
		require.Positive(t, <-seen, "the write is answered before the last portion")
		synctest.Wait()
		require.Zero(t, delayed())
	})
}

func TestRunScannerTick_ABoundedTickSaysSo(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	e.created(delayedBy(e, time.Second))
	e.sql.Exec(`
		WITH RECURSIVE more (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM more WHERE n < 1000)
		INSERT INTO ff_exec_core (partition_key, execution_id, lane_id, attempt_index, lifecycle_phase, ownership_state,
		                          eligibility_state, public_state, attempt_state, priority, created_at_ms, raw_fields)
		SELECT 0, randomblob(16), 'default', 0, lifecycle_phase, ownership_state, eligibility_state, public_state,
		       attempt_state, 0, 1, raw_fields
		  FROM ff_exec_core, more`)
	now := e.now() + 1000
	require.Equal(t, messages.ScanReport{Processed: 1000, More: true}, e.tick(messages.ScannerDelayedPromoter, now))
	require.Equal(t, messages.ScanReport{Processed: 1}, e.tick(messages.ScannerDelayedPromoter, now))
}

func TestSpec02_S51_TicksByHand(t *testing.T) {
	t.Parallel()
	e := open(t, ffsqlite.WithoutScanners())
	_, err := e.RunScannerTick(t.Context(), "nonsense", 0)
	requireInvalid(t, err, "unknown scanner: nonsense")

	e.created(delayedBy(e, time.Second))
	now := e.now() + 1000
	require.Equal(t, uint32(0), e.tick(messages.ScannerDelayedPromoter, now-1).Processed)
	require.Equal(t, uint32(1), e.tick(messages.ScannerDelayedPromoter, now).Processed, "ahead of the clock")
	require.Equal(t, uint32(0), e.tick(messages.ScannerDelayedPromoter, now).Processed)
	e.started(messages.ScannerConfig{})
	e.created(delayedBy(e, time.Second))
	require.Equal(t, uint32(1), e.tick(messages.ScannerDelayedPromoter, now).Processed, "with an interval of 0")
}

func TestSpec02_S53_TheFilter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := messages.DefaultScannerConfig()
		config.Filter = messages.ScannerFilter{Namespace: "a"}
		e := open(t, ffsqlite.WithScanners(config))
		in := func(namespace messages.Namespace) func(*messages.CreateExecutionArgs) {
			return func(a *messages.CreateExecutionArgs) { a.Namespace = namespace }
		}
		a := e.created(in("a"), delayedBy(e, time.Second))
		b := e.created(in("b"), delayedBy(e, time.Second))
		require.Equal(t, messages.ScanReport{Processed: 1, Skipped: 1},
			e.tick(messages.ScannerDelayedPromoter, e.now()+1000))
		require.Equal(t, messages.PublicWaiting, e.state(a))
		e.advance(time.Hour)
		require.Equal(t, messages.PublicDelayed, e.state(b), "nor does it by itself")
	})
}

func TestScanners_FilterOnATag(t *testing.T) {
	t.Parallel()
	config := messages.DefaultScannerConfig()
	config.Filter = messages.ScannerFilter{}.WithInstanceTag("team.name", "red")
	e := open(t, ffsqlite.WithScanners(config))
	tagged := func(value string) func(*messages.CreateExecutionArgs) {
		return func(a *messages.CreateExecutionArgs) { a.Tags = map[string]string{"team.name": value} }
	}
	red := e.created(tagged("red"), delayedBy(e, time.Second))
	e.created(tagged("blue"), delayedBy(e, time.Second))
	e.created(delayedBy(e, time.Second))
	require.Equal(t, messages.ScanReport{Processed: 1, Skipped: 2}, e.tick(messages.ScannerDelayedPromoter, e.now()+1000))
	require.Equal(t, messages.PublicWaiting, e.state(red))
}
