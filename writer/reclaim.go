package writer

import (
	"encoding/json"

	"github.com/flowfabric/ffsqlite/messages"
)

// defaultReclaimCap bounds how often an execution may lose its worker when its policy does not say.
const defaultReclaimCap = 1000

// reclaimCap is the first cap that the stored policy states (06 §2.1).
func (x *execution) reclaimCap() int64 {
	var policy struct {
		MaxReclaimCount *int64 `json:"max_reclaim_count"`
		TimeoutPolicy   struct {
			MaxReclaimCount *int64 `json:"max_reclaim_count"`
		} `json:"timeout_policy"`
	}
	if x.policy == "" || json.Unmarshal([]byte(x.policy), &policy) != nil {
		return defaultReclaimCap
	}
	switch {
	case policy.MaxReclaimCount != nil:
		return *policy.MaxReclaimCount
	case policy.TimeoutPolicy.MaxReclaimCount != nil:
		return *policy.TimeoutPolicy.MaxReclaimCount
	}
	return defaultReclaimCap
}

// reclaim takes over an execution whose lease has run out (06 §2.6): the lost attempt is closed and a new one begins.
// At the cap the execution ends as failed, and nothing is returned.
func (w *Writer) reclaim(x *execution, r *claimRequest, now messages.TimestampMs) (*claimed, error) {
	lost, highest, err := w.loadAttempt(x.partition, x.uuid)
	if err != nil {
		return nil, err
	}
	count := max(x.reclaims, 0)
	if count >= x.reclaimCap() {
		return nil, w.exhaustReclaims(x, lost, now)
	}
	if (count+1)%100 == 0 {
		w.log.Warn("an execution keeps losing its workers", "execution_id", x.executionID().String(), "reclaims", count+1)
	}
	next := &attempt{index: x.attemptIndex + 1}
	if lost != nil {
		next.index = lost.index + 1
		next.raw.setNumber("previous_attempt_index", lost.index)
		lost.outcome, lost.terminalAt, lost.leaseExpiresAt = "interrupted_reclaimed", at(now), instant{}
		if err := w.storeAttempt(x, lost); err != nil {
			return nil, err
		}
	}
	next.raw.setText("attempt_type", "reclaim")
	next.raw.setText("attempt_id", uuidText(w.source.UUID()))
	next.raw.setText("reclaim_reason", x.ownership)
	x.reclaims = count + 1
	x.raw.remove("lease_expired_at_ms")
	return w.take(x, next, highest+1, messages.HandleReclaimed, messages.LeaseReclaimed, r, now)
}

// exhaustReclaims is the transition RC of 06 §2.1.
func (w *Writer) exhaustReclaims(x *execution, lost *attempt, now messages.TimestampMs) error {
	x.raw.setText("failure_reason", "max_reclaims_exceeded")
	event := leaseEventOf(messages.LeaseRevoked, lost, "reclaim_cap")
	if lost != nil {
		lost.outcome, lost.terminalAt = "interrupted_reclaimed", at(now)
		lost.workerID, lost.workerInstanceID = nil, nil
	}
	return w.finish(x, lost, end{outcome: "failed", at: now, lease: event}, now)
}
