package messages_test

import (
	"encoding/hex"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec01_S67_OutboxCursors(t *testing.T) {
	for id, text := range map[messages.EventID]string{
		0: "020000000000000000", 1: "020000000000000001", 12345: "020000000000003039",
		math.MaxInt64: "027fffffffffffffff",
	} {
		cursor := messages.CursorAfter(id)
		require.Equal(t, text, hex.EncodeToString(cursor))
		after, tail, err := cursor.Position(messages.FamilyCompletion)
		require.NoError(t, err)
		require.False(t, tail)
		require.Equal(t, id, after)
	}
	require.Equal(t, messages.CursorAfter(0), messages.FromBeginning())
	_, tail, err := messages.OutboxCursor(nil).Position(messages.FamilyCompletion)
	require.NoError(t, err)
	require.True(t, tail)

	for _, text := range []string{
		"010000018bcfe56800000000000000002a", "0200000000000000", "010000000000000001", "02ffffffffffffffff", "02",
		"02000000000000000001",
	} {
		cursor := messages.OutboxCursor(fromHex(t, text))
		for _, family := range []messages.Family{
			messages.FamilyCompletion, messages.FamilyLeaseHistory, messages.FamilySignalDelivery,
			messages.FamilyInstanceTags,
		} {
			_, _, err := cursor.Position(family)
			requireInvalid(t, err, messages.CodeInvalidInput,
				"invalid event_id cursor for sqlite.subscribe_"+string(family))
		}
		require.ErrorIs(t, messages.SubscribeCompletionArgs{Cursor: cursor}.Validate(), messages.ErrInvalidInput)
		require.ErrorIs(t, messages.SubscribeLeaseHistoryArgs{Cursor: cursor}.Validate(), messages.ErrInvalidInput)
	}
	require.NoError(t, messages.SubscribeCompletionArgs{}.Validate())
	require.NoError(t, messages.SubscribeLeaseHistoryArgs{Cursor: messages.FromBeginning()}.Validate())
	requireRoundTrip(t, messages.CursorAfter(258), `[2,0,0,0,0,0,0,1,2]`)
	require.Equal(t, messages.CursorAfter(1), decoded[messages.OutboxCursor](t, `"AgAAAAAAAAAB"`))
}

func TestSpec01_S71_Filter(t *testing.T) {
	var all messages.ScannerFilter
	inNamespace := all.WithNamespace("a")
	tagged := all.WithInstanceTag(messages.InstanceTagKey, "i-1")
	both := tagged.WithNamespace("a")
	require.True(t, all.IsNoop())
	for _, filter := range []messages.ScannerFilter{inNamespace, tagged, both} {
		require.False(t, filter.IsNoop())
	}
	for _, test := range []struct {
		namespace, tag             *string
		byNamespace, byTag, byBoth bool
	}{
		{nil, nil, false, false, false},
		{pointer("a"), nil, true, false, false},
		{pointer("b"), pointer("i-1"), false, true, false},
		{pointer("a"), pointer("i-1"), true, true, true},
		{pointer("a"), pointer("I-1"), true, false, false},
		{pointer("A"), pointer("i-1"), false, true, false},
		{nil, pointer("i-1"), false, true, false},
	} {
		require.True(t, all.Matches(test.namespace, test.tag))
		require.Equal(t, test.byNamespace, inNamespace.Matches(test.namespace, test.tag))
		require.Equal(t, test.byTag, tagged.Matches(test.namespace, test.tag))
		require.Equal(t, test.byBoth, both.Matches(test.namespace, test.tag))
	}
	require.Nil(t, both.Validate())
	for detail, filter := range map[string]messages.ScannerFilter{
		"namespace: must be valid UTF-8":          all.WithNamespace("\xff"),
		"instance_tag.key: must be valid UTF-8":   all.WithInstanceTag("\xff", ""),
		"instance_tag.value: must be valid UTF-8": all.WithInstanceTag("a.b", "\xff"),
	} {
		requireInvalid(t, messages.SubscribeCompletionArgs{Filter: filter}.Validate(), messages.CodeInvalidInput, detail)
	}
}

func TestCompletionOutcomeOf(t *testing.T) {
	for raw, want := range map[string]messages.CompletionOutcome{
		"success": messages.CompletionSuccess, "failed": messages.CompletionFailed,
		"failure": messages.CompletionFailed, "completed": messages.CompletionSuccess,
		"resumable": messages.CompletionResumable, "weird": "weird",
	} {
		require.Equal(t, want, messages.CompletionOutcomeOf(raw))
	}
}

// Which effect a delivery has comes with signals.
func TestSpec01_S74_TheEffectsOfSignalsAsTheyAreStored(t *testing.T) {
	for raw, want := range map[string]messages.SignalEffect{
		"": messages.SignalSatisfied, "satisfied": messages.SignalSatisfied,
		"resume_condition_satisfied": messages.SignalSatisfied, "buffered": messages.SignalBuffered,
		"buffered_for_pending_waitpoint": messages.SignalBuffered, "deduped": messages.SignalDeduped,
		"appended_to_waitpoint": messages.SignalAppended, "weird": "weird",
	} {
		require.Equal(t, want, messages.SignalEffectOf(raw))
	}
}

func TestEvents_JSON(t *testing.T) {
	requireRoundTrip(t,
		messages.CompletionEvent{
			EventID: 1, Cursor: messages.CursorAfter(1), ExecutionID: executionID(t, "{fp:7}:"+uuidA),
			FlowID: pointer(messages.FlowID(uuid(t, uuidB))), Outcome: messages.CompletionFailed, RawOutcome: "failure",
			At: 5, Namespace: pointer("a"),
		},
		`{"event_id":1,"cursor":[2,0,0,0,0,0,0,0,1],"execution_id":"{fp:7}:`+uuidA+`","flow_id":"`+uuidB+
			`","outcome":"failed","raw_outcome":"failure","at":5,"namespace":"a"}`)
	requireRoundTrip(t,
		messages.LeaseHistoryEvent{
			EventID: 2, Cursor: messages.CursorAfter(2), Kind: messages.LeaseRevoked,
			ExecutionID: executionID(t, "{fp:7}:"+uuidA), LeaseID: pointer(messages.LeaseID(uuid(t, uuidC))),
			WorkerInstanceID: pointer(messages.WorkerInstanceID("w")), RevokedBy: messages.RevokedByComplete, At: 6,
		},
		`{"event_id":2,"cursor":[2,0,0,0,0,0,0,0,2],"kind":"revoked","execution_id":"{fp:7}:`+uuidA+`","lease_id":"`+
			uuidC+`","worker_instance_id":"w","revoked_by":"complete","at":6}`)
	requireRoundTrip(t,
		messages.SignalDeliveryEvent{
			EventID: 3, Cursor: messages.CursorAfter(3), ExecutionID: executionID(t, "{fp:7}:"+uuidA),
			SignalID: uuid(t, uuidB), WaitpointID: pointer(messages.WaitpointID(uuid(t, uuidC))),
			SourceIdentity: pointer("me"), Effect: messages.SignalSatisfied, RawEffect: "resume_condition_satisfied", At: 7,
			InstanceTag: pointer("i-1"),
		},
		`{"event_id":3,"cursor":[2,0,0,0,0,0,0,0,3],"execution_id":"{fp:7}:`+uuidA+`","signal_id":"`+uuidB+
			`","waitpoint_id":"`+uuidC+`","source_identity":"me","effect":"satisfied",
			"raw_effect":"resume_condition_satisfied","at":7,"instance_tag":"i-1"}`)
}

func FuzzOutboxCursor(f *testing.F) {
	f.Add([]byte(messages.CursorAfter(12345)))
	f.Fuzz(func(t *testing.T, data []byte) {
		after, tail, err := messages.OutboxCursor(data).Position(messages.FamilyCompletion)
		switch {
		case err != nil:
			require.ErrorIs(t, err, messages.ErrInvalidInput)
		case tail:
			require.Empty(t, data)
		default:
			require.Equal(t, data, []byte(messages.CursorAfter(after)))
			require.GreaterOrEqual(t, after, messages.EventID(0))
		}
	})
}
