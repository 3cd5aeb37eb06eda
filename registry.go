package ffsqlite

import (
	"context"
	"errors"
	"sync"

	"github.com/flowfabric/ffsqlite/messages"
)

// registry holds the open engines of the process by the key of their database, so that two opens of one database share
// one writer. Different databases never wait for each other.
var registry = struct {
	sync.Mutex
	entries map[string]*entry
}{entries: map[string]*entry{}}

// entry is one database that is open, opening or closing. Its lock is held while an engine is built or torn down.
type entry struct {
	lock       chan struct{} // one slot, full while it is held
	waiting    int           // who holds or wants the lock; guarded by the registry's
	references int
	engine     *engine
}

// acquire returns a reference to the engine of the key, which build makes when there is none. One that exists is asked
// whether it may be shared. While somebody else builds or tears down, it waits until ctx ends.
func acquire(
	ctx context.Context, key string, build func() (*engine, error), share func(*engine) error,
) (*engine, error) {
	e, err := enter(ctx, key)
	if err != nil {
		return nil, err
	}
	defer exit(key, e)
	if e.engine != nil {
		if err := share(e.engine); err != nil {
			return nil, err
		}
		e.references++
		return e.engine, nil
	}
	built, err := build()
	if err != nil {
		return nil, err
	}
	e.engine, e.references = built, 1
	return built, nil
}

// release drops one reference; tearDown stops the engine with the last.
func release(ctx context.Context, key string, tearDown func() error) error {
	e, err := enter(context.WithoutCancel(ctx), key) // A reference is given back, however long that takes.
	if err != nil {
		return err
	}
	defer exit(key, e)
	e.references--
	if e.references > 0 {
		return nil
	}
	e.engine = nil
	return tearDown()
}

func enter(ctx context.Context, key string) (*entry, error) {
	registry.Lock()
	e := registry.entries[key]
	if e == nil {
		e = &entry{lock: make(chan struct{}, 1)}
		registry.entries[key] = e
	}
	e.waiting++
	registry.Unlock()
	select {
	case e.lock <- struct{}{}:
		return e, nil
	case <-ctx.Done():
		forget(key, e)
		return nil, gaveUp(ctx.Err())
	}
}

// exit also runs when build panics, so that no entry of a half-built engine stays.
func exit(key string, e *entry) {
	<-e.lock
	forget(key, e)
}

// forget removes the entry when the last who wanted it goes and leaves no engine in it.
func forget(key string, e *entry) {
	registry.Lock()
	defer registry.Unlock()
	if e.waiting--; e.waiting == 0 && e.engine == nil {
		delete(registry.entries, key)
	}
}

// gaveUp is an Open whose context ended while another opened or closed the same database.
func gaveUp(cause error) error {
	kind := messages.OpenTransport
	if errors.Is(cause, context.DeadlineExceeded) {
		kind = messages.OpenTimeout
	}
	return &messages.OpenError{Kind: kind, Message: "wait for another open", Err: cause}
}
