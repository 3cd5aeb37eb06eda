package subscribers

import (
	"context"
	"errors"

	"github.com/flowfabric/ffsqlite/messages"
)

// Pages reads one family: up to limit events with ids greater than after, in ascending order. An empty page without
// an error says that no event with a greater id is stored; a page that is merely short says nothing. A row that cannot
// be decoded is an error that matches [messages.ErrCorruption] and carries the row's own cursor; it comes with the
// events before that row. No read transaction stays open between two calls. Pages are read concurrently.
type Pages[E any] func(ctx context.Context, after messages.EventID, limit int) ([]E, error)

// Rows answers the questions about the database that are the same for every family. It is asked concurrently.
type Rows interface {
	// HighestEventID is the greatest id in the family's outbox now, 0 when it is empty.
	HighestEventID(ctx context.Context, family messages.Family) (messages.EventID, error)

	// HighWaterEventID is the greatest id that the family's outbox ever gave out, 0 when it gave out none.
	HighWaterEventID(ctx context.Context, family messages.Family) (messages.EventID, error)

	// ExecutionTag is the current value of a tag, nil when the execution or the tag is missing.
	ExecutionTag(ctx context.Context, id messages.ExecutionID, key string) (*string, error)
}

// turns bounds how many loops of an engine read at a time.
type turns chan struct{}

// newTurns lets n readers in at a time.
func newTurns(n int) turns {
	return make(turns, n)
}

// read waits for a turn and then tries read up to ReadTries times. It gives up at once when ctx ends, and on a row
// that cannot be decoded, which no further try could mend.
func (t turns) read(ctx context.Context, read func() error) error {
	select {
	case t <- struct{}{}:
		defer func() { <-t }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return try(ctx, read)
}

// try is read without a turn.
func try(ctx context.Context, read func() error) error {
	var err error
	for range ReadTries {
		err = read()
		if err == nil || ctx.Err() != nil || errors.Is(err, messages.ErrCorruption) {
			return err
		}
	}
	return err
}

// transportError is cause as the end of a subscription or of a call: of the kind Transport, and with the cursor from
// which to resume.
func transportError(cause error, cursor messages.OutboxCursor) error {
	var typed *messages.Error
	end := messages.TransportError(cause)
	if errors.As(cause, &typed) && errors.Is(typed, messages.ErrTransport) {
		known := *typed
		end = &known
	}
	end.Cursor = cursor
	return end
}
