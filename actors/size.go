package actors

import "github.com/flowfabric/ffsqlite/messages"

// size is what messages count towards the bounds of a batch: their operations, and of their arguments the part that has
// no bound of its own.
type size struct{ operations, bytes int }

func (s *size) add(other size) {
	s.operations += other.operations
	s.bytes += other.bytes
}

// full reports whether a batch of this size takes no more messages.
func (l Limits) full(s size) bool { return s.operations >= l.Operations || s.bytes >= l.Bytes }

func sizeOf(m messages.Message) size {
	switch args := m.(type) {
	case messages.CreateExecutionArgs:
		return size{1, len(args.InputPayload)}
	case messages.CompleteArgs:
		return size{1, len(args.Payload)}
	case messages.CompleteExecutionArgs:
		return size{1, len(args.ResultPayload)}
	case messages.AppendFrameArgs:
		return size{1, len(args.Frame.Bytes)}
	case messages.SubmitFlowArgs:
		s := size{operations: len(args.Executions) + len(args.Edges)}
		for i := range args.Executions {
			s.bytes += len(args.Executions[i].InputPayload)
		}
		return s
	case messages.BatchArgs:
		var s size
		for _, m := range args.Messages {
			s.add(sizeOf(m))
		}
		return s
	default:
		return size{operations: 1}
	}
}
