package ffsqlite_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// Bad input gets a typed error that names the field, and stores nothing: 01 §2, §4.2, §6, §10 and §15.

// refusal is a call that must be refused before anything is stored.
type refusal struct {
	name   string
	call   func() error
	target error
	detail string
}

// invalid is a call that must be refused as invalid input.
func invalid(name, detail string, call func() error) refusal {
	return refusal{name, call, messages.ErrInvalidInput, detail}
}

// requireRefusals makes the calls and asserts their errors, and that no row has changed.
func requireRefusals(t *testing.T, e *engine, refusals []refusal) {
	t.Helper()
	before := e.sql.Dump()
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			requireDetail(t, r.call(), r.target, r.detail)
			require.Equal(t, before, e.sql.Dump())
		})
	}
}

// long is a text of n bytes.
func long(n int) string { return strings.Repeat("a", n) }

// notUTF8 is no text.
const notUTF8 = "\xff"

func TestValidation_CreateExecution(t *testing.T) {
	e := open(t)
	taken := e.created()
	refused := func(name, detail string, change func(*messages.CreateExecutionArgs)) refusal {
		return refusal{name, func() error {
			_, err := e.CreateExecution(t.Context(), args(newID(), change))
			return err
		}, messages.ErrInvalidInput, detail}
	}
	elsewhere := messages.NewExecutionID(25, taken.UUID())
	requireRefusals(t, e, []refusal{
		refused("no id", "execution_id: must not be empty",
			func(a *messages.CreateExecutionArgs) { a.ExecutionID = messages.ExecutionID{} }),
		refused("an id of another partition", "execution_id: uuid already used by "+taken.String(),
			func(a *messages.CreateExecutionArgs) { a.ExecutionID = elsewhere }),
		refused("another partition than that of the id", "partition_id: does not match execution_id (id=0, arg=3)",
			func(a *messages.CreateExecutionArgs) { a.PartitionID = 3 }),
		refused("no namespace", "namespace: must not be empty", inNamespace("")),
		refused("a long namespace", "namespace: exceeds 256 bytes (got 257)", inNamespace(messages.Namespace(long(257)))),
		refused("a namespace with a control character", "namespace: must not contain control characters", inNamespace("a\nb")),
		refused("a namespace that is no text", "namespace: must be valid UTF-8", inNamespace(notUTF8)),
		refused("no lane", "lane_id is empty", inLane("")),
		refused("a long lane", "lane_id exceeds 64 bytes (got 65)", inLane(messages.LaneID(long(65)))),
		refused("a lane that cannot be printed", "lane_id contains non-ASCII-printable byte at index 3", inLane("lané")),
		refused("a long kind", "execution_kind: exceeds 256 bytes (got 257)", ofKind(long(257))),
		refused("a kind with a control character", "execution_kind: must not contain control characters", ofKind("a\x00")),
		refused("an encoding that is no text", "payload_encoding: must be valid UTF-8",
			func(a *messages.CreateExecutionArgs) { a.PayloadEncoding = notUTF8 }),
		refused("a creator that is no text", "creator_identity: must be valid UTF-8",
			func(a *messages.CreateExecutionArgs) { a.CreatorIdentity = notUTF8 }),
		refused("a key that is no text", "idempotency_key: must be valid UTF-8",
			func(a *messages.CreateExecutionArgs) { a.IdempotencyKey = notUTF8 }),
		refused("a tag that is no text", "tags: must be valid UTF-8", withTag("app.team", notUTF8)),
	})
}

func TestSpec01_S80_TagKeysAtCreate(t *testing.T) {
	e := open(t)
	var refusals []refusal
	for _, key := range []string{
		"", "Cairn.x", "1cairn.x", "cairn", "cairn.", "cairn..x", ".cairn", "cair n.x", "ca-irn.x", "cairn.Foo",
		"cairn.foo bar", `cairn.foo"bar`, "cairn.foo-bar", `cairn.foo\bar`,
	} {
		refusals = append(refusals, refusal{key, func() error {
			_, err := e.CreateExecution(t.Context(), args(newID(), withTag("ok.key", "v"), withTag(key, "v")))
			return err
		}, messages.ErrInvalidTagKey, `invalid tag key: "` + key + `" (must match ^[a-z][a-z0-9_]*\.[a-z0-9_][a-z0-9_.]*$)`})
	}
	refusals = append(refusals, refusal{"a long one", func() error {
		_, err := e.CreateExecution(t.Context(), args(newID(), withTag("a."+long(255), "v")))
		return err
	}, messages.ErrInvalidTagKey, "invalid tag key: exceeds 256 bytes (got 257)"})
	requireRefusals(t, e, refusals)
	for _, key := range []string{"cairn.session_id", "a.b", "a1_2.x", "app.sub.field", "x.y_z", "a." + long(254)} {
		e.created(withTag(key, ""))
	}
}

func TestSpec01_S61_RequiredCapabilities(t *testing.T) {
	e := open(t)
	refused := func(name, detail string, tokens ...string) refusal {
		return refusal{name, func() error {
			_, err := e.CreateExecution(t.Context(), args(newID(), requiring(tokens...)))
			return err
		}, messages.ErrInvalidCapabilities, detail}
	}
	requireRefusals(t, e, []refusal{
		refused("an empty token", "required:empty_token", "gpu", ""),
		refused("a comma", "required:comma_in_token", "a,b"),
		refused("a space", "required:control_or_whitespace", "a b"),
		refused("a control character", "required:control_or_whitespace", "a\x7f"),
		refused("too many", "required:too_many_tokens", numbered(257)...),
		refused("too long", "required:too_many_bytes", long(4097)),
	})
	e.created(requiring(numbered(256)...))
	e.created(requiring(long(4096)))
}

