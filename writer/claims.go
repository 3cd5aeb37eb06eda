package writer

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/flowfabric/ffsqlite/messages"
)

// claimRequest is a claim of any kind, brought to one form: Claim is a ClaimNext on one lane without filters.
type claimRequest struct {
	demand

	lanes          []messages.LaneID
	instanceID     messages.WorkerInstanceID
	leaseTTL       time.Duration
	attemptTimeout time.Duration // 0: the policy's
}

func requestOfClaim(args messages.ClaimArgs) *claimRequest {
	return &claimRequest{
		demand: demand{
			workerID:     string(args.Policy.WorkerID),
			capabilities: sorted(args.Capabilities),
		},
		lanes:      []messages.LaneID{args.LaneID},
		instanceID: args.Policy.WorkerInstanceID,
		leaseTTL:   args.Policy.LeaseTTL,
	}
}

func requestOfClaimNext(args messages.ClaimNextArgs) *claimRequest {
	return &claimRequest{
		demand: demand{
			workerID:     string(args.WorkerID),
			capabilities: sorted(args.WorkerCapabilities),
			kinds:        args.Kinds,
			namespace:    string(args.Namespace),
		},
		lanes:          args.Lanes,
		instanceID:     args.WorkerInstanceID,
		leaseTTL:       args.LeaseTTL,
		attemptTimeout: args.AttemptTimeout,
	}
}

func sorted(tokens []string) []string {
	if slices.IsSorted(tokens) {
		return tokens
	}
	tokens = slices.Clone(tokens)
	slices.Sort(tokens)
	return tokens
}

// claimed is an execution that a claim has just taken.
type claimed struct {
	execution *execution
	attempt   *attempt
	handle    messages.Handle
	payload   messages.HandlePayload
}

func (w *Writer) claim(now messages.TimestampMs, args messages.ClaimArgs) (messages.ClaimReply, error) {
	c, err := w.claimFirst(now, requestOfClaim(args))
	if c == nil || err != nil {
		return messages.ClaimReply{}, err
	}
	return messages.ClaimReply{Handle: &c.handle}, nil
}

func (w *Writer) claimNext(now messages.TimestampMs, args messages.ClaimNextArgs) (messages.ClaimNextResult, error) {
	c, err := w.claimFirst(now, requestOfClaimNext(args))
	if err != nil {
		return messages.ClaimNextResult{}, err
	}
	return c.result(), nil
}

// result is the answer of ClaimNext and ClaimWait; nil is a claim that found nothing.
func (c *claimed) result() messages.ClaimNextResult {
	if c == nil {
		return messages.ClaimNextResult{Outcome: messages.ClaimNextNoWork}
	}
	return messages.ClaimNextResult{Outcome: messages.ClaimNextClaimed, Task: c.task()}
}

// claimFirst takes the best claimable execution of the first lane that has one, nil when there is none.
func (w *Writer) claimFirst(now messages.TimestampMs, r *claimRequest) (*claimed, error) {
	if err := w.settleDue(now); err != nil {
		return nil, err
	}
	for _, lane := range r.lanes {
		c, err := w.claimIn(now, lane, r)
		if c != nil || err != nil {
			return c, err
		}
	}
	return nil, nil //nolint:nilnil // Nothing to claim is no error.
}

// claimIn takes the best claimable execution of one lane. One at its reclaim cap ends as failed, and the next is tried;
// one that cannot be read is passed over, so that it does not stand in the way of the others.
func (w *Writer) claimIn(now messages.TimestampMs, lane messages.LaneID, r *claimRequest) (*claimed, error) {
	d := &r.demand
	for {
		best, err := w.bestCandidate(lane, d, now)
		if best == nil || err != nil {
			return nil, err
		}
		changes := w.conn.TotalChanges()
		c, err := w.claimCandidate(best, r, now)
		if w.unreadable(err, changes) {
			d = d.without(best.rowid)
			continue
		}
		if c != nil || err != nil {
			return c, err
		}
	}
}

func (w *Writer) claimCandidate(best *candidate, r *claimRequest, now messages.TimestampMs) (*claimed, error) {
	x, err := w.loadCandidate(best.rowid)
	if err != nil {
		return nil, err
	}
	if best.reclaim {
		return w.reclaim(x, r, now)
	}
	return w.start(x, r, now)
}

// unreadable reports whether a claim failed for nothing but what is stored of the execution, before it wrote anything.
// Reading that execution says so; the job index_reconciler reports it.
func (w *Writer) unreadable(err error, changes int64) bool {
	return errors.Is(err, messages.ErrCorruption) && w.conn.TotalChanges() == changes
}

