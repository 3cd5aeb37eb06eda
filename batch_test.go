package ffsqlite_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// Batch: 04 §5.7.

func TestSpec04_S101_AGraphInOneBatch(t *testing.T) {
	e := open(t)
	a := submission(2, [2]int{0, 1})
	calls := singly(a)
	replies, err := e.Batch(t.Context(), calls...)
	require.NoError(t, err)
	up, down := a.Executions[0].ExecutionID, a.Executions[1].ExecutionID
	created := func(id messages.ExecutionID) messages.CreateExecutionResult {
		return messages.CreateExecutionResult{
			Outcome: messages.CreateCreated, ExecutionID: id, PublicState: messages.PublicWaiting,
		}
	}
	added := func(id messages.ExecutionID, n uint32) messages.AddExecutionToFlowResult {
		return messages.AddExecutionToFlowResult{Outcome: messages.AddAdded, ExecutionID: id, NodeCount: n}
	}
	require.Equal(t, []messages.Reply{
		messages.CreateFlowResult{Outcome: messages.CreateFlowCreated, FlowID: a.FlowID},
		created(up), added(up, 1), created(down), added(down, 2),
		messages.StageDependencyEdgeResult{EdgeID: a.Edges[0].EdgeID, NewGraphRevision: 3},
		messages.ApplyDependencyToChildResult{Outcome: messages.ApplyApplied, UnsatisfiedCount: 1},
	}, replies)
	require.Equal(t, int64(3), e.sql.Int("SELECT graph_revision FROM ff_flow_core"))
	require.Equal(t, blockedVector, e.vector(down))
	e.consistent()
}

func TestSpec04_S101_TheFirstErrorUndoesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		e.drive(e.created(), true)
		e.created()
		running := e.claimed()
		p := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		completions, leases := following(e.completionsFrom(nil)), following(e.leasesFrom(nil, everything))
		synctest.Wait()
		seen, held := len(completions), len(leases)
		before := e.sql.Dump()

		a := submission(2, [2]int{0, 1})
		calls := singly(a)
		stage, ok := calls[5].(messages.StageDependencyEdgeArgs)
		require.True(t, ok)
		stage.ExpectedGraphRevision = 1
		calls[5] = stage
		calls[6] = messages.CompleteArgs{Handle: running} // Not reached.
		replies, err := e.Batch(t.Context(), calls...)
		requireDetail(t, err, messages.ErrStaleGraphRevision, "messages[5]: ")
		require.Nil(t, replies)
		require.Equal(t, before, e.sql.Dump())

		calls = append([]messages.Message{messages.CompleteArgs{Handle: running}}, calls[:6]...)
		replies, err = e.Batch(t.Context(), calls...)
		requireDetail(t, err, messages.ErrStaleGraphRevision, "messages[6]: ")
		require.Nil(t, replies)
		require.Equal(t, before, e.sql.Dump())
		p.parked(t)
		require.Len(t, completions, seen)
		require.Len(t, leases, held)
		require.NoError(t, e.Complete(t.Context(), running, nil), "the lease was not touched")
		p.got(t, e.created())
	})
}

func TestSpec04_S102_OutcomesThatAreNoErrors(t *testing.T) {
	e := open(t)
	taken := e.created()
	fresh := newID()
	replies, err := e.Batch(t.Context(), args(fresh), args(taken), claimNextArgs(), claimNextArgs(), claimNextArgs())
	require.NoError(t, err)
	require.Len(t, replies, 5)
	require.Equal(t, messages.CreateExecutionResult{Outcome: messages.CreateDuplicate, ExecutionID: taken}, replies[1])
	claimed := []messages.ExecutionID{}
	for _, reply := range replies[2:4] {
		result, ok := reply.(messages.ClaimNextResult)
		require.True(t, ok)
		claimed = append(claimed, result.Task.ExecutionID)
	}
	require.ElementsMatch(t, []messages.ExecutionID{taken, fresh}, claimed, "a claim sees what the batch has created")
	require.Equal(t, messages.ClaimNextResult{Outcome: messages.ClaimNextNoWork}, replies[4])
}

func TestSpec04_S102_AMethodThatAnswersOnlyAnErrorRepliesNil(t *testing.T) {
	e := open(t)
	e.created()
	handle := e.claimed()
	percent := uint8(50)
	replies, err := e.Batch(t.Context(),
		messages.ProgressArgs{Handle: handle, Percent: &percent}, messages.RenewArgs{Handle: handle},
		messages.CompleteArgs{Handle: handle, Payload: []byte("done")}, claimArgs())
	require.NoError(t, err)
	require.Nil(t, replies[0])
	require.IsType(t, messages.LeaseRenewal{}, replies[1])
	require.Nil(t, replies[2])
	require.Equal(t, messages.ClaimReply{}, replies[3])
}

