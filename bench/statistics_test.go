package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMedian(t *testing.T) {
	require.Zero(t, median(nil))
	require.InDelta(t, 3, median([]float64{9, 3, 1}), 0)
	require.InDelta(t, 2.5, median([]float64{4, 1, 3, 2}), 0)
}

func TestPercentile(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	require.Zero(t, percentile(nil, 50))
	require.InDelta(t, 3, percentile(values, 50), 0)
	require.InDelta(t, 5, percentile(values, 99), 0)
	require.InDelta(t, 1, percentile(values, 0), 0)
	require.Equal(t, []float64{5, 1, 4, 2, 3}, values)
}

func TestSpread(t *testing.T) {
	require.Equal(t, "–", spread(nil, number))
	require.Equal(t, "1.50", spread([]float64{1.5}, number))
	require.Equal(t, "2.00 (1.00–300)", spread([]float64{300, 1, 2}, number))
}

func TestNumber(t *testing.T) {
	for value, want := range map[float64]string{0: "0.00", 0.0123: "0.012", 0.5: "0.500", 1.234: "1.23", 56.78: "56.8", 12345.6: "12346"} {
		require.Equal(t, want, number(value))
	}
}

func TestSpan(t *testing.T) {
	require.Equal(t, "999 µs", span(999))
	require.Equal(t, "1.50 ms", span(1500))
}
