package messages

import "sort"

// arc is an edge between nodes that are numbered from 0.
type arc struct{ from, to int }

// closesCycle returns the index of the first arc that closes a cycle with those before it, -1 when none does. One look
// at the graph decides; only a graph that has a cycle is looked at again to find the arc.
func closesCycle(nodes int, arcs []arc) int {
	if acyclic(nodes, arcs) {
		return -1
	}
	return sort.Search(len(arcs), func(i int) bool { return !acyclic(nodes, arcs[:i+1]) })
}

// acyclic takes away nodes that nothing leads to, as long as there are any. What is left then lies on a cycle or behind
// one.
func acyclic(nodes int, arcs []arc) bool {
	inbound := make([]int, nodes)
	ends := make([]int, nodes+1) // behind the arcs of each node in targets
	for _, a := range arcs {
		inbound[a.to]++
		ends[a.from+1]++
	}
	for i := range nodes {
		ends[i+1] += ends[i]
	}
	targets, filled := make([]int, len(arcs)), append([]int(nil), ends...)
	for _, a := range arcs {
		targets[filled[a.from]] = a.to
		filled[a.from]++
	}
	free := make([]int, 0, nodes)
	for node, n := range inbound {
		if n == 0 {
			free = append(free, node)
		}
	}
	for i := 0; i < len(free); i++ {
		for _, to := range targets[ends[free[i]]:ends[free[i]+1]] {
			if inbound[to]--; inbound[to] == 0 {
				free = append(free, to)
			}
		}
	}
	return len(free) == nodes
}
