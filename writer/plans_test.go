package writer_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/writer"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// scans are the statements whose plan reads an index or a list from its beginning, and why that is little.
var scans = map[string]string{
	"anyWaitsSQL":          "it stops at the first row of each table, and nearly always there is none",
	"deleteCompletionsSQL": "the completions of one execution",
	"deleteLeaseEventsSQL": "the lease events of one execution",
	"dueDelaysSQL":         "the index holds delayed executions alone, the due ones first; it stops at the first that is not due",
	"nextDelaySQL":         "it stops behind the due ones, which are gone unless they could not be read",
	"reachesSQL":           "the nodes that were reached, each once",
	"uncascadedSQL":        "the completions of one execution",
	"undispatchedSQL":      "the index holds what is not dispatched alone",
}

// TestWriter_Plans keeps the plan of every statement that the operations use. None scans a table or sorts.
func TestWriter_Plans(t *testing.T) {
	used := everyStatement(t)
	m := newMachine(t)
	names := statementNames(t)
	var got strings.Builder
	for _, name := range slices.Sorted(maps.Keys(names)) {
		require.Contains(t, used, names[name], "%s is not driven", name)
		delete(used, names[name])
		steps := m.plan(names[name])
		if len(steps) == 0 {
			continue // It inserts, or is no query at all.
		}
		got.WriteString(name + "\n")
		for _, step := range steps {
			got.WriteString("  " + step + "\n")
			require.NotContains(t, step, "TEMP B-TREE", name)
			require.NotContains(t, step, "AUTOMATIC", name)
			if strings.HasPrefix(step, "SCAN") && step != "SCAN CONSTANT ROW" {
				require.Contains(t, scans, name, step)
			}
		}
	}
	require.Empty(t, used, "every statement is a constant")

	golden := filepath.Join("testdata", "plans.golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())
}

// everyStatement is what the writer prepares when every operation is done, with and without what is rare.
func everyStatement(t *testing.T) map[string]bool {
	t.Helper()
	used := map[string]bool{}
	note := func(m *machine) {
		for _, sql := range m.Prepared() {
			used[sql] = true
		}
	}
	for seed := range uint64(16) {
		random := rand.New(rand.NewPCG(seed, 0))
		s := &script{machine: newMachine(t), tape: make(tape, 1500)}
		for i := range s.tape {
			s.tape[i] = byte(random.Uint32())
		}
		s.play(func() {})
		note(s.machine)
	}

	m := newMachine(t)
	flow := messages.NewFlowID()
	m.must(messages.CreateFlowArgs{FlowID: flow, Namespace: "default"})
	for n := range byte(4) {
		m.must(create(n))
		m.must(messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: create(n).ExecutionID})
	}
	for i, edge := range [][2]byte{{0, 1}, {2, 3}, {1, 2}} { // The last joins two chains, so there is a cycle to look for.
		m.must(messages.StageDependencyEdgeArgs{
			FlowID: flow, EdgeID: messages.NewEdgeID(), ExpectedGraphRevision: uint64(4 + i),
			UpstreamExecutionID: create(edge[0]).ExecutionID, DownstreamExecutionID: create(edge[1]).ExecutionID,
		})
	}
	m.must(messages.WaitChildrenArgs{Handle: m.claimed()})
	for _, k := range []uint32{3, 2} {
		m.must(messages.SetEdgeGroupPolicyArgs{
			FlowID: flow, DownstreamExecutionID: create(9).ExecutionID,
			Policy: messages.EdgeDependencyPolicy{Kind: messages.Quorum, K: k},
		})
	}
	note(m)

	m = newMachine(t)
	m.fanIn(70, messages.EdgeDependencyPolicy{Kind: messages.AnyOf}) // More siblings than one hop cancels.
	m.commitWith(messages.CompleteArgs{Handle: m.claimed()}, 1)
	require.NoError(t, m.Begin())
	dispatcher, err := writer.NewTick(messages.ScannerEdgeCancelDispatcher, m.now)
	require.NoError(t, err)
	m.RunTick(dispatcher, m.now)
	require.NoError(t, m.Rollback())
	require.NoError(t, m.Recover(m.now))
	m.reconcilesDependencies()
	note(m)

	m = newMachine(t)
	m.replaysSkipped()
	m.cancelsTwice()
	m.reconcilesCancels()
	note(m)

	m = newMachine(t)
	m.must(create(1))
	appending := messages.AppendFrameArgs{Handle: m.claimed()}
	fftest.OpenSQL(t, m.source).Exec(`UPDATE ff_exec_core SET policy = '{"stream_policy": {"retention_maxlen": 1}}'`)
	m.must(appending)
	m.must(appending)
	appending.Frame.Mode = messages.BestEffortLive(messages.BestEffortLiveConfig{
		TTL: time.Second, MaxLenFloor: 1, MaxLenCeiling: 1,
	})
	m.must(appending)
	m.must(appending)
	note(m)

	m = newMachine(t)
	broken := m.broken()
	require.NoError(t, m.Begin())
	m.breaks(broken)
	require.NoError(t, m.Rollback())
	note(m)

	m = newMachine(t)
	m.must(create(1))
	fftest.OpenSQL(t, m.source).Exec(`
		UPDATE ff_exec_core SET capability_key = NULL;
		INSERT INTO ff_claim_grant (partition_key, grant_id, execution_id, kind, worker_id, worker_instance_id, grant_ttl_ms,
		                            issued_at_ms, expires_at_ms)
		SELECT partition_key, x'01', execution_id, 'reclaim', 'w', 'w-1', 1, 1, 1 FROM ff_exec_core`)
	require.NoError(t, m.Begin())
	m.RunDue(m.now)
	require.NoError(t, m.Rollback())
	m.claimed()
	m.now += 60_000
	handle := m.claimed()
	fftest.OpenSQL(t, m.source).Exec(`
		INSERT INTO ff_waitpoint_pending (partition_key, waitpoint_id, execution_id, token_kid, token, created_at_ms)
		SELECT partition_key, x'01', execution_id, '', '', 1 FROM ff_exec_core`)
	m.must(messages.CompleteArgs{Handle: handle})
	note(m)

	m = newMachine(t)
	m.must(messages.CreateFlowArgs{FlowID: flow, Namespace: "default"})
	member := create(1)
	member.IdempotencyKey = "once"
	m.must(member)
	m.must(messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: member.ExecutionID})
	m.must(messages.CompleteArgs{Handle: m.claimed()})
	waiting := create(2)
	waiting.IdempotencyKey = "twice"
	m.must(waiting)
	m.now += messages.TimestampMs(messages.DefaultRetention.Milliseconds())
	require.NoError(t, m.Begin())
	m.RunDue(m.now)
	require.NoError(t, m.Rollback())
	m.must(messages.TrimRetentionArgs{LaneID: "default", BatchSize: 1})
	note(m)

	m = newMachine(t)
	m.must(create(1))
	require.NoError(t, m.TruncateLog())
	note(m)
	return used
}

