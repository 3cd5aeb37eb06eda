package ffsqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

const graphSize = 4

// graphTwin is what the specification says of a flow that edges are staged in.
type graphTwin struct {
	revision uint64
	edges    [64]bool                   // by the number that makes their id
	above    [graphSize][graphSize]bool // an edge leads from the first to the second
}

func (g *graphTwin) clone() object {
	c := *g
	return &c
}

func (g *graphTwin) equal(other object) bool { return *g == *other.(*graphTwin) }

func (g *graphTwin) hash() uint64 { return g.revision }

// stage records an edge, with its number for an id.
func (g *graphTwin) stage(edge, from, to int, expected uint64) error {
	switch {
	case from == to:
		return messages.ErrSelfReferencingEdge
	case expected != g.revision:
		return messages.ErrStaleGraphRevision
	case g.leads(to, from, graphSize):
		return messages.ErrCycleDetected
	case g.edges[edge]:
		return messages.ErrDependencyAlreadyExists
	}
	g.revision++
	g.edges[edge], g.above[from][to] = true, true
	return nil
}

// leads says whether there is a path of so many edges at most.
func (g *graphTwin) leads(from, to, edges int) bool {
	if from == to {
		return true
	}
	for next := range graphSize {
		if edges > 0 && g.above[from][next] && g.leads(next, to, edges-1) {
			return true
		}
	}
	return false
}

// sharedGraph is a flow that clients share.
type sharedGraph struct {
	*history

	*graph

	ids    []messages.ExecutionID
	latest atomic.Uint64 // a revision that some client was told
}

func newSharedGraph(e *engine, clock *atomic.Int64) *sharedGraph {
	s := &sharedGraph{graph: e.newFlow()}
	s.ids = s.members(graphSize)
	s.latest.Store(graphSize)
	s.history = &history{initial: &graphTwin{revision: graphSize}, clock: clock}
	return s
}

// ofGraph is a question about the flow.
func ofGraph(text string, want func(*graphTwin) answer) question {
	return question{text, func(o object) answer { return want(o.(*graphTwin)) }}
}

// call makes a random call. Who expects an old revision looks for the new one.
func (s *sharedGraph) call(ctx context.Context, client int, random *rand.Rand) {
	if random.IntN(4) == 0 {
		s.look(ctx, client)
		return
	}
	edge, from, to, expected := random.IntN(64), random.IntN(graphSize), random.IntN(graphSize), s.latest.Load()
	text := fmt.Sprintf("stage edge %d from %d to %d, expecting %d", edge, from, to, expected)
	s.ask(client, ofGraph(text, func(g *graphTwin) answer {
		err := g.stage(edge, from, to, expected)
		return told(err, "revision %d", g.revision)
	}), func() answer {
		result, err := s.StageDependencyEdge(ctx, messages.StageDependencyEdgeArgs{
			FlowID: s.flow, EdgeID: messages.EdgeID{0: 1, 6: 0x40, 8: 0x80, 15: byte(edge)},
			UpstreamExecutionID: s.ids[from], DownstreamExecutionID: s.ids[to], ExpectedGraphRevision: expected,
		})
		if err == nil {
			s.latest.Store(result.NewGraphRevision)
		}
		return told(err, "revision %d", result.NewGraphRevision)
	})
}

func (s *sharedGraph) look(ctx context.Context, client int) {
	s.ask(client, ofGraph("read", func(g *graphTwin) answer { return g.seen() }), func() answer {
		flow, err := s.DescribeFlow(ctx, s.flow)
		require.NoError(s.t, err)
		s.latest.Store(flow.GraphRevision)
		return seenGraph(flow.GraphRevision, int(flow.EdgeCount))
	})
}

func (g *graphTwin) seen() answer {
	edges := 0
	for _, staged := range g.edges {
		if staged {
			edges++
		}
	}
	return seenGraph(g.revision, edges)
}

func seenGraph(revision uint64, edges int) answer {
	return answer{text: fmt.Sprintf("revision %d, %d edges", revision, edges)}
}
