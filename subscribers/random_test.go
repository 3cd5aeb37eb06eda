package subscribers_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the randomized tests, 0 for a random one")

// newSeed is the seed of a randomized test. It is printed and can be given back.
func newSeed(t *testing.T) uint64 {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("repeat with -seed=%d", seed)
	return seed
}

// temperament is how a random subscriber behaves.
type temperament int

const (
	eager    temperament = iota // reads what comes
	slow                        // lets everybody else run after each event
	stuck                       // does not read before the writer is done
	moody                       // leaves its loop and comes back
	restless                    // closes and subscribes again with its cursor
	temperaments
)

// follower is a random subscriber.
type follower struct {
	*engine
	rng    *rand.Rand
	nature temperament
	filter messages.ScannerFilter
	done   <-chan struct{} // the writer is done

	start messages.EventID
	got   []messages.EventID
}

var (
	randomTags       = []string{"i-1", "i-2", "i-3", "i-4", "i-5"}
	randomNamespaces = []string{"tenant-a", "tenant-b"}
)

// TestRandom compares what many subscribers of all kinds get with what the outbox has behind their cursors, while a
// writer commits and the fan-out lags, fails and recovers.
func TestRandom(t *testing.T) {
	const (
		followers    = 120
		transactions = 400
	)
	seed := newSeed(t)
	e := newEngine(t, 50)
	for id := messages.EventID(0); id < 100_000; id += 3 {
		e.tags[execution(0, id)] = "x"
	}

	done := make(chan struct{})
	var all sync.WaitGroup
	everyone := make([]*follower, followers)
	for i := range everyone {
		f := newFollower(e, rand.New(rand.NewPCG(seed, uint64(i))), done)
		everyone[i] = f
		all.Go(func() {
			if err := f.follow(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	writeRandomly(t, e, rand.New(rand.NewPCG(seed, followers)), transactions)
	close(done)
	all.Wait()

	for _, f := range everyone {
		want := e.ids(f.start, f.passes)
		require.NotEmpty(t, f.got)
		require.GreaterOrEqual(t, len(want), len(f.got))
		require.Equal(t, want[:len(f.got)], f.got, "%v after %d", f.nature, f.start)
	}
	require.Zero(t, e.hub.Stats().Subscribers)
	require.Zero(t, e.hub.Stats().Lagging)
}

// writeRandomly commits transactions, of which the hub hears at once, later, or only by their highest id, and ends with
// rows that match every filter.
func writeRandomly(t *testing.T, e *engine, rng *rand.Rand, transactions int) {
	t.Helper()
	for range transactions {
		rows := make([]event, 1+rng.IntN(20))
		if rng.IntN(50) == 0 {
			rows = make([]event, 300)
		}
		for i := range rows {
			rows[i] = randomRow(rng)
		}
		if rng.IntN(20) == 0 {
			e.mu.Lock()
			rows[0].EventID = e.last() + 1 + messages.EventID(rng.IntN(5))
			e.mu.Unlock()
		}
		rows = e.insert(rows...)

		switch rng.IntN(20) {
		case 0: // is found with the next one
		case 1:
			e.hub.Skip(rows[len(rows)-1].EventID)
		case 2:
			require.NoError(t, e.hub.Refresh(t.Context(), rows[len(rows)-1].EventID))
		default:
			e.publish(t, rows)
		}
		runtime.Gosched()
	}

	var rows []event
	for _, namespace := range randomNamespaces {
		for _, tag := range randomTags {
			for range 3 { // one of three has the tag that is looked up
				row := labelled(namespace, tag)
				row.RawOutcome = last
				rows = append(rows, row)
			}
		}
	}
	e.write(t, rows...)
}

// randomRow is a row with or without a namespace and a tag.
func randomRow(rng *rand.Rand) event {
	var namespace, tag string
	if rng.IntN(3) > 0 {
		namespace = randomNamespaces[rng.IntN(len(randomNamespaces))]
	}
	if rng.IntN(3) > 0 {
		tag = randomTags[rng.IntN(len(randomTags))]
	}
	return labelled(namespace, tag)
}

// newFollower is a subscriber of a random kind.
func newFollower(e *engine, rng *rand.Rand, done <-chan struct{}) *follower {
	f := &follower{engine: e, rng: rng, nature: temperament(rng.IntN(int(temperaments))), done: done}
	if rng.IntN(3) == 0 {
		f.filter.Namespace = messages.Namespace(randomNamespaces[rng.IntN(len(randomNamespaces))])
	}
	switch rng.IntN(4) {
	case 0:
		f.filter = f.filter.WithInstanceTag(messages.InstanceTagKey, randomTags[rng.IntN(len(randomTags))])
	case 1:
		f.filter = f.filter.WithInstanceTag("team", "x")
	}
	return f
}

// passes is the filter in the plainest words.
func (f *follower) passes(row *event) bool {
	if f.filter.Namespace != "" && (row.Namespace == nil || *row.Namespace != string(f.filter.Namespace)) {
		return false
	}
	switch tag := f.filter.InstanceTag; {
	case tag == nil:
		return true
	case tag.Key == "team":
		return row.EventID%3 == 0
	default:
		return row.InstanceTag != nil && *row.InstanceTag == tag.Value
	}
}

// follow subscribes somewhere and reads until the last row.
func (f *follower) follow(ctx context.Context) error {
	for range f.rng.IntN(200) {
		runtime.Gosched()
	}
	cursor := []messages.OutboxCursor{
		nil, messages.FromBeginning(), messages.CursorAfter(messages.EventID(f.rng.IntN(50))),
	}[f.rng.IntN(3)]
	s, err := f.hub.Subscribe(ctx, cursor, f.filter)
	if err != nil {
		return err
	}
	if f.start, _, err = s.Cursor().Position(messages.FamilyCompletion); err != nil {
		return err
	}
	if f.nature == stuck {
		<-f.done
	}

	for over := false; !over; {
		if over, err = f.loop(s); err != nil {
			return fmt.Errorf("after %d: %w", f.got, err)
		}
		if !over && f.nature == restless {
			cursor = s.Cursor()
			if err = s.Close(); err != nil {
				return err
			}
			if s, err = f.hub.Subscribe(ctx, cursor, f.filter); err != nil {
				return err
			}
		}
	}
	return s.Close()
}

// loop is one loop, and reports whether it saw the last row.
func (f *follower) loop(s *subscription) (over bool, err error) {
	most := f.rng.IntN(100)
	for got, err := range s.Events() {
		if err != nil {
			return false, err
		}
		f.got = append(f.got, got.EventID)
		most--
		switch {
		case got.RawOutcome == last:
			return true, nil
		case f.nature == slow:
			for range f.rng.IntN(20) {
				runtime.Gosched()
			}
		case f.nature >= moody && most < 0:
			return false, nil
		}
	}
	return false, fmt.Errorf("the loop ended by itself")
}

// TestStress opens, reads, looks at and ends subscriptions in every way at once, until the hub closes under them.
func TestStress(t *testing.T) {
	seed := newSeed(t)
	e := newEngine(t, 1000)
	var all sync.WaitGroup
	for i := range 16 {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		all.Go(func() {
			for stressOne(t, e, rng) {
				continue
			}
		})
	}
	for range 3000 {
		e.writeEach(t, 1)
		e.hub.Stats()
	}
	e.hub.Close(nil)
	all.Wait()
	require.Zero(t, e.hub.Stats().Subscribers)
	require.Zero(t, e.hub.Stats().Lagging)
}

// stressOne lives through one subscription, and reports whether the hub is still open.
func stressOne(t *testing.T, e *engine, rng *rand.Rand) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cursor := []messages.OutboxCursor{nil, messages.FromBeginning(), messages.CursorAfter(999)}[rng.IntN(3)]
	s, err := e.hub.Subscribe(ctx, cursor, []messages.ScannerFilter{{}, in("tenant-a")}[rng.IntN(2)])
	if err != nil {
		return false
	}

	r := reading(s)
	for range rng.IntN(100) {
		runtime.Gosched()
		s.Cursor()
	}
	if rng.IntN(2) == 0 {
		cancel()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	ids, _ := r.ended()
	for i := 1; i < len(ids); i++ {
		if ids[i] != ids[i-1]+1 {
			t.Errorf("%d follows %d", ids[i], ids[i-1])
		}
	}
	return true
}
