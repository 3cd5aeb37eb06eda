package actors

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/writer"
)

// The messages about background jobs. The writer answers each on its channel; what it sets before is there then.
type (
	startScanners struct {
		config  messages.ScannerConfig
		started *bool
		done    chan<- error
	}
	stopScanners struct{ done chan<- error }
	askTick      struct {
		tick   *writer.Tick
		report *messages.ScanReport
		done   chan<- error
	}
	nextPortion struct{} // go on with the tick that somebody asked for
)

// StartScanners makes the background jobs run by themselves. It reports false, and changes nothing, if they do already.
func (e *Engine) StartScanners(ctx context.Context, args messages.StartScannersArgs) (bool, error) {
	started, done := false, make(chan error, 1)
	if err := e.ask(ctx, args.Method(), startScanners{args.Config, &started, done}, done); err != nil {
		return false, err
	}
	return started, nil
}

// shortest is the interval at which to look for rows that others have changed: that of the job that wants to know soonest.
func shortest(config messages.ScannerConfig) time.Duration {
	interval := lookInterval
	for _, job := range config.Intervals() {
		if job.Interval > 0 {
			interval = min(interval, job.Interval)
		}
	}
	return interval
}

// StopScanners ends what runs by itself, after the portion that is under way.
func (e *Engine) StopScanners(ctx context.Context) error {
	done := make(chan error, 1)
	return e.ask(ctx, messages.StopScannersArgs{}.Method(), stopScanners{done}, done)
}

// RunScannerTick runs one tick of a job and returns what it did when that is committed.
func (e *Engine) RunScannerTick(ctx context.Context, args messages.RunScannerTickArgs) (messages.ScanReport, error) {
	var report messages.ScanReport
	tick, err := writer.NewTick(args.Name, args.Now)
	if err != nil {
		return report, messages.UnavailableError(args.Method())
	}
	done := make(chan error, 1)
	if err := e.ask(ctx, args.Method(), askTick{tick, &report, done}, done); err != nil {
		return messages.ScanReport{}, err
	}
	return report, nil
}

// ShutdownPrepare stops the background jobs and waits for what is under way, for the grace period at most. It returns
// [messages.ErrTimeout] when that was too short; 0 does not wait.
func (e *Engine) ShutdownPrepare(ctx context.Context, grace time.Duration) error {
	begun := e.clock.Now()
	patience, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	err := e.StopScanners(patience)
	if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if grace == 0 {
		return nil
	}
	e.log.Warn("background work goes on at the end of the grace period", "tasks", 1, "grace", grace)
	return messages.TimeoutError(messages.ShutdownPrepareArgs{}.Method(), e.clock.Since(begun))
}

func (a *writerActor) startScanners(ctx actor.Context, m startScanners) {
	a.finish(ctx)
	err := a.fault
	if err == nil {
		*m.started, err = a.writer.StartScanners(m.config, a.now())
		a.tell(a.writer.NextDeadline())
	}
	if *m.started {
		a.lookEvery(shortest(m.config), m.done)
		return
	}
	m.done <- err
}

func (a *writerActor) stopScanners(ctx actor.Context, m stopScanners) {
	a.finish(ctx)
	a.writer.StopScanners()
	m.done <- nil
}

// ask queues a tick. Ticks run one after the other, portion by portion, between the messages of callers.
func (a *writerActor) ask(ctx actor.Context, m askTick) {
	a.asked = append(a.asked, m)
	if len(a.asked) == 1 {
		a.nextPortion(ctx)
	}
}

// nextPortion runs the next portion of the first tick in the queue.
func (a *writerActor) nextPortion(ctx actor.Context) {
	for len(a.asked) > 0 && !a.ticking {
		if a.fault != nil || a.closed {
			a.dismissTicks()
			return
		}
		if err := a.begin(ctx); err != nil {
			a.answerTick(err)
			continue
		}
		a.ticking = true
		a.writer.RunTick(a.asked[0].tick, a.now())
	}
}

// ticked is told how the batch of the portion ended.
func (a *writerActor) ticked(ctx actor.Context, err error) {
	if !a.ticking {
		return
	}
	a.ticking = false
	report, failure, done := a.asked[0].tick.Done()
	switch {
	case err != nil:
		a.answerTick(err)
	case done:
		*a.asked[0].report = report
		a.answerTick(failure)
	}
	if len(a.asked) > 0 {
		ctx.Send(ctx.Self(), nextPortion{})
	}
}

// answerTick tells the caller of the first tick how it ended.
func (a *writerActor) answerTick(err error) {
	a.writer.DropTick(a.asked[0].tick)
	a.asked[0].done <- err
	a.asked = a.asked[1:]
}

// dismissTicks ends the ticks that are not done.
func (a *writerActor) dismissTicks() {
	why := a.fault
	if why == nil {
		why = messages.UnavailableError(messages.RunScannerTickArgs{}.Method())
	}
	a.ticking = false
	for len(a.asked) > 0 {
		a.answerTick(why)
	}
}
