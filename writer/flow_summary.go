package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// countMembersSQL is served by ff_exec_core_flow_idx. The states are counted as they are read: running and claimed are
// active, and a resumable member waits for a worker as a waiting one does.
const countMembersSQL = `
SELECT count(*),
       total(public_state = 'completed'),
       total(public_state = 'failed'),
       total(public_state = 'cancelled'),
       total(public_state = 'expired'),
       total(public_state = 'skipped'),
       total(public_state = 'active' OR public_state = 'running' OR public_state = 'claimed'),
       total(public_state = 'suspended'),
       total(public_state = 'waiting' OR public_state = 'pending' OR public_state = 'eligible'
             OR public_state = 'resumable'),
       total(public_state = 'delayed'),
       total(public_state = 'rate_limited'),
       total(public_state = 'waiting_children')
  FROM ff_exec_core
 WHERE flow_id = ?1`

const storeSummarySQL = `
INSERT OR REPLACE INTO ff_flow_summary (partition_key, flow_id, total_members, sampled_members, members_completed,
                                        members_failed, members_cancelled, members_expired, members_skipped,
                                        members_active, members_suspended, members_waiting, members_delayed,
                                        members_rate_limited, members_waiting_children, public_flow_state,
                                        last_summary_update_at)
VALUES (0, ?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)`

// projectFlowSummary recomputes the summary of one flow and reports whether it has any members (04 §7.6). The flow itself
// is not touched; its own state is what guards it.
func (w *Writer) projectFlowSummary(now messages.TimestampMs, args messages.ProjectFlowSummaryArgs) (bool, error) {
	counts, err := w.countMembers(args.FlowID)
	if err != nil || counts.total == 0 {
		return false, err
	}
	s := w.prepare(storeSummarySQL).blob(1, args.FlowID[:])
	for i, n := range []int64{
		counts.total, counts.completed, counts.failed, counts.cancelled, counts.expired, counts.skipped, counts.active,
		counts.suspended, counts.waiting, counts.delayed, counts.rateLimited, counts.waitingChildren,
	} {
		s.int(2+i, n)
	}
	return true, s.text(14, string(counts.flowState())).int(15, int64(orNow(args.Now, now))).exec()
}

func (w *Writer) countMembers(flow messages.FlowID) (c memberCounts, err error) {
	s := w.prepare(countMembersSQL).blob(1, flow[:])
	_, err = s.one(func() {
		for i, n := range []*int64{
			&c.total, &c.completed, &c.failed, &c.cancelled, &c.expired, &c.skipped, &c.active,
			&c.suspended, &c.waiting, &c.delayed, &c.rateLimited, &c.waitingChildren,
		} {
			*n = s.stmt.ColumnInt64(i)
		}
	})
	return c, err
}

// memberCounts are the members of a flow by their public states. What counts nowhere else counts in total alone.
type memberCounts struct {
	total, completed, failed, cancelled, expired, skipped             int64
	active, suspended, waiting, delayed, rateLimited, waitingChildren int64
}

// ended returns how many members have ended.
func (c memberCounts) ended() int64 {
	return c.completed + c.failed + c.cancelled + c.expired + c.skipped
}

// flowState returns the state that the members give their flow. Members that were skipped do not make it failed.
func (c memberCounts) flowState() messages.PublicFlowState {
	switch {
	case c.ended() == c.total && c.failed+c.cancelled+c.expired > 0:
		return messages.FlowFailed
	case c.ended() == c.total:
		return messages.FlowCompleted
	case c.active > 0:
		return messages.FlowRunning
	case c.suspended+c.delayed+c.rateLimited+c.waitingChildren > 0:
		return messages.FlowBlocked
	}
	return messages.FlowOpen
}
