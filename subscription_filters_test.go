package ffsqlite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite"
	"github.com/flowfabric/ffsqlite/messages"
)

// Filters of subscriptions: 05 §H.3 with scenarios 82 and 83, 01 scenarios 70 and 71.

// filtered follows the completions that a filter lets pass, from now on.
func (e *engine) filtered(filter messages.ScannerFilter) *ffsqlite.Subscription[messages.CompletionEvent] {
	e.t.Helper()
	sub, err := e.SubscribeCompletion(e.t.Context(), nil, filter)
	require.NoError(e.t, err)
	e.t.Cleanup(func() { require.NoError(e.t, sub.Close()) })
	return sub
}

func withTag(key, value string) func(*messages.CreateExecutionArgs) {
	return func(a *messages.CreateExecutionArgs) {
		if a.Tags == nil {
			a.Tags = map[string]string{}
		}
		a.Tags[key] = value
	}
}

func inNamespace(namespace messages.Namespace) func(*messages.CreateExecutionArgs) {
	return func(a *messages.CreateExecutionArgs) { a.Namespace = namespace }
}

func TestSpec05_S82_Filters(t *testing.T) {
	e := open(t)
	tagged := func(value string) messages.ScannerFilter {
		return messages.ScannerFilter{}.WithInstanceTag("cairn.instance_id", value)
	}
	one, two := e.filtered(tagged("i-1")), e.filtered(tagged("i-2"))
	upper := e.filtered(tagged("I-1"))
	leases := e.leasesFrom(nil, tagged("i-2"))
	tenant := e.filtered(everything.WithNamespace("tenant-a"))
	both := e.filtered(tagged("i-1").WithNamespace("tenant-b"))

	e.completed()
	first := e.completed(withTag("cairn.instance_id", "i-1"))
	second := e.completed(withTag("cairn.instance_id", "i-2"), inNamespace("tenant-a"))
	third := e.completed(withTag("cairn.instance_id", "i-1"), inNamespace("tenant-b"))
	e.completed(inNamespace("tenant-b"))

	require.Equal(t, []messages.ExecutionID{first, third}, executionsOf(took(t, one, 2)))
	require.Equal(t, []messages.ExecutionID{second}, executionsOf(took(t, two, 1)))
	require.Equal(t, []messages.ExecutionID{second}, executionsOf(took(t, tenant, 1)))
	require.Equal(t, []messages.ExecutionID{third}, executionsOf(took(t, both, 1)))
	for _, event := range took(t, leases, 2) {
		require.Equal(t, second, event.ExecutionID)
	}

	// What was filtered out has moved the positions, and later events still come.
	last := e.completed(withTag("cairn.instance_id", "I-1"))
	require.Equal(t, last, took(t, upper, 1)[0].ExecutionID)
	for _, sub := range []*ffsqlite.Subscription[messages.CompletionEvent]{one, two, tenant, both} {
		require.Equal(t, messages.CursorAfter(6), sub.Cursor())
	}
}

func TestSpec05_S83_AnotherTagIsLookedUp(t *testing.T) {
	e := open(t)
	sub := e.filtered(messages.ScannerFilter{}.WithInstanceTag("app.team", "x"))
	bare := e.filtered(messages.ScannerFilter{}.WithInstanceTag("team", "x"))
	leases := e.leasesFrom(nil, messages.ScannerFilter{}.WithInstanceTag("app.team", "x"))
	e.completed()
	e.completed(withTag("app.team", "y"))
	e.completed(withTag("cairn.instance_id", "x"))
	want := e.completed(withTag("app.team", "x"))
	require.Equal(t, want, took(t, sub, 1)[0].ExecutionID)
	require.Equal(t, want, took(t, leases, 2)[1].ExecutionID)

	// A key without a dot cannot be set here, but another program may have stored it.
	id := e.created()
	e.patch(id, `raw_fields = json_set(raw_fields, '$.tags.team', 'x')`)
	e.drive(id, true)
	require.Equal(t, id, took(t, bare, 1)[0].ExecutionID)
}

func TestSpec01_S70_AMatchBehindManyOthers(t *testing.T) {
	const pages = 600 // more than two pages of the outbox
	e := open(t)
	filter := everything.WithNamespace("tenant-a").WithInstanceTag("cairn.other", "i-1")
	live := e.filtered(filter)
	cursor := messages.FromBeginning()
	for range pages {
		e.completed(withTag("cairn.instance_id", "i-1"))
	}
	e.completed(inNamespace("tenant-a"), withTag("cairn.instance_id", "i-1"), withTag("cairn.other", "i-2"))
	want := e.completed(inNamespace("tenant-a"), withTag("cairn.other", "i-1"))

	require.Equal(t, want, took(t, live, 1)[0].ExecutionID)
	late, err := e.SubscribeCompletion(t.Context(), cursor, filter)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, late.Close()) })
	require.Equal(t, want, took(t, late, 1)[0].ExecutionID, "also from the table")
	require.Equal(t, messages.CursorAfter(pages+2), late.Cursor())
}
