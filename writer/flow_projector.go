package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// flowsToProjectSQL walks the flows as they were created and tells which are settled: their summary, found by its key,
// shows every member ended. A replay and a new member delete the summary.
const flowsToProjectSQL = `
SELECT f.rowid,
       coalesce(s.members_completed + s.members_failed + s.members_cancelled + s.members_expired + s.members_skipped
                = s.total_members, 0)
  FROM ff_flow_core AS f
  LEFT JOIN ff_flow_summary AS s ON s.partition_key = 0 AND s.flow_id = f.flow_id
 WHERE f.rowid > ?1
 ORDER BY f.rowid
 LIMIT ?2`

// flowsToProject selects the next flows; a settled one has no subject.
func (w *Writer) flowsToProject(t *tick, most int) (rows []row, err error) {
	s := w.prepare(flowsToProjectSQL).int(1, t.place.key).int(2, int64(most))
	err = s.each(func() error {
		r := row{place: place{key: s.stmt.ColumnInt64(0)}}
		if settled := s.stmt.ColumnBool(1); !settled {
			r.subject = r.key
		}
		rows = append(rows, r)
		return nil
	})
	return rows, err
}

const flowOfRowSQL = `SELECT flow_id FROM ff_flow_core WHERE rowid = ?1`

// projectFlow recomputes the summary of one flow; a flow without members has none.
func (w *Writer) projectFlow(t *tick, subject int64) (action, error) {
	if subject == 0 {
		return nothing, nil
	}
	var flow messages.FlowID
	s := w.prepare(flowOfRowSQL).int(1, subject)
	found, err := s.one(func() { flow = s.columnUUID(0) })
	if !found || err != nil {
		return nothing, err
	}
	written, err := w.projectFlowSummary(t.now, messages.ProjectFlowSummaryArgs{FlowID: flow})
	return did(written), err
}
