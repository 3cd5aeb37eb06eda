package writer

import (
	"maps"
	"slices"
)

// Prepared returns the text of every statement that the writer has used.
func (w *Writer) Prepared() []string { return slices.Sorted(maps.Keys(w.statements)) }
