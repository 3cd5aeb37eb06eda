package messages_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// nested is a condition under n levels of AllOf.
func nested(n int, leaf messages.ResumeCondition) messages.ResumeCondition {
	for range n {
		leaf = messages.AllOfConditions(leaf)
	}
	return leaf
}

func TestSpec01_S46_CompositesAreFourDeepAtMost(t *testing.T) {
	leaf := messages.SingleAny("k")
	require.Nil(t, nested(4, leaf).ValidateComposite())
	require.Nil(t, nested(3, messages.Count(1, messages.DistinctSignals, nil, "k")).ValidateComposite())
	const detail = "depth 5 exceeds cap 4 at path members[0].members[0].members[0].members[0]"
	requireInvalid(t, nested(5, leaf).ValidateComposite(), messages.CodeInvalidInput, detail)
	requireInvalid(t, nested(4, messages.Count(0, "", nil)).ValidateComposite(), messages.CodeInvalidInput, detail)
	requireInvalid(t, messages.AllOfConditions(leaf, nested(4, leaf)).ValidateComposite(), messages.CodeInvalidInput,
		"depth 5 exceeds cap 4 at path members[1].members[0].members[0].members[0]")

	text, err := json.Marshal(nested(5, leaf))
	require.NoError(t, err)
	var back messages.ResumeCondition
	requireInvalid(t, json.Unmarshal(text, &back), messages.CodeInvalidInput, detail)
}

func TestSpec01_S47_CompositesAreValidated(t *testing.T) {
	for want, condition := range map[string]messages.ResumeCondition{
		"allof_empty_members at path ":    messages.AllOfConditions(),
		"count_n_zero at path ":           messages.Count(0, messages.DistinctSignals, nil, "a"),
		"count_waitpoints_empty at path ": messages.Count(1, messages.DistinctSignals, nil),
		"count_exceeds_waitpoint_set: n=3 > waitpoints.len()=2 at path ": messages.Count(
			3, messages.DistinctWaitpoints, nil, "a", "b"),
		`resume_condition: unknown kind "" at path `:        {},
		`resume_condition: unknown count kind "x" at path `: messages.Count(1, "x", nil, "a"),
	} {
		requireInvalid(t, condition.ValidateComposite(), messages.CodeInvalidInput, want+"<root>")
		inside := messages.AllOfConditions(condition, messages.AllOfConditions())
		requireInvalid(t, inside.ValidateComposite(), messages.CodeInvalidInput, want+"members[0]")
		deeper := messages.AllOfConditions(messages.OperatorOnly(), messages.AllOfConditions(messages.TimeoutOnly(), condition))
		requireInvalid(t, deeper.ValidateComposite(), messages.CodeInvalidInput, want+"members[1].members[1]")
	}
	for _, fine := range []messages.ResumeCondition{
		messages.Count(3, messages.DistinctSignals, nil, "a"),
		messages.Count(3, messages.DistinctSources, messages.SignalNamed("n"), "a"),
		messages.Count(2, messages.DistinctWaitpoints, nil, "a", "b"),
		messages.SingleByName("k", ""), messages.OperatorOnly(), messages.TimeoutOnly(),
	} {
		require.Nil(t, fine.ValidateComposite())
	}
}

