// SPDX-License-Identifier: Apache-2.0

package printer

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Cell is one place in a table.
type Cell struct {
	Text string
	// Mark puts a symbol before the text, and colours it.
	Mark Mark
}

// Row is a line of a table. Its texts may be anybody's.
type Row struct {
	Cells []Cell
	// Below are further lines of the last column. All of the table begin further to the left if one does not fit there.
	Below []string
	// Spill moves a last cell that would be cut to a line below.
	Spill bool
	// Margin is drawn before the first cell of the lines below: the tree goes on there.
	Margin string
}

// Table is columns of text. The last column takes what is left of a line, and is cut if it must.
type Table struct {
	Header []string
	Rows   []Row
}

// gap is between two columns.
const gap = 2

// Texts are cells without marks.
func Texts(texts ...string) []Cell {
	cells := make([]Cell, 0, len(texts))
	for _, text := range texts {
		cells = append(cells, Cell{Text: text})
	}
	return cells
}

// Table writes a table. The first column is shortened, too, if it would take more than half of a line.
func (s Screen) Table(out io.Writer, t Table) {
	var rows []Row
	if len(t.Header) > 0 {
		rows = append(rows, Row{Cells: Texts(t.Header...)})
	}
	rows = append(rows, t.Rows...)
	widths := s.widths(rows)
	for i := range rows {
		rows[i] = s.spill(rows[i], widths)
	}
	indent := s.indent(rows, widths)
	for _, row := range rows {
		fmt.Fprintln(out, strings.TrimRight(s.line(row, widths), " "))
		for _, text := range row.Below {
			below := pad(row.Margin, indent) + s.Shorten(Clean(text), s.Width-indent)
			fmt.Fprintln(out, strings.TrimRight(below, " "))
		}
	}
}

// before is how many columns are before the last cell of a row.
func before(row Row, widths []int) int {
	columns := 0
	for _, width := range widths[:max(0, len(row.Cells)-1)] {
		columns += width + gap
	}
	return columns
}

// leastIndent is that of lines below that are long.
const leastIndent = 6

// indent is where the lines below begin: at the last column, unless one of them would be cut there.
func (s Screen) indent(rows []Row, widths []int) int {
	wanted := 0
	for _, row := range rows {
		wanted = max(wanted, before(row, widths))
	}
	for _, row := range rows {
		for _, text := range row.Below {
			if s.Cut && wanted+utf8.RuneCountInString(Clean(text)) > s.Width {
				return min(wanted, leastIndent)
			}
		}
	}
	return wanted
}

// spill moves the last cell of a row below if it does not fit.
func (s Screen) spill(row Row, widths []int) Row {
	last := len(row.Cells) - 1
	if !row.Spill || !s.Cut || last < 1 {
		return row
	}
	text := s.text(row.Cells[last])
	if before(row, widths)+utf8.RuneCountInString(text) <= s.Width {
		return row
	}
	row.Cells = append(slices.Clone(row.Cells[:last]), Cell{})
	row.Below = append([]string{text}, row.Below...)
	return row
}

func (s Screen) text(c Cell) string { return s.Mark(c.Mark, Clean(c.Text)) }

const (
	// leastColumn is how narrow a column becomes before the last one is cut.
	leastColumn = 8
	// leastLast is how much of the last column is kept at the cost of the others.
	leastLast = 12
	// mostColumn is how wide one long text makes a column where nothing is cut.
	mostColumn = 60
)

// widths are those of all columns, of which the last may be cut. The widest of the others give way to it.
func (s Screen) widths(rows []Row) []int {
	var widths []int
	for _, row := range rows {
		for i, cell := range row.Cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(s.text(cell)))
		}
	}
	last := len(widths) - 1
	if last < 1 {
		return widths
	}
	if !s.Cut { // what is longer is written in full, and moves the rest of its own line only
		for i := range widths[:last] {
			widths[i] = min(widths[i], mostColumn)
		}
		return widths
	}
	widths[0] = min(widths[0], s.Width/2)
	over := gap*last + min(widths[last], leastLast) - s.Width
	for _, width := range widths[:last] {
		over += width
	}
	for ; over > 0; over-- {
		widest := slices.Index(widths, slices.Max(widths[:last]))
		if widths[widest] <= leastColumn {
			break
		}
		widths[widest]--
	}
	return widths
}

func (s Screen) line(row Row, widths []int) string {
	line, used := "", 0
	for i, cell := range row.Cells {
		text := s.text(cell)
		if i == len(row.Cells)-1 {
			return line + s.Paint(cell.Mark, s.Shorten(text, s.Width-used))
		}
		text = s.Shorten(text, widths[i])
		line += s.Paint(cell.Mark, text) + strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(text))+gap)
		used += widths[i] + gap
	}
	return line
}
