package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// submission is a flow that is created whole. What the single calls would write row by row, and again for each edge, is
// brought to its end in memory, so that every row is written once.
type submission struct {
	args    messages.SubmitFlowArgs
	clock   messages.TimestampMs // the engine's
	now     messages.TimestampMs // of the rows
	places  map[messages.ExecutionID]int
	members []*execution
	created []messages.CreateExecutionArgs // with what they inherit
	groups  []*group                       // in the order in which the single calls create them
	edges   []*edge
}

// submitFlow creates a flow with its members, policies and applied edges (04 §5.6). That the graph is sound was checked
// with the arguments; what only the rows can tell is asked before anything is written.
func (w *Writer) submitFlow(now messages.TimestampMs, args messages.SubmitFlowArgs) (messages.SubmitFlowResult, error) {
	var none messages.SubmitFlowResult
	existing, err := w.loadFlow(args.FlowID)
	if err != nil {
		return none, err
	}
	if existing != nil {
		return w.submittedBefore(existing, args)
	}
	s := &submission{args: args, clock: now, now: orNow(args.Now, now), places: args.Members()}
	for i := range args.Executions {
		if err := w.addMember(s, args.Execution(i)); err != nil {
			return none, w.atElement(err, "executions", i)
		}
	}
	s.connect(w.source)
	if err := w.storeSubmission(s); err != nil {
		return none, err
	}
	return s.result(messages.SubmitFlowCreated, s.revision()), nil
}

func (s *submission) revision() int64 { return int64(len(s.members) + len(s.edges)) }

func (s *submission) result(outcome messages.SubmitFlowResultKind, revision int64) messages.SubmitFlowResult {
	result := messages.SubmitFlowResult{
		Outcome: outcome, FlowID: s.args.FlowID, GraphRevision: uint64(revision), //nolint:gosec // Revisions count changes from 0.
		ExecutionIDs: make([]messages.ExecutionID, len(s.args.Executions)), EdgeIDs: make([]messages.EdgeID, len(s.args.Edges)),
	}
	for i := range s.args.Executions {
		result.ExecutionIDs[i] = s.args.Executions[i].ExecutionID
	}
	for i := range s.args.Edges {
		result.EdgeIDs[i] = s.args.Edges[i].EdgeID
	}
	for i, e := range s.edges {
		result.EdgeIDs[i] = e.id
	}
	return result
}

// submittedBefore answers a call whose flow exists: it repeats the one that created it when every member and every edge
// is there. An edge whose id was drawn is found by nobody.
func (w *Writer) submittedBefore(f *flow, args messages.SubmitFlowArgs) (messages.SubmitFlowResult, error) {
	taken := messages.InvalidField("flow_id", "already exists")
	for i := range args.Executions {
		x, err := w.loadExecution(args.Executions[i].ExecutionID)
		if err != nil {
			return messages.SubmitFlowResult{}, err
		}
		if x == nil || !x.inFlow || x.flow != args.FlowID {
			return messages.SubmitFlowResult{}, taken
		}
	}
	for _, given := range args.Edges {
		e, err := w.loadEdge(args.FlowID, given.EdgeID)
		if err != nil {
			return messages.SubmitFlowResult{}, err
		}
		if e == nil || e.upstream != given.UpstreamExecutionID.UUID() || e.downstream != given.DownstreamExecutionID.UUID() {
			return messages.SubmitFlowResult{}, taken
		}
	}
	s := &submission{args: args}
	return s.result(messages.SubmitFlowAlreadySatisfied, f.revision), nil
}

// addMember makes the row of a member, after asking whether another execution is in its way.
func (w *Writer) addMember(s *submission, member messages.CreateExecutionArgs) error {
	duplicate, err := w.findDuplicate(s.clock, member)
	if err != nil {
		return err
	}
	if !duplicate.IsZero() {
		return w.alreadyThere(s, member, duplicate)
	}
	x, err := newExecution(s.clock, orNow(member.Now, s.clock), member)
	if err != nil {
		return err
	}
	x.flow, x.inFlow = s.args.FlowID, true
	x.raw.setTime("last_mutation_at", s.now)
	s.members, s.created = append(s.members, x), append(s.created, member)
	return nil
}

