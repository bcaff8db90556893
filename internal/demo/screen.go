// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// style is how a piece of text is marked where colors are allowed: an SGR parameter of ECMA-48.
type style string

const (
	plain style = ""
	bold  style = "1"
	good  style = "32" // green
	bad   style = "33" // yellow: not ready is rarely an error here
)

// screen writes lines, each once and from the left: no cursor is moved, so a log file reads like the terminal.
type screen struct {
	out   io.Writer
	color bool
	now   func() time.Time
	began time.Time
}

func newScreen(out io.Writer, color bool, now func() time.Time) *screen {
	return &screen{out: out, color: color, now: now, began: now()}
}

// Colorful reports whether output to a file may be colored: it is a terminal that supports colors, and NO_COLOR
// (no-color.org) is not set.
func Colorful(file *os.File) bool {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// step begins something new, with the time since the start.
func (s *screen) step(title string) { s.timed(bold, title) }

// timed writes a line with the time since the start.
func (s *screen) timed(mark style, text string) {
	s.line(fmt.Sprintf("[%6.1fs] %s", s.now().Sub(s.began).Seconds(), s.paint(mark, text)))
}

// detail adds a line below the last step.
func (s *screen) detail(format string, values ...any) {
	s.line(strings.Repeat(" ", len("[  12.3s] ")) + fmt.Sprintf(format, values...))
}

func (s *screen) line(text string) { _, _ = fmt.Fprintln(s.out, text) }

func (s *screen) paint(mark style, text string) string {
	if !s.color || mark == plain {
		return text
	}
	return "\x1b[" + string(mark) + "m" + text + "\x1b[0m"
}

// Write lets the parts that report by an io.Writer add details, a line at a time.
func (s *screen) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		s.detail("%s", strings.TrimSuffix(line, "\n"))
	}
	return len(text), nil
}
