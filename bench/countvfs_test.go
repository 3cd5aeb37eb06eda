package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"
)

func TestCountingVFS(t *testing.T) {
	require.NoError(t, prepareProcess())
	for _, pageSize := range []string{"2048", "4096"} {
		t.Run(pageSize, func(t *testing.T) { countsCommits(t, pageSize) })
	}
}

func countsCommits(t *testing.T, pageSize string) {
	t.Helper()
	closedWriters.forget()
	conn, err := sqlite3.Open("file:" + filepath.Join(t.TempDir(), "a.db") + "?vfs=" + countingVFS)
	require.NoError(t, err)
	exec := func(sql string) { require.NoError(t, conn.Exec(sql)) }
	exec("PRAGMA page_size = " + pageSize + "; PRAGMA journal_mode = wal; PRAGMA synchronous = full; CREATE TABLE t (x)")
	commits, syncs := storage.commits.Load(), storage.syncs.Load()

	exec("INSERT INTO t VALUES (1)")
	exec("BEGIN; INSERT INTO t VALUES (2); SAVEPOINT s; INSERT INTO t VALUES ('" + strings.Repeat("x", 50_000) + "'); RELEASE s; COMMIT")
	exec("BEGIN; INSERT INTO t VALUES (3); ROLLBACK")
	exec("BEGIN IMMEDIATE; COMMIT")
	exec("SELECT * FROM t")

	require.Equal(t, int64(2), storage.commits.Load()-commits)
	require.Equal(t, int64(2), storage.syncs.Load()-syncs)
	require.NoError(t, conn.Close())
	require.Equal(t, "2", closedWriters.info().Pragmas["synchronous"])
	require.Equal(t, "wal", closedWriters.info().Pragmas["journal_mode"])
}
