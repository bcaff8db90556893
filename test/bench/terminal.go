// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"
)

// writeTable writes rows in aligned columns.
func writeTable(out io.Writer, rows []row) {
	lines := append(make([][]string, 0, 1+len(rows)), columns)
	for _, r := range rows {
		lines = append(lines, r.cells())
	}
	widths := make([]int, len(columns))
	for _, cells := range lines {
		for i, cell := range cells {
			widths[i] = max(widths[i], width(cell))
		}
	}
	for _, cells := range lines {
		padded := make([]string, 0, len(cells))
		for i, cell := range cells {
			padded = append(padded, pad(cell, widths[i]))
		}
		fmt.Fprintln(out, strings.TrimRight(strings.Join(padded, "  "), " "))
	}
}
