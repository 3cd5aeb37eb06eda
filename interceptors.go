package ffsqlite

import (
	"context"
	"fmt"

	"github.com/flowfabric/ffsqlite/messages"
)

// Next runs the rest of a call: the interceptors further in, then the engine.
type Next func(ctx context.Context, message messages.Message) (messages.Reply, error)

// Interceptor wraps every call, reads and writes alike. The message is the argument struct of the method and names it by
// Method. Calling next runs the rest; returning without it rejects the call. Subscriptions are seen when they are opened.
// An interceptor may be called by many goroutines at once.
type Interceptor func(ctx context.Context, message messages.Message, next Next) (messages.Reply, error)

// chain puts the interceptors around the engine, the first outermost.
func chain(interceptors []Interceptor, innermost Next) Next {
	next := innermost
	for i := len(interceptors) - 1; i >= 0; i-- {
		intercept, rest := interceptors[i], next
		next = func(ctx context.Context, message messages.Message) (messages.Reply, error) {
			return intercept(ctx, message, rest)
		}
	}
	return next
}

// call runs one method and gives its reply the method's type. An interceptor that answers for the engine with another
// type is told so.
func call[R any](ctx context.Context, b *Backend, message messages.Message) (R, error) {
	return ask[R](ctx, b.next, message)
}

// ask is call along a chain of interceptors.
func ask[R any](ctx context.Context, next Next, message messages.Message) (R, error) {
	var typed R
	reply, err := next(ctx, message)
	if err != nil || reply == nil {
		return typed, err
	}
	typed, ok := reply.(R)
	if !ok {
		return typed, messages.BugError(fmt.Sprintf("%s: reply of type %T", message.Method(), reply))
	}
	return typed, nil
}

// run is call for a method that answers only an error.
func run(ctx context.Context, b *Backend, message messages.Message) error {
	_, err := b.next(ctx, message)
	return err
}
