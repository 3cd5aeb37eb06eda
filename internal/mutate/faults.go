package main

import "slices"

// faults are what is planted, from the disk up to the callers.
var faults = slices.Concat(storageFaults, commitFaults, rowFaults, leaseFaults, flowFaults, timeFaults, eventFaults)

// The suites. Seeds are given where a test takes them, so that what is caught once is caught as long as the test draws the
// same; and the walks are so many that another draw catches it too.
var (
	crashes    = suite{".", []string{"TestTortureCrashAtEveryWrite"}, []string{"-seed=1"}}
	normal     = suite{".", []string{"TestTortureCrashAtNormal"}, []string{"-seed=1"}}
	commits    = suite{".", []string{"TestFault_AFailedCommit"}, nil}
	faulted    = suite{".", []string{"TestFaulted_AFailedSyncOfTheLogAtNormal", "TestFaulted_AFailedSyncOfTheDatabase"}, nil}
	retried    = suite{".", []string{"TestFault_WhatIsDueIsTriedAgain", "TestFault_ACascadeGoesOnByItself"}, nil}
	walk       = suite{".", []string{"TestTortureModel_Operations"}, []string{"-rapid.seed=1", "-rapid.checks=1000", "-rapid.nofailfile", "-rapid.shrinktime=1s"}}
	rush       = suite{".", []string{"TestTortureLinearizability_OfManyClientsOnFewKeys"}, []string{"-seed=1"}}
	groups     = suite{".", []string{"TestGroups_AnyFlowDoesWhatItsPoliciesSay"}, []string{"-rapid.seed=1", "-rapid.nofailfile", "-rapid.shrinktime=1s"}}
	batches    = suite{"writer", []string{"TestTorture_OneBatchDoesWhatManyDo"}, []string{"-seed=1"}}
	remembered = suite{"writer", []string{"TestRemembered_IsAsGoodAsTheRows"}, nil}
	recovered  = suite{"writer", []string{"TestSpec04_S27_ACrashBeforeTheHopIsRecovered", "TestSpec04_S28_ACrashAfterTheFirstHopOfAChainIsRecovered"}, nil}
	retention  = suite{".", []string{"TestSpec06_S113_AnUpstreamStaysUntilItsDownstreamHasEnded"}, nil}
	tails      = suite{".", []string{"TestTailStream_MissesNothing"}, nil}
	day        = suite{".", []string{"TestTortureDay_NothingHappensEarlyTwiceOrNever"}, []string{"-seed=1"}}
	ordering   = suite{".", []string{"TestTortureWriteOrdering"}, []string{"-seed=1"}}
	crowd      = suite{".", []string{"TestTortureSubscribers_OfMixedSpeed"}, []string{"-seed=1"}}
	followers  = suite{"subscribers", []string{"TestRandom"}, []string{"-seed=1"}}
)

var storageFaults = []fault{
	{
		what: "the sync of the log is left out", by: crashes,
		edits: []edit{{
			"database/logfile.go",
			"return f.File.Sync(flags)",
			"return nil",
		}},
	},
	{
		what: "the last frame of a commit is gathered and not written", by: normal,
		edits: []edit{{
			"database/logfile.go",
			"_, err := f.File.WriteAt(frames, at)",
			"_, err := f.File.WriteAt(frames[:max(0, len(frames)-4096-frameHeader)], at)",
		}},
	},
	{
		what: "the error of a write is dropped", by: commits,
		edits: []edit{{
			"database/logfile.go",
			"_, err := f.File.WriteAt(frames, at)",
			"var err error\n\t_, _ = f.File.WriteAt(frames, at)",
		}},
	},
	{
		what: "the engine works on after a failed sync of which it cannot know what is lost", by: faulted,
		edits: []edit{{
			"database/errors.go",
			"return errors.Is(err, sqlite3.IOERR_FSYNC)",
			"return false && errors.Is(err, sqlite3.IOERR_FSYNC)",
		}},
	},
}

