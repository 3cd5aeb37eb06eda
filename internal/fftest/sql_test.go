package fftest_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/internal/fftest"
)

type (
	name string
	uuid [4]byte
	blob []byte
)

func TestSQL(t *testing.T) {
	for source, dataSource := range map[string]string{
		"file":   "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "sql.db")),
		"memory": "file:/fftest/sql?vfs=mvcc",
	} {
		t.Run(source, func(t *testing.T) {
			a, b := fftest.OpenSQL(t, dataSource), fftest.OpenSQL(t, dataSource)
			a.Exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v ANY) STRICT; INSERT INTO t VALUES (0, 'zero')")
			for i, value := range []any{
				nil, 7, int64(-8), uint16(9), true, "text", name("named"), []byte{0xFF}, blob("blob"), uuid{'u', 'u', 'i', 'd'},
			} {
				a.Exec("INSERT INTO t VALUES (?1, ?2)", i+1, value)
			}

			require.Equal(t, [][]string{
				{"0", "zero", "text"},
				{"1", "NULL", "null"},
				{"2", "7", "integer"},
				{"3", "-8", "integer"},
				{"4", "9", "integer"},
				{"5", "1", "integer"},
				{"6", "text", "text"},
				{"7", "named", "text"},
				{"8", "\xFF", "blob"},
				{"9", "blob", "blob"},
				{"10", "uuid", "blob"},
			}, b.Rows("SELECT id, v, typeof(v) FROM t ORDER BY id"))
			require.Equal(t, "named", b.Text("SELECT v FROM t WHERE v = ?1", name("named")))
			require.Equal(t, int64(10), b.Int("SELECT id FROM t WHERE v = ?1", uuid{'u', 'u', 'i', 'd'}))
			require.Nil(t, b.Rows("SELECT id FROM t WHERE id > 100"))

			// A statement that b had left open would hold up this one, or keep b at an old snapshot.
			a.Exec("DELETE FROM t")
			require.Equal(t, int64(0), b.Int("SELECT count(*) FROM t"))
		})
	}
}

func TestSQL_Dump(t *testing.T) {
	sql := fftest.OpenSQL(t, "file:/fftest/dump?vfs=mvcc")
	sql.Exec(`
		CREATE TABLE ff_b (v INTEGER, w BLOB) STRICT; CREATE TABLE ff_a (x TEXT, y INTEGER AS (length(x))) STRICT;
		CREATE TABLE other (z ANY) STRICT; CREATE INDEX ff_i ON ff_a (x);
		INSERT INTO ff_b VALUES (2, x'FF'), (1, NULL); INSERT INTO ff_a VALUES ('it''s'); INSERT INTO other VALUES (1)`)
	require.Equal(t, []string{"ff_a 'it''s' 4", "ff_b 1 NULL", "ff_b 2 X'FF'"}, sql.Dump())
}
