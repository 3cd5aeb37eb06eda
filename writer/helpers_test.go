package writer_test

import (
	"encoding/binary"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/writer"
	"github.com/flowfabric/ffsqlite/writer/schema"
)

const start = messages.TimestampMs(1_700_000_000_000)

// drawn begins every id that a counter gives, and no other id of the tests.
const drawn = 0xd0

// counter gives ids in ascending order, so that runs can be compared row by row.
type counter struct {
	n      uint64
	broken bool // it panics
}

func (c *counter) UUID() (id [16]byte) {
	if c.broken {
		panic("no more ids")
	}
	c.n++
	binary.BigEndian.PutUint64(id[8:], c.n)
	id[0], id[6], id[8] = drawn, 0x40, 0x80
	return id
}

func (*counter) Fraction() float64 { return 0.5 }

// machine is a writer on a database of its own, driven directly.
type machine struct {
	*writer.Writer

	t      testing.TB
	source string
	conn   *sqlite3.Conn
	ids    *counter
	files  *fftest.FaultyVFS // nil: those of the operating system
	now    messages.TimestampMs
}

func newMachine(t testing.TB) *machine {
	t.Helper()
	return newMachineAt(t, "file:"+filepath.ToSlash(filepath.Join(t.TempDir(), "machine.db")))
}

func newMachineAt(t testing.TB, source string) *machine {
	t.Helper()
	conn, err := sqlite3.Open(source)
	require.NoError(t, err)
	require.NoError(t, conn.Exec("PRAGMA journal_mode = wal; PRAGMA synchronous = normal; PRAGMA temp_store = memory; PRAGMA cache_size = -32768"))
	require.NoError(t, schema.Apply(conn, "machine.db", "test", int64(start)))
	m := &machine{t: t, source: source, conn: conn, ids: &counter{}, now: start}
	m.restart()
	t.Cleanup(func() {
		require.NoError(t, m.Close())
		require.NoError(t, conn.Close())
	})
	return m
}

// restart makes a writer that knows only what the rows say, as after a crash.
func (m *machine) restart() {
	m.t.Helper()
	if m.Writer != nil {
		require.NoError(m.t, m.Close())
	}
	m.Writer = m.stored()
}

// stored is what a writer would be that began now, and knew only what the rows say.
func (m *machine) stored() *writer.Writer {
	m.t.Helper()
	w, err := writer.New(m.conn, m.ids, slog.New(slog.DiscardHandler))
	require.NoError(m.t, err)
	_, err = w.StartScanners(messages.DefaultScannerConfig(), m.now)
	require.NoError(m.t, err)
	return w
}

// apply commits one message in a batch of its own, with its cascade.
func (m *machine) apply(message messages.Mutation) (messages.Reply, error) {
	m.t.Helper()
	require.NoError(m.t, m.Begin())
	answer := m.Apply(m.now, message)
	for m.HasHops() && m.Lost() == nil {
		m.Hop(m.now)
	}
	_, err := m.Commit()
	require.NoError(m.t, err)
	return answer.Reply, answer.Err
}

func (m *machine) must(message messages.Mutation) messages.Reply {
	m.t.Helper()
	reply, err := m.apply(message)
	require.NoError(m.t, err)
	return reply
}

// query returns the first column of every row.
func (m *machine) query(sql string) (values []string) {
	m.t.Helper()
	s, _, err := m.conn.Prepare(sql)
	require.NoError(m.t, err)
	for s.Step() {
		values = append(values, s.ColumnText(0))
	}
	require.NoError(m.t, s.Err())
	require.NoError(m.t, s.Close())
	return values
}

func create(n byte) messages.CreateExecutionArgs {
	return messages.CreateExecutionArgs{
		ExecutionID: messages.NewExecutionID(0, [16]byte{6: 0x40, 8: 0x80, 15: n}),
		Namespace:   "default", LaneID: "default", ExecutionKind: "op", InputPayload: []byte{n},
	}
}

func claimNext() messages.ClaimNextArgs {
	return messages.ClaimNextArgs{
		Lanes: []messages.LaneID{"default"}, WorkerID: "w", WorkerInstanceID: "w-1", LeaseTTL: 30 * time.Second,
	}
}

func (m *machine) claimed() messages.Handle {
	m.t.Helper()
	result, ok := m.must(claimNext()).(messages.ClaimNextResult)
	require.True(m.t, ok)
	require.NotNil(m.t, result.Task, "nothing to claim")
	return result.Task.Handle
}
