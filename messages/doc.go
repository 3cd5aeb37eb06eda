// Package messages is the vocabulary of the engine: identifiers, states, policies, errors, handles, events, and the
// arguments and results of every operation. Callers use these types; every other package of the module is written in
// them.
//
// The package holds no SQL, no goroutine and no clock, and imports nothing of the module. Its one invariant: a value
// that a constructor or a parser returned is valid, and Validate of an argument struct finds everything that can be
// wrong with the rest without looking at the database.
//
// # Texts
//
// Constants of the string types are the texts that are stored and that JSON carries. JSON names are snake_case, an
// absent optional is omitted, a duration is a number of whole milliseconds (see [Millis]), and bytes are an array of
// numbers; base64 text is accepted on read as well.
//
// # States
//
// The public state of an execution follows from its other columns, see [StateVector.DerivePublicState]:
//
//	           create                claim              complete, fail, cancel, expire
//	(nothing) ────────▶ waiting ──────────────▶ active ────────────────────────────────▶ completed, failed,
//	                    ▲  ▲  │                 │   │                                    cancelled, expired
//	    delay is due    │  │  │ edge applied    │   │ suspend
//	    ┌───────────────┘  │  ▼                 │   ▼
//	 delayed ◀─────────────┼──waiting_children  │  suspended ──▶ resumable ──▶ (claim) active
//	    ▲                  │          │         │
//	    │ retry backoff    └──────────┘         │          a dependency became impossible: skipped
//	    └───────────────────────────────────────┘
package messages
