package ffsqlite

import (
	"context"
	"time"

	"github.com/flowfabric/ffsqlite/messages"
)

// StartScanners makes the background jobs run by themselves. [Open] has done so, unless WithoutScanners was given; it is
// for after [Backend.StopScanners] and [Backend.ShutdownPrepare]. It reports false, and changes nothing, while they run;
// of two racing calls exactly one reports true. ErrInvalidInput names an interval that is negative or below 1 ms.
func (b *Backend) StartScanners(ctx context.Context, config messages.ScannerConfig) (started bool, err error) {
	return call[bool](ctx, b, messages.StartScannersArgs{Config: config})
}

// StopScanners ends what runs by itself, after the portion that is under way. What became due meanwhile is done by the
// next [Backend.StartScanners].
func (b *Backend) StopScanners(ctx context.Context) error {
	return run(ctx, b, messages.StopScannersArgs{})
}

// RunScannerTick runs one tick of one job now, whether or not the job runs by itself, and returns what it did when that
// is committed. Now is used for what is due and for the timestamps, past or future; 0 is the clock of the engine. A second
// call with the same now finds nothing. Ticks of a job never overlap. ErrInvalidInput says that there is no such job,
// ErrUnavailable that this engine does not have it.
func (b *Backend) RunScannerTick(
	ctx context.Context, name messages.ScannerName, now messages.TimestampMs,
) (messages.ScanReport, error) {
	return call[messages.ScanReport](ctx, b, messages.RunScannerTickArgs{Name: name, Now: now})
}

// ShutdownPrepare quiesces the engine before the process goes away: the background jobs stop, tails of streams
// return empty pages, further reads of streams get ErrUnavailable, and it waits for what is under way, the members that
// [Backend.CancelFlowRequest] cancels in the background too, up to grace; 0 does not wait. Other methods keep working.
// ErrTimeout says that the grace period was too short; members that were not reached stay in the backlog of their flow. A
// second call returns nil at once.
func (b *Backend) ShutdownPrepare(ctx context.Context, grace time.Duration) error {
	return run(ctx, b, messages.ShutdownPrepareArgs{Grace: grace})
}

// PromoteDelayed makes a delayed execution eligible if its time has come; the job delayed_promoter does so by itself. A
// due execution is claimable with or without it. It keeps its place in the queue and its attempt.
func (b *Backend) PromoteDelayed(
	ctx context.Context, args messages.PromoteDelayedArgs,
) (messages.PromoteDelayedResult, error) {
	return call[messages.PromoteDelayedResult](ctx, b, args)
}

// ExpireExecution ends an execution as expired whose deadline has passed, or ends its attempt if that takes too long: the
// stored retry policy decides whether another attempt follows. The jobs execution_deadline and attempt_timeout do so by
// themselves. The former holder gets ErrExecutionNotActive, or ErrLeaseConflict after the next claim.
func (b *Backend) ExpireExecution(
	ctx context.Context, args messages.ExpireExecutionArgs,
) (messages.ExpireExecutionResult, error) {
	return call[messages.ExpireExecutionResult](ctx, b, args)
}

// MarkLeaseExpiredIfDue makes an execution whose lease has run out reclaimable; the job lease_expiry does so by itself. It
// stays active; the next claim of its lane takes it over, and the former holder gets ErrLeaseExpired.
func (b *Backend) MarkLeaseExpiredIfDue(
	ctx context.Context, id messages.ExecutionID,
) (messages.MarkLeaseExpiredIfDueResult, error) {
	return call[messages.MarkLeaseExpiredIfDueResult](ctx, b, messages.MarkLeaseExpiredIfDueArgs{ExecutionID: id})
}

// TrimRetention deletes executions of one lane that ended at least the retention period ago, or as long ago as their policy
// says, with all that is stored of them; the oldest first, up to the batch size. It returns how many: call again while that
// is the batch size. The job retention_trimmer does so by itself. An execution stays whose cascade has not run, or on which
// one depends that has not ended. A subscriber that is so far behind misses the events that are gone.
func (b *Backend) TrimRetention(ctx context.Context, args messages.TrimRetentionArgs) (uint32, error) {
	return call[uint32](ctx, b, args)
}

// ListExpiredLeases returns a page of the leases that have run out and were not taken over, marked or not, in the order in
// which they ran out; those of one millisecond in the order of the texts of their execution ids. Cursor is nil when the
// page is not full.
func (b *Backend) ListExpiredLeases(
	ctx context.Context, args messages.ListExpiredLeasesArgs,
) (messages.ListExpiredLeasesResult, error) {
	return call[messages.ListExpiredLeasesResult](ctx, b, args)
}
