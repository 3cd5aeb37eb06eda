package ffsqlite

import (
	"context"

	"github.com/flowfabric/ffsqlite/messages"
)

// SetExecutionTag gives one tag of an execution a value, in whatever state the execution is; any text is one. A value that
// is new is an event in the tag outbox. It returns ErrInvalidTagKey for a key that is not of the form namespace.name, and
// ErrExecutionNotFound.
func (b *Backend) SetExecutionTag(ctx context.Context, args messages.SetExecutionTagArgs) error {
	return run(ctx, b, args)
}

// GetExecutionTag returns the value of one tag, nil when the execution or the tag does not exist.
func (b *Backend) GetExecutionTag(ctx context.Context, id messages.ExecutionID, key string) (*string, error) {
	return call[*string](ctx, b, messages.GetExecutionTagArgs{ExecutionID: id, Key: key})
}

// SetFlowTag gives one tag of a flow a value, in whatever state the flow is. It returns ErrInvalidTagKey and
// ErrFlowNotFound as [Backend.SetExecutionTag] does. Tags of flows write no event.
func (b *Backend) SetFlowTag(ctx context.Context, args messages.SetFlowTagArgs) error {
	return run(ctx, b, args)
}

// GetFlowTag returns the value of one tag, nil when the flow or the tag does not exist.
func (b *Backend) GetFlowTag(ctx context.Context, id messages.FlowID, key string) (*string, error) {
	return call[*string](ctx, b, messages.GetFlowTagArgs{FlowID: id, Key: key})
}

// GetExecutionNamespace returns the namespace of an execution, nil when there is no such execution.
func (b *Backend) GetExecutionNamespace(ctx context.Context, id messages.ExecutionID) (*string, error) {
	return call[*string](ctx, b, messages.GetExecutionNamespaceArgs{ExecutionID: id})
}
