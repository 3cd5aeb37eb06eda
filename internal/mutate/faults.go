package main

import "slices"

// faults are what is planted, from the disk up to the callers.
var faults = slices.Concat(storageFaults, commitFaults, rowFaults, leaseFaults, flowFaults, timeFaults, eventFaults)

// The suites. Seeds are given where a test takes them, so that what is caught once is caught always.
var (
	crashes    = suite{".", []string{"TestTortureCrashAtEveryWrite"}, []string{"-seed=1"}}
	normal     = suite{".", []string{"TestTortureCrashAtNormal"}, []string{"-seed=1"}}
	commits    = suite{".", []string{"TestFault_AFailedCommit"}, nil}
	faulted    = suite{".", []string{"TestFaulted_AFailedSyncOfTheLogAtNormal", "TestFaulted_AFailedSyncOfTheDatabase"}, nil}
	retried    = suite{".", []string{"TestFault_WhatIsDueIsTriedAgain", "TestFault_ACascadeGoesOnByItself"}, nil}
	walk       = suite{".", []string{"TestTortureModel_Operations"}, []string{"-rapid.seed=1", "-rapid.nofailfile", "-rapid.shrinktime=1s"}}
	rush       = suite{".", []string{"TestTortureLinearizability_OfManyClientsOnFewKeys"}, []string{"-seed=1"}}
	groups     = suite{".", []string{"TestGroups_AnyFlowDoesWhatItsPoliciesSay"}, []string{"-rapid.seed=1", "-rapid.nofailfile", "-rapid.shrinktime=1s"}}
	batches    = suite{"writer", []string{"TestTorture_OneBatchDoesWhatManyDo"}, []string{"-seed=1"}}
	remembered = suite{"writer", []string{"TestRemembered_IsAsGoodAsTheRows"}, nil}
	recovered  = suite{"writer", []string{"TestSpec04_S27_ACrashBeforeTheHopIsRecovered", "TestSpec04_S28_ACrashAfterTheFirstHopOfAChainIsRecovered"}, nil}
	retention  = suite{".", []string{"TestSpec06_S113_AnUpstreamStaysUntilItsDownstreamHasEnded"}, nil}
	tails      = suite{".", []string{"TestTailStream_MissesNothing"}, nil}
	punctual   = suite{".", []string{"TestSpec03_S94_PromoteDelayed"}, nil}
	followers  = suite{"subscribers", []string{"TestRandom"}, []string{"-seed=1"}}
)

var storageFaults = []fault{
	{
		what: "the sync of the log is left out", file: "database/logfile.go", by: crashes,
		old: "return f.File.Sync(flags)",
		new: "return nil",
	},
	{
		what: "the last frame of a commit is gathered and not written", file: "database/logfile.go", by: normal,
		old: "_, err := f.File.WriteAt(frames, at)",
		new: "_, err := f.File.WriteAt(frames[:max(0, len(frames)-4096-frameHeader)], at)",
	},
	{
		what: "the error of a write is dropped", file: "database/logfile.go", by: commits,
		old: "_, err := f.File.WriteAt(frames, at)",
		new: "var err error\n\t_, _ = f.File.WriteAt(frames, at)",
	},
	{
		what: "the engine works on after a failed sync of which it cannot know what is lost", file: "database/errors.go", by: faulted,
		old: "return errors.Is(err, sqlite3.IOERR_FSYNC)",
		new: "return false && errors.Is(err, sqlite3.IOERR_FSYNC)",
	},
}

var commitFaults = []fault{
	{
		what: "callers are answered before the commit", file: "actors/batch.go", by: commits,
		old: "committed, err := a.writer.Commit()",
		new: "a.answer()\n\tcommitted, err := a.writer.Commit()",
	},
	{
		what: "the event is written outside the transaction of its change", file: "writer/finish.go", by: crashes,
		old: "if err := w.emitCompletion(x,",
		new: "_, _ = w.prepare(commitSQL).exec(), w.prepare(beginSQL).exec()\n\tif err := w.emitCompletion(x,",
	},
	{
		what: "a failing step of a batch is not rolled back to its savepoint", file: "writer/batch.go", by: batches,
		old: "[]string{undoSQL, releaseSQL}",
		new: "[]string{releaseSQL}",
	},
	{
		what: "a batch does not run again when a step failed after it had written", file: "writer/batch.go", by: batches,
		old: "w.batch.dirty = w.batch.dirty ||",
		new: "w.batch.dirty = false &&",
	},
	{
		what: "what is remembered of rows outlives a rollback", file: "writer/writer.go", by: remembered,
		old: "w.remembered.forgetAll()\n\tw.deadlines = ",
		new: "w.deadlines = ",
	},
	{
		what: "what is remembered of rows outlives a commit of another connection", file: "writer/writer.go", by: remembered,
		old: "if w.fileVersion() != w.ended {",
		new: "if false {",
	},
	{
		what: "a waiting claim fails with the commit that served it", file: "writer/writer.go", by: commits,
		old: "w.releaseWaiting()",
		new: "",
	},
}