// claimOffered takes an execution that has become claimable in this message, if it still is and suits the worker. It
// asks less of the rows than the queue does: whatever else is claimable, the waiting worker could not run it.
func (w *Writer) claimOffered(offered *execution, r *claimRequest, now messages.TimestampMs) (*claimed, error) {
	changes := w.conn.TotalChanges()
	c, err := w.claimRow(offered, r, now)
	if w.unreadable(err, changes) {
		return nil, nil //nolint:nilnil // Nobody can run it.
	}
	return c, err
}

func (w *Writer) claimRow(offered *execution, r *claimRequest, now messages.TimestampMs) (*claimed, error) {
	x, err := w.loadCandidate(offered.rowid)
	if x == nil || err != nil {
		return nil, err
	}
	if x.granted {
		return w.claimFirst(now, r)
	}
	if !x.ready() && !x.lost() || x.pastDeadline(now) {
		return nil, nil //nolint:nilnil // Not claimable any more.
	}
	if r.accepts(x.class()) == undecided {
		if capable, err := w.capable(x.uuid, &r.demand); !capable || err != nil {
			return nil, err
		}
	}
	if x.lost() {
		return w.reclaim(x, r, now)
	}
	return w.start(x, r, now)
}

// start claims a fresh, retried, replayed or interrupted execution (03 §4.3). An interrupted attempt goes on under a new
// lease; otherwise a new attempt begins, or the one that a replay left is opened again.
func (w *Writer) start(x *execution, r *claimRequest, now messages.TimestampMs) (*claimed, error) {
	var current *attempt
	var highest int64
	if x.rowid != 0 {
		var err error
		if current, highest, err = w.loadAttempt(x.partition, x.uuid); err != nil {
			return nil, err
		}
	}
	kind, attemptType := messages.HandleFresh, "initial"
	a := current
	switch {
	case x.attemptState == "attempt_interrupted" && current != nil:
		kind, attemptType = messages.HandleResumed, current.raw.text("attempt_type")
	case x.attemptState == "pending_retry_attempt":
		attemptType = "retry"
	case x.attemptState == "pending_replay_attempt":
		attemptType = "replay"
	}
	if current == nil || kind == messages.HandleFresh && current.index < x.attemptIndex {
		a = &attempt{index: x.attemptIndex, policy: x.raw.text("next_attempt_policy")}
		x.raw.remove("next_attempt_policy")
	}
	if attemptType != "" {
		a.raw.setText("attempt_type", attemptType)
	}
	if kind != messages.HandleResumed || a.raw.text("attempt_id") == "" {
		a.raw.setText("attempt_id", uuidText(w.source.UUID()))
	} else if _, err := a.id(); err != nil {
		return nil, err
	}
	return w.take(x, a, highest+1, kind, messages.LeaseAcquired, r, now)
}

// take gives the attempt to the worker: the writes that every claim has in common. It returns nil for an execution that
// is being created when its UUID exists already.
func (w *Writer) take(
	x *execution, a *attempt, epoch int64, kind messages.HandleKind, event messages.LeaseEventType, r *claimRequest,
	now messages.TimestampMs,
) (*claimed, error) {
	lease := uuidText(w.source.UUID())
	worker, instance := r.workerID, string(r.instanceID)
	a.workerID, a.workerInstanceID = &worker, &instance
	a.epoch = epoch
	a.leaseExpiresAt = instant{ms: int64(now) + messages.Millis(r.leaseTTL), set: true}
	a.startedAt = at(now)
	a.outcome, a.terminalAt = "", instant{}
	a.raw.setText("lease_id", lease)
	a.raw.setNumber("lease_renewed_at_ms", int64(now))
	a.raw.remove("attempt_timeout_at_ms")
	if timeout := attemptTimeout(x, a, r); timeout > 0 {
		a.raw.setNumber("attempt_timeout_at_ms", int64(now)+timeout)
		w.deadlines.lower(attemptDeadline, int64(now)+timeout)
	}
	x.becomeActive(a, lease, worker, instance, now)
	if x.rowid == 0 {
		x.raw.setTime("last_mutation_at", now)
		if inserted, err := w.insertExecution(x); !inserted || err != nil {
			return nil, err
		}
	} else if err := w.storeExecution(x, now); err != nil {
		return nil, err
	}
	if err := w.emitLease(x, a, leaseEventOf(event, a, ""), now); err != nil {
		return nil, err
	}
	if err := w.storeAttempt(x, a); err != nil {
		return nil, err
	}
	if x.granted {
		if err := w.prepare(deleteGrantsSQL).int(1, int64(x.partition)).blob(2, x.uuid[:]).exec(); err != nil {
			return nil, err
		}
	}
	w.remember(x, a)
	return newClaimed(x, a, kind, r)
}

