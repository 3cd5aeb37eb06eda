package ffsqlite

import (
	"context"

	"github.com/flowfabric/ffsqlite/messages"
)

// Batch applies up to 10,000 mutations in one commit, in order and all or nothing. A message is the argument struct of a
// method, each sees what those before it have written, and no other call comes in between. The replies are those of the
// methods, nil where a method answers only an error.
//
// The first error undoes everything and is returned as the single call would, with "messages[i]: " before its detail.
// Outcomes that are no errors, such as duplicate, do not stop the batch. Dependants are released, and waiting claims are
// answered, only after the last message. Reads, calls that wait, and a batch within a batch are ErrInvalidInput.
//
// A batch has no idempotency of its own: what its messages do when they are repeated is up to each.
func (b *Backend) Batch(ctx context.Context, mutations ...messages.Message) ([]messages.Reply, error) {
	return call[[]messages.Reply](ctx, b, messages.BatchArgs{Messages: mutations})
}
