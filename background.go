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
	hurry   chan struct{} // closed when those that run have no more time
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

// end lets nothing begin any more, and waits for what runs. Once ctx has ended, that is told to hurry, and the context's
// error is returned.
func (g *background) end(ctx context.Context) error {
	g.mutex.Lock()
	g.ending = true
	hurry := g.hurry
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
		if hurry != nil {
			close(hurry)
		}
		<-idle
		return ctx.Err()
	}
}
