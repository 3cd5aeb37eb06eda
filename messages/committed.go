package messages

// Committed is what one transaction made true. It is shared by everyone who hears of it and must not be changed.
//
// The events are in the order of their ids. With only the highest ids set it says that rows up to these ids exist, to
// be read from the outbox.
type Committed struct {
	Completions       []CompletionEvent
	Leases            []LeaseHistoryEvent
	HighestCompletion EventID // 0: none
	HighestLease      EventID // 0: none
	Streams           []StreamChange
	Foreign           bool        // another program has changed rows, it is not known which
	NextDeadline      TimestampMs // when stored work is due next, at the earliest; 0: never
}

// StreamChange wakes those that wait for the frames of one attempt, or of one execution.
type StreamChange struct {
	Kind         StreamChangeKind
	ExecutionID  ExecutionID
	AttemptIndex AttemptIndex // of an append
}

// StreamChangeKind is what happened to a stream.
type StreamChangeKind uint8

// The kinds.
const (
	StreamAppended     StreamChangeKind = iota // a frame that is kept
	StreamAppendedLive                         // a best-effort frame
	StreamMayEnd                               // the execution, or one of its attempts, ended or lost its worker
)
