package ffsqlite_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Renew, Progress and Complete: 03 §5 and §6.1, with their scenarios.

const (
	completedVector = "terminal unowned not_applicable completed attempt_terminal NULL"
	retryVector     = "runnable unowned eligible_now waiting pending_retry_attempt waiting_for_worker"
	backoffVector   = "runnable unowned not_eligible_until_time delayed pending_retry_attempt waiting_for_retry_backoff"
)

func TestSpec03_S37_RenewExtendsTheLease(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	expired := e.now() + 30_000
	e.clock.Advance(2 * time.Millisecond)
	renewal, err := e.Renew(t.Context(), handle)
	require.NoError(t, err)
	require.Equal(t, messages.LeaseRenewal{ExpiresAt: expired + 2, LeaseEpoch: 1}, renewal)
	require.Equal(t, fmt.Sprintf("1 %d NULL NULL", expired+2), e.attemptVector(id, 0))
	require.Equal(t, fmt.Sprint(e.now()), e.attempt(id, 0, "raw_fields ->> '$.lease_renewed_at_ms'"))
	require.Equal(t, fmt.Sprint(e.now()), e.raw(id, "last_mutation_at"))
	require.Equal(t, "acquired renewed", e.leaseEvents(id))
	require.Equal(t, int64(1), e.sql.Int("SELECT count(DISTINCT lease_id) FROM ff_lease_event"))
}

func TestSpec03_S37_RenewMayShortenTheLease(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	renewal, err := e.Renew(t.Context(), forged(t, handle, func(p *messages.HandlePayload) { p.LeaseTTL = time.Second }))
	require.NoError(t, err)
	require.Equal(t, e.now()+1000, renewal.ExpiresAt)

	e.clock.Advance(time.Second)
	_, err = e.Renew(t.Context(), handle)
	require.ErrorIs(t, err, messages.ErrLeaseExpired)
	e.reclaimed(id)

	_, err = e.Renew(t.Context(), forged(t, handle, func(p *messages.HandlePayload) { p.LeaseTTL = 0 }))
	requireInvalid(t, err, "lease_ttl_ms: must be > 0")
}

func TestSpec03_S38_AForeignEpochEndsTheLease(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	e.patchAttempt(id, 0, "lease_epoch = lease_epoch + 1")
	_, err := e.Renew(t.Context(), handle)
	require.ErrorIs(t, err, messages.ErrLeaseConflict)
}

func TestSpec03_S40_AThousandRenewals(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	for range 1000 {
		renewal, err := e.Renew(t.Context(), handle)
		require.NoError(t, err)
		require.Equal(t, messages.LeaseEpoch(1), renewal.LeaseEpoch)
	}
	require.Equal(t, int64(1000), e.sql.Int("SELECT count(*) FROM ff_lease_event WHERE event_type = 'renewed'"))
	require.Equal(t, "1", e.attempt(id, 0, "lease_epoch"))
}

func TestSpec03_S41_Progress(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	progress := func(percent *uint8, message *string) {
		t.Helper()
		require.NoError(t, e.Progress(t.Context(), messages.ProgressArgs{Handle: handle, Percent: percent, Message: message}))
	}
	const stored = `
		json_type(raw_fields, '$.progress_pct') || ' ' || coalesce(json_type(raw_fields, '$.progress_message'), 'absent')`

	before := e.stored()
	progress(nil, nil)
	require.Equal(t, before, e.stored())

	progress(new(uint8(1)), nil)
	require.Equal(t, "integer absent", e.column(id, stored))
	e.clock.Advance(time.Second)
	progress(new(uint8(42)), new("halfway"))
	require.Equal(t, "integer text", e.column(id, stored))
	require.Equal(t, "42", e.raw(id, "progress_pct"))
	require.Equal(t, "halfway", e.raw(id, "progress_message"))
	require.Equal(t, fmt.Sprint(e.now()), e.raw(id, "progress_updated_at"))
	require.Equal(t, fmt.Sprint(e.now()), e.raw(id, "last_mutation_at"))

	progress(new(uint8(10)), new("starting"))
	progress(new(uint8(75)), nil)
	progress(nil, new("winding down"))
	require.Equal(t, "75", e.raw(id, "progress_pct"))
	require.Equal(t, "winding down", e.raw(id, "progress_message"))
	progress(new(uint8(0)), new(""))
	require.Equal(t, "0", e.raw(id, "progress_pct"))
	require.Empty(t, e.raw(id, "progress_message"))
	require.Equal(t, activeVector, e.vector(id))
	require.Equal(t, "acquired", e.leaseEvents(id))

	err := e.Progress(t.Context(), messages.ProgressArgs{Handle: handle, Percent: new(uint8(101))})
	requireInvalid(t, err, "percent: must be in 0..=100")
	progress(new(uint8(100)), nil)
	stale := forged(t, handle, func(p *messages.HandlePayload) { p.LeaseEpoch = 9 })
	require.ErrorIs(t, e.Progress(t.Context(), messages.ProgressArgs{Handle: stale}), messages.ErrLeaseConflict)
}

