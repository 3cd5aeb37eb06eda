package writer

import (
	_ "embed"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/messages"
)

type testSource struct{}

func (testSource) UUID() [16]byte    { return uuid.New() }
func (testSource) Fraction() float64 { return 0.5 }

func openBench(b *testing.B) *Writer { return openTB(b) }
func openTB(b testing.TB) *Writer {
	b.Helper()
	conn, err := sqlite3.Open("file:" + filepath.Join(b.TempDir(), "x.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	if err := conn.Exec("PRAGMA journal_mode=wal; PRAGMA synchronous=normal; PRAGMA temp_store=memory; PRAGMA cache_size=-32768; PRAGMA wal_autocheckpoint=4000"); err != nil {
		b.Fatal(err)
	}
	sql, err := os.ReadFile("schema/0001_baseline.sql")
	if err != nil {
		b.Fatal(err)
	}
	if err := conn.Exec(string(sql)); err != nil {
		b.Fatal(err)
	}
	w, err := New(conn, testSource{}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		b.Fatal(err)
	}
	return w
}

// BenchmarkJob is the writer's own time for one job: create, claim, complete, 32 jobs to a commit.
func BenchmarkJob(b *testing.B) {
	w := openBench(b)
	const jobs = 32
	now := messages.TimestampMs(1_700_000_000_000)
	b.ReportAllocs()
	cpu := cpuTime()
	defer func() { b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/1000/float64(b.N*jobs), "cpuµs/job") }()
	for b.Loop() {
		now++
		apply := func(m messages.Mutation) messages.Reply {
			answer := w.Apply(now, m)
			if answer.Err != nil {
				b.Fatal(answer.Err)
			}
			return answer.Reply
		}
		if err := w.Begin(); err != nil {
			b.Fatal(err)
		}
		for range jobs {
			apply(messages.CreateExecutionArgs{
				ExecutionID: messages.NewSoloExecutionID("default", messages.PartitionConfig{}), Namespace: "default", LaneID: "default", ExecutionKind: "op", InputPayload: []byte("12345678"),
			})
		}
		handles := make([]messages.Handle, 0, jobs)
		for range jobs {
			r := apply(messages.ClaimNextArgs{Lanes: []messages.LaneID{"default"}, WorkerID: "w", WorkerInstanceID: "w-1", LeaseTTL: 30 * time.Second}).(messages.ClaimNextResult)
			handles = append(handles, r.Task.Handle)
		}
		for _, h := range handles {
			apply(messages.CompleteArgs{Handle: h})
		}
		if _, err := w.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*jobs), "µs/job")
}

func cpuTime() time.Duration {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
