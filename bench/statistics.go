package main

import (
	"fmt"
	"math"
	"slices"
)

// median is the middle value, or the mean of the two in the middle; 0 without values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// percentile is the nearest-rank percentile; 0 without values.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(float64(len(sorted)) * p / 100))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// spread is a set of values as "median (least–most)".
func spread(values []float64, format func(float64) string) string {
	if len(values) == 0 {
		return "–"
	}
	if len(values) == 1 {
		return format(values[0])
	}
	return fmt.Sprintf("%s (%s–%s)", format(median(values)), format(slices.Min(values)), format(slices.Max(values)))
}

// number is three significant digits or a whole number.
func number(v float64) string {
	switch size := math.Abs(v); {
	case size >= 100:
		return fmt.Sprintf("%.0f", v)
	case size >= 10:
		return fmt.Sprintf("%.1f", v)
	case size >= 1 || size == 0:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

// span is a number of microseconds with a unit.
func span(micros float64) string {
	if math.Abs(micros) >= 1000 {
		return number(micros/1000) + " ms"
	}
	return fmt.Sprintf("%.0f µs", micros)
}
