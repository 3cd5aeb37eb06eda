package ffsqlite

import (
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
	sync.Mutex
	waiting    int // opens that hold or want the lock
	references int
	engine     *engine
}

// acquire returns a reference to the engine of the key, which build makes when there is none.
func acquire(key string, o *options, build func() (*engine, error)) (*engine, error) {
	e := enter(key)
	defer exit(key, e)
	if e.engine != nil {
		if err := o.differences(&e.engine.options); err != nil {
			return nil, &messages.OpenError{Kind: messages.OpenProtocol, Message: err.Error(), Err: err}
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
func release(key string, tearDown func() error) error {
	e := enter(key)
	defer exit(key, e)
	e.references--
	if e.references > 0 {
		return nil
	}
	e.engine = nil
	return tearDown()
}

func enter(key string) *entry {
	registry.Lock()
	e := registry.entries[key]
	if e == nil {
		e = &entry{}
		registry.entries[key] = e
	}
	e.waiting++
	registry.Unlock()
	e.Lock()
	return e
}

// exit also runs when build panics, so that no entry of a half-built engine stays.
func exit(key string, e *entry) {
	e.Unlock()
	registry.Lock()
	defer registry.Unlock()
	if e.waiting--; e.waiting == 0 && e.engine == nil {
		delete(registry.entries, key)
	}
}
