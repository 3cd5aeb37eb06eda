package writer_test

import "github.com/flowfabric/ffsqlite/messages"

// together is a batch of messages, most of which go well.
func (s *script) together() messages.Mutation {
	var batch messages.BatchArgs
	for range 1 + s.tape.next(4) {
		m := s.message()
		if s.tape.flip(8) {
			m = s.submit()
		}
		if _, waits := m.(messages.ClaimWaitArgs); m == nil || waits {
			continue
		}
		batch.Messages = append(batch.Messages, m)
	}
	return batch
}

// submit is a flow of new executions, or of some that there are already.
func (s *script) submit() messages.Mutation {
	s.graphs++
	args := messages.SubmitFlowArgs{FlowID: graph(s.graphs), Namespace: "default"}
	if s.tape.flip(8) {
		args.FlowID = graph(s.graphs - 1)
	}
	for i := range 1 + s.tape.next(4) {
		member := s.create()
		member.ExecutionID = messages.NewExecutionID(0, [16]byte{0: 0xe2, 6: 0x40, 8: 0x80, 14: s.graphs, 15: byte(i)})
		if s.tape.flip(16) {
			member.ExecutionID = s.known(s.created)
		}
		args.Executions = append(args.Executions, member)
		if s.tape.flip(3) {
			args.Policies = append(args.Policies, messages.SubmitFlowPolicy{
				DownstreamExecutionID: member.ExecutionID, Policy: s.policy(3),
			})
		}
		for up := range i {
			if s.tape.flip(2) {
				continue
			}
			args.Edges = append(args.Edges, messages.SubmitFlowEdge{
				EdgeID:              messages.EdgeID{0: 0xed, 6: 0x40, 8: 0x80, 15: byte(8*i + up + 1)},
				UpstreamExecutionID: args.Executions[up].ExecutionID, DownstreamExecutionID: member.ExecutionID,
			})
		}
	}
	return args
}
