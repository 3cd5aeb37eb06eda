package database

import (
	"context"
	"time"

	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/messages"
)

// retryPauses lie between the tries of [Retry]: there is one try more than pauses.
var retryPauses = [...]time.Duration{5 * time.Millisecond, 10 * time.Millisecond}

// tries is how often a busy operation is tried in all. The busy timeout of the settings is one bound over all of them:
// a connection waits a share of it at each try (see [Settings]).
const tries = len(retryPauses) + 1

// Retry runs op, and while it fails because the database is busy ([IsBusy]) runs it again, at most three times in all, 5
// ms and 10 ms apart. op must have no effect when it fails.
//
// It returns [messages.ErrRetryExhausted], with the Transport error as its cause, when the third try is busy too; any
// other failure of SQLite as Transport, at once.
func Retry(op func() error) error { return retry(context.Background(), op) }

// retry is Retry that gives up between two tries when ctx ends.
func retry(ctx context.Context, op func() error) error {
	for _, pause := range retryPauses {
		err := op()
		if !IsBusy(err) {
			return classifyResult(err)
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
	}
	err := op()
	if !IsBusy(err) {
		return classifyResult(err)
	}
	exhausted := messages.ContentionError(messages.CodeRetryExhausted, "")
	exhausted.Err = Classify(err)
	return exhausted
}

// wait returns after d, or with the error of ctx when it ends before.
func wait(ctx context.Context, d time.Duration) error {
	over := make(chan struct{})
	timer := clock.System().AfterFunc(d, func() { close(over) })
	defer timer.Stop()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
