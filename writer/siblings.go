package writer

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/flowfabric/ffsqlite/messages"
)

const (
	// drainMembers bounds the members that one message cancels; the rest is left to the queue.
	drainMembers = 1024
	// hopMembers bounds those of one hop, so that a large group holds nobody up for long.
	hopMembers = 64
)

// siblingsSQL is served by ff_edge_downstream_idx and ff_exec_core_execution_idx.
const siblingsSQL = `
SELECT d.upstream_eid
  FROM ff_edge AS d
  JOIN ff_exec_core AS upstream ON upstream.execution_id = d.upstream_eid
 WHERE d.partition_key = 0
   AND d.flow_id = ?1
   AND d.downstream_eid = ?2
   AND upstream.standing IS NOT 'ended'`

const flagSiblingsSQL = `
UPDATE ff_edge_group
   SET cancel_siblings_pending_flag = 1,
       cancel_siblings_pending_members = ?2,
       cancel_siblings_reason = ?3
 WHERE rowid = ?1`

const enqueueGroupSQL = `
INSERT INTO ff_pending_cancel_groups (partition_key, flow_id, downstream_eid, enqueued_at_ms)
VALUES (0, ?1, ?2, ?3)
    ON CONFLICT DO NOTHING`

// flagSiblings is FlagSiblings of 04 §3.9: the upstreams of a group that has fired, but for the one that fired it, are to
// be cancelled. A hop does that after the commit.
func (w *Writer) flagSiblings(g *group, except [16]byte, now messages.TimestampMs) error {
	siblings, err := w.siblings(g, except)
	if err != nil || len(siblings) == 0 {
		return err
	}
	reason := "sibling_quorum_satisfied"
	if g.state == "impossible" {
		reason = "sibling_quorum_impossible"
	}
	members, err := memberList(siblings)
	if err != nil {
		return err
	}
	if err := w.prepare(flagSiblingsSQL).int(1, g.rowid).rawText(2, members).text(3, reason).exec(); err != nil {
		return err
	}
	err = w.prepare(enqueueGroupSQL).blob(1, g.flow[:]).blob(2, g.downstream[:]).int(3, int64(now)).exec()
	w.batch.queued = append(w.batch.queued, hop{group: groupKey{g.flow, g.downstream}})
	return err
}

