package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// summary is the summary document of an attempt with one more patch.
type summary struct {
	document []byte
	version  uint64
}

const loadStreamSummarySQL = `
SELECT document_json, version
  FROM ff_stream_summary
 WHERE partition_key = ?1
   AND execution_id = ?2
   AND attempt_index = ?3`

// foldSummary applies a patch to the stored document, without storing it.
func (w *Writer) foldSummary(o *stream, patch []byte) (*summary, error) {
	var stored string
	var version int64
	s := w.prepare(loadStreamSummarySQL).ofStream(o)
	found, err := s.one(func() { stored, version = s.stmt.ColumnText(0), s.stmt.ColumnInt64(1) })
	if err != nil {
		return nil, err
	}
	if !found {
		stored = "{}"
	}
	document, err := messages.MergePatch(stored, patch)
	if err != nil {
		return nil, err
	}
	return &summary{document: document, version: uint64(max(version, 0)) + 1}, nil
}

const storeStreamSummarySQL = `
INSERT INTO ff_stream_summary (partition_key, execution_id, attempt_index, document_json, version, patch_kind,
                               last_updated_ms, first_applied_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
    ON CONFLICT DO UPDATE SET document_json = excluded.document_json,
                              version = excluded.version,
                              patch_kind = excluded.patch_kind,
                              last_updated_ms = excluded.last_updated_ms`

func (w *Writer) storeSummary(o *stream, f *frame) error {
	return w.prepare(storeStreamSummarySQL).
		ofStream(o).
		rawText(4, f.summary.document).
		int(5, int64(f.summary.version)). //nolint:gosec // It counts patches.
		text(6, string(messages.JSONMergePatch)).
		int(7, f.ms).
		exec()
}