var commitFaults = []fault{
	{
		what: "callers are answered before the commit", by: commits,
		edits: []edit{{
			"actors/batch.go",
			"committed, err := a.writer.Commit()",
			"a.answer()\n\tcommitted, err := a.writer.Commit()",
		}},
	},
	{
		what: "the event is written outside the transaction of its change", by: crashes,
		edits: []edit{{
			"writer/finish.go",
			"if err := w.emitCompletion(x,",
			"_, _ = w.prepare(commitSQL).exec(), w.prepare(beginSQL).exec()\n\tif err := w.emitCompletion(x,",
		}},
	},
	{
		what: "a failing step of a batch is not rolled back to its savepoint", by: batches,
		edits: []edit{{
			"writer/batch.go",
			"[]string{undoSQL, releaseSQL}",
			"[]string{releaseSQL}",
		}},
	},
	{
		what: "a batch does not run again when a step failed after it had written", by: batches,
		edits: []edit{{
			"writer/batch.go",
			"w.batch.dirty = w.batch.dirty ||",
			"w.batch.dirty = false &&",
		}},
	},
	{
		what: "what is remembered of rows outlives a rollback", by: remembered,
		edits: []edit{{
			"writer/writer.go",
			"w.remembered.forgetAll()\n\tw.deadlines = ",
			"w.deadlines = ",
		}},
	},
	{
		what: "what is remembered of rows outlives a commit of another connection", by: remembered,
		edits: []edit{{
			"writer/writer.go",
			"if w.fileVersion() != w.ended {",
			"if false {",
		}},
	},
	{
		what: "a waiting claim fails with the commit that served it", by: commits,
		edits: []edit{{
			"writer/writer.go",
			"w.releaseWaiting()",
			"",
		}},
	},
}

var rowFaults = []fault{
	{
		what: "a duplicate create is answered as a new one", by: walk,
		edits: []edit{{
			"writer/create.go",
			"if !inserted {",
			"if !inserted {\n\t\treturn result, nil",
		}},
	},
	{
		what: "a repeated completion is refused", by: walk,
		edits: []edit{{
			"writer/attempts.go",
			`return h.execution.raw.text("terminal_outcome") == "success" &&`,
			`return false &&`,
		}},
	},
	{
		what: "an end by an operator leaves no event", by: walk,
		edits: []edit{{
			"writer/finish.go",
			"if err := w.emitCompletion(x,",
			"if x.cancelledBy != nil && *x.cancelledBy == \"operator_override\" {\n\t\treturn nil\n\t}\n\tif err := w.emitCompletion(x,",
		}},
	},
	{
		what: "the order of priorities is reversed", by: walk,
		edits: []edit{{
			"writer/selection.go",
			"ORDER BY claim_class, priority DESC,",
			"ORDER BY claim_class, priority,",
		}},
	},
	{
		what: "a retry too many", by: walk,
		edits: []edit{{
			"writer/retry.go",
			"if n >= p.maxRetries {",
			"if n > p.maxRetries {",
		}},
	},
	{
		what: "retention deletes what another execution still waits for", by: retention,
		edits: []edit{{
			"writer/retention.go",
			"needed || err != nil || !x.inFlow {",
			"true || needed || err != nil || !x.inFlow {",
		}},
	},
	{
		what: "a frame of a stream is lost", by: tails,
		edits: []edit{{
			"writer/streams.go",
			"err := w.prepare(insertFrameSQL).",
			"if f.seq%8 == 7 {\n\t\treturn nil\n\t}\n\terr := w.prepare(insertFrameSQL).",
		}},
	},
}

var leaseFaults = []fault{
	{
		what: "no fence", by: walk,
		edits: []edit{{
			"writer/fence.go",
			"if current.epoch != int64(t.fence.LeaseEpoch) ||",
			"if true {\n\t\treturn nil\n\t}\n\tif current.epoch != int64(t.fence.LeaseEpoch) ||",
		}},
	},
	{
		what: "a lease that has run out still counts", by: walk,
		edits: []edit{{
			"writer/fence.go",
			"a.leaseExpiresAt.ms <= int64(now)",
			"a.leaseExpiresAt.ms < int64(now)",
		}},
	},
	{
		what: "the epoch does not rise with a reclaim", by: walk,
		edits: []edit{{
			"writer/reclaim.go",
			"w.take(x, next, highest+1,",
			"w.take(x, next, highest,",
		}},
	},
	{
		what: "an execution is claimed twice", by: rush,
		edits: []edit{{
			"writer/claims.go",
			"} else if err := w.storeExecution(x, now); err != nil {",
			"} else if err := error(nil); err != nil {",
		}},
	},
}

var flowFaults = []fault{
	{
		what: "a stale revision of a flow is accepted", by: rush,
		edits: []edit{{
			"writer/edges.go",
			"if uint64(f.revision) != args.ExpectedGraphRevision {",
			"if uint64(f.revision) < args.ExpectedGraphRevision {",
		}},
	},
	{
		what: "a group counts a success twice", by: groups,
		edits: []edit{{
			"writer/edges.go",
			"g.success++",
			"g.success += 2",
		}},
	},
	{
		what: "a skip goes one level deep", by: groups,
		edits: []edit{{
			"writer/cascade.go",
			`if found && r.outcome != "resumable" {`,
			`if found && r.outcome != "resumable" && r.outcome != "skipped" {`,
		}},
	},
	{
		what: "the upstreams that a quorum needs no more run on", by: groups,
		edits: []edit{{
			"writer/groups.go",
			"return did, w.flagSiblings(g, resolved, now)",
			"_ = resolved\n\treturn did, nil",
		}},
	},
	{
		what: "a crash makes the cascade forget a child", by: recovered,
		edits: []edit{{
			"writer/cascade.go",
			"WHERE dispatched_at_ms IS NULL\n ORDER BY event_id`",
			"WHERE dispatched_at_ms IS NULL AND false\n ORDER BY event_id`",
		}},
	},
	{
		what: "a cascade that failed is not tried again", by: retried,
		edits: []edit{{
			"actors/due.go",
			"case a.writer.HasHops():\n\t\ta.tell(again)",
			"case a.writer.HasHops():",
		}},
	},
}

