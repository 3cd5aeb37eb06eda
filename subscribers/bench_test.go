package subscribers_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/flowfabric/ffsqlite/messages"
)

// BenchmarkPublish publishes batches to subscribers whose loops run, until all of them have everything. One operation
// is one event. The events are those of 1,000 instance tags in turn.
func BenchmarkPublish(b *testing.B) {
	for _, batch := range []int{1, 16, 64, 512} {
		b.Run(fmt.Sprintf("none/batch=%d", batch), func(b *testing.B) {
			benchmarkPublish(b, batch, 0, func(int) messages.ScannerFilter { return everything })
		})
		b.Run(fmt.Sprintf("unfiltered=100/batch=%d", batch), func(b *testing.B) {
			benchmarkPublish(b, batch, 100, func(int) messages.ScannerFilter { return everything })
		})
		b.Run(fmt.Sprintf("filtered=1000/batch=%d", batch), func(b *testing.B) {
			benchmarkPublish(b, batch, 1000, func(i int) messages.ScannerFilter {
				return tagged(messages.InstanceTagKey, fmt.Sprint("i-", i))
			})
		})
	}
}

func benchmarkPublish(b *testing.B, size, many int, filter func(int) messages.ScannerFilter) {
	b.Helper()
	e := newEngine(b, 0)
	batches := newBatches(b.N, size)
	last := batches[len(batches)-1]
	highest := last[len(last)-1].EventID

	var all sync.WaitGroup
	for i := range many {
		s := e.subscribe(b, tail, filter(i))
		all.Go(func() {
			if everyone := s.Cursor(); len(everyone) == 0 {
				return
			}
			for got, err := range s.Events() {
				if err != nil || got.EventID > highest-1000 && (many == 1000 || got.EventID == highest) {
					break
				}
			}
		})
	}

	b.ReportAllocs()
	b.ResetTimer()
	for _, batch := range batches {
		e.hub.Publish(batch, batch[len(batch)-1].EventID)
	}
	if highest >= 1000 {
		all.Wait()
	}
	b.StopTimer()
	e.hub.Close(nil)
	all.Wait()
}

// newBatches makes batches with at least n events altogether, which nothing but the fan-out will hear of.
func newBatches(n, size int) [][]event {
	tags := make([]string, 1000)
	for i := range tags {
		tags[i] = fmt.Sprint("i-", i)
	}
	var batches [][]event
	for id := 1; id <= n; {
		batch := make([]event, size)
		for i := range batch {
			batch[i] = event{EventID: messages.EventID(id), InstanceTag: &tags[id%len(tags)]}
			id++
		}
		batches = append(batches, batch)
	}
	return batches
}