// replaysSkipped replays a member that was skipped because its upstream failed.
func (m *machine) replaysSkipped() {
	m.t.Helper()
	flow := messages.NewFlowID()
	m.must(messages.CreateFlowArgs{FlowID: flow, Namespace: "default"})
	for n := range byte(2) {
		m.must(create(n))
		m.must(messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: create(n).ExecutionID})
	}
	edge := messages.ApplyDependencyToChildArgs{
		FlowID: flow, EdgeID: messages.NewEdgeID(),
		UpstreamExecutionID: create(0).ExecutionID, DownstreamExecutionID: create(1).ExecutionID,
	}
	m.must(messages.StageDependencyEdgeArgs{
		FlowID: flow, EdgeID: edge.EdgeID, ExpectedGraphRevision: 2,
		UpstreamExecutionID: edge.UpstreamExecutionID, DownstreamExecutionID: edge.DownstreamExecutionID,
	})
	m.must(edge)
	m.must(messages.CancelExecutionArgs{ExecutionID: edge.UpstreamExecutionID})
	require.NoError(m.t, m.Recover(m.now))
	m.must(messages.ReplayExecutionArgs{ExecutionID: edge.DownstreamExecutionID})
}

// cancelsTwice cancels a flow that has been cancelled, and acknowledges a member.
func (m *machine) cancelsTwice() {
	m.t.Helper()
	flow, id := messages.NewFlowID(), create(9).ExecutionID
	m.must(messages.CreateFlowArgs{FlowID: flow, Namespace: "default"})
	m.must(create(9))
	m.must(messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: id})
	header := messages.CancelFlowHeaderArgs{FlowID: flow, CancellationPolicy: messages.CancelAll}
	m.must(header)
	m.must(header)
	m.must(messages.AckCancelMemberArgs{FlowID: flow, ExecutionID: id})
	m.must(messages.ProjectFlowSummaryArgs{FlowID: flow})
}

