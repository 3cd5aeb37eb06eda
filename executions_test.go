package ffsqlite_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Creating executions: 03 §4.1 and its scenarios. Scenario 1 is part of the founding test,
// backend_test.go.

const capabilitiesOf = `
	SELECT coalesce(group_concat(capability, ',' ORDER BY capability), '')
	  FROM ff_execution_capabilities WHERE execution_id = ?1`

func TestSpec03_S02_ADuplicateChangesNothingButTheLanes(t *testing.T) {
	e := open(t)
	id := e.created(requiring("capA"), withPriority(5))
	before := e.stored()

	again, err := e.CreateExecution(t.Context(), args(id, requiring("capB"), withPriority(9), inLane("other")))
	require.NoError(t, err)
	require.Equal(t, messages.CreateExecutionResult{Outcome: messages.CreateDuplicate, ExecutionID: id}, again)

	after := e.stored()
	require.Equal(t, "default other", e.sql.Text(
		"SELECT group_concat(lane_id, ' ' ORDER BY lane_id) FROM ff_lane_registry"))
	delete(before, "ff_lane_registry")
	delete(after, "ff_lane_registry")
	require.Equal(t, before, after)
	require.Equal(t, "capA", e.sql.Text(capabilitiesOf, id.UUID()))
}

func TestSpec03_S03_CreateWritesNoCompletionAndNoLeaseEvent(t *testing.T) {
	e := open(t)
	id := e.created()
	require.Empty(t, e.completions(id))
	require.Empty(t, e.leaseEvents(id))
}

func TestSpec03_S04_PriorityIsClamped(t *testing.T) {
	e := open(t)
	require.Equal(t, "9000", e.column(e.created(withPriority(10_000)), "priority"))
	require.Equal(t, "9000", e.column(e.created(withPriority(9000)), "priority"))
	require.Equal(t, "0", e.column(e.created(withPriority(-5)), "priority"))
}

func TestSpec03_S05_DelayUntil(t *testing.T) {
	const waiting = "submitted unowned eligible_now waiting pending waiting_for_worker"
	const delayed = "submitted unowned not_eligible_until_time delayed pending waiting_for_delay"
	now := messages.TimestampMs(epoch.UnixMilli())
	for _, c := range []struct {
		name             string
		argument, policy messages.TimestampMs
		until            messages.TimestampMs // 0: no delay
	}{
		{name: "an argument in the future delays", argument: now + 60_000, until: now + 60_000},
		{name: "an argument in the past does not", argument: now - 1},
		{name: "an argument of this instant does not", argument: now},
		{name: "a policy delays like an argument", policy: now + 60_000, until: now + 60_000},
		{name: "the argument wins over the policy", argument: now + 1000, policy: now + 60_000, until: now + 1000},
		{name: "even in the past", argument: now - 1, policy: now + 60_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := open(t)
			id := newID()
			result, err := e.CreateExecution(t.Context(), args(id,
				withPolicy(func(p *messages.ExecutionPolicy) { p.DelayUntil = c.policy }),
				func(a *messages.CreateExecutionArgs) { a.DelayUntil = c.argument }))
			require.NoError(t, err)
			if c.until == 0 {
				require.Equal(t, messages.PublicWaiting, result.PublicState)
				require.Equal(t, waiting, e.vector(id))
				require.Equal(t, "NULL", e.raw(id, "delay_until"))
				require.Equal(t, id, payloadOf(t, e.claimed()).ExecutionID)
				return
			}
			require.Equal(t, messages.CreateExecutionResult{
				Outcome: messages.CreateCreated, ExecutionID: id, PublicState: messages.PublicDelayed,
			}, result)
			require.Equal(t, delayed, e.vector(id))
			require.Equal(t, fmt.Sprintf("delayed until %d", c.until), e.raw(id, "blocking_detail"))
			require.Equal(t, fmt.Sprint(c.until), e.raw(id, "delay_until"))
			e.nothingToClaim()
		})
	}
}

func TestSpec03_S06_DeadlineOfThePolicyIsADurationOrATime(t *testing.T) {
	e := open(t)
	deadline := func(ms int64) func(*messages.CreateExecutionArgs) {
		return withPolicy(func(p *messages.ExecutionPolicy) {
			p.TimeoutPolicy = &messages.TimeoutPolicy{ExecutionDeadline: time.Duration(ms) * time.Millisecond}
		})
	}
	require.Equal(t, "6000", e.column(e.created(createdAt(1000), deadline(5000)), "deadline_at_ms"))
	require.Equal(t, "1800000000000", e.column(e.created(createdAt(1000), deadline(1_800_000_000_000)), "deadline_at_ms"))
	require.Equal(t, "7777", e.column(e.created(createdAt(1000), deadline(5000),
		func(a *messages.CreateExecutionArgs) { a.ExecutionDeadlineAt = 7777 }), "deadline_at_ms"))
	require.Equal(t, "NULL", e.column(e.created(), "deadline_at_ms"))
}

