package messages_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// on is a signal of its own on a waitpoint.
func on(key, name string, source ...string) messages.AcceptedSignal {
	signal := messages.AcceptedSignal{WaitpointKey: key, SignalID: messages.NewSignalID(), Name: name}
	if len(source) == 2 {
		signal.SourceType, signal.SourceIdentity = source[0], source[1]
	}
	return signal
}

func TestResumeCondition_Met(t *testing.T) {
	x := on("k", "x")
	for name, test := range map[string]struct {
		condition messages.ResumeCondition
		signals   []messages.AcceptedSignal
		metAfter  int // so many of the signals; 0: never
	}{
		"a name":          {messages.SingleByName("k", "x"), []messages.AcceptedSignal{on("k", "y"), on("l", "x"), x}, 3},
		"any name":        {messages.SingleAny("k"), []messages.AcceptedSignal{on("l", "x"), on("k", "")}, 2},
		"a nil matcher":   {messages.ResumeCondition{Kind: messages.ConditionSingle}, []messages.AcceptedSignal{on("", "x")}, 1},
		"an operator":     {messages.OperatorOnly(), []messages.AcceptedSignal{x}, 0},
		"a timeout":       {messages.TimeoutOnly(), []messages.AcceptedSignal{x}, 0},
		"nothing":         {messages.AllOfConditions(), []messages.AcceptedSignal{x}, 0},
		"no kind":         {messages.ResumeCondition{}, []messages.AcceptedSignal{x}, 0},
		"all and timeout": {messages.AllOfConditions(messages.SingleAny("k"), messages.TimeoutOnly()), []messages.AcceptedSignal{x, x}, 0},
		"two of one waitpoint": {
			messages.AllOfConditions(messages.SingleByName("k", "x"), messages.SingleByName("k", "y")),
			[]messages.AcceptedSignal{x, on("k", "x"), on("k", "y")},
			3,
		},
		"one for two": {
			messages.AllOfConditions(messages.SingleByName("k", "x"), messages.SingleAny("k")), []messages.AcceptedSignal{x}, 1,
		},
		"all waitpoints": {
			messages.AllOfWaitpoints("a", "b", "c"), []messages.AcceptedSignal{on("a", ""), on("c", ""), on("b", "")}, 3,
		},
		"sources": {
			messages.Count(2, messages.DistinctSources, nil, "k"),
			[]messages.AcceptedSignal{
				on("k", "", "user", "alice"), on("k", "", "user", "alice"), on("l", "", "user", "carol"), on("k", "", "user", "bob"),
			},
			4,
		},
		"sources without a name are one": {
			messages.Count(2, messages.DistinctSources, nil, "k"), []messages.AcceptedSignal{on("k", ""), on("k", "")}, 0,
		},
		"the parts of a source": {
			messages.Count(2, messages.DistinctSources, nil, "k"),
			[]messages.AcceptedSignal{on("k", "", "a", "bc"), on("k", "", "ab", "c")},
			2,
		},
		"signals": {
			messages.Count(2, messages.DistinctSignals, nil, "k"), []messages.AcceptedSignal{x, x, on("k", "x")}, 3,
		},
		"waitpoints": {
			messages.Count(2, messages.DistinctWaitpoints, nil, "a", "b"),
			[]messages.AcceptedSignal{on("a", ""), on("a", ""), on("b", "")},
			3,
		},
		"a waitpoint named twice": {
			messages.Count(2, messages.DistinctWaitpoints, nil, "a", "a"), []messages.AcceptedSignal{on("a", ""), on("a", "")}, 0,
		},
		"signals of a name": {
			messages.Count(1, messages.DistinctSignals, messages.SignalNamed("approve"), "k"),
			[]messages.AcceptedSignal{on("k", "reject"), on("k", "approve")},
			2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			for n := range len(test.signals) + 1 {
				met := test.metAfter > 0 && n >= test.metAfter
				require.Equal(t, met, test.condition.Met(test.signals[:n]), "after %d signals", n)
			}
		})
	}
}

func TestResumeCondition_RequiredSignalNames(t *testing.T) {
	named := messages.SignalNamed("n")
	for _, test := range []struct {
		condition messages.ResumeCondition
		key       string
		want      []string
	}{
		{messages.SingleByName("k", "ready"), "k", []string{"ready"}},
		{messages.SingleByName("k", "ready"), "l", nil},
		{messages.SingleByName("k", ""), "k", nil},
		{messages.SingleAny("k"), "k", nil},
		{messages.OperatorOnly(), "k", []string{"__operator_only__"}},
		{messages.AllOfConditions(messages.SingleByName("a", "sig-a"), messages.SingleByName("b", "sig-b")), "b", []string{"sig-b"}},
		{messages.Count(1, messages.DistinctSignals, named, "a", "b"), "b", []string{"n"}},
		{messages.Count(1, messages.DistinctSignals, named, "a", "b"), "c", nil},
		{messages.Count(1, messages.DistinctSignals, nil, "a"), "a", nil},
		{
			messages.AllOfConditions(
				messages.SingleByName("a", "z"), messages.AllOfConditions(messages.TimeoutOnly(), messages.SingleByName("a", "y")),
				messages.SingleByName("a", "z"), messages.SingleAny("a"),
			), "a", []string{"z", "__timeout_only__", "y"},
		},
	} {
		require.Equal(t, test.want, test.condition.RequiredSignalNames(test.key))
	}
}
