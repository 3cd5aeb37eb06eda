package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
)

// brief is one line about one result, for whoever waits.
func (r Result) brief() string {
	head := fmt.Sprintf("rep %d  %-24s %-10s other=%.2f", r.Rep, r.Side, r.Phase, r.Other)
	if r.Err != "" {
		return head + "  " + r.Err
	}
	if len(r.Completed) > 0 {
		return fmt.Sprintf("%s  %d samples, call begun to completion p50 %s",
			head, len(r.Completed), span(percentile(r.Completed, 50)))
	}
	return fmt.Sprintf("%s  %d/%d in %.2f s, %.0f/s, duplicates=%d errors=%d %s",
		head, r.Done, r.Jobs, r.Seconds, r.Rate, r.Duplicates, r.Errors, r.LastError)
}

// writeReport prints one table for each phase, the pragmas, and what went wrong.
func writeReport(w io.Writer, o options, results []Result) error {
	var text strings.Builder
	workers := fmt.Sprintf("%d callers", o.callers)
	if o.scenario == "s2" {
		workers = "1 worker"
	}
	fmt.Fprintf(&text, "%s, synchronous=%s, %s, %d repetitions, phases capped at %s; %d cores, %s %s/%s\n",
		o.scenario, o.sync, workers, o.reps, o.cap, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	good := slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.Err != "" })
	for _, phase := range inOrder(good, func(r Result) string { return r.Phase }) {
		rows := slices.DeleteFunc(slices.Clone(good), func(r Result) bool { return r.Phase != phase })
		fmt.Fprintf(&text, "\n%s\n\n", phase)
		switch phase {
		case "latency", phaseWithout, phaseDuring:
			latencyTable(rows).write(&text)
		case "tail":
			tailTable(rows).write(&text)
		default:
			rateTable(rows).write(&text)
		}
	}
	if chosen, err := findScenario(o.scenario); err == nil && chosen.note != nil {
		chosen.note(&text, good)
	}
	text.WriteString("\nPragmas, as the engines' own writing connections answered\n\n")
	pragmaTable(good).write(&text)
	writeTroubles(&text, results)
	_, err := io.WriteString(w, text.String())
	return err
}

// rateTable compares the rates of one phase.
func rateTable(results []Result) table {
	rate := func(r Result) float64 { return r.Rate }
	sides := inOrder(results, func(r Result) string { return r.Side })
	t := table{{
		"", "jobs/s", sides[0] + " / this", "operations/commit", "fsyncs/operation", "allocations/operation",
		"CPU µs/job", "disk bytes/job", "done",
	}}
	for _, side := range sides {
		rows := ofSide(results, side)
		t = append(t, []string{
			side, spread(each(rows, rate), number), ratio(results, sides[0], side, rate),
			operationsPerCommit(rows), optional(each(rows, func(r Result) float64 {
				return r.Cost.Syncs / float64(r.Cost.Operations)
			})),
			number(median(each(rows, func(r Result) float64 { return r.Cost.Allocations / float64(r.Cost.Operations) }))),
			spread(each(rows, func(r Result) float64 { return r.Cost.CPUMicros }), number),
			number(median(each(rows, func(r Result) float64 { return r.Cost.DiskBytes }))), completeness(rows),
		})
	}
	return t
}

// latencyTable compares medians of samples.
func latencyTable(results []Result) table {
	half := func(r Result) float64 { return percentile(r.Completed, 50) }
	sides := inOrder(results, func(r Result) string { return r.Side })
	t := table{{
		"", "call begun to completion, p50", sides[0] + " / this", "its p99", "call, p50", "return to body, p50",
		"fsyncs/job", "samples",
	}}
	for _, side := range sides {
		rows := ofSide(results, side)
		var call, start, completed []float64
		for _, r := range rows {
			call, start = append(call, r.Call...), append(start, r.Start...)
			completed = append(completed, r.Completed...)
		}
		t = append(t, []string{
			side, spread(each(rows, half), span), ratio(results, sides[0], side, half), span(percentile(completed, 99)),
			span(percentile(call, 50)), span(percentile(start, 50)),
			optional(each(rows, func(r Result) float64 { return r.Cost.Syncs })), fmt.Sprint(len(completed)),
		})
	}
	return t
}