func TestSpec03_S07_RequiredCapabilitiesAreValidated(t *testing.T) {
	e := open(t)
	many := make([]string, 257)
	for i := range many {
		many[i] = fmt.Sprintf("c%03d", i)
	}
	long := func(bytes int) []string {
		return []string{strings.Repeat("x", 2048), strings.Repeat("y", bytes-2048-len(","))}
	}
	for _, c := range []struct {
		name   string
		tokens []string
		detail string
	}{
		{"empty", []string{""}, "required:empty_token"},
		{"comma", []string{"a,b"}, "required:comma_in_token"},
		{"space", []string{"a b"}, "required:control_or_whitespace"},
		{"newline", []string{"a\n"}, "required:control_or_whitespace"},
		{"delete", []string{"a\x7f"}, "required:control_or_whitespace"},
		{"257 tokens", many, "required:too_many_tokens"},
		{"4097 bytes", long(4097), "required:too_many_bytes"},
		{"a bad token before the totals", append(many[:257:257], ""), "required:empty_token"},
		{"the first in sorted order", []string{"b b", "a,b"}, "required:comma_in_token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := e.CreateExecution(t.Context(), args(newID(), requiring(c.tokens...)))
			requireDetail(t, err, messages.ErrInvalidCapabilities, c.detail)
			for table, rows := range e.stored() {
				require.Empty(t, rows, table)
			}
		})
	}
	for _, tokens := range [][]string{{"東京-gpu"}, long(4096), many[:256]} {
		id := e.created(requiring(tokens...))
		handle, err := e.Claim(t.Context(), claimArgs(tokens...))
		require.NoError(t, err)
		require.NotNil(t, handle)
		require.Equal(t, id, payloadOf(t, *handle).ExecutionID)
	}
}

func TestSpec03_S08_IdempotencyKey(t *testing.T) {
	e := open(t)
	create := func(changes ...func(*messages.CreateExecutionArgs)) (messages.ExecutionID, messages.CreateExecutionResult) {
		id := newID()
		key := func(a *messages.CreateExecutionArgs) { a.IdempotencyKey = "k" }
		result, err := e.CreateExecution(t.Context(), args(id, append(changes, key)...))
		require.NoError(t, err)
		return id, result
	}
	first, result := create()
	require.Equal(t, messages.CreateCreated, result.Outcome)

	second, result := create()
	require.Equal(t, messages.CreateExecutionResult{Outcome: messages.CreateDuplicate, ExecutionID: first}, result)
	state, err := e.ReadExecutionState(t.Context(), second)
	require.NoError(t, err)
	require.Nil(t, state, "the second id must not come into being")

	_, result = create(func(a *messages.CreateExecutionArgs) { a.Namespace = "tenant" })
	require.Equal(t, messages.CreateCreated, result.Outcome)

	e.clock.Advance(24*time.Hour - time.Millisecond)
	_, result = create()
	require.Equal(t, messages.CreateExecutionResult{Outcome: messages.CreateDuplicate, ExecutionID: first}, result)
	e.clock.Advance(2 * time.Millisecond)

	window := withPolicy(func(p *messages.ExecutionPolicy) { p.DedupWindow = 10 * time.Millisecond })
	third, result := create(window)
	require.Equal(t, messages.CreateCreated, result.Outcome)
	e.clock.Advance(9 * time.Millisecond)
	_, result = create()
	require.Equal(t, messages.CreateExecutionResult{Outcome: messages.CreateDuplicate, ExecutionID: third}, result)
	e.clock.Advance(2 * time.Millisecond)
	_, result = create()
	require.Equal(t, messages.CreateCreated, result.Outcome)
}

