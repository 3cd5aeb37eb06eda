package main

import (
	"runtime"
	"time"
)

// meter measures what this process uses between two moments.
type meter struct {
	memory    runtime.MemStats
	cpu       time.Duration
	diskBytes int64
	syncs     int64
	commits   int64
}

func startMeter() *meter {
	runtime.GC()
	return readMeter()
}

func readMeter() *meter {
	m := &meter{cpu: processorTime(), diskBytes: diskBytes()}
	m.syncs, m.commits = storage.syncs.Load(), storage.commits.Load()
	runtime.ReadMemStats(&m.memory)
	return m
}

// stop spreads the use since the start over the jobs, each of which is that many operations of the engine.
func (m *meter) stop(jobs int64, operations int) Cost {
	end := readMeter()
	n := float64(max(jobs, 1))
	return Cost{
		Operations:  operations,
		Allocations: float64(end.memory.Mallocs-m.memory.Mallocs) / n,
		GoBytes:     float64(end.memory.TotalAlloc-m.memory.TotalAlloc) / n,
		CPUMicros:   float64((end.cpu - m.cpu).Microseconds()) / n,
		DiskBytes:   float64(end.diskBytes-m.diskBytes) / n,
		Syncs:       float64(end.syncs-m.syncs) / n,
		Commits:     float64(end.commits-m.commits) / n,
	}
}
