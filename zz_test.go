package ffsqlite_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestZZ(t *testing.T) {
	for range 5 {
	synctest.Test(t, func(t *testing.T) {
		e := open(t)
		e.created()
		e.claimed()
		done := make(chan messages.ClaimNextResult, 1)
		go func() {
			r, err := e.ClaimWait(t.Context(), messages.ClaimWaitArgs{ClaimNextArgs: claimNextArgs(), MaxWait: 150 * time.Millisecond})
			require.NoError(t, err)
			done <- r
		}()
		synctest.Wait()
		e.clock.Advance(149 * time.Millisecond)
		synctest.Wait()
		require.Empty(t, done)
		e.clock.Advance(time.Millisecond)
		synctest.Wait()
		require.Len(t, done, 1)
	})
	}
}
