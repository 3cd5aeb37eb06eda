package writer

import (
	"encoding/json"
	"errors"
	"strconv"

	"github.com/flowfabric/ffsqlite/messages"
)

// document is a JSON object of a row (raw_fields, an edge record) that is edited member by member. Members it does not
// know keep their bytes and their order, so what other programs put there survives every update.
//
// It exists because every operation rewrites a few members of such an object: parsing into a map and encoding again
// costs several times what the rest of the operation does in Go.
type document struct {
	members []member
	buffer  []byte
}

type member struct {
	key   string
	value []byte // JSON
}

var errNotObject = errors.New("not an object")

// parse replaces the content by the members of the JSON object text. The members point into text.
func (d *document) parse(text []byte) error {
	d.members = d.members[:0]
	if !json.Valid(text) {
		var any map[string]json.RawMessage
		return json.Unmarshal(text, &any)
	}
	i := skipSpace(text, 0)
	if text[i] != '{' {
		return errNotObject
	}
	i = skipSpace(text, i+1)
	for text[i] != '}' {
		end := skipString(text, i)
		key, err := keyOf(text[i:end])
		if err != nil {
			return err
		}
		i = skipSpace(text, skipSpace(text, end)+1)
		end = skipValue(text, i)
		d.members = append(d.members, member{key: key, value: text[i:end:end]})
		i = skipSpace(text, end)
		if text[i] == ',' {
			i = skipSpace(text, i+1)
		}
	}
	return nil
}

// The skip functions work on text that json.Valid accepted, so they never run off its end.

func skipSpace(text []byte, i int) int {
	for text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r' {
		i++
	}
	return i
}

// skipString returns the index behind the string that starts at i.
func skipString(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// skipValue returns the index behind the value that starts at i.
func skipValue(text []byte, i int) int {
	switch text[i] {
	case '"':
		return skipString(text, i)
	case '{', '[':
		depth := 0
		for {
			switch text[i] {
			case '"':
				i = skipString(text, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			i++
			if depth == 0 {
				return i
			}
		}
	}
	for i < len(text) && text[i] != ',' && text[i] != '}' && text[i] != ']' && text[i] > ' ' {
		i++
	}
	return i
}

// keyOf decodes a member name; the names that the engine writes are shared, not allocated.
func keyOf(quoted []byte) (string, error) {
	plain := quoted[1 : len(quoted)-1]
	if known, ok := memberNames[string(plain)]; ok {
		return known, nil
	}
	var key string
	err := json.Unmarshal(quoted, &key)
	return key, err
}

// encode returns the object as compact JSON. The result is valid until the next encode.
func (d *document) encode() []byte {
	out := append(d.buffer[:0], '{')
	for i := range d.members {
		if i > 0 {
			out = append(out, ',')
		}
		out = messages.AppendJSONString(out, d.members[i].key)
		out = append(out, ':')
		out = append(out, d.members[i].value...)
	}
	d.buffer = append(out, '}')
	return d.buffer
}

func (d *document) index(key string) int {
	for i := range d.members {
		if d.members[i].key == key {
			return i
		}
	}
	return -1
}

// get returns the JSON of the member, nil when there is none.
func (d *document) get(key string) []byte {
	if i := d.index(key); i >= 0 {
		return d.members[i].value
	}
	return nil
}

// text returns the member when it is a string or a number (as its digits), else "".
func (d *document) text(key string) string {
	value := d.get(key)
	if len(value) == 0 {
		return ""
	}
	if value[0] == '"' {
		return unquote(value)
	}
	if value[0] == '-' || value[0] >= '0' && value[0] <= '9' {
		return string(value)
	}
	return ""
}

// pointer returns the member when it is a string, else nil.
func (d *document) pointer(key string) *string {
	if value := d.get(key); len(value) > 0 && value[0] == '"' {
		text := unquote(value)
		return &text
	}
	return nil
}

// number returns the member when it is an integer, as a number or as a decimal string; ok is false otherwise.
func (d *document) number(key string) (n int64, ok bool) {
	text := d.text(key)
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

func (d *document) setJSON(key string, value []byte) {
	if i := d.index(key); i >= 0 {
		d.members[i].value = value
		return
	}
	d.members = append(d.members, member{key: key, value: value})
}

func (d *document) setText(key, value string) {
	if value == "" {
		d.setJSON(key, emptyText)
		return
	}
	d.setJSON(key, messages.AppendJSONString(make([]byte, 0, len(value)+2), value))
}

func (d *document) setNumber(key string, n int64) {
	d.setJSON(key, strconv.AppendInt(make([]byte, 0, 20), n, 10))
}

// setDigits stores the number as a decimal string, the form of most numbers of raw_fields.
func (d *document) setDigits(key string, n int64) {
	out := append(make([]byte, 0, 22), '"')
	d.setJSON(key, append(strconv.AppendInt(out, n, 10), '"'))
}

func (d *document) setTime(key string, t messages.TimestampMs) { d.setDigits(key, int64(t)) }

func (d *document) remove(key string) {
	if i := d.index(key); i >= 0 {
		d.members = append(d.members[:i], d.members[i+1:]...)
	}
}

var emptyText = []byte(`""`)

func unquote(quoted []byte) string {
	for _, c := range quoted {
		if c == '\\' {
			var text string
			if json.Unmarshal(quoted, &text) != nil {
				return ""
			}
			return text
		}
	}
	return string(quoted[1 : len(quoted)-1])
}

// memberNames are the names that the engine itself writes.
var memberNames = func() map[string]string {
	names := map[string]string{}
	for _, name := range []string{
		"namespace", "execution_kind", "creator_identity", "idempotency_key", "payload_encoding", "tags",
		"last_mutation_at", "total_attempt_count", "delay_until", "retry_count",
		"pending_retry_reason", "pending_previous_attempt_index", "pending_replay_reason", "pending_replay_requested_by",
		"replay_count", "progress_pct", "progress_message", "progress_updated_at",
		"last_failure_message", "failure_reason", "failure_category", "terminal_outcome", "blocking_detail",
		"current_attempt_id", "current_attempt_index", "current_lease_id", "current_worker_id",
		"current_worker_instance_id", "current_suspension_id", "current_waitpoint_id",
		"budget_ids", "quota_policy_id", "lease_expired_at_ms", "next_attempt_policy", "result_encoding",
		"attempt_id", "lease_id", "attempt_type", "lease_renewed_at_ms", "attempt_timeout_at_ms",
		"failure_detail", "failure_detail_b64", "reclaim_reason", "previous_attempt_index",
		"flow_kind", "node_count", "edge_count", "last_mutation_at_ms", "cancellation_policy", "cancel_reason",
		"dependency_kind", "satisfaction_condition", "data_passing_ref", "edge_state", "created_at_ms", "created_by",
		"staged_at_ms", "applied_at_ms",
	} {
		names[name] = name
	}
	return names
}()
