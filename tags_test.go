package ffsqlite_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Tags and the namespace: 03 §9.9, and the events of tags, 05 H method 19.

func (e *engine) setTag(id messages.ExecutionID, key, value string) error {
	return e.SetExecutionTag(e.t.Context(), messages.SetExecutionTagArgs{ExecutionID: id, Key: key, Value: value})
}

func (e *engine) tag(id messages.ExecutionID, key string) *string {
	e.t.Helper()
	value, err := e.GetExecutionTag(e.t.Context(), id, key)
	require.NoError(e.t, err)
	return value
}

// tagEvents are the types and tags of the execution's tag events.
func (e *engine) tagEvents(id messages.ExecutionID) [][]string {
	e.t.Helper()
	return e.sql.Rows(`SELECT event_type, tag, coalesce(instance_tag, 'NULL') FROM ff_instance_tag_event
		WHERE execution_id = ?1 ORDER BY event_id`, messages.FlowID(id.UUID()).String())
}

func TestSpec03_S90_ExecutionTags(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created(createdAt(1000))
	require.Nil(t, e.tag(id, "cairn.session_id"))
	require.NoError(t, e.setTag(id, "cairn.session_id", "s-1"))
	require.Equal(t, new("s-1"), e.tag(id, "cairn.session_id"))
	require.NoError(t, e.setTag(id, "cairn.session_id", "s-2"))
	require.Equal(t, new("s-2"), e.tag(id, "cairn.session_id"))
	require.Nil(t, e.tag(id, "cairn.project"))
	require.NoError(t, e.setTag(id, "cairn.project", ""))
	require.Equal(t, new(""), e.tag(id, "cairn.project"), "any text is a value")
	require.Equal(t, new("s-2"), e.tag(id, "cairn.session_id"))
	require.JSONEq(t, `{"cairn.session_id":"s-2","cairn.project":""}`, e.raw(id, "tags"))
	require.Equal(t, fmt.Sprint(e.now()), e.raw(id, "last_mutation_at"))
	require.Equal(t, map[string]string{"cairn.session_id": "s-2", "cairn.project": ""}, e.described(id).Tags)

	namespace, err := e.GetExecutionNamespace(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, new("default"), namespace)
	namespace, err = e.GetExecutionNamespace(t.Context(), e.seeded())
	require.NoError(t, err)
	require.Nil(t, namespace)
}

func TestSpec03_S90_TagsOfOtherPrograms(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.seeded()
	for _, raw := range []string{`{}`, `{"tags": null}`, `{"tags": [1]}`, `{"tags": {}}`} {
		e.patch(id, "raw_fields = '"+raw+"'")
		require.NoError(t, e.setTag(id, "a.b", "c"), raw)
		require.JSONEq(t, `{"a.b":"c"}`, e.raw(id, "tags"), raw)
	}
	e.patch(id, `raw_fields = '{"tags": {"a.b": 1, "x": {"y": [2]}}, "mine": [1, 2]}'`)
	require.Nil(t, e.tag(id, "a.b"))
	require.NoError(t, e.setTag(id, "a.c", "d"))
	require.JSONEq(t, `{"a.b":1,"x":{"y":[2]},"a.c":"d"}`, e.raw(id, "tags"), "what is there stays")
	require.JSONEq(t, `[1,2]`, e.raw(id, "mine"))
}

func TestSpec03_S90_AnEndedExecutionTakesTags(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created()
	require.NoError(t, e.Complete(t.Context(), e.claimed(), nil))
	require.NoError(t, e.setTag(id, "a.b", "c"))
	require.Equal(t, new("c"), e.tag(id, "a.b"))
	require.Equal(t, messages.PublicCompleted, e.state(id))
}

func TestSpec03_S90_FlowTags(t *testing.T) {
	t.Parallel()
	g := open(t).newFlow()
	get := func() *string {
		t.Helper()
		value, err := g.GetFlowTag(t.Context(), g.flow, "cairn.archived")
		require.NoError(t, err)
		return value
	}
	require.Nil(t, get())
	for _, value := range []string{"false", "true"} {
		require.NoError(t, g.SetFlowTag(t.Context(), messages.SetFlowTagArgs{
			FlowID: g.flow, Key: "cairn.archived", Value: value,
		}))
		require.Equal(t, &value, get())
	}
	require.Equal(t, "true", g.sql.Text(`SELECT raw_fields ->> '$."cairn.archived"' FROM ff_flow_core`))
	require.Equal(t, int64(g.now()), g.sql.Int(`SELECT raw_fields ->> '$.last_mutation_at_ms' FROM ff_flow_core`))
	flow, err := g.DescribeFlow(t.Context(), g.flow)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"cairn.archived": "true"}, flow.Tags)
	require.Equal(t, uint64(0), flow.GraphRevision)
	require.Zero(t, g.sql.Int("SELECT count(*) FROM ff_instance_tag_event"))
}

