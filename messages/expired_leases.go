package messages

// The bounds of a page of expired leases.
const (
	DefaultExpiredLeases = 1000
	MaxExpiredLeases     = 10_000
)

// ListExpiredLeasesArgs reads a page of the leases that have run out, by the time at which they did and then by the text
// of the execution id.
type ListExpiredLeasesArgs struct {
	AsOf                 TimestampMs          `json:"as_of"`                             // 0: the engine's clock
	After                *ExpiredLeasesCursor `json:"after,omitempty"`                   // the page begins behind it
	Limit                uint32               `json:"limit,omitempty"`                   // 0: 1,000; 10,000 at most
	MaxPartitionsPerCall uint32               `json:"max_partitions_per_call,omitempty"` // ignored
	Namespace            Namespace            `json:"namespace,omitempty"`               // "": all
}

// Validate implements [Validator].
func (a ListExpiredLeasesArgs) Validate() error {
	if a.After != nil && a.After.ExecutionID.IsZero() {
		return InvalidField("after", mustNotBeEmpty)
	}
	return firstError(validateUTF8("namespace", string(a.Namespace)))
}

// ExpiredLeasesCursor is the place of an expired lease in the listing.
type ExpiredLeasesCursor struct {
	ExpiresAt   TimestampMs `json:"expires_at"`
	ExecutionID ExecutionID `json:"execution_id"`
}

// ExpiredLeaseInfo is one lease that has run out and has not been taken over.
type ExpiredLeaseInfo struct {
	ExecutionID      ExecutionID      `json:"execution_id"`
	LeaseID          LeaseID          `json:"lease_id"`
	LeaseEpoch       LeaseEpoch       `json:"lease_epoch"`
	WorkerInstanceID WorkerInstanceID `json:"worker_instance_id"`
	ExpiresAt        TimestampMs      `json:"expires_at"`
	AttemptIndex     AttemptIndex     `json:"attempt_index"`
}

// ListExpiredLeasesResult is one page; Cursor is nil when it is the last.
type ListExpiredLeasesResult struct {
	Entries []ExpiredLeaseInfo   `json:"entries"`
	Cursor  *ExpiredLeasesCursor `json:"cursor,omitempty"`
}

// Method returns "list_expired_leases".
func (ListExpiredLeasesArgs) Method() string { return "list_expired_leases" }

func (ListExpiredLeasesArgs) isMessage() {}
