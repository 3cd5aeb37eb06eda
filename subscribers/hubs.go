package subscribers

import (
	"context"

	"github.com/flowfabric/ffsqlite/messages"
)

// Outbox is the read side of the outboxes that can be subscribed to. The page methods are [Pages].
type Outbox interface {
	Rows
	CompletionPage(ctx context.Context, after messages.EventID, limit int) ([]messages.CompletionEvent, error)
	LeaseHistoryPage(ctx context.Context, after messages.EventID, limit int) ([]messages.LeaseHistoryEvent, error)
}

// Hubs has the hubs of one engine. Their catching up shares the bound [CatchUpReads].
type Hubs struct {
	Completions *Hub[messages.CompletionEvent]
	Leases      *Hub[messages.LeaseHistoryEvent]
}

// NewHubs makes the hubs over an outbox. What the outbox has given out so far counts as published, so no event may
// be committed before NewHubs returns. It returns [messages.ErrTransport] when the outbox cannot be read.
func NewHubs(ctx context.Context, outbox Outbox) (*Hubs, error) {
	completion, err := outbox.HighWaterEventID(ctx, messages.FamilyCompletion)
	if err != nil {
		return nil, transportError(err, nil)
	}
	leaseHistory, err := outbox.HighWaterEventID(ctx, messages.FamilyLeaseHistory)
	if err != nil {
		return nil, transportError(err, nil)
	}

	reads := newTurns(CatchUpReads)
	return &Hubs{
		Completions: newHub(messages.FamilyCompletion, completion,
			CompletionHeader, outbox.CompletionPage, outbox, reads),
		Leases: newHub(messages.FamilyLeaseHistory, leaseHistory,
			LeaseHistoryHeader, outbox.LeaseHistoryPage, outbox, reads),
	}, nil
}
