package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWriteReport(t *testing.T) {
	info := &Info{Driver: "d", SQLite: "3", Pool: "1", Pragmas: map[string]string{"synchronous": "2"}, Settings: "s"}
	result := func(engine string, rep int, rate float64, cost Cost) Result {
		return Result{
			Scenario: "s1b", Phase: "overlap", Side: engine, Engine: engine, Rep: rep, Jobs: 10, Done: 10, Rate: rate, Version: "this tree",
			Cost: cost, Info: info,
		}
	}
	ourCost := Cost{Operations: 3, Allocations: 30, CPUMicros: 20, Syncs: 0.3, Commits: 0.1}
	results := []Result{
		result("ffsqlite", 1, 100, ourCost),
		result("river", 1, 20, Cost{Operations: 3}),
		result("ffsqlite", 2, 300, ourCost),
		result("river", 2, 30, Cost{Operations: 3}),
		{Scenario: "s1b", Side: "dbos", Engine: "dbos", Rep: 1, Err: "boom"},
	}
	results[3].Capped, results[3].Done, results[3].Duplicates = true, 7, 3

	var text strings.Builder
	o := options{scenario: "s1b", sync: "FULL", callers: 64, reps: 2, cap: 10 * time.Second}
	require.NoError(t, writeReport(&text, o, results))

	rows := map[string][]string{}
	for line := range strings.Lines(text.String()) {
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|\n"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		if _, known := rows[cells[0]]; !known {
			rows[cells[0]] = cells
		}
	}
	require.Equal(t, []string{
		"ffsqlite", "200 (100–300)", "1", "30.0", "0.100", "10.0", "20.0 (20.0–20.0)", "0.00", "all",
	}, rows["ffsqlite"])
	require.Equal(t, []string{
		"river", "25.0 (20.0–30.0)", "8.00 (5.00–10.0)", "–", "–", "0.00", "0.00 (0.00–0.00)", "0.00",
		"capped at 7 of 10",
	}, rows["river"])
	require.Contains(t, text.String(), "failed: dbos, repetition 1: boom\n")
	require.Contains(t, text.String(), "3 jobs ran twice")
	require.Contains(t, text.String(), "| ffsqlite | this tree | d, 3 ")
}

func TestLatencyTable(t *testing.T) {
	result := func(engine string, micros ...float64) Result {
		return Result{
			Phase: "latency", Side: engine, Engine: engine, Call: micros, Start: micros, Completed: micros,
			Cost: Cost{Operations: 3, Syncs: 2},
		}
	}
	got := latencyTable([]Result{result("ffsqlite", 100, 200, 300), result("river", 4000, 2000, 1000)})
	require.Equal(t, []string{"ffsqlite", "200 µs", "1", "300 µs", "200 µs", "200 µs", "2.00", "3"}, got[1])
	require.Equal(t, []string{"river", "2.00 ms", "0.100", "4.00 ms", "2.00 ms", "2.00 ms", "2.00", "3"}, got[2])
}
