package messages_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

const referenceHandle = "0201032b0000007b66703a307d3a35353065383430302d653239622d343164342d613731362d3434363635353434303030300300" +
	"00002400000031313131313131312d313131312d343131312d383131312d3131313131313131313131312400000032323232323232322d" +
	"323232322d343232322d383232322d323232323232323232323232070000000000000030750000000000000700000064656661756c7408" +
	"000000776f726b65722d31"

func TestSpec01_S19_ReferenceVector(t *testing.T) {
	payload := referencePayload(t)
	opaque := messages.EncodeHandle(messages.BackendSqlite, payload)
	require.Equal(t, referenceHandle, hex.EncodeToString([]byte(opaque)))
	require.Len(t, opaque, 173)
	digest := sha256.Sum256([]byte(opaque))
	require.Equal(t, "086514dc218b1a1c04ce2a203212979391d8b13adb9c9d0590a9b66ba0be0550", hex.EncodeToString(digest[:]))

	tag, decoded, err := messages.DecodeHandle(opaque)
	require.NoError(t, err)
	require.Equal(t, messages.BackendSqlite, tag)
	require.Equal(t, payload, decoded)
}

func TestSpec01_S20_HandlesOfOtherBackends(t *testing.T) {
	payload := referencePayload(t)
	for _, tag := range []messages.BackendTag{messages.BackendValkey, messages.BackendPostgres} {
		opaque := messages.EncodeHandle(tag, payload)
		decodedTag, decoded, err := messages.DecodeHandle(opaque)
		require.NoError(t, err)
		require.Equal(t, tag, decodedTag)
		require.Equal(t, payload, decoded)

		_, err = messages.OpenHandle(messages.Handle{Backend: tag, Kind: messages.HandleFresh, Opaque: "not looked at"})
		requireInvalid(t, err, messages.CodeHandleFromOtherBackend, "expected=Sqlite actual="+tag.String())
		_, err = messages.OpenHandle(messages.Handle{
			Backend: messages.BackendSqlite, Kind: messages.HandleFresh, Opaque: opaque,
		})
		requireInvalid(t, err, messages.CodeHandleFromOtherBackend,
			"expected=Sqlite actual="+tag.String()+" (embedded tag)")
	}
	opened, err := messages.OpenHandle(handle(t))
	require.NoError(t, err)
	require.Equal(t, payload, opened)
}

func TestSpec01_S21_OldForm(t *testing.T) {
	payload := referencePayload(t)
	current := messages.EncodeHandle(messages.BackendSqlite, payload)
	tag, decoded, err := messages.DecodeHandle("\x01" + current[3:])
	require.NoError(t, err)
	require.Equal(t, messages.BackendValkey, tag)
	require.Equal(t, payload, decoded)
}

func TestSpec01_S22_MalformedHandles(t *testing.T) {
	valid := string(messages.EncodeHandle(messages.BackendSqlite, referencePayload(t)))
	withField := func(at int, bytes string) string { return valid[:at] + bytes + valid[at+len(bytes):] }
	for _, test := range []struct{ name, opaque, text string }{
		{"empty", "", "truncated handle: needed 1 bytes at offset 0, have 0"},
		{"only the format", "\x02", "truncated handle: needed 1 bytes at offset 1, have 0"},
		{"no tag", "\x02\x01", "truncated handle: needed 1 bytes at offset 2, have 0"},
		{"wire version", "\x02\xff\x01", "handle v2 wire-version byte 0xff not recognised"},
		{"tag", "\x02\x01\xfe", "handle backend-tag byte 0xfe not recognised"},
		{"tag zero", "\x02\x01\x00", "handle backend-tag byte 0x0 not recognised"},
		{"format", "\xab", "handle v1 version byte 0xab not recognised (expected 0x1)"},
		{"trailing", valid + "x", "trailing bytes in handle: pos=173, len=174"},
		{"cut", valid[:100], "truncated handle: needed 36 bytes at offset 98, have 2"},
		{"length of 4 GiB", "\x02\x01\x03\xff\xff\xff\xff", "truncated handle: needed 2147483647 bytes at offset 7, have 0"},
		{"UTF-8", withField(7, "\xff"), "handle field `execution_id` is not valid UTF-8"},
		{
			"execution id", withField(7, "x"),
			"handle field `execution_id` parse failed: execution_id is missing the `{fp:N}:` hash-tag prefix: xfp:0}:" + uuidA,
		},
		{
			"attempt id", withField(58, "g"),
			"handle field `attempt_id` parse failed: not a valid UUID: \"g" + uuidB[1:] + "\"",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := messages.DecodeHandle(messages.HandleOpaque(test.opaque))
			requireInvalid(t, err, messages.CodeCorruption, "handle_codec: "+test.text)
			require.ErrorIs(t, err, messages.ErrCorruption)
			_, err = messages.OpenHandle(messages.Handle{
				Backend: messages.BackendSqlite, Opaque: messages.HandleOpaque(test.opaque),
			})
			requireInvalid(t, err, messages.CodeCorruption, "handle_codec: "+test.text)
		})
	}
}

