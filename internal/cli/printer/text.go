// SPDX-License-Identifier: Apache-2.0

package printer

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/duration"
)

// Clean makes a text of somebody else safe for a terminal: one line, without control characters, which could move the
// cursor or rewrite what was printed before.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError || bidirectional(r):
			return -1
		}
		return r
	}, text)
}

// Visible is a name of somebody else's, in quotes if it would look like another one: with blanks at its ends, or with
// characters that are not seen.
func Visible(name string) string {
	unseen := func(r rune) bool { return !strconv.IsPrint(r) }
	if name == "" || name[0] == '"' || strings.TrimSpace(name) != name || strings.ContainsFunc(name, unseen) {
		return strconv.Quote(name)
	}
	return name
}

// bidirectional says whether a character changes the direction of the text, with which a line can be made to read
// differently from what it says.
func bidirectional(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f
}

// Shorten shortens a text to a width, if the screen cuts.
func (s Screen) Shorten(text string, width int) string {
	if !s.Cut || utf8.RuneCountInString(text) <= width {
		return text
	}
	ellipsis := s.glyphs().ellipsis
	keep := max(0, width-utf8.RuneCountInString(ellipsis))
	return strings.TrimRight(string([]rune(text)[:keep]), " ") + ellipsis
}

// WrapText wraps each paragraph of a text, if the screen cuts. What is indented is a list, whose items go on below
// their last column.
func (s Screen) WrapText(text string) string {
	if !s.Cut {
		return text
	}
	paragraphs := strings.Split(strings.TrimRight(text, "\n"), "\n\n")
	for i, paragraph := range paragraphs {
		lines := s.Wrap(paragraph)
		if strings.HasPrefix(paragraph, "  ") {
			lines = s.wrapList(paragraph)
		}
		paragraphs[i] = strings.Join(lines, "\n")
	}
	return strings.Join(paragraphs, "\n\n")
}

// item is a line of a list: what it is about, and what is said of it, with two columns between them.
var item = regexp.MustCompile(`^( +\S+(?: \S+)* {2,})(.*)$`)

func (s Screen) wrapList(list string) []string {
	var heads, texts []string
	for line := range strings.Lines(list) {
		parts := item.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		switch {
		case parts != nil:
			heads, texts = append(heads, parts[1]), append(texts, parts[2])
		case len(texts) > 0: // the rest of the item before
			texts[len(texts)-1] += " " + strings.TrimSpace(line)
		default:
			heads, texts = append(heads, "  "), append(texts, strings.TrimSpace(line))
		}
	}
	var lines []string
	for i, head := range heads {
		for _, text := range s.WrapTo(texts[i], s.Width-len(head)) {
			lines = append(lines, head+text)
			head = strings.Repeat(" ", len(head))
		}
	}
	return lines
}

// Wrap divides a text into lines, between words, if the screen cuts.
func (s Screen) Wrap(text string) []string { return s.WrapTo(text, s.Width) }

// WrapTo is Wrap for lines of another width. There are none of an empty text.
func (s Screen) WrapTo(text string, width int) []string {
	if text == "" {
		return nil
	}
	if !s.Cut {
		return []string{text}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// Age is how long ago something was, such as 4d; empty if it never was.
func Age(now, then time.Time) string {
	if then.IsZero() {
		return ""
	}
	return duration.HumanDuration(max(0, now.Sub(then)))
}

// Plural is a number and what there is of it, such as "1 object" or "2 objects".
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Thousands(n) + " " + many
}

// PluralKind is a number of objects of a kind, such as "2 RDPConnectionPolicies".
func PluralKind(n int, kind string) string {
	if before, ends := strings.CutSuffix(kind, "y"); ends {
		return Plural(n, kind, before+"ies")
	}
	return Plural(n, kind, kind+"s")
}

// Thousands writes a number with commas, such as 9,988.
func Thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	rest := strconv.Itoa(n % 1000)
	return Thousands(n/1000) + "," + strings.Repeat("0", 3-len(rest)) + rest
}
