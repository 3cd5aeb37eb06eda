package writer

import (
	"errors"

	"github.com/flowfabric/ffsqlite/messages"
)

// dueGrantsSQL is served by ff_claim_grant_expiry_idx.
const dueGrantsSQL = `
SELECT expires_at_ms, rowid, rowid
  FROM ff_claim_grant
 WHERE expires_at_ms >= ?1
   AND (expires_at_ms > ?1 OR rowid > ?2)
 ORDER BY expires_at_ms, rowid
 LIMIT ?3`

// nextGrantExpirySQL is served by ff_claim_grant_expiry_idx.
const nextGrantExpirySQL = `
SELECT expires_at_ms
  FROM ff_claim_grant
 WHERE expires_at_ms > ?1
 ORDER BY expires_at_ms
 LIMIT 1`

const grantExecutionSQL = `
SELECT execution_id
  FROM ff_claim_grant
 WHERE rowid = ?1
   AND expires_at_ms <= ?2`

const deleteGrantSQL = `DELETE FROM ff_claim_grant WHERE rowid = ?1`

// reapGrant deletes a grant that has run out. It may have been all that kept a waiting worker from the execution.
func (w *Writer) reapGrant(t *tick, grant int64) (action, error) {
	var execution [16]byte
	s := w.prepare(grantExecutionSQL).int(1, grant).int(2, int64(t.now))
	found, err := s.one(func() { execution = s.columnUUID(0) })
	if !found || err != nil {
		return nothing, err
	}
	if err := w.prepare(deleteGrantSQL).int(1, grant).exec(); err != nil {
		return nothing, err
	}
	if w.WaitingClaims() == 0 {
		return changed, nil
	}
	x, err := w.findExecution(execution)
	switch {
	case errors.Is(err, messages.ErrCorruption): // Nobody can claim it.
		return changed, nil
	case x != nil && (x.ready() || x.lost()):
		w.becomesClaimable(x)
	}
	return changed, err
}