var timeFaults = []fault{
	{
		what: "a delay ends a millisecond early", by: day,
		edits: []edit{
			{
				"writer/delays.go",
				"ok && due > int64(now)",
				"ok && due > int64(now)+1",
			},
			{
				"writer/jobs.go",
				"if r.key > int64(t.now) {",
				"if r.key > int64(t.now)+1 {",
			},
			{
				"writer/deadlines.go",
				"func (d *deadlines) lower(j jobID, ms int64) { d",
				"func (d *deadlines) lower(j jobID, ms int64) { ms--; d",
			},
		},
	},
	{
		what: "a lease runs out a millisecond late", by: day,
		edits: []edit{{
			"writer/leases.go",
			"a.leaseExpiresAt.ms > int64(now)",
			"a.leaseExpiresAt.ms >= int64(now)",
		}},
	},
	{
		what: "a lease runs out twice", by: day,
		edits: []edit{{
			"writer/leases.go",
			"w.becomesClaimable(x)\n\treturn changed,",
			"w.becomesClaimable(x)\n\t_ = w.emitLease(x, nil, leaseEventOf(messages.LeaseExpired, a, \"\"), now)\n\treturn changed,",
		}},
	},
	{
		what: "a retry does not wait for its backoff", by: walk,
		edits: []edit{{
			"writer/retry.go",
			"if delay <= 0 {",
			"if delay <= 1000 {",
		}},
	},
	{
		what: "a restart loses the deadlines", by: crashes,
		edits: []edit{{
			"writer/deadlines.go",
			"w.deadlines.earliest[j] = earliest\n",
			"_, w.deadlines.earliest[j] = earliest, never\n",
		}},
	},
	{
		what: "what was due when a commit failed is not tried again", by: retried,
		edits: []edit{{
			"writer/writer.go",
			"w.deadlines = w.batch.deadlines\n",
			"",
		}},
	},
}

var eventFaults = []fault{
	{
		what: "an event is delivered twice", by: followers,
		edits: []edit{{
			"subscribers/loop.go",
			"if header.EventID <= s.at() {",
			"if header.EventID < s.at() {",
		}},
	},
	{
		what: "a cursor is one too far", by: crashes,
		edits: []edit{{
			"subscribers/subscribe.go",
			"s.position.Store(int64(after))",
			"s.position.Store(int64(after + 1))",
		}},
	},
	{
		what: "catching up leaves out a page", by: followers,
		edits: []edit{{
			"subscribers/loop.go",
			"page, err = s.hub.pages(ctx, s.at(), PageRows)",
			"page, err = s.hub.pages(ctx, s.at()+1, PageRows)",
		}},
	},
	{
		what: "a full mailbox drops a batch", by: followers,
		edits: []edit{{
			"subscribers/mailbox.go",
			"if m.events+len(batch) > SubscriberBuffer {\n\t\treturn false",
			"if m.events+len(batch) > SubscriberBuffer {\n\t\treturn true",
		}},
	},
	{
		what: "two events of a batch change places", by: ordering,
		edits: []edit{{
			"actors/fanout.go",
			"if hub.Publish(events, highest) {",
			"if len(events) > 2 {\n\t\tevents[0], events[1] = events[1], events[0]\n\t}\n\tif hub.Publish(events, highest) {",
		}},
	},
	{
		what: "the ids of events have gaps", by: ordering,
		edits: []edit{{
			"writer/finish.go",
			"if err := w.emitCompletion(x,",
			"_ = w.conn.Exec(`UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'ff_completion_event'`)\n\tif err := w.emitCompletion(x,",
		}},
	},
	{
		what: "a subscriber misses what committed while it was behind", by: crowd,
		edits: []edit{{
			"subscribers/hub.go",
			"page, settled = h.tail.after(s.at(), PageRows)",
			"page, settled = h.tail.after(s.at(), PageRows)\n\t\tif len(page) > 200 {\n\t\t\tpage = page[1:]\n\t\t}",
		}},
	},
}
