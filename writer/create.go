package writer

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flowfabric/ffsqlite/messages"
)

// dedupWindow is how long an idempotency key is remembered when the policy does not say.
const dedupWindow = 24 * time.Hour

// durationLimit tells a duration from an absolute time in policy.timeout_policy.execution_deadline_ms: 10^12 ms is
// September 2001, and no deadline lasts 30 years.
const durationLimit = 1_000_000_000_000

// createExecution registers an execution (03 §4.1). It is claimable in the commit that creates it, unless it is delayed.
func (w *Writer) createExecution(
	now messages.TimestampMs, args messages.CreateExecutionArgs,
) (messages.CreateExecutionResult, error) {
	var none messages.CreateExecutionResult
	created := orNow(args.Now, now)
	if err := w.registerLane(args.LaneID, created); err != nil {
		return none, err
	}
	capabilities := args.RequiredCapabilities()
	if args.IdempotencyKey != "" || len(capabilities) > 0 {
		duplicate, err := w.findDuplicate(now, args)
		if err != nil || !duplicate.IsZero() {
			return messages.CreateExecutionResult{Outcome: messages.CreateDuplicate, ExecutionID: duplicate}, err
		}
	}
	if err := w.storeCapabilities(args.ExecutionID, capabilities); err != nil {
		return none, err
	}
	x, err := newExecution(now, created, args)
	if err != nil {
		return none, err
	}
	result := messages.CreateExecutionResult{
		Outcome: messages.CreateCreated, ExecutionID: args.ExecutionID, PublicState: messages.PublicState(x.public),
	}
	inserted, err := w.insertOffered(x, now)
	if err != nil {
		return none, err
	}
	if !inserted {
		duplicate, err := w.findDuplicate(now, args)
		return messages.CreateExecutionResult{Outcome: messages.CreateDuplicate, ExecutionID: duplicate}, err
	}
	return result, w.announce(x, args, now, created)
}

// insertOffered inserts a new execution, at once as claimed when a claim waits that it suits: the row is then written
// once instead of twice, and is never seen as claimable. It reports false when the UUID exists already.
func (w *Writer) insertOffered(x *execution, now messages.TimestampMs) (inserted bool, err error) {
	c := w.waiterFor(x, now)
	if c == nil {
		return w.insertExecution(x)
	}
	taken, err := w.start(x, c.request, now)
	if err != nil || taken == nil {
		w.refuse(c)
		return false, err
	}
	w.answer(c, taken, nil)
	return true, nil
}

// orNow is the caller's row time, or the engine's when it gave none.
func orNow(given, now messages.TimestampMs) messages.TimestampMs {
	if given == 0 {
		return now
	}
	return given
}

const registerLaneSQL = `
INSERT INTO ff_lane_registry (lane_id, registered_at_ms, registered_by)
VALUES (?1, ?2, 'create_execution')
    ON CONFLICT DO NOTHING`

func (w *Writer) registerLane(lane messages.LaneID, now messages.TimestampMs) error {
	if _, known := w.remembered.lanes[lane]; known {
		return nil
	}
	err := w.prepare(registerLaneSQL).text(1, string(lane)).int(2, int64(now)).exec()
	if err == nil {
		makeRoom(w.remembered.lanes)
		w.remembered.lanes[lane] = struct{}{}
	}
	return err
}

const partitionOfSQL = `SELECT partition_key FROM ff_exec_core WHERE execution_id = ?1`

const idempotencySQL = `
SELECT partition_key, execution_id
  FROM ff_exec_idempotency
 WHERE namespace = ?1
   AND idempotency_key = ?2
   AND expires_at_ms > ?3`

