package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// floorFrameSchema holds the frames of streams: the table and the key of ffsqlite, without what it counts beside them.
const floorFrameSchema = `
CREATE TABLE f (
  frame_id      INTEGER PRIMARY KEY AUTOINCREMENT,
  partition_key INTEGER NOT NULL,
  id            BLOB    NOT NULL,
  idx           INTEGER NOT NULL,
  ts            INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  fields        TEXT    NOT NULL,
  mode          TEXT    NOT NULL,
  created       INTEGER NOT NULL
);

CREATE UNIQUE INDEX f_i ON f (partition_key, id, idx, ts, seq);
`

const insertFrameSQL = "INSERT INTO f (partition_key, id, idx, ts, seq, fields, mode, created)" +
	" VALUES (0, ?, 0, ?, ?, ?, 'durable', ?)"

// frameFields is what ffsqlite stores of each frame of the bench, up to the time.
var frameFields = `{"encoding":"utf8","frame_type":"stdout","mode":"durable","payload":"` +
	strings.Repeat("x", framePayload) + `","source":"worker","ts":"`

// floorStream is what its only writer knows of a stream.
type floorStream struct {
	id   uuid.UUID
	next int64
}

func newFloorStreams(n int) []*floorStream {
	streams := make([]*floorStream, n)
	for i := range streams {
		streams[i] = &floorStream{id: uuid.New()}
	}
	return streams
}

// appendFrame has the owner insert one frame.
func (f *floor) appendFrame(s *floorStream) error {
	_, _, err := f.do(floorAppend, s.id, s.next)
	s.next++
	return err
}

func (d *floorDB) appendFrame(id uuid.UUID, seq int64) error {
	now := time.Now().UnixMilli()
	d.fields = append(append(d.fields[:0], frameFields...), strconv.FormatInt(now, 10)...)
	d.fields = append(d.fields, `"}`...)
	d.insertFrame.BindBlob(1, id[:])
	d.insertFrame.BindInt64(2, now)
	d.insertFrame.BindInt64(3, seq)
	d.insertFrame.BindRawText(4, d.fields)
	d.insertFrame.BindInt64(5, now)
	return step(d.insertFrame)
}
