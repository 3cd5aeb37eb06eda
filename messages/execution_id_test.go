package messages_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec01_S01_CanonicalText(t *testing.T) {
	const text = "{fp:7}:" + uuidA
	id, err := messages.ParseExecutionID(text)
	require.NoError(t, err)
	require.Equal(t, text, id.String())
	require.Equal(t, uint16(7), id.PartitionIndex())
	bytes := id.UUID()
	require.Equal(t, fromHex(t, "550e8400e29b41d4a716446655440000"), bytes[:])
	requireRoundTrip(t, id, `"`+text+`"`)
	require.Equal(t, id, messages.NewExecutionID(7, bytes))
}

// requireIDError expects the parse of text to fail for this reason.
func requireIDError(t *testing.T, text string, reason messages.ExecutionIDReason, input, message string) {
	t.Helper()
	_, err := messages.ParseExecutionID(text)
	var e *messages.ExecutionIDError
	require.ErrorAs(t, err, &e)
	require.Equal(t, messages.ExecutionIDError{Reason: reason, Input: input}, *e)
	require.EqualError(t, err, message)
	requireInvalid(t, err, messages.CodeInvalidInput, message)

	quoted, err := json.Marshal(text)
	require.NoError(t, err)
	var id messages.ExecutionID
	require.ErrorAs(t, json.Unmarshal(quoted, &id), &e)
}

func TestSpec01_S02_BareUUIDIsRefused(t *testing.T) {
	requireIDError(t, uuidA, messages.MissingTag, uuidA,
		"execution_id is missing the `{fp:N}:` hash-tag prefix: "+uuidA)
}

func TestSpec01_S03_PartitionIndexIsChecked(t *testing.T) {
	const notU16 = "execution_id partition index is not a valid u16: "
	const tooLarge = "execution_id partition index must be in 0..=255: "
	for _, test := range []struct{ index, message string }{
		{"xx", notU16 + "xx"},
		{"65536", notU16 + "65536"},
		{"256", tooLarge + "256"},
		{"", notU16},
		{"+7", notU16 + "+7"},
		{"-1", notU16 + "-1"},
		{"99999999999999999999", notU16 + "99999999999999999999"},
	} {
		requireIDError(t, "{fp:"+test.index+"}:"+uuidA, messages.InvalidPartitionIndex, test.index, test.message)
	}
	require.Equal(t, uint16(255), executionID(t, "{fp:255}:"+uuidA).PartitionIndex())
}

func TestSpec01_S04_UUIDAndTagAreChecked(t *testing.T) {
	requireIDError(t, "{fp:0}:not-a-uuid", messages.InvalidUUID, "not-a-uuid",
		"execution_id UUID suffix is not a valid UUID: not-a-uuid")
	for _, text := range []string{"{fp:0", "{fp:0}" + uuidA, ""} {
		requireIDError(t, text, messages.MissingTag, text,
			"execution_id is missing the `{fp:N}:` hash-tag prefix: "+text)
	}
}

func TestSpec01_S05_OtherSpellingsBecomeCanonical(t *testing.T) {
	want := executionID(t, "{fp:7}:"+uuidA)
	for _, text := range []string{
		"{fp:007}:550E8400-E29B-41D4-A716-446655440000",
		"{fp:7}:550e8400e29b41d4a716446655440000",
		"{fp:7}:{550e8400-e29b-41d4-a716-446655440000}",
		"{fp:7}:urn:uuid:550e8400-e29b-41d4-a716-446655440000",
	} {
		require.Equal(t, want, executionID(t, text))
	}
}

func TestSpec01_S06_FlowDecidesTheIndex(t *testing.T) {
	flow := messages.FlowID(uuid(t, uuidB))
	for _, test := range []struct {
		cfg   messages.PartitionConfig
		index uint16
	}{
		{messages.PartitionConfig{}, 191},
		{messages.PartitionConfig{NumFlowPartitions: 256, NumBudgetPartitions: 32, NumQuotaPartitions: 32}, 191},
		{messages.PartitionConfig{NumFlowPartitions: 4, NumBudgetPartitions: 1, NumQuotaPartitions: 1}, 3},
		{messages.PartitionConfig{NumFlowPartitions: 1, NumBudgetPartitions: 1, NumQuotaPartitions: 1}, 0},
	} {
		first := messages.NewExecutionIDForFlow(flow, test.cfg)
		second := messages.NewExecutionIDForFlow(flow, test.cfg)
		require.Equal(t, test.index, first.PartitionIndex())
		require.Equal(t, test.index, second.PartitionIndex())
		require.NotEqual(t, first.UUID(), second.UUID())
	}
}

