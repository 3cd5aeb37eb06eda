package actors

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStragglers_WaitWhileItPays(t *testing.T) {
	t.Parallel()
	var s stragglers
	require.False(t, s.wait(3, 3), "nobody is under way")
	for range 10 {
		require.True(t, s.wait(1, 3))
		s.came(2)
	}

	// Turns that nobody uses become rare, and never cease.
	waits := 0
	for range 320 {
		if s.wait(1, 2) {
			waits++
			s.came(1)
		}
	}
	require.Equal(t, 1+1+1+1+1+9, waits, "after 0, 1, 3, 7, 15 and then 31 batches without one")

	for waits := false; !waits; {
		waits = s.wait(1, 2)
	}
	s.came(2)
	require.True(t, s.wait(1, 2), "one that pays off brings them back")
}
