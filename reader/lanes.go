package reader

import (
	"context"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// listLanesSQL walks the primary key.
const listLanesSQL = `
SELECT lane_id
  FROM ff_lane_registry
 WHERE lane_id > ?1
 ORDER BY lane_id
 LIMIT ?2`

// listLanes returns a page of the registered lanes. The lane of the cursor need not be one.
func (r *Reader) listLanes(ctx context.Context, args messages.ListLanesArgs) (messages.ListLanesResult, error) {
	var result messages.ListLanesResult
	after := ""
	if args.Cursor != nil {
		after = string(*args.Cursor)
	}
	err := r.pool.Read(ctx, func(c *database.Connection) (err error) {
		result.Lanes, result.NextCursor, err = listPage(c, listLanesSQL, []any{after, oneMore(args.Limit)}, args.Limit, scanLane)
		return err
	})
	if err != nil {
		return messages.ListLanesResult{}, err
	}
	return result, nil
}

func scanLane(stmt *sqlite3.Stmt) (messages.LaneID, error) {
	lane := messages.LaneID(stmt.ColumnText(0))
	if err := lane.Validate(); err != nil {
		return "", messages.CorruptionError("lane_registry", "%s", err.Detail)
	}
	return lane, nil
}
