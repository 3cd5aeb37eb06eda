package messages

import "encoding/binary"

// DerivedLeaseID is the id of a lease whose row has none, as rows of other writers do: the UUID of the execution, its
// first half mixed with the epoch and the next four bytes with the attempt index.
func DerivedLeaseID(id ExecutionID, epoch LeaseEpoch, attempt AttemptIndex) LeaseID {
	lease := id.UUID()
	half := lease[:8]
	binary.BigEndian.PutUint64(half, binary.BigEndian.Uint64(half)^uint64(epoch))
	next := lease[8:12]
	binary.BigEndian.PutUint32(next, binary.BigEndian.Uint32(next)^uint32(attempt))
	return lease
}
