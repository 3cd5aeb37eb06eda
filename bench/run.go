package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	maxTries    = 4 // Runs of one cell in search of one that nothing disturbed.
	cellTimeout = 4 * time.Minute
)

// compare runs every side of the scenario, repetition by repetition, and returns all results in the order of the runs.
func compare(ctx context.Context, o options) ([]Result, error) {
	chosen, err := findScenario(o.scenario)
	if err != nil {
		return nil, err
	}
	sides, err := chosen.sides(o)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.dir, "bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := plantSeeds(ctx, dir, sides); err != nil {
		return nil, err
	}
	lines, closeLines, err := openLines(o.json)
	if err != nil {
		return nil, err
	}
	defer closeLines()

	var all []Result
	for rep := 1; rep <= o.reps; rep++ {
		for i, side := range sides {
			spec := cellSpec{
				Scenario: o.scenario, Side: side, Synchronous: o.sync, Callers: o.callers, Rep: rep,
				Jobs: o.jobsOr(chosen.jobs), Samples: o.samples, Cap: o.cap, Dir: dir,
			}
			if i == 0 && rep == o.reps {
				spec.Profile = o.profile
			}
			results, err := runUndisturbed(ctx, spec, o.quiet)
			if err != nil {
				return nil, err
			}
			for _, r := range results {
				fmt.Fprintln(os.Stderr, r.brief())
				if err := lines.Encode(r); err != nil {
					return nil, err
				}
			}
			all = append(all, results...)
		}
	}
	return all, nil
}

// openLines opens the file for the results; without a path they go nowhere.
func openLines(path string) (*json.Encoder, func() error, error) {
	if path == "" {
		return json.NewEncoder(io.Discard), func() error { return nil }, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, nil, err
	}
	return json.NewEncoder(file), file.Close, nil
}

// runUndisturbed runs one cell until the rest of the machine left it alone, and at last keeps the least disturbed run.
// The choice never looks at the results.
func runUndisturbed(ctx context.Context, spec cellSpec, quiet time.Duration) ([]Result, error) {
	var best []Result
	for try := 1; try <= maxTries; try++ {
		flushDisks()
		waitQuiet(quiet)
		results, other, err := runProcess(ctx, spec)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			results = []Result{{
				Scenario: spec.Scenario, Side: spec.Side.Name, Engine: spec.Side.Engine, Synchronous: spec.Synchronous,
				Callers: spec.Callers, Rep: spec.Rep, Err: err.Error(),
			}}
		}
		for i := range results {
			results[i].Other, results[i].Tries = other, try
		}
		if best == nil || other < best[0].Other {
			best = results
		}
		if best[0].Other <= quietToKeep || quiet == 0 {
			break
		}
	}
	return best, nil
}

// runProcess runs one cell in its own process. It also tells how many cores the rest of the machine used meanwhile.
func runProcess(ctx context.Context, spec cellSpec) (results []Result, other float64, err error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, cellTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, self, "-cell", string(text))
	busy, begin := machineBusy(), time.Now()
	output, err := command.Output()
	took := time.Since(begin).Seconds()
	if command.ProcessState != nil {
		own := (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
		other = max(0, (machineBusy()-busy-own)/took)
	}
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, lastLines(exit.Stderr))
		}
		return nil, other, err
	}
	// An engine may print; what is not a result is none of ours.
	for line := range strings.Lines(string(output)) {
		var r Result
		if json.Unmarshal([]byte(line), &r) == nil && r.Scenario != "" {
			results = append(results, r)
		}
	}
	if len(results) == 0 {
		err = fmt.Errorf("cell: no result")
	}
	return results, other, err
}

// lastLines is the end of what a failed process said.
func lastLines(text []byte) string {
	const most = 600
	return strings.TrimSpace(string(text[max(0, len(text)-most):]))
}