var rowFaults = []fault{
	{
		what: "a duplicate create is answered as a new one", file: "writer/create.go", by: walk,
		old: "if !inserted {",
		new: "if !inserted {\n\t\treturn result, nil",
	},
	{
		what: "a repeated completion is refused", file: "writer/attempts.go", by: walk,
		old: `return h.execution.raw.text("terminal_outcome") == "success" &&`,
		new: `return false &&`,
	},
	{
		what: "an end by an operator leaves no event", file: "writer/finish.go", by: walk,
		old: "if err := w.emitCompletion(x,",
		new: "if x.cancelledBy != nil && *x.cancelledBy == \"operator_override\" {\n\t\treturn nil\n\t}\n\tif err := w.emitCompletion(x,",
	},
	{
		what: "the order of priorities is reversed", file: "writer/selection.go", by: walk,
		old: "ORDER BY claim_class, priority DESC,",
		new: "ORDER BY claim_class, priority,",
	},
	{
		what: "a retry too many", file: "writer/retry.go", by: walk,
		old: "if n >= p.maxRetries {",
		new: "if n > p.maxRetries {",
	},
	{
		what: "retention deletes what another execution still waits for", file: "writer/retention.go", by: retention,
		old: "needed || err != nil || !x.inFlow {",
		new: "true || needed || err != nil || !x.inFlow {",
	},
	{
		what: "a frame of a stream is lost", file: "writer/streams.go", by: tails,
		old: "err := w.prepare(insertFrameSQL).",
		new: "if f.seq%8 == 7 {\n\t\treturn nil\n\t}\n\terr := w.prepare(insertFrameSQL).",
	},
}

var leaseFaults = []fault{
	{
		what: "no fence", file: "writer/fence.go", by: walk,
		old: "if current.epoch != int64(t.fence.LeaseEpoch) ||",
		new: "if true {\n\t\treturn nil\n\t}\n\tif current.epoch != int64(t.fence.LeaseEpoch) ||",
	},
	{
		what: "a lease that has run out still counts", file: "writer/fence.go", by: walk,
		old: "a.leaseExpiresAt.ms <= int64(now)",
		new: "a.leaseExpiresAt.ms < int64(now)",
	},
	{
		what: "the epoch does not rise with a reclaim", file: "writer/reclaim.go", by: walk,
		old: "w.take(x, next, highest+1,",
		new: "w.take(x, next, highest,",
	},
	{
		what: "an execution is claimed twice", file: "writer/claims.go", by: rush,
		old: "} else if err := w.storeExecution(x, now); err != nil {",
		new: "} else if err := error(nil); err != nil {",
	},
}

var flowFaults = []fault{
	{
		what: "a stale revision of a flow is accepted", file: "writer/edges.go", by: rush,
		old: "if uint64(f.revision) != args.ExpectedGraphRevision {",
		new: "if uint64(f.revision) < args.ExpectedGraphRevision {",
	},
	{
		what: "a group counts a success twice", file: "writer/edges.go", by: groups,
		old: "g.success++",
		new: "g.success += 2",
	},
	{
		what: "a skip goes one level deep", file: "writer/cascade.go", by: groups,
		old: `if found && r.outcome != "resumable" {`,
		new: `if found && r.outcome != "resumable" && r.outcome != "skipped" {`,
	},
	{
		what: "the upstreams that a quorum needs no more run on", file: "writer/groups.go", by: groups,
		old: "return did, w.flagSiblings(g, resolved, now)",
		new: "_ = resolved\n\treturn did, nil",
	},
	{
		what: "a crash makes the cascade forget a child", file: "writer/cascade.go", by: recovered,
		old: "WHERE dispatched_at_ms IS NULL\n ORDER BY event_id`",
		new: "WHERE dispatched_at_ms IS NULL AND false\n ORDER BY event_id`",
	},
	{
		what: "a cascade that failed is not tried again", file: "actors/due.go", by: retried,
		old: "case a.writer.HasHops():\n\t\ta.tell(again)",
		new: "case a.writer.HasHops():",
	},
}

var timeFaults = []fault{
	{
		what: "a delay ends early", file: "writer/delays.go", by: punctual,
		old: `if due, ok := x.raw.number("delay_until"); ok && due > int64(now) {`,
		new: `if due, ok := x.raw.number("delay_until"); ok && due > int64(now)+1000 {`,
	},
	{
		what: "a restart loses the deadlines", file: "writer/deadlines.go", by: crashes,
		old: "w.deadlines.earliest[j] = earliest\n",
		new: "_, w.deadlines.earliest[j] = earliest, never\n",
	},
	{
		what: "what was due when a commit failed is not tried again", file: "writer/writer.go", by: retried,
		old: "w.deadlines = w.batch.deadlines\n",
		new: "",
	},
}

var eventFaults = []fault{
	{
		what: "an event is delivered twice", file: "subscribers/loop.go", by: followers,
		old: "if header.EventID <= s.at() {",
		new: "if header.EventID < s.at() {",
	},
	{
		what: "a cursor is one too far", file: "subscribers/subscribe.go", by: crashes,
		old: "s.position.Store(int64(after))",
		new: "s.position.Store(int64(after + 1))",
	},
	{
		what: "catching up leaves out a page", file: "subscribers/loop.go", by: followers,
		old: "page, err = s.hub.pages(ctx, s.at(), PageRows)",
		new: "page, err = s.hub.pages(ctx, s.at()+1, PageRows)",
	},
	{
		what: "a full mailbox drops a batch", file: "subscribers/mailbox.go", by: followers,
		old: "if m.events+len(batch) > SubscriberBuffer {\n\t\treturn false",
		new: "if m.events+len(batch) > SubscriberBuffer {\n\t\treturn true",
	},
}