// reconcilesCancels lets the grace of three backlogs pass: one has a member, one has none, and the flow of one is gone.
func (m *machine) reconcilesCancels() {
	m.t.Helper()
	flow, id := messages.NewFlowID(), create(10).ExecutionID
	m.must(messages.CreateFlowArgs{FlowID: flow, Namespace: "default"})
	m.must(create(10))
	m.must(messages.AddExecutionToFlowArgs{FlowID: flow, ExecutionID: id})
	m.must(messages.CancelFlowHeaderArgs{FlowID: flow, CancellationPolicy: messages.CancelAll})
	fftest.OpenSQL(m.t, m.source).Exec(`
		INSERT INTO ff_cancel_backlog (partition_key, flow_id, requested_at_ms, cancellation_policy)
		VALUES (0, x'00000000000000000000000000000001', 1, ''), (0, x'00000000000000000000000000000002', 1, '');
		INSERT INTO ff_cancel_backlog_member VALUES (0, x'00000000000000000000000000000001', '')`)
	for _, name := range []messages.ScannerName{messages.ScannerCancelReconciler, messages.ScannerFlowProjector} {
		tick, err := writer.NewTick(name, m.now+30_000)
		require.NoError(m.t, err)
		require.NoError(m.t, m.Begin())
		m.RunTick(tick, m.now)
		_, err = m.Commit()
		require.NoError(m.t, err)
		report, err, done := tick.Done()
		require.NoError(m.t, err)
		require.True(m.t, done)
		require.NotZero(m.t, report.Processed)
	}
}

func (m *machine) plan(sql string) (steps []string) {
	m.t.Helper()
	stmt, _, err := m.conn.Prepare("EXPLAIN QUERY PLAN " + sql)
	require.NoError(m.t, err, sql)
	defer func() { require.NoError(m.t, stmt.Close()) }()
	for stmt.Step() {
		steps = append(steps, stmt.ColumnText(3))
	}
	require.NoError(m.t, stmt.Err())
	return steps
}

// statementNames returns the statements of the package by the names of their constants.
func statementNames(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	constants := map[string]ast.Expr{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(node ast.Node) bool {
			if spec, ok := node.(*ast.ValueSpec); ok && len(spec.Values) == len(spec.Names) {
				for i, name := range spec.Names {
					constants[name.Name] = spec.Values[i]
				}
			}
			return true
		})
	}
	statements := map[string]string{}
	for name, value := range constants {
		if text, ok := textOf(constants, value); ok && regexp.MustCompile(`[a-z]SQL$`).MatchString(name) {
			statements[name] = text
		}
	}
	return statements
}

// textOf is the value of a constant string.
func textOf(constants map[string]ast.Expr, value ast.Expr) (string, bool) {
	switch v := value.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(v.Value)
		return text, err == nil && v.Kind == token.STRING
	case *ast.Ident:
		named, known := constants[v.Name]
		if !known {
			return "", false
		}
		return textOf(constants, named)
	case *ast.BinaryExpr:
		left, ok := textOf(constants, v.X)
		right, also := textOf(constants, v.Y)
		return left + right, ok && also && v.Op == token.ADD
	}
	return "", false
}
