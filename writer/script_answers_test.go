package writer_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// answer is what a caller was told, without the ids that were drawn for it.
func (s *script) answer(reply messages.Reply, err error) string {
	if err != nil {
		return undrawn(err.Error())
	}
	switch r := reply.(type) {
	case messages.ClaimReply:
		if r.Handle == nil {
			return "nothing"
		}
		s.claimed = append(s.claimed, *r.Handle)
		return s.holder(*r.Handle)
	case messages.ClaimNextResult:
		if r.Task == nil {
			return "nothing"
		}
		s.claimed = append(s.claimed, r.Task.Handle)
		return s.holder(r.Task.Handle)
	case []messages.Reply:
		answers := make([]string, len(r))
		for i := range r {
			answers[i] = s.answer(r[i], nil)
		}
		return strings.Join(answers, ", ")
	case messages.AppendFrameOutcome:
		version := uint64(0)
		if r.SummaryVersion != nil {
			version = *r.SummaryVersion
		}
		return fmt.Sprint(r.StreamID, r.FrameCount, version)
	}
	encoded, err := json.Marshal(reply)
	require.NoError(s.t, err)
	return undrawn(string(encoded))
}

func (s *script) holder(handle messages.Handle) string {
	s.t.Helper()
	payload, err := messages.OpenHandle(handle)
	require.NoError(s.t, err)
	return fmt.Sprint(handle.Kind, payload.ExecutionID, payload.AttemptIndex, payload.LeaseEpoch, payload.LeaseTTL)
}

// drawnID is an id of a counter, as text or as a quoted blob.
var drawnID = regexp.MustCompile(fmt.Sprintf(`(?i)%02x0{6}-?0{4}-?40{3}-?80{2}[0-9a-f]-?[0-9a-f]{12}`, drawn))

// undrawn numbers the drawn ids of a text from the first on, so that it compares with one for which others were drawn.
func undrawn(text string) string {
	numbers := map[string]int{}
	return drawnID.ReplaceAllStringFunc(text, func(id string) string {
		id = strings.ToLower(strings.ReplaceAll(id, "-", ""))
		if _, known := numbers[id]; !known {
			numbers[id] = len(numbers) + 1
		}
		return fmt.Sprint("drawn-", numbers[id])
	})
}
