package ffsqlite

import (
	"context"
	"sync"
)

// background is what goes on in an engine after the call that began it has returned. Closing waits for it.
type background struct {
	mutex   sync.Mutex
	ending  bool
	running int
	idle    chan struct{} // closed when nothing runs any more; nil: nobody waits for that
	hurry   chan struct{} // closed when those that run have no more time; nil: nothing has begun since
}

// start runs the task, unless the engine is being closed. When hurry is closed, the task is to begin nothing more.
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
	g.running++
	go func() {
		defer g.ended()
		task(hurry)
	}()
}

func (g *background) ended() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.running--
	if g.running == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

func (g *background) whenIdle() <-chan struct{} {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	idle := g.idle
	if idle == nil {
		idle = make(chan struct{})
		if g.running == 0 {
			close(idle)
		} else {
			g.idle = idle
		}
	}
	return idle
}

// tasks returns how many run.
func (g *background) tasks() int {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.running
}

// hurryUp tells those that run that they have no more time.
func (g *background) hurryUp() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.hurry != nil {
		close(g.hurry)
		g.hurry = nil
	}
}

// end lets nothing begin any more, and waits for what runs. Once ctx has ended, that is told to hurry, and the context's
// error is returned.
func (g *background) end(ctx context.Context) error {
	g.mutex.Lock()
	g.ending = true
	g.mutex.Unlock()
	idle := g.whenIdle()
	select {
	case <-idle:
		return nil
	default:
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		g.hurryUp()
		<-idle
		return ctx.Err()
	}
}
