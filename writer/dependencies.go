package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// resolveDependency settles one applied edge by hand; the caller is trusted about the outcome (04 §6.1).
func (w *Writer) resolveDependency(
	now messages.TimestampMs, args messages.ResolveDependencyArgs,
) (messages.ResolveDependencyOutcome, error) {
	now = orNow(args.Now, now)
	var none messages.ResolveDependencyOutcome
	e, err := w.loadEdge(args.FlowID, args.EdgeID)
	if err != nil {
		return none, err
	}
	if e == nil || e.depState == "none" ||
		e.upstream != args.UpstreamExecutionID.UUID() || e.downstream != args.DownstreamExecutionID.UUID() {
		return none, messages.ValidationError(messages.CodeInvalidDependency, args.EdgeID.String())
	}
	g, err := w.loadGroup(e.flow, e.downstream)
	if err != nil {
		return none, err
	}
	if e.depState != "unsatisfied" {
		return messages.ResolveDependencyOutcome{
			Outcome: messages.ResolveAlreadyResolved, GroupState: messages.EdgeGroupState(g.state),
		}, nil
	}
	did, err := w.resolveEdge(e, g, resolution{outcome: string(args.UpstreamOutcome)}, now)
	if err != nil {
		return none, err
	}
	return messages.ResolveDependencyOutcome{
		Outcome:      messages.ResolveDependencyOutcomeKind(e.depState), // They have the same words.
		GroupState:   messages.EdgeGroupState(g.state),
		ChildSkipped: did.childSkipped,
		DataInjected: did.dataInjected,
	}, nil
}

// cascadeDepth bounds how far cascadeCompletion descends; what is deeper is left to the queue.
const cascadeDepth = 50

// undispatchedOfSQL is served by ff_completion_event_lookup_idx.
const undispatchedOfSQL = `
SELECT event_id
  FROM ff_completion_event
 WHERE execution_id = ?1
   AND flow_id IS NOT NULL
   AND dispatched_at_ms IS NULL
 ORDER BY event_id`

// cascadeCompletion runs the cascade of one ended execution to its end, level by level (04 §6.2). Normally the hops have
// done so already. Those that are queued find nothing to do afterwards.
func (w *Writer) cascadeCompletion(
	now messages.TimestampMs, args messages.CompletionPayload,
) (messages.CascadeOutcome, error) {
	outcome := messages.CascadeOutcome{Synchronous: true}
	x, err := w.loadExecution(args.ExecutionID)
	if x == nil || err != nil {
		return outcome, err
	}
	var level []hop
	s := w.prepare(undispatchedOfSQL).blob(1, x.uuid[:])
	err = s.each(func() error {
		level = append(level, hop{event: messages.EventID(s.stmt.ColumnInt64(0))})
		return nil
	})
	for depth := 0; err == nil && len(level) > 0; depth++ {
		if depth > 0 {
			outcome.CascadedChildren += len(level)
		}
		var resolved int
		if resolved, level, err = w.dispatchLevel(level, now); depth == cascadeDepth {
			level = nil
		}
		outcome.Resolved += resolved
	}
	return outcome, err
}

// dispatchLevel dispatches the events to their end, and returns those of the children that it skipped.
func (w *Writer) dispatchLevel(level []hop, now messages.TimestampMs) (resolved int, next []hop, err error) {
	for _, h := range level {
		queued := len(w.batch.queued)
		for done := false; !done; {
			n := 0
			if n, done, err = w.dispatchCompletion(h.event, now); err != nil {
				return resolved, nil, err
			}
			resolved += n
		}
		for _, caused := range w.batch.queued[queued:] {
			if caused.event != 0 {
				next = append(next, caused)
			}
		}
	}
	return resolved, next, nil
}
