// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"strings"
	"unicode/utf8"
)

// cell is a text with the style in which it is shown; colors take no width.
type cell struct {
	text string
	mark style
}

// table renders rows in columns as wide as their widest cell, as kubectl does.
func table(s *screen, rows [][]cell) []string {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		var line strings.Builder
		for i, c := range row {
			line.WriteString(s.paint(c.mark, c.text))
			line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+3))
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
	}
	return lines
}

// objectRows are the rows of the table of all objects.
func objectRows(objects []observation) [][]cell {
	rows := make([][]cell, 0, 1+len(objects))
	rows = append(rows, []cell{
		{"KIND", bold}, {"NAME", bold}, {"NAMESPACE", bold}, {"READY", bold}, {"REASON", bold},
		{"KEY, PHASE OR VERSION", bold},
	})
	for _, o := range objects {
		ready, mark := "False", bad
		if o.ready {
			ready, mark = "True", good
		}
		rows = append(rows, []cell{
			{o.kind, plain}, {o.name, plain}, {o.namespace, plain}, {ready, mark}, {o.reason, mark}, {o.detail, plain},
		})
	}
	return rows
}
