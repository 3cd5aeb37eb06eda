package writer_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/internal/fftest"
)

var seed = flag.Uint64("seed", 0, "play the random message sequence of this seed alone")

// refusals are writes that fail for some rows, whenever they are tried: those of the ids that end in a chosen digit.
var refusals = []struct{ write, id, also string }{
	{"INSERT ON ff_completion_event", "NEW.execution_id", "true"},
	{"INSERT ON ff_lease_event", "unhex(replace(NEW.execution_id, '-', ''))", "true"},
	{"INSERT ON ff_attempt", "NEW.execution_id", "true"},
	{"INSERT ON ff_exec_core", "NEW.execution_id", "true"},
	{"UPDATE ON ff_exec_core", "NEW.execution_id", "NEW.lifecycle_phase IN ('terminal', 'cancelled')"},
	{"INSERT ON ff_execution_capabilities", "NEW.execution_id", "true"},
	{"INSERT ON ff_exec_idempotency", "NEW.execution_id", "true"},
	{"INSERT ON ff_edge_group", "NEW.downstream_eid", "true"},
	{"UPDATE ON ff_edge", "NEW.edge_id", "true"},
}

// refuse installs some of them.
func refuse(m *machine, choice *tape) {
	m.t.Helper()
	for i, r := range refusals {
		if !choice.flip(2) {
			continue
		}
		require.NoError(m.t, m.conn.Exec(fmt.Sprintf(`
			CREATE TRIGGER refusal_%d BEFORE %s WHEN substr(hex(%s), -1) IN ('%X', '%X') AND %s
			BEGIN SELECT RAISE(ABORT, 'refused'); END`, i, r.write, r.id, choice.next(16), choice.next(16), r.also)))
	}
}

// TestTorture_OneBatchDoesWhatManyDo plays random sequences of valid and invalid messages, some of which fail in the
// middle of their writes, once in few batches and once each message in a batch of its own. The callers are told the same
// and the rows are the same, but for the ids that the writer draws.
func TestTorture_OneBatchDoesWhatManyDo(t *testing.T) {
	first, rounds := uint64(time.Now().UnixNano()), fftest.Rounds(20, 2_000) //nolint:forbidigo // A seed, printed with a failure.
	if *seed != 0 {
		first, rounds = *seed, 1
	}
	for n := range uint64(rounds) {
		t.Run(fmt.Sprintf("seed=%d", first+n), func(t *testing.T) {
			random := rand.New(rand.NewPCG(first+n, 0))
			played := make(tape, 200+random.IntN(2000))
			choice := make(tape, 64)
			for _, bytes := range []tape{played, choice} {
				for i := range bytes {
					bytes[i] = byte(random.Uint32())
				}
			}
			few := playOn(t, played, choice, false)
			many := playOn(t, played, choice, true)
			requireSame(t, many.log, few.log)
			requireSame(t, many.rows(), few.rows())
		})
	}
}

func playOn(t *testing.T, played, choice tape, single bool) *script {
	t.Helper()
	s := &script{machine: newMachine(t), tape: played, single: single}
	refuse(s.machine, &choice)
	s.play(func() {})
	return s
}

// rows is the whole database, without the ids that were drawn.
func (s *script) rows() []string {
	return strings.Split(undrawn(strings.Join(fftest.OpenSQL(s.t, s.source).Dump(), "\n")), "\n")
}

// requireSame shows the first difference between two long lists.
func requireSame(t *testing.T, want, got []string) {
	t.Helper()
	for i := range min(len(want), len(got)) {
		require.Equal(t, want[i], got[i], "line %d of %d", i, len(want))
	}
	require.Len(t, got, len(want))
}
