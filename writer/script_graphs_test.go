package writer_test

import "github.com/flowfabric/ffsqlite/messages"

// graph is the flow of the nth graph.
func graph(n byte) messages.FlowID { return messages.FlowID{0: 0xf2, 6: 0x40, 8: 0x80, 15: n} }

// build has a small graph of new executions come next.
func (s *script) build() {
	s.graphs++
	flow := graph(s.graphs)
	s.coming = append(s.coming, func() messages.Mutation { return messages.CreateFlowArgs{FlowID: flow, Namespace: "default"} })
	members := make([]messages.ExecutionID, 2+s.tape.next(3))
	for i := range members {
		members[i] = messages.NewExecutionID(0, [16]byte{0: 0xe2, 6: 0x40, 8: 0x80, 14: s.graphs, 15: byte(i)})
		s.coming = append(s.coming, func() messages.Mutation {
			args := s.create()
			args.ExecutionID, args.LaneID = members[i], "l0"
			return args
		}, func() messages.Mutation {
			return messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: members[i]}
		})
	}
	for _, member := range members[1:] {
		if s.tape.flip(2) {
			policy := s.policy(len(members))
			s.coming = append(s.coming, func() messages.Mutation {
				return messages.SetEdgeGroupPolicyArgs{FlowID: flow, DownstreamExecutionID: member, Policy: policy}
			})
		}
	}
	backwards := s.tape.flip(2)
	for n := 1; n < len(members); n++ {
		down := n
		if backwards {
			down = len(members) - n
		}
		for up := range down {
			if s.tape.flip(3) {
				continue
			}
			s.coming = append(s.coming, func() messages.Mutation {
				stage := s.stage(flow)
				stage.UpstreamExecutionID, stage.DownstreamExecutionID = members[up], members[down]
				stage.EdgeID[14] = byte(8*down + up + 1)
				return stage
			}, func() messages.Mutation {
				if len(s.edges) == 0 {
					return nil
				}
				return s.edges[len(s.edges)-1]
			})
		}
	}
}