func TestSpec03_S09_EveryPartitionIndexWorksAlike(t *testing.T) {
	e := open(t)
	uuid := messages.NewFlowID()
	seven := messages.NewExecutionID(7, uuid)
	_, err := e.CreateExecution(t.Context(), args(seven))
	require.NoError(t, err)
	require.Equal(t, "7", e.column(seven, "partition_key"))
	stored := e.stored()

	_, err = messages.ParseExecutionID("{fp:256}:" + uuid.String())
	require.ErrorIs(t, err, messages.ErrInvalidInput)

	for _, changes := range [][]func(*messages.CreateExecutionArgs){{}, {requiring("capA")}} {
		changes = append(changes, inLane("unregistered"))
		_, err = e.CreateExecution(t.Context(), args(messages.NewExecutionID(8, uuid), changes...))
		requireInvalid(t, err, "execution_id: uuid already used by "+seven.String())
		require.Equal(t, stored, e.stored())
	}

	inPartition := func(n uint16) func(*messages.CreateExecutionArgs) {
		return func(a *messages.CreateExecutionArgs) { a.PartitionID = n }
	}
	_, err = e.CreateExecution(t.Context(), args(newID(), inPartition(3)))
	requireInvalid(t, err, "partition_id: does not match execution_id (id=0, arg=3)")
	require.Equal(t, seven, payloadOf(t, e.claimed()).ExecutionID)

	_, err = e.CreateExecution(t.Context(), args(messages.NewExecutionID(7, messages.NewFlowID()), inPartition(0)))
	require.NoError(t, err)
}

func TestSpec03_S09_LanesAreValidated(t *testing.T) {
	e := open(t)
	for bad, detail := range map[messages.LaneID]string{
		messages.LaneID(strings.Repeat("x", 65)): "lane_id exceeds 64 bytes (got 65)",
		"":                                       "lane_id is empty",
		"a\tb":                                   "lane_id contains non-ASCII-printable byte at index 1",
	} {
		_, err := e.CreateExecution(t.Context(), args(newID(), inLane(bad)))
		requireInvalid(t, err, detail)
	}
	require.Equal(t, int64(0), e.sql.Int("SELECT count(*) FROM ff_exec_core"))
	require.Equal(t, int64(0), e.sql.Int("SELECT count(*) FROM ff_lane_registry"))
}

func TestSpec03_S10_AnEmptyPayloadIsAnEmptyBlob(t *testing.T) {
	e := open(t)
	for _, payload := range [][]byte{nil, {}} {
		id := e.created(func(a *messages.CreateExecutionArgs) { a.InputPayload = payload })
		require.Equal(t, "blob 0", e.column(id, "typeof(payload) || ' ' || length(payload)"))
		next, err := e.ClaimNext(t.Context(), claimNextArgs())
		require.NoError(t, err)
		require.Equal(t, id, next.Task.ExecutionID)
		require.Empty(t, next.Task.InputPayload)
	}
}

func TestSpec03_S10_TenThousandCreatesInOneLane(t *testing.T) {
	const callers, each = 50, 200
	e := open(t)
	var group sync.WaitGroup
	errs := make([]error, callers)
	for caller := range callers {
		group.Go(func() {
			for range each {
				if _, err := e.CreateExecution(t.Context(), args(newID())); err != nil {
					errs[caller] = err
					return
				}
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, int64(callers*each), e.sql.Int("SELECT count(*) FROM ff_exec_core WHERE standing = 'ready'"))
	require.Equal(t, int64(1), e.sql.Int("SELECT count(*) FROM ff_lane_registry"))
}

func TestSpec03_S13_AnUnclaimedExecutionStaysAsItWasCreated(t *testing.T) {
	e := open(t)
	id := e.created()
	before := e.stored()
	e.clock.Advance(time.Hour)
	require.NoError(t, e.Ping(t.Context()))
	require.Equal(t, before, e.stored())
	require.Equal(t, "submitted unowned eligible_now waiting pending waiting_for_worker", e.vector(id))
	require.Equal(t, id, payloadOf(t, e.claimed()).ExecutionID)
}

func TestSpec03_S14_WhatWasCreatedIsClaimableAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reopened.db")
	first := openAt(t, path)
	id := first.created()
	require.NoError(t, first.Close())

	second := openAt(t, path)
	require.Equal(t, id, payloadOf(t, second.claimed()).ExecutionID)
	require.Equal(t, messages.PublicActive, second.state(id))
}

func TestSpec03_S16_AStoredDelayIsKeptAfterReopening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "reopened.db")
		first := openAt(t, path)
		delayed := first.created(func(a *messages.CreateExecutionArgs) { a.DelayUntil = first.now() + 300 })
		require.NoError(t, first.Close())

		second := openAt(t, path)
		p := second.claimWaiting(t.Context(), claimNextArgs(), 0)
		second.advance(299 * time.Millisecond)
		p.parked(t)
		second.advance(time.Millisecond)
		p.got(t, delayed)
		require.NoError(t, second.Close())

		third := openAt(t, path)
		p = third.claimWaiting(t.Context(), claimNextArgs(), 0)
		third.advance(30*time.Second + 299*time.Millisecond)
		p.parked(t)
		third.advance(time.Millisecond)
		p.got(t, delayed)
		require.Equal(t, messages.HandleReclaimed, p.kind)
	})
}

