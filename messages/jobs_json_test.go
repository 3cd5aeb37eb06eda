package messages_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// The JSON of what the clock does, by itself and by hand.

func TestExpiry_JSON(t *testing.T) {
	id := executionID(t, idA)
	const execution = `"execution_id":"` + idA + `"`
	partition := &messages.Partition{Family: messages.PartitionFlow, Index: 24}
	const partitionJSON = `"partition":{"family":"flow","index":24}`

	requireRoundTrip(t, messages.PromoteDelayedArgs{ExecutionID: id}, `{`+execution+`}`)
	requireRoundTrip(t, messages.PromoteDelayedArgs{ExecutionID: id, Partition: partition, LaneID: "l", Now: 9},
		`{`+execution+`,`+partitionJSON+`,"lane_id":"l","now":9}`)
	requireRoundTrip(t, messages.PromoteDelayedResult{Outcome: messages.PromotePromoted}, `"Promoted"`)
	requireRoundTrip(t,
		messages.PromoteDelayedResult{Outcome: messages.PromoteAlreadySatisfied, Reason: "not_yet_due"},
		`{"AlreadySatisfied":{"reason":"not_yet_due"}}`)

	requireRoundTrip(t, messages.ExpireExecutionArgs{ExecutionID: id, Phase: messages.ExpireAttemptTimeout},
		`{`+execution+`,"phase":"attempt_timeout"}`)
	requireRoundTrip(t,
		messages.ExpireExecutionArgs{
			ExecutionID: id, Partition: partition, Phase: messages.ExpireExecutionDeadline, Now: 9,
		},
		`{`+execution+`,`+partitionJSON+`,"phase":"execution_deadline","now":9}`)
	requireRoundTrip(t, messages.ExpireExecutionResult{Outcome: messages.ExpireExpired, FromPhase: "active"},
		`{"Expired":{"from_phase":"active"}}`)
	requireRoundTrip(t, messages.ExpireExecutionResult{Outcome: messages.ExpireRetryScheduled, NextAttemptIndex: 2},
		`{"RetryScheduled":{"next_attempt_index":2}}`)
	requireRoundTrip(t,
		messages.ExpireExecutionResult{Outcome: messages.ExpireAlreadySatisfied, Reason: "not_active"},
		`{"AlreadySatisfied":{"reason":"not_active"}}`)

	requireRoundTrip(t, messages.MarkLeaseExpiredIfDueArgs{ExecutionID: id}, `{`+execution+`}`)
	requireRoundTrip(t, messages.MarkLeaseExpiredIfDueResult{Outcome: messages.MarkMarkedExpired}, `"MarkedExpired"`)
	requireRoundTrip(t,
		messages.MarkLeaseExpiredIfDueResult{Outcome: messages.MarkAlreadySatisfied, Reason: "unowned"},
		`{"AlreadySatisfied":{"reason":"unowned"}}`)
}

func TestExpiredLeases_JSON(t *testing.T) {
	const place = `{"expires_at":7,"execution_id":"` + idA + `"}`
	cursor := &messages.ExpiredLeasesCursor{ExpiresAt: 7, ExecutionID: executionID(t, idA)}
	requireRoundTrip(t, messages.ListExpiredLeasesArgs{}, `{"as_of":0}`)
	requireRoundTrip(t,
		messages.ListExpiredLeasesArgs{AsOf: 9, After: cursor, Limit: 5, MaxPartitionsPerCall: 2, Namespace: "n"},
		`{"as_of":9,"after":`+place+`,"limit":5,"max_partitions_per_call":2,"namespace":"n"}`)
	requireRoundTrip(t, messages.ListExpiredLeasesResult{Entries: []messages.ExpiredLeaseInfo{}}, `{"entries":[]}`)
	requireRoundTrip(t,
		messages.ListExpiredLeasesResult{
			Entries: []messages.ExpiredLeaseInfo{{
				ExecutionID: executionID(t, idA), LeaseID: uuid(t, uuidB), LeaseEpoch: 3, WorkerInstanceID: "w-1",
				ExpiresAt: 7, AttemptIndex: 2,
			}},
			Cursor: cursor,
		},
		`{"entries":[{"execution_id":"`+idA+`","lease_id":"`+uuidB+`","lease_epoch":3,"worker_instance_id":"w-1",
			"expires_at":7,"attempt_index":2}],"cursor":`+place+`}`)
}

func TestTrimRetention_JSON(t *testing.T) {
	requireRoundTrip(t, messages.TrimRetentionArgs{LaneID: "l"}, `{"lane_id":"l","retention_ms":0,"batch_size":0}`)
	requireRoundTrip(t,
		messages.TrimRetentionArgs{
			Partition: &messages.Partition{Family: messages.PartitionFlow, Index: 1}, LaneID: "l",
			Retention: time.Minute, Now: 9, BatchSize: 20,
			Filter: messages.ScannerFilter{InstanceTag: &messages.TagMatch{Key: "a.b", Value: "c"}},
		},
		`{"partition":{"family":"flow","index":1},"lane_id":"l","retention_ms":60000,"now":9,"batch_size":20,
			"filter":{"instance_tag":{"key":"a.b","value":"c"}}}`)
}

func TestScanners_JSON(t *testing.T) {
	requireRoundTrip(t, messages.StartScannersArgs{}, `{"config":{}}`)
	requireRoundTrip(t,
		messages.StartScannersArgs{Config: messages.ScannerConfig{
			LeaseExpiry: 1500 * time.Millisecond, StoreMaintenance: time.Minute, Lanes: []messages.LaneID{"l"},
			Filter: messages.ScannerFilter{Namespace: "n"}, RetentionPeriod: time.Hour,
		}},
		`{"config":{"intervals_ms":{"lease_expiry":1500,"store_maintenance":60000},"lanes":["l"],
			"filter":{"namespace":"n"},"retention_period_ms":3600000}}`)
	requireRoundTrip(t, messages.StopScannersArgs{}, `{}`)
	requireRoundTrip(t, messages.RunScannerTickArgs{Name: messages.ScannerUnblock}, `{"name":"unblock"}`)
	requireRoundTrip(t, messages.RunScannerTickArgs{Name: messages.ScannerUnblock, Now: 9}, `{"name":"unblock","now":9}`)
	requireRoundTrip(t, messages.ScanReport{Processed: 3, Errors: 1, Skipped: 2, More: true},
		`{"processed":3,"errors":1,"skipped":2,"more":true}`)
	requireRoundTrip(t, messages.ScanReport{Actions: map[string]uint32{"deferred": 1}},
		`{"processed":0,"errors":0,"skipped":0,"more":false,"actions":{"deferred":1}}`)
	requireRoundTrip(t, messages.ShutdownPrepareArgs{Grace: time.Second}, `{"grace_ms":1000}`)
	require.Error(t, json.Unmarshal([]byte(`{"intervals_ms":{"unblock":"1s"}}`), new(messages.ScannerConfig)))
	require.Error(t, json.Unmarshal([]byte(`{"grace_ms":"1s"}`), new(messages.ShutdownPrepareArgs)))
}

// Every interval comes back, so none is missing in the table of names.
func TestScannerConfig_JSON(t *testing.T) {
	config := messages.DefaultScannerConfig()
	encoded, err := json.Marshal(config)
	require.NoError(t, err)
	require.Equal(t, config, decoded[messages.ScannerConfig](t, string(encoded)))
}
