// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"slices"
	"sort"
	"strings"
)

// matcher finds many texts in another one, at about the cost of one binary search per position.
type matcher struct {
	// texts are sorted, so that the prefixes of a text directly precede its position.
	texts []string
	// shorter is, for each text, the index of the longest other one that is its prefix, -1 if there is none.
	shorter []int
	first   [256]bool
}

func newMatcher(texts []string) *matcher {
	slices.Sort(texts)
	m := &matcher{texts: slices.Compact(texts)}
	m.shorter = make([]int, len(m.texts))
	for i, t := range m.texts {
		m.first[t[0]] = true
		m.shorter[i] = i - 1
		for m.shorter[i] >= 0 && !strings.HasPrefix(t, m.texts[m.shorter[i]]) {
			m.shorter[i] = m.shorter[m.shorter[i]]
		}
	}
	return m
}

// longest returns the length of the longest of the texts that is a prefix of text; 0 if none is.
func (m *matcher) longest(text string) int {
	at := sort.Search(len(m.texts), func(i int) bool { return m.texts[i] > text }) - 1
	for at >= 0 && !strings.HasPrefix(text, m.texts[at]) {
		at = m.shorter[at]
	}
	if at < 0 {
		return 0
	}
	return len(m.texts[at])
}

// redact replaces every text that it finds by Redacted. Overlapping matches are replaced together.
func (m *matcher) redact(text string) string {
	if len(m.texts) == 0 {
		return text
	}
	var b strings.Builder
	kept, begin, end := 0, 0, 0 // how far the text was written, and the part to cut
	flush := func() {
		if end > begin {
			b.WriteString(text[kept:begin])
			b.WriteString(Redacted)
			kept = end
		}
	}
	for i := 0; i < len(text); i++ {
		if !m.first[text[i]] {
			continue
		}
		n := m.longest(text[i:])
		if n == 0 {
			continue
		}
		if i >= end {
			flush()
			begin = i
		}
		end = max(end, i+n)
	}
	flush()
	if kept == 0 {
		return text
	}
	return b.String() + text[kept:]
}
