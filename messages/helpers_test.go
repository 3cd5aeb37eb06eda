package messages_test

import (
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

const (
	uuidA = "550e8400-e29b-41d4-a716-446655440000"
	uuidB = "11111111-1111-4111-8111-111111111111"
	uuidC = "22222222-2222-4222-8222-222222222222"
)

// uuid returns the bytes of a canonical text.
func uuid(tb testing.TB, text string) [16]byte {
	tb.Helper()
	id, err := messages.ParseFlowID(text)
	require.NoError(tb, err)
	return id
}

func executionID(tb testing.TB, text string) messages.ExecutionID {
	tb.Helper()
	id, err := messages.ParseExecutionID(text)
	require.NoError(tb, err)
	return id
}

func fromHex(tb testing.TB, text string) []byte {
	tb.Helper()
	data, err := hex.DecodeString(text)
	require.NoError(tb, err)
	return data
}

// referencePayload is the content of the reference vector of the handle format.
func referencePayload(tb testing.TB) messages.HandlePayload {
	tb.Helper()
	return messages.HandlePayload{
		ExecutionID:      executionID(tb, "{fp:0}:"+uuidA),
		AttemptIndex:     3,
		AttemptID:        uuid(tb, uuidB),
		LeaseID:          uuid(tb, uuidC),
		LeaseEpoch:       7,
		LeaseTTL:         30 * time.Second,
		LaneID:           "default",
		WorkerInstanceID: "worker-1",
	}
}

// handle returns a usable handle.
func handle(tb testing.TB) messages.Handle {
	tb.Helper()
	opaque := messages.EncodeHandle(messages.BackendSqlite, referencePayload(tb))
	return messages.Handle{Backend: messages.BackendSqlite, Kind: messages.HandleFresh, Opaque: opaque}
}

// createArgs returns arguments that are fine.
func createArgs(tb testing.TB) messages.CreateExecutionArgs {
	tb.Helper()
	return messages.CreateExecutionArgs{
		ExecutionID: executionID(tb, "{fp:24}:"+uuidA),
		Namespace:   "tenant",
		LaneID:      "default",
	}
}

// claimNextArgs returns arguments that are fine.
func claimNextArgs() messages.ClaimNextArgs {
	return messages.ClaimNextArgs{
		Lanes:              []messages.LaneID{"default", "urgent"},
		WorkerID:           "pool",
		WorkerInstanceID:   "pool-1",
		WorkerCapabilities: messages.CapabilitySet{"gpu", "cuda"},
		LeaseTTL:           30 * time.Second,
	}
}

// requireInvalid expects a Validation error with this code and detail.
func requireInvalid(tb testing.TB, err error, code messages.Code, detail string) {
	tb.Helper()
	var e *messages.Error
	require.ErrorAs(tb, err, &e)
	require.Equal(tb, messages.KindValidation, e.Kind)
	require.Equal(tb, code, e.Code)
	require.Equal(tb, detail, e.Detail)
}

// requireRoundTrip expects that the JSON of the value is text, and that reading it back gives the value.
func requireRoundTrip[T any](tb testing.TB, value T, text string) {
	tb.Helper()
	encoded, err := json.Marshal(value)
	require.NoError(tb, err)
	require.JSONEq(tb, text, string(encoded))
	require.NotContains(tb, string(encoded), "null")
	var back T
	require.NoError(tb, json.Unmarshal(encoded, &back))
	require.Equal(tb, value, back)
}

// decoded reads a value from JSON.
func decoded[T any](tb testing.TB, text string) T {
	tb.Helper()
	var value T
	require.NoError(tb, json.Unmarshal([]byte(text), &value))
	return value
}

func pointer[T any](value T) *T { return &value }
