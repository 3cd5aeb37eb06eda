package fftest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/internal/fftest"
)

func TestRounds(t *testing.T) {
	before := *fftest.Torture
	t.Cleanup(func() { *fftest.Torture = before })

	*fftest.Torture = false
	require.Equal(t, 3, fftest.Rounds(3, 300))
	*fftest.Torture = true
	require.Equal(t, 300, fftest.Rounds(3, 300))
}
