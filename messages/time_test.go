package messages_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestMillis(t *testing.T) {
	for duration, want := range map[time.Duration]int64{
		0:                                     0,
		time.Nanosecond:                       1,
		time.Millisecond - time.Nanosecond:    1,
		time.Millisecond:                      1,
		2*time.Millisecond - time.Nanosecond:  1,
		1500 * time.Millisecond:               1500,
		-time.Nanosecond:                      0,
		-1500*time.Microsecond - time.Second:  -1001,
		24*time.Hour + 3*time.Millisecond + 7: 86_400_003,
	} {
		require.Equal(t, want, messages.Millis(duration), duration)
	}
}

func TestTimestampMs(t *testing.T) {
	at := time.Date(2024, time.May, 4, 12, 30, 0, 999_999_999, time.UTC)
	require.Equal(t, at.Truncate(time.Millisecond), messages.TimestampOf(at).Time())
	require.Equal(t, messages.LeaseEpoch(8), messages.LeaseEpoch(7).Next())
	require.Equal(t, messages.AttemptIndex(1), messages.AttemptIndex(0).Next())
}
