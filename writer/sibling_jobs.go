package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// duePendingGroupsSQL is served by ff_pending_cancel_groups_enqueued_idx.
const duePendingGroupsSQL = `
SELECT enqueued_at_ms, rowid, rowid
  FROM ff_pending_cancel_groups
 WHERE partition_key = 0
   AND enqueued_at_ms >= ?1
   AND (enqueued_at_ms > ?1 OR rowid > ?2)
 ORDER BY enqueued_at_ms, rowid
 LIMIT ?3`

// nextPendingGroupSQL is served by ff_pending_cancel_groups_enqueued_idx. Whoever flags a group does not report it as a
// deadline: a hop drains it right away. What stands here was left by a hop that failed, or by another program.
const nextPendingGroupSQL = `
SELECT enqueued_at_ms
  FROM ff_pending_cancel_groups
 WHERE partition_key = 0
   AND enqueued_at_ms > ?1
 ORDER BY enqueued_at_ms
 LIMIT 1`

const pendingGroupSQL = `SELECT flow_id, downstream_eid FROM ff_pending_cancel_groups WHERE rowid = ?1`

// pendingGroup loads the group of a pending row and applies the filter of the tick to its downstream.
func (w *Writer) pendingGroup(t *tick, rowid int64) (key groupKey, found, selected bool, err error) {
	s := w.prepare(pendingGroupSQL).int(1, rowid)
	found, err = s.one(func() { key = groupKey{messages.FlowID(s.columnUUID(0)), s.columnUUID(1)} })
	if !found || err != nil || t.filter.IsNoop() {
		return key, found, true, err
	}
	x, err := w.findExecution(key.downstream)
	return key, true, x != nil && t.selects(x), err
}

// dispatchSiblings drains one pending group (02 §8.7, edge_cancel_dispatcher).
func (w *Writer) dispatchSiblings(t *tick, rowid int64) (action, error) {
	key, found, selected, err := w.pendingGroup(t, rowid)
	switch {
	case !found || err != nil:
		return nothing, err
	case !selected:
		return skipped, nil
	}
	f, err := w.loadFlagged(key)
	if err != nil {
		return nothing, err
	}
	switch {
	case f.rowid == 0:
		return "orphaned", w.dequeueGroup(key)
	case !f.flag:
		t.tell("skipped_for_reconciler", 1)
		return nothing, nil
	}
	_, done, err := w.drain(key, drainMembers, t.now)
	if err != nil {
		return nothing, err
	}
	w.goOn(hop{group: key}, done)
	return "dispatched", nil
}

// reconcileSiblings puts the bookkeeping of one pending group right (02 §8.7, edge_cancel_reconciler).
func (w *Writer) reconcileSiblings(t *tick, rowid int64) (action, error) {
	key, found, selected, err := w.pendingGroup(t, rowid)
	switch {
	case !found || err != nil:
		return nothing, err
	case !selected:
		return skipped, nil
	}
	what, err := w.reconcileGroup(key)
	if what == messages.ReconcileNoOp {
		t.tell(action(what), 1)
		return nothing, err
	}
	return action(what), err
}
