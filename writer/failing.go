package writer

import "maps"

const (
	// restAfter is how often in a row a job fails for a row until that row rests, and restTicks for how many ticks it does.
	restAfter = 3
	restTicks = 10
	// tidyEvery is how often the failing rows are tidied up, in ticks, once there are more than tidyAbove.
	tidyEvery = 50
	tidyAbove = 500
)

// failing remembers the rows for which a job has failed of late, so that none of them costs every tick its time.
type failing map[failingRow]failures

type failingRow struct {
	job     jobID
	subject int64
}

type failures struct {
	inARow int
	last   int // the tick of the last one
}

// verdict is how the step for one row of a tick ended.
type verdict struct {
	row  failingRow
	tick int
	err  error
}

// resting reports whether the row is to be passed over in this tick.
func (f failing) resting(row failingRow, tick int) bool {
	seen, known := f[row]
	return known && seen.inARow >= restAfter && tick <= seen.last+restTicks
}

// note counts a failure; one success makes all of them forgotten.
func (f failing) note(v verdict) {
	if v.err == nil {
		delete(f, v.row)
		return
	}
	f[v.row] = failures{inARow: f[v.row].inARow + 1, last: v.tick}
	if v.tick%tidyEvery == 0 && len(f) > tidyAbove {
		maps.DeleteFunc(f, func(row failingRow, seen failures) bool {
			return row.job == v.row.job && seen.last < v.tick-tidyEvery
		})
	}
}