func TestSpec01_S48_ConditionJSON(t *testing.T) {
	for text, condition := range map[string]messages.ResumeCondition{
		`{"Single":{"waitpoint_key":"k","matcher":"Wildcard"}}`:       messages.SingleAny("k"),
		`{"Single":{"waitpoint_key":"k","matcher":{"ByName":"sig"}}}`: messages.SingleByName("k", "sig"),
		`"OperatorOnly"`: messages.OperatorOnly(),
		`"TimeoutOnly"`:  messages.TimeoutOnly(),
		`{"Composite":{"kind":"AllOf","members":["OperatorOnly",{"Single":{"waitpoint_key":"k","matcher":"Wildcard"}}]}}`: messages.AllOfConditions(
			messages.OperatorOnly(), messages.SingleAny("k")),
		`{"Composite":{"kind":"Count","n":2,"count_kind":"DistinctWaitpoints","waitpoints":["a","b"]}}`: messages.Count(
			2, messages.DistinctWaitpoints, nil, "a", "b"),
		`{"Composite":{"kind":"Count","n":1,"count_kind":"DistinctSources","waitpoints":["a"],"matcher":{"ByName":""}}}`: messages.Count(
			1, messages.DistinctSources, messages.SignalNamed(""), "a"),
		`{"Composite":{"kind":"Count","n":1,"count_kind":"DistinctSignals","waitpoints":["a"],"matcher":"Wildcard"}}`: messages.Count(
			1, messages.DistinctSignals, messages.AnySignal(), "a"),
	} {
		encoded, err := json.Marshal(condition)
		require.NoError(t, err)
		require.Equal(t, text, string(encoded))
		require.Equal(t, condition, decoded[messages.ResumeCondition](t, text))
	}
	require.Equal(t, messages.AllOfWaitpoints("a", "b"),
		messages.AllOfConditions(messages.SingleAny("a"), messages.SingleAny("b")))
	require.Equal(t, messages.Count(1, messages.DistinctSignals, nil, "a"), decoded[messages.ResumeCondition](t,
		`{"Composite":{"kind":"Count","matcher":null,"waitpoints":["a"],"count_kind":"DistinctSignals","n":1}}`))
	empty, err := json.Marshal(messages.AllOfConditions())
	require.NoError(t, err)
	require.Equal(t, `{"Composite":{"kind":"AllOf","members":[]}}`, string(empty))
	single, err := json.Marshal(messages.ResumeCondition{Kind: messages.ConditionSingle, WaitpointKey: "k"})
	require.NoError(t, err)
	require.Equal(t, `{"Single":{"waitpoint_key":"k","matcher":"Wildcard"}}`, string(single))
}

func TestResumeCondition_MalformedJSON(t *testing.T) {
	for _, text := range []string{
		`"Single"`, `"AllOf"`, `"x"`, `{}`, `null`, `7`, `[]`, `{"Single":{"waitpoint_key":"k"}}`, `{"Composite":{}}`,
		`{"Single":{"waitpoint_key":"k","matcher":"Any"}}`, `{"Single":{"waitpoint_key":"k","matcher":{}}}`,
		`{"Single":{"waitpoint_key":7,"matcher":"Wildcard"}}`, `{"Composite":7}`, `{"Composite":{"kind":"Single"}}`,
		`{"Composite":{"kind":"AllOf","members":[7]}}`, `{"Composite":{"kind":"Count","n":-1}}`,
		`{"Single":{"waitpoint_key":"k","matcher":"Wildcard"},"Composite":{"kind":"AllOf","members":[]}}`,
	} {
		var condition messages.ResumeCondition
		require.Error(t, json.Unmarshal([]byte(text), &condition), text)
		require.Zero(t, condition)
	}
}

func TestResumeCondition_ReferencedWaitpointKeys(t *testing.T) {
	condition := messages.AllOfConditions(
		messages.SingleAny("c"),
		messages.AllOfConditions(messages.Count(1, messages.DistinctSignals, nil, "b", "c", "b"), messages.SingleAny("a")),
		messages.OperatorOnly(), messages.SingleByName("b", "n"), messages.SingleAny("d"),
	)
	require.Equal(t, []string{"c", "b", "a", "d"}, condition.ReferencedWaitpointKeys())
	require.Empty(t, messages.TimeoutOnly().ReferencedWaitpointKeys())
}

func FuzzResumeCondition(f *testing.F) {
	for _, seed := range []string{
		`"OperatorOnly"`, `{"Single":{"waitpoint_key":"k","matcher":{"ByName":"sig"}}}`,
		`{"Composite":{"kind":"AllOf","members":["TimeoutOnly",{"Composite":{"kind":"Count","n":2,` +
			`"count_kind":"DistinctWaitpoints","waitpoints":["a","b"],"matcher":"Wildcard"}}]}}`,
		strings.Repeat(`{"Composite":{"kind":"AllOf","members":[`, 5) + `"OperatorOnly"` + strings.Repeat(`]}}`, 5),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var condition messages.ResumeCondition
		if json.Unmarshal(text, &condition) != nil {
			return
		}
		if err := condition.ValidateComposite(); err != nil {
			require.ErrorIs(t, err, messages.ErrInvalidInput)
		}
		encoded, err := json.Marshal(condition)
		require.NoError(t, err)
		var back messages.ResumeCondition
		require.NoError(t, json.Unmarshal(encoded, &back))
		require.Equal(t, condition.ReferencedWaitpointKeys(), back.ReferencedWaitpointKeys())
		again, err := json.Marshal(back)
		require.NoError(t, err)
		require.Equal(t, encoded, again)
	})
}
