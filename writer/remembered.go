package writer

import (
	"github.com/flowfabric/ffsqlite/messages"
)

// mostRemembered bounds the executions under a lease that the writer remembers, at some two kilobytes each, and the lanes.
const mostRemembered = 4096

// remembered is what the writer knows of rows without reading them. It is as good as the rows, for it is dropped by
// whatever could change them: a store of ours forgets its execution, a commit of another connection and a rollback forget
// everything. Both are known once the transaction has begun, when nobody else can write
// (docs/decisions/0008-remembered-rows.md).
type remembered struct {
	// leases holds the rows of executions under a lease, as this writer has stored them. So the next call of the holder,
	// nearly always its completion, reads nothing.
	leases map[[16]byte]held
	// lanes are registered.
	lanes map[messages.LaneID]struct{}
	// noWaits says that nothing waits for anything: no suspension, waitpoint or grant is stored.
	noWaits bool
}

func newRemembered() remembered {
	return remembered{leases: map[[16]byte]held{}, lanes: map[messages.LaneID]struct{}{}}
}

func (r *remembered) forgetAll() {
	clear(r.leases)
	clear(r.lanes)
	r.noWaits = false
}

// forget drops an execution that is about to be stored.
func (r *remembered) forget(uuid [16]byte) { delete(r.leases, uuid) }

// remember keeps a running execution and its attempt, which have just been stored.
func (w *Writer) remember(x *execution, a *attempt) {
	makeRoom(w.remembered.leases)
	rows := *x
	rows.payload, rows.granted = nil, false
	w.remembered.leases[x.uuid] = held{execution: &rows, attempt: a}
}

// known returns the remembered rows of an execution, only to be looked at.
func (w *Writer) known(id messages.ExecutionID) (rows held, ok bool) {
	rows, ok = w.remembered.leases[id.UUID()]
	return rows, ok && rows.execution.partition == id.PartitionIndex()
}

// recall gives the remembered rows away: what their new owner makes of them is remembered only once it is stored.
func (w *Writer) recall(id messages.ExecutionID) (rows held, ok bool) {
	rows, ok = w.known(id)
	w.remembered.forget(id.UUID())
	return rows, ok
}

// makeRoom drops any one entry of a full map.
func makeRoom[K comparable, V any](m map[K]V) {
	if len(m) < mostRemembered {
		return
	}
	for key := range m {
		delete(m, key)
		return
	}
}
