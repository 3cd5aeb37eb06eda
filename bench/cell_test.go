package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// runSides runs one cell for each side that the options ask for, without processes of their own.
func runSides(t *testing.T, o options) [][]Result {
	t.Helper()
	chosen, err := findScenario(o.scenario)
	require.NoError(t, err)
	sides, err := chosen.sides(o)
	require.NoError(t, err)
	require.NoError(t, prepareProcess())
	dir := t.TempDir()
	require.NoError(t, plantSeeds(t.Context(), dir, sides))
	var all [][]Result
	for _, side := range sides {
		results, err := runCell(t.Context(), cellSpec{
			Scenario: o.scenario, Side: side, Synchronous: "FULL", Callers: o.callers, Jobs: o.jobs, Samples: o.samples,
			Cap: 30 * time.Second, Dir: dir, Rep: 1,
		})
		require.NoError(t, err, side.Name)
		for _, r := range results {
			require.Equal(t, r.Jobs, r.Done, side.Name)
			require.Zero(t, r.Duplicates, side.Name)
			require.Zero(t, r.Errors, "%s: %s", side.Name, r.LastError)
			require.NotNil(t, r.Info, side.Name)
			require.Equal(t, "wal", r.Info.Pragmas["journal_mode"], side.Name)
			require.Equal(t, "2", r.Info.Pragmas["synchronous"], side.Name)
		}
		all = append(all, results)
	}
	return all
}

func TestEveryEngineRunsEveryScenario(t *testing.T) {
	for _, scenario := range []string{"s1a", "s1b", "s2"} {
		for _, engine := range engineNames() {
			t.Run(fmt.Sprintf("%s on %s", scenario, engine), func(t *testing.T) {
				runSides(t, options{scenario: scenario, engines: engine, callers: 4, jobs: 40, samples: 3})
			})
		}
	}
}

func TestOperationsShareCommits(t *testing.T) {
	for _, engine := range []string{ours, "floor-group"} {
		r := runSides(t, options{scenario: "s1b", engines: engine, callers: 32, jobs: 600})[0][0]
		require.Positive(t, r.Cost.Syncs, engine)
		require.Less(t, r.Cost.Commits, float64(r.Cost.Operations)/2, engine)
	}
}

func TestScenariosOfOurEngine(t *testing.T) {
	o := options{callers: 4, jobs: 60, subscribers: 5, backlog: 200, ahead: 100, finished: 100}
	for _, scenario := range []string{"subscribers", "backlog", "ahead", "finished"} {
		t.Run(scenario, func(t *testing.T) {
			o.scenario = scenario
			require.Len(t, runSides(t, o), 2)
		})
	}
	t.Run("submit", func(t *testing.T) {
		o.scenario = "submit"
		require.Len(t, runSides(t, o), 3)
	})
	t.Run("subscribers that filter", func(t *testing.T) {
		o.scenario, o.filtered = "subscribers", true
		require.Len(t, runSides(t, o), 2)
	})
}

func TestListenerRefusesWhatIsOutOfOrder(t *testing.T) {
	l := &listener{}
	require.NoError(t, l.hear(completion(1, "")))
	require.NoError(t, l.hear(completion(3, "")))
	require.Error(t, l.hear(completion(3, "")))
	require.Error(t, l.hear(completion(2, "")))
	require.Equal(t, tally{events: 2, sum: 4, last: 3}, l.heard)

	filtered := &listener{tenant: "a"}
	require.NoError(t, filtered.hear(completion(1, "a")))
	require.Error(t, filtered.hear(completion(2, "b")))
	require.Error(t, filtered.hear(completion(3, "")))
}

func completion(id int64, tenant string) messages.CompletionEvent {
	event := messages.CompletionEvent{EventID: messages.EventID(id)}
	if tenant != "" {
		event.InstanceTag = &tenant
	}
	return event
}
