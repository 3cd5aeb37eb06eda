package writer

import (
	"errors"
	"slices"

	"github.com/flowfabric/ffsqlite/messages"
)

// jobID names a background job; jobs that are due together run in this order.
type jobID int

const (
	executionDeadline jobID = iota
	attemptDeadline
	leaseExpiry
	grantReaper
	delayedPromoter
	edgeCancelDispatcher
	edgeCancelReconciler
	dependencyReconciler
	cancelReconciler
	flowProjector
	streamSweep
	retentionTrimmer
	storeMaintenance
	jobCount
)

// job is one background job. Its rows are whatever its statement selects; the driver (ticks.go) knows them by number.
type job struct {
	name messages.ScannerName
	// portion is the most rows of one message, so that the messages of callers never wait long behind it.
	portion int
	// earliest is the statement for the earliest stored deadline behind ?1. A job that has one runs at that deadline, and
	// whoever stores a deadline says so with deadlines.lower. A job without one, a walk, runs once an interval.
	earliest string
	// rows selects up to a portion of what may be due, behind the place of the tick and in the order of places.
	rows func(w *Writer, t *tick, most int) ([]row, error)
	// step does the job for one row, in a step of its own. It checks everything anew, so that a message that came first
	// wins, and tells what it did.
	step func(w *Writer, t *tick, subject int64) (action, error)
}

// jobs is the table of all background jobs. One row is one job: its name, its portion, what drives it, which rows it looks
// at, and what it does to one.
var jobs = [jobCount]job{
	executionDeadline: {
		messages.ScannerExecutionDeadline, 100,
		nextExecutionDeadlineSQL, due(dueExecutionDeadlinesSQL), onExecution((*Writer).expireDeadline),
	},
	attemptDeadline: {
		messages.ScannerAttemptTimeout, 100,
		nextAttemptTimeoutSQL, due(dueAttemptTimeoutsSQL), onExecution((*Writer).expireAttempt),
	},
	leaseExpiry: {
		messages.ScannerLeaseExpiry, 50,
		nextLeaseExpirySQL, due(dueLeasesSQL), onExecution((*Writer).expireLease),
	},
	grantReaper: {
		messages.ScannerGrantReaper, 500,
		nextGrantExpirySQL, due(dueGrantsSQL), (*Writer).reapGrant,
	},
	delayedPromoter: {
		messages.ScannerDelayedPromoter, 50,
		nextDelaySQL, due(dueDelaysSQL), onExecution((*Writer).promote),
	},
	edgeCancelDispatcher: {
		messages.ScannerEdgeCancelDispatcher, 50,
		nextPendingGroupSQL, due(duePendingGroupsSQL), (*Writer).dispatchSiblings,
	},
	edgeCancelReconciler: {
		messages.ScannerEdgeCancelReconciler, 50,
		"", due(duePendingGroupsSQL), (*Writer).reconcileSiblings,
	},
	dependencyReconciler: {
		messages.ScannerDependencyReconciler, 50,
		"", (*Writer).unsettled, (*Writer).settle,
	},
	cancelReconciler: {
		messages.ScannerCancelReconciler, 100,
		nextBacklogSQL, (*Writer).dueBacklogMembers, (*Writer).reconcileCancel,
	},
	flowProjector: {
		messages.ScannerFlowProjector, 100,
		"", (*Writer).flowsToProject, (*Writer).projectFlow,
	},
	streamSweep: {
		messages.ScannerStreamSweep, 50,
		nextSweepSQL, due(idleStreamsSQL), (*Writer).sweepStream,
	},
	retentionTrimmer: {
		messages.ScannerRetentionTrimmer, 20,
		"", (*Writer).longEnded, onExecution((*Writer).trimExecution),
	},
	storeMaintenance: {
		messages.ScannerStoreMaintenance, 1,
		"", (*Writer).hasExpiredKeys, (*Writer).deleteExpiredKeys,
	},
}

func jobNamed(name messages.ScannerName) (jobID, bool) {
	j := slices.IndexFunc(jobs[:], func(j job) bool { return j.name == name })
	return jobID(j), j >= 0
}

// action is what a step did to its row. Beside those below a job has names of its own for it, which its report counts.
type action string

const (
	nothing action = ""        // what the row was selected for holds no longer
	skipped action = "skipped" // the filter does not select the row
	changed action = "changed" // counted, but not by name
)

// did is changed if something was.
func did(something bool) action {
	if something {
		return changed
	}
	return nothing
}

// row is one row for a job to look at: where it stands in the order of the job, and what the step is given.
type row struct {
	place

	subject int64
}

// place is a position in the order in which a job looks at its rows. Within a group, key comes first.
type place struct {
	group  int64
	key    int64
	number int64
}

var errEnough = errors.New("enough rows")

// due are the rows of a job that a deadline drives. The statement selects deadline, row number and subject, in this order,
// behind the place ?1, ?2 and at most ?3; what is not due yet ends it.
func due(sql string) func(w *Writer, t *tick, most int) ([]row, error) {
	return func(w *Writer, t *tick, most int) (rows []row, err error) {
		s := w.prepare(sql).int(1, t.place.key).int(2, t.place.number).int(3, int64(most))
		err = s.each(func() error {
			r := row{place: place{key: s.stmt.ColumnInt64(0), number: s.stmt.ColumnInt64(1)}, subject: s.stmt.ColumnInt64(2)}
			if r.key > int64(t.now) {
				return errEnough
			}
			rows = append(rows, r)
			return nil
		})
		if errors.Is(err, errEnough) {
			err = nil
		}
		return rows, err
	}
}

// onExecution is the step of a job whose subjects are rows of ff_exec_core: it loads the execution and passes over what
// the filter does not select.
func onExecution(
	do func(w *Writer, x *execution, now messages.TimestampMs) (action, error),
) func(w *Writer, t *tick, subject int64) (action, error) {
	return func(w *Writer, t *tick, subject int64) (action, error) {
		x, err := w.loadExecutionRow(subject)
		if x == nil || err != nil {
			return nothing, err
		}
		if !t.selects(x) {
			return skipped, nil
		}
		return do(w, x, t.now)
	}
}

// selects applies the filter of the tick to an execution.
func (t *tick) selects(x *execution) bool {
	if t.filter.IsNoop() {
		return true
	}
	var tag *string
	if t.filter.InstanceTag != nil {
		tag = x.tag(t.filter.InstanceTag.Key)
	}
	return t.filter.Matches(x.raw.pointer("namespace"), tag)
}
