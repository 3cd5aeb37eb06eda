package messages_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec01_S11_Hashes(t *testing.T) {
	require.Equal(t, uint16(0x31C3), messages.CRC16([]byte("123456789")))
	for _, test := range []struct {
		uuid string
		crc  uint16
	}{
		{"00000000-0000-0000-0000-000000000000", 0x0000},
		{"00000000-0000-4000-8000-000000000001", 0x9FBA},
		{uuidB, 0x76BF},
		{uuidA, 0x9018},
		{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", 0xF34D},
		{"ffffffff-ffff-ffff-ffff-ffffffffffff", 0x0041},
	} {
		bytes := uuid(t, test.uuid)
		require.Equal(t, test.crc, messages.CRC16(bytes[:]), test.uuid)
	}
	for lane, crc := range map[messages.LaneID]uint16{
		"default": 0xD656, "workers-a": 0x2EC1, "workers-b": 0x1EA2, "lane-0": 0x2A8C, "lane-1": 0x3AAD,
		"lane-99": 0x14CA, "a": 0x7C87, "pick-me": 0xA6BA, "worker-pool-1": 0x984D, "gpu": 0x3890,
	} {
		require.Equal(t, crc, messages.CRC16([]byte(lane)), lane)
		require.Equal(t, crc%256, messages.HashSoloPartition(lane, messages.PartitionConfig{}), lane)
	}
	for _, test := range []struct {
		text   string
		hash   uint64
		folded string
		mod    uint16
	}{
		{"", 0xcbf29ce484222325, "4fd0bfc1", 37},
		{"a", 0xaf63dc4c8601ec8c, "296230c0", 140},
		{"gpu", 0xd5235618fae1fad5, "2fc2accd", 213},
		{"gpu,cuda", 0x32511bb2804b7648, "b21a6dfa", 72},
		{"worker-a", 0x2490eec5902763fd, "b4b78d38", 253},
		{"worker-b", 0x2490ebc590275ee4, "b4b7b521", 228},
	} {
		require.Equal(t, test.hash, messages.FNV1a([]byte(test.text)), test.text)
		require.Equal(t, test.folded, messages.Fnv1aXor8Hex([]byte(test.text)), test.text)
		require.Equal(t, test.mod, messages.Fnv1aU16Mod([]byte(test.text), 256), test.text)
	}
	require.Zero(t, messages.Fnv1aU16Mod([]byte("a"), 0))
}

func TestSpec01_S12_PartitionKeysRoundTrip(t *testing.T) {
	for text, partition := range map[string]messages.Partition{
		"{fp:7}": {Family: messages.PartitionFlow, Index: 7},
		"{b:3}":  {Family: messages.PartitionBudget, Index: 3},
		"{q:31}": {Family: messages.PartitionQuota, Index: 31},
	} {
		require.Equal(t, messages.PartitionKey(text), messages.PartitionKeyOf(partition))
		parsed, err := messages.ParsePartitionKey(text)
		require.NoError(t, err)
		require.Equal(t, partition, parsed)
	}
	require.Equal(t, messages.PartitionKey("{fp:7}"),
		messages.PartitionKeyOf(messages.Partition{Family: messages.PartitionExecution, Index: 7}))
	requireRoundTrip(t, messages.Partition{Family: messages.PartitionFlow, Index: 7}, `{"family":"flow","index":7}`)
}

func TestSpec01_S13_PartitionKeyErrors(t *testing.T) {
	for _, test := range []struct {
		text   string
		reason messages.PartitionKeyReason
		want   string
	}{
		{"fp:0", messages.MissingBraces, "partition key must be wrapped in '{...}'"},
		{"{", messages.MissingBraces, "partition key must be wrapped in '{...}'"},
		{"{fp0}", messages.MalformedBody, "partition key body must be '<prefix>:<index>'"},
		{"{zz:0}", messages.UnknownFamilyPrefix, "unknown partition family prefix 'zz' (expected 'fp', 'b', 'q')"},
		{"{fp:abc}", messages.InvalidIndex, "partition index 'abc' is not a valid u16"},
		{"{fp:70000}", messages.InvalidIndex, "partition index '70000' is not a valid u16"},
	} {
		_, err := messages.ParsePartitionKey(test.text)
		var e *messages.PartitionKeyError
		require.ErrorAs(t, err, &e)
		require.Equal(t, test.reason, e.Reason)
		require.EqualError(t, err, test.want)
		require.ErrorIs(t, err, messages.ErrInvalidInput)
	}
}

func TestPartitionConfig_Validate(t *testing.T) {
	require.NoError(t, messages.PartitionConfig{}.Validate())
	valid := messages.PartitionConfig{NumFlowPartitions: 256, NumBudgetPartitions: 1, NumQuotaPartitions: 1}
	require.NoError(t, valid.Validate())
	for _, test := range []struct {
		spoil  func(*messages.PartitionConfig)
		detail string
	}{
		{func(c *messages.PartitionConfig) { c.NumFlowPartitions = 0 }, "num_flow_partitions: must be > 0"},
		{func(c *messages.PartitionConfig) { c.NumFlowPartitions = 257 }, "num_flow_partitions: must be in 1..=256"},
		{func(c *messages.PartitionConfig) { c.NumBudgetPartitions = 0 }, "num_budget_partitions: must be > 0"},
		{func(c *messages.PartitionConfig) { c.NumQuotaPartitions = 0 }, "num_quota_partitions: must be > 0"},
	} {
		broken := valid
		test.spoil(&broken)
		requireInvalid(t, broken.Validate(), messages.CodeInvalidInput, test.detail)
	}
}