// findDuplicate returns the execution that this call would repeat, the zero id when there is none. It fails when the
// UUID is in use under another partition index.
func (w *Writer) findDuplicate(
	now messages.TimestampMs, args messages.CreateExecutionArgs,
) (duplicate messages.ExecutionID, err error) {
	uuid := args.ExecutionID.UUID()
	var partition int64
	s := w.prepare(partitionOfSQL).blob(1, uuid[:])
	used, err := s.one(func() { partition = s.stmt.ColumnInt64(0) })
	if err != nil || used && partition == int64(args.ExecutionID.PartitionIndex()) {
		return args.ExecutionID, err
	}
	if args.IdempotencyKey != "" {
		s := w.prepare(idempotencySQL).
			text(1, string(args.Namespace)).
			text(2, args.IdempotencyKey).
			int(3, int64(now))
		known, err := s.one(func() {
			duplicate = messages.NewExecutionID(uint16(s.stmt.ColumnInt64(0)), s.columnUUID(1)) //nolint:gosec // 0..255.
		})
		if err != nil || known {
			return duplicate, err
		}
	}
	if used {
		other := messages.NewExecutionID(uint16(partition), uuid) //nolint:gosec // 0..255.
		return duplicate, messages.InvalidField("execution_id", "uuid already used by %s", other)
	}
	return duplicate, nil
}

const insertCapabilitySQL = `
INSERT INTO ff_execution_capabilities (execution_id, capability)
VALUES (?1, ?2)
    ON CONFLICT DO NOTHING`

func (w *Writer) storeCapabilities(id messages.ExecutionID, capabilities []string) error {
	uuid := id.UUID()
	for _, capability := range capabilities {
		if err := w.prepare(insertCapabilitySQL).blob(1, uuid[:]).text(2, capability).exec(); err != nil {
			return err
		}
	}
	return nil
}

// newExecution is the row of a created execution.
func newExecution(now, created messages.TimestampMs, args messages.CreateExecutionArgs) (*execution, error) {
	x := &execution{
		id:           args.ExecutionID,
		uuid:         args.ExecutionID.UUID(),
		partition:    args.ExecutionID.PartitionIndex(),
		lane:         args.LaneID,
		phase:        "submitted",
		ownership:    "unowned",
		eligibility:  "eligible_now",
		public:       "waiting",
		attemptState: "pending",
		blocking:     "waiting_for_worker",
		priority:     min(max(int64(args.Priority), 0), messages.MaxPriority),
		createdAt:    int64(created),
		capabilities: strings.Join(args.RequiredCapabilities(), ","),
		payload:      args.InputPayload,
	}
	if x.payload == nil {
		x.payload = []byte{}
	}
	x.raw.members = make([]member, 0, 24)
	x.raw.setText("namespace", string(args.Namespace))
	x.raw.setText("execution_kind", args.ExecutionKind)
	x.raw.setText("creator_identity", args.CreatorIdentity)
	x.raw.setTime("last_mutation_at", created)
	x.raw.setJSON("total_attempt_count", zeroDigits)
	x.raw.setJSON("tags", tagsObject(args.Tags))
	if args.IdempotencyKey != "" {
		x.raw.setText("idempotency_key", args.IdempotencyKey)
	}
	if args.PayloadEncoding != "" {
		x.raw.setText("payload_encoding", args.PayloadEncoding)
	}
	delay := args.DelayUntil
	if args.ExecutionDeadlineAt != 0 {
		x.deadlineAt = at(args.ExecutionDeadlineAt)
	}
	if policy := args.Policy; policy != nil {
		if delay == 0 {
			delay = policy.DelayUntil
		}
		if err := x.applyPolicy(policy); err != nil {
			return nil, err
		}
	}
	if delay > now {
		x.eligibility, x.public, x.blocking = "not_eligible_until_time", "delayed", "waiting_for_delay"
		x.raw.setTime("delay_until", delay)
		x.raw.setText("blocking_detail", "delayed until "+strconv.FormatInt(int64(delay), 10))
	}
	return x, nil
}

var zeroDigits = []byte(`"0"`)

