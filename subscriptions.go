package ffsqlite

import (
	"context"

	"github.com/flowfabric/ffsqlite/messages"
	"github.com/flowfabric/ffsqlite/subscribers"
)

// Subscription is a position in one outbox that follows it: for event, err := range sub.Events(). It ends with its Close,
// with the context that it was opened with, or with the engine.
type Subscription[E any] = subscribers.Subscription[E]

// SubscribeCompletion follows the end of every execution. The empty cursor begins behind what is committed now;
// messages.FromBeginning with the first event that is stored; the cursor of an event behind it, also after a restart.
// Events come in the order of their commits, each that the filter admits exactly once, and however slow the caller's loop
// is, it delays neither the writer nor another subscriber.
//
// The subscription lives until Close, the end of ctx or the close of the engine, which ends it with
// ErrStreamDisconnected and the cursor to resume from. It returns ErrInvalidInput for a cursor that is none.
func (b *Backend) SubscribeCompletion(
	ctx context.Context, cursor messages.OutboxCursor, filter messages.ScannerFilter,
) (*Subscription[messages.CompletionEvent], error) {
	return call[*Subscription[messages.CompletionEvent]](ctx, b,
		messages.SubscribeCompletionArgs{Cursor: cursor, Filter: filter})
}

// SubscribeLeaseHistory follows what happens to leases: acquired, renewed, expired, reclaimed, revoked. Its contract is
// that of [Backend.SubscribeCompletion]; the two have cursors of their own.
func (b *Backend) SubscribeLeaseHistory(
	ctx context.Context, cursor messages.OutboxCursor, filter messages.ScannerFilter,
) (*Subscription[messages.LeaseHistoryEvent], error) {
	return call[*Subscription[messages.LeaseHistoryEvent]](ctx, b,
		messages.SubscribeLeaseHistoryArgs{Cursor: cursor, Filter: filter})
}