func TestCreateExecution_ADelayOfCenturies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		const year2400 = 13_569_465_600_000 // Farther away than a time.Duration reaches.
		id := e.created(func(a *messages.CreateExecutionArgs) { a.DelayUntil = year2400 })
		synctest.Wait() // It returns, for the engine rests.
		e.advance(48 * time.Hour)
		require.Equal(t, messages.PublicDelayed, e.state(id))
		e.nothingToClaim()
	})
}

func TestCreateExecution_OfRacingCallersOneCreates(t *testing.T) {
	const callers = 8
	e := open(t)
	for range 20 {
		id := newID()
		outcomes := make([]messages.CreateExecutionResultKind, callers)
		var group sync.WaitGroup
		for i := range callers {
			group.Go(func() {
				result, err := e.CreateExecution(t.Context(), args(id))
				if err == nil {
					outcomes[i] = result.Outcome
				}
			})
		}
		group.Wait()
		count := map[messages.CreateExecutionResultKind]int{}
		for _, outcome := range outcomes {
			count[outcome]++
		}
		require.Equal(t, map[messages.CreateExecutionResultKind]int{
			messages.CreateCreated: 1, messages.CreateDuplicate: callers - 1,
		}, count)
	}
}

func TestCreateExecution_StoresThePolicyAsItIs(t *testing.T) {
	e := open(t)
	retry := messages.RetryPolicy{
		MaxRetries: 2, Backoff: messages.FixedBackoff(time.Second), RetryableCategories: []string{"rate_limit"},
	}
	id := e.created(requiring("b", "a"), retrying(retry))
	stored := e.policyDocument(id)
	require.Equal(t, &retry, stored.RetryPolicy)
	require.Equal(t, []string{"a", "b"}, stored.RoutingRequirements.RequiredCapabilities)
	require.Equal(t, "NULL", e.column(e.created(), "policy"))
}

func TestCreateExecution_TagsAreStoredFlatAndAnnounced(t *testing.T) {
	e := open(t)
	id := e.created(func(a *messages.CreateExecutionArgs) {
		a.Tags = map[string]string{"cairn.instance_id": "i-42", "app.sub.field": ""}
	})
	require.JSONEq(t, `{"app.sub.field": "", "cairn.instance_id": "i-42"}`, e.raw(id, "tags"))
	require.Equal(t, [][]string{
		{"attached", "app.sub.field=", "i-42"}, {"attached", "cairn.instance_id=i-42", "i-42"},
	}, e.sql.Rows("SELECT event_type, tag, instance_tag FROM ff_instance_tag_event ORDER BY event_id"))

	for _, key := range []string{
		"", "Cairn.x", "cairn", "cairn.", "cairn..x", "1cairn.x", "cairn.foo bar", `cairn.foo"bar`, "cairn.Foo",
		"cairn.foo-bar",
	} {
		_, err := e.CreateExecution(t.Context(), args(newID(), func(a *messages.CreateExecutionArgs) {
			a.Tags = map[string]string{key: "v"}
		}))
		requireDetail(t, err, messages.ErrInvalidTagKey,
			`invalid tag key: "`+key+`" (must match ^[a-z][a-z0-9_]*\.[a-z0-9_][a-z0-9_.]*$)`)
	}
}

func TestSpec04_S01_ACreatedExecutionIsADuplicateTheSecondTime(t *testing.T) {
	e := open(t)
	id := newID()
	for _, want := range []messages.CreateExecutionResultKind{messages.CreateCreated, messages.CreateDuplicate} {
		result, err := e.CreateExecution(t.Context(), args(id, requiring("capB", "capA"), createdAt(1000)))
		require.NoError(t, err)
		require.Equal(t, want, result.Outcome)
		require.Equal(t, id, result.ExecutionID)
		require.Equal(t, [][]string{{"capA"}, {"capB"}},
			e.sql.Rows("SELECT capability FROM ff_execution_capabilities WHERE execution_id = ?1 ORDER BY 1", id.UUID()))
		require.Equal(t, [][]string{{"default"}}, e.sql.Rows("SELECT lane_id FROM ff_lane_registry"))
	}
}
