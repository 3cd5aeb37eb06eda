// Command bench measures ffsqlite beside the Go libraries that run jobs or durable workflows on SQLite, and beside the
// floor: the same rows written by hand-tuned SQL. Every cell (one engine, one scenario, one repetition) runs in a
// process of its own; the engines take turns, repetition by repetition, so that a change of the machine's mood meets
// all of them. Ratios within a run mean something, absolute rates little.
//
//	go run . -scenario s1b -engines ffsqlite,floor-group,river -conc 64 -sync full -jobs 20000 -reps 3 -json results.jsonl
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	scenario string
	engines  string
	callers  int
	sync     string
	jobs     int64
	reps     int
	json     string
	samples  int
	cap      time.Duration
	quiet    time.Duration
	dir      string
	profile  string
	cell     string

	// Of the scenarios about ffsqlite alone.
	subscribers int
	filtered    bool
	stuck       bool
	backlog     int64
	ahead       int64
	finished    int64
}

// jobsOr is the number of jobs in a phase, given the scenario's own.
func (o options) jobsOr(own int64) int64 { return cmp.Or(o.jobs, own) }

func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.scenario, "scenario", "s1b", "what to measure:\n"+describeScenarios())
	flags.StringVar(&o.engines, "engines", strings.Join(engineNames(), ","), "engines of s1a, s1b and s2; the first is compared with each other one")
	flags.IntVar(&o.callers, "conc", 64, "producers, and workers; s2 has one of each")
	flags.StringVar(&o.sync, "sync", "full", "PRAGMA synchronous of every engine: full or normal")
	flags.Int64Var(&o.jobs, "jobs", 0, "jobs in a phase; 0 for the scenario's own number")
	flags.IntVar(&o.reps, "reps", 3, "repetitions")
	flags.StringVar(&o.json, "json", "", "file to which every result is appended as a line of JSON")
	flags.IntVar(&o.samples, "samples", 120, "jobs that s2 measures")
	flags.DurationVar(&o.cap, "cap", 10*time.Second, "longest time for a phase; what was done by then makes the rate")
	flags.DurationVar(&o.quiet, "quiet", 90*time.Second, "longest wait for a quiet machine before a cell; 0 to measure at once and never repeat a disturbed cell")
	flags.StringVar(&o.dir, "dir", "", "directory for the databases (default: a temporary one)")
	flags.StringVar(&o.profile, "cpuprofile", "", "file for a CPU profile of the first side's last repetition")
	flags.IntVar(&o.subscribers, "subscribers", 100, "subscribers: how many")
	flags.BoolVar(&o.filtered, "filtered", false, "subscribers: each follows a share of the events of its own, by a tag")
	flags.BoolVar(&o.stuck, "stuck", false, "subscribers: none of them reads before the jobs are done")
	flags.Int64Var(&o.backlog, "backlog", 1_000_000, "backlog: claimable executions in the file")
	flags.Int64Var(&o.ahead, "ahead", 1_000_000, "ahead: executions that the worker may not run")
	flags.Int64Var(&o.finished, "finished", 1_000_000, "finished: executions that ended long ago")
	flags.StringVar(&o.cell, "cell", "", "for the command itself: run this one cell")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	return o, o.validate()
}

func (o *options) validate() error {
	o.sync = strings.ToUpper(o.sync)
	switch {
	case o.sync != "FULL" && o.sync != "NORMAL":
		return fmt.Errorf("sync: %q is neither full nor normal", o.sync)
	case o.callers < 1 || o.reps < 1 || o.samples < 1:
		return errors.New("conc, reps, samples: must be > 0")
	case o.jobs < 0 || o.backlog < 0 || o.ahead < 0 || o.finished < 0:
		return errors.New("jobs, backlog, ahead, finished: must not be negative")
	case o.subscribers < 1:
		return errors.New("subscribers: must be > 0")
	}
	return nil
}

func describeScenarios() string {
	var text strings.Builder
	for _, s := range scenarios() {
		fmt.Fprintf(&text, "%-12s%s\n", s.name, s.about)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // Nothing is left for the deferred call.
	}
}

func run(ctx context.Context, args []string) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	if o.cell != "" {
		return printCell(ctx, o.cell)
	}
	results, err := compare(ctx, o)
	if err != nil {
		return err
	}
	return writeReport(os.Stdout, o, results)
}

// printCell runs one cell and writes its results for the process that asked.
func printCell(ctx context.Context, text string) error {
	var spec cellSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	results, err := runCell(ctx, spec)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for _, r := range results {
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	return nil
}