// siblings are the upstreams of the group that have not ended, each once, in the order of their ids.
func (w *Writer) siblings(g *group, except [16]byte) (siblings [][16]byte, err error) {
	s := w.prepare(siblingsSQL).blob(1, g.flow[:]).blob(2, g.downstream[:])
	err = s.each(func() error {
		if upstream := s.columnUUID(0); upstream != except {
			siblings = append(siblings, upstream)
		}
		return nil
	})
	slices.SortFunc(siblings, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(siblings), err
}

// memberList is the text of cancel_siblings_pending_members.
func memberList(members [][16]byte) ([]byte, error) {
	ids := make([]messages.FlowID, len(members)) // A bare UUID has the same text whatever it identifies.
	for i, member := range members {
		ids[i] = member
	}
	return json.Marshal(ids)
}

// flagged is what a group says of the cancellation of its siblings.
type flagged struct {
	rowid   int64 // 0: the group's row is gone
	flag    bool
	members [][16]byte
	reason  string
}

const loadFlaggedSQL = `
SELECT rowid, cancel_siblings_pending_flag, cancel_siblings_pending_members, cancel_siblings_reason
  FROM ff_edge_group
 WHERE partition_key = 0
   AND flow_id = ?1
   AND downstream_eid = ?2`

func (w *Writer) loadFlagged(key groupKey) (*flagged, error) {
	var f flagged
	var list []byte
	s := w.prepare(loadFlaggedSQL).blob(1, key.flow[:]).blob(2, key.downstream[:])
	_, err := s.one(func() {
		f.rowid = s.stmt.ColumnInt64(0)
		f.flag = s.stmt.ColumnInt64(1) != 0
		list = append(list, s.stmt.ColumnRawText(2)...)
		f.reason = s.stmt.ColumnText(3)
	})
	if err != nil || f.rowid == 0 {
		return &f, err
	}
	var ids []messages.FlowID
	if err := json.Unmarshal(list, &ids); err != nil {
		return nil, messages.CorruptionError("edge_group", "cancel_siblings_pending_members not valid JSON: %v", err)
	}
	for _, id := range ids {
		f.members = append(f.members, id)
	}
	return &f, nil
}

// isPendingSQL is served by the primary key.
const isPendingSQL = `
SELECT 1
  FROM ff_pending_cancel_groups
 WHERE partition_key = 0
   AND flow_id = ?1
   AND downstream_eid = ?2`

const dequeueGroupSQL = `
DELETE FROM ff_pending_cancel_groups
 WHERE partition_key = 0
   AND flow_id = ?1
   AND downstream_eid = ?2`

func (w *Writer) dequeueGroup(key groupKey) error {
	return w.prepare(dequeueGroupSQL).blob(1, key.flow[:]).blob(2, key.downstream[:]).exec()
}

// drainSiblingCancelGroup cancels the flagged siblings of one group by hand (04 §6.4). What exceeds one message goes on
// as hops.
func (w *Writer) drainSiblingCancelGroup(
	now messages.TimestampMs, args messages.DrainSiblingCancelGroupArgs,
) (messages.DrainSiblingCancelGroupResult, error) {
	key := groupKey{args.FlowID, args.DownstreamExecutionID.UUID()}
	result, done, err := w.drain(key, drainMembers, now)
	if err == nil && !done {
		w.batch.queued = append(w.batch.queued, hop{group: key})
	}
	return result, err
}

// drain cancels at most so many of the flagged siblings of a group and reports whether none is left.
func (w *Writer) drain(
	key groupKey, most int, now messages.TimestampMs,
) (result messages.DrainSiblingCancelGroupResult, done bool, err error) {
	result.Outcome = messages.DrainAlreadyDrained
	pending, err := w.prepare(isPendingSQL).blob(1, key.flow[:]).blob(2, key.downstream[:]).one(func() {})
	if err != nil {
		return result, false, err
	}
	f, err := w.loadFlagged(key)
	if err != nil {
		return result, false, err
	}
	switch {
	case !pending:
		return result, true, w.unflag(f.rowid)
	case f.rowid == 0:
		result.Outcome = messages.DrainDrainedSansGroup
		return result, true, w.dequeueGroup(key)
	}
	result.Outcome = messages.DrainDrained
	if f.flag {
		first := f.members[:min(most, len(f.members))]
		f.members = f.members[len(first):]
		for _, member := range first {
			if err := w.cancelSibling(member, f.reason, &result, now); err != nil {
				return result, false, err
			}
		}
		if len(f.members) > 0 {
			return result, false, w.storeMembers(f)
		}
	}
	if err := w.unflag(f.rowid); err != nil {
		return result, false, err
	}
	return result, true, w.dequeueGroup(key)
}

// cancelSibling cancels one member, if it is there and has not ended, and counts what became of it.
func (w *Writer) cancelSibling(
	member [16]byte, reason string, result *messages.DrainSiblingCancelGroupResult, now messages.TimestampMs,
) error {
	x, err := w.findExecution(member)
	switch {
	case err != nil:
		return err
	case x == nil:
		result.NotFound++
		return nil
	case x.terminal():
		result.AlreadyTerminal++
		return nil
	}
	a, _, err := w.loadAttempt(x.partition, x.uuid)
	if err != nil {
		return err
	}
	result.Cancelled++
	return w.cancel(x, a, cancellation{
		reason: reason, by: "engine", revokedBy: messages.RevokedBySiblingCancel, idleOutcome: "keep",
	}, now, now)
}

const storeMembersSQL = `UPDATE ff_edge_group SET cancel_siblings_pending_members = ?2 WHERE rowid = ?1`

func (w *Writer) storeMembers(f *flagged) error {
	list, err := memberList(f.members)
	if err != nil {
		return err
	}
	return w.prepare(storeMembersSQL).int(1, f.rowid).rawText(2, list).exec()
}

const unflagSQL = `
UPDATE ff_edge_group
   SET cancel_siblings_pending_flag = 0,
       cancel_siblings_pending_members = '[]'
 WHERE rowid = ?1
   AND (cancel_siblings_pending_flag <> 0 OR cancel_siblings_pending_members <> '[]')`

// unflag forgets the members of a group; the reason stays for inspection.
func (w *Writer) unflag(group int64) error { return w.prepare(unflagSQL).int(1, group).exec() }

// reconcileSiblingCancelGroup puts the bookkeeping of one group right after a crash; it never cancels (04 §6.5).
func (w *Writer) reconcileSiblingCancelGroup(
	args messages.ReconcileSiblingCancelGroupArgs,
) (messages.SiblingCancelReconcileAction, error) {
	return w.reconcileGroup(groupKey{args.FlowID, args.DownstreamExecutionID.UUID()})
}

func (w *Writer) reconcileGroup(key groupKey) (messages.SiblingCancelReconcileAction, error) {
	pending, err := w.prepare(isPendingSQL).blob(1, key.flow[:]).blob(2, key.downstream[:]).one(func() {})
	if err != nil || !pending {
		return messages.ReconcileNoOp, err
	}
	f, err := w.loadFlagged(key)
	if err != nil {
		return messages.ReconcileNoOp, err
	}
	if !f.flag {
		return messages.ReconcileSremmedStale, w.dequeueGroup(key)
	}
	for _, member := range f.members {
		x, err := w.findExecution(member)
		if err != nil || x != nil && !x.terminal() {
			return messages.ReconcileNoOp, err
		}
	}
	if err := w.unflag(f.rowid); err != nil {
		return messages.ReconcileNoOp, err
	}
	return messages.ReconcileCompletedDrain, w.dequeueGroup(key)
}
