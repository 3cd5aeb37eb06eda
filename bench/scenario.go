package main

import (
	"context"
	"fmt"
	"strings"
)

// scenario is something to measure, and the sides that it compares.
type scenario struct {
	name  string
	about string
	jobs  int64 // Unless the flag says otherwise.
	sides func(o options) ([]Side, error)
	run   func(ctx context.Context, c *cell) ([]Result, error)
	note  func(text *strings.Builder, results []Result) // Behind the tables; nil for none.
}

// Side is one of the things that a run compares: an engine, what its database holds, and who listens.
type Side struct {
	Name        string
	Engine      string
	Seeds       []Seed // Databases to start from; none for empty ones.
	Subscribers int
	Tenants     int64 // Each job carries the tag of one of them; 0 for no tags.
	Filtered    bool  // Each subscriber follows one tenant.
	Stuck       bool  // The subscribers read nothing while there is work.
	Siblings    int   // In a group of edges.
}

// How many jobs a phase has: many to measure the engine under load, few to measure what surrounds them.
const (
	manyJobs     = 20_000
	fewJobs      = 1000
	fewFlows     = 100
	manyChildren = 50_000
)

// scenarios is the table of what can be measured.
func scenarios() []scenario {
	return []scenario{
		{"s1a", "enqueue alone, then drain alone", manyJobs, engineSides, s1a, nil},
		{"s1b", "producers and workers at once", manyJobs, engineSides, s1b, nil},
		{"s2", "one job at a time, one waiting worker", warmUp, engineSides, s2, nil},
		{"subscribers", "s1b with completion subscribers, and with none", manyJobs, subscriberSides, subscribers, nil},
		{"backlog", "drain of some jobs from a long backlog, and from one of 10,000", fewJobs, backlogSides, backlog, nil},
		{"ahead", "claims behind executions that the worker may not run, and with none", fewJobs, aheadSides, ahead, nil},
		{"finished", "s1b in a file of finished executions, and in an empty one", manyJobs, finishedSides, s1b, nil},
		{"submit", "one caller that builds a flow: at once, and call by call", fewJobs, submitSides, submit, nil},
		{"streams", "appends to streams, and waiting readers of 1,000 streams", manyJobs, streamsSides, streams, nil},
		{"fanout", "calls of others while one completion releases 50,000 children", manyChildren, fanOutSides, fanOut, fanOutNote},
		{"linear", "chains of 10 executions, side by side", fewFlows, linearSides, linear, linearNote},
		{"quorum", "an any_of group that fires and has its siblings cancelled", quorumSamples, quorumSides, quorum, quorumNote},
	}
}

func findScenario(name string) (scenario, error) {
	var names []string
	for _, s := range scenarios() {
		if s.name == name {
			return s, nil
		}
		names = append(names, s.name)
	}
	return scenario{}, fmt.Errorf("scenario: %q is none of %s", name, strings.Join(names, ", "))
}

// engineSides compares the engines that were asked for.
func engineSides(o options) ([]Side, error) {
	var sides []Side
	for name := range strings.SplitSeq(o.engines, ",") {
		if _, err := findEngine(name); err != nil {
			return nil, err
		}
		sides = append(sides, Side{Name: name, Engine: name})
	}
	return sides, nil
}

// subscriberSides differ in the listeners alone: the jobs of both carry the same tags.
func subscriberSides(o options) ([]Side, error) {
	with := Side{Name: fmt.Sprintf("%d subscribers", o.subscribers), Engine: ours, Subscribers: o.subscribers}
	if o.filtered {
		with.Name += ", filtered"
		with.Filtered, with.Tenants = true, int64(o.subscribers)
	}
	if o.stuck {
		with.Name += ", stuck"
		with.Stuck = true
	}
	return []Side{with, {Name: "no subscribers", Engine: ours, Tenants: with.Tenants}}, nil
}

func backlogSides(o options) ([]Side, error) {
	side := func(n int64) Side {
		return Side{Name: fmt.Sprintf("backlog of %d", n), Engine: ours, Seeds: []Seed{{Claimable: n}}}
	}
	const short = 10_000
	return []Side{side(o.backlog), side(short)}, nil
}

// aheadSides have a database for each way of passing by: the first for a filter of kinds, the second for capabilities.
func aheadSides(o options) ([]Side, error) {
	own := o.jobsOr(fewJobs) + warmUp
	return []Side{
		{
			Name: fmt.Sprintf("%d ahead", o.ahead), Engine: ours,
			Seeds: []Seed{{OtherKind: o.ahead, Claimable: own}, {Capability: o.ahead, Claimable: own}},
		},
		{Name: "none ahead", Engine: ours, Seeds: []Seed{{Claimable: own}, {Claimable: own}}},
	}, nil
}

func finishedSides(o options) ([]Side, error) {
	return []Side{
		{Name: fmt.Sprintf("%d finished", o.finished), Engine: ours, Seeds: []Seed{{Finished: o.finished}}},
		{Name: "empty file", Engine: ours, Seeds: []Seed{{}}},
	}, nil
}
