package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"
)

// floor writes the rows of [floorSchema] by hand: low-level API, prepared statements, one connection owned by one
// goroutine. With batch 1 each operation is one transaction. Otherwise the owner takes whatever is waiting, up to batch
// operations, gives each a savepoint, commits once and only then acknowledges; it never waits for more.
type floor struct {
	batch    int
	settings Settings
	db       *floorDB
	seen     *floorObserver
	requests chan *floorRequest
	created  chan struct{} // One token for each created row, for idle workers.
	stop     context.CancelFunc
	workers  sync.WaitGroup
	owner    sync.WaitGroup
}

type floorOperation int

const (
	floorCreate floorOperation = iota
	floorClaim
	floorComplete
	floorAppend
)

type floorRequest struct {
	operation floorOperation
	id        uuid.UUID
	job       int64
	err       error
	done      chan struct{}
}

var floorRequests = sync.Pool{New: func() any { return &floorRequest{done: make(chan struct{}, 1)} }}

// Setup opens both connections and starts the owner of the writing one.
func (f *floor) Setup(_ context.Context, s Settings) error {
	f.settings = s
	closedWriters.forget()
	var err error
	if f.db, err = openFloorDB(s.Path, s.Synchronous); err != nil {
		return err
	}
	if f.seen, err = openFloorObserver(s.Path); err != nil {
		return err
	}
	f.requests = make(chan *floorRequest, 256)
	f.created = make(chan struct{}, s.Workers)
	f.owner.Go(f.own)
	return nil
}

// own runs the transactions until the requests are closed.
func (f *floor) own() {
	group := make([]*floorRequest, 0, f.batch)
	for first := range f.requests {
		group = f.gather(append(group[:0], first))
		err := f.transact(group)
		created := 0
		for _, r := range group {
			r.err = errors.Join(r.err, err)
			if r.operation == floorCreate {
				created++
			}
			r.done <- struct{}{}
		}
		for range created {
			select {
			case f.created <- struct{}{}:
			default:
			}
		}
	}
}

// gather adds what is waiting already.
func (f *floor) gather(group []*floorRequest) []*floorRequest {
	for len(group) < f.batch {
		select {
		case r, ok := <-f.requests:
			if !ok {
				return group
			}
			group = append(group, r)
		default:
			return group
		}
	}
	return group
}

func (f *floor) transact(group []*floorRequest) error {
	if err := step(f.db.begin); err != nil {
		return err
	}
	for _, r := range group {
		if f.batch == 1 {
			r.err = f.apply(r)
			continue
		}
		r.err = step(f.db.savepoint)
		if r.err == nil {
			r.err = f.apply(r)
		}
		if r.err != nil {
			r.err = errors.Join(r.err, step(f.db.rollbackTo))
		}
		r.err = errors.Join(r.err, step(f.db.release))
	}
	return step(f.db.commit)
}

func (f *floor) apply(r *floorRequest) (err error) {
	switch r.operation {
	case floorCreate:
		return f.db.create(r.id, r.job)
	case floorClaim:
		r.id, r.job, err = f.db.claim()
		return err
	case floorComplete:
		return f.db.complete(r.id)
	case floorAppend:
		return f.db.appendFrame(r.id, r.job)
	}
	return nil
}

// do has the owner run one operation to its commit.
func (f *floor) do(operation floorOperation, id uuid.UUID, job int64) (uuid.UUID, int64, error) {
	r := floorRequests.Get().(*floorRequest)
	r.operation, r.id, r.job, r.err = operation, id, job, nil
	f.requests <- r
	<-r.done
	id, job, err := r.id, r.job, r.err
	floorRequests.Put(r)
	return id, job, err
}

// Enqueue creates one row.
func (f *floor) Enqueue(_ context.Context, job int64) (any, error) {
	id, _, err := f.do(floorCreate, uuid.New(), job)
	return id, err
}

// Work starts the claim loops.
func (f *floor) Work(ctx context.Context) error {
	ctx, f.stop = context.WithCancel(ctx)
	for range f.settings.Workers {
		f.workers.Go(func() {
			for ctx.Err() == nil {
				if err := f.workOne(ctx); err != nil {
					f.settings.Failed(err)
				}
			}
		})
	}
	return nil
}

func (f *floor) workOne(ctx context.Context) error {
	id, job, err := f.do(floorClaim, uuid.Nil, 0)
	if err != nil {
		return err
	}
	if job < 0 {
		select {
		case <-f.created:
		case <-ctx.Done():
		}
		return nil
	}
	f.settings.Handle(job)
	_, _, err = f.do(floorComplete, id, 0)
	return err
}

// Done counts terminal rows.
func (f *floor) Done(context.Context, int64) (int64, error) { return f.seen.ask(f.seen.count, nil) }

// Finished looks at one row.
func (f *floor) Finished(_ context.Context, ref any) (bool, error) {
	id := ref.(uuid.UUID)
	n, err := f.seen.ask(f.seen.one, id[:])
	return n == 1, err
}

// Describe closes the floor: its connection answers as it goes.
func (f *floor) Describe(context.Context) (Info, error) {
	err := f.Close()
	info := closedWriters.info()
	info.Pool = "1"
	info.Settings = fmt.Sprintf("one writing goroutine, up to %d operations a transaction", f.batch)
	return info, err
}

// Close ends the workers, then the owner, then the connections.
func (f *floor) Close() error {
	if f.stop != nil {
		f.stop()
		f.workers.Wait()
	}
	if f.requests != nil {
		close(f.requests)
		f.owner.Wait()
		f.requests = nil
	}
	err := errors.Join(f.seen.close(), f.db.close())
	f.seen, f.db = nil, nil
	return err
}

// floorObserver is the second connection.
type floorObserver struct {
	mu         sync.Mutex
	conn       *sqlite3.Conn
	count, one *sqlite3.Stmt
}

func openFloorObserver(path string) (*floorObserver, error) {
	conn, err := sqlite3.OpenFlags("file:"+path, sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	o := &floorObserver{conn: conn}
	if o.count, _, err = conn.Prepare("SELECT count(*) FROM e WHERE state = 'terminal'"); err != nil {
		return o, err
	}
	o.one, _, err = conn.Prepare("SELECT state = 'terminal' FROM e WHERE id = ?")
	return o, err
}

func (o *floorObserver) ask(stmt *sqlite3.Stmt, id []byte) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if id != nil {
		stmt.BindBlob(1, id)
	}
	return askNumber(stmt)
}

func (o *floorObserver) close() error {
	if o == nil {
		return nil
	}
	return errors.Join(o.count.Close(), o.one.Close(), o.conn.Close())
}