func TestSpec03_S42_Complete(t *testing.T) {
	e := open(t)
	id := e.seeded()
	handle := e.claimed()
	e.clock.Advance(time.Second)
	require.NoError(t, e.Complete(t.Context(), handle, []byte("result")))

	now := e.now()
	require.Equal(t, completedVector, e.vector(id))
	require.Equal(t, fmt.Sprint(now), e.column(id, "terminal_at_ms"))
	require.Equal(t, fmt.Sprintf("1 NULL success %d", now), e.attemptVector(id, 0))
	held := payloadOf(t, handle)
	for key, want := range map[string]string{
		"terminal_outcome": "success", "current_lease_id": "", "current_worker_id": "", "current_worker_instance_id": "",
		"current_attempt_id": held.AttemptID.String(), "blocking_detail": "", "last_mutation_at": fmt.Sprint(now),
	} {
		require.Equal(t, want, e.raw(id, key), key)
	}
	require.Equal(t, "success", e.completions(id))
	require.Equal(t, "acquired revoked", e.leaseEvents(id))
	require.Equal(t, [][]string{{held.LeaseID.String(), "complete", "test-worker-instance", "0", "1"}}, e.sql.Rows(
		`SELECT lease_id, revoked_by, worker_instance_id, attempt_index, lease_epoch FROM ff_lease_event
		  WHERE event_type = 'revoked'`))
	result, found, err := e.GetExecutionResult(t.Context(), id)
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "result", string(result))
}

func TestSpec03_S43_CompleteIsRepeatable(t *testing.T) {
	e := open(t)
	id := e.created()
	handle := e.claimed()
	require.NoError(t, e.Complete(t.Context(), handle, []byte("first")))
	before := e.stored()
	e.clock.Advance(time.Hour)
	require.NoError(t, e.Complete(t.Context(), handle, []byte("second")))
	require.Equal(t, before, e.stored())
	result, _, err := e.GetExecutionResult(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "first", string(result))
}

func TestSpec03_S44_ResultsAreBytes(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	e := open(t)
	for _, payload := range [][]byte{every, {}, nil} {
		id := e.created()
		handle := e.claimed()
		_, found, err := e.GetExecutionResult(t.Context(), id)
		require.NoError(t, err)
		require.False(t, found, "while it runs")
		require.NoError(t, e.Complete(t.Context(), handle, payload))
		result, found, err := e.GetExecutionResult(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, payload != nil, found)
		require.Equal(t, payload, result)
	}
}

func TestSpec03_S47_EventsCarryNamespaceAndInstanceTag(t *testing.T) {
	e := open(t)
	const events = `
		SELECT namespace, instance_tag FROM ff_completion_event WHERE execution_id = ?1
		UNION
		SELECT namespace, instance_tag FROM ff_lease_event WHERE execution_id = ?2`
	for want, tags := range map[string]map[string]string{
		"i-42": {"cairn.instance_id": "i-42", "cairn.task_id": "abc"}, "NULL": {"cairn.task_id": "abc"},
	} {
		id := e.created(func(a *messages.CreateExecutionArgs) { a.Tags = tags })
		e.drive(id, true)
		require.Equal(t, [][]string{{"default", want}},
			e.sql.Rows(events, id.UUID(), messages.FlowID(id.UUID()).String()))
	}
}

func TestSpec03_S101_WorkersShareTheWork(t *testing.T) {
	const executions, workers, frames = 500, 8, 5
	e := open(t)
	for range executions {
		e.created()
	}
	work := func() error {
		for {
			handle, err := e.Claim(t.Context(), claimArgs())
			if handle == nil || err != nil {
				return err
			}
			for range frames {
				if _, err := e.AppendFrame(t.Context(), *handle, output("x")); err != nil {
					return err
				}
			}
			if err := e.Complete(t.Context(), *handle, nil); err != nil {
				return err
			}
		}
	}
	errs := make([]error, workers)
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() { errs[i] = work() })
	}
	group.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, [][]string{{"success", "500", "500"}}, e.sql.Rows(
		"SELECT outcome, count(*), count(DISTINCT execution_id) FROM ff_completion_event GROUP BY outcome"))
	require.Equal(t, [][]string{{"acquired", "500", "500"}, {"revoked", "500", "500"}}, e.sql.Rows(
		"SELECT event_type, count(*), count(DISTINCT execution_id) FROM ff_lease_event GROUP BY event_type"))
	require.Equal(t, [][]string{{"500", "5", "5"}}, e.sql.Rows(`
		SELECT count(*), min(frames), max(frames)
		  FROM (SELECT count(*) AS frames FROM ff_stream_frame GROUP BY execution_id)`))
}
