package ffsqlite_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/internal/fftest"
	"github.com/flowfabric/ffsqlite/messages"
)

// Every fault of a disk that does not kill, in every phase of an engine: 02 §5.8 and docs/write-ordering.md.

// ailment is a fault of one kind of operation.
type ailment struct {
	kind  fftest.OpKind
	cause error
}

var (
	diskFull       = ailment{fftest.OpWrite, sqlite3.FULL}
	failedWrite    = ailment{fftest.OpWrite, sqlite3.IOERR_WRITE}
	failedSync     = ailment{fftest.OpSync, sqlite3.IOERR_FSYNC}
	failedTruncate = ailment{fftest.OpTruncate, sqlite3.IOERR_TRUNCATE}
	failedRead     = ailment{fftest.OpRead, sqlite3.IOERR_READ}
	shortRead      = ailment{fftest.OpRead, sqlite3.IOERR_SHORT_READ}
	failedWriting  = []ailment{diskFull, failedWrite, failedSync}
	failedReading  = []ailment{failedRead, shortRead}
)

// verdict is what a fault does to the call that meets it, and to the engine.
type verdict int

const (
	unharmed verdict = iota // nobody notices
	refused                 // the call fails, and nothing of it is stored; the engine works on
	stops                   // the engine is faulted
)

// patient is an engine on a file, of which the caches hold nothing, with one execution.
type patient struct {
	*engine

	files *fftest.FaultyVFS
	path  string
	kept  messages.ExecutionID
	asked map[messages.ExecutionID]error // what those were told who created one while the disk failed
}

const megabyte = 1 << 20

// newPatient makes the engine; or only its file, with a log, as a killed process leaves them.
func newPatient(t *testing.T, opened bool) *patient {
	t.Helper()
	e, files, path := onFaultyFiles(t)
	p := &patient{engine: e, files: files, path: path, asked: map[messages.ExecutionID]error{}}
	p.kept = e.created(func(a *messages.CreateExecutionArgs) { a.InputPayload = make([]byte, megabyte) })
	if !opened {
		p.path = crashImage(t, path)
	}
	require.NoError(t, e.Close())
	if opened {
		require.NoError(t, p.opens())
	}
	return p
}

func (p *patient) opens() error {
	b, err := ffsqlite.Open(p.t.Context(), p.path, ffsqlite.WithoutDevModeGuard(), quiet(),
		ffsqlite.WithVFS(p.files.Name()), ffsqlite.WithClock(clock.NewManual(epoch)))
	if err == nil {
		p.engine = &engine{Backend: b, t: p.t, sql: fftest.OpenSQL(p.t, b.DataSource())}
	}
	return err
}

func (p *patient) creates(payload int) error {
	id := newID()
	_, err := p.CreateExecution(p.t.Context(), args(id, func(a *messages.CreateExecutionArgs) {
		a.InputPayload = make([]byte, payload)
	}))
	p.asked[id] = err
	return err
}

func (p *patient) commits() error { return p.creates(0) }

// looks makes the writer read a page.
func (p *patient) looks() error {
	_, err := p.CreateFlow(p.t.Context(), messages.CreateFlowArgs{FlowID: messages.NewFlowID(), Namespace: namespace})
	return err
}

// reads makes a reader read a page.
func (p *patient) reads() error {
	_, err := p.ReadExecutionContext(p.t.Context(), p.kept)
	return err
}

// fills makes the log so long that the writer moves it into the file.
func (p *patient) fills() (err error) {
	for n := 0; n < 20 && err == nil; n++ {
		err = p.creates(megabyte)
		synctest.Wait()
	}
	return err
}

func (p *patient) closes() error { return p.Close() }

