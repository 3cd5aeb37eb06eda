package writer

import (
	"encoding/hex"

	"github.com/flowfabric/ffsqlite/messages"
)

const insertCompletionSQL = `
INSERT INTO ff_completion_event (partition_key, execution_id, flow_id, outcome, namespace, instance_tag,
                                 occurred_at_ms, committed_at_ms, dispatched_at_ms, previous_event_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`

// emitCompletion writes the completion event of an end that occurred at the given time and queues its cascade. An
// execution without a flow has nothing to cascade, so its event counts as dispatched. The event joins the chain of the
// attempt, which the caller stores after this; nil: there is none.
func (w *Writer) emitCompletion(x *execution, a *attempt, outcome string, occurred, now messages.TimestampMs) error {
	scope := x.eventScope()
	var previous instant
	if a != nil {
		previous = instant{a.completionEvent, true}
	}
	s := w.prepare(insertCompletionSQL).int(1, int64(x.partition)).blob(2, x.uuid[:])
	if x.inFlow {
		s.blob(3, x.flow[:]).null(9)
	} else {
		s.null(3).int(9, int64(now))
	}
	err := s.text(4, outcome).
		textPointer(5, scope.namespace).
		textPointer(6, scope.instanceTag).
		int(7, int64(occurred)).
		int(8, int64(now)).
		instant(10, previous).
		exec()
	if err != nil {
		return err
	}
	if a != nil {
		a.completionEvent = w.conn.LastInsertRowID()
	}
	event := messages.CompletionEvent{
		EventID:     messages.EventID(w.conn.LastInsertRowID()),
		ExecutionID: x.executionID(),
		Outcome:     messages.CompletionOutcome(outcome),
		RawOutcome:  outcome,
		At:          occurred,
		Namespace:   scope.namespace,
		InstanceTag: scope.instanceTag,
	}
	if x.inFlow {
		event.FlowID = &x.flow
		w.batch.queued = append(w.batch.queued, hop{event: event.EventID})
	}
	w.batch.completions = append(w.batch.completions, event)
	return nil
}

const insertLeaseEventSQL = `
INSERT INTO ff_lease_event (execution_id, lease_id, event_type, occurred_at_ms, partition_key, namespace, instance_tag,
                            worker_instance_id, revoked_by, attempt_index, lease_epoch, previous_event_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)`

// leaseEvent is one change of a lease for the outbox.
type leaseEvent struct {
	kind      messages.LeaseEventType
	lease     string // "" is NULL: there never was one
	index     instant
	epoch     instant
	worker    string // owner, or previous owner of an ended lease; "" is NULL
	revokedBy string // only for revoked
}

// leaseEventOf describes the lease of the attempt as it is now; a transition that ends the term asks before it bumps the
// epoch. The attempt may be nil.
func leaseEventOf(kind messages.LeaseEventType, a *attempt, revokedBy string) *leaseEvent {
	e := &leaseEvent{kind: kind, revokedBy: revokedBy}
	if a != nil {
		e.lease, e.worker = a.leaseID(), deref(a.workerInstanceID)
		e.index, e.epoch = instant{a.index, true}, instant{a.epoch, true}
	}
	return e
}

// emitLease writes a lease event. It joins the chain of the attempt, which the caller stores after this; nil: it joins
// none.
func (w *Writer) emitLease(x *execution, a *attempt, e *leaseEvent, occurred messages.TimestampMs) error {
	scope := x.eventScope()
	var previous instant
	if a != nil {
		previous = instant{a.leaseEvent, true}
	}
	err := w.prepare(insertLeaseEventSQL).
		text(1, uuidText(x.uuid)).
		textOrNull(2, e.lease).
		text(3, string(e.kind)).
		int(4, int64(occurred)).
		int(5, int64(x.partition)).
		textPointer(6, scope.namespace).
		textPointer(7, scope.instanceTag).
		textOrNull(8, e.worker).
		textOrNull(9, e.revokedBy).
		instant(10, e.index).
		instant(11, e.epoch).
		instant(12, previous).
		exec()
	if err != nil {
		return err
	}
	if a != nil {
		a.leaseEvent = w.conn.LastInsertRowID()
	}
	event := messages.LeaseHistoryEvent{
		EventID:     messages.EventID(w.conn.LastInsertRowID()),
		Kind:        e.kind,
		ExecutionID: x.executionID(),
		RevokedBy:   e.revokedBy,
		At:          occurred,
		Namespace:   scope.namespace,
		InstanceTag: scope.instanceTag,
	}
	if id, err := messages.ParseLeaseID(e.lease); e.lease != "" && err == nil {
		event.LeaseID = &id
	}
	if e.worker != "" {
		worker := messages.WorkerInstanceID(e.worker)
		event.WorkerInstanceID = &worker
	}
	w.batch.leases = append(w.batch.leases, event)
	return nil
}

const insertTagEventSQL = `
INSERT INTO ff_instance_tag_event (execution_id, event_type, tag, occurred_at_ms, partition_key, namespace, instance_tag)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`

func (w *Writer) emitTag(x *execution, kind, key, value string, occurred messages.TimestampMs) error {
	scope := x.eventScope()
	return w.prepare(insertTagEventSQL).
		text(1, uuidText(x.uuid)).
		text(2, kind).
		text(3, key+"="+value).
		int(4, int64(occurred)).
		int(5, int64(x.partition)).
		textPointer(6, scope.namespace).
		textPointer(7, scope.instanceTag).
		exec()
}

const insertOperatorEventSQL = `
INSERT INTO ff_operator_event (execution_id, event_type, details, occurred_at_ms, partition_key, namespace, instance_tag)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`

// operatorSubject is what an operator did something to: an execution, or a flow, which has no instance tag.
type operatorSubject struct {
	uuid      [16]byte
	partition uint16
	scope     scope
}

func (x *execution) operatorSubject() operatorSubject {
	return operatorSubject{x.uuid, x.partition, *x.eventScope()}
}

// emitOperator notes what an operator did; the members of details are sorted.
func (w *Writer) emitOperator(
	subject operatorSubject, kind string, details document, occurred messages.TimestampMs,
) error {
	return w.prepare(insertOperatorEventSQL).
		text(1, uuidText(subject.uuid)).
		text(2, kind).
		rawText(3, details.encode()).
		int(4, int64(occurred)).
		int(5, int64(subject.partition)).
		textPointer(6, subject.scope.namespace).
		textPointer(7, subject.scope.instanceTag).
		exec()
}

// uuidText is the bare canonical form that the lease and tag outboxes store.
func uuidText(id [16]byte) string {
	var out [36]byte
	hex.Encode(out[0:8], id[0:4])
	hex.Encode(out[9:13], id[4:6])
	hex.Encode(out[14:18], id[6:8])
	hex.Encode(out[19:23], id[8:10])
	hex.Encode(out[24:36], id[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}
