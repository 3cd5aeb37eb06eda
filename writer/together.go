package writer

import (
	"fmt"

	"github.com/flowfabric/ffsqlite/messages"
)

// applyTogether applies the messages of a batch in order, each on what those before it have written (04 §5.7). The first
// error is that of all: the step that this is part of undoes what the others did.
func (w *Writer) applyTogether(now messages.TimestampMs, args messages.BatchArgs) ([]messages.Reply, error) {
	w.batch.whole = true
	defer func() { w.batch.whole = false }()
	replies := make([]messages.Reply, len(args.Messages))
	for i, m := range args.Messages {
		mutation, ok := m.(messages.Mutation)
		if !ok {
			return nil, messages.BugError(fmt.Sprintf("messages[%d]: %s is no mutation", i, m.Method()))
		}
		var err error
		if replies[i], err = w.dispatch(now, mutation); err != nil {
			return nil, w.atElement(err, "messages", i)
		}
	}
	return replies, nil
}

// atElement is [messages.AtElement], but for an error that ends the whole batch: its other callers get it, too.
func (w *Writer) atElement(err error, list string, i int) error {
	if err = w.check(err); w.lost != nil {
		return err
	}
	return messages.AtElement(err, list, i)
}
