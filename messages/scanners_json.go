package messages

import (
	"encoding/json"
	"time"
)

// named are the intervals of the configuration, each by the job that it is named for.
func (c *ScannerConfig) named() map[ScannerName]*time.Duration {
	return map[ScannerName]*time.Duration{
		ScannerExecutionDeadline:    &c.ExecutionDeadline,
		ScannerSuspensionTimeout:    &c.SuspensionTimeout,
		ScannerAttemptTimeout:       &c.AttemptTimeout,
		ScannerLeaseExpiry:          &c.LeaseExpiry,
		ScannerPendingWaitpoints:    &c.PendingWaitpoints,
		ScannerDelayedPromoter:      &c.DelayedPromoter,
		ScannerEdgeCancelDispatcher: &c.EdgeCancelDispatcher,
		ScannerEdgeCancelReconciler: &c.EdgeCancelReconciler,
		ScannerDependencyReconciler: &c.DependencyReconciler,
		ScannerCancelReconciler:     &c.CancelReconciler,
		ScannerUnblock:              &c.Unblock,
		ScannerBudgetReset:          &c.BudgetReset,
		ScannerBudgetReconciler:     &c.BudgetReconciler,
		ScannerQuotaReconciler:      &c.QuotaReconciler,
		ScannerWorkerRegistrySweep:  &c.WorkerRegistrySweep,
		ScannerFlowProjector:        &c.FlowProjector,
		ScannerIndexReconciler:      &c.IndexReconciler,
		ScannerRetentionTrimmer:     &c.RetentionTrimmer,
		ScannerStoreMaintenance:     &c.StoreMaintenance,
	}
}

type scannerConfigJSON struct {
	Intervals       map[ScannerName]millis `json:"intervals_ms,omitempty"`
	Filter          ScannerFilter          `json:"filter,omitzero"`
	Lanes           []LaneID               `json:"lanes,omitempty"`
	RetentionPeriod millis                 `json:"retention_period_ms,omitempty"`
}

// MarshalJSON writes the intervals by the names of the jobs, without those that are disabled.
func (c ScannerConfig) MarshalJSON() ([]byte, error) {
	wire := scannerConfigJSON{map[ScannerName]millis{}, c.Filter, c.Lanes, millis(c.RetentionPeriod)}
	for name, interval := range c.named() {
		if *interval != 0 {
			wire.Intervals[name] = millis(*interval)
		}
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads the configuration; a job without an interval is disabled.
func (c *ScannerConfig) UnmarshalJSON(text []byte) error {
	var wire scannerConfigJSON
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*c = ScannerConfig{Filter: wire.Filter, Lanes: wire.Lanes, RetentionPeriod: time.Duration(wire.RetentionPeriod)}
	for name, interval := range c.named() {
		*interval = time.Duration(wire.Intervals[name])
	}
	return nil
}

type shutdownPrepareJSON struct {
	Grace millis `json:"grace_ms"`
}

// MarshalJSON writes the grace period in milliseconds.
func (a ShutdownPrepareArgs) MarshalJSON() ([]byte, error) {
	return json.Marshal(shutdownPrepareJSON{millis(a.Grace)})
}

// UnmarshalJSON reads the arguments.
func (a *ShutdownPrepareArgs) UnmarshalJSON(text []byte) error {
	var wire shutdownPrepareJSON
	err := json.Unmarshal(text, &wire)
	a.Grace = time.Duration(wire.Grace)
	return err
}
