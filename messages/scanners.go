package messages

import (
	"time"
)

// ScannerName names one background job.
type ScannerName string

// The background jobs, in the order in which those run that are due at the same time.
const (
	ScannerExecutionDeadline    ScannerName = "execution_deadline"
	ScannerSuspensionTimeout    ScannerName = "suspension_timeout"
	ScannerAttemptTimeout       ScannerName = "attempt_timeout"
	ScannerLeaseExpiry          ScannerName = "lease_expiry"
	ScannerGrantReaper          ScannerName = "grant_reaper"
	ScannerPendingWaitpoints    ScannerName = "pending_wp_expiry"
	ScannerDelayedPromoter      ScannerName = "delayed_promoter"
	ScannerEdgeCancelDispatcher ScannerName = "edge_cancel_dispatcher"
	ScannerEdgeCancelReconciler ScannerName = "edge_cancel_reconciler"
	ScannerDependencyReconciler ScannerName = "dependency_reconciler"
	ScannerCancelReconciler     ScannerName = "cancel_reconciler"
	ScannerUnblock              ScannerName = "unblock"
	ScannerBudgetReset          ScannerName = "budget_reset"
	ScannerBudgetReconciler     ScannerName = "budget_reconciler"
	ScannerQuotaReconciler      ScannerName = "quota_reconciler"
	ScannerWorkerRegistrySweep  ScannerName = "worker_registry_ttl_sweep"
	ScannerFlowProjector        ScannerName = "flow_projector"
	ScannerIndexReconciler      ScannerName = "index_reconciler"
	ScannerStreamSweep          ScannerName = "stream_sweep"
	ScannerRetentionTrimmer     ScannerName = "retention_trimmer"
	ScannerStoreMaintenance     ScannerName = "store_maintenance"
)

// DefaultRetention is how long an ended execution is kept when neither its policy nor the configuration says otherwise.
const DefaultRetention = 24 * time.Hour

// ScannerConfig says which background jobs run by themselves, and how often. A job that waits for a stored deadline runs
// at that deadline; its interval is how soon it comes back to rows that it could not finish. The other jobs run once an
// interval. An interval of 0 disables the job, so the zero ScannerConfig disables all; [DefaultScannerConfig] enables all.
type ScannerConfig struct {
	ExecutionDeadline    time.Duration
	SuspensionTimeout    time.Duration
	AttemptTimeout       time.Duration
	LeaseExpiry          time.Duration // also of the grant reaper
	PendingWaitpoints    time.Duration
	DelayedPromoter      time.Duration
	EdgeCancelDispatcher time.Duration
	EdgeCancelReconciler time.Duration
	DependencyReconciler time.Duration
	CancelReconciler     time.Duration
	Unblock              time.Duration
	BudgetReset          time.Duration
	BudgetReconciler     time.Duration
	QuotaReconciler      time.Duration
	WorkerRegistrySweep  time.Duration
	FlowProjector        time.Duration
	IndexReconciler      time.Duration
	RetentionTrimmer     time.Duration // also of the sweep of idle streams
	StoreMaintenance     time.Duration

	// Filter selects the executions that the jobs act on; the zero value selects all.
	Filter ScannerFilter
	// Lanes is accepted and ignored: every job covers all lanes.
	Lanes []LaneID
	// RetentionPeriod is how long an ended execution is kept whose policy does not say; 0: [DefaultRetention].
	RetentionPeriod time.Duration
}

// DefaultScannerConfig returns the configuration that [Open] uses: every job, no filter.
func DefaultScannerConfig() ScannerConfig {
	return ScannerConfig{
		ExecutionDeadline:    5 * time.Second,
		SuspensionTimeout:    2 * time.Second,
		AttemptTimeout:       2 * time.Second,
		LeaseExpiry:          1500 * time.Millisecond,
		PendingWaitpoints:    5 * time.Second,
		DelayedPromoter:      750 * time.Millisecond,
		EdgeCancelDispatcher: time.Second,
		EdgeCancelReconciler: 10 * time.Second,
		DependencyReconciler: 15 * time.Second,
		CancelReconciler:     15 * time.Second,
		Unblock:              5 * time.Second,
		BudgetReset:          15 * time.Second,
		BudgetReconciler:     30 * time.Second,
		QuotaReconciler:      30 * time.Second,
		WorkerRegistrySweep:  30 * time.Second,
		FlowProjector:        15 * time.Second,
		IndexReconciler:      45 * time.Second,
		RetentionTrimmer:     60 * time.Second,
		StoreMaintenance:     60 * time.Second,
		RetentionPeriod:      DefaultRetention,
	}
}

// ScannerInterval is the interval of one job.
type ScannerInterval struct {
	Name     ScannerName
	Interval time.Duration
}

