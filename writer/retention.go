package writer

import (
	"cmp"
	"errors"
	"slices"

	"github.com/flowfabric/ffsqlite/messages"
)

// Retention deletes executions that ended long ago. Both lists below are read from ff_exec_core_ended_idx, which begins
// with the executions whose policy says nothing about it.

// endedByDefaultSQL lists those for which the configured period decides, those that ended first in front.
const endedByDefaultSQL = `
SELECT terminal_at_ms, rowid
  FROM ff_exec_core
 WHERE standing = 'ended'
   AND retain_until_ms IS NULL
   AND terminal_at_ms >= ?1
   AND (terminal_at_ms > ?1 OR rowid > ?2)
   AND terminal_at_ms <= ?3
   AND (?4 = '' OR lane_id = ?4)
 ORDER BY terminal_at_ms, rowid
 LIMIT ?5`

// endedByPolicySQL lists those whose policy decides.
const endedByPolicySQL = `
SELECT retain_until_ms, rowid
  FROM ff_exec_core
 WHERE standing = 'ended'
   AND retain_until_ms >= ?1
   AND (retain_until_ms > ?1 OR rowid > ?2)
   AND retain_until_ms <= ?3
   AND (?4 = '' OR lane_id = ?4)
 ORDER BY retain_until_ms, terminal_at_ms, rowid
 LIMIT ?5`

// The groups of the places in these lists.
const (
	byDefault int64 = iota
	byPolicy
	retentionGroups
)

// longEnded is the next portion of executions that are old enough, over all lanes.
func (w *Writer) longEnded(t *tick, most int) ([]row, error) {
	return w.endedBehind(t.place, "", w.scanners.retention, t.now, most)
}

// endedBehind lists executions behind a place that are old enough, of one lane or of all.
func (w *Writer) endedBehind(
	p place, lane messages.LaneID, retention int64, now messages.TimestampMs, most int,
) (rows []row, err error) {
	for ; p.group < retentionGroups && len(rows) < most; p = firstOf(p.group + 1) {
		sql, until := endedByDefaultSQL, int64(now)-retention
		if p.group == byPolicy {
			sql, until = endedByPolicySQL, int64(now)
		}
		s := w.prepare(sql).int(1, p.key).int(2, p.number).int(3, until).text(4, string(lane)).int(5, int64(most-len(rows)))
		err := s.each(func() error {
			at := place{group: p.group, key: s.stmt.ColumnInt64(0), number: s.stmt.ColumnInt64(1)}
			rows = append(rows, row{place: at, subject: at.number})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// trimRetention deletes up to a batch of executions of one lane, those that ended first in front (06 §6.2).
func (w *Writer) trimRetention(now messages.TimestampMs, args messages.TrimRetentionArgs) (uint32, error) {
	now = orNow(args.Now, now)
	t := tick{now: now, filter: args.Filter}
	var found []*execution
	for group := range retentionGroups {
		some, err := w.trimmable(&t, group, args)
		if err != nil {
			return 0, err
		}
		found = append(found, some...)
	}
	slices.SortStableFunc(found, func(a, b *execution) int { return cmp.Compare(a.terminalAt.ms, b.terminalAt.ms) })
	found = found[:min(len(found), int(args.BatchSize))]
	for _, x := range found {
		if err := w.deleteExecution(x); err != nil {
			return 0, err
		}
	}
	return uint32(len(found)), nil //nolint:gosec // At most the batch size.
}

// trimmable returns the first executions of a group that can be deleted, a batch at the most.
func (w *Writer) trimmable(t *tick, group int64, args messages.TrimRetentionArgs) (found []*execution, err error) {
	const page = 100
	for p := firstOf(group); ; {
		rows, err := w.endedBehind(p, args.LaneID, messages.Millis(args.Retention), t.now, page)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if r.group != group || len(found) == int(args.BatchSize) {
				return found, nil
			}
			x, err := w.loadExecutionRow(r.subject)
			if errors.Is(err, messages.ErrCorruption) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if args.Partition != nil && args.Partition.Index != x.partition || !t.selects(x) {
				continue
			}
			needed, err := w.stillNeeded(x)
			if err != nil {
				return nil, err
			}
			if !needed {
				found = append(found, x)
			}
		}
		if len(rows) < page {
			return found, nil
		}
		p = rows[len(rows)-1].place
	}
}

// trimExecution is the step of the job.
func (w *Writer) trimExecution(x *execution, _ messages.TimestampMs) (action, error) {
	needed, err := w.stillNeeded(x)
	if needed || err != nil || !x.terminal() {
		return nothing, err
	}
	return changed, w.deleteExecution(x)
}

const uncascadedSQL = `
SELECT EXISTS (SELECT 1
                 FROM ff_completion_event
                WHERE execution_id = ?2
                  AND flow_id IS NOT NULL
                  AND dispatched_at_ms IS NULL)
    OR EXISTS (SELECT 1
                 FROM ff_completion_event
                WHERE execution_id = ?2
                  AND previous_event_id IS NULL
                  AND dispatched_at_ms IS NULL)
    OR EXISTS (SELECT 1
                 FROM ff_completion_event
                WHERE execution_id = ?2
                  AND event_id IN (` + completionChain + `)
                  AND dispatched_at_ms IS NULL)`

const awaitedSQL = `
SELECT 1
  FROM ff_edge AS d
  JOIN ff_exec_core AS e
    ON e.execution_id = d.downstream_eid
 WHERE d.partition_key = 0
   AND d.flow_id = ?1
   AND d.upstream_eid = ?2
   AND e.standing IS NOT 'ended'
 LIMIT 1`

// stillNeeded reports whether an ended execution has to stay: its cascade has not run, or another that depends on it has
// not ended.
func (w *Writer) stillNeeded(x *execution) (needed bool, err error) {
	s := w.prepare(uncascadedSQL).int(1, int64(x.partition)).blob(2, x.uuid[:])
	if _, err := s.one(func() { needed = s.stmt.ColumnBool(0) }); needed || err != nil || !x.inFlow {
		return needed, err
	}
	return w.prepare(awaitedSQL).blob(1, x.flow[:]).blob(2, x.uuid[:]).one(func() {})
}