func TestSpec01_S07_DeterministicIDs(t *testing.T) {
	flow := messages.FlowID(uuid(t, uuidB))
	few := messages.PartitionConfig{NumFlowPartitions: 4, NumBudgetPartitions: 32, NumQuotaPartitions: 32}
	for _, suffix := range []string{
		"6ba7b810-9dad-11d1-80b4-00c04fd430c8", uuidA, "74738ff5-5367-5958-9aee-98fffdcd1876",
		"00000000-0000-0000-0000-000000000000",
	} {
		id := messages.ExecutionIDForFlow(flow, messages.PartitionConfig{}, uuid(t, suffix))
		require.Equal(t, id, messages.ExecutionIDForFlow(flow, messages.PartitionConfig{}, uuid(t, suffix)))
		require.Equal(t, "{fp:191}:"+suffix, id.String())
		require.Equal(t, "{fp:3}:"+suffix, messages.ExecutionIDForFlow(flow, few, uuid(t, suffix)).String())
		require.Equal(t, "{fp:193}:"+suffix,
			messages.SoloExecutionID("workers-a", messages.PartitionConfig{}, uuid(t, suffix)).String())
	}
}

func TestSpec01_S08_LaneDecidesTheIndex(t *testing.T) {
	var cfg messages.PartitionConfig
	require.Equal(t, uint16(193), messages.NewSoloExecutionID("workers-a", cfg).PartitionIndex())
	require.Equal(t, uint16(162), messages.NewSoloExecutionID("workers-b", cfg).PartitionIndex())
	distinct := map[uint16]bool{}
	for i := range 100 {
		lane := messages.LaneID(fmt.Sprintf("lane-%d", i))
		distinct[messages.NewSoloExecutionID(lane, cfg).PartitionIndex()] = true
	}
	require.Len(t, distinct, 92)
}

func TestSpec01_S09_CustomPartitioner(t *testing.T) {
	three := messages.SoloPartitioner(func(messages.LaneID, messages.PartitionConfig) uint16 { return 3 })
	for _, lane := range []messages.LaneID{"default", "workers-a", "gpu"} {
		require.Equal(t, uint16(3), three.NewExecutionID(lane, messages.PartitionConfig{}).PartitionIndex())
	}
}

func TestSpec01_S10_PartitionIsNeverHashedAgain(t *testing.T) {
	require.Equal(t,
		messages.Partition{Family: messages.PartitionExecution, Index: 200},
		executionID(t, "{fp:200}:"+uuidA).Partition())
}

func TestExecutionID_Zero(t *testing.T) {
	var id messages.ExecutionID
	require.True(t, id.IsZero())
	require.Empty(t, id.String())
	require.Equal(t, [16]byte{}, id.UUID())
	require.Zero(t, id.PartitionIndex())
	require.False(t, executionID(t, "{fp:0}:00000000-0000-0000-0000-000000000000").IsZero())
}

func TestExecutionID_Allocations(t *testing.T) {
	id := executionID(t, "{fp:255}:"+uuidA)
	bytes := id.UUID()
	text := id.String()
	var sink messages.ExecutionID
	var partition uint16
	require.Zero(t, testing.AllocsPerRun(100, func() { bytes = id.UUID() }))
	require.Zero(t, testing.AllocsPerRun(100, func() { partition += id.PartitionIndex() }))
	require.Zero(t, testing.AllocsPerRun(100, func() { sink, _ = messages.ParseExecutionID(text) }))
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { sink = messages.NewExecutionID(255, bytes) }), 1.0)
	require.Equal(t, id, sink)
}

func BenchmarkExecutionID_UUID(b *testing.B) {
	id := executionID(b, "{fp:255}:"+uuidA)
	b.ReportAllocs()
	for b.Loop() {
		_ = id.UUID()
	}
}

func BenchmarkNewExecutionID(b *testing.B) {
	bytes := uuid(b, uuidA)
	b.ReportAllocs()
	for b.Loop() {
		_ = messages.NewExecutionID(255, bytes)
	}
}

func FuzzParseExecutionID(f *testing.F) {
	f.Add("{fp:7}:" + uuidA)
	f.Fuzz(func(t *testing.T, text string) {
		id, err := messages.ParseExecutionID(text)
		if err != nil {
			require.True(t, id.IsZero())
			require.ErrorIs(t, err, messages.ErrInvalidInput)
			return
		}
		again, err := messages.ParseExecutionID(id.String())
		require.NoError(t, err)
		require.Equal(t, id, again)
		require.Equal(t, id, messages.NewExecutionID(id.PartitionIndex(), id.UUID()))
		require.LessOrEqual(t, id.PartitionIndex(), uint16(messages.MaxPartitionIndex))
	})
}
