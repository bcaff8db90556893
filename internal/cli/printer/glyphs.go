// SPDX-License-Identifier: Apache-2.0

package printer

// Mark is a symbol in front of a word. It never stands alone.
type Mark int

// The marks.
const (
	// MarkNone is no symbol.
	MarkNone Mark = iota
	// MarkReady is for what is as it should be.
	MarkReady
	// MarkUnderWay is for what goes on by itself.
	MarkUnderWay
	// MarkSuspended is for what was stopped on purpose.
	MarkSuspended
	// MarkFailed is for what needs somebody.
	MarkFailed
	// MarkUnknown is for what cannot be found out.
	MarkUnknown
)

// glyphs are the characters of an alphabet.
type glyphs struct {
	marks                                   [6]string
	branch, last, bar, blank, ellipsis, dot string
}

var (
	unicode = glyphs{
		marks:  [6]string{"", "✔", "◌", "‖", "✖", "!"},
		branch: "├─ ", last: "└─ ", bar: "│  ", blank: "   ", ellipsis: "…", dot: "·",
	}
	ascii = glyphs{
		marks:  [6]string{"", "+", ".", "=", "x", "!"},
		branch: "|- ", last: "`- ", bar: "|  ", blank: "   ", ellipsis: "...", dot: "-",
	}
)

// colors are SGR parameters of ECMA-48, by mark.
var colors = [6]string{"", "32", "36", "33", "31", "33"}

func (s Screen) glyphs() glyphs {
	if s.UTF8 {
		return unicode
	}
	return ascii
}

// Mark is a symbol and a word.
func (s Screen) Mark(m Mark, word string) string {
	if m == MarkNone {
		return word
	}
	return s.glyphs().marks[m] + " " + word
}

// Paint colours a text by its mark.
func (s Screen) Paint(m Mark, text string) string {
	if !s.Color || colors[m] == "" {
		return text
	}
	return "\x1b[" + colors[m] + "m" + text + "\x1b[0m"
}

// Join puts a dot between the texts that are not empty.
func (s Screen) Join(texts ...string) string {
	joined := ""
	for _, text := range texts {
		switch {
		case text == "":
		case joined == "":
			joined = text
		default:
			joined += " " + s.glyphs().dot + " " + text
		}
	}
	return joined
}
