package database_test

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

const endlessSQL = `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT sum(n) FROM c`

// oneReader has a single connection that reads, so that each read meets what the one before left.
func oneReader(t *testing.T, text string) *database.Database {
	t.Helper()
	s := settings()
	s.PoolSize = 1
	db := open(t, text, s)
	require.NoError(t, db.Writer().Exec(`INSERT INTO f1 VALUES (1), (2), (3)`))
	return db
}

// step leaves the statement in the middle.
func step(c *database.Connection, sql string) error {
	stmt, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	stmt.Step()
	return stmt.Err()
}

func TestPool_ReadSeesOneSnapshot(t *testing.T) {
	for _, text := range []string{":memory:", filepath.Join(t.TempDir(), "x.db")} {
		db := oneReader(t, text)
		require.NoError(t, db.Readers().Read(t.Context(), func(c *database.Connection) error {
			if err := db.Writer().Exec(`INSERT INTO f1 VALUES (4)`); err != nil {
				return err
			}
			for range 2 {
				stmt, err := c.Prepare(`SELECT count(*) FROM f1`)
				require.NoError(t, err)
				require.True(t, stmt.Step())
				require.Equal(t, 3, stmt.ColumnInt(0))
				require.NoError(t, stmt.Reset())
			}
			return nil
		}))
		require.Equal(t, "4", read(t, db, `SELECT count(*) FROM f1`))
	}
}

func TestPool_ReadEndsItsTransactionWhateverHappens(t *testing.T) {
	db := oneReader(t, filepath.Join(t.TempDir(), "x.db"))
	broken := errors.New("broken")
	n := 3
	requireFresh := func() {
		n++
		require.NoError(t, db.Writer().Exec(`INSERT INTO f1 VALUES (9)`))
		require.Equal(t, strconv.Itoa(n), read(t, db, `SELECT count(*) FROM f1`))
	}

	require.NoError(t, db.Readers().Read(t.Context(), func(c *database.Connection) error { return step(c, `SELECT n FROM f1`) }))
	requireFresh()
	err := db.Readers().Read(t.Context(), func(c *database.Connection) error {
		return errors.Join(step(c, `SELECT n FROM f1`), broken)
	})
	require.ErrorIs(t, err, broken)
	requireFresh()
	require.PanicsWithValue(t, "read", func() {
		_ = db.Readers().Read(t.Context(), func(c *database.Connection) error {
			require.NoError(t, step(c, `SELECT n FROM f1`))
			panic("read")
		})
	})
	requireFresh()
	err = db.Readers().Read(t.Context(), func(c *database.Connection) error { return step(c, `DELETE FROM f1`) })
	require.ErrorIs(t, err, messages.ErrTransport)
	require.ErrorIs(t, err, sqlite3.READONLY)
	requireFresh()
	err = db.Readers().Read(t.Context(), func(c *database.Connection) error { return step(c, `SELECT`) })
	require.ErrorIs(t, err, messages.ErrTransport)
	err = db.Readers().Read(t.Context(), func(c *database.Connection) error { return step(c, `-- nothing`) })
	require.ErrorIs(t, err, messages.ErrBug)
	requireFresh()
}

func TestPool_PrepareCompilesOnce(t *testing.T) {
	db := oneReader(t, ":memory:")
	const sql = `SELECT ?1`
	var first *sqlite3.Stmt
	require.NoError(t, db.Readers().Read(t.Context(), func(c *database.Connection) (err error) {
		first, err = c.Prepare(sql)
		require.NoError(t, err)
		return first.BindText(1, "bound")
	}))
	require.NoError(t, db.Readers().Read(t.Context(), func(c *database.Connection) error {
		second, err := c.Prepare(sql)
		require.NoError(t, err)
		require.Same(t, first, second)
		require.True(t, second.Step())
		require.Equal(t, sqlite3.NULL, second.ColumnType(0))
		return nil
	}))
}

func TestPool_CancelInterruptsTheStatement(t *testing.T) {
	db := oneReader(t, ":memory:")
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	ended := make(chan error)
	go func() {
		ended <- db.Readers().Read(ctx, func(c *database.Connection) error {
			close(started)
			return step(c, endlessSQL)
		})
	}()
	<-started
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Equal(t, "3", read(t, db, `SELECT count(*) FROM f1`))
	require.ErrorIs(t, db.Readers().Read(ctx, nil), context.Canceled)
}

// whileTaken runs f while the only connection that reads is taken.
func whileTaken(t *testing.T, f func(db *database.Database)) {
	t.Helper()
	db := oneReader(t, ":memory:")
	taken, leave := make(chan struct{}), make(chan struct{})
	ended := make(chan error)
	go func() {
		ended <- db.Readers().Read(t.Context(), func(*database.Connection) error {
			close(taken)
			<-leave
			return nil
		})
	}()
	<-taken
	f(db)
	close(leave)
	require.NoError(t, <-ended)
}

func TestPool_AcquireTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		whileTaken(t, func(db *database.Database) {
			err := db.Readers().Read(t.Context(), nil)
			require.ErrorIs(t, err, messages.ErrTimeout)
			require.EqualError(t, err, "timeout: op=acquire_reader elapsed=30s")
		})
	})
}

func TestPool_AcquireHonoursTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		whileTaken(t, func(db *database.Database) {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- db.Readers().Read(ctx, nil) }()
			synctest.Wait()
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
		})
	})
}

func TestClose_InterruptsReads(t *testing.T) {
	db, err := database.Open(t.Context(), parse(t, ":memory:"), settings(), migrate)
	require.NoError(t, err)
	started := make(chan struct{})
	ended := make(chan error)
	go func() {
		ended <- db.Readers().Read(t.Context(), func(c *database.Connection) error {
			close(started)
			return step(c, endlessSQL)
		})
	}()
	<-started
	require.NoError(t, db.Close())
	require.ErrorIs(t, <-ended, messages.ErrUnavailable)
}

func TestClose_LeavesAReadThatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := database.Open(t.Context(), parse(t, ":memory:"), settings(), migrate)
		require.NoError(t, err)
		started, leave := make(chan struct{}), make(chan struct{})
		ended := make(chan error)
		go func() {
			ended <- db.Readers().Read(t.Context(), func(*database.Connection) error {
				close(started)
				<-leave
				return nil
			})
		}()
		<-started
		require.ErrorContains(t, db.Close(), "1 of 3 still read")
		close(leave)
		require.NoError(t, <-ended)
	})
}

func TestPool_Concurrent(t *testing.T) {
	for _, text := range []string{":memory:", filepath.Join(t.TempDir(), "x.db")} {
		db := open(t, text, settings())
		var group sync.WaitGroup
		for i := range 8 {
			group.Go(func() {
				for j := range 50 {
					ctx, cancel := context.WithCancel(t.Context())
					err := db.Readers().Read(ctx, func(c *database.Connection) (err error) {
						defer func() {
							if recover() != nil {
								err = errors.New("recovered")
							}
						}()
						switch (i + j) % 4 {
						case 0:
							cancel()
							return step(c, endlessSQL)
						case 1:
							panic("read")
						}
						return step(c, `SELECT count(*), sum(n) FROM f1`)
					})
					cancel()
					if want := (i+j)%4 > 1; want != (err == nil) {
						t.Errorf("read %d of %d: %v", j, i, err)
					}
				}
			})
		}
		for range 50 {
			require.NoError(t, database.Retry(func() error { return db.Writer().Exec(`INSERT INTO f1 VALUES (1)`) }))
		}
		group.Wait()
	}
}