func TestSpec03_S90_UnknownExecutionsAndFlows(t *testing.T) {
	t.Parallel()
	e := open(t)
	require.ErrorIs(t, e.setTag(newID(), "a.b", "c"), messages.ErrExecutionNotFound)
	err := e.SetFlowTag(t.Context(), messages.SetFlowTagArgs{FlowID: messages.NewFlowID(), Key: "a.b"})
	require.ErrorIs(t, err, messages.ErrFlowNotFound)
	value, err := e.GetFlowTag(t.Context(), messages.NewFlowID(), "a.b")
	require.NoError(t, err)
	require.Nil(t, value)
}

func TestSpec03_S90_Spec01_S80_TagKeys(t *testing.T) {
	t.Parallel()
	g := open(t).newFlow()
	id := g.member()
	calls := func(key string) map[string]error {
		_, get := g.GetExecutionTag(t.Context(), id, key)
		_, getFlow := g.GetFlowTag(t.Context(), g.flow, key)
		_, create := g.CreateExecution(t.Context(), args(newID(), func(a *messages.CreateExecutionArgs) {
			a.Tags = map[string]string{key: ""}
		}))
		return map[string]error{
			"set": g.setTag(id, key, ""), "get": get, "get flow": getFlow, "create": create,
			"set flow": g.SetFlowTag(t.Context(), messages.SetFlowTagArgs{FlowID: g.flow, Key: key}),
		}
	}
	before := g.stored()
	for _, key := range []string{
		"", "Cairn.x", "cairn", "cairn.", "cairn..x", "1cairn.x", "cairn.foo bar", `cairn.foo"bar`, "cairn.Foo",
		"cairn.foo-bar", ".cairn", "cair n.x", "ca-irn.x", `cairn.foo\bar`,
	} {
		for call, err := range calls(key) {
			requireDetail(t, err, messages.ErrInvalidTagKey,
				`invalid tag key: "`+key+`" (must match ^[a-z][a-z0-9_]*\.[a-z0-9_][a-z0-9_.]*$)`)
			require.NotErrorIs(t, err, messages.ErrInvalidInput, call)
		}
	}
	for call, err := range calls("a." + long(255)) {
		requireDetail(t, err, messages.ErrInvalidTagKey, "invalid tag key: exceeds 256 bytes (got 257)")
		require.Error(t, err, call)
	}
	require.Equal(t, before, g.stored())
	for _, key := range []string{"cairn.session_id", "a.b", "a1_2.x", "app.sub.field", "x.y_z", "a." + long(254)} {
		for call, err := range calls(key) {
			require.NoError(t, err, "%s %s", call, key)
		}
	}
}

func TestSpec01_S75_TagEvents(t *testing.T) {
	t.Parallel()
	e := open(t)
	id := e.created(func(a *messages.CreateExecutionArgs) {
		a.Tags = map[string]string{"cairn.instance_id": "i-1", "a.b": "c"}
	})
	created := [][]string{{"attached", "a.b=c", "i-1"}, {"attached", "cairn.instance_id=i-1", "i-1"}}
	require.Equal(t, created, e.tagEvents(id))
	e.clock.Advance(7)
	require.NoError(t, e.setTag(id, "cairn.instance_id", "i-2"))
	require.NoError(t, e.setTag(id, "cairn.instance_id", "i-2"))
	require.NoError(t, e.setTag(id, "x.y", "a=b"))
	require.Equal(t, append(created,
		[]string{"cleared", "cairn.instance_id=i-1", "i-2"},
		[]string{"attached", "cairn.instance_id=i-2", "i-2"},
		[]string{"attached", "x.y=a=b", "i-2"},
	), e.tagEvents(id))

	e.claimed()
	require.Equal(t, "i-2", e.sql.Text("SELECT instance_tag FROM ff_lease_event"), "at once")
}

func TestValidation_Tags(t *testing.T) {
	t.Parallel()
	g := open(t).newFlow()
	id := g.member()
	requireRefusals(t, g.engine, []refusal{
		invalid("a value that is no text", "value: must be valid UTF-8", func() error { return g.setTag(id, "a.b", notUTF8) }),
		invalid("a value of a flow that is no text", "value: must be valid UTF-8", func() error {
			return g.SetFlowTag(t.Context(), messages.SetFlowTagArgs{FlowID: g.flow, Key: "a.b", Value: notUTF8})
		}),
		invalid("nobody's tag", "execution_id: must not be empty",
			func() error { return g.setTag(messages.ExecutionID{}, "a.b", "") }),
		{
			"the key comes first", func() error { return g.setTag(messages.ExecutionID{}, "a", "") }, messages.ErrInvalidTagKey,
			`invalid tag key: "a" (must match ^[a-z][a-z0-9_]*\.[a-z0-9_][a-z0-9_.]*$)`,
		},
		invalid("nobody's tag to read", "execution_id: must not be empty", func() error {
			_, err := g.GetExecutionTag(t.Context(), messages.ExecutionID{}, "a.b")
			return err
		}),
		invalid("nobody's namespace", "execution_id: must not be empty", func() error {
			_, err := g.GetExecutionNamespace(t.Context(), messages.ExecutionID{})
			return err
		}),
	})
}
