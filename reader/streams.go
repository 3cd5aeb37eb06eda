package reader

import (
	"context"
	"encoding/json"
	"math"
	"strconv"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// streamKey is what identifies the stream of one attempt.
func streamKey(id messages.ExecutionID, attempt messages.AttemptIndex) []any {
	return append(executionKey(id), int64(attempt))
}

// readFramesSQL is served by ff_stream_frame_key_idx. A reader that does not want best-effort frames passes by few: they
// are kept for a while only.
const readFramesSQL = `
SELECT ts_ms,
       seq,
       fields
  FROM ff_stream_frame
 WHERE partition_key = ?1
   AND execution_id = ?2
   AND attempt_index = ?3
   AND (ts_ms, seq) > (?4, ?5)
   AND (ts_ms, seq) <= (?6, ?7)
   AND (?8 = 0 OR mode <> 'best_effort')
 ORDER BY ts_ms, seq
 LIMIT ?9`

// frameRange is a part of a stream.
type frameRange struct {
	afterMs, afterSeq int64 // excluded
	toMs, toSeq       int64 // included
	keptOnly          int64 // 1: without best-effort frames
	count             int
}

func (r *Reader) readStream(ctx context.Context, args messages.ReadStreamArgs) (messages.StreamFrames, error) {
	part := frameRange{count: args.Count}
	var err *messages.Error
	if part.afterMs, part.afterSeq, err = args.From.Frame(false); err != nil {
		return messages.StreamFrames{}, err
	}
	if part.afterSeq > math.MinInt64 {
		part.afterSeq--
	}
	if part.toMs, part.toSeq, err = args.To.Frame(true); err != nil {
		return messages.StreamFrames{}, err
	}
	return r.readFrames(ctx, args.ExecutionID, args.AttemptIndex, part)
}

// tailStream reads what a tail would wait for, and does not wait.
func (r *Reader) tailStream(ctx context.Context, args messages.TailStreamArgs) (messages.StreamFrames, error) {
	part := frameRange{toMs: math.MaxInt64, toSeq: math.MaxInt64, count: args.Count}
	if args.Visibility == messages.TailExcludeBestEffort {
		part.keptOnly = 1
	}
	var err *messages.Error
	if part.afterMs, part.afterSeq, err = args.After.Frame(false); err != nil {
		return messages.StreamFrames{}, err
	}
	return r.readFrames(ctx, args.ExecutionID, args.AttemptIndex, part)
}

// readFrames reads a page and whether the stream is closed, from one snapshot.
func (r *Reader) readFrames(
	ctx context.Context, id messages.ExecutionID, attempt messages.AttemptIndex, part frameRange,
) (messages.StreamFrames, error) {
	page := messages.StreamFrames{Frames: []messages.StreamFrame{}}
	key := append(streamKey(id, attempt), part.afterMs, part.afterSeq, part.toMs, part.toSeq, part.keptOnly,
		int64(min(part.count, messages.MaxFramesPerRead)))
	err := r.pool.Read(ctx, func(c *database.Connection) (err error) {
		page.ClosedAt, page.ClosedReason, err = readStreamEnd(c, id, attempt)
		if err != nil {
			return err
		}
		return each(c, readFramesSQL, key, func(stmt *sqlite3.Stmt) (bool, error) {
			page.Frames = append(page.Frames, messages.StreamFrame{
				ID:     strconv.FormatInt(stmt.ColumnInt64(0), 10) + "-" + strconv.FormatInt(stmt.ColumnInt64(1), 10),
				Fields: frameFields(stmt.ColumnRawText(2)),
			})
			return true, nil
		})
	})
	if err != nil {
		return messages.StreamFrames{}, err
	}
	return page, nil
}

// frameFields reads every member as a string, a value that is none as its JSON. What cannot be read has no fields.
func frameFields(stored []byte) map[string]string {
	fields := map[string]string{}
	var members document
	if json.Unmarshal(stored, &members) != nil {
		return fields
	}
	for name, value := range members {
		if text, ok := textOf(value); ok {
			fields[name] = text
		} else {
			fields[name] = string(value)
		}
	}
	return fields
}

// readSummarySQL is served by the primary key.
const readSummarySQL = `
SELECT document_json,
       version,
       last_updated_ms,
       first_applied_ms
  FROM ff_stream_summary
 WHERE partition_key = ?1
   AND execution_id = ?2
   AND attempt_index = ?3`

// readSummary returns the summary document of an attempt. There is one kind of patches, whatever the row calls it.
func (r *Reader) readSummary(ctx context.Context, args messages.ReadSummaryArgs) (*messages.SummaryDocument, error) {
	var summary *messages.SummaryDocument
	err := r.pool.Read(ctx, func(c *database.Connection) error {
		_, err := first(c, readSummarySQL, streamKey(args.ExecutionID, args.AttemptIndex), func(stmt *sqlite3.Stmt) error {
			document, err := messages.NormalizeSummary(stmt.ColumnText(0))
			summary = &messages.SummaryDocument{
				DocumentJSON:   document,
				Version:        uint64(max(stmt.ColumnInt64(1), 0)),
				PatchKind:      messages.JSONMergePatch,
				LastUpdatedMs:  messages.TimestampMs(stmt.ColumnInt64(2)),
				FirstAppliedMs: messages.TimestampMs(stmt.ColumnInt64(3)),
			}
			return err
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return summary, nil
}
