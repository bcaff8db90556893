// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"fmt"
	"io"

	"github.com/pam-operator/pam-operator/internal/cli/printer"
)

// Progress is a line that tells how far something is. A terminal has it rewritten in place; a log gets a line whenever
// it changes.
type Progress struct {
	out    io.Writer
	screen printer.Screen
	last   string
}

// Progress begins such a line beside the result.
func (f *Frame) Progress() *Progress { return &Progress{out: f.ErrOut, screen: f.Aside} }

// Show puts a text into the line.
func (p *Progress) Show(format string, values ...any) {
	text := p.screen.Mark(printer.MarkUnderWay, printer.Clean(fmt.Sprintf(format, values...)))
	if text == p.last {
		return
	}
	p.last = text
	if p.screen.Terminal {
		fmt.Fprint(p.out, "\r\x1b[K"+p.screen.Shorten(text, p.screen.Width-1))
		return
	}
	fmt.Fprintln(p.out, text)
}

// Done removes the line from a terminal.
func (p *Progress) Done() {
	if p.screen.Terminal && p.last != "" {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
	p.last = ""
}