func TestFaults_InEveryPhase(t *testing.T) {
	for _, phase := range []struct {
		name string
		file fftest.FileKind
		meet func(*patient) error
		late bool // there is a commit in the log
		by   []ailment
		want verdict
	}{
		{"opening a file", fftest.MainFile, (*patient).opens, false, []ailment{failedRead}, refused},
		{"opening a file with a log", fftest.WALFile, (*patient).opens, false, failedReading, refused},
		{"a statement", fftest.MainFile, (*patient).looks, false, []ailment{failedRead}, refused},
		{"a commit", fftest.WALFile, (*patient).commits, false, failedWriting, refused},
		{"a read of the file", fftest.MainFile, (*patient).reads, false, []ailment{failedRead}, refused},
		{"a read of the log", fftest.WALFile, (*patient).reads, true, failedReading, refused},
		{"a checkpoint's writes", fftest.MainFile, (*patient).fills, false, []ailment{diskFull, failedWrite, failedTruncate}, unharmed},
		{"a checkpoint's sync", fftest.MainFile, (*patient).fills, false, []ailment{failedSync}, stops},
		{"a checkpoint's reads", fftest.WALFile, (*patient).fills, false, failedReading, unharmed},
		{"closing the file", fftest.MainFile, (*patient).closes, true, slices.Concat(failedWriting, []ailment{failedTruncate}), refused},
		{"closing the log", fftest.WALFile, (*patient).closes, true, slices.Concat(failedReading, []ailment{failedTruncate}), refused},
	} {
		for _, by := range phase.by {
			t.Run(phase.name+", "+by.cause.Error(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPatient(t, phase.name[:7] != "opening")
					if phase.late {
						require.NoError(t, p.commits())
					}
					met := p.fails(phase.file, by)
					err := phase.meet(p)
					synctest.Wait()
					p.files.Inject(nil)
					require.True(t, *met, "nothing failed")
					p.meets(phase.want, err, by.cause)
					p.keepsItsWord()
				})
			})
		}
	}
}

// fails makes one kind of operation on one kind of file fail, and notes that it did.
func (p *patient) fails(file fftest.FileKind, by ailment) (met *bool) {
	met = new(bool)
	fault := failing(file, by.kind, by.cause)
	if by == shortRead {
		fault = fftest.ShortReads(file)
	}
	p.files.Inject(func(o fftest.Operation) error {
		err := fault(o)
		if err != nil {
			*met = true
		}
		return err
	})
	return met
}

// meets asserts what the fault has done, which is gone now.
func (p *patient) meets(want verdict, told, cause error) {
	p.t.Helper()
	if want == unharmed {
		require.NoError(p.t, told)
	} else {
		require.ErrorIs(p.t, told, cause)
		requireStorageError(p.t, told)
	}
	switch ping := p.Ping(p.t.Context()); {
	case want == stops:
		p.faulted(cause)
	case ping != nil: // It is not open.
		require.ErrorIs(p.t, ping, messages.ErrUnavailable)
	default:
		require.NoError(p.t, p.commits())
		require.NoError(p.t, p.reads())
		require.NoError(p.t, p.looks())
		require.NoError(p.t, p.Close())
	}
}

// requireStorageError asserts that the caller is told that it was the storage, in the type of Open or of any other call.
func requireStorageError(t testing.TB, err error) {
	t.Helper()
	var opening *messages.OpenError
	if errors.As(err, &opening) {
		require.Equal(t, messages.OpenTransport, opening.Kind)
		return
	}
	require.ErrorIs(t, err, messages.ErrTransport)
}

// keepsItsWord opens the file again and finds what was acknowledged, and nothing of what was refused.
func (p *patient) keepsItsWord() {
	p.t.Helper()
	e := openAt(p.t, p.path)
	fftest.Intact(p.t, e.sql)
	e.consistent()
	require.True(p.t, has(p.t, e.Backend, p.kept))
	for id, err := range p.asked {
		require.Equal(p.t, err == nil, has(p.t, e.Backend, id))
	}
}

func TestFaults_ASlowSyncOnlyDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, files := slow(t)
		id, other := e.created(), newID()
		heard := following(e.completionsFrom(nil))
		openGate := shut(files, nil)
		cancelled, created := e.cancelling(t.Context(), id), e.creating(t.Context(), other)
		unanswered(t, cancelled)
		unanswered(t, created)
		require.Equal(t, messages.PublicWaiting, e.state(id), "readers wait for nobody, and see what is committed")
		require.Empty(t, heard)

		openGate()
		require.NoError(t, <-cancelled)
		require.NoError(t, <-created)
		synctest.Wait()
		require.Equal(t, messages.PublicCancelled, e.state(id))
		require.True(t, has(t, e.Backend, other))
		require.Len(t, heard, 1)
	})
}
