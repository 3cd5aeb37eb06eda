package main

// Result is one measured phase of one cell, and one line of the JSON file.
type Result struct {
	Scenario    string `json:"scenario"`
	Phase       string `json:"phase"` // enqueue, drain, overlap, latency, claim_next, claim, append, tail.
	Side        string `json:"side"`
	Engine      string `json:"engine"`
	Version     string `json:"version,omitempty"`
	Synchronous string `json:"synchronous"`
	Callers     int    `json:"callers"`
	Rep         int    `json:"rep"`

	Jobs       int64   `json:"jobs"` // Asked for.
	Done       int64   `json:"done"` // Finished before the cap.
	Seconds    float64 `json:"seconds"`
	Rate       float64 `json:"rate,omitempty"` // Done / Seconds.
	Capped     bool    `json:"capped,omitempty"`
	StartupS   float64 `json:"startup_s,omitempty"` // Work to the first handler.
	Duplicates int64   `json:"duplicates"`
	Errors     int64   `json:"errors"`
	LastError  string  `json:"last_error,omitempty"`

	Cost Cost `json:"cost"`

	// Microseconds of each sample of the latency scenario; of the tail phase, the appending call and, as the completion,
	// its return to the return of the tail. On a floor, which has no tails, that is the commit once more.
	Call      []float64 `json:"call_us,omitempty"`       // The enqueueing call.
	Start     []float64 `json:"start_us,omitempty"`      // Its return to the start of the handler.
	Completed []float64 `json:"completion_us,omitempty"` // Its beginning to the observable completion.

	Info  *Info   `json:"info,omitempty"`
	Other float64 `json:"other_cores"` // What the rest of the machine used meanwhile.
	Tries int     `json:"tries,omitempty"`
	Err   string  `json:"err,omitempty"`
}

// Cost is what a phase used, by job.
type Cost struct {
	Operations  int     `json:"operations"` // Engine operations in one job of the phase.
	Allocations float64 `json:"allocations"`
	GoBytes     float64 `json:"go_bytes"`
	CPUMicros   float64 `json:"cpu_us"`
	DiskBytes   float64 `json:"disk_bytes"`
	Syncs       float64 `json:"fsyncs,omitempty"`  // Of engines on go-sqlite3, as the next one.
	Commits     float64 `json:"commits,omitempty"` // Transactions that reached the log.
}