// numbered are n different capability tokens.
func numbered(n int) []string {
	tokens := make([]string, n)
	for i := range tokens {
		tokens[i] = fmt.Sprintf("token-%d", i)
	}
	return tokens
}

func TestValidation_Policy(t *testing.T) {
	e := open(t)
	refused := func(detail string, change func(*messages.ExecutionPolicy)) refusal {
		return refusal{detail, func() error {
			_, err := e.CreateExecution(t.Context(), args(newID(), withPolicy(change)))
			return err
		}, messages.ErrInvalidInput, detail}
	}
	backoff := func(b messages.BackoffStrategy) func(*messages.ExecutionPolicy) {
		return func(p *messages.ExecutionPolicy) { p.RetryPolicy = &messages.RetryPolicy{Backoff: b} }
	}
	requireRefusals(t, e, []refusal{
		refused("delay_ms: must not be negative", backoff(messages.FixedBackoff(-1))),
		refused("initial_delay_ms: must not be negative", backoff(messages.BackoffStrategy{InitialDelay: -1})),
		refused("max_delay_ms: must not be negative", backoff(messages.BackoffStrategy{MaxDelay: -1})),
		refused("multiplier: must be finite", backoff(messages.BackoffStrategy{Multiplier: math.NaN()})),
		refused("type: must be valid UTF-8", backoff(messages.BackoffStrategy{Type: notUTF8})),
		refused("retryable_categories: must be valid UTF-8", func(p *messages.ExecutionPolicy) {
			p.RetryPolicy = &messages.RetryPolicy{RetryableCategories: []string{notUTF8}}
		}),
		refused("attempt_timeout_ms: must not be negative", func(p *messages.ExecutionPolicy) {
			p.TimeoutPolicy = &messages.TimeoutPolicy{AttemptTimeout: -1}
		}),
		refused("execution_deadline_ms: must not be negative", func(p *messages.ExecutionPolicy) {
			p.TimeoutPolicy = &messages.TimeoutPolicy{ExecutionDeadline: -1}
		}),
		refused("default_timeout_ms: must not be negative", func(p *messages.ExecutionPolicy) {
			p.SuspensionPolicy = &messages.SuspensionPolicy{DefaultTimeout: -1}
		}),
		refused("timeout_ms: must not be negative", func(p *messages.ExecutionPolicy) {
			p.FallbackPolicy = &messages.FallbackPolicy{Tiers: []messages.FallbackTier{{Timeout: -1}}}
		}),
		refused("dedup_window_ms: must not be negative", func(p *messages.ExecutionPolicy) { p.DedupWindow = -1 }),
		refused("retention_ttl_ms: must not be negative", func(p *messages.ExecutionPolicy) {
			p.StreamPolicy = &messages.StreamPolicy{RetentionTTL: -1}
		}),
		refused("preferred_locality: must be valid UTF-8", func(p *messages.ExecutionPolicy) {
			p.RoutingRequirements = &messages.RoutingRequirements{PreferredLocality: notUTF8}
		}),
	})
}

func TestSpec01_S60_CapabilitiesOfAWorker(t *testing.T) {
	e := open(t)
	e.created()
	refused := func(name, detail string, tokens ...string) refusal {
		return refusal{name, func() error {
			_, err := e.Claim(t.Context(), claimArgs(tokens...))
			return err
		}, messages.ErrInvalidCapabilities, detail}
	}
	requireRefusals(t, e, []refusal{
		refused("empty", "capability token must not be empty", ""),
		refused("a comma", `capability token may not contain ',' (CSV delimiter): "a,b"`, "a,b"),
		refused("a space", `capability token must not contain whitespace or control characters: "a b"`, "a b"),
		refused("a control character", `capability token must not contain whitespace or control characters: "a\x01"`, "a\x01"),
		refused("too many", "capability set exceeds CAPS_MAX_TOKENS (256): 257", numbered(257)...),
		refused("too long", "capability CSV exceeds CAPS_MAX_BYTES (4096): 4097", long(4097)),
	})
	for _, fine := range [][]string{{"gpü"}, numbered(256), {long(4096)}} {
		handle, err := e.Claim(t.Context(), claimArgs(fine...))
		require.NoError(t, err)
		require.Equal(t, len(fine) == 1 && fine[0] == "gpü", handle != nil, "the first takes it")
	}
}

func TestSpec01_S03_MalformedIDs(t *testing.T) {
	uuid := messages.NewFlowID().String()
	for _, text := range []string{
		"", uuid, "{fp:xx}:" + uuid, "{fp:256}:" + uuid, "{fp:65536}:" + uuid, "{fp:}:" + uuid, "{fp:+7}:" + uuid,
		"{fp:0}:not-a-uuid", "{fp:0", "{fp:0}" + uuid,
	} {
		_, err := messages.ParseExecutionID(text)
		require.ErrorIs(t, err, messages.ErrInvalidInput, text)
		var id *messages.ExecutionIDError
		require.ErrorAs(t, err, &id)
	}
}