// tailTable compares the time from an append's return to the tail's return with one commit of the floor.
func tailTable(results []Result) table {
	half := func(r Result) float64 { return percentile(r.Completed, 50) }
	sides := inOrder(results, func(r Result) string { return r.Side })
	t := table{{
		"", "append returned to tail returned (floor: one commit), p50", sides[0] + " / this", "its p99", "append, p50",
		"fsyncs/append", "samples",
	}}
	for _, side := range sides {
		rows := ofSide(results, side)
		var call, completed []float64
		for _, r := range rows {
			call, completed = append(call, r.Call...), append(completed, r.Completed...)
		}
		t = append(t, []string{
			side, spread(each(rows, half), span), ratio(results, sides[0], side, half), span(percentile(completed, 99)),
			span(percentile(call, 50)), optional(each(rows, func(r Result) float64 { return r.Cost.Syncs })),
			fmt.Sprint(len(completed)),
		})
	}
	return t
}

// pragmaTable has one row for each engine; where sides or repetitions differ, the answers are joined.
func pragmaTable(results []Result) table {
	t := table{append([]string{"engine", "version", "driver, SQLite", "pool"}, append(slices.Clone(reportedPragmas), "settings")...)}
	for _, engine := range inOrder(results, func(r Result) string { return r.Engine }) {
		var last Result
		answers := map[string]string{}
		for _, r := range results {
			if r.Engine != engine || r.Info == nil {
				continue
			}
			last = r
			for name, value := range maps.All(r.Info.Pragmas) {
				answers[name] = joinAnswer(answers, name, value)
			}
		}
		if last.Info == nil {
			continue
		}
		row := []string{engine, last.Version, last.Info.Driver + ", " + last.Info.SQLite, last.Info.Pool}
		for _, name := range reportedPragmas {
			row = append(row, answers[name])
		}
		t = append(t, append(row, last.Info.Settings))
	}
	return t
}

func writeTroubles(text *strings.Builder, results []Result) {
	var duplicates, failures int64
	var disturbed float64
	text.WriteByte('\n')
	for _, r := range results {
		duplicates += r.Duplicates
		failures += r.Errors
		disturbed = max(disturbed, r.Other)
		if r.Err != "" {
			fmt.Fprintf(text, "failed: %s, repetition %d: %s\n", r.Side, r.Rep, r.Err)
		}
	}
	fmt.Fprintf(text, "%d jobs ran twice, %d errors; the rest of the machine used at most %.2f cores during a cell.\n",
		duplicates, failures, disturbed)
}

// ratio divides the first side's median by another's; in brackets the least and most of the ratios by repetition.
func ratio(results []Result, first, other string, value func(Result) float64) string {
	if first == other {
		return "1"
	}
	byRep := map[int]float64{}
	for _, r := range ofSide(results, first) {
		byRep[r.Rep] = value(r)
	}
	var ratios []float64
	for _, r := range ofSide(results, other) {
		if mine, ok := byRep[r.Rep]; ok {
			ratios = append(ratios, mine/value(r))
		}
	}
	whole := number(median(each(ofSide(results, first), value)) / median(each(ofSide(results, other), value)))
	if len(ratios) < 2 {
		return whole
	}
	return fmt.Sprintf("%s (%s–%s)", whole, number(slices.Min(ratios)), number(slices.Max(ratios)))
}

// completeness tells of the repetition that did the least, if the cap ended any.
func completeness(rows []Result) string {
	least := slices.MinFunc(rows, func(a, b Result) int { return cmp.Compare(a.Done, b.Done) })
	if !least.Capped {
		return "all"
	}
	return fmt.Sprintf("capped at %d of %d", least.Done, least.Jobs)
}

func operationsPerCommit(rows []Result) string {
	return optional(each(rows, func(r Result) float64 {
		if r.Cost.Commits == 0 {
			return 0
		}
		return float64(r.Cost.Operations) / r.Cost.Commits
	}))
}

// optional is the median of something that only some engines are counted for.
func optional(values []float64) string {
	if median(values) == 0 {
		return "–"
	}
	return number(median(values))
}

func ofSide(results []Result, side string) []Result {
	return slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.Side != side })
}

func each(results []Result, value func(Result) float64) []float64 {
	values := make([]float64, len(results))
	for i, r := range results {
		values[i] = value(r)
	}
	return values
}

// inOrder is the distinct names in the order in which they first appear.
func inOrder(results []Result, name func(Result) string) []string {
	var names []string
	for _, r := range results {
		if !slices.Contains(names, name(r)) {
			names = append(names, name(r))
		}
	}
	return names
}
