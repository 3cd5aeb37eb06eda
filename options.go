package ffsqlite

import (
	"log/slog"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/flowfabric/ffsqlite/actors"
	"github.com/flowfabric/ffsqlite/clock"
	"github.com/flowfabric/ffsqlite/database"
	"github.com/flowfabric/ffsqlite/messages"
)

// Synchronous says when a commit of a file database is on disk.
type Synchronous = database.Synchronous

const (
	// Full syncs at every commit: what was answered survives a power cut. It is the default.
	Full = database.Full
	// Normal syncs at checkpoints: what was answered survives the end of the process, a power cut may lose the last of it.
	Normal = database.Normal
)

// WriteLimits bound a batch of the writer, which is what shares one commit, and the mutations under way. A zero field
// means its default.
type WriteLimits = actors.Limits

// Option changes how [Open] opens an engine.
type Option func(*options)

// options are by value and never change after Open, so that two opens of one database can be compared.
type options struct {
	devMode       bool
	noGuard       bool
	poolSize      int
	wal           bool
	synchronous   Synchronous
	vfs           string
	busyTimeout   time.Duration
	clock         clock.Clock
	shutdownGrace time.Duration
	scanners      *messages.ScannerConfig // nil: none before StartScanners
	limits        actors.Limits
	interceptors  []Interceptor
	log           *slog.Logger
}

func defaultOptions() options {
	scanners := messages.DefaultScannerConfig()
	return options{
		poolSize:      4,
		wal:           true,
		synchronous:   Full,
		busyTimeout:   5 * time.Second,
		clock:         clock.System(),
		shutdownGrace: 15 * time.Second,
		scanners:      &scanners,
		limits:        actors.DefaultLimits(),
		log:           slog.Default(),
	}
}

// with returns the options as changed by what a caller gave.
func (o options) with(given []Option) options {
	for _, option := range given {
		option(&o)
	}
	return o
}

// WithDevMode acknowledges in code that SQLite is for development: it does for this Open what FF_DEV_MODE=1 does for the
// process. Tests, examples and dev servers use it.
func WithDevMode() Option { return func(o *options) { o.devMode = true } }

// WithoutDevModeGuard switches the guard and its banner off: the program chooses SQLite as its store knowingly.
func WithoutDevModeGuard() Option { return func(o *options) { o.noGuard = true } }

// WithPoolSize sets the number of connections: one writes, the others read. At least 1; there is always one reader.
// Defaults to 4.
func WithPoolSize(n int) Option { return func(o *options) { o.poolSize = n } }

// WithWAL says whether a file database uses a write-ahead log, which lets readers read beside the writer. Defaults to
// true.
func WithWAL(on bool) Option { return func(o *options) { o.wal = on } }

// WithSynchronous sets when a commit of a file database is on disk. Defaults to [Full].
func WithSynchronous(s Synchronous) Option { return func(o *options) { o.synchronous = s } }

// WithVFS opens a file database through a VFS that is registered with go-sqlite3: encryption, checksums, fault injection.
func WithVFS(name string) Option { return func(o *options) { o.vfs = name } }

// WithBusyTimeout sets how long a statement waits for another process that holds the database. Defaults to 5 s.
func WithBusyTimeout(d time.Duration) Option { return func(o *options) { o.busyTimeout = d } }

// WithClock sets the clock of the engine: it stamps rows and decides every lease, delay and deadline. Tests give a manual
// one. Defaults to the clock of the system.
func WithClock(c clock.Clock) Option { return func(o *options) { o.clock = c } }

// WithShutdownGrace sets how long [Backend.Close] lets the writer work off the calls that are under way. Defaults to 15 s.
func WithShutdownGrace(d time.Duration) Option { return func(o *options) { o.shutdownGrace = d } }

// WithScanners sets which background jobs run by themselves from the start, and how often. Defaults to all of them, as
// [messages.DefaultScannerConfig] says.
func WithScanners(config messages.ScannerConfig) Option {
	return func(o *options) { o.scanners = &config }
}

// WithoutScanners leaves the background jobs to [Backend.StartScanners] and [Backend.RunScannerTick]: until then no lease,
// delay or deadline ends by itself, though every claim sees those that have passed.
func WithoutScanners() Option { return func(o *options) { o.scanners = nil } }

// WithMaxWaitingClaims bounds the claims that wait for work at once; a further one gets ErrResourceExhausted. Defaults to
// 10,000.
func WithMaxWaitingClaims(n int) Option { return func(o *options) { o.limits.WaitingClaims = n } }