// becomeActive writes the vector and the raw members of a running execution.
func (x *execution) becomeActive(a *attempt, lease, worker, instance string, now messages.TimestampMs) {
	x.phase, x.ownership, x.eligibility = "active", "leased", "not_applicable"
	x.public, x.attemptState, x.blocking = "active", "running_attempt", ""
	x.attemptIndex = a.index
	if !x.startedAt.set {
		x.startedAt = at(now)
	}
	x.raw.setText("current_attempt_id", a.raw.text("attempt_id"))
	x.raw.setDigits("current_attempt_index", a.index)
	x.raw.setText("current_lease_id", lease)
	x.raw.setText("current_worker_id", worker)
	x.raw.setText("current_worker_instance_id", instance)
	for _, key := range []string{
		"pending_retry_reason", "pending_previous_attempt_index", "pending_replay_reason", "pending_replay_requested_by",
		"blocking_detail",
	} {
		x.raw.setJSON(key, emptyText)
	}
	x.raw.remove("delay_until")
	if a.rowid == 0 {
		count, _ := x.raw.number("total_attempt_count")
		x.raw.setDigits("total_attempt_count", max(count, 0)+1)
	}
}

// attemptTimeout returns how long the attempt may take in milliseconds, 0 for no limit: the claim's argument first, then
// the policy of the attempt, then that of the execution.
func attemptTimeout(x *execution, a *attempt, r *claimRequest) int64 {
	if r.attemptTimeout > 0 {
		return messages.Millis(r.attemptTimeout)
	}
	for _, policy := range []string{a.policy, x.policy} {
		if timeout := policyNumber(policy, "attempt_timeout_ms"); timeout > 0 {
			return timeout
		}
	}
	return 0
}

// policyNumber reads a number of policy.timeout_policy, 0 when it is not there.
func policyNumber(policy, key string) int64 {
	if policy == "" {
		return 0
	}
	var document struct {
		TimeoutPolicy map[string]json.Number `json:"timeout_policy"`
	}
	if json.Unmarshal([]byte(policy), &document) != nil {
		return 0
	}
	n, err := document.TimeoutPolicy[key].Int64()
	if err != nil {
		return 0
	}
	return n
}

func newClaimed(x *execution, a *attempt, kind messages.HandleKind, r *claimRequest) (*claimed, error) {
	attemptID, err := a.id()
	if err != nil {
		return nil, err
	}
	leaseID, err := messages.ParseLeaseID(a.leaseID())
	if err != nil {
		return nil, messages.CorruptionError("attempt", "lease_id: %v", err)
	}
	payload := messages.HandlePayload{
		ExecutionID:      x.executionID(),
		AttemptIndex:     messages.AttemptIndex(a.index), //nolint:gosec // Indexes count attempts from 0.
		AttemptID:        attemptID,
		LeaseID:          leaseID,
		LeaseEpoch:       messages.LeaseEpoch(a.epoch), //nolint:gosec // Epochs count claims from 1.
		LeaseTTL:         r.leaseTTL,
		LaneID:           x.lane,
		WorkerInstanceID: r.instanceID,
	}
	handle := messages.Handle{
		Backend: messages.BackendSqlite, Kind: kind, Opaque: messages.EncodeHandle(messages.BackendSqlite, payload),
	}
	return &claimed{execution: x, attempt: a, handle: handle, payload: payload}, nil
}

// task is all that a worker needs to begin, so that it makes no second read.
func (c *claimed) task() *messages.ClaimedTask {
	x := c.execution
	return &messages.ClaimedTask{
		Handle:            c.handle,
		ExecutionID:       c.payload.ExecutionID,
		LaneID:            x.lane,
		Namespace:         messages.Namespace(deref(x.eventScope().namespace)),
		ExecutionKind:     x.raw.text("execution_kind"),
		InputPayload:      x.payload,
		PayloadEncoding:   x.raw.text("payload_encoding"),
		Tags:              x.tags(),
		Priority:          int32(x.priority), //nolint:gosec // Clamped where it is written.
		AttemptIndex:      c.payload.AttemptIndex,
		AttemptID:         c.payload.AttemptID,
		LeaseID:           c.payload.LeaseID,
		LeaseEpoch:        c.payload.LeaseEpoch,
		LeaseExpiresAt:    messages.TimestampMs(c.attempt.leaseExpiresAt.ms),
		LeaseReclaimCount: uint32(max(x.reclaims, 0)), //nolint:gosec // Counts reclaims.
	}
}

// tags returns the string members of raw.tags, nil when there is none.
func (x *execution) tags() map[string]string {
	object := x.raw.get("tags")
	if len(object) <= len(`{}`) {
		return nil
	}
	var document document
	if document.parse(object) != nil {
		return nil
	}
	tags := make(map[string]string, len(document.members))
	for _, m := range document.members {
		if len(m.value) > 0 && m.value[0] == '"' {
			tags[m.key] = unquote(m.value)
		}
	}
	return tags
}