func TestSpec04_S102_WhatABatchTakes(t *testing.T) {
	e := open(t)
	waiting := claimArgs()
	waiting.Policy.MaxWait = time.Second
	cancel := messages.CancelFlowArgs{FlowID: messages.NewFlowID(), Policy: messages.CancelAll, Wait: messages.WaitIndefinite()}
	create := args(newID())
	refused := func(name, detail string, calls ...messages.Message) refusal {
		return invalid(name, detail, func() error {
			replies, err := e.Batch(t.Context(), calls...)
			require.Nil(t, replies)
			return err
		})
	}
	many := make([]messages.Message, 10_001)
	requireRefusals(t, e, []refusal{
		refused("nothing", "messages: must not be empty"),
		refused("too many", "messages: more than 10000 (10001)", many...),
		refused("a read", "messages[0]: not a mutation", messages.ReadExecutionStateArgs{ExecutionID: newID()}),
		refused("a subscription", "messages[0]: not a mutation", messages.SubscribeCompletionArgs{}),
		refused("a claim that waits", "messages[1]: not a mutation", create, messages.ClaimWaitArgs{ClaimNextArgs: claimNextArgs()}),
		refused("a plain claim that waits", "messages[1]: not a mutation", create, waiting),
		refused("a cancellation that waits", "messages[1]: not a mutation", create, cancel),
		refused("a batch", "messages[1]: not a mutation", create, messages.BatchArgs{Messages: []messages.Message{create}}),
		refused("nil", "messages[1]: not a mutation", create, nil),
		refused("a pointer", "messages[1]: not a mutation", create, &create),
		refused("a nil pointer", "messages[1]: not a mutation", create, (*messages.RenewArgs)(nil)),
		refused("the first fault counts", "messages[1]: lane_id is empty", create, args(newID(), inLane("")), nil),
	})
	_, err := e.Batch(t.Context(), slices.Repeat([]messages.Message{create}, 10_000)...)
	require.NoError(t, err)
}

func TestBatch_InterceptorsSeeOneMessage(t *testing.T) {
	var seen []messages.Message
	e := open(t, ffsqlite.WithInterceptors(
		func(ctx context.Context, message messages.Message, next ffsqlite.Next) (messages.Reply, error) {
			seen = append(seen, message)
			return next(ctx, message)
		}))
	first, second := args(newID()), args(newID())
	_, err := e.Batch(t.Context(), first, second)
	require.NoError(t, err)
	require.Equal(t, []messages.Message{messages.BatchArgs{Messages: []messages.Message{first, second}}}, seen)
}

func TestBatch_WaitingClaimsAreTriedAfterTheLastMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		first := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		second := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		third := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		a := submission(2, [2]int{1, 0})
		high := args(newID(), withPriority(9))
		_, err := e.Batch(t.Context(), append(singly(a), high)...)
		require.NoError(t, err)
		first.got(t, high.ExecutionID)
		second.got(t, a.Executions[1].ExecutionID)
		third.parked(t)
		require.Equal(t, blockedVector, e.vector(a.Executions[0].ExecutionID))
	})
}

func TestBatch_WhatItEndsIsNotOffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		p := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		create := args(newID())
		_, err := e.Batch(t.Context(), create, messages.CancelExecutionArgs{ExecutionID: create.ExecutionID})
		require.NoError(t, err)
		p.parked(t)
		require.Equal(t, messages.PublicCancelled, e.state(create.ExecutionID))
	})
}

func TestBatch_AMessageSeesNoHopsOfAnEarlierOne(t *testing.T) {
	g := open(t).newFlow()
	m := g.members(2)
	g.edge(m[0], m[1])
	replies, err := g.Batch(t.Context(), messages.CompleteArgs{Handle: g.claimed()}, claimNextArgs())
	require.NoError(t, err)
	require.Equal(t, messages.ClaimNextResult{Outcome: messages.ClaimNextNoWork}, replies[1])
	g.idle()
	require.Equal(t, releasedVector, g.vector(m[1]))
}

