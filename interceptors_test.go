package ffsqlite_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// Interceptors: 07 §8, first paragraphs.

var errRejected = errors.New("rejected")

// rejecting is an interceptor that notes the methods it sees and lets none pass.
func rejecting() (ffsqlite.Interceptor, func() []string) {
	var mu sync.Mutex
	var seen []string
	intercept := func(_ context.Context, message messages.Message, _ ffsqlite.Next) (messages.Reply, error) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, message.Method())
		return nil, errRejected
	}
	return intercept, func() []string {
		mu.Lock()
		defer mu.Unlock()
		taken := seen
		seen = nil
		return taken
	}
}

// snake is the upstream name of a method.
func snake(method string) string {
	var text strings.Builder
	runes := []rune(method)
	for i, r := range runes {
		// A word begins at a capital, but for those within an initialism such as ID.
		within := i > 0 && unicode.IsUpper(runes[i-1]) && (i+1 == len(runes) || unicode.IsUpper(runes[i+1]))
		if unicode.IsUpper(r) && i > 0 && !within {
			text.WriteByte('_')
		}
		text.WriteRune(unicode.ToLower(r))
	}
	return text.String()
}

func TestInterceptors_SeeEveryCallOnce(t *testing.T) {
	intercept, seen := rejecting()
	e := open(t, ffsqlite.WithInterceptors(intercept))
	all := calls(e.Backend)
	require.GreaterOrEqual(t, len(all), 26)
	for name, call := range all {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, call(t.Context()), errRejected, "a call must return what the interceptor says")
			require.Equal(t, []string{snake(name)}, seen())
		})
	}
}

func TestInterceptors_TheFirstIsOutermost(t *testing.T) {
	var order []string
	named := func(name string) ffsqlite.Interceptor {
		return func(ctx context.Context, message messages.Message, next ffsqlite.Next) (messages.Reply, error) {
			order = append(order, name+" before "+message.Method())
			reply, err := next(ctx, message)
			order = append(order, name+" after")
			return reply, err
		}
	}
	e := open(t, ffsqlite.WithInterceptors(named("first"), named("second")), ffsqlite.WithInterceptors(named("third")))
	require.NoError(t, e.Ping(t.Context()))
	require.Equal(t, []string{
		"first before ping", "second before ping", "third before ping", "third after", "second after", "first after",
	}, order)
}

func TestInterceptors_RejectBeforeTheEngine(t *testing.T) {
	intercept, _ := rejecting()
	var inner int
	count := func(ctx context.Context, message messages.Message, next ffsqlite.Next) (messages.Reply, error) {
		inner++
		return next(ctx, message)
	}
	e := open(t, ffsqlite.WithInterceptors(intercept, count))
	before := e.sql.Dump()
	result, err := e.CreateExecution(t.Context(), args(newID()))
	require.ErrorIs(t, err, errRejected)
	require.Zero(t, result)
	sub, err := e.SubscribeLeaseHistory(t.Context(), nil, messages.ScannerFilter{})
	require.ErrorIs(t, err, errRejected)
	require.Nil(t, sub)
	require.Zero(t, inner)
	require.Equal(t, before, e.sql.Dump())
}

func TestInterceptors_SeeArgumentsRepliesAndErrors(t *testing.T) {
	type seen struct {
		message messages.Message
		reply   messages.Reply
		err     error
	}
	var last seen
	e := open(t, ffsqlite.WithInterceptors(
		func(ctx context.Context, message messages.Message, next ffsqlite.Next) (messages.Reply, error) {
			reply, err := next(ctx, message)
			last = seen{message, reply, err}
			return reply, err
		}))
	create := args(newID())
	result, err := e.CreateExecution(t.Context(), create)
	require.NoError(t, err)
	require.Equal(t, seen{create, result, nil}, last)

	_, err = e.CreateExecution(t.Context(), messages.CreateExecutionArgs{})
	requireInvalid(t, err, "execution_id: must not be empty")
	require.Equal(t, seen{messages.CreateExecutionArgs{}, nil, err}, last, "checks are made behind the interceptors")

	handle, err := e.Claim(t.Context(), claimArgs())
	require.NoError(t, err)
	require.Equal(t, messages.ClaimReply{Handle: handle}, last.reply)

	sub, err := e.SubscribeCompletion(t.Context(), messages.FromBeginning(), messages.ScannerFilter{})
	require.NoError(t, err)
	require.Same(t, sub, last.reply, "a subscription is seen when it is opened")
	require.NoError(t, sub.Close())
}

func TestInterceptors_MayChangeTheCall(t *testing.T) {
	type key struct{}
	other := newID()
	outer := func(ctx context.Context, message messages.Message, next ffsqlite.Next) (messages.Reply, error) {
		if create, ok := message.(messages.CreateExecutionArgs); ok {
			create.ExecutionID = other
			message = create
		}
		return next(context.WithValue(ctx, key{}, "outer"), message)
	}
	inner := func(ctx context.Context, message messages.Message, next ffsqlite.Next) (messages.Reply, error) {
		if ctx.Value(key{}) != "outer" {
			return nil, errRejected
		}
		return next(ctx, message)
	}
	e := open(t, ffsqlite.WithInterceptors(outer, inner))
	result, err := e.CreateExecution(t.Context(), args(newID()))
	require.NoError(t, err)
	require.Equal(t, other, result.ExecutionID)
	require.Equal(t, messages.PublicWaiting, e.state(other))
}

func TestInterceptors_MayAnswerForTheEngine(t *testing.T) {
	var answer messages.Reply
	e := open(t, ffsqlite.WithInterceptors(
		func(context.Context, messages.Message, ffsqlite.Next) (messages.Reply, error) { return answer, nil }))

	answer = messages.CreateExecutionResult{Outcome: messages.CreateDuplicate}
	result, err := e.CreateExecution(t.Context(), args(newID()))
	require.NoError(t, err)
	require.Equal(t, answer, result)

	answer = nil
	now, err := e.ServerTimeMs(t.Context())
	require.NoError(t, err)
	require.Zero(t, now)

	answer = "nonsense"
	_, err = e.ServerTimeMs(t.Context())
	require.ErrorIs(t, err, messages.ErrBug)
	require.ErrorContains(t, err, "server_time_ms: reply of type string")
}

func TestInterceptors_BelongToTheirReference(t *testing.T) {
	const location = "file:TestInterceptors?mode=memory"
	intercept, seen := rejecting()
	guarded := reference(t, location, ffsqlite.WithInterceptors(intercept))
	plain := reference(t, location)
	require.ErrorIs(t, guarded.Ping(t.Context()), errRejected)
	require.Equal(t, []string{"ping"}, seen())
	require.NoError(t, plain.Ping(t.Context()))
	require.Empty(t, seen())
}
