package messages_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

func TestSpec01_S16_UUIDForms(t *testing.T) {
	for _, text := range []string{
		uuidA,
		strings.ToUpper(uuidA),
		"URN:UUID:" + strings.ToUpper(uuidA),
		"urn:uuid:" + uuidA,
		"{" + uuidA + "}",
		strings.ReplaceAll(uuidA, "-", ""),
	} {
		id, err := messages.ParseFlowID(text)
		require.NoError(t, err, text)
		require.Equal(t, uuidA, id.String())
	}
	for _, text := range []string{
		"not-a-uuid", "", uuidA + " ", "{" + uuidA, "(" + uuidA + ")", "urn:uuid:{" + uuidA + "}",
		strings.Replace(uuidA, "5", "g", 1), strings.Replace(uuidA, "-", "0", 1),
	} {
		_, err := messages.ParseFlowID(text)
		require.ErrorIs(t, err, messages.ErrInvalidInput, text)
	}
	require.NotEqual(t, reflect.TypeFor[messages.FlowID](), reflect.TypeFor[messages.EdgeID]())
}

// checkID checks what all identifiers have in common.
func checkID[T interface {
	comparable
	Bytes() [16]byte
	String() string
	IsZero() bool
}](t *testing.T, field string, create func() T, parse func(string) (T, error), fromUUID func([16]byte) T) {
	t.Helper()
	var zero T
	require.True(t, zero.IsZero())
	require.Equal(t, "00000000-0000-0000-0000-000000000000", zero.String())

	id := create()
	require.False(t, id.IsZero())
	require.NotEqual(t, id, create())
	bytes := id.Bytes()
	require.Equal(t, byte(0x40), bytes[6]&0xf0)
	require.Equal(t, byte(0x80), bytes[8]&0xc0)
	require.Equal(t, id, fromUUID(bytes))
	parsed, err := parse(id.String())
	require.NoError(t, err)
	require.Equal(t, id, parsed)
	requireRoundTrip(t, id, `"`+id.String()+`"`)

	_, err = parse("x")
	requireInvalid(t, err, messages.CodeInvalidInput, field+`: not a valid UUID: "x"`)
	require.ErrorIs(t, json.Unmarshal([]byte(`"x"`), &zero), messages.ErrInvalidInput)
}

func TestIDs(t *testing.T) {
	checkID(t, "flow_id", messages.NewFlowID, messages.ParseFlowID, messages.FlowIDFromUUID)
	checkID(t, "edge_id", messages.NewEdgeID, messages.ParseEdgeID, messages.EdgeIDFromUUID)
	checkID(t, "lease_id", messages.NewLeaseID, messages.ParseLeaseID, messages.LeaseIDFromUUID)
	checkID(t, "attempt_id", messages.NewAttemptID, messages.ParseAttemptID, messages.AttemptIDFromUUID)
	checkID(t, "budget_id", messages.NewBudgetID, messages.ParseBudgetID, messages.BudgetIDFromUUID)
	checkID(t, "quota_policy_id",
		messages.NewQuotaPolicyID, messages.ParseQuotaPolicyID, messages.QuotaPolicyIDFromUUID)
	checkID(t, "waitpoint_id", messages.NewWaitpointID, messages.ParseWaitpointID, messages.WaitpointIDFromUUID)
	checkID(t, "signal_id", messages.NewSignalID, messages.ParseSignalID, messages.SignalIDFromUUID)
	checkID(t, "suspension_id", messages.NewSuspensionID, messages.ParseSuspensionID, messages.SuspensionIDFromUUID)
}

func TestIDs_AreUniqueAcrossGoroutines(t *testing.T) {
	const workers, each = 8, 500
	drawn := make([][]messages.LeaseID, workers)
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for range each {
				drawn[worker] = append(drawn[worker], messages.NewLeaseID())
			}
		})
	}
	group.Wait()
	seen := map[messages.LeaseID]bool{}
	for _, ids := range drawn {
		for _, id := range ids {
			seen[id] = true
		}
	}
	require.Len(t, seen, workers*each)
}

func TestIDs_Allocations(t *testing.T) {
	id := messages.NewEdgeID()
	var text string
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { text = id.String() }), 1.0)
	require.Zero(t, testing.AllocsPerRun(100, func() { id, _ = messages.ParseEdgeID(text) }))
}

func BenchmarkNewLeaseID(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = messages.NewLeaseID()
	}
}

func FuzzParseFlowID(f *testing.F) {
	f.Add(uuidA)
	f.Fuzz(func(t *testing.T, text string) {
		id, err := messages.ParseFlowID(text)
		if err != nil {
			require.True(t, id.IsZero())
			return
		}
		require.Len(t, id.String(), 36)
		again, err := messages.ParseFlowID(id.String())
		require.NoError(t, err)
		require.Equal(t, id, again)
	})
}
