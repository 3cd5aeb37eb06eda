package main

import (
	"strings"
	"unicode/utf8"
)

// table is rows of cells, the first row being the head. It is written as Markdown, aligned for the eye.
type table [][]string

func (t table) write(text *strings.Builder) {
	widths := make([]int, len(t[0]))
	for _, row := range t {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	rule := make([]string, len(widths))
	for i, width := range widths {
		rule[i] = strings.Repeat("-", max(width, 3))
	}
	writeRow(text, t[0], widths)
	writeRow(text, rule, widths)
	for _, row := range t[1:] {
		writeRow(text, row, widths)
	}
}

func writeRow(text *strings.Builder, row []string, widths []int) {
	for i, cell := range row {
		text.WriteString("| " + cell + strings.Repeat(" ", max(widths[i]-utf8.RuneCountInString(cell), 0)) + " ")
	}
	text.WriteString("|\n")
}
