// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"slices"
	"strings"
)

// term is one field:value of a search; several are joined by AND. A field is the path of a member of the session's
// body.
type term struct{ field, value string }

func (t term) matches(body fields) bool {
	if t.value == "*" {
		return textOf(body, t.field) != ""
	}
	return slices.Contains(textsOf(body, t.field), t.value)
}

// parseQuery parses the part of the search language that docs/vendors/sps.md 8 describes: field:value AND field:value.
// A value with special characters is in double quotes, or has a backslash before each of them.
func parseQuery(q string) ([]term, error) {
	words, err := splitWords(q)
	if err != nil {
		return nil, err
	}
	var terms []term
	for i, word := range words {
		if i%2 == 1 {
			if word != (term{value: "AND"}) {
				return nil, invalidQuery("q: terms must be joined by AND")
			}
			continue
		}
		if word.field == "" {
			return nil, invalidQuery("q: %q is not field:value", word.value)
		}
		terms = append(terms, word)
	}
	if len(words) > 0 && len(words)%2 == 0 {
		return nil, invalidQuery("q: the last AND joins nothing")
	}
	return terms, nil
}

// splitWords splits a query at spaces and each word at its first bare colon; a word without one has no field.
func splitWords(q string) ([]term, error) {
	var words []term
	var now term
	var text strings.Builder
	quoted, escaped, started := false, false, false
	end := func() {
		if started {
			now.value = text.String()
			words = append(words, now)
		}
		now, started = term{}, false
		text.Reset()
	}
	for _, r := range q {
		switch {
		case escaped:
			text.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped, started = true, true
		case r == '"':
			quoted, started = !quoted, true
		case quoted:
			text.WriteRune(r)
		case r == ' ':
			end()
		case r == ':' && now.field == "":
			now.field = text.String()
			text.Reset()
		case strings.ContainsRune("()[]{}^~/:", r):
			return nil, invalidQuery("q: the character %q must be quoted", r)
		default:
			text.WriteRune(r)
			started = true
		}
	}
	if quoted || escaped {
		return nil, invalidQuery("q: a quotation does not end")
	}
	end()
	return words, nil
}