func TestHandle_LongTTL(t *testing.T) {
	payload := referencePayload(t)
	opaque := []byte(messages.EncodeHandle(messages.BackendSqlite, payload))
	ttlAt := len(opaque) - (4 + len("worker-1")) - (4 + len("default")) - 8
	binary.LittleEndian.PutUint64(opaque[ttlAt:], math.MaxUint64)
	_, decoded, err := messages.DecodeHandle(messages.HandleOpaque(opaque))
	require.NoError(t, err)
	require.Equal(t, time.Duration(math.MaxInt64).Truncate(time.Millisecond), decoded.LeaseTTL)
}

func TestHandle_JSON(t *testing.T) {
	requireRoundTrip(t,
		messages.Handle{Backend: messages.BackendSqlite, Kind: messages.HandleResumed, Opaque: "\x02\x01\x03\xff"},
		`{"backend":"Sqlite","kind":"Resumed","opaque":[2,1,3,255]}`)
	require.Equal(t, messages.HandleOpaque("\x02\x01\x03"), decoded[messages.HandleOpaque](t, `"AgED"`))
	for _, text := range []string{
		`{"backend":"Redis"}`, `{"kind":"Stale"}`, `{"opaque":[256]}`, `{"opaque":"%"}`, `{"opaque":7}`,
	} {
		var h messages.Handle
		require.Error(t, json.Unmarshal([]byte(text), &h), text)
	}
}

func TestHandle_Allocations(t *testing.T) {
	payload, h := referencePayload(t), handle(t)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		h.Opaque = messages.EncodeHandle(messages.BackendSqlite, payload)
	}), 1.0)
	require.Zero(t, testing.AllocsPerRun(100, func() { payload, _ = messages.OpenHandle(h) }))
	require.Equal(t, referencePayload(t), payload)
}

func BenchmarkEncodeHandle(b *testing.B) {
	payload := referencePayload(b)
	b.ReportAllocs()
	for b.Loop() {
		_ = messages.EncodeHandle(messages.BackendSqlite, payload)
	}
}

func BenchmarkOpenHandle(b *testing.B) {
	h := handle(b)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = messages.OpenHandle(h)
	}
}

func FuzzDecodeHandle(f *testing.F) {
	f.Add(fromHex(f, referenceHandle))
	f.Fuzz(func(t *testing.T, data []byte) {
		tag, payload, err := messages.DecodeHandle(messages.HandleOpaque(data))
		if err != nil {
			require.ErrorIs(t, err, messages.ErrCorruption)
			require.True(t, strings.Contains(err.Error(), "handle_codec: "))
			return
		}
		encoded := messages.EncodeHandle(tag, payload)
		againTag, again, err := messages.DecodeHandle(encoded)
		require.NoError(t, err)
		require.Equal(t, tag, againTag)
		require.Equal(t, payload, again)
	})
}
