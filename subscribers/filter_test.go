package subscribers_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/flowfabric/ffsqlite/messages"
)

// labelled is a row with a namespace and an instance tag; the empty text is NULL.
func labelled(namespace, tag string) event {
	var row event
	if namespace != "" {
		row.Namespace = &namespace
	}
	if tag != "" {
		row.InstanceTag = &tag
	}
	return row
}

func TestSpec05_S82_FiltersDropTheOthers(t *testing.T) {
	rows := []event{
		labelled("", ""),                 // 1
		labelled("tenant-a", "i-1"),      // 2
		labelled("tenant-b", "i-1"),      // 3
		labelled("tenant-a", "i-2"),      // 4
		labelled("tenant-b", ""),         // 5
		labelled("", "i-42"),             // 6
		labelled("tenant-a", "tenant-a"), // 7
	}
	tests := []struct {
		name   string
		filter messages.ScannerFilter
		want   []messages.EventID
	}{
		{"nothing is set", everything, sequence(1, 7)},
		{"tag i-42", tagged(messages.InstanceTagKey, "i-42"), []messages.EventID{6}},
		{"tag i-1", tagged(messages.InstanceTagKey, "i-1"), []messages.EventID{2, 3}},
		{"tag i-2", tagged(messages.InstanceTagKey, "i-2"), []messages.EventID{4}},
		{"tags are compared bytewise", tagged(messages.InstanceTagKey, "I-1"), nil},
		{"namespace tenant-a", in("tenant-a"), []messages.EventID{2, 4, 7}},
		{"both", in("tenant-b").WithInstanceTag(messages.InstanceTagKey, "i-1"), []messages.EventID{3}},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEngine(t, 0)
				live := reading(e.subscribe(t, tail, test.filter))
				late := e.subscribe(t, messages.FromBeginning(), test.filter)
				e.write(t, rows...)
				read := reading(late)
				synctest.Wait()
				require.Equal(t, messages.CursorAfter(7), late.Cursor())
				e.hub.Close(nil)
				for _, r := range []*reader{live, read} {
					ids, err := r.ended()
					require.Equal(t, test.want, ids)
					require.Equal(t, messages.CursorAfter(7), cursorOf(t, err))
				}
			})
		})
	}
}

func TestSpec05_S83_AnotherTagIsLookedUp(t *testing.T) {
	e := newEngine(t, 0)
	s := e.subscribe(t, tail, tagged("team", "x"))
	both := e.subscribe(t, tail, in("tenant-a").WithInstanceTag("team", "x"))
	plain := e.subscribe(t, tail, everything)
	e.tags[execution(0, 2)] = "x"
	e.tags[execution(0, 3)] = "y"
	e.tags[execution(0, 5)] = "x"
	e.write(t, event{}, event{}, event{}, event{}, labelled("tenant-a", "i-1"))
	require.Zero(t, e.lookups.Load(), "publishing looks up nothing")

	require.Equal(t, sequence(1, 5), read(t, plain, 5))
	require.Equal(t, []messages.EventID{2, 5}, read(t, s, 2))
	require.Equal(t, []messages.EventID{5}, read(t, both, 1))
	require.EqualValues(t, 5+1, e.lookups.Load())
}

func TestFilter_Cursor(t *testing.T) {
	t.Run("moves past what a live subscription filters out", func(t *testing.T) {
		e := newEngine(t, 0)
		s := e.subscribe(t, tail, tagged(messages.InstanceTagKey, "i-1"))
		e.write(t, labelled("", "i-1"), labelled("", "i-2"))
		require.Equal(t, messages.CursorAfter(0), s.Cursor(), "event 1 was not delivered")
		require.Equal(t, sequence(1, 1), read(t, s, 1))
		e.writeEach(t, 1000)
		require.Equal(t, messages.CursorAfter(1002), s.Cursor())
		e.write(t, labelled("", "i-1"))
		require.Equal(t, messages.CursorAfter(1002), s.Cursor(), "it never falls")
		require.Equal(t, sequence(1003, 1003), read(t, s, 1))

		e.writeEach(t, 7)
		e.hub.Close(nil)
		ids, err := readAll(s)
		require.Empty(t, ids)
		require.Equal(t, messages.CursorAfter(1010), cursorOf(t, err))
	})

	t.Run("moves past what a lagging subscription filters out", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := newEngine(t, 5000)
			s := e.subscribe(t, messages.FromBeginning(), in("tenant-a"))
			r := reading(s)
			synctest.Wait()
			require.Equal(t, messages.CursorAfter(5000), s.Cursor())
			require.Zero(t, e.hub.Stats().Lagging)
			require.NoError(t, s.Close())
			ids, err := r.ended()
			require.Empty(t, ids)
			require.NoError(t, err)
		})
	})

	t.Run("moves on after events that were there before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			e := newEngine(t, 0)
			rows := e.insert(labelled("tenant-a", ""))
			s := e.subscribe(t, tail, in("tenant-a"))
			r := reading(s)
			e.publish(t, rows)
			e.writeEach(t, 3)
			synctest.Wait()
			require.Equal(t, messages.CursorAfter(4), s.Cursor())
			require.NoError(t, s.Close())
			ids, _ := r.ended()
			require.Empty(t, ids)
		})
	})

	t.Run("is before an event whose tag could not be looked up", func(t *testing.T) {
		e := newEngine(t, 0)
		s := e.subscribe(t, tail, tagged("team", "x"))
		e.writeEach(t, 3)
		cause := errors.New("disk I/O error")
		e.setFault(3, cause)
		ids, err := readAll(s)
		require.Empty(t, ids)
		require.ErrorIs(t, err, cause)
		require.Equal(t, messages.CursorAfter(0), cursorOf(t, err))
	})

	t.Run("is behind an event whose execution has unreadable tags", func(t *testing.T) {
		e := newEngine(t, 0)
		s := e.subscribe(t, tail, tagged("team", "x"))
		e.tags[execution(0, 2)] = "x"
		e.writeEach(t, 2)
		e.setFault(1, messages.CorruptionError("exec_core", "raw_fields: not JSON"))
		ids, err := readAll(s)
		require.Empty(t, ids)
		require.ErrorIs(t, err, messages.ErrCorruption)
		require.Equal(t, messages.CursorAfter(1), cursorOf(t, err))
		require.Equal(t, sequence(2, 2), read(t, e.subscribe(t, cursorOf(t, err), tagged("team", "x")), 1))
	})
}

func TestFilter_IsAppliedBeforeTheMailbox(t *testing.T) {
	e := newEngine(t, 0)
	s := e.subscribe(t, tail, in("tenant-a").WithInstanceTag(messages.InstanceTagKey, "i-1"))
	for range 300 {
		e.write(t, labelled("tenant-a", "i-2"), labelled("tenant-b", "i-1"), labelled("", ""))
	}
	require.Zero(t, e.hub.Stats().Lagging)
	e.write(t, labelled("tenant-a", "i-1"))
	require.Equal(t, sequence(901, 901), read(t, s, 1))
}
