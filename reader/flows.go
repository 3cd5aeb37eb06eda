package reader

import (
	"context"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// flowContext is the noun of a row of ff_flow_core in errors, groupContext that of ff_edge_group.
const (
	flowContext  = "flow_core"
	groupContext = "edge_group"
)

// defaultNamespace is that of a flow whose row names none.
const defaultNamespace messages.Namespace = "default"

// describeFlowSQL is served by the primary key: the rows of all flows have partition 0.
const describeFlowSQL = `
SELECT graph_revision,
       public_flow_state,
       created_at_ms,
       terminal_at_ms,
       raw_fields
  FROM ff_flow_core
 WHERE partition_key = 0
   AND flow_id = ?1`

func (r *Reader) describeFlow(ctx context.Context, id messages.FlowID) (snapshot *messages.FlowSnapshot, err error) {
	err = r.pool.Read(ctx, func(c *database.Connection) error {
		flow := messages.FlowSnapshot{FlowID: id}
		found, err := first(c, describeFlowSQL, []any{id[:]}, func(stmt *sqlite3.Stmt) error {
			return scanFlow(stmt, &flow)
		})
		if err != nil || !found {
			return err
		}
		if flow.EdgeGroups, err = readEdgeGroups(c, id); err != nil {
			return err
		}
		snapshot = &flow
		return nil
	})
	if err != nil {
		return nil, err
	}
	return snapshot, nil
}

func scanFlow(stmt *sqlite3.Stmt, flow *messages.FlowSnapshot) error {
	revision := stmt.ColumnInt64(0)
	if revision < 0 {
		return messages.CorruptionError(flowContext, "graph_revision: %d is out of range", revision)
	}
	raw, err := parseDocument(flowContext, "raw_fields", stmt.ColumnRawText(4))
	if err != nil {
		return err
	}

	flow.GraphRevision = uint64(revision)
	flow.PublicFlowState = messages.PublicFlowState(stmt.ColumnText(1))
	flow.CreatedAt = messages.TimestampMs(stmt.ColumnInt64(2))
	flow.CancelledAt = columnInstant(stmt, 3)
	flow.FlowKind, _ = raw.text("flow_kind")
	flow.Namespace = namespaceOf(raw)
	flow.NodeCount = counter(raw, "node_count")
	flow.EdgeCount = counter(raw, "edge_count")
	flow.LastMutationAt = flow.CreatedAt
	if at, ok := raw.number("last_mutation_at_ms"); ok {
		flow.LastMutationAt = messages.TimestampMs(at)
	}
	flow.CancelReason = optionalText(raw, "cancel_reason")
	flow.CancellationPolicy = optionalText(raw, "cancellation_policy")
	flow.Tags = flowTags(raw)
	return nil
}

func namespaceOf(raw document) messages.Namespace {
	if namespace, ok := raw.text("namespace"); ok {
		return messages.Namespace(namespace)
	}
	return defaultNamespace
}

func counter(raw document, key string) uint32 {
	stored, _ := raw.number(key)
	return count(stored)
}

func optionalText(raw document, key string) *string {
	if text, ok := raw.text(key); ok {
		return &text
	}
	return nil
}

// flowTags returns the string members with the key of a tag; unlike those of an execution they are at the top level.
func flowTags(raw document) map[string]string {
	tags := map[string]string{}
	for key := range raw {
		if !isNamespaced(key) {
			continue
		}
		if value, ok := raw.text(key); ok {
			tags[key] = value
		}
	}
	return tags
}

// isNamespaced reports whether the key begins with a lower-case name and a dot: ^[a-z][a-z0-9_]*\.
func isNamespaced(key string) bool {
	namespace, _, found := strings.Cut(key, ".")
	if !found || namespace == "" || namespace[0] < 'a' || namespace[0] > 'z' {
		return false
	}
	for _, c := range []byte(namespace) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
