package subscribers

// The bounds of delivery. All of them are counts; the comment names the unit.
const (
	// SubscriberBuffer is how many events wait in the mailbox of one subscription. A batch that does not fit makes it
	// lag. The loop may hold as many again, which it has taken and not yet yielded.
	SubscriberBuffer = 256

	// PageRows is how many rows one page of catching up has.
	PageRows = 256

	// TailEvents is how many of its last events a family with subscribers keeps in memory, rounded up to whole batches.
	TailEvents = 4096

	// CatchUpReads is how many loops of an engine read the database at a time; the others wait for their turn.
	CatchUpReads = 8

	// ReadTries is how many times one read is tried before it counts as failed.
	ReadTries = 3

	// keptEvents is the capacity, in events, up to which a loop that goes to sleep keeps a buffer of copies. It keeps an
	// idle subscription small.
	keptEvents = 8

	// keptBatches is the capacity, in batches, up to which a loop that goes to sleep keeps a list of batches.
	keptBatches = 32
)
