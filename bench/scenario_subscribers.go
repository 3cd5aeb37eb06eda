package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// deliveryTimeout is how long the listeners may take to hear of everything once it is committed.
const deliveryTimeout = 30 * time.Second

// subscribers measures s1b while listeners follow the completions. The phase ends when the last of them has heard of
// the last completion, or with that completion if they are stuck; these begin to read then. Each listener is at last
// checked to have had every event of its own, once, in order.
func subscribers(ctx context.Context, c *cell) ([]Result, error) {
	e := &ffsqliteEngine{tenants: c.spec.Side.Tenants}
	if err := c.open(ctx, e, c.spec.Jobs+warmUp, c.spec.Callers, nil); err != nil {
		return nil, err
	}
	defer e.Close()
	crowd, err := listen(ctx, e.backend, c.spec.Side)
	if err != nil {
		return nil, err
	}
	r, err := c.overlap(ctx, e, func(ctx context.Context, end, _ time.Time) (time.Time, error) {
		if len(crowd.listeners) == 0 || c.spec.Side.Stuck {
			return end, nil
		}
		if err := crowd.await(ctx, e.seen); err != nil {
			return end, err
		}
		return time.Now(), nil
	})
	if err != nil {
		return nil, err
	}
	e.stopWork()
	if c.spec.Side.Stuck {
		crowd.follow()
	}
	if err := crowd.check(ctx, e.seen); err != nil {
		return nil, err
	}
	return c.describe(ctx, e, []Result{r})
}

// crowd is all listeners of a cell.
type crowd struct {
	listeners []*listener
	listening sync.WaitGroup
}

// listener follows the completions, of one tenant or of all.
type listener struct {
	tenant       string // Empty for all.
	subscription *ffsqlite.Subscription[messages.CompletionEvent]
	last         atomic.Int64
	heard        tally // Of the loop, until it has ended.
	failure      atomic.Pointer[error]
}

// listen subscribes before there is anything to hear of. Stuck listeners do not read yet: they begin live, so that what is
// pushed to them fills their mailboxes.
func listen(ctx context.Context, backend *ffsqlite.Backend, side Side) (*crowd, error) {
	c := &crowd{}
	cursor := messages.FromBeginning()
	if side.Stuck {
		cursor = nil
	}
	for n := range side.Subscribers {
		l := &listener{}
		var filter messages.ScannerFilter
		if side.Filtered {
			l.tenant = tenant(int64(n) % side.Tenants)
			filter = filter.WithInstanceTag(messages.InstanceTagKey, l.tenant)
		}
		var err error
		if l.subscription, err = backend.SubscribeCompletion(ctx, cursor, filter); err != nil {
			return nil, err
		}
		c.listeners = append(c.listeners, l)
	}
	if !side.Stuck {
		c.follow()
	}
	return c, nil
}

// follow lets every listener read.
func (c *crowd) follow() {
	for _, l := range c.listeners {
		c.listening.Go(l.follow)
	}
}

func (l *listener) follow() {
	for event, err := range l.subscription.Events() {
		if err == nil {
			err = l.hear(event)
		}
		if err != nil {
			l.failure.Store(&err)
			return
		}
	}
}

func (l *listener) hear(event messages.CompletionEvent) error {
	id := int64(event.EventID)
	if id <= l.heard.last {
		return fmt.Errorf("event %d came after event %d", id, l.heard.last)
	}
	if l.tenant != "" && (event.InstanceTag == nil || *event.InstanceTag != l.tenant) {
		return fmt.Errorf("event %d belongs to another tenant than %s", id, l.tenant)
	}
	l.heard = l.heard.plus(tally{1, id, id})
	l.last.Store(id)
	return nil
}

// await returns when every listener has heard of what is committed now.
func (c *crowd) await(ctx context.Context, seen *ffsqliteObserver) error {
	if len(c.listeners) == 0 {
		return nil
	}
	stored, err := seen.completions()
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(deliveryTimeout); ; time.Sleep(500 * time.Microsecond) {
		late, err := c.late(stored)
		if err != nil || late == 0 {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d subscribers have not heard of all completions in %s", late, deliveryTimeout)
		}
	}
}

// late counts the listeners that have still to hear of something stored.
func (c *crowd) late(stored map[string]tally) (int, error) {
	late := 0
	for _, l := range c.listeners {
		if failure := l.failure.Load(); failure != nil {
			return 0, *failure
		}
		if l.last.Load() < l.share(stored).last {
			late++
		}
	}
	return late, nil
}

// share is what a listener should hear of.
func (l *listener) share(stored map[string]tally) tally {
	if l.tenant != "" {
		return stored[l.tenant]
	}
	var all tally
	for _, t := range stored {
		all = all.plus(t)
	}
	return all
}

// check waits for the end of the deliveries, ends the subscriptions and compares what was heard with what is stored.
// Nothing may be committed any more.
func (c *crowd) check(ctx context.Context, seen *ffsqliteObserver) error {
	if err := c.await(ctx, seen); err != nil {
		return err
	}
	stored, err := seen.completions()
	if err != nil {
		return err
	}
	for _, l := range c.listeners {
		err = errors.Join(err, l.subscription.Close())
	}
	c.listening.Wait()
	for n, l := range c.listeners {
		if want := l.share(stored); l.heard != want {
			err = errors.Join(err, fmt.Errorf("subscriber %d heard %+v, stored is %+v", n, l.heard, want))
		}
	}
	return err
}
