// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// ellipsis replaces the rest of a text that was cut.
const ellipsis = "…"

// Shorten prepares a foreign text for display and storage: one line of valid, printable UTF-8 of at most maxBytes.
func Shorten(text string, maxBytes int) string {
	const slackForBlanks = 4 // text far beyond the limit is not examined
	if len(text) > slackForBlanks*maxBytes+utf8.UTFMax {
		text = text[:slackForBlanks*maxBytes+utf8.UTFMax]
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= maxBytes {
		return text
	}
	cut := max(0, maxBytes-len(ellipsis))
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + ellipsis
}

// IsIdentifier reports whether a foreign text can be stored as an ID: not empty, at most maxBytes long, and printable.
// An ID must not be shortened: it would be another one.
func IsIdentifier(text string, maxBytes int) bool {
	if text == "" || len(text) > maxBytes || !utf8.ValidString(text) {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) })
}
