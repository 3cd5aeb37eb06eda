package subscribers_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/flowfabric/ffsqlite/messages"
)

// Benchmarks publish windows of events, of benchTags instance tags in turn, and let everybody catch up after each.
const (
	benchTags   = 1024
	benchWindow = 2 * benchTags
)

// BenchmarkPublish publishes batches to subscribers whose loops run, until all of them have everything. One operation
// is one event, with its deliveries to everybody.
func BenchmarkPublish(b *testing.B) {
	for _, size := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("nobody/batch=%d", size), func(b *testing.B) {
			benchmarkPublish(b, size, nil, nil)
		})
		b.Run(fmt.Sprintf("unfiltered=100/batch=%d", size), func(b *testing.B) {
			benchmarkPublish(b, size, make([]messages.ScannerFilter, 100), func(id messages.EventID) bool {
				return id%benchWindow == 0
			})
		})
		b.Run(fmt.Sprintf("filtered=1024/batch=%d", size), func(b *testing.B) {
			filters := make([]messages.ScannerFilter, benchTags)
			for i := range filters {
				filters[i] = tagged(messages.InstanceTagKey, benchTag(i))
			}
			benchmarkPublish(b, size, filters, func(id messages.EventID) bool {
				return (id-1)%benchWindow >= benchWindow-benchTags
			})
		})
	}
}

// benchmarkPublish publishes b.N events in batches to one subscriber for each filter. closes tells whether an event is
// the last one of its window for a subscriber that gets it.
func benchmarkPublish(
	b *testing.B, size int, filters []messages.ScannerFilter, closes func(messages.EventID) bool,
) {
	b.Helper()
	e := newEngine(b, 0)
	var window, loops sync.WaitGroup
	for _, filter := range filters {
		s := e.subscribe(b, tail, filter)
		loops.Go(func() {
			for got, err := range s.Events() {
				if err == nil && closes(got.EventID) {
					window.Done()
				}
			}
		})
	}

	batches := benchBatches(b.N, size)
	b.ReportAllocs()
	b.ResetTimer()
	for len(batches) > 0 {
		window.Add(len(filters))
		for _, batch := range batches[:benchWindow/size] {
			e.hub.Publish(batch, batch[size-1].EventID)
		}
		window.Wait()
		batches = batches[benchWindow/size:]
	}
	b.StopTimer()

	if pages := e.pages.Load(); pages > 0 {
		b.Errorf("%d pages were read", pages)
	}
	e.hub.Close(nil)
	loops.Wait()
}

// benchBatches makes whole windows with at least n events altogether.
func benchBatches(n, size int) [][]event {
	tags := make([]string, benchTags)
	for i := range tags {
		tags[i] = benchTag(i)
	}
	var batches [][]event
	for id := 0; id < n || id%benchWindow > 0; {
		batch := make([]event, size)
		for i := range batch {
			batch[i].InstanceTag = &tags[id%benchTags]
			id++
			batch[i].EventID = messages.EventID(id)
		}
		batches = append(batches, batch)
	}
	return batches
}

func benchTag(i int) string {
	return fmt.Sprint("i-", i)
}
