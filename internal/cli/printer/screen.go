// SPDX-License-Identifier: Apache-2.0

// Package printer writes what the plugin has to say: trees, tables and documents, as wide and as colourful as the
// stream allows.
package printer

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// DefaultWidth is assumed, in columns, where neither a terminal nor COLUMNS says how wide a line may be.
const DefaultWidth = 100

// minWidth keeps a very narrow terminal from losing everything but ellipses.
const minWidth = 40

// Screen is what a stream can show.
type Screen struct {
	// Terminal is set if somebody watches: lines may be cut and rewritten.
	Terminal bool
	// Width is in columns.
	Width int
	// Cut is set if lines end at Width: on a terminal, and wherever COLUMNS asks for it.
	Cut bool
	// Color allows colours. They never mean anything that a symbol and a word do not say.
	Color bool
	// UTF8 allows symbols outside ASCII.
	UTF8 bool
}

// ColorMode is the value of --color.
type ColorMode string

// The values of --color.
const (
	ColorAuto   ColorMode = "auto"
	ColorAlways ColorMode = "always"
	ColorNever  ColorMode = "never"
)

// Set takes the value of the flag.
func (m *ColorMode) Set(text string) error {
	switch mode := ColorMode(text); mode {
	case ColorAuto, ColorAlways, ColorNever:
		*m = mode
		return nil
	}
	return fmt.Errorf("must be auto, always or never")
}

// String returns the value of the flag.
func (m *ColorMode) String() string { return string(*m) }

// Type is shown in the help.
func (*ColorMode) Type() string { return "auto|always|never" }

// Detect finds out what a stream can show. NO_COLOR (no-color.org) turns colours off unless the mode is always.
func Detect(out io.Writer, mode ColorMode, getenv func(string) string) Screen {
	s := Screen{Width: DefaultWidth, UTF8: speaksUTF8(getenv)}
	if file, is := out.(*os.File); is && term.IsTerminal(int(file.Fd())) {
		s.Terminal, s.Cut = true, true
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			s.Width = width
		}
	}
	if width, err := strconv.Atoi(getenv("COLUMNS")); err == nil && width > 0 {
		s.Width, s.Cut = width, true
	}
	s.Width = max(s.Width, minWidth)
	s.Color = mode == ColorAlways ||
		mode != ColorNever && s.Terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	return s
}

// speaksUTF8 follows POSIX: the first of these variables that is set names the locale.
func speaksUTF8(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(getenv(name)); locale != "" {
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return false
}