// WithWriteLimits bounds the batches of the writer and the mutations under way.
func WithWriteLimits(l WriteLimits) Option {
	return func(o *options) {
		set := func(to *int, n int) {
			if n != 0 {
				*to = n
			}
		}
		set(&o.limits.Operations, l.Operations)
		set(&o.limits.Bytes, l.Bytes)
		set(&o.limits.InFlight, l.InFlight)
		set(&o.limits.WaitingClaims, l.WaitingClaims)
		if l.Duration != 0 {
			o.limits.Duration = l.Duration
		}
	}
}

// WithInterceptors wraps every call, the first outermost.
func WithInterceptors(i ...Interceptor) Option {
	return func(o *options) { o.interceptors = append(o.interceptors, i...) }
}

// WithLogger sets where the engine logs. Defaults to slog.Default().
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.log = l } }

const bannerText = "FlowFabric SQLite backend active (FF_DEV_MODE=1). This backend is dev-only; single-writer, " +
	"single-process, not supported in production. See RFC-023."

// checkGuard passes if the program or its environment says that this is development.
func (o *options) checkGuard() error {
	if o.noGuard || o.devMode || os.Getenv("FF_DEV_MODE") == "1" {
		return nil
	}
	return messages.ErrRequiresDevMode
}

// validate names the first option that is out of bounds.
func (o *options) validate() *messages.Error {
	if o.clock == nil {
		return messages.InvalidField("clock", "must not be nil")
	}
	if o.log == nil {
		return messages.InvalidField("logger", "must not be nil")
	}
	for _, interceptor := range o.interceptors {
		if interceptor == nil {
			return messages.InvalidField("interceptors", "must not be nil")
		}
	}
	if o.busyTimeout < 0 {
		return messages.InvalidField("busy_timeout", "must not be negative")
	}
	if o.shutdownGrace < 0 {
		return messages.InvalidField("shutdown_grace", "must not be negative")
	}
	if o.scanners != nil {
		if err := o.scanners.Validate(); err != nil {
			return err
		}
	}
	if o.synchronous != Full && o.synchronous != Normal {
		return messages.InvalidField("synchronous", "must be Full or Normal")
	}
	for _, bound := range []struct {
		field string
		n     int64
	}{
		{"pool_size", int64(o.poolSize)},
		{"write_limits.operations", int64(o.limits.Operations)},
		{"write_limits.bytes", int64(o.limits.Bytes)},
		{"write_limits.duration", int64(o.limits.Duration)},
		{"write_limits.in_flight", int64(o.limits.InFlight)},
		{"max_waiting_claims", int64(o.limits.WaitingClaims)},
	} {
		if bound.n <= 0 {
			return messages.InvalidField(bound.field, "must be > 0")
		}
	}
	return nil
}

// agree returns the options of a further reference to an engine: those in force, and of what the caller gave only what
// belongs to a reference, the guard, the logger and the interceptors. Anything else that differs is refused by name.
func (o options) agree(given []Option) (options, error) {
	o.interceptors = nil
	wanted := o.with(given)
	return wanted, wanted.differences(&o)
}

func (o *options) differences(other *options) error {
	limits, otherLimits := o.limits, other.limits
	limits.WaitingClaims, otherLimits.WaitingClaims = 0, 0 // An option of its own.
	var names []string
	for _, option := range []struct {
		name  string
		equal bool
	}{
		{"pool_size", o.poolSize == other.poolSize},
		{"wal", o.wal == other.wal},
		{"synchronous", o.synchronous == other.synchronous},
		{"vfs", o.vfs == other.vfs},
		{"busy_timeout", o.busyTimeout == other.busyTimeout},
		{"clock", sameClock(o.clock, other.clock)},
		{"shutdown_grace", o.shutdownGrace == other.shutdownGrace},
		{"scanners", reflect.DeepEqual(o.scanners, other.scanners)},
		{"max_waiting_claims", o.limits.WaitingClaims == other.limits.WaitingClaims},
		{"write_limits", limits == otherLimits},
	} {
		if !option.equal {
			names = append(names, option.name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return refused(messages.ValidationErrorf(messages.CodeInvalidInput,
		"location already open with different options: %s", strings.Join(names, ", ")))
}

// refused is what Open returns for arguments that are wrong.
func refused(cause *messages.Error) error {
	return &messages.OpenError{Kind: messages.OpenProtocol, Message: cause.Detail, Err: cause}
}

func sameClock(a, b clock.Clock) bool {
	return reflect.TypeOf(a).Comparable() && reflect.TypeOf(b).Comparable() && a == b
}
