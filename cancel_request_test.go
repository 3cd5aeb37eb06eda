package ffsqlite_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// Cancelling a flow as a server does: 04 §8.4 and scenario 77.

func (g *graph) requestArgs(policy messages.CancelFlowPolicy, wait bool) messages.CancelFlowRequestArgs {
	return messages.CancelFlowRequestArgs{FlowID: g.flow, Reason: "stop", CancellationPolicy: policy, Wait: wait}
}

func (g *graph) request(policy messages.CancelFlowPolicy, wait bool) messages.CancelFlowResult {
	g.t.Helper()
	result, err := g.CancelFlowRequest(g.t.Context(), g.requestArgs(policy, wait))
	require.NoError(g.t, err)
	return result
}

// failingCancels is an interceptor that lets CancelExecution fail as errorOf says.
func failingCancels(errorOf func(messages.ExecutionID) error) ffsqlite.Option {
	return ffsqlite.WithInterceptors(
		func(ctx context.Context, message messages.Message, next ffsqlite.Next) (messages.Reply, error) {
			if cancel, ok := message.(messages.CancelExecutionArgs); ok {
				if err := errorOf(cancel.ExecutionID); err != nil {
					return nil, err
				}
			}
			return next(ctx, message)
		})
}

func TestSpec04_S77_AMemberThatFailsStaysInTheBacklog(t *testing.T) {
	var broken messages.ExecutionID
	g := open(t, failingCancels(func(id messages.ExecutionID) error {
		if id == broken {
			return messages.BugError("injected")
		}
		return nil
	})).newFlow()
	m := g.members(2)
	broken = m[1]
	require.Equal(t, messages.CancelFlowResult{
		Outcome: messages.CancelFlowPartiallyCancelled, CancellationPolicy: messages.CancelAll,
		MemberExecutionIDs: texts(m), FailedMemberExecutionIDs: []string{broken.String()},
	}, g.request(messages.CancelAll, true))
	rows, members := g.backlog()
	require.Len(t, rows, 1)
	require.Equal(t, []string{broken.String()}, members)
	require.Equal(t, "stop", g.column(m[0], "cancellation_reason"))
}

func TestSpec04_S77_WhatIsGoneDoesNotCountAsFailed(t *testing.T) {
	for name, gone := range map[string]error{
		"ended otherwise": messages.StateError(messages.CodeTerminal, ""),
		"removed":         messages.NotFoundError("execution", ""),
		"not active":      messages.NotActiveError(messages.NotActiveInfo{}),
	} {
		t.Run(name, func(t *testing.T) {
			g := open(t, failingCancels(func(messages.ExecutionID) error { return gone })).newFlow()
			m := g.members(3)
			g.drive(m[0], true)
			require.Equal(t, messages.CancelFlowResult{
				Outcome: messages.CancelFlowCancelled, CancellationPolicy: messages.CancelAll, MemberExecutionIDs: texts(m[1:]),
			}, g.request(messages.CancelAll, true))
			g.requireNoBacklog()
		})
	}
}

func TestSpec04_S77_OtherPoliciesNeedNoDispatch(t *testing.T) {
	var cancels atomic.Int32
	e := open(t, failingCancels(func(messages.ExecutionID) error { cancels.Add(1); return nil }))
	pending, only, empty := e.newFlow(), e.newFlow(), e.newFlow()
	m := pending.members(3)
	e.claimed()
	only.members(1)
	require.Equal(t, messages.CancelFlowResult{
		Outcome: messages.CancelFlowCancelled, CancellationPolicy: messages.CancelPending, MemberExecutionIDs: texts(m[1:]),
	}, pending.request(messages.CancelPending, false))
	pending.requireNoBacklog()
	require.Equal(t, messages.CancelFlowResult{
		Outcome: messages.CancelFlowCancelled, CancellationPolicy: messages.CancelFlowOnly, MemberExecutionIDs: []string{},
	}, only.request(messages.CancelFlowOnly, true))
	require.Equal(t, messages.CancelFlowResult{
		Outcome: messages.CancelFlowCancelled, CancellationPolicy: messages.CancelAll, MemberExecutionIDs: []string{},
	}, empty.request(messages.CancelAll, false))
	require.Zero(t, cancels.Load())

	unknown := &graph{engine: e, flow: messages.NewFlowID()}
	_, err := e.CancelFlowRequest(t.Context(), unknown.requestArgs(messages.CancelAll, true))
	require.ErrorIs(t, err, messages.ErrFlowNotFound)
	_, err = e.CancelFlowRequest(t.Context(), only.requestArgs("cancel_some", true))
	requireInvalid(t, err, "cancellation_policy: cancel_some")
}

func TestSpec04_S77_AFlowThatWasClosedBefore(t *testing.T) {
	g := open(t).newFlow()
	g.sql.Exec("UPDATE ff_flow_core SET public_flow_state = 'completed'")
	g.sql.Exec(`
		WITH RECURSIVE counter (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM counter LIMIT 1500)
		INSERT INTO ff_exec_core (partition_key, execution_id, flow_id, lane_id, lifecycle_phase, ownership_state,
		                          eligibility_state, public_state, attempt_state, created_at_ms)
		SELECT 0, randomblob(16), ?1, 'default', 'terminal', 'unowned', 'not_applicable', 'completed', 'none', 1
		  FROM counter`, g.flow)
	result := g.request(messages.CancelAll, true)
	require.Equal(t, messages.CancelFlowCancelled, result.Outcome)
	require.Equal(t, messages.CancelAll, result.CancellationPolicy, "none was stored")
	require.Len(t, result.MemberExecutionIDs, 1000)
	header := g.header("", messages.CancelAll)
	require.Len(t, header.MemberExecutionIDs, 1500)
	require.Equal(t, header.MemberExecutionIDs[:1000], result.MemberExecutionIDs)

	g.sql.Exec(`UPDATE ff_flow_core SET raw_fields = json_set(raw_fields, '$.cancellation_policy', 'cancel_pending')`)
	require.Equal(t, messages.CancelPending, g.request(messages.CancelAll, false).CancellationPolicy)
}

