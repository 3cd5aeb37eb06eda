package ffsqlite_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// operation is one mutation of the API, registered once: whoever plays at random plays all of them.
type operation struct {
	method string
	times  int  // how often it is drawn, beside the others
	alone  bool // it waits, or is made of several calls, so it may not be in a batch
	draw   func(*drawer) messages.Message
	want   func(*model, messages.Message) (any, error)
	call   func(context.Context, *engine, messages.Message) (messages.Reply, error)
	// agree says whether the engine answers what the model does.
	agree func(m *model, want any, got messages.Reply) bool
}

// op is an operation whose reply the model knows.
func op[A messages.Message, R any](
	times int, draw func(*drawer) A, want func(*model, A) (R, error), call func(*engine, context.Context, A) (R, error),
) operation {
	return operation{
		method: (*new(A)).Method(), times: times,
		draw:  func(d *drawer) messages.Message { return draw(d) },
		want:  func(m *model, args messages.Message) (any, error) { return want(m, args.(A)) },
		agree: func(_ *model, want any, got messages.Reply) bool { return reflect.DeepEqual(want, got) },
		call: func(ctx context.Context, e *engine, args messages.Message) (messages.Reply, error) {
			return call(e, ctx, args.(A))
		},
	}
}

// silent is an operation that answers nothing but an error.
func silent[A messages.Message](
	times int, draw func(*drawer) A, want func(*model, A) error, call func(*engine, context.Context, A) error,
) operation {
	return op(times, draw, func(m *model, args A) (messages.Reply, error) { return nil, want(m, args) },
		func(e *engine, ctx context.Context, args A) (messages.Reply, error) { return nil, call(e, ctx, args) })
}

// told compares answers in a way of its own.
func (o operation) told(agree func(m *model, want any, got messages.Reply) bool) operation {
	o.agree = agree
	return o
}

// single may not be in a batch.
func (o operation) single() operation {
	o.alone = true
	return o
}

// drawn are arguments, unless there is nothing to draw.
func (o operation) drawn(d *drawer) (args messages.Message, drawn bool) {
	defer func() {
		if cause := recover(); cause != nil {
			if _, none := cause.(noChoice); !none {
				panic(cause)
			}
		}
	}()
	return o.draw(d), true
}

// spoken is a message for the reader, with tickets instead of the handles in it.
func spoken(args messages.Message, tickets []*ticket) string {
	text, err := json.Marshal(args)
	if err != nil {
		return fmt.Sprintf("%s %+v", args.Method(), args)
	}
	for _, t := range tickets {
		if handle, err := json.Marshal(t.handle); err == nil {
			text = bytes.ReplaceAll(text, handle, []byte("<"+t.String()+">"))
		}
	}
	return args.Method() + " " + string(text)
}

// operations are all that there are. One that is added is played by the walk, in batches and by itself, and in the tales
// that end in crashes; one on executions also by many clients at the same time.
func operations() []operation {
	return append(executionOperations(), flowOperations()...)
}

// notDrawn are the mutations that are no operations of the model, with the reason.
var notDrawn = map[string]string{
	"batch":          "the walk makes batches of the others",
	"trim_retention": "it deletes executions; what it may delete is tested in retention_test.go",
}

// TestModel_KnowsEveryMutation looks for the mutations in the source, so that none is forgotten.
func TestModel_KnowsEveryMutation(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, o := range operations() {
		require.False(t, known[o.method], "%s is registered twice", o.method)
		known[o.method] = true
	}
	mutations := methodsOf(t)
	for _, method := range mutations {
		require.True(t, known[method] || notDrawn[method] != "", "the model does not know %s", method)
		require.False(t, known[method] && notDrawn[method] != "", "%s is registered", method)
	}
	for method := range notDrawn {
		require.Contains(t, mutations, method)
	}
}

// methodsOf are the names of all mutations that messages declares.
func methodsOf(t *testing.T) (methods []string) {
	t.Helper()
	files, err := filepath.Glob("messages/*.go")
	require.NoError(t, err)
	names, mutations := map[string]string{}, []string{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`(?m)^func \((\w+)\) Method\(\) string { return "(\w+)" }`).
			FindAllStringSubmatch(string(source), -1) {
			names[found[1]] = found[2]
		}
		for _, found := range regexp.MustCompile(`(?m)^func \((\w+)\) isMutation\(\)`).FindAllStringSubmatch(string(source), -1) {
			mutations = append(mutations, found[1])
		}
	}
	for _, mutation := range mutations {
		require.NotEmpty(t, names[mutation], "the name of %s", mutation)
		methods = append(methods, names[mutation])
	}
	require.Greater(t, len(methods), 30)
	return methods
}
