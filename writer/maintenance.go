package writer

// Idempotency keys are forgotten when their window is over: 500 in one message.

const expiredKeysSQL = `
SELECT EXISTS (SELECT 1 FROM ff_exec_idempotency WHERE expires_at_ms <= ?1)
    OR EXISTS (SELECT 1 FROM ff_suspend_dedup WHERE expires_at_ms IS NOT NULL AND expires_at_ms <= ?1)`

const deleteExpiredKeysSQL = `
DELETE FROM ff_exec_idempotency
 WHERE (namespace, idempotency_key) IN (SELECT namespace, idempotency_key
                                          FROM ff_exec_idempotency
                                         WHERE expires_at_ms <= ?1
                                         LIMIT 500)`

const deleteExpiredSuspendsSQL = `
DELETE FROM ff_suspend_dedup
 WHERE rowid IN (SELECT rowid
                   FROM ff_suspend_dedup
                  WHERE expires_at_ms IS NOT NULL
                    AND expires_at_ms <= ?1
                  LIMIT 500)`

// hasExpiredKeys gives the job one row, which stands for all keys that are to be forgotten, as long as there are any.
func (w *Writer) hasExpiredKeys(t *tick, _ int) (rows []row, err error) {
	some := false
	s := w.prepare(expiredKeysSQL).int(1, int64(t.now))
	if _, err := s.one(func() { some = s.stmt.ColumnBool(0) }); err != nil || !some {
		return nil, err
	}
	return []row{{place: place{number: int64(t.portions)}}}, nil
}

// deleteExpiredKeys forgets the next keys and counts them.
func (w *Writer) deleteExpiredKeys(t *tick, _ int64) (action, error) {
	before := w.conn.TotalChanges()
	for _, sql := range []string{deleteExpiredKeysSQL, deleteExpiredSuspendsSQL} {
		if err := w.prepare(sql).int(1, int64(t.now)).exec(); err != nil {
			return nothing, err
		}
	}
	t.count("dedup_deleted", uint32(w.conn.TotalChanges()-before)) //nolint:gosec // At most 1,000.
	return nothing, nil
}