func TestSpec04_S77_InTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		var atOnce, most atomic.Int32
		g := open(t, failingCancels(func(messages.ExecutionID) error {
			most.Store(max(most.Load(), atOnce.Add(1)))
			<-held
			atOnce.Add(-1)
			return nil
		})).newFlow()
		m := g.members(20)
		require.Equal(t, messages.CancelFlowResult{
			Outcome: messages.CancelFlowScheduled, CancellationPolicy: messages.CancelAll, MemberCount: 20,
			MemberExecutionIDs: texts(m),
		}, g.request(messages.CancelAll, false))
		synctest.Wait()
		require.Equal(t, int32(16), atOnce.Load())
		_, members := g.backlog()
		require.Len(t, members, 20)

		closed := calling(g.Close)
		unanswered(t, closed)
		require.ErrorIs(t, g.Ping(t.Context()), messages.ErrUnavailable)
		close(held)
		require.NoError(t, <-closed)
		require.Equal(t, int32(16), most.Load())
		g.requireNoBacklog()
	})
}

func TestSpec04_S77_WhatCloseCannotWaitForStaysInTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, held := cancelledAndHeld(t)
		ctx, cancel := context.WithCancel(t.Context())
		closed := calling(func() error { return g.CloseContext(ctx) })
		unanswered(t, closed)
		cancel()
		unanswered(t, closed)
		close(held)
		require.ErrorIs(t, <-closed, context.Canceled)
		_, members := g.backlog()
		require.Len(t, members, 4, "no further member was begun")
	})
}

// cancelledAndHeld is a flow of 20 members that is cancelled in the background. The first members of it that are cancelled
// wait until held is closed.
func cancelledAndHeld(t *testing.T) (g *graph, held chan struct{}) {
	t.Helper()
	held = make(chan struct{})
	g = open(t, failingCancels(func(messages.ExecutionID) error { <-held; return nil })).newFlow()
	g.members(20)
	g.request(messages.CancelAll, false)
	return g, held
}

func TestSpec04_S77_ShutdownPrepareWaitsForTheBackground(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, held := cancelledAndHeld(t)
		prepared := calling(func() error { return g.ShutdownPrepare(t.Context(), 15*time.Second) })
		g.clock.Advance(15*time.Second - time.Millisecond)
		unanswered(t, prepared)
		close(held)
		require.NoError(t, <-prepared)
		g.requireNoBacklog()
	})
}

func TestSpec04_S77_WhatAShutdownCannotWaitForStaysInTheBacklog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, held := cancelledAndHeld(t)
		prepared := calling(func() error { return g.ShutdownPrepare(t.Context(), 15*time.Second) })
		g.clock.Advance(15 * time.Second)
		err := <-prepared
		require.ErrorIs(t, err, messages.ErrTimeout)
		var typed *messages.Error
		require.ErrorAs(t, err, &typed)
		require.Equal(t, messages.TimeoutError("shutdown_prepare", 15*time.Second), typed)
		close(held)
		synctest.Wait()
		_, members := g.backlog()
		require.Len(t, members, 4, "no further member was begun")

		require.NoError(t, g.ShutdownPrepare(t.Context(), 15*time.Second), "a second call waits for nothing")
		other := g.newFlow()
		other.members(20)
		require.Equal(t, messages.CancelFlowScheduled, other.request(messages.CancelAll, false).Outcome)
		synctest.Wait()
		_, members = g.backlog()
		require.Len(t, members, 4, "what began after the grace period has its time")
	})
}

func TestShutdownPrepare_WithoutGraceTheBackgroundGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, held := cancelledAndHeld(t)
		require.NoError(t, g.ShutdownPrepare(t.Context(), 0))
		close(held)
		synctest.Wait()
		g.requireNoBacklog()
	})
}

func TestSpec04_S77_TheCallerLeaves(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	g := open(t, failingCancels(func(messages.ExecutionID) error { cancel(); return ctx.Err() })).newFlow()
	g.members(2)
	_, err := g.CancelFlowRequest(ctx, g.requestArgs(messages.CancelAll, true))
	require.ErrorIs(t, err, context.Canceled)
	_, members := g.backlog()
	require.Len(t, members, 2)
}

func TestSpec04_S72_ATimeoutTellsHowLong(t *testing.T) {
	g := open(t).newFlow()
	waited := make(chan error, 1)
	go func() {
		waited <- g.WaitForFlowCancellation(context.WithoutCancel(t.Context()), g.flow, time.Millisecond)
	}()
	for len(waited) == 0 {
		g.clock.Advance(100 * time.Millisecond)
		require.NoError(t, g.Ping(t.Context()))
	}
	var typed *messages.Error
	require.ErrorAs(t, <-waited, &typed)
	require.Equal(t, messages.TimeoutError("cancel_flow", time.Millisecond), typed, fmt.Sprint(typed))

	result, err := g.CancelFlow(t.Context(), messages.CancelFlowArgs{
		FlowID: g.flow, Policy: messages.CancelAll, Wait: messages.WaitTimeout(500 * time.Millisecond),
	})
	require.NoError(t, err)
	require.Equal(t, messages.CancelFlowCancelled, result.Outcome)
	flow, err := g.DescribeFlow(t.Context(), g.flow)
	require.NoError(t, err)
	require.Equal(t, messages.FlowCancelled, flow.PublicFlowState)
}
