package database

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/flowfabric/ffsqlite/messages"
)

const (
	// acquirePatience is how long a read waits for a connection when its context allows more.
	acquirePatience = 30 * time.Second

	// closePatience is how long closing waits for reads under way, and once more for those that it then interrupts.
	closePatience = time.Second

	acquireOp = "acquire_reader"
)

// Pool is the connections that read. Its methods may be called concurrently.
type Pool struct {
	idle        chan *Connection // has room for all of them
	size        int
	closed      chan struct{}
	interrupted atomic.Bool
	abandoned   atomic.Bool // closing has given up on the reads that are left; they close what they hold
}

func newPool(size int) *Pool {
	return &Pool{idle: make(chan *Connection, size), closed: make(chan struct{})}
}

// add puts a new connection into the pool, before anybody uses the pool.
func (p *Pool) add(conn *sqlite3.Conn) {
	c := &Connection{conn: conn, statements: map[string]*prepared{}}
	c.interrupt.pool = p
	p.idle <- c
	p.size++
}

// Read calls read with a connection, in one read transaction: all that it reads is of one instant. What was committed
// before Read was called is visible. When ctx ends, the statement under way is interrupted. A panic of read passes on,
// with the transaction ended.
//
// Errors: that of ctx; [messages.ErrTimeout] when no connection became free within 30 s; [messages.ErrUnavailable] when
// the database is closed; [messages.ErrRetryExhausted] when it stayed busy; [messages.ErrTransport] for any other failure
// of SQLite. Other errors of read come back as they are.
func (p *Pool) Read(ctx context.Context, read func(*Connection) error) error {
	c, err := p.acquire(ctx)
	if err != nil {
		return err
	}
	defer p.release(c)
	err = c.read(ctx, read)
	if err != nil && errors.Is(err, sqlite3.INTERRUPT) {
		if e := ctx.Err(); e != nil {
			return e
		}
		if p.interrupted.Load() {
			return messages.UnavailableError(acquireOp)
		}
	}
	return classifyResult(err)
}

// read is one read transaction.
func (c *Connection) read(ctx context.Context, read func(*Connection) error) (err error) {
	c.interrupt.Context = ctx
	c.conn.SetInterrupt(&c.interrupt)
	defer func() {
		if e := c.end(); err == nil {
			err = e
		}
		c.interrupt.Context = nil // What the caller's context holds must not live as long as the connection.
	}()
	if err := retry(ctx, c.begin); err != nil {
		return err
	}
	return read(c)
}

// acquire takes a connection out of the pool.
func (p *Pool) acquire(ctx context.Context) (*Connection, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if p.isClosed() {
		return nil, messages.UnavailableError(acquireOp)
	}
	select {
	case c := <-p.idle:
		return c, nil
	default: // Only now is a timer worth its cost.
	}
	patience, cancel := context.WithTimeout(ctx, acquirePatience)
	defer cancel()
	select {
	case c := <-p.idle:
		return c, nil
	case <-p.closed:
		return nil, messages.UnavailableError(acquireOp)
	case <-patience.Done():
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, messages.TimeoutError(acquireOp, acquirePatience)
	}
}

// release puts a connection back, or closes it when nobody waits for it any more.
func (p *Pool) release(c *Connection) {
	p.idle <- c
	if p.abandoned.Load() {
		_ = p.closeIdle() // The caller of close has been told that readers were left.
	}
}

// close refuses new reads, waits a while for those under way, interrupts the others, and closes the connections.
func (p *Pool) close() error {
	close(p.closed)
	left, err := p.collect(p.size)
	if left == 0 {
		return err
	}
	p.interrupted.Store(true)
	left, e := p.collect(left)
	err = errors.Join(err, e)
	if left == 0 {
		return err
	}
	p.abandoned.Store(true)
	return errors.Join(err, fmt.Errorf("%d of %d still read", left, p.size), p.closeIdle())
}

// collect closes up to n connections as they come back, and returns how many did not come in time.
func (p *Pool) collect(n int) (left int, err error) {
	patience, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	for ; n > 0; n-- {
		select {
		case c := <-p.idle:
			err = errors.Join(err, c.close())
		case <-patience.Done():
			return n, err
		}
	}
	return 0, err
}

// closeIdle closes the connections that nobody holds.
func (p *Pool) closeIdle() (err error) {
	for {
		select {
		case c := <-p.idle:
			err = errors.Join(err, c.close())
		default:
			return err
		}
	}
}

func (p *Pool) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}