// alreadyThere says why a member cannot be created.
func (w *Writer) alreadyThere(s *submission, member messages.CreateExecutionArgs, duplicate messages.ExecutionID) error {
	if duplicate != member.ExecutionID {
		return messages.InvalidField("idempotency_key", "already used by %s", duplicate)
	}
	x, err := w.loadExecution(duplicate)
	if err != nil {
		return err
	}
	if x != nil && x.inFlow && x.flow != s.args.FlowID {
		return alreadyInFlow(x.flow)
	}
	return messages.InvalidField("execution_id", "already exists")
}

// connect makes the groups and the edges, each counted and applied, and gates the members that wait for others.
func (s *submission) connect(source Source) {
	groups := make(map[messages.ExecutionID]*group, len(s.members))
	groupOf := func(id messages.ExecutionID) *group {
		g, known := groups[id]
		if !known {
			g = newGroup(s.args.FlowID, id.UUID())
			groups[id], s.groups = g, append(s.groups, g)
		}
		return g
	}
	for _, p := range s.args.Policies {
		groupOf(p.DownstreamExecutionID).policy = p.Policy.Normalised()
	}
	for i := range s.args.Edges {
		staged := s.args.Edge(i)
		if staged.EdgeID.IsZero() {
			staged.EdgeID = source.UUID()
		}
		e := newEdge(staged, s.now)
		e.markApplied("", s.now)
		s.edges = append(s.edges, e)
		g := groupOf(staged.DownstreamExecutionID)
		g.running++
		s.members[s.places[staged.DownstreamExecutionID]].gate(e, g)
	}
}

// storeSubmission writes everything, in the order in which the single calls would.
func (w *Writer) storeSubmission(s *submission) error {
	if err := w.storeSubmittedFlow(s); err != nil {
		return err
	}
	lanes := map[messages.LaneID]bool{}
	for i, x := range s.members {
		if err := w.storeMember(s, x, s.created[i], lanes); err != nil {
			return w.atElement(err, "executions", i)
		}
	}
	for _, g := range s.groups {
		if err := w.storeGroup(g); err != nil {
			return err
		}
	}
	for i, e := range s.edges {
		if err := w.insertEdge(e); err != nil {
			return w.atElement(err, "edges", i)
		}
	}
	return nil
}

func (w *Writer) storeSubmittedFlow(s *submission) error {
	if _, err := w.createFlow(s.clock, s.args.Flow()); err != nil {
		return err
	}
	if err := w.prepare(deleteSummarySQL).blob(1, s.args.FlowID[:]).exec(); err != nil {
		return err
	}
	f, err := w.loadFlow(s.args.FlowID)
	if err != nil {
		return err
	}
	f.revision = s.revision()
	f.raw.setNumber("node_count", int64(len(s.members)))
	f.raw.setNumber("edge_count", int64(len(s.edges)))
	return w.storeFlow(f, s.now)
}

// storeMember writes one member with what its creation brings along, and its lane once for all.
func (w *Writer) storeMember(
	s *submission, x *execution, args messages.CreateExecutionArgs, lanes map[messages.LaneID]bool,
) error {
	created := messages.TimestampMs(x.createdAt)
	if !lanes[x.lane] {
		lanes[x.lane] = true
		if err := w.registerLane(x.lane, created); err != nil {
			return err
		}
	}
	if err := w.storeCapabilities(args.ExecutionID, args.RequiredCapabilities()); err != nil {
		return err
	}
	inserted, err := w.insertExecution(x)
	if err != nil {
		return err
	}
	if !inserted {
		return messages.InvalidField("execution_id", "already exists")
	}
	return w.announce(x, args, s.clock, created)
}