// applyPolicy stores the policy document and what of it has a place of its own.
func (x *execution) applyPolicy(policy *messages.ExecutionPolicy) error {
	document, err := json.Marshal(policy)
	if err != nil {
		return messages.ValidationError(messages.CodeInvalidPolicyJSON, err.Error())
	}
	x.policy = string(document)
	if timeouts := policy.TimeoutPolicy; timeouts != nil && timeouts.ExecutionDeadline > 0 && !x.deadlineAt.set {
		ms := messages.Millis(timeouts.ExecutionDeadline)
		if ms < durationLimit {
			ms += x.createdAt
		}
		x.deadlineAt = instant{ms: ms, set: true}
	}
	if len(policy.BudgetIDs) > 0 {
		ids := make([]string, len(policy.BudgetIDs))
		for i, id := range policy.BudgetIDs {
			ids[i] = id.String()
		}
		x.raw.setText("budget_ids", strings.Join(ids, ","))
	}
	if !policy.QuotaPolicyID.IsZero() {
		x.raw.setText("quota_policy_id", policy.QuotaPolicyID.String())
	}
	return nil
}

func tagsObject(tags map[string]string) []byte {
	if len(tags) == 0 {
		return []byte(`{}`)
	}
	var object document
	for _, key := range sortedKeys(tags) {
		object.setText(key, tags[key])
	}
	return object.encode()
}

func sortedKeys(tags map[string]string) []string {
	keys := make([]string, 0, len(tags))
	for key := range tags {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

const insertExecutionSQL = `
INSERT INTO ff_exec_core (partition_key, execution_id, lane_id, attempt_index, lifecycle_phase, ownership_state,
                          eligibility_state, public_state, attempt_state, blocking_reason, priority, created_at_ms,
                          started_at_ms, deadline_at_ms, payload, policy, raw_fields, capability_key, flow_id)
VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
    ON CONFLICT DO NOTHING`

// insertExecution reports false when the UUID exists already, under this partition or another.
func (w *Writer) insertExecution(x *execution) (bool, error) {
	x.was = nowhere
	if err := x.checkMove(); err != nil {
		return false, err
	}
	s := w.prepare(insertExecutionSQL)
	if x.inFlow {
		s.blob(18, x.flow[:])
	} else {
		s.null(18)
	}
	err := s.int(1, int64(x.partition)).
		blob(2, x.uuid[:]).
		text(3, string(x.lane)).
		text(4, x.phase).
		text(5, x.ownership).
		text(6, x.eligibility).
		text(7, x.public).
		text(8, x.attemptState).
		textOrNull(9, x.blocking).
		int(10, x.priority).
		int(11, x.createdAt).
		instant(12, x.startedAt).
		instant(13, x.deadlineAt).
		blob(14, x.payload).
		textOrNull(15, x.policy).
		rawText(16, x.raw.encode()).
		text(17, x.capabilities).
		exec()
	if err != nil || w.conn.Changes() == 0 {
		return false, err
	}
	x.rowid = w.conn.LastInsertRowID()
	w.lowerDeadline(x)
	return true, nil
}

const storeIdempotencySQL = `
INSERT INTO ff_exec_idempotency (namespace, idempotency_key, partition_key, execution_id, created_at_ms, expires_at_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT DO UPDATE
   SET partition_key = excluded.partition_key,
       execution_id = excluded.execution_id,
       created_at_ms = excluded.created_at_ms,
       expires_at_ms = excluded.expires_at_ms`

// announce does what follows the insert: the idempotency key, the tag events, the deadline or the lane's waiting claims.
func (w *Writer) announce(x *execution, args messages.CreateExecutionArgs, now, created messages.TimestampMs) error {
	if args.IdempotencyKey != "" {
		window := dedupWindow
		if args.Policy != nil && args.Policy.DedupWindow > 0 {
			window = args.Policy.DedupWindow
		}
		err := w.prepare(storeIdempotencySQL).
			text(1, string(args.Namespace)).
			text(2, args.IdempotencyKey).
			int(3, int64(x.partition)).
			blob(4, x.uuid[:]).
			int(5, int64(created)).
			int(6, int64(now)+messages.Millis(window)).
			exec()
		if err != nil {
			return err
		}
	}
	for _, key := range sortedKeys(args.Tags) {
		if err := w.emitTag(x, "attached", key, args.Tags[key], created); err != nil {
			return err
		}
	}
	if due, delayed := x.raw.number("delay_until"); delayed {
		w.deadlines.lower(delayedPromoter, due)
		return nil
	}
	if x.phase == "submitted" {
		w.becomesClaimable(x)
	}
	return nil
}
