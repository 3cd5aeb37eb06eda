package fftest

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// sectorSize is what a disk writes whole or not at all.
const sectorSize = 512

// Loss is what becomes of the changes that were not synced when the power goes.
type Loss int

// The losses.
const (
	Dropped   Loss = iota // none of them has reached the disk
	Kept                  // all have, as after the kill of a process
	Torn                  // those before some moment have, and of one write only the first sectors
	Reordered             // any of them have, of each write any sectors
)

const losses = int(Reordered) + 1

// String names the loss.
func (l Loss) String() string { return [losses]string{"dropped", "kept", "torn", "reordered"}[l] }

// AnyLoss draws one.
func AnyLoss(random *rand.Rand) Loss { return Loss(random.IntN(losses)) }

// disk is the state of a disk: what is surely on it, and what may be.
type disk struct {
	files   map[fileID][]byte
	pending map[fileID][]step
	names   map[string]fileID
	renames []step // of the directory
}

// Image is the files that a disk may hold when the power goes before the step, by their names. The random numbers
// decide about the changes that were not synced. The shared memory of the log, which no disk has, is left out.
func (v *RecordingVFS) Image(before int, loss Loss, random *rand.Rand) map[string][]byte {
	d := disk{files: map[fileID][]byte{}, pending: map[fileID][]step{}, names: map[string]fileID{}}
	for _, s := range v.before(before) {
		d.take(s)
	}
	d.lose(loss, random)

	image := make(map[string][]byte, len(d.names))
	for name, file := range d.names {
		image[name] = d.files[file]
	}
	return image
}

// WriteImage writes the files of an image to a directory.
func WriteImage(t testing.TB, image map[string][]byte, directory string) {
	t.Helper()
	for name, content := range image {
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), content, 0o600))
	}
}

// take lets one step happen.
func (d *disk) take(s step) {
	switch s.kind {
	case stepWrite, stepTruncate:
		d.pending[s.file] = append(d.pending[s.file], s)
	case stepSync:
		d.apply(s.file, d.pending[s.file]...)
		delete(d.pending, s.file)
	case stepLink, stepUnlink:
		d.renames = append(d.renames, s)
	case stepSyncDir:
		d.rename(d.renames...)
		d.renames = nil
	case stepMark:
	}
}

func (d *disk) apply(file fileID, steps ...step) {
	content := d.files[file]
	for _, s := range steps {
		end := s.offset + int64(len(s.data))
		if grow := end - int64(len(content)); grow > 0 {
			content = append(content, make([]byte, grow)...)
		}
		if s.kind == stepTruncate {
			content = content[:s.offset]
		}
		copy(content[s.offset:], s.data)
	}
	d.files[file] = content
}

func (d *disk) rename(steps ...step) {
	for _, s := range steps {
		if s.kind == stepLink {
			d.names[s.name] = s.file
		} else {
			delete(d.names, s.name)
		}
	}
}

// lose decides what becomes of each change that may or may not be on the disk. Directories keep their order, as
// journaling file systems do.
func (d *disk) lose(loss Loss, random *rand.Rand) {
	for _, file := range slices.Sorted(maps.Keys(d.pending)) {
		d.apply(file, survivors(d.pending[file], loss, random)...)
	}
	switch loss {
	case Dropped:
	case Kept:
		d.rename(d.renames...)
	case Torn, Reordered:
		d.rename(d.renames[:random.IntN(len(d.renames)+1)]...)
	}
}

// survivors are the changes of one file that have reached the disk.
func survivors(pending []step, loss Loss, random *rand.Rand) (kept []step) {
	switch loss {
	case Dropped:
	case Kept:
		return pending
	case Torn:
		last := random.IntN(len(pending))
		return append(slices.Clone(pending[:last]), torn(pending[last], random))
	case Reordered:
		for _, s := range pending {
			kept = append(kept, scattered(s, random)...)
		}
	}
	return kept
}

// torn is the beginning of a write, up to the end of a sector.
func torn(s step, random *rand.Rand) step {
	if n := len(sectors(s)); n > 0 {
		whole := sectors(s)[:random.IntN(n+1)]
		length := 0
		for _, sector := range whole {
			length += len(sector.data)
		}
		s.data = s.data[:length]
	}
	return s
}

// scattered is a change that is there whole, in some sectors, or not at all.
func scattered(s step, random *rand.Rand) (kept []step) {
	switch random.IntN(3) {
	case 0:
		return nil
	case 1:
		return []step{s}
	}
	for _, sector := range sectors(s) {
		if random.IntN(2) == 0 {
			kept = append(kept, sector)
		}
	}
	return kept
}

// sectors cuts a write at the boundaries of the sectors; a truncation has none.
func sectors(s step) (cut []step) {
	for data, offset := s.data, s.offset; len(data) > 0; {
		n := min(int64(len(data)), sectorSize-offset%sectorSize)
		cut = append(cut, step{kind: s.kind, file: s.file, offset: offset, data: data[:n]})
		data, offset = data[n:], offset+n
	}
	return cut
}
