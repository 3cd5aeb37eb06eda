package messages

// Committed is what one transaction made true. It is shared by everyone who hears of it and must not be changed.
//
// The events are in the order of their ids. With only the highest ids set it says that rows up to these ids exist, to
// be read from the outbox.
type Committed struct {
	Completions       []CompletionEvent
	Leases            []LeaseHistoryEvent
	HighestCompletion EventID     // 0: none
	HighestLease      EventID     // 0: none
	NextDeadline      TimestampMs // when stored work is due next, at the earliest; 0: never
}
