package subscribers

import (
	"context"

	"github.com/flowfabric/ffsqlite/messages"
)

// filter is a scanner filter, cut by who can decide it: the hub from the columns of a row, or the loop by a look-up.
// Its zero value passes everything.
type filter struct {
	columns messages.ScannerFilter
	tag     *messages.TagMatch // a tag that has no column; nil when there is none
}

// newFilter cuts a scanner filter.
func newFilter(given messages.ScannerFilter) filter {
	if given.InstanceTag == nil || given.InstanceTag.Key == messages.InstanceTagKey {
		return filter{columns: given}
	}
	tag := *given.InstanceTag
	given.InstanceTag = nil
	return filter{columns: given, tag: &tag}
}

// passes tells whether an event matches as far as its columns tell.
func (f *filter) passes(header Header) bool {
	return f.columns.IsNoop() || f.columns.Matches(header.Namespace, header.InstanceTag)
}

// matches tells whether an event matches altogether. For a tag without a column it asks rows, in its turn.
func (f *filter) matches(ctx context.Context, header Header, rows Rows, reads turns) (bool, error) {
	if !f.passes(header) || f.tag == nil {
		return f.passes(header), nil
	}

	var value *string
	err := reads.read(ctx, func() (err error) {
		value, err = rows.ExecutionTag(ctx, header.ExecutionID, f.tag.Key)
		return err
	})
	return err == nil && value != nil && *value == f.tag.Value, err
}
