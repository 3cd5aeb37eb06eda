package subscribers

import "github.com/flowfabric/ffsqlite/messages"

// Header is what a hub has to know of an event, whatever its family.
type Header struct {
	EventID     messages.EventID
	ExecutionID messages.ExecutionID
	Namespace   *string // nil when the column is NULL
	InstanceTag *string // nil when the column is NULL
}

// CompletionHeader is the header of an event of the completion family.
func CompletionHeader(event *messages.CompletionEvent) Header {
	return Header{
		EventID:     event.EventID,
		ExecutionID: event.ExecutionID,
		Namespace:   event.Namespace,
		InstanceTag: event.InstanceTag,
	}
}

// LeaseHistoryHeader is the header of an event of the lease history family.
func LeaseHistoryHeader(event *messages.LeaseHistoryEvent) Header {
	return Header{
		EventID:     event.EventID,
		ExecutionID: event.ExecutionID,
		Namespace:   event.Namespace,
		InstanceTag: event.InstanceTag,
	}
}
