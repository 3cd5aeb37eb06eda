package writer

import (
	"strconv"

	"github.com/flowfabric/ffsqlite/messages"
)

// storedPolicy is the text of ff_edge_group.policy, its members in alphabetical order.
func storedPolicy(p messages.EdgeDependencyPolicy) string {
	switch p = p.Normalised(); p.Kind {
	case messages.AnyOf:
		return `{"kind":"any_of","on_satisfied":"` + string(p.OnSatisfied) + `"}`
	case messages.Quorum:
		k := strconv.FormatUint(uint64(p.K), 10)
		return `{"k":` + k + `,"kind":"quorum","on_satisfied":"` + string(p.OnSatisfied) + `"}`
	case messages.AllOf:
	}
	return `{"kind":"all_of"}`
}

// hasInboundSQL is served by ff_edge_downstream_idx.
const hasInboundSQL = `
SELECT EXISTS (SELECT 1 FROM ff_edge WHERE partition_key = 0 AND flow_id = ?1 AND downstream_eid = ?2)`

const setPolicySQL = `UPDATE ff_edge_group SET policy = ?2, k_target = ?3 WHERE rowid = ?1`

// setEdgeGroupPolicy chooses how the inbound edges of a downstream combine, before there is one (04 §5.5).
func (w *Writer) setEdgeGroupPolicy(args messages.SetEdgeGroupPolicyArgs) (messages.SetEdgeGroupPolicyResult, error) {
	set := messages.SetEdgeGroupPolicyResult{Outcome: messages.SetPolicySet}
	f, err := w.loadFlow(args.FlowID)
	if err != nil {
		return set, err
	}
	if f == nil {
		return set, messages.NotFoundError("flow", "flow_not_found")
	}
	downstream, fixed := args.DownstreamExecutionID.UUID(), false
	s := w.prepare(hasInboundSQL).blob(1, args.FlowID[:]).blob(2, downstream[:])
	if _, err := s.one(func() { fixed = s.stmt.ColumnBool(0) }); err != nil {
		return set, err
	}
	if fixed {
		return set, messages.InvalidField("edge_group_policy_already_fixed", "dependencies already staged")
	}
	g, err := w.loadGroup(args.FlowID, downstream)
	if err != nil {
		return set, err
	}
	policy, stored := args.Policy.Normalised(), g.policy
	g.policy = policy
	switch {
	case g.rowid == 0:
		return set, w.storeGroup(g)
	case policy == stored:
		return messages.SetEdgeGroupPolicyResult{Outcome: messages.SetPolicyAlreadySet}, nil
	}
	return set, w.prepare(setPolicySQL).int(1, g.rowid).text(2, storedPolicy(policy)).int(3, g.target()).exec()
}
