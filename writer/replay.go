package writer

import (
	"encoding/json"

	"github.com/flowfabric/ffsqlite/messages"
)

// defaultReplayCap bounds how often an execution may be replayed when its policy does not say.
const defaultReplayCap = 10

// The branches of a replay, as the operator event names them.
const (
	replayNormal  = "normal"
	replaySkipped = "skipped_flow_member"
	replayBlocked = "blocked_flow_member"
)

// clearResultSQL makes the result of the former run unreadable.
const clearResultSQL = `UPDATE ff_exec_core SET result = NULL WHERE rowid = ?1 AND result IS NOT NULL`

// replayExecution puts an execution that has ended back to work under the same attempt index (04 §9.3). A flow member
// whose dependencies are not met waits for them again.
func (w *Writer) replayExecution(
	now messages.TimestampMs, args messages.ReplayExecutionArgs,
) (messages.ReplayExecutionResult, error) {
	now = orNow(args.Now, now)
	var none messages.ReplayExecutionResult
	x, a, err := w.replayable(args.ExecutionID)
	if err != nil {
		return none, err
	}
	branch, err := w.replayBranch(x, a)
	if err != nil {
		return none, err
	}
	x.reopen(branch == replayNormal)
	if err := w.storeReopened(x, a, now); err != nil {
		return none, err
	}
	var details document
	details.setText("branch", branch)
	if branch == replayNormal {
		w.becomesClaimable(x)
	} else {
		groups, err := w.rearm(x, now)
		if err != nil {
			return none, err
		}
		details.setNumber("groups_reset", groups)
		if x, err = w.loadExecutionRow(x.rowid); err != nil {
			return none, err
		}
	}
	return messages.ReplayExecutionResult{PublicState: messages.PublicState(x.public)},
		w.emitOperator(x.operatorSubject(), "replayed", details, now)
}

// replayable loads an execution that has ended and may be replayed once more, with its current attempt.
func (w *Writer) replayable(id messages.ExecutionID) (*execution, *attempt, error) {
	x, err := w.loadExecution(id)
	if err != nil {
		return nil, nil, err
	}
	if x == nil {
		return nil, nil, messages.NotFoundError("execution", "")
	}
	if !x.terminal() {
		return nil, nil, messages.StateError(messages.CodeExecutionNotTerminal, "")
	}
	if count, _ := x.raw.number("replay_count"); count >= x.replayCap() {
		return nil, nil, messages.StateError(messages.CodeMaxReplaysExhausted, "")
	}
	a, _, err := w.loadAttempt(x.partition, x.uuid)
	return x, a, err
}

func (x *execution) replayCap() int64 {
	var policy struct {
		MaxReplayCount *int64 `json:"max_replay_count"`
	}
	if x.policy == "" || json.Unmarshal([]byte(x.policy), &policy) != nil || policy.MaxReplayCount == nil {
		return defaultReplayCap
	}
	return *policy.MaxReplayCount
}

// replayBranch decides whether the execution is claimable at once or has dependencies to wait for.
func (w *Writer) replayBranch(x *execution, a *attempt) (string, error) {
	if !x.inFlow {
		return replayNormal, nil
	}
	if a != nil && a.outcome == "skipped" || x.raw.text("terminal_outcome") == "skipped" || x.public == "skipped" {
		return replaySkipped, nil
	}
	g, err := w.loadGroup(x.flow, x.uuid)
	if err != nil {
		return "", err
	}
	if g.rowid == 0 || g.state == "satisfied" {
		return replayNormal, nil
	}
	edges, err := w.inboundEdges(x)
	if err != nil {
		return "", err
	}
	for _, e := range edges {
		if e.depState == "unsatisfied" || e.depState == "impossible" {
			return replayBlocked, nil
		}
	}
	return replayNormal, nil
}

// reopen writes the vector of a replayed execution, in memory.
func (x *execution) reopen(claimable bool) {
	x.phase, x.ownership, x.attemptState = "runnable", "unowned", "pending_replay_attempt"
	x.eligibility, x.public, x.blocking = "eligible_now", "waiting", "waiting_for_worker"
	if !claimable {
		x.eligibility, x.public, x.blocking = "blocked_by_dependencies", "waiting_children", "waiting_for_children"
	}
	x.terminalAt, x.cancellationReason, x.cancelledBy = instant{}, nil, nil
	count, _ := x.raw.number("replay_count")
	x.raw.setNumber("replay_count", max(count, 0)+1)
	x.raw.remove("terminal_outcome")
}

// storeReopened stores the execution and opens its attempt again; an attempt before the one that the next claim creates
// stays as it ended. The flow's summary is due anew.
func (w *Writer) storeReopened(x *execution, a *attempt, now messages.TimestampMs) error {
	if err := w.prepare(clearResultSQL).int(1, x.rowid).exec(); err != nil {
		return err
	}
	if err := w.storeExecution(x, now); err != nil {
		return err
	}
	if x.inFlow {
		if err := w.prepare(deleteSummarySQL).blob(1, x.flow[:]).exec(); err != nil {
			return err
		}
	}
	if a == nil || a.index < x.attemptIndex {
		return nil
	}
	a.outcome, a.terminalAt, a.leaseExpiresAt = "", instant{}, instant{}
	a.workerID, a.workerInstanceID = nil, nil
	a.epoch++
	return w.storeAttempt(x, a)
}
