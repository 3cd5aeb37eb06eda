package main

import "time"

const (
	quietToStart = 0.08 // Cores that the machine may be using when a cell starts.
	quietToKeep  = 0.10 // Cores that the rest of the machine may use during a cell.
)

// waitQuiet returns when the machine is quiet, or after limit.
func waitQuiet(limit time.Duration) {
	const look = 400 * time.Millisecond
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		before := machineBusy()
		time.Sleep(look)
		if (machineBusy()-before)/look.Seconds() <= quietToStart {
			return
		}
	}
}
