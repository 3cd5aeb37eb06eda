package messages

import "cmp"

// Capabilities is what a backend is and can do.
type Capabilities struct {
	Identity BackendIdentity `json:"identity"`
	Supports Supports        `json:"supports"`
}

// BackendIdentity names a backend and its release.
type BackendIdentity struct {
	Family      string         `json:"family"`
	Version     BackendVersion `json:"version"`
	RFC017Stage string         `json:"rfc017_stage"`
}

// BackendVersion is a release.
type BackendVersion struct {
	Major uint32 `json:"major"`
	Minor uint32 `json:"minor"`
	Patch uint32 `json:"patch"`
}

// Compare orders releases: negative when v is older than other, 0 when they are the same.
func (v BackendVersion) Compare(other BackendVersion) int {
	return cmp.Or(
		cmp.Compare(v.Major, other.Major),
		cmp.Compare(v.Minor, other.Minor),
		cmp.Compare(v.Patch, other.Patch),
	)
}

// Supports tells a caller which operations a backend serves.
type Supports struct {
	CancelExecution              bool `json:"cancel_execution"`
	ChangePriority               bool `json:"change_priority"`
	ReplayExecution              bool `json:"replay_execution"`
	RevokeLease                  bool `json:"revoke_lease"`
	ReadExecutionState           bool `json:"read_execution_state"`
	ReadExecutionInfo            bool `json:"read_execution_info"`
	GetExecutionResult           bool `json:"get_execution_result"`
	BudgetAdmin                  bool `json:"budget_admin"`
	QuotaAdmin                   bool `json:"quota_admin"`
	RotateWaitpointHMACSecretAll bool `json:"rotate_waitpoint_hmac_secret_all"`
	SeedWaitpointHMACSecret      bool `json:"seed_waitpoint_hmac_secret"`
	ListPendingWaitpoints        bool `json:"list_pending_waitpoints"`
	CancelFlowHeader             bool `json:"cancel_flow_header"`
	CancelFlowWaitTimeout        bool `json:"cancel_flow_wait_timeout"`
	CancelFlowWaitIndefinite     bool `json:"cancel_flow_wait_indefinite"`
	AckCancelMember              bool `json:"ack_cancel_member"`
	ClaimForWorker               bool `json:"claim_for_worker"`
	IssueReclaimGrant            bool `json:"issue_reclaim_grant"`
	Prepare                      bool `json:"prepare"`
	SubscribeLeaseHistory        bool `json:"subscribe_lease_history"`
	SubscribeCompletion          bool `json:"subscribe_completion"`
	SubscribeSignalDelivery      bool `json:"subscribe_signal_delivery"`
	SubscribeInstanceTags        bool `json:"subscribe_instance_tags"`
	StreamDurableSummary         bool `json:"stream_durable_summary"`
	StreamBestEffortLive         bool `json:"stream_best_effort_live"`
	RegisterWorker               bool `json:"register_worker"`
	HeartbeatWorker              bool `json:"heartbeat_worker"`
	MarkWorkerDead               bool `json:"mark_worker_dead"`
	ListExpiredLeases            bool `json:"list_expired_leases"`
	ListWorkers                  bool `json:"list_workers"`
	ReleaseAdmission             bool `json:"release_admission"`
	ReadQuotaPolicyLimits        bool `json:"read_quota_policy_limits"`
	BlockExecutionForAdmission   bool `json:"block_execution_for_admission"`
	ReadBudgetUsageAndLimits     bool `json:"read_budget_usage_and_limits"`
}

// PrepareOutcomeKind says what preparing a backend did.
type PrepareOutcomeKind string

// The outcomes of preparing.
const (
	PrepareNoop    PrepareOutcomeKind = "noop"    // there was nothing to do
	PrepareApplied PrepareOutcomeKind = "applied" // Description says what was done
)

// PrepareOutcome is the result of preparing a backend.
type PrepareOutcome struct {
	Outcome     PrepareOutcomeKind `json:"outcome"`
	Description string             `json:"description,omitempty"`
}
