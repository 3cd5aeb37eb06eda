package writer_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/internal/fftest"
)

// unreachable counts the events of an outbox that retention would not find with their executions.
const unreachable = `
SELECT count(*)
  FROM ff_%[1]s_event
 WHERE previous_event_id IS NOT NULL
   AND event_id NOT IN (
       WITH RECURSIVE chain (event_id) AS (
         SELECT %[1]s_event_id FROM ff_attempt
          UNION
         SELECT e.previous_event_id FROM chain JOIN ff_%[1]s_event AS e USING (event_id))
       SELECT event_id FROM chain WHERE event_id IS NOT NULL)`

// TestDeletion_FindsEveryEvent looks at the chains that random sequences of messages leave.
func TestDeletion_FindsEveryEvent(t *testing.T) {
	t.Parallel()
	var longer int64
	for n := range uint64(8) {
		random := rand.New(rand.NewPCG(n, 1))
		played := make(tape, 2000)
		for i := range played {
			played[i] = byte(random.Uint32())
		}
		s := &script{machine: newMachine(t), tape: played}
		s.play(func() {})
		sql := fftest.OpenSQL(t, s.source)
		for _, family := range []string{"lease", "completion"} {
			require.Zero(t, sql.Int(fmt.Sprintf(unreachable, family)), "%s, seed %d", family, n)
		}
		longer += sql.Int("SELECT count(*) FROM ff_lease_event WHERE previous_event_id > 0")
	}
	require.Positive(t, longer, "chains of more than one event")
}
