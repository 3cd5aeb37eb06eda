package writer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// BenchmarkJob is the writer's own time for one job: create, claim and complete, 32 jobs to a commit.
func BenchmarkJob(b *testing.B) {
	m := newMachine(b)
	const jobs = 32
	handles := make([]messages.Handle, 0, jobs)
	apply := func(message messages.Mutation) messages.Reply {
		answer := m.Apply(m.now, message)
		require.NoError(b, answer.Err)
		return answer.Reply
	}
	b.ReportAllocs()
	for b.Loop() {
		m.now++
		handles = handles[:0]
		require.NoError(b, m.Begin())
		for range jobs {
			job := create(0)
			job.ExecutionID = messages.NewSoloExecutionID("default", messages.PartitionConfig{})
			apply(job)
		}
		for range jobs {
			result, ok := apply(claimNext()).(messages.ClaimNextResult)
			require.True(b, ok)
			handles = append(handles, result.Task.Handle)
		}
		for _, handle := range handles {
			apply(messages.CompleteArgs{Handle: handle})
		}
		_, err := m.Commit()
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*jobs), "µs/job")
}
