-- The edges that an ended execution has to settle, in the order in which they were staged: executions that were created
-- one after the other stand on the same pages, so a wide fan-out writes few of them.
DROP INDEX ff_edge_unresolved_idx;

CREATE INDEX ff_edge_unresolved_idx ON ff_edge (upstream_eid) WHERE dep_state = 'unsatisfied';