// Intervals returns the interval of every job, in the order of the jobs.
func (c ScannerConfig) Intervals() []ScannerInterval {
	return []ScannerInterval{
		{ScannerExecutionDeadline, c.ExecutionDeadline},
		{ScannerSuspensionTimeout, c.SuspensionTimeout},
		{ScannerAttemptTimeout, c.AttemptTimeout},
		{ScannerLeaseExpiry, c.LeaseExpiry},
		{ScannerGrantReaper, c.LeaseExpiry},
		{ScannerPendingWaitpoints, c.PendingWaitpoints},
		{ScannerDelayedPromoter, c.DelayedPromoter},
		{ScannerEdgeCancelDispatcher, c.EdgeCancelDispatcher},
		{ScannerEdgeCancelReconciler, c.EdgeCancelReconciler},
		{ScannerDependencyReconciler, c.DependencyReconciler},
		{ScannerCancelReconciler, c.CancelReconciler},
		{ScannerUnblock, c.Unblock},
		{ScannerBudgetReset, c.BudgetReset},
		{ScannerBudgetReconciler, c.BudgetReconciler},
		{ScannerQuotaReconciler, c.QuotaReconciler},
		{ScannerWorkerRegistrySweep, c.WorkerRegistrySweep},
		{ScannerFlowProjector, c.FlowProjector},
		{ScannerIndexReconciler, c.IndexReconciler},
		{ScannerStreamSweep, c.RetentionTrimmer},
		{ScannerRetentionTrimmer, c.RetentionTrimmer},
		{ScannerStoreMaintenance, c.StoreMaintenance},
	}
}

// Validate returns what is wrong with the configuration: an interval that is negative or below a millisecond, by the name
// of its job; a negative retention period; a filter that is no UTF-8.
func (c ScannerConfig) Validate() *Error {
	for _, job := range c.Intervals() {
		field := string(job.Name) + "_interval"
		if err := validateDuration(field, job.Interval); err != nil {
			return err
		}
		if job.Interval > 0 && job.Interval < time.Millisecond {
			return InvalidField(field, "must be >= 1ms")
		}
	}
	return firstOf(validateDuration("retention_period", c.RetentionPeriod), c.Filter.Validate())
}

// ScanReport is what one tick of a job did.
type ScanReport struct {
	Processed uint32            `json:"processed"` // rows changed
	Errors    uint32            `json:"errors"`    // rows that failed
	Skipped   uint32            `json:"skipped"`   // rows that the filter does not select, or that failed too often of late
	More      bool              `json:"more"`      // the tick ended at its bound; the next one goes on
	Actions   map[string]uint32 `json:"actions,omitempty"`
}

// StartScannersArgs starts the background jobs; the reply is a bool: whether this call started them.
type StartScannersArgs struct {
	Config ScannerConfig `json:"config"`
}

// Validate implements [Validator].
func (a StartScannersArgs) Validate() error { return firstError(a.Config.Validate()) }

// StopScannersArgs stops the background jobs.
type StopScannersArgs struct{}

// Validate implements [Validator].
func (StopScannersArgs) Validate() error { return nil }

// RunScannerTickArgs runs one tick of a job now; the reply is a [ScanReport].
type RunScannerTickArgs struct {
	Name ScannerName `json:"name"`
	Now  TimestampMs `json:"now,omitempty"` // 0: the clock of the engine
}

// Validate implements [Validator].
func (a RunScannerTickArgs) Validate() error {
	for _, job := range (ScannerConfig{}).Intervals() {
		if job.Name == a.Name {
			return nil
		}
	}
	return ValidationErrorf(CodeInvalidInput, "unknown scanner: %s", a.Name)
}

// ShutdownPrepareArgs stops what runs in the background.
type ShutdownPrepareArgs struct {
	Grace time.Duration // how long to wait for what is under way
}

// Validate implements [Validator].
func (a ShutdownPrepareArgs) Validate() error { return firstError(validateDuration("grace", a.Grace)) }

// Method returns "start_scanners".
func (StartScannersArgs) Method() string { return "start_scanners" }

// Method returns "stop_scanners".
func (StopScannersArgs) Method() string { return "stop_scanners" }

// Method returns "run_scanner_tick".
func (RunScannerTickArgs) Method() string { return "run_scanner_tick" }

// Method returns "shutdown_prepare".
func (ShutdownPrepareArgs) Method() string { return "shutdown_prepare" }

func (StartScannersArgs) isMessage()   {}
func (StopScannersArgs) isMessage()    {}
func (RunScannerTickArgs) isMessage()  {}
func (ShutdownPrepareArgs) isMessage() {}
