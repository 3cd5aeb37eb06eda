package ffsqlite

import (
	"context"
	"sync"
)

// background is what goes on for a reference after the call that began it has returned. Closing waits for it.
type background struct {
	mutex  sync.Mutex
	ending bool
	hurry  chan struct{} // closed when there is no more time
	tasks  sync.WaitGroup
}

// start runs the task, unless the reference is being closed. When hurry is closed, the task is to begin nothing more.
func (g *background) start(task func(hurry <-chan struct{})) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.ending {
		return
	}
	if g.hurry == nil {
		g.hurry = make(chan struct{})
	}
	hurry := g.hurry
	g.tasks.Go(func() { task(hurry) })
}

// end waits for the tasks, and hurries them when ctx ends. It is called once.
func (g *background) end(ctx context.Context) {
	g.mutex.Lock()
	g.ending = true
	started := g.hurry != nil
	g.mutex.Unlock()
	if !started {
		return
	}
	stop := context.AfterFunc(ctx, func() { close(g.hurry) })
	defer stop()
	g.tasks.Wait()
}
