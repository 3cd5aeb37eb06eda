// Package actors runs the engine: the writer actor, which serialises every mutation and shares commits among callers; the
// fan-out actor, which leaves committed events with the subscribers; and the timekeeper, which wakes the writer when a
// stored deadline has come. There is no SQL here, and nothing outside of this package knows that actors exist.
//
// The one invariant: a caller hears of its mutation after the commit that holds it, and every caller hears something.
//
// # A request
//
//	            Take                    respond
//	waiting ───────────▶ taken ───────────────────▶ answered
//	 │  ▲                 │ │ │                        ▲
//	 │  └──── PutBack ────┘ │ └──▶ leaving ────────────┘   a claim: its caller stays for the answer
//	 │     a claim waits    │
//	 ▼                      ▼
//	left: skipped         abandoned: the outcome is unknown to the caller
//
// The writer and the caller that gives up move the state by compare-and-swap; the first wins.
package actors