// TestBatch_AFailureLeavesTheOthersOfItsCommitAlone has a batch fail after it has written, between calls of others that
// share its commit.
func TestBatch_AFailureLeavesTheOthersOfItsCommitAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _, _ := onFaultyFiles(t)
		p := e.claimWaiting(t.Context(), claimNextArgs(), 0)
		letGo := e.heldUp()
		ids := []messages.ExecutionID{newID(), newID(), newID()}
		var fine, broken []<-chan error
		for _, id := range ids {
			broken = append(broken, calling(func() error {
				_, err := e.Batch(t.Context(), args(newID()), messages.CreateFlowArgs{
					FlowID: messages.NewFlowID(), Namespace: namespace,
				}, messages.AddExecutionToFlowArgs{FlowID: messages.NewFlowID(), ExecutionID: newID()})
				return err
			}))
			fine = append(fine, e.creating(t.Context(), id))
		}
		letGo()
		for i := range ids {
			requireDetail(t, <-broken[i], messages.ErrFlowNotFound, "messages[2]: flow_not_found")
			require.NoError(t, <-fine[i])
		}
		p.got(t, ids[0])
		require.Equal(t, int64(3), e.sql.Int("SELECT count(*) FROM ff_exec_core"))
		require.Equal(t, int64(0), e.sql.Int("SELECT count(*) FROM ff_flow_core"))
		e.consistent()
	})
}

// TestBatch_ACallerThatLeavesGetsTheClaimsOfItsBatch has the context end while the writer works: no lease is lost.
func TestBatch_ACallerThatLeavesGetsTheClaimsOfItsBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files := slow(t)
		e.drive(e.created(), true) // The first commit also writes the head of the log.
		id := e.created(createdAt(1))
		openGate := shut(files, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var replies []messages.Reply
		claiming := calling(func() (err error) {
			replies, err = e.Batch(ctx, args(newID()), claimNextArgs())
			return err
		})
		abandoned := calling(func() error {
			_, err := e.Batch(ctx, args(newID()))
			return err
		})
		cancel()
		require.ErrorIs(t, <-abandoned, context.Canceled)
		unanswered(t, claiming)
		openGate()
		require.NoError(t, <-claiming)
		result, ok := replies[1].(messages.ClaimNextResult)
		require.True(t, ok)
		require.Equal(t, id, result.Task.ExecutionID)
	})
}

// TestBatch_CountsTowardsTheBoundsOfACommit: each message counts, and so do its bytes.
func TestBatch_CountsTowardsTheBoundsOfACommit(t *testing.T) {
	for name, limits := range map[string]ffsqlite.WriteLimits{
		"operations": {Operations: 6}, "bytes": {Bytes: 6000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, files, _ := onFaultyFiles(t, ffsqlite.WithWriteLimits(limits))
				e.created() // The first commit begins the log, and syncs its header.
				letGo := e.heldUp()
				large := func(a *messages.CreateExecutionArgs) { a.InputPayload = make([]byte, 1000) }
				three := func() []messages.Message {
					return []messages.Message{args(newID(), large), args(newID(), large), args(newID(), large)}
				}
				flow := submission(3)
				for i := range flow.Executions {
					large(&flow.Executions[i])
				}
				calls := []<-chan error{
					calling(func() error { _, err := e.Batch(t.Context(), three()...); return err }),
					calling(func() error { _, err := e.SubmitFlow(t.Context(), flow); return err }),
					e.creating(t.Context(), newID(), large),
					calling(func() error { _, err := e.Batch(t.Context(), append(three(), three()...)...); return err }),
				}
				before := files.Counts(fftest.WALFile).Syncs
				letGo()
				for _, done := range calls {
					require.NoError(t, <-done)
				}
				require.Equal(t, int64(2), files.Counts(fftest.WALFile).Syncs-before)
			})
		})
	}
}

func TestBatch_AnErrorKeepsKindAndCode(t *testing.T) {
	e := open(t)
	err := func() error {
		_, err := e.Batch(t.Context(), args(newID()), messages.CancelExecutionArgs{ExecutionID: newID()})
		return err
	}()
	require.ErrorIs(t, err, messages.ErrExecutionNotFound)
	require.True(t, strings.HasPrefix(err.Error(), "not found: execution: messages[1]: "), err)
	require.Equal(t, int64(0), e.sql.Int("SELECT count(*) FROM ff_exec_core"))
}

func TestBatch_ASubmissionWithinABatch(t *testing.T) {
	e := open(t)
	a := submission(3, [2]int{0, 1}, [2]int{1, 2})
	var calls []messages.Message
	for i := range 5 {
		calls = append(calls, args(newID(), inLane(messages.LaneID(fmt.Sprint("lane-", i)))))
	}
	broken := submission(2)
	broken.Executions[1].ExecutionID = a.Executions[1].ExecutionID
	_, err := e.Batch(t.Context(), append(calls, a, broken)...)
	requireDetail(t, err, messages.ErrExecutionAlreadyInFlow,
		"messages[6]: executions[1]: already_member_of_different_flow:"+a.FlowID.String())
	require.Equal(t, int64(0), e.sql.Int("SELECT count(*) FROM ff_exec_core"))
	replies, err := e.Batch(t.Context(), append(calls, a)...)
	require.NoError(t, err)
	require.Equal(t, messages.SubmitFlowCreated, replies[5].(messages.SubmitFlowResult).Outcome)
	e.consistent()
}
